//! `GET /api/interviewers/{interviewerId}/slots`: when an interviewer can be booked.

use std::collections::HashMap;
use std::ops::Range;

use axum::extract::State;
use domain::availability::{Slot, SlotRange, bookable_until, slots};
use domain::calendar::{QuarterHours, UtcDay};
use domain::card::Card;
use domain::ids::UserId;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use kit::callers::Anybody;
use kit::error::not_found;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, QueryTable};
use kit::read::meanwhile;
use kit::{App, Error, Json, Path, Query, Read, Route, Who};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{StoreError, keys};

/// The route.
pub fn route() -> Route {
    Route::get("list_slots", "/api/interviewers/{interviewerId}/slots", Who::SignedIn, list_slots)
        .about("List an interviewer's free slots, soonest first, up to 180 days ahead.")
        .query::<Asked>()
        .answers::<Slots>(200)
        .needs(Needs::table(&[Get, BatchGet, QueryTable]))
}

/// For which time slots are asked: at most 31 days, by their starts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The first day in the interviewer's time zone, or the first instant; now by default.
    from: Option<String>,
    /// The end of the range, exclusive: a day or an instant; seven days later by default.
    to: Option<String>,
}

/// An interviewer's free slots.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Slots {
    /// The slots, soonest first.
    items: Vec<Slot>,
}

impl Asked {
    fn range(&self, zone: &TimeZone, now: Timestamp) -> Result<SlotRange, domain::problem::ValidationError> {
        SlotRange::parse(self.from.as_deref(), self.to.as_deref(), zone, now)
    }
}

async fn list_slots(
    State(app): State<App>,
    read: Read<Anybody, (Path<UserId>, Query<Asked>)>,
) -> Result<Json<Slots>, Error> {
    let ((Path(interviewer), Query(asked)), now) = (&read.asked, app.now());
    let wanted = [keys::directory_card(None, interviewer), keys::availability(interviewer)];
    // What a date means depends on the interviewer's zone, which is read here. No zone is more than a day away from
    // UTC, so the days around the same range in UTC hold all that is needed, and everything is read at once.
    let in_utc = asked.range(&TimeZone::UTC, now).ok();
    let around = async {
        match in_utc {
            Some(range) => taken_around(&app, interviewer, range, now).await.map(Some),
            None => Ok(None),
        }
    };
    let ((_, items), around) = meanwhile(read.with(&app, &wanted), around).await?;
    let card: Card = items.get(&wanted[0])?.ok_or_else(|| not_found("interviewer"))?;
    let zone = TimeZone::get(&card.timezone).unwrap_or(TimeZone::UTC);
    let range = asked.range(&zone, now)?;
    // Where only the zone makes sense of the range, such as a date together with an instant close to it.
    let taken = match around {
        Some(taken) => taken,
        None => taken_around(&app, interviewer, range, now).await?,
    };
    let rules = store::availability::rules(&items, interviewer)?.rules;
    let taken = |day: UtcDay| taken.get(&day).copied().unwrap_or(QuarterHours::EMPTY);
    let items = slots(&rules, &taken, range.instants(), now, card.credit_rate);
    Ok(Json(Slots { items }))
}

/// What is taken of the interviewer's days that `range` touches, and of a day before and after. Nothing is read for
/// times that cannot be booked.
async fn taken_around(
    app: &App,
    interviewer: &UserId,
    range: SlotRange,
    now: Timestamp,
) -> Result<HashMap<UtcDay, QuarterHours>, StoreError> {
    let Some((first, last)) = days_around(range.instants(), now) else { return Ok(HashMap::new()) };
    let days = store::calendar::between(&app.table, interviewer, first, last).await?;
    Ok(days.into_iter().map(|day| (day.day, day.taken)).collect())
}

fn days_around(range: Range<Timestamp>, now: Timestamp) -> Option<(UtcDay, UtcDay)> {
    let day_before = |at: Timestamp| store::calendar::day_before(UtcDay::containing(at));
    let day_after = |at: Timestamp| UtcDay::containing(at).date().tomorrow().ok().map(UtcDay::from);
    let first = day_before(range.start).max(day_before(now));
    let last = day_after(range.end)?.min(day_after(bookable_until(now))?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{change, refused_fields, world};
    use domain::calendar::{DayCalendar, quarter_hours};
    use jiff::{SignedDuration, Timestamp};
    use serde_json::{Value, json};
    use testing::World;

    async fn starts(world: &World, query: &str) -> Vec<String> {
        let path = format!("/api/interviewers/ivy/slots{query}");
        let list = world.call("cara", "GET", &path, Value::Null).await.expect(200);
        list["items"].as_array().unwrap().iter().map(|s| s["startTime"].as_str().unwrap().to_owned()).collect()
    }

    async fn take(world: &World, start: &str, minutes: i64) {
        let start: Timestamp = start.parse().unwrap();
        let ivy = "ivy".parse().unwrap();
        for (day, hours) in quarter_hours(start, start + SignedDuration::from_mins(minutes)).unwrap() {
            let stored = world.app.table.get(&store::keys::day(&ivy, day)).await.unwrap();
            let mut calendar: DayCalendar = stored.unwrap_or_else(|| DayCalendar::empty(day));
            calendar.claim(hours).unwrap();
            let mut tx = store::Tx::new();
            store::calendar::write(&mut tx, &ivy, &[calendar]).unwrap();
            tx.commit(&world.app.table).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_slot_has_start_end_and_price() {
        let world = world().await;
        let path = "/api/interviewers/ivy/slots?from=2026-11-20&to=2026-11-20T14:00:00Z";
        let list = world.call("cara", "GET", path, Value::Null).await.expect(200);
        let slot =
            json!({ "startTime": "2026-11-20T13:00:00Z", "endTime": "2026-11-20T14:00:00Z", "priceCredits": 20 });
        assert_eq!(list, json!({ "items": [slot] }));
    }

    #[tokio::test]
    async fn only_future_and_free_times_are_offered() {
        let world = world().await;
        take(&world, "2026-11-20T14:30:00Z", 60).await;
        take(&world, "2026-11-20T23:30:00Z", 60).await;
        let today = starts(&world, "?from=2026-11-20T00:00:00Z&to=2026-11-21T02:00:00Z").await;
        let hours: Vec<&str> = today.iter().map(|s| &s[8..13]).collect();
        let expected = ["20T13", "20T16", "20T17", "20T18", "20T19", "20T20", "20T21", "20T22", "21T01"];
        assert_eq!(hours, expected);
    }

    #[tokio::test]
    async fn seven_days_from_now_are_shown_where_nothing_is_asked() {
        let world = world().await;
        let all = starts(&world, "").await;
        assert_eq!((all.len(), all[0].as_str()), (7 * 24 - 1, "2026-11-20T13:00:00Z"));
        assert_eq!(starts(&world, "?from=2026-11-21&to=2026-12-22").await.len(), 31 * 24);
    }

    #[tokio::test]
    async fn dates_are_days_of_the_interviewers_zone() {
        let world = world().await;
        change(&world, "ivy", |ivy| ivy.timezone = "Pacific/Auckland".to_owned()).await;
        take(&world, "2026-11-22T12:00:00Z", 60).await;
        let day = starts(&world, "?from=2026-11-23&to=2026-11-24").await;
        assert_eq!(
            (day.len(), day[0].as_str(), day[22].as_str()),
            (23, "2026-11-22T11:00:00Z", "2026-11-23T10:00:00Z")
        );
        // In UTC this range would be empty; in Auckland it is an hour.
        let mixed = starts(&world, "?from=2026-11-23&to=2026-11-22T12:00:00Z").await;
        assert_eq!(mixed, ["2026-11-22T11:00:00Z"]);
        change(&world, "ivy", |ivy| ivy.timezone = "Pacific/Honolulu".to_owned()).await;
        take(&world, "2026-11-24T09:00:00Z", 60).await;
        let day = starts(&world, "?from=2026-11-23&to=2026-11-24").await;
        assert_eq!(
            (day.len(), day[0].as_str(), day[22].as_str()),
            (23, "2026-11-23T10:00:00Z", "2026-11-24T08:00:00Z")
        );
    }

    #[tokio::test]
    async fn nothing_is_offered_that_lies_in_the_past_or_too_far_ahead() {
        let world = world().await;
        for query in [
            "?from=9999-12-20T00:00:00Z&to=9999-12-31T23:59:59Z",
            "?from=2026-10-20&to=2026-11-20",
            "?from=2027-06-01&to=2027-06-20",
            "?from=1999-01-01&to=1999-01-02",
        ] {
            assert!(starts(&world, query).await.is_empty(), "{query}");
        }
        let last = starts(&world, "?from=2027-05-18&to=2027-06-01").await;
        assert_eq!(last.last().unwrap(), "2027-05-19T12:00:00Z");
    }

    #[tokio::test]
    async fn an_unknown_or_unlisted_interviewer_has_no_slots() {
        let world = world().await;
        change(&world, "ivy", |ivy| ivy.interviewer.as_mut().unwrap().accepting_bookings = false).await;
        for id in ["ivy", "cara", "nobody", "a%23b"] {
            let path = format!("/api/interviewers/{id}/slots");
            world.call("cara", "GET", &path, Value::Null).await.refused(404, "not_found");
        }
        world.send("GET", "/api/interviewers/ivy/slots", None, &[]).await.refused(401, "unauthenticated");
    }

    #[tokio::test]
    async fn an_interviewer_without_rules_has_an_empty_list() {
        let world = world().await;
        let mut tx = store::Tx::new();
        tx.delete(store::keys::availability(&"ivy".parse().unwrap()));
        tx.commit(&world.app.table).await.unwrap();
        assert!(starts(&world, "").await.is_empty());
    }

    #[tokio::test]
    async fn a_range_that_makes_no_sense_is_refused_by_name() {
        let world = world().await;
        for (query, field) in [
            ("from=tomorrow", "from"),
            ("from=2026-02-30", "from"),
            ("to=2026-11-20T25:00:00Z", "to"),
            ("from=2026-11-21&to=2026-11-21", "to"),
            ("from=2026-11-21&to=2026-11-20", "to"),
            ("from=2026-11-21&to=2026-12-23", "to"),
            ("from=-9999-01-02", "from"),
            ("from=9999-12-31", "from"),
            ("until=2026-11-21", "until"),
        ] {
            let answer = world.call("cara", "GET", &format!("/api/interviewers/ivy/slots?{query}"), Value::Null).await;
            assert_eq!(refused_fields(&answer), [field], "{query}: {}", answer.body);
        }
    }
}
