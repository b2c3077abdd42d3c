//! Short feedback from what can be measured: headlines, details and the lines that show them.

use super::prompt::{
    ALTERNATIVES, CHECKS, DOUBTS, FILLERS, Measures, REASONS, Speaker, Utterance, count_words, has_number, mentions,
};

/// Fewest words of a quote.
const QUOTE_WORDS: usize = 4;
/// Longest quote, in words.
const LONGEST_QUOTE: usize = 24;

/// A verbatim piece of one utterance.
#[derive(Clone, Debug)]
pub struct Quote {
    pub speaker: Speaker,
    pub text: String,
    pub number: i64,
    pub start_ms: i64,
}

/// One thing worth saying, with its evidence.
#[derive(Clone, Debug)]
pub struct Observation {
    pub headline: String,
    pub detail: String,
    pub quotes: Vec<Quote>,
}

/// Picks lines so that two observations do not rest on the same one while others are left.
struct Picker<'a> {
    utterances: &'a [Utterance],
    used: Vec<usize>,
}

impl<'a> Picker<'a> {
    /// Up to `count` quotes from lines of the interviewee that fit, the longest first.
    fn pick(&mut self, count: usize, fits: impl Fn(&str) -> bool, focus: &[&str]) -> Vec<Quote> {
        let mut candidates: Vec<(usize, &'a Utterance)> = self
            .utterances
            .iter()
            .enumerate()
            .filter(|(_, line)| line.speaker == Speaker::Interviewee && count_words(&line.text) >= QUOTE_WORDS)
            .filter(|(_, line)| fits(&line.text))
            .collect();
        candidates.sort_by_key(|(index, line)| {
            (self.used.contains(index), usize::MAX - count_words(&line.text).min(LONGEST_QUOTE), *index)
        });
        candidates.truncate(count);
        self.used.extend(candidates.iter().map(|(index, _)| *index));
        candidates.into_iter().filter_map(|(_, line)| quote(line, focus)).collect()
    }
}

/// The sentence of a line that mentions `focus`, or its first long enough one; verbatim.
fn quote(line: &Utterance, focus: &[&str]) -> Option<Quote> {
    let sentences = sentences(&line.text);
    let long_enough = |sentence: &&&str| count_words(sentence) >= QUOTE_WORDS;
    let focused = sentences.iter().filter(long_enough).find(|sentence| mentions(sentence, focus));
    let text = focused.or_else(|| sentences.iter().find(long_enough)).copied().unwrap_or(line.text.trim());
    let text = first_words(text, LONGEST_QUOTE);
    (count_words(text) >= QUOTE_WORDS).then(|| Quote {
        speaker: line.speaker,
        text: text.to_owned(),
        number: line.number,
        start_ms: line.start_ms.unwrap_or(0),
    })
}

fn sentences(text: &str) -> Vec<&str> {
    text.split_inclusive(['.', '?', '!']).map(str::trim).filter(|sentence| !sentence.is_empty()).collect()
}

fn first_words(text: &str, most: usize) -> &str {
    let mut words = 0;
    let mut in_word = false;
    for (at, letter) in text.char_indices() {
        if letter.is_whitespace() {
            if in_word && words == most {
                return &text[..at];
            }
            in_word = false;
        } else if !in_word {
            in_word = true;
            words += 1;
        }
    }
    text
}

/// What went well, the most telling first.
pub fn strengths(utterances: &[Utterance], measures: &Measures) -> Vec<Observation> {
    let mut picker = Picker { utterances, used: Vec::new() };
    let answers = measures.answers.len();
    let mut found = Vec::new();
    let mut add = |headline: &str, detail: String, quotes: Vec<Quote>| {
        if !quotes.is_empty() {
            found.push(Observation { headline: headline.into(), detail, quotes });
        }
    };
    if measures.alternatives > 0 {
        let quotes = picker.pick(2, |text| mentions(text, ALTERNATIVES), ALTERNATIVES);
        let detail = format!(
            "You compared alternatives in {} instead of presenting the first idea as the only one.",
            counted(measures.alternatives, "line")
        );
        add("Weighs alternatives", detail, quotes);
    }
    if measures.reasons > 0 {
        let quotes = picker.pick(2, |text| mentions(text, REASONS), REASONS);
        let detail = format!(
            "You gave reasons in {} across {}, so a listener can follow each choice.",
            counted(measures.reasons, "line"),
            counted(answers, "answer")
        );
        add("Explains the why", detail, quotes);
    }
    if measures.questions > 0 {
        let quotes = picker.pick(2, |text| text.trim_end().ends_with('?'), &[]);
        let detail =
            format!("You asked {} back before committing to an approach.", counted(measures.questions, "question"));
        add("Clarifies before solving", detail, quotes);
    }
    if measures.numbers > 0 {
        let quotes = picker.pick(2, has_number, &[]);
        let detail = format!("You backed claims with figures in {}.", counted(measures.numbers, "line"));
        add("Uses concrete numbers", detail, quotes);
    }
    if measures.checks > 0 {
        let quotes = picker.pick(2, |text| mentions(text, CHECKS), CHECKS);
        let detail =
            format!("You tried ideas on examples or named how to check them in {}.", counted(measures.checks, "line"));
        add("Checks own work", detail, quotes);
    }
    if let Some(longest) = measures.answers.iter().max_by_key(|answer| answer.words) {
        let lines = longest.utterances.clone();
        let texts: Vec<&str> = lines.iter().map(|index| utterances[*index].text.as_str()).collect();
        let quotes = picker.pick(1, |text| texts.contains(&text), &[]);
        let detail = format!(
            "Your fullest answer runs to {} words after \"{}\".",
            longest.words,
            first_words(&longest.asked, 12)
        );
        add("Stays with a question", detail, quotes);
    }
    found
}

/// What to work on, the most pressing first.
pub fn improvements(utterances: &[Utterance], measures: &Measures) -> Vec<Observation> {
    let mut picker = Picker { utterances, used: Vec::new() };
    let answers = measures.answers.len();
    let mut found = Vec::new();
    let mut add = |headline: &str, detail: String, quotes: Vec<Quote>| {
        if !quotes.is_empty() {
            found.push(Observation { headline: headline.into(), detail, quotes });
        }
    };
    if measures.doubts > 0 {
        let quotes = picker.pick(2, |text| mentions(text, DOUBTS), DOUBTS);
        let detail = format!(
            "Doubt shows in {}. Say what you do know and how you would find out the rest.",
            counted(measures.doubts, "line")
        );
        add("Reason aloud when unsure", detail, quotes);
    }
    let short = measures.answers.iter().filter(|answer| answer.words < 15).count();
    if short > 0 {
        let quotes = picker.pick(2, |text| count_words(text) < 15, &[]);
        let detail =
            format!("{short} of {answers} answers have fewer than 15 words; add a reason and an example to each.");
        add("Develop short answers", detail, quotes);
    }
    if measures.fillers > 0 {
        let quotes = picker.pick(1, |text| mentions(text, FILLERS), FILLERS);
        let detail =
            format!("Filler words show in {}; a short pause sounds more certain.", counted(measures.fillers, "line"));
        add("Replace fillers by pauses", detail, quotes);
    }
    if measures.numbers * 4 < answers {
        let quotes = picker.pick(1, |text| !has_number(text), &[]);
        add("Put numbers to claims", format!("Figures appear in {}.", counted(measures.numbers, "line")), quotes);
    }
    if measures.questions < 2 {
        let quotes = picker.pick(1, |_| true, &[]);
        add(
            "Ask about the goal first",
            format!(
                "You asked {} in {}; begin by asking what the solution is for.",
                counted(measures.questions, "question"),
                counted(answers, "answer")
            ),
            quotes,
        );
    }
    let quotes = picker.pick(1, |text| !mentions(text, ALTERNATIVES), &[]);
    add(
        "Name the option you rejected",
        "State one alternative and why it loses, so the choice can be judged.".into(),
        quotes,
    );
    let quotes = picker.pick(1, |text| !mentions(text, CHECKS), &[]);
    add("Close with a check", "End an answer with the case that would break it.".into(), quotes);
    found
}

/// Which side of an interview a text is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Whole,
    Technical,
    Communication,
    ProblemSolving,
}

/// Two or three sentences about one side, each from something that was counted.
pub fn text(side: Side, measures: &Measures) -> String {
    if measures.words == 0 {
        return "You did not speak, so there is nothing to assess.".into();
    }
    match side {
        Side::Whole => summary(measures),
        Side::Technical => technical(measures),
        Side::Communication => communication(measures),
        Side::ProblemSolving => problem_solving(measures),
    }
}

/// `1 line`, `2 lines`, `no lines`.
fn counted(count: usize, noun: &str) -> String {
    match count {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// The first text whose share is reached; the shares fall.
fn graded(share: f64, texts: [&'static str; 3]) -> &'static str {
    if share >= 0.6 {
        texts[0]
    } else if share >= 0.35 {
        texts[1]
    } else {
        texts[2]
    }
}

fn summary(measures: &Measures) -> String {
    let verdict = graded(
        measures.overall(),
        [
            "You led the conversation with reasoned, specific answers",
            "You gave workable answers that often stopped before the reasons",
            "Your answers stayed short or unsure",
        ],
    );
    let mut sides = [
        (measures.technical(), "technical substance"),
        (measures.communication(), "communication"),
        (measures.problem_solving(), "problem solving"),
    ];
    sides.sort_by(|a, b| b.0.total_cmp(&a.0));
    format!(
        "{verdict}: {} of {:.0} words on average. Your strongest side was {}; there is most to gain in {}.",
        counted(measures.answers.len(), "answer"),
        measures.words_per_answer,
        sides[0].1,
        sides[2].1
    )
}

fn technical(measures: &Measures) -> String {
    let verdict = graded(
        measures.technical(),
        [
            "The substance is there and mostly specific.",
            "The basics are sound, with room for more depth.",
            "The answers rarely went below the surface.",
        ],
    );
    let next = if measures.alternatives == 0 {
        "Name at least one alternative and what it costs, so that the choice can be judged."
    } else if measures.numbers == 0 {
        "Put sizes, rates or times to the claims, so that they can be checked."
    } else {
        "Say next under which load or failure the choice would be a different one."
    };
    format!(
        "{verdict} Figures support {}, alternatives are weighed in {}. {next}",
        counted(measures.numbers, "line"),
        counted(measures.alternatives, "line")
    )
}

fn communication(measures: &Measures) -> String {
    let verdict = graded(
        measures.communication(),
        [
            "You answered fully and were easy to follow.",
            "You could be followed, though some answers ended early.",
            "Much of what you meant had to be guessed.",
        ],
    );
    let lengths = || measures.answers.iter().map(|answer| answer.words);
    let (shortest, longest) = (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0));
    let next = if measures.fillers * 3 > measures.answers.len() {
        "A short pause in place of a filler sounds more certain."
    } else if longest > 120 {
        "Begin the longest ones with the conclusion, then give the details."
    } else if shortest < 15 {
        "Give the shortest ones a reason and an example."
    } else {
        "Keep closing each answer with its main point."
    };
    let fillers = counted(measures.fillers, "line");
    format!("{verdict} The answers run from {shortest} to {longest} words, with fillers in {fillers}. {next}")
}

fn problem_solving(measures: &Measures) -> String {
    let verdict = graded(
        measures.problem_solving(),
        [
            "You worked your way through the problems in the open.",
            "Your way to a solution showed in part.",
            "Solutions came without the way that led to them.",
        ],
    );
    let next = if measures.questions < 2 {
        "Ask about goals and limits first, before choosing an approach."
    } else if measures.checks == 0 {
        "Walk through one example, or the case that would break it, before moving on."
    } else if measures.doubts > 0 {
        "Where you were unsure, say how you would find out."
    } else {
        "Sum up what is settled and what is open before the next step."
    };
    format!(
        "{verdict} You gave reasons in {}, asked back {}, and tried ideas on examples or checks in {}. {next}",
        counted(measures.reasons, "line"),
        match measures.questions {
            0 => "not once".to_owned(),
            1 => "once".to_owned(),
            times => format!("{times} times"),
        },
        counted(measures.checks, "line")
    )
}
