//! The transcripts that come with the simulators.

/// A transcript that a session can be played from.
#[derive(Clone, Copy, Debug)]
pub struct Transcript {
    pub name: &'static str,
    /// Length of the session.
    pub minutes: u32,
    pub about: &'static str,
    /// JSON Lines in one of Stream's two forms, with `interviewee` and `interviewer` as speakers.
    pub file: &'static str,
}

macro_rules! transcripts {
    ($($name:literal, $minutes:literal, $about:literal;)*) => {
        const ALL: &[Transcript] = &[$(Transcript {
            name: $name,
            minutes: $minutes,
            about: $about,
            file: include_str!(concat!("../transcripts/", $name, ".jsonl")),
        }),*];
    };
}

transcripts! {
    "strong-system-design-45min", 45, "a candidate who asks, estimates and weighs; line times in milliseconds";
    "middling-backend-30min", 30, "sound but vague answers; line times as instants";
    "weak-javascript-20min", 20, "short, unsure answers, and an attempt to instruct the grader; milliseconds";
    "silence-10min", 10, "nobody speaks";
    "one-sided-interviewer-30min", 30, "the interviewer lectures, the candidate hardly speaks; instants";
    "spanish-25min", 25, "an interview in Spanish; milliseconds";
    "garbage-15min", 15, "broken lines among a few good ones";
    "short-5min", 5, "a call that broke off early; instants";
    "long-60min-dsa", 60, "a full hour on algorithms; milliseconds";
}

/// Every bundled transcript.
pub fn transcripts() -> &'static [Transcript] {
    ALL
}

/// The bundled transcript of this name.
pub fn transcript(name: &str) -> Option<Transcript> {
    ALL.iter().copied().find(|transcript| transcript.name == name)
}
