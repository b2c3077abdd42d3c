//! Making a booking.

use super::*;

#[tokio::test]
async fn a_booking_holds_its_price_and_says_what_is_left() {
    let world = world().await;
    let view = book(&world, "cara", TOMORROW).await.expect(201);
    assert_eq!(view["status"], "SCHEDULED");
    assert_eq!(view["endTime"], "2026-11-21T11:00:00Z");
    assert_eq!(view["creditsCharged"], 20);
    assert_eq!(view["streamCallId"], view["bookingId"]);
    assert_eq!(view["wallet"], json!({ "available": 80, "held": 20 }));
    assert_eq!(balances(&world, "cara").await, (80, 20, 0));
    let path = format!("/api/bookings/{}", view["bookingId"].as_str().unwrap());
    for user in ["cara", "ivy"] {
        let shown = world.call(user, "GET", &path, Value::Null).await.expect(200);
        assert_eq!(shown["bookingId"], view["bookingId"]);
    }
    world.call("dan", "GET", &path, Value::Null).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_taken_slot_is_refused_and_so_is_a_second_session_at_the_same_time() {
    let world = world().await;
    world.add_interviewer("noah").await;
    booked(&world).await;
    book(&world, "dan", TOMORROW).await.refused(409, "slot_unavailable");
    let other = json!({ "interviewerId": "noah", "startTime": TOMORROW });
    world.call("cara", "POST", "/api/bookings", other).await.refused(409, "time_conflict");
}

#[tokio::test]
async fn what_cannot_be_booked_is_refused_with_its_reason() {
    let world = world().await;
    world.add_candidate("poor", 19).await;
    book(&world, "poor", TOMORROW).await.refused(402, "insufficient_credits");
    book(&world, "cara", "2026-11-21T10:15:00Z").await.refused(409, "slot_unavailable");
    book(&world, "cara", "2026-11-21T10:07:00Z").await.refused(409, "slot_unavailable");
    book(&world, "cara", "2027-11-21T10:00:00Z").await.refused(409, "slot_unavailable");
    book(&world, "cara", "2026-11-20T11:00:00Z").await.refused(422, "validation_failed");
    let unknown = json!({ "interviewerId": "nobody", "startTime": TOMORROW });
    world.call("cara", "POST", "/api/bookings", unknown).await.refused(404, "not_found");
    let candidate = json!({ "interviewerId": "dan", "startTime": TOMORROW });
    world.call("cara", "POST", "/api/bookings", candidate).await.refused(404, "not_found");
    let wrong_end = json!({ "interviewerId": "ivy", "startTime": TOMORROW, "endTime": "2026-11-21T10:30:00Z" });
    world.call("cara", "POST", "/api/bookings", wrong_end).await.refused(409, "slot_unavailable");
    let old_price = json!({ "interviewerId": "ivy", "startTime": TOMORROW, "priceCredits": 10 });
    world.call("cara", "POST", "/api/bookings", old_price).await.refused(409, "price_changed");
    assert_eq!(balances(&world, "cara").await, (100, 0, 0));
}

#[tokio::test]
async fn an_instant_is_read_as_rfc_3339_has_it_and_nothing_looser() {
    let world = world().await;
    for loose in ["2026-11-21 10:00:00Z", "2026-11-21T10:00:00Z[Europe/Berlin]", "Sat, 21 Nov 2026 10:00:00 GMT"] {
        let answer = book(&world, "cara", loose).await;
        answer.refused(422, "validation_failed");
        let message = "must be an instant in RFC 3339 such as 2026-12-08T09:00:00Z";
        assert_eq!(answer.body["errors"], json!([{ "field": "startTime", "message": message }]), "{loose}");
    }
    let id = booked(&world).await;
    let path = format!("/api/bookings/{id}/reschedule");
    let loose = json!({ "startTime": "2026-11-21 11:00:00Z" });
    world.call("cara", "POST", &path, loose).await.refused(422, "validation_failed");
    let moved =
        world.call("cara", "POST", &path, json!({ "startTime": "2026-11-21t12:00:00+01:00" })).await.expect(200);
    assert_eq!(moved["startTime"], "2026-11-21T11:00:00Z");
}

#[tokio::test]
async fn only_candidates_book() {
    let world = world().await;
    book(&world, "ivy", TOMORROW).await.refused(403, "forbidden");
    book(&world, "stranger", TOMORROW).await.refused(403, "onboarding_required");
    world.send("POST", "/api/bookings", None, &[]).await.refused(401, "unauthenticated");
    let wrong = [("authorization", "Bearer abc.def.ghi")];
    world.send("POST", "/api/bookings", None, &wrong).await.refused(401, "unauthenticated");
    let impersonated = testing::token(
        &testing::TokenClaims::of("cara", world.app.now()).with("act", json!({ "sub": "user_admin", "sid": "s" })),
    );
    let header = format!("Bearer {impersonated}");
    let body = Some(slot(TOMORROW).to_string().into_bytes());
    world.send("POST", "/api/bookings", body, &[("authorization", &header)]).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_body_that_is_not_what_it_should_be_is_refused_with_the_member_at_fault() {
    let world = world().await;
    let before = world.all_items().await;
    let refusals = [
        (json!({ "interviewerId": "ivy" }), "startTime"),
        (json!({ "startTime": TOMORROW }), "interviewerId"),
        (json!({ "interviewerId": 7, "startTime": TOMORROW }), "interviewerId"),
        (json!({ "interviewerId": "a b", "startTime": TOMORROW }), "interviewerId"),
        (json!({ "interviewerId": "ivy", "startTime": "tomorrow" }), "startTime"),
        (json!({ "interviewerId": "ivy", "startTime": TOMORROW, "priceCredits": -1 }), "priceCredits"),
        (json!({ "interviewerId": "ivy", "startTime": TOMORROW, "gift": true }), "gift"),
        (json!([]), "body"),
        (json!(["ivy", TOMORROW]), "body"),
        (json!(7), "body"),
    ];
    let stranger = world.call("ivy", "POST", "/api/bookings", json!({ "gift": true })).await;
    stranger.refused(403, "forbidden");
    for (body, field) in refusals {
        let answer = world.call("cara", "POST", "/api/bookings", body.clone()).await;
        answer.refused(422, "validation_failed");
        assert_eq!(answer.body["errors"][0]["field"], field, "{body}: {}", answer.body);
    }
    let authorization = format!("Bearer {}", world.token("cara"));
    let headers = [("authorization", authorization.as_str())];
    for garbage in [&b""[..], b"{", b"\xff\xfe", b"{\"a\":1} trailing", b"{\"interviewerId\":\"\xff\"}"] {
        let answer = world.send("POST", "/api/bookings", Some(garbage.to_vec()), &headers).await;
        answer.refused(400, "malformed_request");
    }
    let twice = br#"{"interviewerId":"ivy","startTime":"2026-11-21T10:00:00Z","interviewerId":"dan"}"#;
    let answer = world.send("POST", "/api/bookings", Some(twice.to_vec()), &headers).await;
    answer.refused(422, "validation_failed");
    assert_eq!(answer.body["errors"][0]["field"], "interviewerId");
    let huge = vec![b' '; 256 * 1024 + 1];
    world.send("POST", "/api/bookings", Some(huge), &headers).await.refused(413, "payload_too_large");
    assert_eq!(world.all_items().await, before, "a refused request wrote something");
}

#[tokio::test]
async fn the_same_key_and_body_get_the_first_answer_and_another_body_is_refused() {
    let world = world().await;
    let key = [("idempotency-key", "book-1")];
    let send = |body: Value| world.call_with("cara", "POST", "/api/bookings", body, &key);
    let first = send(slot(TOMORROW)).await;
    let again = send(slot(TOMORROW)).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert!(first.headers.get("idempotent-replayed").is_none());
    send(slot("2026-11-21T12:00:00Z")).await.refused(422, "idempotency_key_reused");
    assert_eq!(balances(&world, "cara").await, (80, 20, 0));
    world.app.clock.advance(SignedDuration::from_hours(25));
    send(slot(TOMORROW)).await.refused(422, "validation_failed");
}

#[tokio::test]
async fn a_key_that_is_not_visible_ascii_is_refused() {
    let world = world().await;
    for key in ["", "a b", &"x".repeat(256)] {
        let answer =
            world.call_with("cara", "POST", "/api/bookings", slot(TOMORROW), &[("idempotency-key", key)]).await;
        answer.refused(422, "validation_failed");
        assert_eq!(answer.body["errors"][0]["field"], "Idempotency-Key");
    }
}

#[tokio::test]
async fn the_sixth_booking_within_an_hour_waits_and_a_refusal_costs_nothing() {
    let world = world().await;
    for hour in 10..15 {
        book(&world, "cara", &format!("2026-11-21T{hour}:15:00Z")).await.refused(409, "slot_unavailable");
        book(&world, "cara", &format!("2026-11-21T{hour}:00:00Z")).await.expect(201);
    }
    world.give_credits("cara", 100).await;
    let refused = book(&world, "cara", "2026-11-21T16:00:00Z").await;
    refused.refused(429, "rate_limited");
    assert_eq!(refused.headers["retry-after"], "720");
    world.app.clock.advance(SignedDuration::from_mins(12));
    book(&world, "cara", "2026-11-21T16:00:00Z").await.expect(201);
}

#[tokio::test]
async fn a_session_across_midnight_takes_both_days() {
    let world = world().await;
    // Full hours of India are half hours of UTC.
    let mut rule = testing::availability_all_day(60);
    rule["timezone"] = json!("Asia/Kolkata");
    world.add_interviewer_who_offers("asha", rule).await;
    let ask = async |who: &str, interviewer: &str, start: &str| {
        let wanted = json!({ "interviewerId": interviewer, "startTime": start });
        world.call(who, "POST", "/api/bookings", wanted).await
    };
    let view = ask("cara", "asha", "2026-11-21T23:30:00Z").await.expect(201);
    assert_eq!(view["endTime"], "2026-11-22T00:30:00Z");
    for start in ["2026-11-21T23:00:00Z", "2026-11-22T00:00:00Z"] {
        ask("cara", "ivy", start).await.refused(409, "time_conflict");
        ask("dan", "ivy", start).await.expect(201);
    }
    ask("cara", "ivy", "2026-11-21T22:00:00Z").await.expect(201);
    ask("cara", "ivy", "2026-11-22T01:00:00Z").await.expect(201);
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let world = world().await;
    let answer = book(&world, "stranger", TOMORROW).await;
    assert_eq!(answer.headers["x-request-id"], "request-1");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.body["requestId"], "request-1");
    assert_eq!(answer.body["status"], 403);
}

#[tokio::test]
async fn appointments_are_those_that_have_not_ended_or_those_that_have() {
    let world = world().await;
    for hour in [10, 12, 14] {
        book(&world, "cara", &format!("2026-11-21T{hour}:00:00Z")).await.expect(201);
    }
    let list = |user: &'static str, query: &str| {
        let path = format!("/api/appointments{query}");
        let world = &world;
        async move { world.call(user, "GET", &path, Value::Null).await }
    };
    let starts = |answer: &Value| -> Vec<String> {
        answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|b| b["startTime"].as_str().unwrap()[11..13].to_owned())
            .collect()
    };
    assert_eq!(starts(&list("cara", "").await.expect(200)), ["10", "12", "14"]);
    assert_eq!(starts(&list("ivy", "?scope=upcoming").await.expect(200)), ["10", "12", "14"]);
    assert!(starts(&list("dan", "").await.expect(200)).is_empty());
    world.app.clock.set("2026-11-21T12:30:00Z".parse().unwrap());
    assert_eq!(starts(&list("cara", "").await.expect(200)), ["12", "14"]);
    assert_eq!(starts(&list("cara", "?scope=past").await.expect(200)), ["10"]);

    let page = list("cara", "?limit=1").await.expect(200);
    let cursor = page["nextCursor"].as_str().unwrap();
    let next = world.call("cara", "GET", &format!("/api/appointments?limit=5&cursor={cursor}"), Value::Null).await;
    assert_eq!(starts(&next.expect(200)), ["14"]);
    // A page that was asked for before time moved on is gone on from all the same; no other list takes its cursor.
    world.app.clock.set("2026-11-21T20:00:00Z".parse().unwrap());
    let path = format!("/api/appointments?cursor={cursor}");
    assert!(starts(&world.call("cara", "GET", &path, Value::Null).await.expect(200)).is_empty());
    list("cara", &format!("?scope=past&cursor={cursor}")).await.refused(422, "validation_failed");
    list("ivy", &format!("?cursor={cursor}")).await.refused(422, "validation_failed");
    let past = list("cara", "?scope=past&limit=1").await.expect(200);
    let id = page["items"][0]["bookingId"].as_str().unwrap();
    let at = |start: &str, cursor: &str| {
        let mark = cursor.rsplit_once('.').unwrap().1;
        format!("{}.{mark}", store::cursor::encode(&format!("{start}#{id}")))
    };
    let ahead = at("2027-01-01T00:00:00Z", past["nextCursor"].as_str().unwrap());
    assert_eq!(starts(&list("cara", &format!("?scope=past&cursor={ahead}")).await.expect(200)), ["14", "12", "10"]);
    let taken = at("2026-11-21T12:00:00Z", cursor);
    list("cara", &format!("?cursor={taken}")).await.expect(200);
    for start in ["-009999-01-02T01:59:59Z", "2026-11-21T12:00:00+00:00", "2026-11-21"] {
        let place = at(start, cursor);
        list("cara", &format!("?cursor={place}")).await.refused(422, "validation_failed");
    }
    for query in ["?cursor=nonsense", "?limit=0", "?limit=101", "?limit=x", "?scope=never", "?colour=red"] {
        list("cara", query).await.refused(422, "validation_failed");
    }
}
