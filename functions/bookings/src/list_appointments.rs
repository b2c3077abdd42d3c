//! `GET /api/appointments`.

use axum::extract::State;
use kit::callers::Participant;
use kit::error::Error;
use kit::page::limit;
use kit::{App, As, Json, Query, Route, Who, shown};
use schemars::JsonSchema;
use serde::Deserialize;
use store::appointments;
use views::{BookingView, List};

/// The route.
pub fn route() -> Route {
    Route::get("list_appointments", "/api/appointments", Who::Participant, list_appointments)
        .about("Lists your bookings by their start: those that are still to be held, soonest first, or the others, latest first.")
        .query::<Appointments>()
        .answers::<List<BookingView>>(200)
}

/// Which bookings.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Scope {
    /// Those that are scheduled and have not ended.
    #[default]
    Upcoming,
    /// Those that have ended or were cancelled.
    Past,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Appointments {
    /// Which of your bookings.
    #[serde(default)]
    scope: Scope,
    /// How many at most, 1 to 100; 20 where not given.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where to go on.
    cursor: Option<String>,
}

async fn list_appointments(
    State(app): State<App>,
    As(caller): As<Participant>,
    Query(asked): Query<Appointments>,
) -> Result<Json<List<BookingView>>, Error> {
    let now = app.now();
    let scope = match asked.scope {
        Scope::Upcoming => appointments::Scope::Upcoming,
        Scope::Past => appointments::Scope::Past,
    };
    let after = asked.cursor.as_deref().map(appointments::place).transpose()?;
    let limit = limit(asked.limit)?;
    let (bookings, next_cursor) =
        appointments::of_person(&app.table, &caller.user.user_id, caller.side, scope, now, limit, after).await?;
    let items = shown::bookings(&app.table, &bookings, &caller.user, now).await?;
    Ok(Json(List { items, next_cursor }))
}
