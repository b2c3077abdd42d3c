//! Playing a whole session from a transcript.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::calls::{Call, Silence};
use super::media::{LineFormat, Script};
use super::wire::{DateTimes, Refusal, View};
use super::{Inner, session_start_default};
use crate::clock;
use crate::crypto::{Shuffler, random_uuid};
use crate::delivery::{Delivery, Message, Outcome};
use crate::http::lock;
use crate::transcripts::transcript;

/// Stream ends a session this long after the last participant left.
const INACTIVITY: SignedDuration = SignedDuration::from_secs(30);
/// Length of a session in which nothing is said.
const SILENT_SECONDS: f64 = 600.0;

/// How a session goes. Times are offsets from its start, in seconds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlayRequest {
    /// The name of a bundled transcript.
    pub transcript: Option<String>,
    /// A transcript file in one of Stream's two forms, with `interviewee` and `interviewer` as speakers.
    pub inline: Option<String>,
    /// When the session starts; the call's `starts_at`, or now, when absent.
    pub start: Option<Value>,
    /// User ids; by default the first member with the role `user`, and the first with the role `host`.
    pub interviewee: Option<String>,
    pub interviewer: Option<String>,
    /// Only one of the two comes: `interviewee` or `interviewer`.
    pub only_join: Option<String>,
    /// Keyed by `interviewee` and `interviewer`; 0 and 3 by default.
    pub join_after_seconds: BTreeMap<String, f64>,
    /// Keyed alike; by default both leave a few seconds after the last word.
    pub leave_after_seconds: BTreeMap<String, f64>,
    /// Form of the times in transcript lines; that of the file when absent.
    pub format: Option<LineFormat>,
    /// Form of the date-times in events.
    pub date_times: Option<DateTimes>,
    pub silence: Silence,
    pub gzip: Option<bool>,
    /// Every event is delivered this many times. 0 counts as 1.
    pub repeat: u32,
    /// A seed: events arrive in an order that it determines. In JSON also `true`, for the seed 1.
    #[serde(deserialize_with = "seed")]
    pub shuffle: Option<u64>,
    /// Waits this long, after both have joined, for the server to start recording and transcription.
    pub hold_open_seconds: Option<f64>,
    /// Delivers all events at the same time.
    pub parallel: bool,
}

fn seed<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null | Value::Bool(false) => Ok(None),
        Value::Bool(true) => Ok(Some(1)),
        other => other.as_u64().map(Some).ok_or_else(|| serde::de::Error::custom("shuffle is a seed or a boolean")),
    }
}

enum Step {
    Join(String),
    Leave(String),
}

struct Plan {
    start: Timestamp,
    script: Script,
    steps: Vec<(Timestamp, Step)>,
    end: Timestamp,
}

/// Plays the session and sends its events. Answers what happened: the session, its files and each delivery.
pub async fn play(inner: &Inner, call_type: &str, id: &str, request: PlayRequest) -> Result<Value, Refusal> {
    let cid = format!("{call_type}:{id}");
    let times = request.date_times.unwrap_or_else(|| inner.manners().webhook_date_times);
    let plan = inner.change_call_with(&cid, times, |call, _| plan(call, &request))?;
    // Leaves come after all joins unless somebody leaves early, so the point to pause is before the first leave.
    let pause_at = plan.steps.iter().position(|(_, step)| matches!(step, Step::Leave(_))).unwrap_or(plan.steps.len());
    let hold_open = request.hold_open_seconds.filter(|seconds| *seconds > 0.0 && request.shuffle.is_none());
    let (before, after) = plan.steps.split_at(if hold_open.is_some() { pause_at } else { 0 });
    let mut deliveries = Vec::new();
    if let Some(seconds) = hold_open {
        let events = inner.change_call_with(&cid, times, |call, view| {
            let events = run(call, view, before)?;
            call.set_script(plan.script.clone(), request.silence);
            Ok(events)
        })?;
        deliveries.extend(send(inner, &request, events).await);
        inner
            .wait_for(seconds, |state| {
                let call = state.calls.get(&cid);
                call.is_none_or(|call| call.recording.is_some() && call.transcription.is_some())
            })
            .await;
    }
    let events = inner.change_call_with(&cid, times, |call, view| {
        let mut events = Vec::new();
        for step in after {
            events.extend(run(call, view, std::slice::from_ref(step))?);
            call.set_script(plan.script.clone(), request.silence);
        }
        events.extend(call.end_session(view, plan.end)?);
        Ok(events)
    })?;
    deliveries.extend(send(inner, &request, events).await);
    Ok(summary(inner, &cid, &plan, &deliveries))
}

fn plan(call: &Call, request: &PlayRequest) -> Result<Plan, Refusal> {
    let member = |given: &Option<String>, roles: &[&str], who: &str| {
        let found = given.clone().or_else(|| call.member_with_role(roles));
        found.ok_or_else(|| Refusal::input(format!("{who} is neither given nor a member of the call")))
    };
    let interviewee = member(&request.interviewee, &["user", "call-member"], "interviewee")?;
    let interviewer = member(&request.interviewer, &["host", "moderator", "admin"], "interviewer")?;
    let start = match &request.start {
        Some(start) => clock::parse(start).ok_or_else(|| Refusal::input("start is not a date-time"))?,
        None => session_start_default(call.starts_at),
    };
    let (file, minutes) = match (&request.inline, &request.transcript) {
        (Some(inline), _) => (inline.as_str(), None),
        (None, Some(name)) => {
            let found = transcript(name).ok_or_else(|| Refusal::missing(format!("no transcript named {name}")))?;
            (found.file, Some(found.minutes))
        }
        (None, None) => ("", None),
    };
    let script = Script::read(file, &interviewee, &interviewer, request.format);
    let spoken = seconds(script.length_ms());
    let length = minutes.map_or(if spoken > 0.0 { spoken + 5.0 } else { SILENT_SECONDS }, |minutes| {
        (f64::from(minutes) * 60.0).max(spoken + 5.0)
    });
    let limit = call.settings["limits"]["max_duration_seconds"].as_f64().filter(|limit| *limit > 0.0);
    let length = limit.map_or(length, |limit| length.min(limit));
    let mut steps = Vec::new();
    for (who, user_id, usual_join) in [("interviewee", interviewee, 0.0), ("interviewer", interviewer, 3.0)] {
        if request.only_join.as_deref().is_some_and(|only| only != who) {
            continue;
        }
        let join = request.join_after_seconds.get(who).copied().unwrap_or(usual_join);
        let leave = request.leave_after_seconds.get(who).copied().unwrap_or(length).max(join);
        steps.push((start + offset(join), Step::Join(user_id.clone())));
        steps.push((start + offset(leave), Step::Leave(user_id)));
    }
    if steps.is_empty() {
        return Err(Refusal::input("onlyJoin must be interviewee or interviewer"));
    }
    // Stable: somebody who leaves when they join does so in that order.
    steps.sort_by_key(|(at, _)| *at);
    let end = steps.last().map_or(start, |(at, _)| *at) + INACTIVITY;
    Ok(Plan { start, script, steps, end })
}

#[expect(clippy::cast_precision_loss, reason = "a session lasts less than 2^52 milliseconds")]
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

fn offset(seconds: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::ZERO)
}

fn run(call: &mut Call, view: View, steps: &[(Timestamp, Step)]) -> Result<Vec<Value>, Refusal> {
    let mut events = Vec::new();
    for (at, step) in steps {
        events.extend(match step {
            Step::Join(user_id) => call.join(view, user_id, None, *at)?,
            Step::Leave(user_id) => call.leave(view, user_id, *at, "")?,
        });
    }
    Ok(events)
}

async fn send(inner: &Inner, request: &PlayRequest, events: Vec<Value>) -> Vec<Delivery> {
    let times = request.repeat.max(1);
    let message = |event: &Value| {
        let mut message = inner.message(event);
        message.gzip = request.gzip.unwrap_or(message.gzip);
        message
    };
    if request.parallel {
        return send_at_once(inner, &events, times, message).await;
    }
    let Some(seed) = request.shuffle else {
        let messages = events.iter().map(|event| (message(event), times)).collect();
        return inner.send_messages(messages).await;
    };
    // Repeats of one event carry one id, so each keeps the message that was made for it.
    let ids: Vec<String> = events.iter().map(|_| random_uuid()).collect();
    let mut order: Vec<usize> = (0..events.len()).flat_map(|index| (0..times).map(move |_| index)).collect();
    Shuffler(seed).shuffle(&mut order);
    let messages = order
        .into_iter()
        .map(|index| {
            let event = &events[index];
            let event_type = event["type"].as_str().unwrap_or_default();
            let mut message = inner.signed_message(event_type, event.to_string(), Some(ids[index].clone()), None);
            message.gzip = request.gzip.unwrap_or(message.gzip);
            (message, 1)
        })
        .collect();
    inner.send_messages(messages).await
}

async fn send_at_once(
    inner: &Inner,
    events: &[Value],
    times: u32,
    message: impl Fn(&Value) -> Message,
) -> Vec<Delivery> {
    let mut tasks = Vec::new();
    for event in events {
        let message = std::sync::Arc::new(message(event));
        for _ in 0..times {
            let (outbound, message) = (inner.outbound.clone(), message.clone());
            outbound.announce();
            tasks.push(tokio::spawn(async move { outbound.send(&message).await }));
        }
    }
    let mut deliveries = Vec::new();
    for task in tasks {
        deliveries.extend(task.await.ok());
    }
    deliveries
}

fn summary(inner: &Inner, cid: &str, plan: &Plan, deliveries: &[Delivery]) -> Value {
    let kept = lock(&inner.kept);
    let call = kept.state.calls.get(cid);
    let session = call.and_then(|call| call.sessions.last());
    let files = |files: Option<&Vec<super::calls::Media>>| -> Vec<String> {
        let session_id = session.map(|session| session.id.as_str()).unwrap_or_default();
        let of_session = files.into_iter().flatten().filter(|file| file.session_id == session_id);
        of_session.map(|file| file.filename.clone()).collect()
    };
    let events: Vec<Value> = deliveries
        .iter()
        .map(|delivery| {
            let status = delivery.attempts.last().and_then(|attempt| attempt.status);
            json!({ "type": delivery.event_type, "id": delivery.id, "outcome": delivery.outcome, "status": status })
        })
        .collect();
    json!({
        "sessionId": session.map(|session| session.id.clone()),
        "start": plan.start.to_string(),
        "end": plan.end.to_string(),
        "recordings": files(call.map(|call| &call.recordings)),
        "transcriptions": files(call.map(|call| &call.transcriptions)),
        "delivered": deliveries.iter().filter(|delivery| delivery.outcome == Outcome::Delivered).count(),
        "events": events,
    })
}
