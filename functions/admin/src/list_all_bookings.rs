//! `GET /api/admin/bookings`: every booking.

use axum::extract::State;
use kit::callers::Admin;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get};
use kit::read::meanwhile;
use kit::{App, Error, Json, Query, Read, Route, Who, page, shown};
use store::all_bookings::{self, MonthPlace};
use views::{BookingView, List};

/// The route.
pub fn route() -> Route {
    Route::get("list_all_bookings", "/api/admin/bookings", Who::Admin, list_all_bookings)
        .about("List all bookings, newest first.")
        .query::<page::Asked>()
        .answers::<List<BookingView>>(200)
        .needs(Needs::table(&[Get, BatchGet]).indexes(&["gsi2"]))
}

async fn list_all_bookings(
    State(app): State<App>,
    read: Read<Admin, Query<page::Asked>>,
) -> Result<Json<List<BookingView>>, Error> {
    let (Query(asked), now) = (&read.asked, app.now());
    let (limit, from) = read.place(&app, asked.limit, asked.cursor.as_deref(), MonthPlace::parse).await?;
    let page = all_bookings::page(&app.table, from.unwrap_or_else(|| MonthPlace::newest(now)), limit);
    let (Admin(me), (bookings, next)) = meanwhile(read.caller(&app), page).await?;
    let items = shown::bookings(&app.table, &bookings, &me, now).await?;
    Ok(read.page(items, next))
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{is_for_admins, refused_fields, world};
    use domain::booking::Booking;
    use domain::ids::{BookingId, TransactionId};
    use domain::money::Asset;
    use jiff::SignedDuration;
    use serde_json::{Value, json};
    use store::keys;
    use testing::World;

    const PATH: &str = "/api/admin/bookings";

    /// Books a session of an hour for the day after, at `price`.
    async fn book(world: &World, price: u64) {
        let (now, cara, ivy) = (world.app.now(), "cara".parse().unwrap(), "ivy".parse().unwrap());
        let start = now + SignedDuration::from_hours(24);
        let times = (start, start + SignedDuration::from_hours(1));
        let id = BookingId::new(world.app.ids.unique(now));
        let (booking, hold) = Booking::schedule(id, &cara, &ivy, times, price, now);
        world.give_credits("cara", price).await;
        let items = world.app.table.batch_get(&[keys::wallet(&cara, Asset::Credit)]).await.unwrap();
        let mut purse = store::wallet::wallet(&items, &cara, Asset::Credit).unwrap();
        let mut tx = store::Tx::new();
        let new_id = || TransactionId::new(world.app.ids.unique(now));
        store::wallet::write_transfer(&mut tx, &hold, &mut [&mut purse], new_id).unwrap();
        store::booking::create(&mut tx, &booking).unwrap();
        tx.commit(&world.app.table).await.unwrap();
    }

    /// Four bookings: one in November and three, a gap of a month later, in January.
    async fn with_bookings() -> World {
        let world = world().await;
        book(&world, 1).await;
        world.app.clock.advance(SignedDuration::from_hours(24 * 50));
        for price in 2..=4 {
            world.app.clock.advance(SignedDuration::from_secs(1));
            book(&world, price).await;
        }
        world
    }

    fn prices(list: &Value) -> Vec<u64> {
        list["items"].as_array().unwrap().iter().map(|b| b["creditsCharged"].as_u64().unwrap()).collect()
    }

    #[tokio::test]
    async fn the_latest_booking_comes_first_across_months() {
        let world = with_bookings().await;
        let list = world.call("user_admin", "GET", PATH, Value::Null).await.expect(200);
        assert_eq!((prices(&list), &list["nextCursor"]), (vec![4, 3, 2, 1], &Value::Null));
        let first = &list["items"][3];
        assert_eq!((&first["status"], &first["intervieweeId"]), (&json!("SCHEDULED"), &json!("cara")));
        assert_eq!(
            (&first["startTime"], &first["streamCallId"]),
            (&json!("2026-11-21T12:00:00Z"), &first["bookingId"])
        );
    }

    #[tokio::test]
    async fn pages_follow_each_other_without_gap_or_repeat() {
        let world = with_bookings().await;
        for limit in 1..=3 {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let path = format!("{PATH}?limit={limit}{cursor}");
                let list = world.call("user_admin", "GET", &path, Value::Null).await.expect(200);
                seen.extend(prices(&list));
                let Some(next) = list["nextCursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(seen, [4, 3, 2, 1], "{limit} at a time");
        }
    }

    #[tokio::test]
    async fn nonsense_in_the_query_is_refused_by_name() {
        let world = world().await;
        for (query, field) in [
            ("limit=101", "limit"),
            ("cursor=abc", "cursor"),
            ("cursor=MjAyNi0xMyM", "cursor"),
            ("month=2026-11", "month"),
        ] {
            let answer = world.call("user_admin", "GET", &format!("{PATH}?{query}"), Value::Null).await;
            assert_eq!(refused_fields(&answer), [field], "{}", answer.body);
        }
    }

    #[tokio::test]
    async fn only_admins_see_all_bookings() {
        is_for_admins(&world().await, "GET", PATH, Value::Null).await;
    }
}
