//! Finding the transcript in a prompt and measuring it.

use serde_json::Value;

/// Who spoke, as prompts name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    Interviewee,
    Interviewer,
}

const LABELS: [(Speaker, &str); 2] = [(Speaker::Interviewee, "INTERVIEWEE"), (Speaker::Interviewer, "INTERVIEWER")];

/// One utterance of the transcript in the prompt.
#[derive(Clone, Debug)]
pub struct Utterance {
    pub speaker: Speaker,
    pub text: String,
    /// The number that the prompt gives the line, or its place.
    pub number: i64,
    /// From the start of the transcript, where the prompt says so.
    pub start_ms: Option<i64>,
}

/// Every utterance that the prompt contains, in order. Lines may look like `[12] 00:01:05 INTERVIEWEE: text`, like
/// `<line speaker="INTERVIEWEE">text</line>`, or be JSON with `speaker` and `text`.
pub fn utterances(prompt: &str) -> Vec<Utterance> {
    let mut found = Vec::new();
    for line in prompt.lines().map(str::trim) {
        if line.starts_with(['{', '['])
            && let Ok(value) = serde_json::from_str::<Value>(line.trim_end_matches(','))
        {
            from_json(&value, &mut found);
        } else if let Some(utterance) = from_line(line, found.len()) {
            found.push(utterance);
        }
    }
    found
}

fn from_json(value: &Value, found: &mut Vec<Utterance>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| from_json(item, found)),
        Value::Object(members) => {
            let speaker = members.get("speaker").and_then(Value::as_str).unwrap_or_default();
            let label = LABELS.iter().find(|(_, label)| speaker.eq_ignore_ascii_case(label));
            match (label, members.get("text").and_then(Value::as_str)) {
                (Some((speaker, _)), Some(text)) => {
                    let number = ["n", "index", "line", "number"].iter().find_map(|name| members.get(*name)?.as_i64());
                    let start_ms =
                        ["startMs", "start_ms", "start_ts"].iter().find_map(|name| members.get(*name)?.as_i64());
                    let number = number.unwrap_or_else(|| place(found.len()));
                    found.push(Utterance { speaker: *speaker, text: text.to_owned(), number, start_ms });
                }
                _ => members.values().for_each(|member| from_json(member, found)),
            }
        }
        _ => {}
    }
}

fn place(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

fn from_line(line: &str, index: usize) -> Option<Utterance> {
    let (at, speaker, label) = LABELS
        .iter()
        .filter_map(|(speaker, label)| Some((line.find(label)?, *speaker, *label)))
        .min_by_key(|(at, ..)| *at)?;
    let (prefix, rest) = (&line[..at], &line[at + label.len()..]);
    let text = if prefix.ends_with("speaker=\"") {
        let (_, inner) = rest.split_once('>')?;
        inner.rsplit_once("</").map_or(inner, |(inner, _)| inner)
    } else {
        // Prose that merely mentions a speaker has letters before the label or no mark after it.
        if prefix.chars().any(char::is_alphabetic) {
            return None;
        }
        after_label(rest)?
    };
    let text = unquoted(text.trim());
    if text.is_empty() {
        return None;
    }
    let number = bracketed_number(prefix).unwrap_or_else(|| place(index));
    Some(Utterance {
        speaker,
        text,
        number,
        start_ms: clock_time(prefix).or_else(|| clock_time(&rest[..rest.find(':')?.min(24)])),
    })
}

/// What follows `:`, after an optional remark in brackets.
fn after_label(rest: &str) -> Option<&str> {
    let rest = rest.trim_start();
    let rest = match rest.chars().next()? {
        '(' => rest.split_once(')')?.1,
        '[' => rest.split_once(']')?.1,
        _ => rest,
    };
    let rest = rest.trim_start();
    rest.strip_prefix([':', '|', '>', '-', '—', '\t'])
}

fn unquoted(text: &str) -> String {
    if text.len() >= 2 && text.starts_with('"') && text.ends_with('"') {
        return serde_json::from_str(text).unwrap_or_else(|_| text[1..text.len() - 1].to_owned());
    }
    text.to_owned()
}

fn bracketed_number(prefix: &str) -> Option<i64> {
    let (_, inner) = prefix.split_once(['[', '#'])?;
    let digits: String = inner.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// `00:01:05` or `01:05`, in milliseconds.
fn clock_time(prefix: &str) -> Option<i64> {
    let word = prefix.split([' ', '[', ']', '(', ')']).find(|word| word.contains(':'))?;
    let mut seconds = 0.0;
    for part in word.trim_end_matches(':').split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a clock time is far below 2^63 milliseconds")]
    let milliseconds = (seconds * 1000.0) as i64;
    Some(milliseconds)
}

/// One answer: what the interviewee said between two turns of the interviewer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The last thing asked before it.
    pub asked: String,
    /// Places in the list of utterances.
    pub utterances: Vec<usize>,
    pub words: usize,
}

/// What can be counted in a transcript.
#[derive(Clone, Debug, Default)]
pub struct Measures {
    pub answers: Vec<Answer>,
    pub words: usize,
    pub words_per_answer: f64,
    pub reasons: usize,
    pub numbers: usize,
    pub alternatives: usize,
    pub questions: usize,
    pub doubts: usize,
    pub fillers: usize,
    pub checks: usize,
}

pub const REASONS: &[&str] =
    &["because", "so that", "the reason", "therefore", "which means", "depends on", "porque", "por eso", "depende"];
pub const ALTERNATIVES: &[&str] = &[
    "trade-off",
    "tradeoff",
    "alternative",
    "instead of",
    "the cost",
    "downside",
    "on the other hand",
    "versus",
    "rather than",
    "compared to",
    "en lugar de",
    "la desventaja",
    "en cambio",
];
pub const DOUBTS: &[&str] = &[
    "i don't know",
    "not sure",
    "no idea",
    "i guess",
    "i forgot",
    "i don't remember",
    "can't remember",
    "never really",
    "no sé",
    "no estoy seguro",
    "supongo",
];
pub const FILLERS: &[&str] =
    &["um,", "uh,", "um ", "uh ", "hmm", "you know", "i mean", "kind of", "sort of", "eh,", "bueno, pues"];
pub const CHECKS: &[&str] = &[
    "edge case",
    "test",
    "for example",
    "let me check",
    "verify",
    "measure",
    "empty input",
    "walk through",
    "por ejemplo",
    "prueba",
];

/// Whether a text contains one of the phrases, whatever its case.
pub fn mentions(text: &str, phrases: &[&str]) -> bool {
    let text = text.to_lowercase();
    phrases.iter().any(|phrase| text.contains(phrase))
}

/// Whether a text has a figure in it.
pub fn has_number(text: &str) -> bool {
    const WORDS: &[&str] = &["hundred", "thousand", "million", "percent", "milliseconds", "mil ", "millones"];
    text.chars().any(|c| c.is_ascii_digit()) || mentions(text, WORDS)
}

pub fn count_words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// Measures what the interviewee said.
pub fn measure(utterances: &[Utterance]) -> Measures {
    let mut measures = Measures::default();
    let mut asked = String::new();
    let mut in_answer = false;
    for (index, utterance) in utterances.iter().enumerate() {
        if utterance.speaker == Speaker::Interviewer {
            asked.clone_from(&utterance.text);
            in_answer = false;
            continue;
        }
        if !in_answer {
            measures.answers.push(Answer { asked: asked.clone(), ..Answer::default() });
            in_answer = true;
        }
        let words = count_words(&utterance.text);
        measures.words += words;
        if let Some(answer) = measures.answers.last_mut() {
            answer.utterances.push(index);
            answer.words += words;
        }
        let text = &utterance.text;
        measures.reasons += usize::from(mentions(text, REASONS));
        measures.numbers += usize::from(has_number(text));
        measures.alternatives += usize::from(mentions(text, ALTERNATIVES));
        measures.questions += usize::from(text.trim_end().ends_with('?'));
        measures.doubts += usize::from(mentions(text, DOUBTS));
        measures.fillers += usize::from(mentions(text, FILLERS));
        measures.checks += usize::from(mentions(text, CHECKS));
    }
    measures.words_per_answer = share(measures.words, measures.answers.len());
    measures
}

/// `part / whole`, 0 for nothing.
pub fn share(part: usize, whole: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of words and lines are small")]
    let (part, whole) = (part as f64, whole as f64);
    if whole == 0.0 { 0.0 } else { part / whole }
}

impl Measures {
    fn per_hundred_words(&self, count: usize) -> f64 {
        share(count * 100, self.words)
    }

    /// How much of what was asked for is there: reasons, figures and alternatives. 0 to 1.
    pub fn technical(&self) -> f64 {
        let substance = self.per_hundred_words(self.numbers + self.alternatives + self.checks) / 4.0;
        blend(&[(0.5, self.length()), (0.5, substance)]) * self.certainty()
    }

    /// How fully questions are answered. 0 to 1.
    pub fn communication(&self) -> f64 {
        let fluency = 1.0 - share(self.fillers, self.answers.len());
        blend(&[(0.7, self.length()), (0.3, fluency)]) * self.certainty()
    }

    /// How much is reasoned, asked and checked. 0 to 1.
    pub fn problem_solving(&self) -> f64 {
        let reasons = self.per_hundred_words(self.reasons + self.alternatives) / 2.0;
        let asked = share(self.questions, 4);
        blend(&[(0.4, self.length()), (0.4, reasons), (0.2, asked)]) * self.certainty()
    }

    /// The whole. 0 to 1.
    pub fn overall(&self) -> f64 {
        blend(&[(0.4, self.technical()), (0.3, self.communication()), (0.3, self.problem_solving())])
    }

    fn length(&self) -> f64 {
        self.words_per_answer / 55.0
    }

    fn certainty(&self) -> f64 {
        1.0 - 0.5 * (share(self.doubts, self.answers.len()) * 2.0).min(1.0)
    }
}

fn blend(parts: &[(f64, f64)]) -> f64 {
    parts.iter().map(|(weight, value)| weight * value.clamp(0.0, 1.0)).sum()
}
