use std::fmt::Write;

use serde_json::{Value, json};

use super::script::{GeminiScript, Reply};
use super::*;
use crate::transcripts::{transcript, transcripts};

const MODEL: &str = "gemini-3.8-flash";

/// A feedback schema much like a grader's: definitions, references, nullable members, nested claims.
fn feedback_schema() -> Value {
    json!({
        "type": "object",
        "$defs": {
            "Quote": {
                "type": "object",
                "properties": {
                    "speaker": { "type": "string", "enum": ["INTERVIEWEE", "INTERVIEWER"] },
                    "text": { "type": "string" },
                },
                "required": ["speaker", "text"],
                "additionalProperties": false,
            },
            "Point": {
                "type": "object",
                "properties": {
                    "title": { "type": "string" },
                    "detail": { "type": ["string", "null"] },
                    "quotes": { "type": "array", "items": { "$ref": "#/$defs/Quote" }, "minItems": 1, "maxItems": 3 },
                },
                "required": ["title", "quotes"],
            },
            "Rating": {
                "type": "object",
                "properties": {
                    "rating": { "type": "integer", "minimum": 1, "maximum": 10 },
                    "quotes": { "type": "array", "items": { "$ref": "#/$defs/Quote" } },
                },
                "required": ["rating", "quotes"],
            },
        },
        "properties": {
            "summary": { "type": "string" },
            "technical": { "$ref": "#/$defs/Rating" },
            "communication": { "$ref": "#/$defs/Rating" },
            "problemSolving": { "$ref": "#/$defs/Rating" },
            "recommendation": { "type": "string", "enum": ["STRONG_HIRE", "HIRE", "NO_HIRE"] },
            "strengths": { "type": "array", "items": { "$ref": "#/$defs/Point" }, "maxItems": 5 },
            "improvements": { "type": "array", "items": { "$ref": "#/$defs/Point" }, "maxItems": 5 },
            "overallRating": { "type": "integer", "minimum": 1, "maximum": 10 },
        },
        "required": ["summary", "technical", "strengths", "improvements", "overallRating", "recommendation"],
        "propertyOrdering": ["summary", "strengths", "improvements"],
    })
}

fn questions_schema() -> Value {
    json!({
        "type": "object",
        "properties": { "questions": {
            "type": "array", "minItems": 1, "maxItems": 10,
            "items": {
                "type": "object",
                "properties": {
                    "question": { "type": "string" },
                    "rationale": { "type": "string" },
                    "followUps": { "type": "array", "items": { "type": "string" }, "minItems": 2, "maxItems": 3 },
                },
                "required": ["question", "rationale", "followUps"],
            },
        } },
        "required": ["questions"],
    })
}

/// A bundled transcript as a prompt shows it.
fn rendered(name: &str) -> String {
    let mut prompt = String::from("Grade the interview between INTERVIEWEE and INTERVIEWER.\n<transcript>\n");
    for (number, line) in transcript(name).unwrap().file.lines().enumerate() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let (Some(speaker), Some(text)) = (line["speaker_id"].as_str(), line["text"].as_str()) else { continue };
        writeln!(prompt, "[{number}] 00:01:05 {}: {text}", speaker.to_uppercase()).unwrap();
    }
    prompt + "</transcript>"
}

fn body(prompt: &str, schema: &Value) -> Value {
    json!({
        "systemInstruction": { "parts": [{ "text": "You grade interviews. Use only the transcript." }] },
        "contents": [{ "role": "user", "parts": [{ "text": prompt }] }],
        "generationConfig": {
            "responseMimeType": "application/json", "responseJsonSchema": schema, "maxOutputTokens": 8192,
            "thinkingConfig": { "thinkingLevel": "LOW" },
        },
        "safetySettings": [{ "category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH" }],
    })
}

async fn gemini() -> Gemini {
    Gemini::start(GeminiOptions::default()).await.unwrap()
}

async fn ask_with(gemini: &Gemini, model: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
    let url = format!("{}/v1beta/models/{model}:generateContent", gemini.base_url());
    let mut request = reqwest::Client::new().post(url).json(body);
    if let Some(key) = key {
        request = request.header("x-goog-api-key", key);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn ask(gemini: &Gemini, body: &Value) -> (u16, Value) {
    ask_with(gemini, MODEL, Some(gemini.api_key()), body).await
}

fn text(answer: &Value) -> &str {
    answer["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap()
}

fn written(answer: &Value) -> Value {
    serde_json::from_str(text(answer)).unwrap()
}

/// Every quote in an answer.
fn quotes(value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Object(members) => match (members.get("speaker"), members.get("text")) {
            (Some(speaker), Some(text)) => vec![(speaker.as_str().unwrap().into(), text.as_str().unwrap().into())],
            _ => members.values().flat_map(quotes).collect(),
        },
        Value::Array(items) => items.iter().flat_map(quotes).collect(),
        _ => Vec::new(),
    }
}

fn is_said(prompt: &str, speaker: &str, quote: &str) -> bool {
    prompt.lines().any(|line| line.contains(&format!("{speaker}: ")) && line.contains(quote))
}

#[tokio::test]
async fn feedback_fits_the_schema_and_quotes_the_transcript() {
    let gemini = gemini().await;
    let schema = feedback_schema();
    for name in transcripts().iter().map(|transcript| transcript.name) {
        let prompt = rendered(name);
        let (status, answer) = ask(&gemini, &body(&prompt, &schema)).await;
        assert_eq!((status, &answer["candidates"][0]["finishReason"]), (200, &json!("STOP")), "{name}");
        let feedback = written(&answer);
        assert_eq!(schema::mismatch(&schema, &schema, &feedback, "$"), None, "{name}: {feedback}");
        for (speaker, quote) in quotes(&feedback) {
            assert!(is_said(&prompt, &speaker, &quote), "{name}: {speaker} did not say {quote}");
            assert!(quote.split_whitespace().count() >= 4, "{name}: {quote}");
        }
        let usage = &answer["usageMetadata"];
        let sum = ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"]
            .map(|name| usage[name].as_u64().unwrap());
        assert_eq!(usage["totalTokenCount"], sum.iter().sum::<u64>());
        assert_eq!(ask(&gemini, &body(&prompt, &schema)).await.1["candidates"], answer["candidates"], "{name} varies");
    }
    assert_eq!((gemini.generations(), gemini.answers()), (2 * transcripts().len(), 2 * transcripts().len()));
}

#[tokio::test]
async fn each_text_speaks_of_its_own_side_and_of_this_transcript() {
    let gemini = gemini().await;
    let sides = ["summary", "technical", "communication", "problemSolving"];
    let members: serde_json::Map<String, Value> =
        sides.iter().map(|side| ((*side).to_owned(), json!({ "type": "string" }))).collect();
    let schema = json!({ "type": "object", "properties": members, "required": sides });
    let mut all = Vec::new();
    for name in ["strong-system-design-45min", "middling-backend-30min", "weak-javascript-20min"] {
        let texts = written(&ask(&gemini, &body(&rendered(name), &schema)).await.1);
        all.extend(sides.map(|side| texts[side].as_str().unwrap().to_owned()));
    }
    for text in &all {
        assert_eq!(all.iter().filter(|other| *other == text).count(), 1, "{text}");
        assert!(text.contains(|c: char| c.is_ascii_digit()), "{text}");
    }
}

#[tokio::test]
async fn better_answers_get_better_ratings() {
    let gemini = gemini().await;
    let mut ratings = Vec::new();
    for name in ["strong-system-design-45min", "middling-backend-30min", "weak-javascript-20min", "silence-10min"] {
        let feedback = written(&ask(&gemini, &body(&rendered(name), &feedback_schema())).await.1);
        ratings.push((
            feedback["overallRating"].as_i64().unwrap(),
            feedback["recommendation"].as_str().unwrap().to_owned(),
        ));
    }
    assert!(ratings.windows(2).all(|pair| pair[0].0 > pair[1].0), "{ratings:?}");
    assert_eq!(ratings[0].1, "STRONG_HIRE", "{ratings:?}");
    assert_eq!(ratings[2].1, "NO_HIRE", "an instruction inside the transcript changes nothing: {ratings:?}");
}

#[tokio::test]
async fn questions_follow_the_topics_and_the_count_of_the_prompt() {
    let gemini = gemini().await;
    let schema = questions_schema();
    let prompt = "Write 7 questions. Categories: system design, backend. Seniority: SENIOR.";
    let answer = written(&ask(&gemini, &body(prompt, &schema)).await.1);
    assert_eq!(schema::mismatch(&schema, &schema, &answer, "$"), None);
    let questions = answer["questions"].as_array().unwrap();
    assert_eq!(questions.len(), 7);
    let mut distinct: Vec<&str> = questions.iter().map(|question| question["question"].as_str().unwrap()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 7);
    assert!(questions[0]["rationale"].as_str().unwrap().contains("operating it"));
}

#[tokio::test]
async fn other_schemas_are_filled_too() {
    let gemini = gemini().await;
    let prompt = rendered("middling-backend-30min");
    let recursive = json!({
        "type": "object",
        "$defs": { "Node": {
            "type": "object",
            "properties": {
                "name": { "type": "string" },
                "children": { "type": "array", "items": { "$ref": "#/$defs/Node" }, "maxItems": 1 },
            },
            "required": ["name"],
        } },
        "properties": { "tree": { "$ref": "#/$defs/Node" } },
        "required": ["tree"],
    });
    let mixed = json!({
        "type": "object",
        "properties": {
            "score": { "type": "number", "minimum": 0, "maximum": 100 },
            "pair": { "type": "array", "prefixItems": [{ "type": "string" }, { "type": "integer" }] },
            "either": { "anyOf": [{ "type": "null" }, { "type": "string" }] },
            "flag": { "type": "boolean" },
            "tags": { "type": "array", "items": { "type": "string", "enum": ["a", "b"] }, "minItems": 6, "maxItems": 6 },
            "evidence": { "type": "string" },
        },
        "required": ["score", "pair", "either", "flag", "tags"],
        "additionalProperties": false,
    });
    for schema in [recursive, mixed, json!({ "type": "array", "items": { "type": "string" } })] {
        let (status, answer) = ask(&gemini, &body(&prompt, &schema)).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(schema::mismatch(&schema, &schema, &written(&answer), "$"), None, "{schema}");
    }
    let mut own = body(&prompt, &Value::Null);
    own["generationConfig"]["responseSchema"] =
        json!({ "type": "OBJECT", "properties": { "summary": { "type": "STRING", "nullable": true } } });
    assert!(written(&ask(&gemini, &own).await.1)["summary"].is_string());
    own["generationConfig"] = json!({});
    assert!(!text(&ask(&gemini, &own).await.1).is_empty());
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let gemini = gemini().await;
    let prompt = rendered("short-5min");
    let with = |pointer: &str, name: &str, value: Value| {
        let mut body = body(&prompt, &feedback_schema());
        body.pointer_mut(pointer).unwrap()[name] = value;
        body
    };
    let config = "/generationConfig";
    let schema = |schema: Value| with(config, "responseJsonSchema", schema);
    let property = |property: Value| schema(json!({ "type": "object", "properties": { "a": property } }));
    let cases = [
        with("", "contents", json!([])),
        with("", "content", json!([])),
        with("", "contents", json!([{ "role": "user", "parts": [] }])),
        with("", "contents", json!([{ "role": "assistant", "parts": [{ "text": "x" }] }])),
        with("", "contents", json!([{ "role": "user", "parts": [{ "txt": "x" }] }])),
        with(
            "",
            "contents",
            json!([
                { "role": "user", "parts": [{ "text": "x" }] }, { "role": "model", "parts": [{ "text": "{" }] },
            ]),
        ),
        with("", "safetySettings", json!([{ "category": "HARM_CATEGORY_RUDENESS", "threshold": "OFF" }])),
        with("", "safetySettings", json!([{ "category": "HARM_CATEGORY_HARASSMENT", "threshold": "SOMETIMES" }])),
        with(config, "maxTokens", json!(5)),
        with(config, "maxOutputTokens", json!("many")),
        with(config, "maxOutputTokens", json!(70_000)),
        with(config, "temperature", json!(3)),
        with(config, "responseMimeType", json!("text/plain")),
        with(config, "responseMimeType", json!("application/xml")),
        with(config, "responseSchema", json!({ "type": "OBJECT" })),
        with(config, "thinkingConfig", json!({ "thinkingLevel": "MINIMAL" })),
        with(config, "thinkingConfig", json!({ "thinkingLevel": "ENORMOUS" })),
        with(config, "thinkingConfig", json!({ "thinkingLevel": "LOW", "thinkingBudget": 100 })),
        with(config, "thinkingConfig", json!({ "thinkingBudget": 0 })),
        with(config, "thinkingConfig", json!({ "budget": 0 })),
        schema(json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object" })),
        schema(json!({ "type": "object", "required": ["a"] })),
        property(json!({ "type": "string", "minLength": 3 })),
        property(json!({ "type": "string", "pattern": "a+" })),
        property(json!({ "allOf": [{ "type": "string" }] })),
        property(json!({ "type": "text" })),
        property(json!({ "$ref": "#/$defs/Nothing" })),
        property(json!({ "const": "x" })),
    ];
    for (index, body) in cases.iter().enumerate() {
        let (status, answer) = ask(&gemini, body).await;
        assert_eq!((status, &answer["error"]["status"]), (400, &json!("INVALID_ARGUMENT")), "case {index}: {answer}");
    }
    let good = body(&prompt, &feedback_schema());
    let (status, answer) = ask_with(&gemini, MODEL, Some("wrong"), &good).await;
    assert_eq!((status, &answer["error"]["details"][0]["reason"]), (400, &json!("API_KEY_INVALID")));
    assert_eq!(ask_with(&gemini, MODEL, None, &good).await.0, 403);
    assert_eq!(ask_with(&gemini, "gemini-2.0-flash", Some(gemini.api_key()), &good).await.0, 404);
    assert_eq!(gemini.generations(), 0, "nothing that was refused counts");
    let level = with(config, "thinkingConfig", json!({ "thinkingLevel": "XHIGH" }));
    assert_eq!(ask_with(&gemini, "gemini-4-hydrogen", Some(gemini.api_key()), &level).await.0, 200);
}

#[tokio::test]
async fn every_failure_happens_on_command_and_in_order() {
    let gemini = gemini().await;
    let good = body(&rendered("short-5min"), &feedback_schema());
    let replies = [
        (Reply::RateLimited, 429, "/error/details/1/retryDelay", json!("2.5s")),
        (
            Reply::RateLimitedDay,
            429,
            "/error/details/0/violations/0/quotaId",
            json!("GenerateRequestsPerDayPerProjectPerModel"),
        ),
        (Reply::Unavailable, 503, "/error/status", json!("UNAVAILABLE")),
        (Reply::Internal, 500, "/error/status", json!("INTERNAL")),
        (Reply::Deadline, 504, "/error/status", json!("DEADLINE_EXCEEDED")),
        (Reply::BadKey, 400, "/error/details/0/reason", json!("API_KEY_INVALID")),
        (Reply::Permission, 403, "/error/status", json!("PERMISSION_DENIED")),
        (Reply::NotFound, 404, "/error/status", json!("NOT_FOUND")),
        (Reply::BlockedPrompt, 200, "/promptFeedback/blockReason", json!("PROHIBITED_CONTENT")),
        (Reply::Safety, 200, "/candidates/0/finishReason", json!("SAFETY")),
        (Reply::Recitation, 200, "/candidates/0/finishReason", json!("RECITATION")),
        (Reply::UnknownFinish, 200, "/candidates/0/finishReason", json!("SOMETHING_NEW")),
        (Reply::MaxTokens, 200, "/candidates/0/finishReason", json!("MAX_TOKENS")),
        (Reply::MaxTokensNoParts, 200, "/candidates/0/content", json!({ "role": "model" })),
        (Reply::Empty, 200, "/candidates/0/content/parts/0/text", json!("")),
        (Reply::ThoughtPart, 200, "/candidates/0/content/parts/0/thought", json!(true)),
        (Reply::Hang, 200, "/candidates/0/finishReason", json!("STOP")),
    ];
    gemini.script(GeminiScript {
        responses: replies.iter().map(|(reply, ..)| *reply).collect(),
        then: Reply::Malformed,
        retry_delay: Some("2.5s".into()),
        hang_seconds: Some(0.01),
        ..GeminiScript::default()
    });
    for (reply, status, pointer, value) in &replies {
        let (got, answer) = ask(&gemini, &good).await;
        assert_eq!((got, answer.pointer(pointer)), (*status, Some(value)), "{reply:?}: {answer}");
    }
    for _ in 0..2 {
        let (_, answer) = ask(&gemini, &good).await;
        assert_eq!(answer["candidates"][0]["finishReason"], "STOP");
        assert!(serde_json::from_str::<Value>(text(&answer)).is_err(), "cut JSON");
    }
    gemini.script(GeminiScript::default());
    assert_eq!(
        schema::mismatch(&feedback_schema(), &feedback_schema(), &written(&ask(&gemini, &good).await.1), "$"),
        None
    );
}

#[tokio::test]
async fn quotes_can_be_spoiled() {
    let gemini = gemini().await;
    let prompt = rendered("middling-backend-30min");
    let good = body(&prompt, &feedback_schema());
    let found = async |reply: Reply| {
        gemini.script(GeminiScript { responses: vec![reply], ..GeminiScript::default() });
        let quotes = quotes(&written(&ask(&gemini, &good).await.1));
        let said = quotes.iter().filter(|(speaker, quote)| is_said(&prompt, speaker, quote)).count();
        (said, quotes.len(), quotes)
    };
    let (said, all, _) = found(Reply::MissingQuotes).await;
    assert!(said == 0 && all > 5);
    let (said, all, _) = found(Reply::HalfMissingQuotes).await;
    assert!(said > 0 && said < all);
    let (said, _, quotes) = found(Reply::WrongSpeakerQuotes).await;
    assert_eq!(said, 0);
    assert!(quotes.iter().all(|(speaker, quote)| speaker == "INTERVIEWER" && is_said(&prompt, "INTERVIEWEE", quote)));
    let (_, _, quotes) = found(Reply::ShortQuotes).await;
    assert!(quotes.iter().all(|(_, quote)| quote.split_whitespace().count() == 3));
    let (said, _, _) = found(Reply::RecasedQuotes).await;
    assert_eq!(said, 0, "only normalising finds them");
}

#[tokio::test]
async fn a_continuation_hands_out_the_rest() {
    let gemini = gemini().await;
    let mut request = body(&rendered("short-5min"), &feedback_schema());
    gemini.script(GeminiScript { responses: vec![Reply::Continuation], ..GeminiScript::default() });
    let (_, first) = ask(&gemini, &request).await;
    assert_eq!(first["candidates"][0]["finishReason"], "CONTINUATION");
    request["continuationToken"] = first["candidates"][0]["continuationToken"].clone();
    let (_, second) = ask(&gemini, &request).await;
    let whole = format!("{}{}", text(&first), text(&second));
    assert!(serde_json::from_str::<Value>(&whole).is_ok());
    assert_eq!(ask(&gemini, &request).await.0, 400, "a token works once");
}

#[tokio::test]
async fn what_does_not_fit_the_limit_is_cut() {
    let gemini = gemini().await;
    let mut request = body(&rendered("middling-backend-30min"), &feedback_schema());
    request["generationConfig"]["maxOutputTokens"] = json!(300);
    let (_, answer) = ask(&gemini, &request).await;
    assert_eq!(answer["candidates"][0]["finishReason"], "MAX_TOKENS");
    assert!(serde_json::from_str::<Value>(text(&answer)).is_err());
    request["generationConfig"]["maxOutputTokens"] = json!(100);
    let (_, answer) = ask(&gemini, &request).await;
    assert_eq!(answer["candidates"][0]["content"], json!({ "role": "model" }));
}

#[test]
fn transcripts_are_found_in_several_forms() {
    let forms = [
        "[7] 00:01:05 INTERVIEWEE: I would use an index",
        "INTERVIEWEE: I would use an index",
        "00:01:05 INTERVIEWEE (12 s): I would use an index",
        "<line speaker=\"INTERVIEWEE\">I would use an index</line>",
        "{\"speaker\":\"INTERVIEWEE\",\"text\":\"I would use an index\"}",
        "[{\"n\":7,\"speaker\":\"interviewee\",\"text\":\"I would use an index\"}]",
        "INTERVIEWEE: \"I would use an index\"",
    ];
    for form in forms {
        let found = prompt::utterances(form);
        assert_eq!(found.len(), 1, "{form}");
        assert_eq!((found[0].speaker, found[0].text.as_str()), (prompt::Speaker::Interviewee, "I would use an index"));
    }
    let timed = &prompt::utterances(forms[0])[0];
    assert_eq!((timed.number, timed.start_ms), (7, Some(65_000)));
    assert!(prompt::utterances("The speakers are INTERVIEWEE and INTERVIEWER: quote them exactly.").is_empty());
}

#[tokio::test]
async fn tokens_are_counted_and_models_described() {
    let gemini = gemini().await;
    let base = format!("{}/v1beta/models/{MODEL}", gemini.base_url());
    let client = reqwest::Client::new();
    let request = client.post(format!("{base}:countTokens")).header("x-goog-api-key", gemini.api_key());
    let counted: Value = request
        .json(&json!({ "contents": [{ "parts": [{ "text": "twelve chars" }] }] }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(counted["totalTokens"], 4);
    let described: Value =
        client.get(base).header("x-goog-api-key", gemini.api_key()).send().await.unwrap().json().await.unwrap();
    assert_eq!(described["name"], format!("models/{MODEL}"));
}
