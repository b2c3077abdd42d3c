//! Quotes: found only where they were said, and always where they were.

use domain::evidence::{EvidenceIndex, MIN_QUOTE_WORDS, find_quote};
use domain::text;
use domain::transcript::{Speaker, Transcript, Utterance};

/// Holds the matcher to its properties. The input's first line is a quote; each other line was said, by the candidate and
/// the interviewer in turn. Says whether the quote is found.
pub fn hold(input: &[u8]) -> bool {
    let input = String::from_utf8_lossy(input);
    let mut lines = input.split('\n');
    let quote = lines.next().unwrap_or_default();
    let utterances = (0..).zip(lines.take(40)).map(|(number, text)| Utterance {
        speaker: if number % 2 == 0 { Speaker::Interviewee } else { Speaker::Interviewer },
        text: text.to_owned(),
        start_ms: number * 10,
        end_ms: number * 10 + 5,
        is_timed: true,
    });
    let transcript = Transcript { utterances: utterances.collect(), ..Transcript::default() };

    let mut is_found = false;
    for speaker in [Speaker::Interviewee, Speaker::Interviewer] {
        let Some(found) = find_quote(&transcript, speaker, quote) else { continue };
        let place = transcript.of(speaker).find(|utterance| utterance.start_ms == found.start_ms).unwrap();
        assert!(place.text.contains(&found.text) && place.end_ms == found.end_ms && found.speaker == speaker);
        assert_eq!(text::normalise(&found.text), text::normalise(quote), "other words were given back");
        assert!(text::word_count(&found.text) >= MIN_QUOTE_WORDS, "{}", found.text);
        let again = find_quote(&transcript, speaker, &found.text).unwrap();
        assert_eq!(again, found, "what is stored is not found again");
        is_found = true;
    }

    let index = EvidenceIndex::new(&transcript);
    for utterance in &transcript.utterances {
        let words = text::words(&utterance.text);
        for said in words.windows(words.len().clamp(1, 6)).take(12).filter(|said| text::count(said) >= MIN_QUOTE_WORDS)
        {
            // What a model would copy, once as it stands and once with other spelling around the same words.
            let copied = &utterance.text[said[0].range.start..said[said.len() - 1].range.end];
            let same = |spelled: &str| text::words(spelled).iter().map(|w| &w.text).eq(said.iter().map(|w| &w.text));
            for spelled in [copied.to_owned(), format!("…“{copied}”."), copied.replace(' ', "  ")] {
                if same(&spelled) {
                    let found = index.find(utterance.speaker, &spelled);
                    assert!(found.is_some(), "{spelled} was said in {}", utterance.text);
                }
            }
        }
    }
    is_found
}
