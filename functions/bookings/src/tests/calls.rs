//! Consent, the door of the call, and suggested questions.

use kit::secrets::Provider;
use simulators::{Gemini, GeminiOptions, GeminiScript, Reply, Stream, StreamOptions};

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
    let mut options = Options { base_urls: [(Provider::Stream, stream.base_url())].into(), ..Options::default() };
    options.secrets["stream"] = json!({ "apiKey": stream.api_key(), "apiSecret": stream.api_secret() });
    let world = world_with(options).await;
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

#[tokio::test]
async fn questions_are_suggested_by_the_model_or_by_the_other_one() {
    let gemini = Gemini::start(GeminiOptions::default()).await.unwrap();
    let mut options = Options { base_urls: [(Provider::Gemini, gemini.base_url())].into(), ..Options::default() };
    options.secrets["gemini"] = json!({ "apiKey": gemini.api_key() });
    let world = world_with(options).await;
    let ask = |body: Value| world.call("ivy", "POST", "/api/ai/questions", body);

    let view = ask(json!({ "interviewerId": "ivy", "seniority": "senior", "count": 3 })).await.expect(200);
    let questions = view["questions"].as_array().unwrap();
    assert!((1..=3).contains(&questions.len()), "{view}");
    for question in questions {
        assert!(!question["question"].as_str().unwrap().is_empty());
        assert!(!question["rationale"].as_str().unwrap().is_empty());
        assert!(question["followUps"].is_array());
    }
    assert_eq!(gemini.generations(), 1);

    for (reply, asked) in [(Reply::Unavailable, 2), (Reply::Malformed, 2), (Reply::RateLimited, 2)] {
        let before = gemini.generations();
        gemini.script(GeminiScript { responses: vec![reply], ..GeminiScript::default() });
        ask(json!({ "count": 2 })).await.expect(200);
        assert_eq!(gemini.generations() - before, asked);
    }
    gemini.script(GeminiScript { responses: vec![Reply::BlockedPrompt], ..GeminiScript::default() });
    ask(json!({ "seniority": "senior" })).await.refused(422, "validation_failed");
    gemini.script(GeminiScript { responses: vec![Reply::BadKey], ..GeminiScript::default() });
    let answer = ask(json!({})).await;
    answer.refused(503, "upstream_unavailable");
    assert!(!answer.body.to_string().contains("key"), "{}", answer.body);
}

#[tokio::test]
async fn the_twenty_first_question_within_an_hour_waits() {
    let gemini = Gemini::start(GeminiOptions::default()).await.unwrap();
    let mut options = Options { base_urls: [(Provider::Gemini, gemini.base_url())].into(), ..Options::default() };
    options.secrets["gemini"] = json!({ "apiKey": gemini.api_key() });
    let world = world_with(options).await;
    for _ in 0..20 {
        world.call("cara", "POST", "/api/ai/questions", json!({ "count": 1 })).await.expect(200);
    }
    let refused = world.call("cara", "POST", "/api/ai/questions", json!({ "count": 1 })).await;
    refused.refused(429, "rate_limited");
    assert_eq!(gemini.generations(), 20, "a refused request asked the model");
}
