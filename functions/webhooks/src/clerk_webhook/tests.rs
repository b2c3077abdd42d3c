use std::sync::Arc;

use domain::user::{Role, User};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testing::{Answer, Options, World, noon};

use crate::recorded::{CLERK_SECRET, count, from_clerk, stored};

async fn world() -> World {
    World::new(&crate::functions()).await
}

fn at(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

/// A user as Clerk tells of them, last changed `seconds` after noon.
fn upsert(kind: &str, id: &str, name: &str, seconds: i64) -> String {
    json!({ "type": kind, "object": "event", "data": {
        "id": id, "object": "user", "first_name": name, "last_name": null, "image_url": "https://img.example/1",
        "primary_email_address_id": "idn_1", "updated_at": at(seconds).as_millisecond(),
        "email_addresses": [{ "id": "idn_1", "email_address": "z@example.com" }],
    }})
    .to_string()
}

/// The same, with other members too.
fn changed(id: &str, seconds: i64, members: Value) -> String {
    let mut body: Value = serde_json::from_str(&upsert("user.updated", id, "Ivy", seconds)).unwrap();
    body["data"].as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body["timestamp"] = json!(at(seconds).as_millisecond());
    body.to_string()
}

async fn listed(world: &World, id: &str) -> bool {
    let card = store::directory::get(&world.app.table, &id.parse().unwrap()).await.unwrap();
    let items = stored(world).await;
    let bookable = &items[&(format!("USER#{id}"), "BOOKABLE".to_owned())];
    assert_eq!(bookable["listed"], format!("Bool({})", card.is_some()));
    card.is_some()
}

fn deleted(id: &str) -> String {
    json!({ "type": "user.deleted", "object": "event", "data": { "id": id, "object": "user", "deleted": true } })
        .to_string()
}

async fn send(world: &World, body: &str) -> Answer {
    from_clerk(world, body, CLERK_SECRET, world.app.now()).await
}

async fn user(world: &World, id: &str) -> Option<User> {
    store::user::get(&world.app.table, &id.parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_user_is_created_and_the_newest_word_wins() {
    let world = world().await;
    send(&world, &upsert("user.created", "user_1", "Zoe", 10)).await.expect(200);
    send(&world, &upsert("user.updated", "user_1", "Newest", 30)).await.expect(200);
    send(&world, &upsert("user.updated", "user_1", "Late", 20)).await.expect(200);
    let known = user(&world, "user_1").await.unwrap();
    assert_eq!((known.name.as_deref(), known.email.as_deref()), (Some("Newest"), Some("z@example.com")));
    assert_eq!((known.role, known.clerk_updated_at, known.version), (Role::Unassigned, Some(at(30)), 2));
    assert_eq!(count(&world, "WEBHOOK#clerk#").await, 3);
}

#[tokio::test]
async fn a_repeat_changes_nothing() {
    let world = world().await;
    let body = upsert("user.created", "user_1", "Zoe", 10);
    send(&world, &body).await.expect(200);
    let before = stored(&world).await;
    world.app.clock.advance(SignedDuration::from_mins(3));
    send(&world, &body).await.expect(200);
    assert_eq!(stored(&world).await, before);
}

#[tokio::test]
async fn a_deleted_user_leaves_a_tombstone_that_nothing_revives() {
    let world = world().await;
    let ivy = world.add_interviewer("ivy").await;
    assert!(store::directory::get(&world.app.table, &ivy).await.unwrap().is_some());
    send(&world, &deleted("ivy")).await.expect(200);
    send(&world, &upsert("user.updated", "ivy", "Back", 600)).await.expect(200);
    // The same word again, in a body of its own.
    send(&world, &deleted("ivy").replace("\"object\":\"event\"", "\"object\":\"event\",\"timestamp\":1"))
        .await
        .expect(200);
    let grave = user(&world, "ivy").await.unwrap();
    assert_eq!((grave.deleted_at, grave.name, grave.interviewer), (Some(noon()), None, None));
    assert!(store::directory::get(&world.app.table, &ivy).await.unwrap().is_none());
    let state = stored(&world).await;
    let bookable = &state[&("USER#ivy".to_owned(), "BOOKABLE".to_owned())];
    assert_eq!(bookable["listed"], "Bool(false)");
    assert_eq!(count(&world, "OUTBOX#cancel_bookings:ivy:deleted").await, 1);
}

#[tokio::test]
async fn who_is_banned_is_unlisted_loses_their_bookings_and_is_listed_again_when_that_ends() {
    let world = world().await;
    world.add_interviewer("ivy").await;
    let banned = |seconds, banned| changed("ivy", seconds, json!({ "banned": banned }));
    let causes = async || count(&world, "OUTBOX#cancel_bookings:ivy:").await;
    for (round, seconds) in [(1, 10), (2, 30)] {
        send(&world, &banned(seconds, true)).await.expect(200);
        assert!(!listed(&world, "ivy").await);
        assert_eq!(causes().await, round, "each ban has a cause of its own");
        // The same word in other bodies, and an older one.
        send(&world, &banned(seconds, true).replace("\"object\":\"event\"", "\"object\":\"event\",\"x\":1"))
            .await
            .expect(200);
        send(&world, &banned(seconds - 1, false)).await.expect(200);
        assert!(!listed(&world, "ivy").await);
        assert_eq!(causes().await, round);
        send(&world, &banned(seconds + 10, false)).await.expect(200);
        assert!(listed(&world, "ivy").await);
    }
    assert_eq!(count(&world, "OUTBOX#").await, 2);
    let id = "OUTBOX#cancel_bookings:ivy:2026-11-20T12:00:10Z-001795176010000-";
    assert_eq!(count(&world, id).await, 1, "its id can be read");
}

#[tokio::test]
async fn a_lock_does_the_same_and_asks_to_be_lifted_when_its_time_is_over() {
    let world = world().await;
    world.add_interviewer("ivy").await;
    let locked = json!({ "locked": true, "lockout_expires_in_seconds": 3600 });
    send(&world, &changed("ivy", 10, locked)).await.expect(200);
    assert!(!listed(&world, "ivy").await);
    let ivy = user(&world, "ivy").await.unwrap();
    assert_eq!((ivy.locked, ivy.locked_until), (true, Some(at(3610))));
    assert_eq!(count(&world, "OUTBOX#cancel_bookings:ivy:").await, 1);
    assert_eq!(count(&world, "OUTBOX#lift_lock:ivy:").await, 1);
    send(&world, &changed("ivy", 20, json!({ "locked": false, "lockout_expires_in_seconds": null }))).await.expect(200);
    assert!(listed(&world, "ivy").await);
    assert_eq!(count(&world, "OUTBOX#").await, 2);
}

#[tokio::test]
async fn of_words_with_one_time_the_same_one_counts_whichever_comes_first() {
    let told = |name: &str, banned: bool| changed("ivy", 10, json!({ "first_name": name, "banned": banned }));
    let without_times = |body: String| {
        let mut body: Value = serde_json::from_str(&body).unwrap();
        body.as_object_mut().unwrap().remove("timestamp");
        body.to_string()
    };
    let words = [told("Ada", true), without_times(told("Bea", false)), without_times(told("Cleo", true))];
    let mut ends = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let world = world().await;
        world.add_interviewer("ivy").await;
        for word in order {
            send(&world, &words[word]).await.expect(200);
        }
        let ivy = User { version: 0, ..user(&world, "ivy").await.unwrap() };
        assert_eq!(listed(&world, "ivy").await, ivy.listed());
        ends.push(ivy);
    }
    assert_eq!(ends[0].name.as_deref(), Some("Ada"), "what was told last counts");
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
}

#[tokio::test]
async fn a_deletion_that_overtakes_the_creation_still_wins() {
    let world = world().await;
    send(&world, &deleted("user_1")).await.expect(200);
    send(&world, &upsert("user.created", "user_1", "Zoe", 10)).await.expect(200);
    let grave = user(&world, "user_1").await.unwrap();
    assert_eq!((grave.deleted_at, grave.name), (Some(noon()), None));
}

#[tokio::test]
async fn what_is_not_signed_now_by_clerk_is_refused_and_leaves_nothing() {
    let world = world().await;
    let body = upsert("user.created", "user_1", "Zoe", 10);
    let refused = async |secret: &str, signed_at: Timestamp, why: &str| {
        let answer = from_clerk(&world, &body, secret, signed_at).await;
        assert_eq!((answer.status, answer.code()), (401, "invalid_signature"), "{why}");
    };
    refused("whsec_b3RoZXI=", noon(), "another secret").await;
    refused(CLERK_SECRET, at(-301), "stale").await;
    refused(CLERK_SECRET, at(301), "from the future").await;
    world.send("POST", "/api/webhooks/clerk", Some(body.into_bytes()), &[]).await.refused(401, "invalid_signature");
    let large = vec![b' '; 1024 * 1024 + 1];
    world.send("POST", "/api/webhooks/clerk", Some(large), &[]).await.refused(413, "payload_too_large");
    assert!(stored(&world).await.is_empty());
}

#[tokio::test]
async fn signed_nonsense_is_malformed_and_other_events_are_acknowledged() {
    let world = world().await;
    for body in
        ["", "nonsense", "[]", r#"{"type":"user.deleted","data":{}}"#, r#"{"type":"user.created","data":{"id":"a b"}}"#]
    {
        send(&world, body).await.refused(400, "malformed_request");
    }
    let answer = send(&world, r#"{"type":"session.created","data":{}}"#).await.expect(200);
    assert_eq!(answer, json!({ "received": true }));
    assert!(stored(&world).await.is_empty());
}

#[tokio::test]
async fn what_follows_from_an_event_names_the_request_that_brought_it() {
    let world = world().await;
    send(&world, &upsert("user.created", "user_1", "Zoe", 10)).await.expect(200);
    send(&world, &deleted("user_1")).await.expect(200);
    let origins = |items: crate::recorded::Stored, prefix: &str| -> Vec<String> {
        let of_kind = items.into_iter().filter(|((pk, _), _)| pk.starts_with(prefix));
        of_kind.map(|(_, attributes)| attributes["origin"].clone()).collect()
    };
    let request = format!("{:?}", aws_sdk_dynamodb::types::AttributeValue::S("request-1".to_owned()));
    assert_eq!(origins(stored(&world).await, "WEBHOOK#"), [request.clone(), request.clone()]);
    assert_eq!(origins(stored(&world).await, "OUTBOX#"), [request]);
    let rows = store::outbox::waiting(&world.app.table, at(3600), 10, None).await.unwrap().rows;
    let message: store::outbox::Message = serde_json::from_str(&rows[0].message).unwrap();
    assert_eq!(message.origin.as_deref(), Some("request-1"));
}

#[tokio::test]
async fn during_rotation_both_secrets_verify_and_a_new_one_is_read_once() {
    let mut options = Options::default();
    options.secrets["clerk"]["webhookSecret"] = json!(["whsec_bmV3", CLERK_SECRET]);
    let world = World::with(&crate::functions(), options.clone()).await;
    let send = async |secret: &str, seconds: i64| {
        let body = upsert("user.updated", "user_1", "Zoe", seconds);
        from_clerk(&world, &body, secret, world.app.now()).await
    };
    send("whsec_bmV3", 1).await.expect(200);
    send(CLERK_SECRET, 2).await.expect(200);
    options.secrets["clerk"]["webhookSecret"] = Value::from("whsec_bmV3ZXN0");
    world.app.secrets.replace(options.secrets);
    send("whsec_bmV3ZXN0", 3).await.refused(401, "invalid_signature");
    world.app.clock.advance(SignedDuration::from_secs(61));
    send("whsec_bmV3ZXN0", 4).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_copies_at_once_have_one_effect() {
    let world = Arc::new(world().await);
    for body in [upsert("user.created", "user_1", "Zoe", 10), deleted("user_1")] {
        let mut copies = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (world, body) = (world.clone(), body.clone());
            copies.spawn(async move { send(&world, &body).await.status });
        }
        assert_eq!(copies.join_all().await, vec![200; 100]);
    }
    assert_eq!(user(&world, "user_1").await.unwrap().version, 2);
    assert_eq!((count(&world, "OUTBOX#").await, count(&world, "WEBHOOK#").await), (1, 2));
}
