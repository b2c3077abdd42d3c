use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::http::{BaseUrl, Http, NoAnswer, Reach};
use crate::secret::Secret;
use crate::test_server::{Reply, TestServer};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../vectors/gemini.json")).unwrap()
}

fn request() -> GenerateRequest {
    let body = vectors()["request"]["body"].clone();
    let text = |value: &Value| value["parts"][0]["text"].as_str().unwrap().to_owned();
    GenerateRequest {
        model: "gemini-3.8-flash".into(),
        system_instruction: text(&body["systemInstruction"]),
        prompt: text(&body["contents"][0]),
        schema: body["generationConfig"]["responseJsonSchema"].clone(),
        max_output_tokens: 8_192,
        thinking_level: Some(ThinkingLevel::Low),
        timeout: Duration::from_secs(20),
    }
}

async fn ask(server: &TestServer, suffix: &str, request: &GenerateRequest) -> Result<Generated, GeminiError> {
    let base = BaseUrl::parse(&server.url(suffix), Reach::InternetAndLoopback).unwrap();
    let http = Http::new(Reach::InternetAndLoopback);
    GeminiClient::new(http, base, Secret::new("FAKE-gemini-key")).unwrap().generate(request).await
}

async fn outcome(reply: Reply) -> Result<Generated, GeminiError> {
    let server = TestServer::start([reply]);
    let outcome = ask(&server, "", &request()).await;
    assert_eq!(server.request_count(), 1, "a generation is billed, so it is not repeated");
    outcome
}

#[tokio::test]
async fn a_request_is_sent_as_documented() {
    let expected = vectors()["request"].clone();
    for suffix in ["", "/v1beta", "/v1beta/"] {
        let server = TestServer::start([Reply::json(200, &vectors()["responses"]["ok"]["body"])]);
        ask(&server, suffix, &request()).await.unwrap();
        let sent = server.request(0);
        assert_eq!((&*sent.method, &*sent.target), ("POST", expected["path"].as_str().unwrap()));
        assert_eq!(sent.header("x-goog-api-key"), expected["headers"]["x-goog-api-key"].as_str());
        assert_eq!(sent.header("content-type"), Some("application/json"));
        assert_eq!(sent.json(), expected["body"]);
    }

    let server = TestServer::start([Reply::json(200, &vectors()["responses"]["ok"]["body"])]);
    ask(&server, "/proxy", &GenerateRequest { thinking_level: None, ..request() }).await.unwrap();
    assert_eq!(server.request(0).target, "/proxy/v1beta/models/gemini-3.8-flash:generateContent");
    assert_eq!(server.request(0).json()["generationConfig"].get("thinkingConfig"), None);
}

#[tokio::test]
async fn every_known_answer_is_understood() {
    let vectors = vectors();
    let answers = vectors["responses"].as_object().unwrap();
    assert_eq!(answers.len(), 9);
    let spent = |prompt, output, thinking, total| TokenUsage { prompt, output, thinking, total };
    for (name, answer) in answers {
        let outcome = outcome(Reply::json(200, &answer["body"])).await;
        match name.as_str() {
            "ok" | "ok_with_thought_part" => {
                let generated = outcome.unwrap();
                let text: Value = serde_json::from_str(&generated.text).unwrap();
                assert_eq!(text["overall_score"], 78, "{name}");
                assert_eq!(generated.model_version, "gemini-3.8-flash");
                assert_eq!(generated.response_id, "FAKEresp0001");
                assert_eq!(generated.usage, spent(5_210, 160, 410, 5_780));
                assert!(!format!("{generated:?}").contains("structured"));
            }
            "max_tokens_truncated_json" | "max_tokens_no_parts" => {
                let Err(GeminiError::Cut { reason: CutReason::MaxTokens, usage }) = outcome else { panic!("{name}") };
                assert_eq!(usage.total, 13_402);
            }
            "continuation" => {
                let Err(GeminiError::Cut { reason: CutReason::Continuation, usage }) = outcome else {
                    panic!("{name}")
                };
                assert_eq!(usage, spent(5_210, 65_536, 0, 70_746));
            }
            "safety_stop" | "recitation" | "prompt_blocked" => {
                let Err(error @ GeminiError::Blocked { .. }) = outcome else { panic!("{name}") };
                assert!(!error.is_retryable() && !error.try_fallback_model());
                let GeminiError::Blocked { reason, usage } = error else { unreachable!() };
                let expected = match name.as_str() {
                    "safety_stop" => "SAFETY",
                    "recitation" => "RECITATION",
                    _ => "PROHIBITED_CONTENT",
                };
                assert_eq!((reason, usage), (expected, spent(5_210, 0, 0, 5_210)));
            }
            "unknown_finish_reason" => assert!(matches!(outcome, Err(GeminiError::Malformed(_)))),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn every_known_error_has_its_class() {
    let vectors = vectors();
    let errors = vectors["errors"].as_object().unwrap();
    assert_eq!(errors.len(), 8);
    for (name, answer) in errors {
        let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
        let wrapped = json!([answer["body"]]);
        for body in [&answer["body"], &wrapped] {
            let error = outcome(Reply::json(status, body)).await.unwrap_err();
            let (retryable, fallback) = match name.as_str() {
                "quota" => {
                    let GeminiError::RateLimited { retry_after, per_day: false } = &error else { panic!("{error:?}") };
                    assert_eq!(*retry_after, Some(Duration::from_nanos(34_074_824_224)));
                    assert_eq!(error.retry_after(), *retry_after);
                    (true, true)
                }
                "overloaded" | "internal" => {
                    let GeminiError::Unavailable(NoAnswer::Status { status: s }) = error else { panic!("{error:?}") };
                    assert_eq!(s, status);
                    (true, true)
                }
                "deadline" => {
                    assert!(matches!(error, GeminiError::Timeout));
                    (true, true)
                }
                "bad_key" | "permission" => {
                    assert!(matches!(error, GeminiError::Unauthorized), "{name} {error:?}");
                    (false, false)
                }
                "model_gone" => {
                    assert!(matches!(error, GeminiError::ModelGone));
                    (false, true)
                }
                "bad_thinking" => {
                    let GeminiError::InvalidRequest { status: 400, message } = &error else { panic!("{error:?}") };
                    assert!(message.contains("MINIMAL") && !format!("{error} {error:?}").contains("MINIMAL"));
                    (false, false)
                }
                other => panic!("{other}"),
            };
            assert_eq!((error.is_retryable(), error.try_fallback_model()), (retryable, fallback), "{name}");
        }
    }
}

#[tokio::test]
async fn a_daily_quota_is_told_apart() {
    let daily = json!({ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED", "details": [
        { "violations": [{ "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier" }] },
    ]}});
    let error = outcome(Reply::json(429, &daily).header("retry-after", "9")).await.unwrap_err();
    let GeminiError::RateLimited { retry_after, per_day: true } = error else { panic!("{error:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(9)));
    assert!(error.try_fallback_model());

    let bare = outcome(Reply::new(429, "slow down")).await.unwrap_err();
    assert!(matches!(bare, GeminiError::RateLimited { retry_after: None, per_day: false }));
    for odd in ["soon", "-1s", "34", "s"] {
        let body = json!({ "error": { "details": [7, { "retryDelay": odd }] } });
        let error = outcome(Reply::json(429, &body)).await.unwrap_err();
        assert!(matches!(error, GeminiError::RateLimited { retry_after: None, per_day: false }), "{odd}");
    }
}

#[tokio::test]
async fn trouble_on_the_way_has_its_class() {
    for body in ["", "<html>", "[]", "{}", r#"{"candidates":[{}]}"#, r#"{"candidates":[{"finishReason":7}]}"#] {
        assert!(matches!(outcome(Reply::new(200, body)).await, Err(GeminiError::Malformed(_))), "{body}");
    }
    for (body, told) in [
        (r#"{"candidates":[{"finishReason":"s3cret"}]}"#, "candidates[0].finishReason is not one of the names we know"),
        (
            r#"{"candidates":[{"content":{"parts":[{"text":["s3cret"]}]}}]}"#,
            "candidates[0].content.parts[0].text is not a text",
        ),
        (r#"{"candidates":"s3cret, expected s3cret"}"#, "candidates is not a list"),
        ("s3cret", "it is not JSON, line 1, column 1"),
    ] {
        let error = outcome(Reply::new(200, body)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("Gemini's answer to generate cannot be used: status 200, {told}"));
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    let silent = json!({ "candidates": [{ "finishReason": "STOP", "content": { "parts": [{ "text": "t", "thought": true }] } }] });
    let silent = outcome(Reply::json(200, &silent)).await;
    assert!(matches!(silent, Err(GeminiError::Cut { reason: CutReason::Empty, .. })));
    let new_filter = outcome(Reply::json(200, &json!({ "promptFeedback": { "blockReason": "NEW" } }))).await;
    assert!(matches!(new_filter, Err(GeminiError::Blocked { reason: "UNKNOWN", .. })));

    for reply in [Reply::cut(200, "{", 5), Reply::close()] {
        assert!(matches!(outcome(reply).await, Err(GeminiError::Unavailable(NoAnswer::Broken(_)))));
    }
    assert!(matches!(outcome(Reply::new(408, "")).await, Err(GeminiError::Timeout)));
    assert!(matches!(outcome(Reply::new(302, "")).await, Err(GeminiError::Malformed(_))));
    assert!(matches!(outcome(Reply::new(200, vec![b' '; 9 << 20])).await, Err(GeminiError::Malformed(_))));

    let hanging = TestServer::start([Reply::hang()]);
    let impatient = GenerateRequest { timeout: Duration::from_millis(100), ..request() };
    assert!(matches!(ask(&hanging, "", &impatient).await, Err(GeminiError::Timeout)));

    let nobody = BaseUrl::parse("http://127.0.0.1:1", Reach::InternetAndLoopback).unwrap();
    let client = GeminiClient::new(Http::new(Reach::InternetAndLoopback), nobody, Secret::new("k")).unwrap();
    let error = client.generate(&request()).await.unwrap_err();
    assert!(matches!(error, GeminiError::Unavailable(NoAnswer::Connect(_))));
    assert!(error.is_retryable() && !error.try_fallback_model(), "another model is behind the same address");
}

#[tokio::test]
async fn nothing_of_the_prompt_or_key_is_printed() {
    let body = json!({ "error": { "message": "Invalid value: <transcript>" } });
    let error = outcome(Reply::json(400, &body)).await.unwrap_err();
    let shown = format!("{error} {error:?} {:?}", request());
    assert!(!shown.contains("transcript") && !shown.contains("FAKE-gemini-key"), "{shown}");
}
