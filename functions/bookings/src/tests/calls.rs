//! Consent, the door of the call, and suggested questions.

use simulators::{Stream, StreamOptions};

use super::*;

fn yes() -> Value {
    json!({ "version": "2026-11", "record": true })
}

async fn consent(world: &World, user: &str, id: BookingId, body: Value) -> Answer {
    world.call(user, "POST", &format!("/api/calls/{id}/consent"), body).await
}

#[tokio::test]
async fn both_parties_have_to_say_yes_and_either_can_take_it_back() {
    let world = world().await;
    let id = booked(&world).await;
    let view = consent(&world, "cara", id, yes()).await.expect(200);
    assert_eq!(view, json!({ "mine": true, "both": false, "recording": false }));
    assert_eq!(consent(&world, "ivy", id, yes()).await.expect(200)["both"], true);
    assert_eq!(consent(&world, "ivy", id, yes()).await.expect(200)["both"], true);
    let no = json!({ "version": "2026-11", "record": false });
    assert_eq!(
        consent(&world, "cara", id, no).await.expect(200),
        json!({ "mine": false, "both": false, "recording": false })
    );
    consent(&world, "dan", id, yes()).await.refused(404, "not_found");
    let old = json!({ "version": "2020-01", "record": true });
    consent(&world, "cara", id, old).await.refused(422, "validation_failed");
}

async fn world_with_stream() -> (World, Stream) {
    let stream = Stream::start(StreamOptions::default()).await.unwrap();
    let mut options = Options { stream_base_url: stream.base_url(), ..Options::default() };
    options.secrets["stream"] = json!({ "apiKey": stream.api_key(), "apiSecret": stream.api_secret() });
    let world = World::with(&crate::routes(), options).await;
    people(&world).await;
    (world, stream)
}

#[tokio::test]
async fn the_door_opens_ten_minutes_before_the_start_for_the_two_parties() {
    let (world, stream) = world_with_stream().await;
    let id = booked(&world).await;
    let path = format!("/api/calls/{id}");
    world.call("cara", "GET", &path, Value::Null).await.refused(409, "call_not_open");
    world.app.clock.set("2026-11-21T09:50:00Z".parse().unwrap());
    world.call("dan", "GET", &path, Value::Null).await.refused(404, "not_found");
    for user in ["cara", "ivy"] {
        let view = world.call(user, "GET", &path, Value::Null).await.expect(200);
        assert_eq!(view["callId"], id.to_string());
        assert_eq!(view["userId"], user);
        assert_eq!(view["expiresAt"], "2026-11-21T11:30:00Z");
        assert_eq!(view["booking"]["status"], "SCHEDULED");
    }
    assert!(stream.call("default", &id.to_string()).is_some(), "the call was created at the door");
    world.app.clock.set("2026-11-21T11:30:00Z".parse().unwrap());
    world.call("cara", "GET", &path, Value::Null).await.refused(409, "call_not_open");
}

#[tokio::test]
async fn with_stream_away_the_door_asks_to_try_again() {
    let world = world().await;
    let id = booked(&world).await;
    world.app.clock.set("2026-11-21T09:50:00Z".parse().unwrap());
    let answer = world.call("cara", "GET", &format!("/api/calls/{id}"), Value::Null).await;
    answer.refused(503, "upstream_unavailable");
    assert!(answer.headers.get("retry-after").is_some());
}

#[tokio::test]
async fn questions_need_sensible_wishes() {
    let world = world().await;
    let ask = |body: Value| world.call("cara", "POST", "/api/ai/questions", body);
    for body in [
        json!({ "count": 0 }),
        json!({ "count": 11 }),
        json!({ "categories": ["cooking"] }),
        json!({ "seniority": "x".repeat(41) }),
        json!({ "tone": "kind" }),
    ] {
        ask(body).await.refused(422, "validation_failed");
    }
    ask(json!({ "interviewerId": "nobody" })).await.refused(404, "not_found");
    ask(json!({ "count": 3 })).await.refused(503, "upstream_unavailable");
    world.call("stranger", "POST", "/api/ai/questions", json!({})).await.refused(403, "onboarding_required");
}
