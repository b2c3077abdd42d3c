//! Measured speech: plain facts about how the candidate spoke, kept apart from every score.
//!
//! Pure arithmetic over the transcript in whole numbers: the same transcript gives the same bytes. Nothing is inferred
//! about feeling, accent or person.

use serde::{Deserialize, Serialize};

use crate::text::{self, Word};
use crate::transcript::{Speaker, Transcript};

/// Utterances of one speaker less than this apart are one monologue.
const MONOLOGUE_GAP_MS: u64 = 2000;

/// How the candidate spoke. Each number is rounded to two decimals, and is 0 where there was nothing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpeechFacts {
    /// The candidate's speaking time as a part of both speaking times, 0 to 1.
    pub candidate_talk_ratio: f64,
    /// The candidate's words per minute of own speaking time.
    pub words_per_minute: f64,
    /// The candidate's filler words per minute of own speaking time.
    pub fillers_per_minute: f64,
    /// The candidate's longest run of utterances with gaps under two seconds, in seconds.
    pub longest_monologue_seconds: f64,
    /// The median time from the interviewer's last word to the candidate's first, in seconds; 0 where they overlapped.
    pub median_response_seconds: f64,
}

/// The fillers of a language, normalised.
#[derive(Debug)]
pub struct FillerList {
    /// Words that are always fillers.
    words: &'static [&'static str],
    /// Words that are fillers after a pause mark only.
    after_pause: &'static [&'static str],
    /// Fillers of several words, counted once each.
    phrases: &'static [&'static [&'static str]],
}

impl FillerList {
    /// The fillers of English.
    pub const ENGLISH: Self = Self {
        words: &["um", "uh", "er", "erm", "hmm"],
        after_pause: &["like"],
        phrases: &[&["you", "know"], &["i", "mean"], &["sort", "of"], &["kind", "of"]],
    };

    fn count(&self, original: &str, words: &[Word]) -> u64 {
        let mut found = 0;
        let mut position = 0;
        while position < words.len() {
            let length = self.length_at(original, words, position);
            found += u64::from(length > 0);
            position += length.max(1);
        }
        found
    }

    /// Of how many words the filler at `position` consists; 0 where there is none.
    fn length_at(&self, original: &str, words: &[Word], position: usize) -> usize {
        let word = words[position].text.as_str();
        let gap = |index: usize| &original[words[index - 1].range.end..words[index].range.start];
        for phrase in self.phrases {
            let matches = words[position..].len() >= phrase.len()
                && phrase.iter().zip(&words[position..]).all(|(part, word)| word.text == *part)
                && (position + 1..position + phrase.len()).all(|index| gap(index).trim().is_empty());
            if matches {
                return phrase.len();
            }
        }
        let paused = || position > 0 && is_pause(gap(position));
        usize::from(self.words.contains(&word) || (self.after_pause.contains(&word) && paused()))
    }
}

/// Whether what stands between two words marks a pause within a sentence: a comma, semicolon, colon, dash or ellipsis.
fn is_pause(between: &str) -> bool {
    between.contains([',', ';', ':', '…', '–', '—', '，', '、']) || between.contains("..") || between.trim() == "-"
}

impl SpeechFacts {
    /// Measures the candidate's speech with the fillers of the session's language.
    pub fn measure(transcript: &Transcript, fillers: &FillerList) -> Self {
        let own_ms = speaking_ms(transcript, Speaker::Interviewee);
        let both_ms = own_ms.saturating_add(speaking_ms(transcript, Speaker::Interviewer));
        let (mut spoken, mut filled) = (0u64, 0u64);
        for utterance in transcript.of(Speaker::Interviewee) {
            let words = text::words(&utterance.text);
            spoken += u64::try_from(text::count(&words)).unwrap_or(0);
            filled += fillers.count(&utterance.text, &words);
        }
        Self {
            candidate_talk_ratio: rounded(own_ms, both_ms),
            words_per_minute: rounded(spoken.saturating_mul(60_000), own_ms),
            fillers_per_minute: rounded(filled.saturating_mul(60_000), own_ms),
            longest_monologue_seconds: rounded(longest_monologue_ms(transcript), 1000),
            median_response_seconds: rounded(twice_median(response_times_ms(transcript)), 2000),
        }
    }
}

/// A quotient to two decimals, half rounded up; 0 where there is nothing to divide by. The hundredths are whole before
/// they become a float, so no platform's rounding shows.
fn rounded(numerator: u64, denominator: u64) -> f64 {
    if denominator == 0 {
        return 0.0;
    }
    let (numerator, denominator) = (u128::from(numerator), u128::from(denominator));
    let hundredths = (numerator * 200 + denominator) / (denominator * 2);
    f64::from(u32::try_from(hundredths).unwrap_or(u32::MAX)) / 100.0
}

/// For how long somebody spoke; what two lines of theirs share counts once.
fn speaking_ms(transcript: &Transcript, speaker: Speaker) -> u64 {
    let mut total = 0u64;
    let mut heard_until = 0;
    for utterance in transcript.of(speaker) {
        let start = utterance.start_ms.max(heard_until);
        total = total.saturating_add(utterance.end_ms.saturating_sub(start));
        heard_until = heard_until.max(utterance.end_ms);
    }
    total
}

fn longest_monologue_ms(transcript: &Transcript) -> u64 {
    let mut longest = 0;
    let mut run: Option<(u64, u64)> = None;
    for utterance in transcript.of(Speaker::Interviewee) {
        let (start, end) = match run {
            Some((start, end)) if utterance.start_ms < end.saturating_add(MONOLOGUE_GAP_MS) => {
                (start, end.max(utterance.end_ms))
            }
            _ => (utterance.start_ms, utterance.end_ms),
        };
        longest = longest.max(end.saturating_sub(start));
        run = Some((start, end));
    }
    longest
}

/// How long the candidate took to answer, per turn that follows one of the interviewer.
fn response_times_ms(transcript: &Transcript) -> Vec<u64> {
    let turns: Vec<_> = transcript.turns().collect();
    let mut times = Vec::new();
    for pair in turns.windows(2) {
        let (before, own) = (pair[0], pair[1]);
        if own[0].speaker == Speaker::Interviewee {
            let end = before.iter().map(|utterance| utterance.end_ms).max().unwrap_or(0);
            times.push(own[0].start_ms.saturating_sub(end));
        }
    }
    times
}

/// Twice the median, which is whole also where the median lies between two values.
fn twice_median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (None, _) => 0,
        (Some(high), 0) => values[middle - 1].saturating_add(*high),
        (Some(exact), _) => exact.saturating_mul(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::tests::transcript;
    use proptest::prelude::*;

    fn measure(lines: &[(char, u64, u64, &str)]) -> SpeechFacts {
        SpeechFacts::measure(&transcript(lines), &FillerList::ENGLISH)
    }

    #[test]
    fn a_conversation_is_measured_as_defined() {
        let facts = measure(&[
            ('I', 0, 10_000, "Tell me about caches."),
            ('C', 11_500, 31_500, "Um, a cache is, like, you know, a copy."),
            ('C', 33_000, 43_000, "I mean it sort of saves a trip."),
            ('C', 45_000, 55_000, "And it goes stale."),
            ('I', 54_000, 64_000, "How do you notice?"),
            ('C', 63_000, 73_000, "I kind of like versions."),
            ('I', 80_000, 90_000, "Good."),
            ('C', 94_000, 104_000, "Thanks."),
        ]);
        assert_eq!(
            facts,
            SpeechFacts {
                // 60 of 90 seconds.
                candidate_talk_ratio: 0.67,
                // 9 + 8 + 4 + 5 + 1 words in one minute.
                words_per_minute: 27.0,
                // um, like, you know, I mean, sort of, kind of.
                fillers_per_minute: 6.0,
                // The gap of 1.5 s joins the first two; the gap of 2 s ends the run.
                longest_monologue_seconds: 31.5,
                // 1.5, 0 (overlapping) and 4.
                median_response_seconds: 1.5,
            }
        );
        assert_eq!(
            serde_json::to_string(&facts).unwrap(),
            r#"{"candidateTalkRatio":0.67,"wordsPerMinute":27.0,"fillersPerMinute":6.0,"longestMonologueSeconds":31.5,"medianResponseSeconds":1.5}"#
        );
    }

    #[test]
    fn fillers_are_counted_by_the_list() {
        for (text, count) in [
            ("I like it, and things like that.", 0),
            ("It was, like, slow — like really slow... like that", 3),
            ("Like, no. Like that.", 0),
            ("Um uh er erm hmm HMM", 6),
            ("umbrella her summer", 0),
            ("you, know what I, mean", 0),
            ("You know, you know; kind of kind of", 4),
            ("what kind of", 1),
            ("you kind", 0),
            ("", 0),
        ] {
            assert_eq!(FillerList::ENGLISH.count(text, &text::words(text)), count, "{text}");
        }
    }

    #[test]
    fn silence_is_zero_and_never_not_a_number() {
        assert_eq!(measure(&[]), SpeechFacts::default());
        assert_eq!(measure(&[('C', 5, 5, "Um")]), SpeechFacts::default());
        let alone = measure(&[('I', 0, 60_000, "Hello? Are you there?")]);
        assert_eq!(alone, SpeechFacts::default());
    }

    #[test]
    fn lines_of_one_speaker_that_overlap_count_once() {
        let facts = measure(&[('C', 0, 30_000, "a b c"), ('C', 10_000, 20_000, "d"), ('I', 30_000, 60_000, "e")]);
        assert!((facts.candidate_talk_ratio - 0.5).abs() < f64::EPSILON);
        assert!((facts.words_per_minute - 8.0).abs() < f64::EPSILON);
        assert!((facts.longest_monologue_seconds - 30.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let facts =
            measure(&[('I', 0, 1000, "a"), ('C', 1500, 2000, "b"), ('I', 3000, 4000, "c"), ('C', 5005, 6000, "d")]);
        assert_eq!(facts.median_response_seconds.to_string(), "0.75");
    }

    proptest! {
        #[test]
        fn every_number_is_finite_and_repeatable(lines in proptest::collection::vec((any::<bool>(), any::<u64>(), any::<u64>()), 0..20)) {
            let lines: Vec<(char, u64, u64, &str)> =
                lines.into_iter().map(|(own, a, b)| (if own { 'C' } else { 'I' }, a, b, "um, like this")).collect();
            let facts = measure(&lines);
            let all = [
                facts.candidate_talk_ratio,
                facts.words_per_minute,
                facts.fillers_per_minute,
                facts.longest_monologue_seconds,
                facts.median_response_seconds,
            ];
            prop_assert!(all.iter().all(|number| number.is_finite() && *number >= 0.0));
            prop_assert!(facts.candidate_talk_ratio <= 1.0);
            let bytes = serde_json::to_string(&facts).unwrap();
            prop_assert_eq!(serde_json::to_string(&measure(&lines)).unwrap(), bytes.clone());
            prop_assert_eq!(serde_json::from_str::<SpeechFacts>(&bytes).unwrap(), facts);
        }
    }
}
