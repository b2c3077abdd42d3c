//! Every function, in the situations in which it does something. A route that only reads takes one line in [`READS`].

use domain::user::Role;
use serde_json::{Value, json};
use store::outbox::Effect;
use testing::noon;

use tests::stage::{ADMIN, instant};

use super::driver::{Allowance, Case, Second};
use super::scene::{Act, Awaited, HOUR, MINUTE, Scene, consent, event, id, objection, stay};

/// Functions that change nothing: name, who asks (nobody in particular where that is empty), and the address.
pub const READS: [(&str, &str, &str); 22] = [
    ("docs_page", "", "/docs"),
    ("get_booking", "cara", "/api/bookings/{booking}"),
    ("get_feedback", "cara", "/api/bookings/{held}/feedback"),
    ("get_interviewer", "cara", "/api/interviewers/ivy"),
    ("get_me", "ivy", "/api/user/me"),
    ("get_recording", "cara", "/api/bookings/{held}/recording"),
    ("get_user", ADMIN, "/api/admin/users/cara"),
    ("get_wallet", "cara", "/api/wallet"),
    ("health", "", "/health"),
    ("list_all_bookings", ADMIN, "/api/admin/bookings"),
    ("list_appointments", "ivy", "/api/appointments"),
    ("list_availability", "ivy", "/api/availability"),
    ("list_interviewers", "cara", "/api/interviewers"),
    ("list_reviews", "cara", "/api/interviewers/ivy/reviews"),
    ("list_slots", "cara", "/api/interviewers/ivy/slots"),
    ("list_transactions", "cara", "/api/wallet/transactions"),
    ("list_verifications", ADMIN, "/api/admin/verifications"),
    ("openapi_document", "", "/api/openapi.json"),
    ("unknown_address", "", "/api/nowhere"),
    ("unknown_address", "cara", "/nowhere"),
    ("get_booking", ADMIN, "/api/bookings/{held}"),
    ("list_appointments", "cara", "/api/appointments"),
];

/// A case of a function that is repeated under the same key or is a delivery that is recognised.
fn case(function: &'static str, situation: &'static str, arrange: fn(&Scene) -> Awaited<'_, Act>) -> Case {
    let second =
        if function.ends_with("_webhook") || function.starts_with("run_") { Second::Same } else { Second::Replayed };
    Case { function, situation, arrange, second, allowances: &[], followed_by: &[] }
}

impl Case {
    fn then(self, second: Second) -> Self {
        Self { second, ..self }
    }

    fn allowing(self, allowances: &'static [Allowance]) -> Self {
        Self { allowances, ..self }
    }

    fn followed_by(self, followed_by: &'static [Act]) -> Self {
        Self { followed_by, ..self }
    }
}

fn ask(who: &'static str, method: &'static str, path: impl Into<String>, body: Value) -> Act {
    Act::Ask { who, method, path: path.into(), body }
}

/// Where the tests' second stands, counted in hours from noon.
fn at(hours: i64) -> i64 {
    noon().as_second() + hours * HOUR
}

const MODEL: Allowance = Allowance::AsksAgainAfterTrouble(
    "what a model has written is lost with the process that asked for it, or with the answer, and is paid for again",
);

/// Everything that changes something, here or at a provider.
pub fn cases() -> Vec<Case> {
    // What takes longest comes first, so that nothing long is left for the end.
    [schedules(), media(), stream(), settlement(), bookings(), people(), webhooks()].concat()
}

fn people() -> Vec<Case> {
    vec![
        case("sync_user", "somebody new", |_| {
            Box::pin(async { ask("newcomer", "POST", "/api/user/sync", json!({ "name": "Nia" })) })
        }),
        case("onboard", "a candidate who is given credits", |scene| {
            Box::pin(async {
                scene.done("newcomer", "POST", "/api/user/sync", json!({ "name": "Nia" })).await;
                ask("newcomer", "POST", "/api/onboarding", json!({ "role": "INTERVIEWEE", "adult": true }))
            })
        }),
        case("onboard", "an interviewer", |scene| {
            Box::pin(async {
                scene.done("newcomer", "POST", "/api/user/sync", json!({ "name": "Nia" })).await;
                ask("newcomer", "POST", "/api/onboarding", testing::interviewer_profile())
            })
        }),
        case("update_me", "a listed interviewer changes what they take and offer", |_| {
            Box::pin(async {
                let body = json!({ "creditRate": 35, "categories": ["frontend", "backend"], "name": "Ivy I." });
                ask("ivy", "PATCH", "/api/user/me", body)
            })
        })
        .then(Second::Same),
        case("submit_verification", "for the first time", |scene| {
            Box::pin(async {
                scene.done("ida", "POST", "/api/user/sync", json!({ "name": "Ida" })).await;
                scene.done("ida", "POST", "/api/onboarding", testing::interviewer_profile()).await;
                ask("ida", "POST", "/api/verification", json!({ "notes": "Please verify me." }))
            })
        }),
        case("decide_verification", "verified and so listed", |scene| {
            Box::pin(async {
                scene.done("ida", "POST", "/api/user/sync", json!({ "name": "Ida" })).await;
                scene.done("ida", "POST", "/api/onboarding", testing::interviewer_profile()).await;
                scene.done("ida", "POST", "/api/verification", json!({ "notes": "Please verify me." })).await;
                let body = json!({ "decision": "VERIFIED" });
                ask(ADMIN, "POST", "/api/admin/interviewers/ida/verification", body)
            })
        }),
        case("create_availability", "the first rule", |scene| {
            Box::pin(async {
                scene.done("ida", "POST", "/api/user/sync", json!({ "name": "Ida" })).await;
                scene.done("ida", "POST", "/api/onboarding", testing::interviewer_profile()).await;
                ask("ida", "POST", "/api/availability", testing::availability_all_day(60))
            })
        }),
        case("update_availability", "a day off", |scene| {
            Box::pin(async {
                let rules = scene.done("ivy", "GET", "/api/availability", Value::Null).await;
                let rule = rules["items"][0]["availabilityId"].as_str().unwrap().to_owned();
                ask("ivy", "PATCH", format!("/api/availability/{rule}"), json!({ "exceptions": ["2026-12-25"] }))
            })
        }),
        case("delete_availability", "the only rule", |scene| {
            Box::pin(async {
                let rules = scene.done("ivy", "GET", "/api/availability", Value::Null).await;
                let rule = rules["items"][0]["availabilityId"].as_str().unwrap().to_owned();
                ask("ivy", "DELETE", format!("/api/availability/{rule}"), Value::Null)
            })
        })
        .then(Second::Refused(404, "not_found")),
        case("adjust_credits", "some are given", |_| {
            Box::pin(async {
                let body = json!({ "amount": 25, "reason": "a gift" });
                ask(ADMIN, "POST", "/api/admin/users/cara/credits", body)
            })
        }),
        case("suggest_questions", "by category", |_| {
            Box::pin(async {
                ask("cara", "POST", "/api/ai/questions", json!({ "interviewerId": "ivy", "count": 3 }))
            })
        })
        .then(Second::Same)
        .allowing(&[Allowance::CostsEachTime(
            "nothing is stored but the rate token that is taken first, which is what keeps this from costing without end",
        )]),
    ]
}

fn bookings() -> Vec<Case> {
    vec![
        case("create_booking", "a free slot", |_| {
            Box::pin(async {
                let body = json!({ "interviewerId": "ivy", "startTime": instant(at(3)) });
                ask("cara", "POST", "/api/bookings", body)
            })
        }),
        case("cancel_booking", "before its start", |scene| {
            Box::pin(async {
                let booking = scene.book(3).await;
                let body = json!({ "reason": "plans changed" });
                ask("cara", "POST", format!("/api/bookings/{booking}/cancel"), body)
            })
        }),
        case("cancel_booking", "nobody came", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.follow().await;
                scene.stage.advance(150 * MINUTE);
                ask("cara", "POST", format!("/api/bookings/{booking}/cancel"), objection())
            })
        }),
        case("reschedule_booking", "to another day", |scene| {
            Box::pin(async {
                let booking = scene.book(6).await;
                let body = json!({ "startTime": instant(at(30)) });
                ask("cara", "POST", format!("/api/bookings/{booking}/reschedule"), body)
            })
        }),
        case("complete_booking", "both were there", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.follow().await;
                scene.stage.advance(150 * MINUTE);
                scene.attend(&booking, 1).await;
                ask("ivy", "POST", format!("/api/bookings/{booking}/complete"), Value::Null)
            })
        }),
        case("complete_booking", "nobody was seen, so it is remembered", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.follow().await;
                scene.stage.advance(150 * MINUTE);
                ask("ivy", "POST", format!("/api/bookings/{booking}/complete"), Value::Null)
            })
        }),
        case("review_booking", "after the session", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.follow().await;
                scene.stage.advance(150 * MINUTE);
                scene.attend(&booking, 1).await;
                scene.done("ivy", "POST", &format!("/api/bookings/{booking}/complete"), Value::Null).await;
                ask("cara", "POST", format!("/api/bookings/{booking}/review"), json!({ "rating": 5 }))
            })
        }),
        case("give_consent", "the second party agrees", |scene| {
            Box::pin(async {
                let booking = scene.book(3).await;
                scene.done("cara", "POST", &format!("/api/calls/{booking}/consent"), consent(true)).await;
                ask("ivy", "POST", format!("/api/calls/{booking}/consent"), consent(true))
            })
        }),
        case("give_consent", "taken back", |scene| {
            Box::pin(async {
                let booking = scene.book(3).await;
                scene.agree(&booking).await;
                scene.follow().await;
                ask("cara", "POST", format!("/api/calls/{booking}/consent"), consent(false))
            })
        }),
        case("get_call", "the call is not there yet", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.stage.advance(55 * MINUTE);
                ask("cara", "GET", format!("/api/calls/{booking}"), Value::Null)
            })
        })
        .then(Second::Same),
    ]
}

fn webhooks() -> Vec<Case> {
    vec![
        case("clerk_webhook", "somebody is renamed", |_| {
            Box::pin(async {
                let data = json!({ "object": "user", "id": "ivy", "first_name": "Ivy", "last_name": "Ng",
                    "primary_email_address_id": "e", "image_url": "https://img.example/ivy",
                    "email_addresses": [{ "id": "e", "email_address": "ivy@example.com" }],
                    "created_at": 1_795_000_000_000_i64, "updated_at": 1_795_170_000_000_i64 });
                Act::Clerk(json!({ "type": "user.updated", "object": "event", "data": data }))
            })
        }),
        case("clerk_webhook", "an account with a booking is deleted", |scene| {
            Box::pin(async {
                scene.book(3).await;
                scene.follow().await;
                let data = json!({ "id": "ivy", "object": "user", "deleted": true });
                Act::Clerk(json!({ "type": "user.deleted", "object": "event", "data": data }))
            })
        }),
        case("clerk_webhook", "an interviewer with a booking is banned", |scene| {
            Box::pin(async {
                scene.book(3).await;
                scene.follow().await;
                Act::Clerk(barred(json!({ "banned": true })))
            })
        }),
        case("stream_webhook", "somebody joined", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.stage.advance(62 * MINUTE);
                Act::Stream(stay(&booking, "joined", "cara", at(1) + MINUTE))
            })
        }),
        case("stream_webhook", "somebody left", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.stage.advance(2 * HOUR);
                Act::Stream(stay(&booking, "left", "ivy", at(1) + 40 * MINUTE))
            })
        }),
        case("stream_webhook", "a session began", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.agree(&booking).await;
                let more = json!({ "session_id": "session-1" });
                Act::Stream(event(&booking, "call.session_started", at(1), more))
            })
        }),
        case("stream_webhook", "a recording is ready", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.agree(&booking).await;
                scene.stage.advance(3 * HOUR);
                let file = scene.file("recording.mp4", 1, b"video");
                let file = json!({ "filename": file.filename, "url": file.url, "session_id": file.session_id,
                    "start_time": file.start_time, "end_time": file.end_time });
                Act::Stream(event(&booking, "call.recording_ready", at(2), json!({ "call_recording": file })))
            })
        }),
        case("stream_webhook", "there will be no transcript", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.agree(&booking).await;
                scene.stage.advance(3 * HOUR);
                Act::Stream(event(&booking, "call.transcription_failed", at(2), json!({ "error": "no speech" })))
            })
        }),
        case("stream_webhook", "a call ended", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.stage.advance(3 * HOUR);
                Act::Stream(event(&booking, "call.ended", at(2), json!({})))
            })
        }),
    ]
}

fn stream() -> Vec<Case> {
    vec![
        case("run_stream", "a call is created", |scene| {
            Box::pin(async {
                let booking = scene.book(3).await;
                Act::Work(Effect::CreateCall { booking_id: id(&booking) })
            })
        }),
        case("run_stream", "a call that is not there is to be recorded", |scene| {
            Box::pin(async {
                let booking = scene.book(3).await;
                scene.agree(&booking).await;
                Act::Work(Effect::MatchRecording { booking_id: id(&booking), cause: "consent-2".to_owned() })
            })
        })
        // That the call is there is noted by the message that asks for it.
        .followed_by(&[Act::Follow]),
        case("run_stream", "a live call is to be recorded", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.follow().await;
                scene.agree(&booking).await;
                scene.stage.stream.join(&format!("default:{booking}"), "cara", Some(noon())).await.unwrap();
                Act::Work(Effect::MatchRecording { booking_id: id(&booking), cause: "consent-2".to_owned() })
            })
        }),
        case("run_stream", "a live call is recorded and must not be", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.agree(&booking).await;
                scene.follow().await;
                scene.stage.stream.join(&format!("default:{booking}"), "cara", Some(noon())).await.unwrap();
                scene.done("ivy", "POST", &format!("/api/calls/{booking}/consent"), consent(false)).await;
                Act::Work(Effect::MatchRecording { booking_id: id(&booking), cause: "consent-3".to_owned() })
            })
        }),
        case("run_stream", "a call is moved", |scene| {
            Box::pin(async {
                let booking = scene.book(6).await;
                scene.follow().await;
                let body = json!({ "startTime": instant(at(30)) });
                scene.done("cara", "POST", &format!("/api/bookings/{booking}/reschedule"), body).await;
                Act::Work(Effect::MoveCall { booking_id: id(&booking), cause: "1".to_owned() })
            })
        }),
        case("run_stream", "a call is ended", |scene| {
            Box::pin(async {
                let booking = scene.book(3).await;
                scene.follow().await;
                let body = json!({ "reason": "plans changed" });
                scene.done("cara", "POST", &format!("/api/bookings/{booking}/cancel"), body).await;
                Act::Work(Effect::EndCall { booking_id: id(&booking) })
            })
        }),
    ]
}

fn settlement() -> Vec<Case> {
    vec![
        case("run_settlement", "the bookings of a deleted account are cancelled", |scene| {
            Box::pin(async {
                scene.book(3).await;
                scene.book(5).await;
                scene.follow().await;
                let data = json!({ "id": "ivy", "object": "user", "deleted": true });
                let body = json!({ "type": "user.deleted", "object": "event", "data": data });
                scene.stage.hear_clerk(&body.to_string()).await.expect(200);
                Act::Work(Effect::CancelBookings { user_id: "ivy".parse().unwrap(), cause: "deleted".to_owned() })
            })
        }),
        case("run_settlement", "the bookings of somebody who is banned are cancelled", |scene| {
            Box::pin(async {
                scene.book(3).await;
                scene.follow().await;
                scene.stage.hear_clerk(&barred(json!({ "banned": true })).to_string()).await.expect(200);
                Act::Work(Effect::CancelBookings { user_id: "ivy".parse().unwrap(), cause: "banned".to_owned() })
            })
        }),
        case("run_settlement", "a due session took place", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.follow().await;
                scene.stage.advance(2 * HOUR);
                scene.attend(&booking, 1).await;
                scene.stage.advance(HOUR);
                settle(&booking, 3)
            })
        }),
        case("run_settlement", "to a due session nobody came", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.follow().await;
                scene.stage.advance(27 * HOUR);
                settle(&booking, 3)
            })
        })
        .followed_by(&[Act::Pass(16 * MINUTE), Act::Sweep, Act::Follow])
        .allowing(PUT_OFF),
        case("run_settlement", "no event of a recorded session that is due arrived", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.agree(&booking).await;
                scene.follow().await;
                scene.recorded(&booking).await;
                scene.stage.advance(27 * HOUR);
                settle(&booking, 3)
            })
        })
        .followed_by(&[
            Act::Pass(20 * MINUTE),
            Act::Sweep,
            Act::Follow,
            Act::Pass(61 * MINUTE),
            Act::Sweep,
            Act::Follow,
        ])
        .allowing(PUT_OFF),
        case("run_settlement", "a lock has run out", |scene| {
            Box::pin(async {
                let locked = barred(json!({ "locked": true, "lockout_expires_in_seconds": 3600 }));
                scene.stage.hear_clerk(&locked.to_string()).await.expect(200);
                scene.stage.advance(2 * HOUR);
                Act::Work(Effect::LiftLock { user_id: "ivy".parse().unwrap(), cause: "locked".to_owned() })
            })
        }),
    ]
}

/// The message about a booking that is due so many hours after noon.
fn settle(booking: &str, hours: i64) -> Act {
    let due_at = instant(at(hours)).parse().unwrap();
    Act::Work(Effect::SettleBooking { booking_id: id(booking), due_at, aside_since: None })
}

const PUT_OFF: &[Allowance] = &[
    Allowance::Differs("version", "a booking is put off where Stream cannot be asked"),
    Allowance::Differs("dueAt", "until when it is put off"),
    Allowance::Differs("DUE#", "the row that says so"),
    Allowance::Differs("OUTBOX#settle_booking", "the message that is sent then"),
    Allowance::Differs("ATTENDANCE#NEWS", "when Stream's answer was stored"),
];

/// Clerk tells that the interviewer is shut out.
fn barred(how: Value) -> Value {
    let mut data = json!({ "object": "user", "id": "ivy", "first_name": "Ivy", "last_name": null, "image_url": "",
        "primary_email_address_id": null, "email_addresses": [], "updated_at": 1_795_176_000_000_i64 });
    data.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
    json!({ "type": "user.updated", "object": "event", "timestamp": 1_795_176_000_000_i64, "data": data })
}

fn media() -> Vec<Case> {
    vec![
        case("run_media", "a recording is copied", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.agree(&booking).await;
                scene.follow().await;
                scene.stage.advance(3 * HOUR);
                let file = scene.file("recording.mp4", 1, b"video");
                Act::Work(Effect::CopyRecording { booking_id: id(&booking), file })
            })
        }),
        case("run_media", "a recording is copied in parts", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.agree(&booking).await;
                scene.follow().await;
                scene.stage.advance(3 * HOUR);
                let file = scene.file("recording.mp4", 1, &vec![7; 8 * 1024 * 1024 + 1]);
                Act::Work(Effect::CopyRecording { booking_id: id(&booking), file })
            })
        }),
        case("run_media", "a transcript is copied", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.agree(&booking).await;
                scene.follow().await;
                scene.stage.advance(3 * HOUR);
                let file = scene.file("transcript.jsonl", 1, b"{}\n");
                Act::Work(Effect::CopyTranscript { booking_id: id(&booking), file })
            })
        }),
        case("run_media", "a recording without consent is deleted at Stream", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.agree(&booking).await;
                scene.follow().await;
                let file = scene.recorded(&booking).await;
                scene.done("ivy", "POST", &format!("/api/calls/{booking}/consent"), consent(false)).await;
                Act::Work(Effect::CopyRecording { booking_id: id(&booking), file })
            })
        }),
        case("run_generation", "there is enough to judge", |scene| {
            Box::pin(async { Act::Work(Scene::feedback(&scene.held(1).await)) })
        })
        .allowing(&[MODEL]),
        case("run_generation", "much more was said after it was judged", |scene| {
            Box::pin(async {
                let booking = scene.held(1).await;
                assert!(scene.perform(&Act::Work(Scene::feedback(&booking)), 1).await.is_final());
                Act::Work(scene.held_again(&booking).await)
            })
        })
        .allowing(&[MODEL]),
        case("run_generation", "next to nothing was said", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.agree(&booking).await;
                scene.follow().await;
                scene.stage.advance(3 * HOUR);
                let file = scene.file("transcript.jsonl", 1, b"{}\n");
                let effect = Effect::CopyTranscript { booking_id: id(&booking), file };
                assert!(scene.perform(&Act::Work(effect), 1).await.is_final());
                Act::Work(Scene::feedback(&booking))
            })
        }),
    ]
}

fn schedules() -> Vec<Case> {
    vec![
        case("relay_outbox", "rows for several queues", |scene| {
            Box::pin(async {
                scene.waiting_rows().await;
                Act::Relay(scene.records().await)
            })
        })
        // A row that was sent and could not be marked is sent once more.
        .followed_by(&[Act::Pass(1), Act::Redrive]),
        case("redrive_outbox", "rows for several queues", |scene| {
            Box::pin(async {
                scene.waiting_rows().await;
                scene.stage.advance(1);
                Act::Redrive
            })
        })
        // A row that was sent and could not be marked is sent once more by the next run.
        .followed_by(&[Act::Redrive]),
        case("sweep_bookings", "one session took place, to another nobody came", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.book(3).await;
                scene.follow().await;
                scene.stage.advance(2 * HOUR);
                scene.attend(&booking, 1).await;
                scene.stage.advance(27 * HOUR);
                Act::Sweep
            })
        })
        // What is sent once is not sent again.
        .followed_by(&[Act::Follow, Act::Pass(16 * MINUTE), Act::Sweep, Act::Follow]),
        case("check_secrets", "the keys of the test have no age", |_| Box::pin(async { Act::CheckSecrets }))
            .allowing(&[Allowance::ShowsNothing("it only tells how old they are")]),
        case("reconcile_ledger", "all is well", |scene| {
            Box::pin(async {
                scene.book(3).await;
                Act::Reconcile
            })
        })
        .allowing(&[Allowance::ShowsNothing(
            "it only notes how far it has come, so that another run need not read that again",
        )]),
    ]
}

/// Everything that [`READS`] asks for: the ids that stand for the placeholders.
pub async fn furnish(scene: &Scene) -> [(&'static str, String); 2] {
    let held = scene.held(1).await;
    let feedback = Scene::feedback(&held);
    assert!(scene.perform(&Act::Work(feedback), 1).await.is_final());
    let booking = scene.book(24).await;
    scene.stage.world.add_person("zed", Role::Interviewee).await;
    scene.follow().await;
    [("{held}", held), ("{booking}", booking)]
}
