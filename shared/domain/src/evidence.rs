//! Verified evidence: whether a quote was really said, and by the person it is attributed to.

use serde::{Deserialize, Serialize};

use crate::text::{self, Word};
use crate::transcript::{Speaker, Transcript, Utterance};

/// Shorter quotes prove nothing: they occur everywhere.
pub const MIN_QUOTE_WORDS: usize = 4;

/// Words that were said. The text is the transcript's own, and the times are those of the utterance it lies in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    /// Who said it.
    pub speaker: Speaker,
    /// The words, as the transcript has them.
    pub text: String,
    /// When the utterance began, in milliseconds from the transcript's start.
    pub start_ms: u64,
    /// When the utterance ended, in milliseconds from the transcript's start.
    pub end_ms: u64,
}

/// A transcript prepared for looking up many quotes: every utterance is normalised once.
#[derive(Debug)]
pub struct EvidenceIndex<'a> {
    utterances: Vec<(&'a Utterance, Vec<Word>)>,
}

impl<'a> EvidenceIndex<'a> {
    /// Prepares `transcript`.
    pub fn new(transcript: &'a Transcript) -> Self {
        let prepare = |utterance: &'a Utterance| (utterance, text::words(&utterance.text));
        Self { utterances: transcript.utterances.iter().map(prepare).collect() }
    }

    /// The first place where `speaker` said `quote`: at least four words that lie within one utterance, whole words, equal
    /// after normalising case, space, punctuation and Unicode.
    pub fn find(&self, speaker: Speaker, quote: &str) -> Option<Quote> {
        let wanted = text::words(quote);
        if text::count(&wanted) < MIN_QUOTE_WORDS {
            return None;
        }
        let mut said = self.utterances.iter().filter(|(utterance, _)| utterance.speaker == speaker);
        said.find_map(|(utterance, words)| {
            // The place is counted too: letters of a script without spaces are more words with spaces between them.
            let proves = |at: &&[Word]| {
                at.iter().zip(&wanted).all(|(a, b)| a.text == b.text) && text::count(at) >= MIN_QUOTE_WORDS
            };
            let at = words.windows(wanted.len()).find(proves)?;
            let text = utterance.text.get(at.first()?.range.start..at.last()?.range.end)?;
            let (start_ms, end_ms) = (utterance.start_ms, utterance.end_ms);
            Some(Quote { speaker, text: text.to_owned(), start_ms, end_ms })
        })
    }
}

/// Looks up a single quote; see [`EvidenceIndex::find`].
pub fn find_quote(transcript: &Transcript, speaker: Speaker, quote: &str) -> Option<Quote> {
    EvidenceIndex::new(transcript).find(speaker, quote)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::tests::transcript;
    use proptest::prelude::*;

    fn sample() -> Transcript {
        transcript(&[
            ('I', 0, 4000, "How would you make sure that nothing is lost?"),
            ('C', 5000, 9000, "Well, I’d write it to the “outbox” first — in the same transaction."),
            ('C', 9500, 12_000, "Then a worker reads it."),
            ('I', 13_000, 15_000, "I’d write it to the outbox first, too."),
        ])
    }

    #[test]
    fn a_quote_is_found_whatever_its_spelling_and_given_back_as_it_was_said() {
        for quote in [
            "I'd write it to the outbox first",
            "i'd  WRITE it, to the \"outbox\" first.",
            "...I’d write it to the outbox first...",
        ] {
            let found = find_quote(&sample(), Speaker::Interviewee, quote).unwrap();
            assert_eq!(found.text, "I’d write it to the “outbox” first");
            assert_eq!((found.speaker, found.start_ms, found.end_ms), (Speaker::Interviewee, 5000, 9000));
        }
    }

    #[test]
    fn what_was_not_said_so_is_not_found() {
        for (speaker, quote) in [
            (Speaker::Interviewee, "I would write it to the outbox first"),
            (Speaker::Interviewee, "How would you make sure"),
            (Speaker::Interviewer, "Then a worker reads it"),
            (Speaker::Interviewee, "to the outbox"),
            (Speaker::Interviewee, "in the same transaction. Then a worker reads it."),
            (Speaker::Interviewee, "rite it to the outbox"),
            (Speaker::Interviewee, "write it to the out"),
            (Speaker::Interviewee, ""),
            (Speaker::Interviewee, "— … “” ?"),
        ] {
            assert_eq!(find_quote(&sample(), speaker, quote), None, "{quote}");
        }
        assert_eq!(find_quote(&Transcript::default(), Speaker::Interviewee, "a b c d e"), None);
    }

    #[test]
    fn scripts_without_spaces_can_be_quoted() {
        let chinese = transcript(&[('C', 0, 1000, "我们先写入发件箱，然后再处理。")]);
        assert_eq!(find_quote(&chinese, Speaker::Interviewee, "写入发件箱").unwrap().text, "写入发件箱");
        assert_eq!(find_quote(&chinese, Speaker::Interviewee, "发件箱"), None);
        let thai = transcript(&[('C', 0, 1000, "ผมใช้ฐานข้อมูล ครับ และแคช")]);
        assert!(find_quote(&thai, Speaker::Interviewee, "ผมใช้ฐานข้อมูล ครับ").is_some());
        assert_eq!(find_quote(&thai, Speaker::Interviewee, "ผ ม ใ ช้"), None, "one word, spelled as four");
    }

    proptest! {
        #[test]
        fn a_quote_that_is_found_is_part_of_what_that_speaker_said(
            texts in proptest::collection::vec("[a-cA-C'’,. ßé\u{301}我]{0,24}", 1..6), quote in "[a-cA-C'’,. ßé\u{301}我]{0,14}",
        ) {
            let lines: Vec<(char, u64, u64, &str)> =
                texts.iter().enumerate().map(|(n, text)| (if n % 2 == 0 { 'C' } else { 'I' }, 0, 1, text.as_str())).collect();
            let transcript = transcript(&lines);
            for speaker in [Speaker::Interviewee, Speaker::Interviewer] {
                if let Some(found) = find_quote(&transcript, speaker, &quote) {
                    prop_assert!(transcript.of(speaker).any(|utterance| utterance.text.contains(&found.text)));
                    prop_assert_eq!(text::normalise(&found.text), text::normalise(&quote));
                }
            }
        }

        #[test]
        fn every_run_of_words_of_an_utterance_is_found(
            parts in proptest::collection::vec("[A-Za-zäöü’ßΣдж]{1,6}[,.!]?", 24..30), first in 0usize..12, length in 4usize..10,
        ) {
            let text = parts.join(" ");
            let words = text::words(&text);
            prop_assume!(words.len() >= first + length);
            let quote = &text[words[first].range.start..words[first + length - 1].range.end];
            let transcript = transcript(&[('C', 3, 4, text.as_str())]);
            prop_assert!(find_quote(&transcript, Speaker::Interviewee, &quote.to_lowercase()).is_some());
        }
    }
}
