//! `GET /api/appointments`.

use axum::extract::State;
use domain::party::Party;
use kit::callers::Participant;
use kit::error::Error;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get};
use kit::read::meanwhile;
use kit::{App, Json, Query, Read, Route, Who, shown};
use schemars::JsonSchema;
use serde::Deserialize;
use store::appointments;
use views::{BookingView, List};

/// The route.
pub fn route() -> Route {
    Route::get("list_appointments", "/api/appointments", Who::Participant, list_appointments)
        .about("List the caller's bookings by start time. Upcoming ones come soonest first, past ones latest first.")
        .query::<Appointments>()
        .answers::<List<BookingView>>(200)
        .needs(Needs::table(&[Get, BatchGet]).indexes(&["gsi1", "gsi2"]))
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
    /// Which bookings to list.
    #[serde(default)]
    scope: Scope,
    /// The page size: 1 to 100, 20 by default.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// The `nextCursor` of the previous page.
    cursor: Option<String>,
}

async fn list_appointments(
    State(app): State<App>,
    read: Read<Participant, Query<Appointments>>,
) -> Result<Json<List<BookingView>>, Error> {
    let (Query(asked), now) = (&read.asked, app.now());
    let scope = match asked.scope {
        Scope::Upcoming => appointments::Scope::Upcoming,
        Scope::Past => appointments::Scope::Past,
    };
    let (limit, after) = read.place(&app, asked.limit, asked.cursor.as_deref(), appointments::place).await?;
    let of = |side| appointments::of_person(&app.table, read.user_id(), side, scope, now, limit, after.clone());
    // On which side of bookings somebody is, their role says, which is being read: both are asked for, and one is empty.
    let both = async { tokio::try_join!(of(Party::Interviewee), of(Party::Interviewer)) };
    let (caller, (as_interviewee, as_interviewer)) = meanwhile(read.caller(&app), both).await?;
    let (bookings, next) = match caller.side {
        Party::Interviewee => as_interviewee,
        Party::Interviewer => as_interviewer,
    };
    let items = shown::bookings(&app.table, &bookings, &caller.user, now).await?;
    Ok(read.page(items, next))
}
