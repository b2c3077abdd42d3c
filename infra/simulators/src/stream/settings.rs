//! Call settings: what a call type starts with, and what an override may say.

use serde_json::{Value, json};

use super::wire::Refusal;

const CALL_TYPES: [&str; 4] = ["default", "development", "livestream", "audio_room"];
const MODES: [&str; 3] = ["available", "disabled", "auto-on"];
const LAYOUTS: [&str; 5] = ["spotlight", "grid", "single-participant", "mobile", "custom"];
const QUALITIES: [&str; 10] = [
    "360p",
    "480p",
    "720p",
    "1080p",
    "1440p",
    "portrait-360x640",
    "portrait-480x854",
    "portrait-720x1280",
    "portrait-1080x1920",
    "portrait-1440x2560",
];
const LANGUAGES: [&str; 37] = [
    "auto", "en", "fr", "es", "de", "it", "nl", "pt", "pl", "ca", "cs", "da", "el", "fi", "id", "ja", "ru", "sv", "ta",
    "th", "tr", "hu", "ro", "zh", "ar", "tl", "he", "hi", "hr", "ko", "ms", "no", "uk", "bg", "et", "sl", "sk",
];
/// Built-in roles; others have to be made in the dashboard first.
const ROLES: [&str; 6] = ["user", "moderator", "host", "admin", "call-member", "guest"];

/// Whether a call type exists in a new app.
pub fn is_call_type(call_type: &str) -> bool {
    CALL_TYPES.contains(&call_type)
}

/// Refuses a role that is not built in.
pub fn check_role(role: &str) -> Result<(), Refusal> {
    one_of("role", role, &ROLES)
}

/// Refuses a language that transcription does not know.
pub fn check_language(language: &Value) -> Result<(), Refusal> {
    enumerated("language", language, &LANGUAGES)
}

/// The settings of a new call, before its override.
pub fn defaults() -> Value {
    let layout = json!({ "name": "spotlight", "external_app_url": "", "external_css_url": "" });
    json!({
        "audio": {
            "access_request_enabled": true, "opus_dtx_enabled": true, "redundant_coding_enabled": true,
            "mic_default_on": true, "speaker_default_on": true, "default_device": "speaker",
            "hifi_audio_enabled": false,
        },
        "backstage": { "enabled": false },
        "broadcasting": {
            "enabled": false,
            "hls": { "auto_on": false, "enabled": false, "quality_tracks": ["720p"], "layout": layout },
            "rtmp": { "enabled": false, "quality": "720p", "layout": layout },
        },
        "geofencing": { "names": [] },
        "recording": { "audio_only": false, "mode": "available", "quality": "720p", "layout": layout },
        "individual_recording": { "mode": "disabled" },
        "raw_recording": { "mode": "disabled" },
        "frame_recording": { "mode": "disabled", "capture_interval_in_seconds": 5, "quality": "720p" },
        "ring": {
            "incoming_call_timeout_ms": 15000, "auto_cancel_timeout_ms": 15000, "missed_call_timeout_ms": 15000,
        },
        "screensharing": { "enabled": true, "access_request_enabled": true },
        "transcription": { "mode": "available", "closed_caption_mode": "available", "language": "auto" },
        "video": {
            "enabled": true, "access_request_enabled": true,
            "target_resolution": { "width": 1280, "height": 720, "bitrate": 3_000_000 },
            "camera_default_on": true, "camera_facing": "front",
        },
        "thumbnails": { "enabled": true },
        "limits": { "max_duration_seconds": 0, "max_participants": 0, "max_participants_exclude_roles": [] },
        "session": { "inactivity_timeout_seconds": 30 },
        "encryption": { "mode": "disabled" },
    })
}

/// Checks an override and lays it over `settings`. Members the service does not know are ignored, as it does.
pub fn apply_override(settings: &mut Value, change: &Value) -> Result<(), Refusal> {
    if change.is_null() {
        return Ok(());
    }
    if !change.is_object() {
        return Err(Refusal::input("settings_override must be an object"));
    }
    check_recording(&change["recording"])?;
    check_transcription(&change["transcription"])?;
    check_limits(&change["limits"])?;
    check_backstage(&change["backstage"])?;
    merge(settings, change);
    Ok(())
}

fn check_recording(recording: &Value) -> Result<(), Refusal> {
    if recording.is_null() {
        return Ok(());
    }
    if recording["mode"].is_null() {
        return Err(Refusal::input("settings_override.recording.mode is a required field"));
    }
    enumerated("settings_override.recording.mode", &recording["mode"], &MODES)?;
    enumerated("settings_override.recording.quality", &recording["quality"], &QUALITIES)?;
    enumerated("settings_override.recording.layout.name", &recording["layout"]["name"], &LAYOUTS)?;
    optional("settings_override.recording.audio_only", &recording["audio_only"], Value::is_boolean)
}

fn check_transcription(transcription: &Value) -> Result<(), Refusal> {
    if transcription.is_null() {
        return Ok(());
    }
    if transcription["mode"].is_null() {
        return Err(Refusal::input("settings_override.transcription.mode is a required field"));
    }
    enumerated("settings_override.transcription.mode", &transcription["mode"], &MODES)?;
    enumerated("settings_override.transcription.closed_caption_mode", &transcription["closed_caption_mode"], &MODES)?;
    enumerated("settings_override.transcription.language", &transcription["language"], &LANGUAGES)
}

fn check_limits(limits: &Value) -> Result<(), Refusal> {
    for name in ["max_duration_seconds", "max_participants"] {
        optional(&format!("settings_override.limits.{name}"), &limits[name], Value::is_u64)?;
    }
    Ok(())
}

fn check_backstage(backstage: &Value) -> Result<(), Refusal> {
    optional("settings_override.backstage.enabled", &backstage["enabled"], Value::is_boolean)?;
    let ahead = &backstage["join_ahead_time_seconds"];
    optional("settings_override.backstage.join_ahead_time_seconds", ahead, Value::is_u64)
}

fn optional(path: &str, value: &Value, fits: fn(&Value) -> bool) -> Result<(), Refusal> {
    if value.is_null() || fits(value) {
        return Ok(());
    }
    Err(Refusal::input(format!("{path} has the wrong type")))
}

fn enumerated(path: &str, value: &Value, allowed: &[&str]) -> Result<(), Refusal> {
    match value {
        Value::Null => Ok(()),
        Value::String(text) => one_of(path, text, allowed),
        _ => Err(Refusal::input(format!("{path} must be a string"))),
    }
}

fn one_of(path: &str, text: &str, allowed: &[&str]) -> Result<(), Refusal> {
    if allowed.contains(&text) {
        return Ok(());
    }
    Err(Refusal::input(format!("{path} must be one of [{}]", allowed.join(" "))))
}

fn merge(target: &mut Value, change: &Value) {
    let (Some(members), Some(changes)) = (target.as_object_mut(), change.as_object()) else {
        target.clone_from(change);
        return;
    };
    for (name, value) in changes {
        if value.is_object() && members.get(name).is_some_and(Value::is_object) {
            if let Some(member) = members.get_mut(name) {
                merge(member, value);
            }
        } else if !value.is_null() {
            members.insert(name.clone(), value.clone());
        }
    }
}
