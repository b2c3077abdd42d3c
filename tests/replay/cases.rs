//! Every function that changes something, in the situations in which it does; and every route that only reads.

use domain::user::Role;
use serde_json::{Value, json};
use store::outbox::Effect;
use testing::noon;
use tests::examples::{Request, caller, reading, request, request_of};
use tests::stage::{ADMIN, instant};

use super::driver::{Allowance, Case, Second};
use super::scene::{Act, Awaited, HOUR, MINUTE, Scene, consent, event, id, objection, stay};

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

fn ask(who: &'static str, Request { method, path, body }: Request) -> Act {
    Act::Ask { who, method, path, body }
}

/// Cara moves a booking to another day.
fn moved(booking: &str) -> Request {
    request("reschedule_booking", &[("bookingId", booking), ("startTime", &instant(at(30)))])
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
            Box::pin(async { ask("newcomer", request("sync_user", &[])) })
        }),
        case("onboard", "a candidate who is given credits", |scene| {
            Box::pin(async {
                scene.done("newcomer", request("sync_user", &[])).await;
                ask("newcomer", request("onboard", &[]))
            })
        }),
        case("onboard", "an interviewer", |scene| {
            Box::pin(async {
                scene.done("newcomer", request("sync_user", &[])).await;
                ask("newcomer", request("onboard", &[]).with(testing::interviewer_profile()))
            })
        }),
        case("update_me", "a listed interviewer changes what they take and offer", |_| {
            Box::pin(async {
                let body = json!({ "creditRate": 35, "categories": ["frontend", "backend"], "name": "Ivy I." });
                ask("ivy", request("update_me", &[]).with(body))
            })
        })
        .then(Second::Same),
        case("submit_verification", "for the first time", |scene| {
            Box::pin(async {
                scene.done("ida", request("sync_user", &[])).await;
                scene.done("ida", request("onboard", &[]).with(testing::interviewer_profile())).await;
                ask("ida", request("submit_verification", &[]))
            })
        }),
        case("decide_verification", "verified and so listed", |scene| {
            Box::pin(async {
                scene.done("ida", request("sync_user", &[])).await;
                scene.done("ida", request("onboard", &[]).with(testing::interviewer_profile())).await;
                scene.done("ida", request("submit_verification", &[])).await;
                ask(ADMIN, request("decide_verification", &[("interviewerId", "ida")]))
            })
        }),
        case("create_availability", "the first rule", |scene| {
            Box::pin(async {
                scene.done("ida", request("sync_user", &[])).await;
                scene.done("ida", request("onboard", &[]).with(testing::interviewer_profile())).await;
                ask("ida", request("create_availability", &[]))
            })
        }),
        case("update_availability", "a day off", |scene| {
            Box::pin(async {
                let rules = scene.done("ivy", request("list_availability", &[])).await;
                let rule = rules["items"][0]["availabilityId"].as_str().unwrap().to_owned();
                ask("ivy", request("update_availability", &[("availabilityId", &rule)]))
            })
        }),
        case("delete_availability", "the only rule", |scene| {
            Box::pin(async {
                let rules = scene.done("ivy", request("list_availability", &[])).await;
                let rule = rules["items"][0]["availabilityId"].as_str().unwrap().to_owned();
                ask("ivy", request("delete_availability", &[("availabilityId", &rule)]))
            })
        })
        .then(Second::Refused(404, "not_found")),
        case("adjust_credits", "some are given", |_| {
            Box::pin(async {
                ask(ADMIN, request("adjust_credits", &[("userId", "cara")]))
            })
        }),
        case("create_pack", "a new one", |_| Box::pin(async { ask(ADMIN, request("create_pack", &[])) })),
        case("update_pack", "its title", |_| {
            Box::pin(async { ask(ADMIN, request("update_pack", &[])) })
        }),
        case("delete_pack", "one that is offered", |_| {
            Box::pin(async { ask(ADMIN, request("delete_pack", &[])) })
        })
        .then(Second::Same),
        case("create_plan", "a new one", |_| Box::pin(async { ask(ADMIN, request("create_plan", &[])) })),
        case("update_plan", "its title", |_| {
            Box::pin(async { ask(ADMIN, request("update_plan", &[])) })
        }),
        case("delete_plan", "one that is offered", |_| {
            Box::pin(async { ask(ADMIN, request("delete_plan", &[])) })
        })
        .then(Second::Same),
        case("suggest_questions", "by category", |_| {
            Box::pin(async {
                ask("cara", request("suggest_questions", &[("interviewerId", "ivy")]))
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
                ask("cara", request("create_booking", &[("interviewerId", "ivy"), ("startTime", &instant(at(3)))]))
            })
        }),
        case("cancel_booking", "before its start", |scene| {
            Box::pin(async {
                let booking = scene.book(3).await;
                ask("cara", request("cancel_booking", &[("bookingId", &booking)]))
            })
        }),
        case("cancel_booking", "nobody came", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.follow().await;
                scene.stage.advance(150 * MINUTE);
                ask("cara", request("cancel_booking", &[("bookingId", &booking)]).with(objection()))
            })
        }),
        case("reschedule_booking", "to another day", |scene| {
            Box::pin(async {
                let booking = scene.book(6).await;
                ask("cara", moved(&booking))
            })
        }),
        case("complete_booking", "both were there", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.follow().await;
                scene.stage.advance(150 * MINUTE);
                scene.attend(&booking, 1).await;
                ask("ivy", request("complete_booking", &[("bookingId", &booking)]))
            })
        }),
        case("complete_booking", "nobody was seen, so it is remembered", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.follow().await;
                scene.stage.advance(150 * MINUTE);
                ask("ivy", request("complete_booking", &[("bookingId", &booking)]))
            })
        }),
        case("review_booking", "after the session", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.follow().await;
                scene.stage.advance(150 * MINUTE);
                scene.attend(&booking, 1).await;
                scene.done("ivy", request("complete_booking", &[("bookingId", &booking)])).await;
                ask("cara", request("review_booking", &[("bookingId", &booking)]))
            })
        }),
        case("give_consent", "the second party agrees", |scene| {
            Box::pin(async {
                let booking = scene.book(3).await;
                scene.done("cara", consent(&booking, true)).await;
                ask("ivy", consent(&booking, true))
            })
        }),
        case("give_consent", "taken back", |scene| {
            Box::pin(async {
                let booking = scene.book(3).await;
                scene.agree(&booking).await;
                scene.follow().await;
                ask("cara", consent(&booking, false))
            })
        }),
        case("get_call", "the call is not there yet", |scene| {
            Box::pin(async {
                let booking = scene.book(1).await;
                scene.stage.advance(55 * MINUTE);
                ask("cara", request("get_call", &[("callId", &booking)]))
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
                scene.done("ivy", consent(&booking, false)).await;
                Act::Work(Effect::MatchRecording { booking_id: id(&booking), cause: "consent-3".to_owned() })
            })
        }),
        case("run_stream", "a call is moved", |scene| {
            Box::pin(async {
                let booking = scene.book(6).await;
                scene.follow().await;
                scene.done("cara", moved(&booking)).await;
                Act::Work(Effect::MoveCall { booking_id: id(&booking), cause: "1".to_owned() })
            })
        }),
        case("run_stream", "a call is ended", |scene| {
            Box::pin(async {
                let booking = scene.book(3).await;
                scene.follow().await;
                scene.done("cara", request("cancel_booking", &[("bookingId", &booking)])).await;
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
                scene.done("ivy", consent(&booking, false)).await;
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

/// What changes nothing: the example call of every route that reads and has no case here, made by somebody who may make it, and
/// what else is worth asking.
pub async fn reads(scene: &Scene) -> Vec<Act> {
    let held = scene.held(1).await;
    let feedback = Scene::feedback(&held);
    assert!(scene.perform(&Act::Work(feedback), 1).await.is_final());
    let booking = scene.book(24).await;
    scene.stage.world.add_person("zed", Role::Interviewee).await;
    scene.follow().await;
    let names = [("bookingId", &*held), ("interviewerId", "ivy"), ("userId", "cara")];
    let (cases, mut acts) = (cases(), Vec::new());
    for route in reading().iter().filter(|route| !cases.iter().any(|case| case.function == route.name)) {
        let request = request_of(route, &names);
        acts.push(if route.who.needs_token() {
            ask(caller(route, ["cara", "ivy", ADMIN]), request)
        } else {
            Act::Visit { path: request.path }
        });
    }
    let nowhere = || Request { method: "GET", path: "/nowhere".to_owned(), body: Value::Null };
    acts.extend([
        ask("cara", request("get_booking", &[("bookingId", &booking)])),
        ask(ADMIN, request("get_booking", &[("bookingId", &held)])),
        ask("ivy", request("list_appointments", &[])),
        ask("ivy", request("get_me", &[])),
        ask("cara", nowhere()),
        Act::Visit { path: "/api/nowhere".to_owned() },
    ]);
    acts
}
