//! Bookings end to end, as API Gateway calls them.

use domain::attendance::Told;
use domain::ids::{BookingId, UserId};
use domain::party::Party;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::Tx;
use testing::{Answer, Beginning, Options, World};

mod calls;
mod concurrency;
mod create;
mod feedback;
mod life;
mod moving;
mod shown;

/// Ten in the morning of the day after the tests' noon.
const TOMORROW: &str = "2026-11-21T10:00:00Z";

async fn world() -> World {
    world_with(Options::default()).await
}

async fn world_with(options: Options) -> World {
    static BEGINNING: Beginning = Beginning::new();
    let table = BEGINNING.table(async |world| {
        world.add_interviewer("ivy").await;
        world.add_candidate("cara", 100).await;
        world.add_candidate("dan", 100).await;
    });
    World::with(&crate::functions(), Options { table: Some(table.await), ..options }).await
}

fn slot(start: &str) -> Value {
    json!({ "interviewerId": "ivy", "startTime": start })
}

async fn book(world: &World, user: &str, start: &str) -> Answer {
    world.call(user, "POST", "/api/bookings", slot(start)).await
}

async fn booked(world: &World) -> BookingId {
    let view = book(world, "cara", TOMORROW).await.expect(201);
    view["bookingId"].as_str().unwrap().parse().unwrap()
}

async fn balances(world: &World, user: &str) -> (u64, u64, u64) {
    let user: UserId = user.parse().unwrap();
    let [credit, _] = store::wallet::of_user(&world.app.table, &user).await.unwrap();
    (credit.available, credit.held, credit.earned)
}

/// Stores a stay as the webhook would, in minutes from the start of the booking.
async fn was_there(world: &World, id: BookingId, party: Party, from: i64, to: i64) {
    let start: Timestamp = TOMORROW.parse().unwrap();
    let at = |minute| Some(start + SignedDuration::from_mins(minute));
    let told = Told {
        session_id: "s1".into(),
        party,
        connection: format!("{party:?}{from}"),
        joined_at: at(from),
        left_at: at(to),
        duration_seconds: None,
    };
    let mut tx = Tx::new();
    store::attendance::write_told(&mut tx, id, &told).unwrap();
    tx.commit(&world.app.table).await.unwrap();
}

fn after_end(world: &World) {
    world.app.clock.set("2026-11-21T11:00:00Z".parse().unwrap());
}
