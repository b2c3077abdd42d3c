//! Transcript files: read, merged, fenced and measured, whatever is in them.

use domain::ids::UserId;
use domain::speech::{FillerList, SpeechFacts};
use domain::text;
use domain::transcript::{FENCE_END, FENCE_START, Transcript, parse};
use jiff::Timestamp;

/// What separates the files of two sessions in one input.
const SEPARATOR: u8 = 0x1E;

/// Holds everything between a file and the prompt to its properties. The input is one file, or several with a record
/// separator between them. Says whether one of the two said something.
pub fn hold(input: &[u8]) -> bool {
    let user = |id: &str| id.parse::<UserId>().unwrap();
    let (candidate, interviewer) = (user("user_FAKEcandidate"), user("user_FAKEinterviewer"));
    let mut sessions = Vec::new();
    for (number, file) in (0..).zip(input.split(|byte| *byte == SEPARATOR)) {
        // Sessions that do not start in the order of their files, one of them at the end of the calendar.
        let start = Timestamp::from_second([1_795_163_510, 253_402_207_200, 1_795_160_000][number % 3]).unwrap();
        let parsed = parse(file, start);
        assert!(parsed.lines.len() + parsed.skipped <= file.split(|byte| *byte == b'\n').count());
        for line in &parsed.lines {
            assert!(!line.speaker_id.is_empty() && !line.text.is_empty() && line.start <= line.end, "{line:?}");
        }
        sessions.push((start, parsed));
    }

    let lines: usize = sessions.iter().map(|(_, parsed)| parsed.lines.len()).sum();
    let skipped: usize = sessions.iter().map(|(_, parsed)| parsed.skipped).sum();
    let merged = Transcript::merge(sessions.clone(), &candidate, &interviewer);
    sessions.reverse();
    assert_eq!(Transcript::merge(sessions, &candidate, &interviewer), merged, "the order of the files matters");
    assert_eq!((merged.utterances.len() + merged.unknown_speakers, merged.skipped), (lines, skipped));
    assert!(merged.utterances.is_sorted_by_key(|utterance| utterance.start_ms));
    assert!(merged.utterances.iter().all(|utterance| utterance.start_ms <= utterance.end_ms));
    let json = serde_json::to_vec(&merged).unwrap();
    assert_eq!(serde_json::from_slice::<Transcript>(&json).unwrap(), merged);

    hold_fence(&merged);
    assert_eq!(merged.thinness().is_some(), merged.is_thin());
    let facts = SpeechFacts::measure(&merged, &FillerList::ENGLISH);
    assert!(facts.candidate_talk_ratio.is_none_or(|ratio| (0.0..=1.0).contains(&ratio)), "{facts:?}");
    assert!(facts.words_per_minute.is_none_or(|pace| (20.0..=500.0).contains(&pace)), "{facts:?}");
    !merged.utterances.is_empty()
}

/// Every utterance is one line between the two of the fence, says who spoke, and has all its words.
fn hold_fence(transcript: &Transcript) {
    let fenced = transcript.fenced();
    assert!(fenced.chars().all(|c| c == '\n' || !(c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))));
    let lines: Vec<&str> = fenced.split('\n').collect();
    let said = lines.strip_prefix(&[FENCE_START]).and_then(|rest| rest.strip_suffix(&[FENCE_END])).unwrap();
    assert_eq!(said.len(), transcript.utterances.len());
    for (index, (line, utterance)) in said.iter().zip(&transcript.utterances).enumerate() {
        let head = format!("[{index}] ");
        let (time, text) = line.strip_prefix(&head).and_then(|line| line.split_once(' ')).unwrap();
        assert!(time.len() >= 8 && time.chars().all(|c| c.is_ascii_digit() || c == ':'), "{line}");
        let text = text.strip_prefix(&format!("{}: ", utterance.speaker)).unwrap();
        assert!(!text.contains("<<") && !text.contains(">>"), "{line}");
        let squeezed = |text: &str| text::normalise(text).replace(' ', "");
        assert_eq!(squeezed(text), squeezed(&utterance.text), "a word was lost");
    }
}
