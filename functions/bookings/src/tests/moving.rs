//! Moving a session.

use super::*;

async fn move_to(world: &World, user: &str, id: BookingId, start: &str) -> Answer {
    world.call(user, "POST", &format!("/api/bookings/{id}/reschedule"), json!({ "startTime": start })).await
}

#[tokio::test]
async fn a_moved_session_frees_the_old_time_takes_the_new_and_keeps_the_hold() {
    let world = world().await;
    let id = booked(&world).await;
    let view = move_to(&world, "cara", id, "2026-11-21T14:00:00Z").await.expect(200);
    assert_eq!(
        (&view["startTime"], &view["endTime"]),
        (&json!("2026-11-21T14:00:00Z"), &json!("2026-11-21T15:00:00Z"))
    );
    assert_eq!((&view["status"], &view["creditsCharged"]), (&json!("SCHEDULED"), &json!(20)));
    assert_eq!(balances(&world, "cara").await, (80, 20, 0));
    // The old time is free for others, the new one is not.
    book(&world, "dan", "2026-11-21T14:00:00Z").await.refused(409, "slot_unavailable");
    book(&world, "dan", TOMORROW).await.expect(201);
    // It is found by its new time, and due by it.
    let list = world.call("ivy", "GET", "/api/appointments", Value::Null).await.expect(200);
    assert_eq!(list["items"][1]["startTime"], "2026-11-21T14:00:00Z");
    let due = store::due::in_hour(&world.app.table, "2026-11-21T16:00:00Z".parse().unwrap()).await.unwrap();
    assert_eq!(due.iter().map(store::due::DueRow::booking).collect::<Vec<_>>(), [Some(id)]);
    // A cancellation afterwards gives everything back.
    world
        .call("cara", "POST", &format!("/api/bookings/{id}/cancel"), json!({ "reason": "plans changed" }))
        .await
        .expect(200);
    assert_eq!(balances(&world, "cara").await, (100, 0, 0));
    book(&world, "dan", "2026-11-21T14:00:00Z").await.expect(201);
}

#[tokio::test]
async fn a_session_moves_within_its_day_and_across_midnight() {
    let world = world().await;
    let id = booked(&world).await;
    move_to(&world, "cara", id, "2026-11-21T11:00:00Z").await.expect(200);
    move_to(&world, "cara", id, "2026-11-22T23:00:00Z").await.expect(200);
    book(&world, "dan", TOMORROW).await.expect(201);
    book(&world, "dan", "2026-11-21T11:00:00Z").await.expect(201);
    book(&world, "dan", "2026-11-22T23:00:00Z").await.refused(409, "slot_unavailable");
}

#[tokio::test]
async fn what_cannot_be_moved_stays_where_it_is() {
    let world = world().await;
    world.add_interviewer("noah").await;
    let id = booked(&world).await;
    let later = "2026-11-21T14:00:00Z";
    move_to(&world, "ivy", id, later).await.refused(403, "forbidden");
    move_to(&world, "dan", id, later).await.refused(404, "not_found");
    move_to(&world, "cara", id, "2026-11-21T14:07:00Z").await.refused(409, "slot_unavailable");
    move_to(&world, "cara", id, "2026-11-20T11:00:00Z").await.refused(422, "validation_failed");
    book(&world, "dan", later).await.expect(201);
    move_to(&world, "cara", id, later).await.refused(409, "slot_unavailable");
    let other = json!({ "interviewerId": "noah", "startTime": "2026-11-21T16:00:00Z" });
    world.call("cara", "POST", "/api/bookings", other).await.expect(201);
    move_to(&world, "cara", id, "2026-11-21T16:00:00Z").await.refused(409, "time_conflict");
    // To where it is already: nothing changes, and it does not count.
    for _ in 0..3 {
        move_to(&world, "cara", id, TOMORROW).await.expect(200);
    }
    move_to(&world, "cara", id, "2026-11-21T17:00:00Z").await.expect(200);
    move_to(&world, "cara", id, "2026-11-21T18:00:00Z").await.expect(200);
    move_to(&world, "cara", id, "2026-11-21T19:00:00Z").await.refused(409, "booking_not_reschedulable");
    world.app.clock.set("2026-11-21T16:00:01Z".parse().unwrap());
    move_to(&world, "cara", id, "2026-11-21T20:00:00Z").await.refused(409, "booking_not_reschedulable");
}

#[tokio::test]
async fn the_same_key_moves_once() {
    let world = world().await;
    let id = booked(&world).await;
    let path = format!("/api/bookings/{id}/reschedule");
    let body = json!({ "startTime": "2026-11-21T14:00:00Z" });
    for replayed in [false, true] {
        let answer = world.call_with("cara", "POST", &path, body.clone(), &[("idempotency-key", "m")]).await;
        assert_eq!(answer.headers.contains_key("idempotent-replayed"), replayed);
        assert_eq!(answer.expect(200)["startTime"], "2026-11-21T14:00:00Z");
    }
}

#[tokio::test]
async fn who_is_shut_out_neither_books_nor_moves_until_they_are_let_in_again() {
    let world = world().await;
    let id = booked(&world).await;
    let repeated = || async {
        let (asked, key) = (slot("2026-11-22T10:00:00Z"), [("idempotency-key", "k")]);
        world.call_with("cara", "POST", "/api/bookings", asked, &key).await
    };
    repeated().await.expect(201);
    let until = world.app.now() + SignedDuration::from_hours(1);
    for (banned, locked_until) in [(true, None), (false, None), (false, Some(until))] {
        testing::change(&world, "cara", |cara| {
            (cara.banned, cara.locked, cara.locked_until) = (banned, !banned, locked_until);
        })
        .await;
        book(&world, "cara", "2026-11-21T12:00:00Z").await.refused(403, "forbidden");
        repeated().await.refused(403, "forbidden");
        move_to(&world, "cara", id, "2026-11-21T14:00:00Z").await.refused(403, "forbidden");
    }
    world.app.clock.set(until);
    assert!(repeated().await.headers.contains_key("idempotent-replayed"));
    move_to(&world, "cara", id, "2026-11-21T14:00:00Z").await.expect(200);
    book(&world, "cara", "2026-11-21T12:00:00Z").await.expect(201);
}

#[tokio::test]
async fn nobody_books_or_moves_to_an_interviewer_who_is_shut_out() {
    let world = world().await;
    let id = booked(&world).await;
    testing::change(&world, "ivy", |ivy| ivy.locked = true).await;
    book(&world, "cara", "2026-11-21T12:00:00Z").await.refused(409, "interviewer_unavailable");
    // For who never booked them they do not exist.
    book(&world, "dan", "2026-11-21T12:00:00Z").await.refused(404, "not_found");
    move_to(&world, "cara", id, "2026-11-21T14:00:00Z").await.refused(409, "interviewer_unavailable");
    testing::change(&world, "ivy", |ivy| ivy.locked = false).await;
    book(&world, "dan", "2026-11-21T12:00:00Z").await.expect(201);
}
