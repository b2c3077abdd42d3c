//! Measured speech: plain facts about how the candidate spoke, kept apart from every score.
//!
//! Pure arithmetic over the transcript in whole numbers: the same transcript gives the same bytes. Nothing is inferred
//! about feeling, accent or person. Only lines that say when they were spoken are measured, and numbers that no human can
//! reach are withheld: they mean that the transcript's times are wrong.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::text::{self, Word};
use crate::transcript::{Speaker, Transcript, Utterance};

/// Utterances of one speaker less than this apart are one monologue.
const MONOLOGUE_GAP_MS: u64 = 2000;
/// Words per minute of own speaking time. People converse in English at 110 to 200 and read at up to 350; Chinese and
/// Japanese, of which each sign counts as a word here, are spoken at 250 to 450. Pauses to think lie between lines.
const PACES: RangeInclusive<f64> = 20.0..=500.0;
/// Fillers per minute: more than two a second leave no room for anything else.
const FILLERS: RangeInclusive<f64> = 0.0..=120.0;
/// Seconds: no call is open for longer, with a session of 90 minutes and its door.
const MONOLOGUES: RangeInclusive<f64> = 0.0..=7800.0;
/// Seconds: half of somebody's answers may begin late, but not after five minutes each.
const RESPONSES: RangeInclusive<f64> = 0.0..=300.0;

/// How the candidate spoke. Each number is rounded to two decimals, and is null where it was withheld.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpeechFacts {
    /// The candidate's speaking time as a part of both speaking times, 0 to 1.
    pub candidate_talk_ratio: Option<f64>,
    /// The candidate's words per minute of own speaking time.
    pub words_per_minute: Option<f64>,
    /// The candidate's filler words per minute of own speaking time.
    pub fillers_per_minute: Option<f64>,
    /// The candidate's longest run of utterances with gaps under two seconds, in seconds.
    pub longest_monologue_seconds: Option<f64>,
    /// The median time from the interviewer's last word to the candidate's first, in seconds; 0 where they overlapped.
    pub median_response_seconds: Option<f64>,
    /// Why a number is null, for people, by its name; empty where none is.
    pub withheld: BTreeMap<String, String>,
}

/// Why something is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Nothing was said.
    Silent,
    /// There are words and no time in which they were spoken.
    NoTime,
    /// Of most words it is not known when they were spoken.
    Untold,
    /// Nobody speaks like that.
    NotHuman,
    /// There is no answer to time.
    NoAnswer,
}

impl Why {
    fn text(self) -> &'static str {
        match self {
            Self::Silent => "Nothing was said that could be measured.",
            Self::NoTime => "The transcript has no time in which this was spoken.",
            Self::Untold => "The transcript does not say when most of this was spoken.",
            Self::NotHuman => "Nobody speaks like that, so the times in the transcript must be wrong.",
            Self::NoAnswer => "No answer follows a question at a known time.",
        }
    }
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

/// What one of the two said, in lines whose times were told.
#[derive(Default)]
struct Spoken {
    /// For how long; what two lines share counts once.
    ms: u64,
    /// How many words.
    words: u64,
    /// How many of these were fillers.
    fillers: u64,
    /// How many words there were in other lines.
    untold: u64,
}

impl Spoken {
    fn of(transcript: &Transcript, speaker: Speaker, fillers: &FillerList) -> Self {
        let mut spoken = Self::default();
        let mut heard_until = 0;
        for utterance in transcript.of(speaker) {
            let words = text::words(&utterance.text);
            let count = u64::try_from(text::count(&words)).unwrap_or(0);
            if !utterance.is_timed {
                spoken.untold += count;
                continue;
            }
            spoken.words += count;
            spoken.fillers += fillers.count(&utterance.text, &words);
            let start = utterance.start_ms.max(heard_until);
            spoken.ms = spoken.ms.saturating_add(utterance.end_ms.saturating_sub(start));
            heard_until = heard_until.max(utterance.end_ms);
        }
        spoken
    }

    /// So many of something per minute of speaking time.
    fn per_minute(&self, count: u64) -> f64 {
        rounded(count.saturating_mul(60_000), self.ms)
    }

    /// The speaking time, where it is long enough for what was said in it.
    fn time(&self) -> Result<u64, Why> {
        match self {
            Self { words: 0, untold: 0, .. } => Err(Why::Silent),
            Self { words, untold, .. } if words < untold => Err(Why::Untold),
            Self { ms: 0, .. } => Err(Why::NoTime),
            _ if self.per_minute(self.words) > *PACES.end() => Err(Why::NotHuman),
            Self { ms, .. } => Ok(*ms),
        }
    }
}

impl SpeechFacts {
    /// Measures the candidate's speech with the fillers of the session's language.
    pub fn measure(transcript: &Transcript, fillers: &FillerList) -> Self {
        let own = Spoken::of(transcript, Speaker::Interviewee, fillers);
        let other = Spoken::of(transcript, Speaker::Interviewer, fillers);
        let mut facts = Self::default();
        let mut shown = |name: &str, fact: Result<f64, Why>| match fact {
            Ok(number) => Some(number),
            Err(why) => {
                facts.withheld.insert(name.to_owned(), why.text().to_owned());
                None
            }
        };
        let candidate_talk_ratio = shown("candidateTalkRatio", talk_ratio(&own, &other));
        let pace = own.time().map(|_| own.per_minute(own.words)).and_then(within(PACES));
        let words_per_minute = shown("wordsPerMinute", pace);
        let filled = pace.map(|_| own.per_minute(own.fillers));
        let fillers_per_minute = shown("fillersPerMinute", filled.and_then(within(FILLERS)));
        let longest = own.time().map(|_| rounded(longest_monologue_ms(transcript), 1000));
        let longest_monologue_seconds = shown("longestMonologueSeconds", longest.and_then(within(MONOLOGUES)));
        let median_response_seconds = shown("medianResponseSeconds", median_response(&own, &other, transcript));
        Self {
            candidate_talk_ratio,
            words_per_minute,
            fillers_per_minute,
            longest_monologue_seconds,
            median_response_seconds,
            ..facts
        }
    }
}

/// Takes only what people can do.
fn within(human: RangeInclusive<f64>) -> impl FnOnce(f64) -> Result<f64, Why> {
    move |number| if human.contains(&number) { Ok(number) } else { Err(Why::NotHuman) }
}

/// Somebody who says nothing has no share of the time.
fn talk_ratio(own: &Spoken, other: &Spoken) -> Result<f64, Why> {
    match (own.time(), other.time()) {
        (Ok(own), Ok(other)) => Ok(rounded(own, own.saturating_add(other))),
        (Ok(_), Err(Why::Silent)) => Ok(1.0),
        (Err(Why::Silent), Ok(_)) => Ok(0.0),
        (Err(why), _) | (_, Err(why)) => Err(why),
    }
}

fn median_response(own: &Spoken, other: &Spoken, transcript: &Transcript) -> Result<f64, Why> {
    let times = response_times_ms(transcript);
    match (own.time(), other.time()) {
        (Ok(_), Ok(_)) if times.is_empty() => Err(Why::NoAnswer),
        (Ok(_), Ok(_)) => within(RESPONSES)(rounded(twice_median(times), 2000)),
        (Ok(_), Err(Why::Silent)) => Err(Why::NoAnswer),
        (Err(why), _) | (_, Err(why)) => Err(why),
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

fn longest_monologue_ms(transcript: &Transcript) -> u64 {
    let mut longest = 0;
    let mut run: Option<(u64, u64)> = None;
    for utterance in transcript.of(Speaker::Interviewee).filter(|utterance| utterance.is_timed) {
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

/// How long the candidate took to answer, per turn that follows one of the interviewer, where both times are known.
fn response_times_ms(transcript: &Transcript) -> Vec<u64> {
    let turns: Vec<_> = transcript.turns().collect();
    let mut times = Vec::new();
    for pair in turns.windows(2) {
        let (before, own) = (pair[0], pair[1]);
        let last = before.iter().max_by_key(|utterance| utterance.end_ms);
        let last: Option<&Utterance> = last.filter(|utterance| utterance.is_timed && own[0].is_timed);
        if let Some(last) = last.filter(|_| own[0].speaker == Speaker::Interviewee) {
            times.push(own[0].start_ms.saturating_sub(last.end_ms));
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
                candidate_talk_ratio: Some(0.67),
                // 9 + 8 + 4 + 5 + 1 words in one minute.
                words_per_minute: Some(27.0),
                // um, like, you know, I mean, sort of, kind of.
                fillers_per_minute: Some(6.0),
                // The gap of 1.5 s joins the first two; the gap of 2 s ends the run.
                longest_monologue_seconds: Some(31.5),
                // 1.5, 0 (overlapping) and 4.
                median_response_seconds: Some(1.5),
                withheld: BTreeMap::new(),
            }
        );
        assert_eq!(
            serde_json::to_string(&facts).unwrap(),
            r#"{"candidateTalkRatio":0.67,"wordsPerMinute":27.0,"fillersPerMinute":6.0,"longestMonologueSeconds":31.5,"medianResponseSeconds":1.5,"withheld":{}}"#
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

    /// The five facts, in the order of the API.
    fn numbers(facts: &SpeechFacts) -> [Option<f64>; 5] {
        [
            facts.candidate_talk_ratio,
            facts.words_per_minute,
            facts.fillers_per_minute,
            facts.longest_monologue_seconds,
            facts.median_response_seconds,
        ]
    }

    /// What is not shown, and why.
    fn withheld(facts: &SpeechFacts) -> Vec<(&str, &str)> {
        facts.withheld.iter().map(|(name, why)| (name.as_str(), why.as_str())).collect()
    }

    const ALL: [&str; 5] = [
        "candidateTalkRatio",
        "fillersPerMinute",
        "longestMonologueSeconds",
        "medianResponseSeconds",
        "wordsPerMinute",
    ];

    #[test]
    fn what_was_not_measured_is_withheld_with_the_reason() {
        let all = |why: Why| ALL.map(|name| (name, why.text()));
        assert_eq!(numbers(&measure(&[])), [None; 5]);
        assert_eq!(withheld(&measure(&[])), all(Why::Silent));
        assert_eq!(withheld(&measure(&[('C', 5, 5, "Um")])), all(Why::NoTime));
        let listening = measure(&[('I', 0, 3000, "Hello? Are you there?")]);
        assert_eq!(numbers(&listening), [Some(0.0), None, None, None, None]);
        assert!(withheld(&listening)[1..].iter().all(|(_, why)| *why == Why::Silent.text()));
        let alone = measure(&[('C', 0, 3000, "Hello? Are you there?")]);
        assert_eq!(numbers(&alone), [Some(1.0), Some(80.0), Some(0.0), Some(3.0), None]);
        assert_eq!(withheld(&alone), [("medianResponseSeconds", Why::NoAnswer.text())]);
    }

    #[test]
    fn what_nobody_does_is_withheld() {
        let talk = |unit: u64| {
            measure(&[
                ('I', 0, 5 * unit, "How would you do that at night?"),
                (
                    'C',
                    7 * unit,
                    17 * unit,
                    "I would put a queue in between, um, and let the workers read from it at their pace",
                ),
            ])
        };
        assert_eq!(numbers(&talk(1000)), [Some(0.67), Some(108.0), Some(6.0), Some(10.0), Some(2.0)]);
        // Seconds that were taken for milliseconds, and the other way round: the parts of both are right even so.
        assert_eq!(withheld(&talk(1)), ALL.map(|name| (name, Why::NotHuman.text())));
        assert_eq!(numbers(&talk(1_000_000)), [Some(0.67), None, None, None, None]);
        let late = measure(&[('I', 0, 1000, "Well then?"), ('C', 400_000, 401_000, "Here I am.")]);
        assert_eq!(withheld(&late), [("medianResponseSeconds", Why::NotHuman.text())]);
        let stammer = measure(&[('C', 0, 5000, "um um um um um um um um um um um")]);
        assert_eq!((stammer.words_per_minute, stammer.fillers_per_minute), (Some(132.0), None));
    }

    #[test]
    fn lines_without_times_are_not_measured() {
        let lines = [
            ('I', 0, 2000, "How would you do that?"),
            ('C', 3000, 5000, "With a queue in between."),
            ('C', 5000, 99_000, "And um with another one."),
            ('I', 99_000, 99_000, "Right."),
            ('C', 99_500, 101_500, "So that nothing is lost."),
        ];
        let mut half_told = transcript(&lines);
        for guessed in [2, 3] {
            half_told.utterances[guessed].is_timed = false;
        }
        let facts = SpeechFacts::measure(&half_told, &FillerList::ENGLISH);
        assert_eq!(numbers(&facts), [Some(0.67), Some(150.0), Some(0.0), Some(2.0), Some(1.0)]);
        half_told.utterances[1].is_timed = false;
        let facts = SpeechFacts::measure(&half_told, &FillerList::ENGLISH);
        assert_eq!(withheld(&facts), ALL.map(|name| (name, Why::Untold.text())));
    }

    #[test]
    fn lines_of_one_speaker_that_overlap_count_once() {
        let facts = measure(&[('C', 0, 3000, "a b c"), ('C', 1000, 2000, "d"), ('I', 3000, 6000, "e f g")]);
        assert_eq!(numbers(&facts)[..4], [Some(0.5), Some(80.0), Some(0.0), Some(3.0)]);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let facts =
            measure(&[('I', 0, 1000, "a"), ('C', 1500, 2000, "b"), ('I', 3000, 4000, "c"), ('C', 5005, 6000, "d")]);
        assert_eq!(facts.median_response_seconds, Some(0.75));
    }

    proptest! {
        #[test]
        fn every_number_is_human_or_withheld_and_repeatable(
            lines in proptest::collection::vec((any::<bool>(), any::<bool>(), 0u64..4_000_000, prop_oneof![0u64..9000, any::<u64>()]), 0..20),
        ) {
            let spoken: Vec<(char, u64, u64, &str)> = lines.iter()
                .map(|(own, _, from, length)| (if *own { 'C' } else { 'I' }, *from, from.saturating_add(*length), "um, like this")).collect();
            let mut transcript = transcript(&spoken);
            for (utterance, (_, is_timed, ..)) in transcript.utterances.iter_mut().zip(&lines) {
                utterance.is_timed = *is_timed;
            }
            let facts = SpeechFacts::measure(&transcript, &FillerList::ENGLISH);
            let bounds = [0.0..=1.0, PACES, FILLERS, MONOLOGUES, RESPONSES];
            for (number, bounds) in numbers(&facts).into_iter().zip(bounds) {
                prop_assert!(number.is_none_or(|number| bounds.contains(&number)));
            }
            // A name for each null, and no other.
            let json = serde_json::to_value(&facts).unwrap();
            let mut null: Vec<&str> = ALL.into_iter().filter(|name| json[name].is_null()).collect();
            null.sort_unstable();
            prop_assert_eq!(null, facts.withheld.keys().collect::<Vec<_>>());
            let bytes = serde_json::to_string(&facts).unwrap();
            prop_assert_eq!(serde_json::to_string(&SpeechFacts::measure(&transcript, &FillerList::ENGLISH)).unwrap(), bytes.clone());
            prop_assert_eq!(serde_json::from_str::<SpeechFacts>(&bytes).unwrap(), facts);
        }
    }
}
