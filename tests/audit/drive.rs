//! Uses every function once, so that what each may do is seen, with recognisable strings wherever something personal goes,
//! and provokes refusals and failures, since those are what puts things into logs and error bodies.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::booking::Booking;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::Tx;
use tests::examples::{Request, caller, reading, request, request_of};

use crate::canaries::{CLAIM, EMAIL, NAME, NAMES, NOT_A_TOKEN, SPOKEN, WORDS};
use crate::stack::{Stack, hour};

const ADMIN: &str = "user_demo_admin";

#[tokio::test]
async fn every_function_is_used_and_everything_personal_is_recognisable() {
    let stack = Stack::get();
    let people = People::make(&stack).await;
    people.look_around(&stack).await;
    people.talk(&stack).await;
    people.change_their_minds(&stack).await;
    people.leave_sessions_to_the_sweep(&stack).await;
    people.are_refused(&stack).await;
    people.meet_failing_providers(&stack).await;
    people.lose_and_leave(&stack).await;
    leave_outbox_rows_to_the_redrive(&stack).await;
}

struct People {
    ivy: String,
    cara: String,
}

impl People {
    async fn make(stack: &Stack) -> Self {
        let (ivy, cara) = (stack.interviewer("audited").await, stack.candidate("auditor", 400).await);
        for (person, id) in [(&ivy, "ivy"), (&cara, "cara")] {
            let user =
                json!({ "id": person, "firstName": NAMES[0], "lastName": NAMES[1], "email": format!("{id}.{EMAIL}") });
            stack.control("clerk", "POST", "/simulator/users?wait=true", user).await;
            let said = json!({ "name": NAME, "email": format!("{id}.{EMAIL}") });
            stack.make(person, request("sync_user", &[]).with(said)).await.expect(200);
        }
        let profile = json!({ "name": NAME, "title": WORDS, "company": WORDS, "bio": WORDS, "categories": ["backend"],
            "creditRate": 21 });
        stack.make(&ivy, request("update_me", &[]).with(profile)).await.expect(200);
        Self { ivy, cara }
    }

    async fn look_around(&self, stack: &Stack) {
        let ivy = &self.ivy;
        stack.ask(&self.cara, "suggest_questions", &[("interviewerId", ivy)]).await.expect(200);
        let own = stack.ask(ivy, "list_availability", &[]).await.expect(200);
        assert_eq!(own["items"].as_array().unwrap().len(), 1);
        let rule = json!({ "kind": "ONE_TIME", "date": &hour(24 * 20)[..10], "startLocal": "09:00", "endLocal": "11:00",
            "timezone": "UTC", "sessionMinutes": 60 });
        let wednesday = stack.call(ivy, "POST", "/api/availability", rule).await;
        // Whether or not it overlaps the other, there is something to take away and to put back.
        let rule = if wednesday.status == 201 { &wednesday.body } else { &own["items"][0] };
        let rule = [("availabilityId", rule["availabilityId"].as_str().unwrap())];
        let off = json!({ "exceptions": ["2030-12-25"] });
        stack.make(ivy, request("update_availability", &rule).with(off)).await.expect(200);
        let gone = stack.ask(ivy, "delete_availability", &rule).await;
        assert!(matches!(gone.status, 200 | 204), "{gone:?}");
        if wednesday.status != 201 {
            stack.call(ivy, "POST", "/api/availability", testing::availability_all_day(60)).await.expect(201);
        }
    }

    /// Everything that can be read of a session that was held, but for its door, which is closed by then.
    async fn read(&self, stack: &Stack, candidate: &str, booking: &str) {
        let names = [("bookingId", booking), ("interviewerId", &self.ivy), ("userId", &self.ivy)];
        for route in reading().iter().filter(|route| route.name != "get_call") {
            let answer = stack.make(caller(route, [candidate, &self.ivy, ADMIN]), request_of(route, &names)).await;
            assert_eq!(answer.status, 200, "{}: {answer:?}", route.name);
        }
        stack.ask(&self.ivy, "list_appointments", &[]).await.expect(200);
    }

    /// A session with a transcript that can be recognised, up to its review.
    async fn talk(&self, stack: &Stack) {
        let (cara, id) = self.book(stack, 100).await;
        stack.consent(&id, [&cara, &self.ivy]).await;
        stack.wait_for_capture(&id, "auto-on").await;
        stack.play(&id, json!({ "inline": transcript() })).await;
        stack.feedback(&cara, &id).await;
        stack
            .wait("recording", || async {
                let view = stack.ask(&cara, "get_recording", &[("bookingId", &id)]).await.expect(200);
                let url = view["items"].get(0)?["url"].as_str()?.to_owned();
                let file = stack.request("GET", &url).send().await.unwrap();
                (file.status().as_u16() == 200).then_some(())
            })
            .await;
        let review = json!({ "rating": 4, "comment": WORDS });
        stack.make(&cara, request("review_booking", &[("bookingId", &id)]).with(review)).await.expect(201);
        self.read(stack, &cara, &id).await;
        let said = stack.ask(&self.cara, "list_reviews", &[("interviewerId", &self.ivy)]).await.expect(200);
        assert_eq!(said["items"][0]["rating"], 4, "{said}");

        // One that is completed by the interviewer, who may do so once both were there long enough.
        let (_, id) = self.book(stack, 110).await;
        let start = put_in_the_past(stack, &id, 75, 0).await;
        stack.play(&id, json!({ "transcript": "strong-system-design-45min", "start": start })).await;
        let done = stack
            .wait("completion", || async {
                let answer = stack.ask(&self.ivy, "complete_booking", &[("bookingId", &id)]).await;
                // Before all events have come, it is only remembered.
                (answer.status == 200 && answer.body["status"] == "COMPLETED").then_some(answer.body)
            })
            .await;
        assert_eq!(done["settlement"]["reason"], "session_held", "{done}");

        // And one whose door is open.
        let (cara, id) = self.book(stack, 120).await;
        put_in_the_past(stack, &id, 5, 0).await;
        let call = stack.ask(&cara, "get_call", &[("callId", &id)]).await.expect(200);
        assert!(call.to_string().contains("eyJ"), "the door gives a token: {call}");
    }

    async fn change_their_minds(&self, stack: &Stack) {
        let (cara, id) = self.book(stack, 130).await;
        let names = [("bookingId", &*id), ("interviewerId", &self.ivy), ("startTime", &hour(140)), ("userId", &cara)];
        stack.ask(&cara, "reschedule_booking", &names).await.expect(200);
        stack.ask(&self.cara, "create_booking", &names).await.expect(409);
        let reason = json!({ "reason": WORDS });
        stack.make(&cara, request("cancel_booking", &names).with(reason.clone())).await.expect(200);
        let Request { method, path, body } = request("adjust_credits", &names).with(reason);
        stack.call_with(ADMIN, method, &path, body, Some("audit")).await.expect(200);
        for (kind, id) in [("pack", "packId"), ("plan", "planId")] {
            let made = stack.make(ADMIN, request(&format!("create_{kind}"), &[])).await.expect(201);
            let one = [(id, made[id].as_str().unwrap())];
            stack.make(ADMIN, request(&format!("update_{kind}"), &one)).await.expect(200);
            stack.make(ADMIN, request(&format!("delete_{kind}"), &one)).await.expect(204);
        }
    }

    /// Sessions that are over and not settled; the schedules run after this test.
    async fn leave_sessions_to_the_sweep(&self, stack: &Stack) {
        // Nobody came.
        let (_, id) = self.book(stack, 150).await;
        put_in_the_past(stack, &id, 60 * 50, 60).await;
        // Both came, and nobody completed it.
        let (_, id) = self.book(stack, 151).await;
        let start = put_in_the_past(stack, &id, 60 * 52, 60).await;
        stack.play(&id, json!({ "transcript": "strong-system-design-45min", "start": start })).await;
    }

    async fn are_refused(&self, stack: &Stack) {
        let claims = json!({ "claims": { "email": EMAIL, "name": NAME, "note": CLAIM } });
        for flaw in ["expired", "wrong_issuer", "unknown_key", "tampered", "pending", "algorithm_none"] {
            let mut asked = claims.clone();
            asked["userId"] = json!(self.cara);
            asked["flaw"] = json!(flaw);
            let token = stack.control("clerk", "POST", "/simulator/sessions", asked).await;
            let request = stack.request("GET", &stack.api("/api/wallet"));
            stack.send(request.bearer_auth(token["token"].as_str().unwrap())).await.expect(401);
        }
        for header in [format!("Bearer {NOT_A_TOKEN}"), format!("Basic {NOT_A_TOKEN}"), NOT_A_TOKEN.to_owned()] {
            let request = stack.request("GET", &stack.api("/api/wallet")).header("authorization", header);
            stack.send(request).await.expect(401);
        }

        let (ivy, cara) = (&self.ivy, &self.cara);
        let endless = format!("{NAME} ").repeat(500);
        for (who, method, path, body) in [
            (cara, "POST", "/api/user/sync", json!({ "name": { "of": NAME } })),
            (cara, "POST", "/api/user/sync", json!({ "name": [NAME], "email": EMAIL })),
            (cara, "POST", "/api/user/sync", json!({ "name": endless, "email": format!("{EMAIL} {EMAIL}") })),
            (cara, "PATCH", "/api/user/me", json!({ "name": endless })),
            (cara, "PATCH", "/api/user/me", json!({ "yearsExp": NAME })),
            (cara, "PATCH", "/api/user/me", json!({ "timezone": NAME })),
            (ivy, "PATCH", "/api/user/me", json!({ "categories": [NAME] })),
            (cara, "POST", "/api/onboarding", json!({ "role": NAME })),
            (ivy, "POST", "/api/verification", json!({ "workEmail": format!("{EMAIL}@"), "notes": WORDS })),
            (ivy, "POST", "/api/verification", json!({ "linkedinUrl": EMAIL, "notes": WORDS.repeat(200) })),
            (cara, "POST", "/api/bookings", json!({ "interviewerId": EMAIL, "startTime": NAME })),
            (cara, "POST", "/api/bookings", json!({ "interviewerId": ivy, "startTime": NAME })),
            (cara, "POST", "/api/bookings", json!(EMAIL)),
            (cara, "POST", "/api/ai/questions", json!({ "seniority": endless })),
            (cara, "POST", "/api/bookings/bkg_01ARZ3NDEKTSV4RRFFQ69G5FAV/cancel", json!({ "reason": WORDS })),
            (cara, "POST", "/api/bookings/bkg_01ARZ3NDEKTSV4RRFFQ69G5FAV/review", json!({ "rating": WORDS })),
            (cara, "POST", "/api/admin/users/nobody/credits", json!({ "amount": 1, "reason": WORDS })),
        ] {
            let answer = stack.call(who, method, path, body).await;
            assert!((400..500).contains(&answer.status), "{method} {path}: {answer:?}");
        }
        // A key that was used for something else.
        let path = format!("/api/admin/users/{cara}/credits");
        for (amount, status) in [(1, 200), (2, 422)] {
            let gift = json!({ "amount": amount, "reason": WORDS });
            stack.call_with(ADMIN, "POST", &path, gift, Some("audit-key")).await.expect(status);
        }
        for query in ["cursor", "limit", "scope", "status", "category", "month"] {
            for path in ["/api/interviewers", "/api/appointments", "/api/wallet/transactions", "/api/admin/bookings"] {
                let asked = stack.api(&format!("{path}?{query}={NOT_A_TOKEN}"));
                let request = stack.request("GET", &asked).bearer_auth(stack.token(cara).await);
                assert!(stack.send(request).await.status < 500, "{path}?{query}");
            }
        }
        let garbage = format!("{{\"name\": \"{NAME}\", \"email\": \"{EMAIL}\", ");
        let request = stack.request("POST", &stack.api("/api/user/sync")).bearer_auth(stack.token(cara).await);
        stack.send(request.header("content-type", "application/json").body(garbage)).await.expect(400);

        // Webhooks that nobody signed, with everything in them that a real one would have.
        let body = json!({ "type": "user.updated", "data": { "id": cara, "first_name": NAMES[0], "last_name": NAMES[1],
            "email_addresses": [{ "email_address": EMAIL }] }, "text": SPOKEN });
        for provider in ["clerk", "stream"] {
            for signature in ["", NOT_A_TOKEN] {
                let request = stack.request("POST", &stack.api(&format!("/api/webhooks/{provider}")));
                let request = request.header("x-signature", signature).header("svix-signature", signature);
                let request = request.header("svix-id", "msg_audit").header("svix-timestamp", "1700000000");
                let answer = stack.send(request.body(body.to_string())).await;
                assert!(matches!(answer.status, 400 | 401), "{answer:?}");
            }
        }
        // And signed ones that make no sense.
        let nobody = json!({ "type": "user.updated", "data": { "id": 7, "first_name": NAME } });
        for broken in [nobody, json!({ "data": EMAIL })] {
            let sent = json!({ "type": "user.updated", "body": broken.to_string() });
            let sent = stack.control("clerk", "POST", "/simulator/webhooks", sent).await;
            assert_eq!(sent["deliveries"][0]["attempts"][0]["status"], 400, "{broken}: {sent}");
        }
    }

    async fn meet_failing_providers(&self, stack: &Stack) {
        for (reply, status) in
            [("bad_key", 503), ("prose", 503), ("internal", 503), ("wrong_shape", 503), ("safety", 422)]
        {
            let script = json!({ "responses": [reply, reply, reply, reply], "then": "ok" });
            stack.control("gemini", "POST", "/simulator/script", script).await;
            let answer = stack.call(&self.cara, "POST", "/api/ai/questions", json!({ "seniority": NAME })).await;
            assert_eq!(answer.status, status, "{reply}: {answer:?}");
        }
        stack.control("gemini", "POST", "/simulator/script", json!({ "responses": [], "then": "ok" })).await;
        // The worker that makes the call fails first, and tries again.
        stack
            .control("stream", "POST", "/simulator/faults", json!({ "path": "/api/v2", "status": 500, "times": 1 }))
            .await;
        self.book(stack, 160).await;
    }

    /// The interviewer loses the verification, asks again, and deletes the account.
    async fn lose_and_leave(&self, stack: &Stack) {
        let (cara, _) = self.book(stack, 170).await;
        let decide = || request("decide_verification", &[("interviewerId", &self.ivy)]);
        let rejected = json!({ "decision": "REJECTED", "reason": WORDS });
        stack.make(ADMIN, decide().with(rejected)).await.expect(200);
        // Who has booked them sees them still.
        let seen = stack.ask(&cara, "get_interviewer", &[("interviewerId", &self.ivy)]).await.expect(200);
        assert_eq!(seen["listed"], false, "{seen}");
        let again = json!({ "notes": WORDS, "workEmail": EMAIL, "linkedinUrl": "https://www.linkedin.com/in/audited" });
        stack.make(&self.ivy, request("submit_verification", &[]).with(again)).await.expect(202);
        stack.ask(ADMIN, "list_verifications", &[]).await.expect(200);
        stack.make(ADMIN, decide()).await.expect(200);
        stack.control("clerk", "DELETE", &format!("/simulator/users/{}", self.ivy), Value::Null).await;
        stack
            .wait("the deletion", || async {
                let answer = stack.ask(&self.ivy, "sync_user", &[]).await;
                (answer.code() == "account_deleted").then_some(())
            })
            .await;
    }

    /// A candidate and their booking. Each has one of their own, since nobody may book often.
    async fn book(&self, stack: &Stack, hours: i64) -> (String, String) {
        let candidate = stack.candidate(&format!("audit{hours}"), 50).await;
        let id = stack.book(&candidate, &self.ivy, &hour(hours)).await;
        stack.wait_for_capture(&id, "available").await;
        stack.booking(&candidate, &id).await;
        (candidate, id)
    }
}

/// Makes one relayed row of each queue look like one that the relay never got: it is sent again, which every worker bears.
async fn leave_outbox_rows_to_the_redrive(stack: &Stack) {
    let (client, table) = (kit::aws::Aws::at(stack.ready("awsEndpoint")).dynamodb(), stack.ready("tableName"));
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let by_queue = stack
        .wait("something for each queue", || async {
            let rows = client.scan().table_name(table).filter_expression("begins_with(pk, :outbox)");
            let rows =
                rows.expression_attribute_values(":outbox", text("OUTBOX#")).send().await.unwrap().items.unwrap();
            let relayed = rows.into_iter().filter(|row| row.contains_key("expiresAt"));
            let by_queue: BTreeMap<String, HashMap<String, AttributeValue>> =
                relayed.map(|row| (row["queue"].as_s().unwrap().clone(), row)).collect();
            (by_queue.len() == 4).then_some(by_queue)
        })
        .await;
    for row in by_queue.into_values() {
        let id = row["outboxId"].as_s().unwrap();
        let (at, waiting) = (format!("2000-01-01T00:00:00.000Z#{id}"), store::keys::outbox_waiting_of(id));
        let update = client.update_item().table_name(table).key("pk", row["pk"].clone()).key("sk", row["sk"].clone());
        let update = update.update_expression("SET gsi1pk = :waiting, gsi1sk = :at REMOVE expiresAt");
        let update = update.expression_attribute_values(":waiting", text(&waiting));
        let update = update.expression_attribute_values(":at", text(&at));
        update.send().await.unwrap();
    }
}

/// A transcript that is long enough to be judged and that nobody else has.
fn transcript() -> String {
    let mut lines = String::new();
    for n in 0..12 {
        let from = n * 60_000;
        let asked = format!("Question number {n}: how would you approach this part of the design?");
        let answered = format!("For part {n}: {SPOKEN}, because the numbers {n} and {from} ask for it.");
        for (speaker, text, at, to) in [("interviewer", asked, 0, 8_000), ("interviewee", answered, 9_000, 40_000)] {
            let line = json!({ "speaker_id": speaker, "type": "speech", "text": text, "start_ts": from + at, "stop_ts": from + to });
            lines += &line.to_string();
            lines.push('\n');
        }
    }
    lines
}

/// The stack lives by the real clock, so a session that has begun is one whose booking says so: it begins `minutes` ago, and
/// the sweep looks at it `due` minutes ago (never, where 0). Says when it begins.
async fn put_in_the_past(stack: &Stack, booking: &str, minutes: i64, due: i64) -> String {
    let table = stack.table();
    #[expect(clippy::disallowed_methods, reason = "the stack lives by the real clock")]
    let now = Timestamp::now();
    let id = booking.parse().unwrap();
    loop {
        let before = store::booking::get(&table, id).await.unwrap().unwrap();
        // On a quarter-hour, as every session.
        let quarter = (now.as_second() - minutes * 60) / 900 * 900;
        let start = Timestamp::from_second(quarter).unwrap();
        let end = start + (before.end_time - before.start_time);
        let due_at = if due > 0 { Some(now - SignedDuration::from_mins(due)) } else { before.due_at };
        // Nothing that is told to have happened before a booking was made is believed.
        let created_at = before.created_at.min(start - SignedDuration::from_hours(1));
        let after = Booking { start_time: start, end_time: end, due_at, created_at, ..before.clone() };
        let mut tx = Tx::new();
        store::booking::replace(&mut tx, &before, &after).unwrap();
        // A worker may have written it since.
        if tx.commit(&table).await.is_ok() {
            return start.to_string();
        }
    }
}
