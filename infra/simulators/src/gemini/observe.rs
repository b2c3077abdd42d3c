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
            "Compared alternatives in {} lines instead of presenting the first idea as the only one.",
            measures.alternatives
        );
        add("Weighs alternatives", detail, quotes);
    }
    if measures.reasons > 0 {
        let quotes = picker.pick(2, |text| mentions(text, REASONS), REASONS);
        let detail = format!(
            "Gave reasons in {} lines across {answers} answers, so a listener can follow each choice.",
            measures.reasons
        );
        add("Explains the why", detail, quotes);
    }
    if measures.questions > 0 {
        let quotes = picker.pick(2, |text| text.trim_end().ends_with('?'), &[]);
        let detail = format!("Asked {} questions back before committing to an approach.", measures.questions);
        add("Clarifies before solving", detail, quotes);
    }
    if measures.numbers > 0 {
        let quotes = picker.pick(2, has_number, &[]);
        let detail = format!("Backed claims with figures in {} lines.", measures.numbers);
        add("Uses concrete numbers", detail, quotes);
    }
    if measures.checks > 0 {
        let quotes = picker.pick(2, |text| mentions(text, CHECKS), CHECKS);
        let detail = format!("Tried ideas on examples or named how to check them, {} times.", measures.checks);
        add("Checks own work", detail, quotes);
    }
    if let Some(longest) = measures.answers.iter().max_by_key(|answer| answer.words) {
        let lines = longest.utterances.clone();
        let texts: Vec<&str> = lines.iter().map(|index| utterances[*index].text.as_str()).collect();
        let quotes = picker.pick(1, |text| texts.contains(&text), &[]);
        let detail = format!(
            "The fullest answer runs to {} words after \"{}\".",
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
            "{} lines end in doubt. Say what you do know and how you would find out the rest.",
            measures.doubts
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
        let detail = format!("{} lines carry filler words; a short pause reads as more certain.", measures.fillers);
        add("Replace fillers by pauses", detail, quotes);
    }
    if measures.numbers * 4 < answers {
        let quotes = picker.pick(1, |text| !has_number(text), &[]);
        add("Put numbers to claims", format!("Only {} lines contain a figure.", measures.numbers), quotes);
    }
    if measures.questions < 2 {
        let quotes = picker.pick(1, |_| true, &[]);
        add(
            "Ask about the goal first",
            format!("Asked {} questions in {answers} answers.", measures.questions),
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

/// Two or three sentences about the whole.
pub fn summary(measures: &Measures) -> String {
    if measures.words == 0 {
        return "The candidate did not speak, so there is nothing to assess.".into();
    }
    let overall = measures.overall();
    let verdict = if overall >= 0.6 {
        "The candidate led the conversation with reasoned, specific answers."
    } else if overall >= 0.35 {
        "The candidate gave workable answers that often stopped before the reasons."
    } else {
        "The candidate's answers stayed short or unsure."
    };
    format!(
        "{verdict} {} answers average {:.0} words; {} lines give reasons, {} contain figures, and {} questions were asked back.",
        measures.answers.len(),
        measures.words_per_answer,
        measures.reasons,
        measures.numbers,
        measures.questions
    )
}
