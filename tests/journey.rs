//! The main job on the deployed stack: from sign-in to verified feedback and the interviewer's pay.

use serde_json::{Value, json};

use crate::stack::{Stack, hour};

#[tokio::test]
async fn a_candidate_books_talks_reads_verified_feedback_and_the_interviewer_is_paid() {
    let stack = Stack::get();
    let ivy = stack.interviewer("ivy").await;
    let cara = stack.candidate("cara", 50).await;

    // Finding somebody and a time.
    let found = stack.call(&cara, "GET", "/api/interviewers?category=backend&limit=100", Value::Null).await.expect(200);
    assert!(found["items"].as_array().unwrap().iter().any(|card| card["interviewerId"] == ivy), "{found}");
    let slots = stack.call(&cara, "GET", &format!("/api/interviewers/{ivy}/slots"), Value::Null).await.expect(200);
    let slot = &slots["items"][1];
    assert_eq!(slot["priceCredits"], 20);
    let start = slot["startTime"].as_str().unwrap();

    // Booking it holds the price.
    let wanted = json!({ "interviewerId": ivy, "startTime": start, "priceCredits": 20 });
    let booked = stack.call(&cara, "POST", "/api/bookings", wanted).await.expect(201);
    assert_eq!(booked["wallet"], json!({ "available": 30, "held": 20 }));
    let id = booked["bookingId"].as_str().unwrap();
    let appointments = stack.call(&ivy, "GET", "/api/appointments", Value::Null).await.expect(200);
    assert_eq!(appointments["items"][0]["bookingId"], id);
    let again = stack.call(&cara, "GET", &format!("/api/interviewers/{ivy}/slots"), Value::Null).await.expect(200);
    assert!(!again["items"].as_array().unwrap().contains(slot), "a taken slot is still offered");

    // The worker creates the call; with both consents it is set to record.
    stack.wait_for_capture(id, "available").await;
    stack.consent(id, [&cara, &ivy]).await;
    stack.wait_for_capture(id, "auto-on").await;

    // The session takes place: signed webhooks, real queues, real workers.
    stack.play(id, json!({ "transcript": "strong-system-design-45min" })).await;
    let feedback = stack.feedback(&cara, id).await;
    assert_eq!(feedback["status"], "COMPLETE");
    let (claims, verified) = (&feedback["evidence"]["claims"], &feedback["evidence"]["verified"]);
    assert!(verified.as_u64().unwrap() > 0 && verified.as_u64() <= claims.as_u64(), "{feedback}");
    assert!((1..=10).contains(&feedback["overallRating"].as_u64().unwrap()));
    assert!(feedback["speech"]["wordsPerMinute"].as_f64().unwrap() > 0.0);
    for name in ["model", "promptVersion", "rubricVersion", "generatedAt", "summary", "recommendation"] {
        assert!(feedback[name].is_string(), "{name}: {feedback}");
    }

    // Every quote is in the stored transcript, in the mouth of whom it is put into.
    let lines = stored_lines(&stack, id).await;
    for point in [&feedback["strengths"], &feedback["improvements"]].into_iter().flat_map(|p| p.as_array().unwrap()) {
        assert!(!point["quotes"].as_array().unwrap().is_empty(), "{point}");
        for quote in point["quotes"].as_array().unwrap() {
            let speaker = if quote["speaker"] == "INTERVIEWEE" { &cara } else { &ivy };
            let said = lines.iter().any(|l| {
                l["speaker_id"] == *speaker && l["text"].as_str().unwrap().contains(quote["text"].as_str().unwrap())
            });
            assert!(said, "nobody said {quote}");
        }
    }

    // The interviewer is paid, once; the candidate's hold is gone.
    let done = stack.booking(&cara, id).await;
    assert_eq!((&done["status"], &done["hasFeedback"]), (&json!("COMPLETED"), &json!(true)));
    assert_eq!(done["settlement"]["reason"], "feedback_complete");
    assert_eq!(stack.credits(&ivy).await["earned"], 20);
    let left = stack.credits(&cara).await;
    assert_eq!((&left["available"], &left["held"]), (&json!(30), &json!(0)));
    let statement = stack.call(&ivy, "GET", "/api/wallet/transactions", Value::Null).await.expect(200);
    assert_eq!(statement["items"][0]["type"], "BOOKING_EARNING");
    assert_eq!(statement["items"][0]["amount"], 20);

    // The recording lies in our bucket, behind a link for the parties.
    let recording = stack
        .wait("recording", || async {
            let view =
                stack.call(&cara, "GET", &format!("/api/bookings/{id}/recording"), Value::Null).await.expect(200);
            view["items"].get(0).cloned()
        })
        .await;
    let file = stack.request("GET", recording["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(file.status().as_u16(), 200);
    assert!(!file.bytes().await.unwrap().is_empty());
    stack
        .wait("hasRecording", || async { (stack.booking(&ivy, id).await["hasRecording"] == true).then_some(()) })
        .await;

    // And the candidate says how it was.
    let review = json!({ "rating": 5, "comment": "Clear and kind." });
    stack.call(&cara, "POST", &format!("/api/bookings/{id}/review"), review).await.expect(201);
    let card = stack.call(&cara, "GET", &format!("/api/interviewers/{ivy}"), Value::Null).await.expect(200);
    assert_eq!((&card["rating"], &card["reviewCount"]), (&json!(5.0), &json!(1)));
}

/// The lines of the transcript that is stored.
async fn stored_lines(stack: &Stack, booking: &str) -> Vec<Value> {
    let files = stack.stored_files(booking).await;
    let (_, transcript) = files.iter().find(|(key, _)| key.starts_with("transcripts/")).expect("a stored transcript");
    let text = std::str::from_utf8(transcript).unwrap();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).filter(|l| l["text"].is_string()).collect()
}

#[tokio::test]
async fn without_both_consents_nothing_is_recorded_and_nothing_reaches_us() {
    let stack = Stack::get();
    let ivy = stack.interviewer("quiet").await;
    let cara = stack.candidate("shy", 50).await;
    let id = stack.book(&cara, &ivy, &hour(30)).await;
    stack.wait_for_capture(&id, "available").await;
    let yes = json!({ "version": "2026-11", "record": true });
    stack.call(&ivy, "POST", &format!("/api/calls/{id}/consent"), yes).await.expect(200);
    let played = stack.play(&id, json!({ "transcript": "short-5min" })).await;
    for event in ["recording_ready", "transcription_ready", "recording_started"] {
        assert!(!played.to_string().contains(event), "{played}");
    }
    assert!(stack.stored_files(&id).await.is_empty());
    let answer = stack.call(&cara, "GET", &format!("/api/bookings/{id}/feedback"), Value::Null).await;
    assert_eq!((answer.status, answer.code()), (404, "feedback_not_ready"));
}

#[tokio::test]
async fn a_cancelled_session_frees_the_slot_and_ends_the_call() {
    let stack = Stack::get();
    let ivy = stack.interviewer("free").await;
    let cara = stack.candidate("undecided", 50).await;
    let start = hour(40);
    let id = stack.book(&cara, &ivy, &start).await;
    stack.wait_for_capture(&id, "available").await;
    let reason = json!({ "reason": "plans changed" });
    stack.call(&cara, "POST", &format!("/api/bookings/{id}/cancel"), reason).await.expect(200);
    assert_eq!(stack.credits(&cara).await["available"], 50);
    stack
        .wait("the end of the call", || async {
            let call = stack.control("stream", "GET", &format!("/simulator/calls/default/{id}"), Value::Null).await;
            let ended = call["call"]["ended_at"].clone();
            let ended = if ended.is_null() { call["ended_at"].clone() } else { ended };
            (!ended.is_null()).then_some(())
        })
        .await;
    stack.book(&cara, &ivy, &start).await;
}

#[tokio::test]
async fn of_64_requests_of_16_candidates_one_gets_the_slot_over_http() {
    let stack = Stack::get();
    let ivy = stack.interviewer("wanted").await;
    let mut candidates = Vec::new();
    for n in 0..16 {
        candidates.push(stack.candidate(&format!("rival{n}"), 50).await);
    }
    let start = hour(50);
    let mut attempts = tokio::task::JoinSet::new();
    for n in 0..64 {
        let (stack, ivy, start, cara) = (stack.clone(), ivy.clone(), start.clone(), candidates[n % 16].clone());
        attempts.spawn(async move {
            let wanted = json!({ "interviewerId": ivy, "startTime": start });
            let answer = stack.call(&cara, "POST", "/api/bookings", wanted).await;
            (answer.status, answer.code().to_owned())
        });
    }
    let answers = attempts.join_all().await;
    let won = answers.iter().filter(|(status, _)| *status == 201).count();
    // A slot that is taken is told before a session of one's own, so the winner's further requests are refused like everybody's.
    let lost = answers.iter().filter(|(status, code)| *status == 409 && code == "slot_unavailable").count();
    assert_eq!((won, lost), (1, 63), "{answers:?}");
}

#[tokio::test]
async fn an_unknown_address_or_method_is_refused_like_everything_else() {
    let stack = Stack::get();
    for (method, path, status, code, allow) in [
        ("GET", "/health?a=<b", 200, "", ""),
        ("GET", "/api/nope", 404, "not_found", ""),
        ("GET", "/", 404, "not_found", ""),
        // One path has a function for each method, one cannot be got, and one is beside another with a parameter.
        ("PUT", "/api/user/me", 405, "method_not_allowed", "GET, PATCH, HEAD, OPTIONS"),
        ("PUT", "/api/onboarding", 405, "method_not_allowed", "POST, OPTIONS"),
        ("DELETE", "/api/wallet/transactions", 405, "method_not_allowed", "GET, HEAD, OPTIONS"),
    ] {
        let answer = stack.send(stack.request(method, &stack.api(path))).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{method} {path}: {}", answer.body);
        assert!(answer.headers.contains_key("x-request-id"), "{method} {path}");
        let allowed = answer.headers.get("allow").map_or("", |allowed| allowed.to_str().unwrap());
        assert_eq!(allowed, allow, "{method} {path}");
    }
}

#[tokio::test]
async fn what_can_be_got_can_be_asked_for_its_head() {
    let stack = Stack::get();
    let cara = stack.candidate("header", 0).await;
    for path in ["/health", "/docs", "/api/openapi.json", "/api/wallet"] {
        let request = stack.request("HEAD", &stack.api(path)).bearer_auth(stack.token(&cara).await);
        let answer = stack.send(request).await;
        assert_eq!((answer.status, answer.body), (200, json!("")), "{path}");
    }
    let nobody = stack.send(stack.request("HEAD", &stack.api("/api/wallet"))).await;
    assert_eq!((nobody.status, nobody.body), (401, json!("")));
}

#[tokio::test]
async fn the_document_and_its_page_are_published() {
    let stack = Stack::get();
    let health = stack.send(stack.request("GET", &stack.api("/health"))).await;
    assert_eq!(health.expect(200)["status"], "ok");
    let document = stack.send(stack.request("GET", &stack.api("/api/openapi.json"))).await.expect(200);
    assert_eq!(document["openapi"], "3.1.0");
    let page = stack.send(stack.request("GET", &stack.api("/docs"))).await;
    assert_eq!(page.status, 200);
    assert!(page.body.as_str().unwrap().contains("<html"));
}

#[tokio::test]
async fn the_browser_of_an_allowed_origin_may_call_and_no_other() {
    let stack = Stack::get();
    let preflight = |origin: &'static str| {
        let request = stack.request("OPTIONS", &stack.api("/api/bookings"));
        let request = request.header("origin", origin).header("access-control-request-method", "POST");
        let stack = &stack;
        async move { stack.send(request.header("access-control-request-headers", "authorization")).await }
    };
    let foreign = preflight("https://evil.example").await;
    assert!(foreign.headers.get("access-control-allow-origin").is_none(), "{foreign:?}");
    // The web application in development, which `cargo xtask up` allows.
    let own = "http://localhost:3000";
    let allowed = preflight(own).await;
    assert!(allowed.headers.get("access-control-allow-origin").is_some_and(|origin| origin == own), "{allowed:?}");
    let methods = allowed.headers["access-control-allow-methods"].to_str().unwrap();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(methods.split([',', ' ']).any(|one| one == method), "{method}: {methods}");
    }
}

#[tokio::test]
async fn a_key_that_clerk_rotated_in_is_fetched_when_it_is_first_seen() {
    let stack = Stack::get();
    let cara = stack.candidate("rotated", 0).await;
    stack.control("clerk", "POST", "/simulator/keys/rotate", Value::Null).await;
    // Keys are asked for at most once a minute; an instance that asked just now says 401 until then.
    stack
        .wait("the new key", || async {
            let answer = stack.call(&cara, "GET", "/api/wallet", Value::Null).await;
            (answer.status == 200).then_some(())
        })
        .await;
}
