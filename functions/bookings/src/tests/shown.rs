//! What the parties see of each other and of where a booking stands.

use domain::call::Call;
use domain::consent::CONSENT_VERSION;
use domain::user::Role;

use super::*;

async fn seen(world: &World, who: &str, id: BookingId) -> Value {
    world.call(who, "GET", &format!("/api/bookings/{id}"), Value::Null).await.expect(200)
}

async fn listed(world: &World, who: &str, scope: &str) -> Vec<Value> {
    let path = format!("/api/appointments?scope={scope}");
    let list = world.call(who, "GET", &path, Value::Null).await.expect(200);
    list["items"].as_array().unwrap().clone()
}

fn parties(view: &Value) -> Value {
    json!([view["interviewee"], view["interviewer"]])
}

#[tokio::test]
async fn every_answer_shows_who_the_parties_are_now() {
    let world = world().await;
    world.add_person("user_admin", Role::Admin).await;
    let booked = book(&world, "cara", TOMORROW).await.expect(201);
    let id: BookingId = booked["bookingId"].as_str().unwrap().parse().unwrap();
    let cara = json!({ "userId": "cara", "name": "cara", "imageUrl": null });
    let ivy = json!({ "userId": "ivy", "name": "ivy", "imageUrl": null, "title": "Staff Engineer" });
    assert_eq!(parties(&booked), json!([cara, ivy]));

    testing::change(&world, "ivy", |ivy| {
        ivy.name = Some("Ivy Ng".to_owned());
        ivy.image_url = Some("https://img.example/ivy".to_owned());
        ivy.interviewer.as_mut().unwrap().title = "Principal".to_owned();
    })
    .await;
    let ivy = json!({ "userId": "ivy", "name": "Ivy Ng", "imageUrl": "https://img.example/ivy", "title": "Principal" });
    let now = json!([cara, ivy]);
    for who in ["cara", "ivy", "user_admin"] {
        assert_eq!(parties(&seen(&world, who, id).await), now, "{who}");
    }
    for who in ["cara", "ivy"] {
        assert_eq!(parties(&listed(&world, who, "upcoming").await[0]), now, "{who}");
    }
    let moved = json!({ "startTime": "2026-11-22T10:00:00Z" });
    let path = format!("/api/bookings/{id}/reschedule");
    for _ in 0..2 {
        let view = world.call("cara", "POST", &path, moved.clone()).await.expect(200);
        assert_eq!(parties(&view), now, "moved, and then there already");
    }
    world.app.clock.set("2026-11-22T11:00:00Z".parse().unwrap());
    let path = format!("/api/bookings/{id}/complete");
    for _ in 0..2 {
        let view = world.call("ivy", "POST", &path, Value::Null).await.expect(200);
        assert_eq!(parties(&view), now, "said to have taken place, once and again");
    }
    let objection = json!({ "reason": "nobody came", "code": "DID_NOT_TAKE_PLACE" });
    let path = format!("/api/bookings/{id}/cancel");
    for _ in 0..2 {
        let view = world.call("cara", "POST", &path, objection.clone()).await.expect(200);
        assert_eq!(parties(&view), now, "objected to, once and again");
    }
}

#[tokio::test]
async fn of_a_deleted_account_nothing_but_that_is_shown() {
    let world = world().await;
    let id = booked(&world).await;
    testing::change(&world, "ivy", |ivy| ivy.image_url = Some("https://img.example/ivy".to_owned())).await;
    testing::delete(&world, "ivy").await;
    let gone = json!({ "userId": "ivy", "name": "Deleted account", "imageUrl": null });
    assert_eq!(seen(&world, "cara", id).await["interviewer"], gone);
    assert_eq!(listed(&world, "cara", "upcoming").await[0]["interviewer"], gone);
}

#[tokio::test]
async fn each_sees_their_own_word_on_recording_and_an_admin_has_none() {
    let world = world().await;
    world.add_person("user_admin", Role::Admin).await;
    let id = booked(&world).await;
    let consent = |mine, both, recording| json!({ "mine": mine, "both": both, "recording": recording });
    assert_eq!(seen(&world, "cara", id).await["consent"], consent(Value::Null, false, false));
    for (who, record) in [("cara", true), ("ivy", false), ("ivy", true)] {
        let word = json!({ "version": CONSENT_VERSION, "record": record });
        world.call(who, "POST", &format!("/api/calls/{id}/consent"), word).await.expect(200);
        assert_eq!(seen(&world, who, id).await["consent"], consent(json!(record), record && who == "ivy", false));
        assert_eq!(listed(&world, who, "upcoming").await[0]["consent"]["mine"], record);
    }
    let mut tx = Tx::new();
    let call = Call { created: true, recording: true, ..Call::default() };
    store::call::write(&mut tx, id, &call).unwrap();
    tx.commit(&world.app.table).await.unwrap();
    let start: Timestamp = TOMORROW.parse().unwrap();
    for (minute, recording) in [(-11, false), (-10, true), (30, true), (89, true), (90, false)] {
        world.app.clock.set(start + SignedDuration::from_mins(minute));
        let scope = if minute < 60 { "upcoming" } else { "past" };
        let expected = consent(json!(true), true, recording);
        assert_eq!(seen(&world, "cara", id).await["consent"], expected, "minute {minute}");
        assert_eq!(listed(&world, "ivy", scope).await[0]["consent"], expected, "minute {minute}");
        assert_eq!(seen(&world, "user_admin", id).await["consent"], consent(Value::Null, true, recording));
    }
}

#[tokio::test]
async fn a_view_says_what_can_still_be_done() {
    let world = world().await;
    let id = booked(&world).await;
    let left = |view: &Value| view["reschedulesLeft"].as_u64().unwrap();
    let view = seen(&world, "ivy", id).await;
    assert_eq!((left(&view), &view["reviewed"]), (2, &json!(false)));
    assert_eq!(view["settlesAt"], "2026-11-21T12:00:00Z", "an hour after the end");
    for (day, expected) in [(22, 1), (23, 0)] {
        let moved = json!({ "startTime": format!("2026-11-{day}T10:00:00Z") });
        let path = format!("/api/bookings/{id}/reschedule");
        let view = world.call("cara", "POST", &path, moved).await.expect(200);
        assert_eq!(left(&view), expected);
        assert_eq!(view["settlesAt"], format!("2026-11-{day}T12:00:00Z"));
    }
    let later = book(&world, "dan", TOMORROW).await.expect(201);
    let id: BookingId = later["bookingId"].as_str().unwrap().parse().unwrap();
    world.app.clock.set("2026-11-21T08:00:00Z".parse().unwrap());
    assert_eq!(left(&seen(&world, "dan", id).await), 2);
    world.app.clock.set("2026-11-21T08:00:01Z".parse().unwrap());
    assert_eq!(left(&seen(&world, "dan", id).await), 0, "it is too late");

    for party in [Party::Interviewee, Party::Interviewer] {
        was_there(&world, id, party, 0, 50).await;
    }
    after_end(&world);
    let done = world.call("ivy", "POST", &format!("/api/bookings/{id}/complete"), Value::Null).await.expect(200);
    assert_eq!((&done["status"], &done["settlesAt"]), (&json!("COMPLETED"), &Value::Null));
    let review = json!({ "rating": 5 });
    world.call("dan", "POST", &format!("/api/bookings/{id}/review"), review).await.expect(201);
    assert_eq!(listed(&world, "ivy", "past").await[0]["reviewed"], true);
}

#[tokio::test]
async fn a_cancelled_session_to_come_is_a_past_one() {
    let world = world().await;
    let id = booked(&world).await;
    let ids = |list: Vec<Value>| list.iter().map(|b| b["bookingId"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(listed(&world, "ivy", "upcoming").await), [json!(id)]);
    let reason = json!({ "reason": "plans changed" });
    world.call("cara", "POST", &format!("/api/bookings/{id}/cancel"), reason).await.expect(200);
    for who in ["cara", "ivy"] {
        assert!(listed(&world, who, "upcoming").await.is_empty());
        assert_eq!(ids(listed(&world, who, "past").await), [json!(id)]);
    }
}

#[tokio::test]
async fn after_the_session_each_sees_how_long_who_was_there() {
    let world = world().await;
    world.add_person("user_admin", Role::Admin).await;
    let id = booked(&world).await;
    was_there(&world, id, Party::Interviewee, 2, 50).await;
    was_there(&world, id, Party::Interviewer, 0, 45).await;
    after_end(&world);
    assert_eq!(seen(&world, "cara", id).await["attendance"], Value::Null, "it is not settled yet");
    let done = world.call("ivy", "POST", &format!("/api/bookings/{id}/complete"), Value::Null).await.expect(200);
    let of_ivy = json!({ "togetherSeconds": 43 * 60, "mineSeconds": 45 * 60, "theirsSeconds": 48 * 60 });
    assert_eq!(done["attendance"], of_ivy);
    assert_eq!(seen(&world, "ivy", id).await["attendance"], of_ivy);
    let of_cara = json!({ "togetherSeconds": 43 * 60, "mineSeconds": 48 * 60, "theirsSeconds": 45 * 60 });
    assert_eq!(listed(&world, "cara", "past").await[0]["attendance"], of_cara);
    let of_admin = json!({ "togetherSeconds": 43 * 60, "intervieweeSeconds": 48 * 60, "interviewerSeconds": 45 * 60 });
    assert_eq!(seen(&world, "user_admin", id).await["attendance"], of_admin);
}
