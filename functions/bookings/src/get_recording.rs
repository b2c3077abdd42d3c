//! `GET /api/bookings/{bookingId}/recording`.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use axum::extract::State;
use domain::ids::BookingId;
use jiff::{SignedDuration, Timestamp};
use kit::callers::Onboarded;
use kit::config::Setting;
use kit::error::{Error, Fault};
use kit::needs::Table::{BatchGet, Get, QueryTable};
use kit::needs::{Needs, Object};
use kit::read::meanwhile;
use kit::{App, Json, Path, Read, Route, Who};
use schemars::JsonSchema;
use serde::Serialize;
use store::keys;
use store::media::{self, MediaKind, StoredFile};

use crate::party::own;

/// How long a link can be used.
const LINK_SECONDS: u64 = 15 * 60;

/// The route.
pub fn route() -> Route {
    Route::get("get_recording", "/api/bookings/{bookingId}/recording", Who::Parties, get_recording)
        .about("Get links to a session's recordings, one per file, each valid for 15 minutes.")
        .answers::<RecordingsView>(200)
        .needs(
            Needs::table(&[Get, BatchGet, QueryTable])
                .media(&[(&[Object::Get], &["recordings"])])
                .settings(&[Setting::MediaRetention]),
        )
}

/// The recordings of a session.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Recordings")]
struct RecordingsView {
    /// The recordings by start time.
    items: Vec<RecordingView>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Recording")]
struct RecordingView {
    /// A link to the file. Anyone with the link can watch it.
    url: String,
    /// When the link expires.
    expires_at: Timestamp,
    /// When the recording starts.
    start_time: Timestamp,
    /// Length in seconds.
    duration_seconds: u64,
}

async fn get_recording(
    State(app): State<App>,
    read: Read<Onboarded, Path<BookingId>>,
) -> Result<Json<RecordingsView>, Error> {
    let Path(id) = read.asked;
    let judged = async {
        let (Onboarded(caller), items) = read.with(&app, &[keys::booking(id)]).await?;
        own(&items, id, &caller.user_id)
    };
    let (_, files) = meanwhile(judged, media::list(&app.table, id, MediaKind::Recording)).await?;
    // The bucket forgets files by itself; a link to one that is gone would help nobody.
    let kept_for = SignedDuration::from_hours(24 * i64::from(app.config.media_retention_days()?));
    let is_kept = |file: &StoredFile| app.now() < file.end_time + kept_for;
    let mut items = Vec::new();
    for file in files.into_iter().filter(is_kept) {
        if let Some(key) = &file.object_key {
            items.push(link(&app, key, &file).await?);
        }
    }
    Ok(Json(RecordingsView { items }))
}

async fn link(app: &App, object_key: &str, file: &StoredFile) -> Result<RecordingView, Error> {
    let fault = |error: String| Error::from(Fault(format!("a link could not be signed: {error}")));
    let validity = PresigningConfig::expires_in(Duration::from_secs(LINK_SECONDS));
    let request = app.s3().get_object().bucket(app.config.media_bucket()?).key(object_key);
    let request = request.response_content_type("video/mp4");
    let signed = request.presigned(validity.map_err(|e| fault(e.to_string()))?).await;
    let signed = signed.map_err(|e| fault(aws_sdk_s3::error::DisplayErrorContext(&e).to_string()))?;
    let duration = file.end_time.duration_since(file.start_time).as_secs();
    Ok(RecordingView {
        url: signed.uri().to_owned(),
        expires_at: app.now() + SignedDuration::from_secs(i64::try_from(LINK_SECONDS).unwrap_or(0)),
        start_time: file.start_time,
        duration_seconds: u64::try_from(duration).unwrap_or(0),
    })
}
