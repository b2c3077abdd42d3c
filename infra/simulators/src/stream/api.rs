//! Stream's REST API: authentication, then one function per endpoint.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State as Shared};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::calls::{Call, Media, Member, State, Track};
use super::settings;
use super::wire::{Refusal, User, View, Wire, media_link_is_good};
use super::{Inner, media};
use crate::clock;
use crate::crypto::read_hs256;
use crate::http::{json_response, lock, query_value};

/// What an endpoint answers with, and the events that it causes.
struct Done {
    status: u16,
    body: Value,
    events: Vec<Value>,
}

impl Done {
    fn new(status: u16, body: Value) -> Self {
        Self { status, body, events: Vec::new() }
    }
}

/// An authenticated request.
struct Ask<'a> {
    rest: &'a Wire,
    hook: &'a Wire,
    query: Option<&'a str>,
    body: Value,
}

/// The body of a scripted failure.
pub fn error_body_of_status(status: StatusCode) -> Value {
    let (code, message) = match status {
        StatusCode::TOO_MANY_REQUESTS => (9, "Too many requests"),
        StatusCode::UNAUTHORIZED => (5, "Authentication failed"),
        StatusCode::FORBIDDEN => (17, "Not allowed"),
        StatusCode::NOT_FOUND => (16, "Does not exist"),
        StatusCode::REQUEST_TIMEOUT => (23, "Request timed out"),
        _ => (-1, "Internal error"),
    };
    Refusal { status: status.as_u16(), code, message: message.into() }.body()
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json_response(status, &refusal.body())
}

/// Every path under `/api/v2/`.
pub async fn handle(
    Shared(inner): Shared<Arc<Inner>>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match answer(&inner, &method, &uri, query.as_deref(), &headers, &body) {
        Ok(done) => {
            inner.send_later(&done.events);
            let mut body = done.body;
            body["duration"] = json!("1.23ms");
            json_response(StatusCode::from_u16(done.status).unwrap_or(StatusCode::OK), &body)
        }
        Err(refusal) => refused(&refusal),
    }
}

fn answer(
    inner: &Inner,
    method: &Method,
    uri: &Uri,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Done, Refusal> {
    authenticate(inner, query, headers)?;
    let body = read_body(headers, body)?;
    let manners = inner.manners();
    let (rest, hook) = (inner.wire(manners.rest_date_times), inner.wire(manners.webhook_date_times));
    let ask = Ask { rest: &rest, hook: &hook, query, body };
    let path: Vec<String> = uri
        .path()
        .trim_start_matches("/api/v2/")
        .split('/')
        .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = path.iter().map(String::as_str).collect();
    let mut kept = lock(&inner.kept);
    let done = route(&mut kept.state, method, &segments, &ask)?;
    if *method != Method::GET {
        inner.saved(&mut kept);
    }
    Ok(done)
}

fn route(state: &mut State, method: &Method, segments: &[&str], ask: &Ask) -> Result<Done, Refusal> {
    match (method.as_str(), segments) {
        ("POST", ["users"]) => upsert_users(state, ask),
        ("POST", ["users", "delete"]) => delete_users(state, ask),
        ("POST", ["video", "calls"]) => search(state, ask),
        ("POST", ["video", "call", call_type, id]) => get_or_create(state, call_type, id, ask),
        ("GET", ["video", "call", call_type, id]) => {
            let (call, view) = find(state, "GetCall", call_type, id, ask)?;
            Ok(Done::new(200, call_answer(view, call)))
        }
        ("PATCH", ["video", "call", call_type, id]) => change(state, call_type, id, ask),
        ("POST", ["video", "call", call_type, id, "members"]) => change_members(state, call_type, id, ask),
        ("POST", ["video", "call", call_type, id, "delete"]) => delete_call(state, call_type, id, ask),
        ("POST", ["video", "call", call_type, id, "mark_ended"]) => {
            with_events(state, "EndCall", call_type, id, ask, Call::mark_ended)
        }
        ("POST", ["video", "call", call_type, id, "recordings", kind, action @ ("start" | "stop")]) => {
            if *kind != "composite" {
                return Err(Refusal::input(format!(
                    "StartRecording failed with error: \"{kind} recording is disabled\""
                )));
            }
            start_or_stop(state, call_type, id, ask, Track::Recording, *action == "start")
        }
        ("POST", ["video", "call", call_type, id, action @ ("start_transcription" | "stop_transcription")]) => {
            settings::check_language(&ask.body["language"])?;
            start_or_stop(state, call_type, id, ask, Track::Transcription, *action == "start_transcription")
        }
        ("GET", ["video", "call", call_type, id, "recordings"]) => {
            list_media(state, call_type, id, ask, Track::Recording)
        }
        ("GET", ["video", "call", call_type, id, "transcriptions"]) => {
            list_media(state, call_type, id, ask, Track::Transcription)
        }
        ("DELETE", ["video", "call", call_type, id, session, list @ ("recordings" | "transcriptions"), filename]) => {
            let track = if *list == "recordings" { Track::Recording } else { Track::Transcription };
            delete_media(state, call_type, id, ask, track, session, filename)
        }
        ("POST", ["video", "call", call_type, id, action @ ("kick" | "block")]) => {
            remove_participant(state, call_type, id, ask, *action == "block")
        }
        ("POST", ["video", "call", call_type, id, "mute_users"]) => {
            find(state, "MuteUsers", call_type, id, ask)?;
            Ok(Done::new(201, json!({})))
        }
        ("GET", ["video", "call", call_type, id, "session", session, "participant_sessions"]) => {
            participant_sessions(state, call_type, id, ask, session)
        }
        _ => Err(Refusal::missing(format!("{method} /api/v2/{} is not an endpoint", segments.join("/")))),
    }
}

/// Refuses what Stream refuses: another key, a missing `stream-auth-type`, `Bearer`, a bad signature or time, and a
/// user's token where only a server may act.
fn authenticate(inner: &Inner, query: Option<&str>, headers: &HeaderMap) -> Result<(), Refusal> {
    let kept = lock(&inner.kept);
    match query_value(query, "api_key") {
        None => return Err(Refusal::token(2, "api_key not provided")),
        Some(key) if key != kept.api_key => return Err(Refusal::token(2, "api_key not found")),
        Some(_) => {}
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("stream-auth-type") != Some("jwt") {
        return Err(Refusal::token(5, "stream-auth-type missing or invalid"));
    }
    let token = header(AUTHORIZATION.as_str()).ok_or_else(|| Refusal::token(5, "Authorization header is missing"))?;
    if token.contains(' ') {
        return Err(Refusal::token(5, "the Authorization header must hold the token alone"));
    }
    let claims = read_hs256(kept.api_secret.as_bytes(), token)
        .ok_or_else(|| Refusal::token(43, "Token signature is invalid"))?;
    check_times(&claims)?;
    if claims.get("user_id").is_some() {
        return Err(Refusal::not_allowed("this endpoint may only be called with a server token"));
    }
    Ok(())
}

/// Refuses a token outside of its time, as Stream numbers it.
pub fn check_times(claims: &Value) -> Result<(), Refusal> {
    let now = clock::now().as_second();
    let seconds = |name: &str| claims[name].as_i64();
    if seconds("exp").is_some_and(|exp| exp <= now) {
        return Err(Refusal::token(40, "Token is expired"));
    }
    if seconds("nbf").is_some_and(|nbf| nbf > now) {
        return Err(Refusal::token(41, "Token is not valid yet"));
    }
    if seconds("iat").is_some_and(|iat| iat > now) {
        return Err(Refusal::token(42, "Token used before issue at (iat)"));
    }
    Ok(())
}

fn read_body(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/json") {
        return Err(Refusal::input("Content-Type must be application/json"));
    }
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Refusal::input("the body must be a JSON object")),
        Err(error) => Err(Refusal::input(format!("invalid JSON: {error}"))),
    }
}

fn check_id(what: &str, id: &str, longest: usize, extra: &str) -> Result<(), Refusal> {
    if id.is_empty() || id.len() > longest {
        return Err(Refusal::input(format!("{what} must have 1 to {longest} characters")));
    }
    if !id.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c)) {
        return Err(Refusal::input(format!("{what} may only contain letters, digits and {extra}")));
    }
    Ok(())
}

fn find<'a>(
    state: &'a mut State,
    name: &str,
    call_type: &str,
    id: &str,
    ask: &'a Ask,
) -> Result<(&'a mut Call, View<'a>), Refusal> {
    let cid = format!("{call_type}:{id}");
    let State { users, calls } = state;
    let call = calls
        .get_mut(&cid)
        .ok_or_else(|| Refusal::missing(format!("{name} failed with error: \"Can't find call with id {cid}\"")))?;
    Ok((call, View { wire: ask.rest, users }))
}

fn call_answer(view: View, call: &Call) -> Value {
    json!({ "call": view.call(call), "members": view.members(call), "own_capabilities": [] })
}

fn upsert_users(state: &mut State, ask: &Ask) -> Result<Done, Refusal> {
    let users = ask.body["users"].as_object().filter(|users| !users.is_empty());
    let users = users.ok_or_else(|| Refusal::input("UpdateUsers failed with error: \"users is a required field\""))?;
    if users.len() > 100 {
        return Err(Refusal::input("UpdateUsers failed with error: \"at most 100 users per request\""));
    }
    for (key, user) in users {
        check_user(key, user)?;
    }
    let mut answers = Map::new();
    for (id, user) in users {
        upsert_user(state, id, user);
        answers.insert(id.clone(), View { wire: ask.rest, users: &state.users }.user(id));
    }
    Ok(Done::new(201, json!({ "users": answers, "membership_deletion_task_id": "" })))
}

fn check_user(key: &str, user: &Value) -> Result<(), Refusal> {
    check_id("user id", key, 255, "@_-")?;
    if user["id"] != key {
        return Err(Refusal::input(format!("UpdateUsers failed with error: \"users.{key}.id must equal its key\"")));
    }
    for name in ["name", "image", "role"] {
        if !user[name].is_null() && !user[name].is_string() {
            return Err(Refusal::input(format!(
                "UpdateUsers failed with error: \"users.{key}.{name} must be a string\""
            )));
        }
    }
    if !user["custom"].is_null() && !user["custom"].is_object() {
        return Err(Refusal::input(format!("UpdateUsers failed with error: \"users.{key}.custom must be an object\"")));
    }
    user["role"].as_str().map_or(Ok(()), settings::check_role)
}

fn upsert_user(state: &mut State, id: &str, user: &Value) {
    let now = clock::now();
    let text = |name: &str, otherwise: &str| user[name].as_str().unwrap_or(otherwise).to_owned();
    let created_at = state.users.get(id).map_or(now, |user| user.created_at);
    let custom = if user["custom"].is_null() { json!({}) } else { user["custom"].clone() };
    state.users.insert(
        id.to_owned(),
        User {
            id: id.to_owned(),
            name: text("name", ""),
            image: text("image", ""),
            role: text("role", "user"),
            custom,
            created_at,
            updated_at: now,
        },
    );
}

fn delete_users(state: &mut State, ask: &Ask) -> Result<Done, Refusal> {
    let ids = ask.body["user_ids"].as_array().filter(|ids| !ids.is_empty());
    let ids = ids.ok_or_else(|| Refusal::input("DeleteUsers failed with error: \"user_ids is a required field\""))?;
    for id in ids {
        state.users.remove(id.as_str().unwrap_or_default());
    }
    Ok(Done::new(201, json!({ "task_id": crate::crypto::random_uuid() })))
}

fn get_or_create(state: &mut State, call_type: &str, id: &str, ask: &Ask) -> Result<Done, Refusal> {
    check_id("call type", call_type, 64, "_-")?;
    check_id("call id", id, 64, "_-")?;
    if !settings::is_call_type(call_type) {
        return Err(Refusal::missing(format!(
            "GetOrCreateCall failed with error: \"{call_type}: call type does not exist\""
        )));
    }
    let data = &ask.body["data"];
    let created_by = created_by(state, data)?;
    let members = read_members(state, &data["members"])?;
    ensure_users(state, members.iter().map(|member| member.user_id.as_str()).chain([created_by.as_str()]))?;
    let starts_at = read_time("data.starts_at", &data["starts_at"])?;
    let custom = read_custom(&data["custom"])?;
    let mut call_settings = settings::defaults();
    settings::apply_override(&mut call_settings, &data["settings_override"])?;
    let cid = format!("{call_type}:{id}");
    let created = !state.calls.contains_key(&cid);
    let now = clock::now();
    // An existing call is returned as it is: its data changes only by PATCH and the members endpoint.
    let made = || Call {
        call_type: call_type.into(),
        id: id.into(),
        created_by,
        created_at: now,
        updated_at: now,
        starts_at,
        ended_at: None,
        custom: custom.unwrap_or_else(|| json!({})),
        settings: call_settings,
        members,
        blocked: Vec::new(),
        sessions: Vec::new(),
        recording: None,
        transcription: None,
        recordings: Vec::new(),
        transcriptions: Vec::new(),
        clock_ahead_ns: 0,
    };
    if created {
        state.calls.insert(cid.clone(), made());
    }
    let view = View { wire: ask.rest, users: &state.users };
    let mut body = state.calls.get(&cid).map(|call| call_answer(view, call)).unwrap_or_default();
    body["created"] = json!(created);
    Ok(Done::new(201, body))
}

fn created_by(state: &mut State, data: &Value) -> Result<String, Refusal> {
    if let Some(id) = data["created_by_id"].as_str() {
        return Ok(id.to_owned());
    }
    if let Some(id) = data["created_by"]["id"].as_str() {
        check_user(id, &data["created_by"])?;
        upsert_user(state, id, &data["created_by"]);
        return Ok(id.to_owned());
    }
    Err(Refusal::input(
        "GetOrCreateCall failed with error: \"either data.created_by or data.created_by_id is required when using server side auth.\"",
    ))
}

fn read_members(state: &State, members: &Value) -> Result<Vec<Member>, Refusal> {
    let Some(list) = members.as_array() else {
        return if members.is_null() { Ok(Vec::new()) } else { Err(Refusal::input("members must be an array")) };
    };
    if list.len() > 100 {
        return Err(Refusal::input("at most 100 members per request"));
    }
    let mut read = Vec::new();
    for member in list {
        let user_id =
            member["user_id"].as_str().ok_or_else(|| Refusal::input("members.user_id is a required field"))?;
        let role = match &member["role"] {
            Value::Null => state.users.get(user_id).map_or("user", |user| user.role.as_str()),
            Value::String(role) => role,
            _ => return Err(Refusal::input("members.role must be a string")),
        };
        settings::check_role(role)?;
        read.push(Member { user_id: user_id.into(), role: role.into() });
    }
    Ok(read)
}

fn ensure_users<'a>(state: &State, ids: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    let missing: Vec<&str> = ids.filter(|id| !state.users.contains_key(*id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Refusal::input(format!(
        "GetOrCreateCall failed with error: \"The following users are involved in call create operation, but don't exist: [{}]. Please create the user objects before setting up the call.\"",
        missing.join(" ")
    )))
}

fn read_time(path: &str, value: &Value) -> Result<Option<jiff::Timestamp>, Refusal> {
    if value.is_null() {
        return Ok(None);
    }
    clock::parse(value).map(Some).ok_or_else(|| Refusal::input(format!("{path} is not a date-time")))
}

fn read_custom(custom: &Value) -> Result<Option<Value>, Refusal> {
    match custom {
        Value::Null => Ok(None),
        Value::Object(_) => Ok(Some(custom.clone())),
        _ => Err(Refusal::input("custom must be an object")),
    }
}

fn change(state: &mut State, call_type: &str, id: &str, ask: &Ask) -> Result<Done, Refusal> {
    let (call, view) = find(state, "UpdateCall", call_type, id, ask)?;
    let starts_at = read_time("starts_at", &ask.body["starts_at"])?;
    let custom = read_custom(&ask.body["custom"])?;
    let mut changed = call.settings.clone();
    settings::apply_override(&mut changed, &ask.body["settings_override"])?;
    call.settings = changed;
    call.starts_at = starts_at.or(call.starts_at);
    if let Some(custom) = custom {
        call.custom = custom;
    }
    call.updated_at = clock::now();
    Ok(Done::new(200, call_answer(view, call)))
}

fn change_members(state: &mut State, call_type: &str, id: &str, ask: &Ask) -> Result<Done, Refusal> {
    let updated = read_members(state, &ask.body["update_members"])?;
    ensure_users(state, updated.iter().map(|member| member.user_id.as_str()))?;
    let (call, view) = find(state, "UpdateCallMembers", call_type, id, ask)?;
    let removed: Vec<&str> =
        ask.body["remove_members"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    call.members.retain(|member| {
        !removed.contains(&member.user_id.as_str()) && !updated.iter().any(|other| other.user_id == member.user_id)
    });
    call.members.extend(updated);
    call.updated_at = clock::now();
    let members = view.members(call);
    Ok(Done::new(201, json!({ "members": members })))
}

fn delete_call(state: &mut State, call_type: &str, id: &str, ask: &Ask) -> Result<Done, Refusal> {
    let (call, view) = find(state, "DeleteCall", call_type, id, ask)?;
    let body = json!({ "call": view.call(call) });
    state.calls.remove(&format!("{call_type}:{id}"));
    Ok(Done::new(201, body))
}

/// Runs a change whose events go out as webhooks; the answer itself is empty.
fn with_events(
    state: &mut State,
    name: &str,
    call_type: &str,
    id: &str,
    ask: &Ask,
    change: impl FnOnce(&mut Call, View) -> Result<Vec<Value>, Refusal>,
) -> Result<Done, Refusal> {
    let (call, view) = find(state, name, call_type, id, ask)?;
    let events = change(call, View { wire: ask.hook, users: view.users })?;
    Ok(Done { status: 201, body: json!({}), events })
}

fn start_or_stop(
    state: &mut State,
    call_type: &str,
    id: &str,
    ask: &Ask,
    track: Track,
    start: bool,
) -> Result<Done, Refusal> {
    let name = match (track, start) {
        (Track::Recording, true) => "StartRecording",
        (Track::Recording, false) => "StopRecording",
        (Track::Transcription, true) => "StartTranscription",
        (Track::Transcription, false) => "StopTranscription",
    };
    with_events(state, name, call_type, id, ask, |call, view| {
        let at = call.now();
        let result = if start { call.start(view, track, at) } else { call.stop_now(view, track, at) };
        result.map_err(|refusal| Refusal {
            message: format!("{name} failed with error: \"{}\"", refusal.message),
            ..refusal
        })
    })
}

fn list_media(state: &mut State, call_type: &str, id: &str, ask: &Ask, track: Track) -> Result<Done, Refusal> {
    let name = if track == Track::Recording { "recordings" } else { "transcriptions" };
    let (call, view) = find(state, "List", call_type, id, ask)?;
    let files = if track == Track::Recording { &call.recordings } else { &call.transcriptions };
    let list: Vec<Value> = files.iter().map(|file| Call::media_view(view, track, file)).collect();
    let mut body = Map::new();
    body.insert(name.to_owned(), json!(list));
    Ok(Done::new(200, Value::Object(body)))
}

fn delete_media(
    state: &mut State,
    call_type: &str,
    id: &str,
    ask: &Ask,
    track: Track,
    session: &str,
    filename: &str,
) -> Result<Done, Refusal> {
    let (call, _) = find(state, "Delete", call_type, id, ask)?;
    let files = if track == Track::Recording { &mut call.recordings } else { &mut call.transcriptions };
    let before = files.len();
    files.retain(|file| file.session_id != session || file.filename != filename);
    if files.len() == before {
        return Err(Refusal::missing(format!("Delete failed with error: \"Can't find file {filename}\"")));
    }
    Ok(Done::new(200, json!({})))
}

fn remove_participant(state: &mut State, call_type: &str, id: &str, ask: &Ask, block: bool) -> Result<Done, Refusal> {
    let user_id = ask.body["user_id"].as_str().ok_or_else(|| Refusal::input("user_id is a required field"))?;
    ensure_users(state, [user_id].into_iter())?;
    with_events(state, "KickUser", call_type, id, ask, |call, view| {
        if block && !call.blocked.iter().any(|blocked| blocked == user_id) {
            call.blocked.push(user_id.to_owned());
        }
        let at = call.now();
        let is_present = call
            .live_session()
            .is_some_and(|session| session.participants.iter().any(|present| present.user_id == user_id));
        if is_present { call.leave(view, user_id, at, "kicked") } else { Ok(Vec::new()) }
    })
}

/// Who was in a session and when, a page at a time.
fn participant_sessions(
    state: &mut State,
    call_type: &str,
    id: &str,
    ask: &Ask,
    session: &str,
) -> Result<Done, Refusal> {
    let number = |name: &str| query_value(ask.query, name).and_then(|text| text.parse::<usize>().ok());
    let (from, limit) = (number("next").unwrap_or(0), number("limit").unwrap_or(25).min(100));
    let (call, view) = find(state, "QueryCallParticipantSessions", call_type, id, ask)?;
    let found = call.sessions.iter().find(|found| found.id == session);
    let found = found.ok_or_else(|| {
        Refusal::missing("QueryCallParticipantSessions failed with error: \"Can't find call session\"")
    })?;
    let page = found.stays.iter().skip(from).take(limit).map(|stay| {
        let mut wire = json!({
            "user_id": stay.user_id, "user_session_id": stay.user_session_id, "publisher_type": "",
            "roles": ["user"], "joined_at": view.wire.time(stay.joined_at),
        });
        if let Some(left) = stay.left_at {
            wire["left_at"] = view.wire.time(left);
            wire["duration_in_seconds"] = json!(left.duration_since(stay.joined_at).as_secs());
        }
        wire
    });
    let mut answer = json!({
        "call_id": id, "call_type": call_type, "call_session_id": session, "duration": 1,
        "participants_sessions": page.collect::<Vec<Value>>(), "total_participant_sessions": found.stays.len(),
        "total_participant_duration": 0,
    });
    if from + limit < found.stays.len() {
        answer["next"] = json!((from + limit).to_string());
    }
    Ok(Done::new(200, answer))
}

/// Search with equality and `$in` on top-level members of the call object, enough to look calls up by id.
fn search(state: &mut State, ask: &Ask) -> Result<Done, Refusal> {
    let filter = match &ask.body["filter_conditions"] {
        Value::Null => Map::new(),
        Value::Object(filter) => filter.clone(),
        _ => return Err(Refusal::input("QueryCalls failed with error: \"filter_conditions must be an object\"")),
    };
    let limit = ask.body["limit"].as_u64().unwrap_or(25).min(100);
    let view = View { wire: ask.rest, users: &state.users };
    let calls: Vec<Value> = state
        .calls
        .values()
        .map(|call| call_answer(view, call))
        .filter(|answer| filter.iter().all(|(name, wanted)| matches(&answer["call"][name], wanted)))
        .take(usize::try_from(limit).unwrap_or(100))
        .collect();
    Ok(Done::new(201, json!({ "calls": calls })))
}

fn matches(value: &Value, wanted: &Value) -> bool {
    match wanted.get("$in").and_then(Value::as_array) {
        Some(options) => options.contains(value),
        None => value == wanted.get("$eq").unwrap_or(wanted),
    }
}

/// A file behind an expiring link: 403 for a bad or old link, 404 for a deleted file.
pub async fn fetch_media(
    Shared(inner): Shared<Arc<Inner>>,
    Path(filename): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.as_deref();
    let (expires, signature) = (query_value(query, "Expires"), query_value(query, "Signature"));
    let kept = lock(&inner.kept);
    let good =
        media_link_is_good(&kept.api_secret, &filename, &expires.unwrap_or_default(), &signature.unwrap_or_default());
    if !good {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>";
        return (StatusCode::FORBIDDEN, [(CONTENT_TYPE, "text/xml")], body).into_response();
    }
    let files = kept.state.calls.values().flat_map(|call| call.recordings.iter().chain(&call.transcriptions));
    match files.into_iter().find(|file| file.filename == filename) {
        Some(Media { text: Some(text), .. }) => {
            media::serve(&headers, &filename, "application/jsonl", text.clone().into_bytes())
        }
        Some(_) => {
            let bytes = media::recording_bytes(inner.manners().recording_bytes);
            media::serve(&headers, &filename, "video/mp4", bytes)
        }
        None => (StatusCode::NOT_FOUND, "no such file").into_response(),
    }
}
