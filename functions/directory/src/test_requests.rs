//! What the tests of several routes need.

use domain::booking::Booking;
use domain::ids::BookingId;
use domain::user::Role;
use jiff::SignedDuration;
use testing::{Beginning, Options, World};
pub(crate) use testing::{change, refused_fields, stored};

/// A world that serves this area, with the candidate `cara` and the verified interviewer `ivy`.
pub(crate) async fn world() -> World {
    static BEGINNING: Beginning = Beginning::new();
    let table = BEGINNING.table(async |world| {
        world.add_candidate("cara", 0).await;
        world.add_interviewer("ivy").await;
    });
    World::with(&crate::functions(), Options { table: Some(table.await), ..Options::default() }).await
}

/// Everybody who may not call a route for interviewers is refused.
pub(crate) async fn is_for_interviewers(world: &World, method: &str, path: &str, body: serde_json::Value) {
    world.add_person("ada", Role::Admin).await;
    world.add_person("newcomer", Role::Unassigned).await;
    world.add_person("user_admin", Role::Admin).await;
    for (user, code) in [
        ("stranger", "onboarding_required"),
        ("newcomer", "onboarding_required"),
        ("ada", "onboarding_required"),
        ("user_admin", "forbidden"),
        ("cara", "forbidden"),
    ] {
        world.call(user, method, path, body.clone()).await.refused(403, code);
    }
    testing::delete(world, "ivy").await;
    world.call("ivy", method, path, body).await.refused(403, "account_deleted");
    world.send(method, path, None, &[]).await.refused(401, "unauthenticated");
}

/// A booking of `candidate` with `interviewer`, an hour of the day after.
pub(crate) async fn book(world: &World, candidate: &str, interviewer: &str) -> Booking {
    let now = world.app.now();
    let start = now + SignedDuration::from_hours(24);
    let times = (start, start + SignedDuration::from_hours(1));
    let id = BookingId::new(world.app.ids.unique(now));
    let (candidate, interviewer) = (candidate.parse().unwrap(), interviewer.parse().unwrap());
    let (booking, _) = Booking::schedule(id, &candidate, &interviewer, times, 20, now);
    let mut tx = store::Tx::new();
    store::booking::create(&mut tx, &booking).unwrap();
    tx.commit(&world.app.table).await.unwrap();
    booking
}
