//! Reading one of Stream's transcript files.
//!
//! A file is JSON Lines. A line says when it was spoken in `start_ts` and `stop_ts` or in `start_time` and `stop_time`, and
//! sources disagree on how. What is meant is told by what lies near: a time is read as the one of its possible meanings that
//! lies within a day of the file's start, which is known from Stream. These are RFC 3339, milliseconds from the start (of
//! which a day has 86 400 000), and seconds, milliseconds, microseconds and nanoseconds since 1970. For any start after 1972
//! at most one of them fits, since they are a thousand times apart.
//!
//! A time with no such meaning is none, and neither is one that cannot be: an end before its start, a line that lasts longer
//! than anybody takes for its words, a start minutes away from both neighbours. The words count all the same. They were
//! spoken after the line before and before the line after, and get times that say so.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::{ParsedTranscript, RawUtterance};
use crate::text;

/// Longer lines are skipped: an utterance of this many bytes would last for hours.
const MAX_LINE_BYTES: usize = 64 * 1024;
/// Lines after this many are skipped: a file of an hour has hundreds.
pub(super) const MAX_LINES: usize = 50_000;
/// How far from the file's start a time may lie, before it or after.
const NEAR: SignedDuration = SignedDuration::from_hours(24);
/// How many milliseconds the units have in which numbers count from 1970.
const UNITS_MS: [f64; 4] = [1000.0, 1.0, 0.001, 0.000_001];
/// Lines are written when they end, so one may stand after others that began later. By more than this none does.
const OVERLAP: SignedDuration = SignedDuration::from_mins(2);
/// How long a word takes in a line that does not say when it ended: 150 words a minute.
const WORD: SignedDuration = SignedDuration::from_millis(400);
/// A line lasts no longer than this for each of its words, and [`PAUSE`].
const SLOWEST_WORD: SignedDuration = SignedDuration::from_secs(6);
/// See [`SLOWEST_WORD`].
const PAUSE: SignedDuration = SignedDuration::from_mins(1);

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: Option<String>,
    speaker_id: Option<String>,
    text: Option<String>,
    start_ts: Option<Value>,
    stop_ts: Option<Value>,
    start_time: Option<Value>,
    stop_time: Option<Value>,
}

/// What a line says, with the times that can be believed.
struct Told {
    speaker_id: String,
    text: String,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

/// Reads a transcript file. `transcription_started_at` is what milliseconds count from. Empty lines, lines of another
/// `type` than `speech` and utterances without a word are nothing to read and are not counted as skipped.
pub fn parse(jsonl: &[u8], transcription_started_at: Timestamp) -> ParsedTranscript {
    let (mut told, mut skipped) = (Vec::new(), 0);
    let bytes = jsonl.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(jsonl);
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    for (number, line) in lines.enumerate() {
        if number >= MAX_LINES || line.len() > MAX_LINE_BYTES {
            skipped += 1;
            continue;
        }
        match parse_line(line, transcription_started_at) {
            Ok(Some(line)) => told.push(line),
            Ok(None) => {}
            Err(BadLine) => skipped += 1,
        }
    }
    ParsedTranscript { lines: mend(told, transcription_started_at), skipped }
}

/// A line that cannot be read.
struct BadLine;

/// What a line says; `None` where the line is fine and holds no speech.
fn parse_line(line: &[u8], started_at: Timestamp) -> Result<Option<Told>, BadLine> {
    let line: Line = serde_json::from_slice(line).map_err(|_| BadLine)?;
    if line.kind.is_some_and(|kind| kind != "speech") {
        return Ok(None);
    }
    let speaker_id = line.speaker_id.filter(|id| !id.is_empty()).ok_or(BadLine)?;
    let text = line.text.ok_or(BadLine)?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let time = |values: [Option<Value>; 2]| values.iter().flatten().find_map(|value| instant(value, started_at));
    let start = time([line.start_ts, line.start_time]);
    let longest = SLOWEST_WORD * words(text) + PAUSE;
    let possible = |end: &Timestamp| start.is_none_or(|start| start <= *end && end.duration_since(start) <= longest);
    let end = time([line.stop_ts, line.stop_time]).filter(possible);
    Ok(Some(Told { speaker_id, text: text.to_owned(), start, end }))
}

/// How many words a line has, for reckoning with time.
fn words(text: &str) -> i32 {
    i32::try_from(text::word_count(text)).unwrap_or(i32::MAX)
}

/// What a value means, where it means a time near the start.
fn instant(value: &Value, started_at: Timestamp) -> Option<Timestamp> {
    let near = |at: &Timestamp| at.duration_since(started_at).abs() <= NEAR;
    let number = match value {
        Value::String(text) => match text.trim().parse::<Timestamp>() {
            Ok(at) => return Some(at).filter(near),
            Err(_) => text.trim().parse().ok()?,
        },
        value => value.as_f64()?,
    };
    let since_start = whole(number).and_then(|ms| started_at.checked_add(SignedDuration::from_millis(ms)).ok());
    let since_1970 = |unit_ms: &f64| whole(number * unit_ms).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    since_start.filter(near).or_else(|| UNITS_MS.iter().filter_map(since_1970).find(near))
}

/// The nearest whole number, of numbers that can be milliseconds.
fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "it was just found to fit")]
    (number.abs() < 1e15).then(|| number.round() as i64)
}

/// Gives every line times that keep it between its neighbours.
fn mend(mut told: Vec<Told>, started_at: Timestamp) -> Vec<RawUtterance> {
    drop_strays(&mut told);
    let mut next = None;
    let mut after: Vec<Option<Timestamp>> = Vec::with_capacity(told.len());
    for line in told.iter().rev() {
        after.push(next);
        next = line.start.or_else(|| line.end.into_iter().chain(next).min());
    }
    let mut lines: Vec<RawUtterance> = Vec::with_capacity(told.len());
    for (line, next) in told.into_iter().zip(after.into_iter().rev()) {
        let natural = WORD * words(&line.text);
        let start = line.start.unwrap_or_else(|| {
            let latest = line.end.into_iter().chain(next).min();
            let earliest = lines.last().map_or(started_at, |before| before.end);
            let guessed =
                line.end.and_then(|end| end.checked_sub(natural).ok()).map_or(earliest, |at| at.max(earliest));
            let guessed = latest.map_or(guessed, |latest| guessed.min(latest));
            lines.last().map_or(guessed, |before| guessed.max(before.start))
        });
        let told_end = line.end.filter(|end| start <= *end);
        let end = told_end.unwrap_or_else(|| {
            let natural = start.checked_add(natural).unwrap_or(start);
            next.filter(|next| start <= *next).map_or(natural, |next| natural.min(next))
        });
        let is_timed = line.start.is_some() && told_end.is_some();
        lines.push(RawUtterance { speaker_id: line.speaker_id, text: line.text, start, end, is_timed });
    }
    lines
}

/// Takes the times of lines that began minutes before or after both of their neighbours, which agree with each other.
fn drop_strays(told: &mut [Told]) {
    let starts: Vec<(usize, Timestamp)> =
        told.iter().enumerate().filter_map(|(place, line)| Some((place, line.start?))).collect();
    for around in starts.windows(3) {
        let [(_, before), (place, start), (_, after)] = around else { continue };
        let is_stray = before.duration_since(*start) > OVERLAP || start.duration_since(*after) > OVERLAP;
        if before <= after && is_stray {
            (told[*place].start, told[*place].end) = (None, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::at;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const STARTED: &str = "2026-11-20T08:31:50Z";

    /// Start and end of each line, in milliseconds from [`STARTED`], and whether both were told.
    fn read(lines: &[Value]) -> Vec<(i128, i128, bool)> {
        let line = |times: &Value| {
            let mut line = json!({ "speaker_id": "a", "type": "speech", "text": "four words in it" });
            line.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
            line.to_string()
        };
        let file: Vec<String> = lines.iter().map(line).collect();
        let parsed = parse(file.join("\n").as_bytes(), at(STARTED));
        assert_eq!((parsed.lines.len(), parsed.skipped), (lines.len(), 0));
        let since = |time: Timestamp| time.duration_since(at(STARTED)).as_millis();
        parsed.lines.iter().map(|line| (since(line.start), since(line.end), line.is_timed)).collect()
    }

    #[test]
    fn a_time_is_read_as_what_lies_near_the_start() {
        for (start, stop) in [
            (json!(12_040), json!(15_480)),
            (json!(12_040.2), json!(15_479.6)),
            (json!("12040"), json!("15480")),
            (json!(1_795_163_522.04), json!(1_795_163_525.48)),
            (json!(1_795_163_522_040_u64), json!(1_795_163_525_480_u64)),
            (json!(1_795_163_522_040_000_u64), json!(1_795_163_525_480_000_u64)),
            (json!(1_795_163_522_040_000_000_u64), json!(1_795_163_525_480_000_000_u64)),
            (json!("2026-11-20T08:32:02.040Z"), json!("2026-11-20T09:32:05.480+01:00")),
            (json!("1795163522.04"), json!(1_795_163_525.48)),
        ] {
            for line in
                [json!({ "start_ts": start, "stop_ts": stop }), json!({ "start_time": start, "stop_time": stop })]
            {
                assert_eq!(read(std::slice::from_ref(&line)), [(12_040, 15_480, true)], "{line}");
            }
        }
        let both = json!({ "start_ts": null, "start_time": 5, "stop_ts": "soon", "stop_time": 900 });
        assert_eq!(read(&[both]), [(5, 900, true)]);
        let before = json!({ "start_ts": -3000, "stop_ts": "2026-11-20T08:31:49Z" });
        assert_eq!(read(&[before]), [(-3000, -1000, true)]);
        // The same day and hour, in whole seconds and five minutes on.
        let seconds = json!({ "start_ts": 1_795_163_810, "stop_ts": 1_795_163_815 });
        assert_eq!(read(&[seconds]), [(300_000, 305_000, true)]);
    }

    #[test]
    fn what_cannot_be_a_time_is_mended_from_the_neighbours() {
        let odd = [
            json!(null),
            json!("soon"),
            json!([1]),
            json!(true),
            json!("0001-01-01T00:00:00Z"),
            json!(99_999_999_999_u64),
            json!(1e300),
            json!("NaN"),
        ];
        let first = json!({ "start_ts": 1000, "stop_ts": 2000 });
        let last = json!({ "start_ts": 9000, "stop_ts": 9900 });
        for odd in &odd {
            let lines = [
                first.clone(),
                json!({ "start_ts": 3000, "stop_ts": odd }),
                json!({ "start_ts": odd, "stop_ts": odd }),
                json!({ "start_ts": odd, "stop_ts": 8500 }),
                json!({ "text": "a line of many more words than there was time for before the next one" , "start_ts": 8800 }),
                last.clone(),
            ];
            let expected = [
                (1000, 2000, true),
                (3000, 4600, false),
                (4600, 6200, false),
                (6900, 8500, false),
                (8800, 9000, false),
                (9000, 9900, true),
            ];
            assert_eq!(read(&lines), expected, "{odd}");
        }
        let backwards = json!({ "start_ts": 3000, "stop_ts": 2999 });
        let hours = json!({ "start_ts": 3000, "stop_ts": 9_000_000 });
        for line in [backwards, hours] {
            assert_eq!(read(&[first.clone(), line, last.clone()])[1], (3000, 4600, false));
        }
    }

    #[test]
    fn a_line_far_from_both_neighbours_is_where_it_stands() {
        let line = |from: i64| json!({ "start_ts": from, "stop_ts": from + 500 });
        let stray = |from: i64| read(&[line(600_000), line(from), line(602_000)])[1];
        assert_eq!(stray(0), (600_500, 602_000, false));
        assert_eq!(stray(80_000_000), (600_500, 602_000, false));
        // What began before the line above it, and took longer to end, is where it says.
        assert_eq!(stray(590_000), (590_000, 590_500, true));
        // After a break nothing is far.
        assert_eq!(read(&[line(0), line(1_200_000), line(1_201_000)])[1], (1_200_000, 1_200_500, true));
    }

    #[test]
    fn without_any_time_the_order_is_kept() {
        let none = json!({});
        assert_eq!(
            read(&[none.clone(), none.clone(), none]),
            [(0, 1600, false), (1600, 3200, false), (3200, 4800, false)]
        );
        let stopped = json!({ "stop_ts": -5000 });
        assert_eq!(read(&[stopped.clone(), stopped]), [(-5000, -5000, false); 2]);
    }

    fn time() -> impl Strategy<Value = Value> {
        let since_1970 =
            |unit: f64| (0.0..3600.0).prop_map(move |s: f64| json!(((1_795_163_510.0 + s) * unit).round()));
        prop_oneof![
            (0i64..3_600_000).prop_map(|ms| json!(ms)),
            since_1970(1.0),
            since_1970(1e3),
            since_1970(1e6),
            since_1970(1e9),
            (0i64..3600).prop_map(|s| json!((at(STARTED) + SignedDuration::from_secs(s)).to_string())),
            any::<i64>().prop_map(|n| json!(n)),
            any::<f64>().prop_map(|n| json!(n)),
            any::<String>().prop_map(|s| json!(s)),
            Just(Value::Null),
        ]
    }

    proptest! {
        #[test]
        fn every_meaning_of_an_instant_is_read_as_that_instant(
            year in 1973i16..2200, second in 0i64..31_000_000, ms in -86_400_000i64..86_400_000,
        ) {
            let started = jiff::civil::date(year, 1, 1).at(0, 0, 0, 0).in_tz("UTC").unwrap().timestamp()
                + SignedDuration::from_secs(second);
            let said = started + SignedDuration::from_millis(ms);
            for meaning in [
                json!(ms),
                json!(said.as_millisecond()),
                json!(said.as_microsecond()),
                json!(i64::try_from(said.as_nanosecond()).unwrap()),
                json!(said.to_string()),
            ] {
                prop_assert_eq!(instant(&meaning, started), Some(said), "{}", meaning);
            }
            let second = Timestamp::from_second(said.as_second()).unwrap();
            let is_near = second.duration_since(started).abs() <= NEAR;
            prop_assert_eq!(instant(&json!(said.as_second()), started), is_near.then_some(second));
        }

        #[test]
        fn a_time_is_near_the_start_or_none(value in time()) {
            if let Some(read) = instant(&value, at(STARTED)) {
                prop_assert!(read.duration_since(at(STARTED)).abs() <= NEAR);
            }
        }

        /// Whatever times a file has, each line comes out once, in its place, with its words, and ends after it began.
        #[test]
        fn no_line_is_lost_for_its_times(times in proptest::collection::vec((time(), time()), 0..20)) {
            let line = |(place, (start, stop)): (usize, &(Value, Value))| {
                json!({ "speaker_id": "a", "text": format!("line {place}"), "start_ts": start, "stop_ts": stop }).to_string()
            };
            let file: Vec<String> = times.iter().enumerate().map(line).collect();
            let parsed = parse(file.join("\n").as_bytes(), at(STARTED));
            prop_assert_eq!((parsed.lines.len(), parsed.skipped), (times.len(), 0));
            for (place, line) in parsed.lines.iter().enumerate() {
                prop_assert_eq!(&line.text, &format!("line {place}"));
                prop_assert!(line.start <= line.end);
            }
        }
    }
}
