//! The files a call leaves behind: transcripts cut to the time in which transcription ran, and recordings.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE};
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The form of times in transcript lines. Stream's sources disagree, so both must be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineFormat {
    /// `start_ts`, `stop_ts`: milliseconds from the start of the transcription.
    Ms,
    /// `start_time`, `stop_time`: instants.
    Rfc3339,
    /// `start_ts`, `stop_ts`: seconds since 1970.
    EpochSeconds,
}

/// The start of the session in transcript files whose lines carry instants.
pub const FILE_EPOCH: &str = "2026-01-01T00:00:00Z";

/// One line of what is said in a session, timed from the session's start.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum ScriptLine {
    Said {
        speaker: String,
        text: String,
        start_ms: i64,
        stop_ms: i64,
    },
    /// A line that is no utterance. It is passed on as it is.
    Raw(String),
}

/// Everything that is said in a session.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Script {
    pub lines: Vec<ScriptLine>,
    pub format: LineFormat,
}

impl Script {
    /// Reads a transcript file. The speakers `interviewee` and `interviewer` are replaced by the given user ids; the
    /// lines are written in `format`, or in the form that the file itself has.
    pub fn read(file: &str, interviewee: &str, interviewer: &str, format: Option<LineFormat>) -> Self {
        let has_instants = file.contains("\"start_time\"");
        let format = format.unwrap_or(if has_instants { LineFormat::Rfc3339 } else { LineFormat::Ms });
        let lines = file
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                read_line(line, interviewee, interviewer).unwrap_or_else(|| {
                    let speakers = line.replace("\"interviewee\"", &format!("\"{interviewee}\""));
                    ScriptLine::Raw(speakers.replace("\"interviewer\"", &format!("\"{interviewer}\"")))
                })
            })
            .collect();
        Self { lines, format }
    }

    /// When the last utterance ends, from the session's start.
    pub fn length_ms(&self) -> i64 {
        let stops = self.lines.iter().map(|line| match line {
            ScriptLine::Said { stop_ms, .. } => *stop_ms,
            ScriptLine::Raw(_) => 0,
        });
        stops.max().unwrap_or(0)
    }

    /// The transcript file of what was said while transcription ran, from `start` to `end`, by those who were in the
    /// call. `None` when nothing was.
    pub fn transcript(
        &self,
        session_start: Timestamp,
        start: Timestamp,
        end: Timestamp,
        was_present: impl Fn(&str, Timestamp) -> bool,
    ) -> Option<String> {
        let mut file = String::new();
        for line in &self.lines {
            match line {
                ScriptLine::Raw(raw) => file.push_str(raw),
                ScriptLine::Said { speaker, text, start_ms, stop_ms } => {
                    let said_at = session_start + SignedDuration::from_millis(*start_ms);
                    let said_until = session_start + SignedDuration::from_millis(*stop_ms);
                    if said_at < start || said_at >= end || !was_present(speaker, said_at) {
                        continue;
                    }
                    file.push_str(&self.write_line(speaker, text, start, said_at, said_until).to_string());
                }
            }
            file.push('\n');
        }
        (!file.is_empty()).then_some(file)
    }

    fn write_line(&self, speaker: &str, text: &str, start: Timestamp, from: Timestamp, until: Timestamp) -> Value {
        match self.format {
            LineFormat::Ms => json!({
                "speaker_id": speaker, "type": "speech", "text": text,
                "start_ts": (from.duration_since(start)).as_millis(), "stop_ts": (until.duration_since(start)).as_millis(),
            }),
            LineFormat::Rfc3339 => json!({
                "speaker_id": speaker, "type": "speech", "text": text,
                "start_time": format!("{from:.3}"), "stop_time": format!("{until:.3}"),
            }),
            LineFormat::EpochSeconds => json!({
                "speaker_id": speaker, "type": "speech", "text": text,
                "start_ts": seconds(from), "stop_ts": seconds(until),
            }),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

fn read_line(line: &str, interviewee: &str, interviewer: &str) -> Option<ScriptLine> {
    let value: Value = serde_json::from_str(line).ok()?;
    let epoch: Timestamp = FILE_EPOCH.parse().ok()?;
    let offset = |milliseconds: &str, instant: &str| -> Option<i64> {
        if let Some(offset) = value[milliseconds].as_i64() {
            return Some(offset);
        }
        let at: Timestamp = value[instant].as_str()?.parse().ok()?;
        Some(at.as_millisecond() - epoch.as_millisecond())
    };
    let start_ms = offset("start_ts", "start_time")?;
    let stop_ms = offset("stop_ts", "stop_time")?;
    // Nonsense times belong to garbage and must arrive as they are.
    if start_ms < 0 || stop_ms < start_ms || value["type"] != "speech" {
        return None;
    }
    let speaker = match value["speaker_id"].as_str()? {
        "interviewee" => interviewee,
        "interviewer" => interviewer,
        other => other,
    };
    Some(ScriptLine::Said { speaker: speaker.to_owned(), text: value["text"].as_str()?.to_owned(), start_ms, stop_ms })
}

/// Bytes that look like an MP4 file to a type sniffer: an `ftyp` box and an `mdat` box filled up to `length` bytes.
pub fn recording_bytes(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length.max(64));
    bytes.extend_from_slice(&24_u32.to_be_bytes());
    bytes.extend_from_slice(b"ftypisom\0\0\x02\0isommp42");
    let content = u32::try_from(length.saturating_sub(bytes.len()).max(8)).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&content.to_be_bytes());
    bytes.extend_from_slice(b"mdat");
    let mut noise: u32 = 0x1234_5678;
    while bytes.len() < length {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.push(noise.to_be_bytes()[0]);
    }
    bytes
}

/// A file as a file server gives it: whole, or from the byte on that is asked for, where the file is still the same.
pub fn serve(asked: &HeaderMap, filename: &str, content_type: &str, mut bytes: Vec<u8>) -> Response {
    let etag = format!("\"{filename}-{}\"", bytes.len());
    let header = |name| asked.get(name).and_then(|value| value.to_str().ok());
    let same = header(IF_RANGE).is_none_or(|known| known == etag);
    let from = header(RANGE).filter(|_| same).and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
    let Some(from) = from.and_then(|from| from.parse::<usize>().ok()) else {
        return ([(CONTENT_TYPE, content_type), (ETAG, &etag)], bytes).into_response();
    };
    let length = bytes.len();
    if from >= length {
        return (StatusCode::RANGE_NOT_SATISFIABLE, [(CONTENT_RANGE, format!("bytes */{length}"))]).into_response();
    }
    let range = format!("bytes {from}-{}/{length}", length - 1);
    let headers = [(CONTENT_TYPE, content_type), (ETAG, &etag), (CONTENT_RANGE, &range)];
    (StatusCode::PARTIAL_CONTENT, headers, bytes.split_off(from)).into_response()
}
