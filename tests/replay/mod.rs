//! Every function, done again: after each trouble at each request it makes, the world ends as if it had been done once.
//!
//! A function that has no case here fails a test, unless it is a route that reads. [`cases`] is the table; [`driver`] is what each case goes through.

mod cases;
mod driver;
mod invariants;
mod scene;
mod snapshot;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{BookingId, UserId};
use kit::aws::Aws;
use providers::stream::{CallRequest, StreamUser};
use testing::TABLE;
use tests::examples::{Request, request};
use tests::line::{Cut, Kind, Then};

use crate::template::functions;
use cases::{cases, reads};
use driver::{Case, Report, Second, replay};
use scene::{Act, Awaited, MINUTE, Outcome, Scene};
use snapshot::Snapshot;

/// Runs on a thread and a runtime of its own, so that all its servers end with it.
fn alone<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn every_function_has_a_case_and_every_case_a_function() {
    let deployed: BTreeSet<String> = functions().iter().map(|f| f.binary().to_owned()).collect();
    let mut named: BTreeSet<String> = cases().iter().map(|case| case.function.to_owned()).collect();
    named.extend(tests::examples::reading().iter().map(|route| route.name.to_owned()));
    named.insert("unknown_address".to_owned());
    assert_eq!(named, deployed);
}

#[test]
fn whatever_is_cut_off_and_done_again_ends_as_if_it_was_done_once() {
    let cases = cases();
    let next = AtomicUsize::new(0);
    let told = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        // More than there are cores, since some of the time is spent waiting before the SDK tries again.
        let workers = 2 * std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..workers {
            threads.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let began = std::time::Instant::now();
                    let attempt = std::panic::AssertUnwindSafe(|| alone(replay(case)));
                    // One arrangement that panics must not keep the other cases from being told.
                    let report = std::panic::catch_unwind(attempt)
                        .unwrap_or_else(|_| Report { failures: vec!["it panicked".to_owned()], ..Report::default() });
                    told.lock().unwrap().push((case, report, began.elapsed()));
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    let mut failed = Vec::new();
    println!("{:<20} {:>6} {:>8} {:>5} {:>6}", "function", "writes", "provider", "runs", "ms");
    for (case, Report { counts, runs, failures }, took) in &told {
        println!(
            "{:<20} {:>6} {:>8} {:>5} {:>6}  {}",
            case.function,
            counts.writes,
            counts.provider,
            runs,
            took.as_millis(),
            case.situation
        );
        for allowance in case.allowances {
            println!("    allowed: {}", allowance.reason());
        }
        failed.extend(failures.iter().map(|why| format!("{}, {}: {why}", case.function, case.situation)));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn what_only_reads_changes_nothing_and_says_so_where_it_cannot_read() {
    alone(async {
        let scene = Scene::new().await;
        let acts = reads(&scene).await;
        scene.begin();
        let before = Snapshot::of(&scene).await;
        let routes = tests::all_routes();
        for act in acts {
            let function = act.function();
            let status = |outcome: Outcome| match outcome {
                Outcome::Answer(answer) => answer.status,
                other => panic!("{function}: {}", other.told()),
            };
            let expected = if function == "unknown_address" { 404 } else { 200 };
            assert_eq!(status(scene.perform(&act, 1).await), expected, "{function}");
            let counts = scene.lines.counts();
            assert_eq!((counts.writes, counts.provider), (0, 0), "{function} only reads");
            let route = routes.iter().find(|route| route.name == function);
            let needs_none = route.is_none_or(|one| !one.who.needs_token() && one.needs.table.is_empty());
            assert_eq!(counts.reads == 0, needs_none, "{function} reads {} times", counts.reads);
            for number in 0..counts.reads {
                for then in [Then::Nothing, Then::Outage] {
                    scene.lines.cut(Cut { kind: Kind::Read, number, takes_effect: false, then });
                    let troubled = status(scene.perform(&act, 1).await);
                    assert!(scene.lines.mend(), "{function} did not read again");
                    let expected = if then == Then::Nothing { expected } else { 503 };
                    assert_eq!(troubled, expected, "{function}: read {number} is lost, then {then:?}");
                }
            }
            assert_eq!(status(scene.perform(&act, 1).await), expected, "{function} again");
            scene.lines.mend();
        }
        assert_eq!(before.difference(&Snapshot::of(&scene).await, &[]), None);
    });
}

#[test]
fn a_call_that_is_created_at_the_door_while_its_booking_is_cancelled_is_ended() {
    alone(async {
        let scene = Scene::new().await;
        let booking = scene.book(1).await;
        scene.stage.advance(55 * MINUTE);
        // The people are made known to Stream first, then the call is created.
        let mut held = scene.lines.hold_provider_call(1);
        let Request { method, path, body } = request("get_call", &[("callId", &booking)]);
        let join = Act::Ask { who: "cara", method, path, body };
        let cancelled = async {
            held.reached().await;
            scene.done("ivy", request("cancel_booking", &[("bookingId", &booking)])).await;
            scene.follow().await;
            held.release();
        };
        let (outcome, ()) = tokio::join!(scene.perform(&join, 1), cancelled);
        let Outcome::Answer(answer) = outcome else { panic!("{}", outcome.told()) };
        answer.refused(409, "booking_cancelled");
        let calls = scene.stage.calls().await;
        assert!(calls.len() == 1 && calls[0]["call"]["ended_at"].is_string(), "{calls:?}");
    });
}

/// Counts, without a condition on what was read.
fn increments(scene: &Scene) -> Awaited<'_, Outcome> {
    Box::pin(async {
        let add = AttributeValue::N("1".to_owned());
        let table = Aws::at(&scene.stage.addresses[0]).dynamodb();
        let update = table.update_item().table_name(TABLE).key("pk", text("COUNT")).key("sk", text("COUNT"));
        let update = update.update_expression("ADD times :one").expression_attribute_values(":one", add);
        done(update.send().await.is_ok())
    })
}

/// Reads what there is, and writes what follows from it in two steps instead of one.
fn writes_in_two_steps(scene: &Scene) -> Awaited<'_, Outcome> {
    Box::pin(async {
        let table = Aws::at(&scene.stage.addresses[0]).dynamodb();
        let is_there = |name| table.get_item().table_name(TABLE).key("pk", text(name)).key("sk", text(name));
        let put = |name| table.put_item().table_name(TABLE).item("pk", text(name)).item("sk", text(name));
        if is_there("FIRST").send().await.is_ok_and(|found| found.item.is_some()) {
            return Outcome::Done;
        }
        done(put("FIRST").send().await.is_ok() && put("SECOND").send().await.is_ok())
    })
}

/// Makes a call at Stream under an id of its own each time it has not heard of the one before.
fn calls_under_new_ids(scene: &Scene) -> Awaited<'_, Outcome> {
    Box::pin(async {
        let table = Aws::at(&scene.stage.addresses[0]).dynamodb();
        let known = table.get_item().table_name(TABLE).key("pk", text("CALL")).key("sk", text("CALL"));
        if known.send().await.is_ok_and(|found| found.item.is_some()) {
            return Outcome::Done;
        }
        let app = &scene.stage.app;
        let client = app.stream().await.unwrap().client;
        let (cara, ivy): (UserId, UserId) = ("cara".parse().unwrap(), "ivy".parse().unwrap());
        let request = CallRequest {
            call_id: BookingId::new(app.ids.unique(app.now())),
            starts_at: app.now(),
            max_duration_seconds: 3600,
            interviewee: cara.clone(),
            interviewer: ivy.clone(),
        };
        let users = [cara, ivy].map(|id| StreamUser { id, name: "Somebody".to_owned(), image: None });
        if client.upsert_users(&users).await.is_err() || client.get_or_create_call(&request).await.is_err() {
            return done(false);
        }
        done(table.put_item().table_name(TABLE).item("pk", text("CALL")).item("sk", text("CALL")).send().await.is_ok())
    })
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn done(worked: bool) -> Outcome {
    if worked { Outcome::Done } else { Outcome::Failed("it did not work".to_owned()) }
}

#[test]
fn what_cannot_be_repeated_is_found() {
    let failures_of = |arrange: fn(&Scene) -> Awaited<'_, Act>| {
        let case =
            Case { function: "none", situation: "", arrange, second: Second::Same, allowances: &[], followed_by: &[] };
        alone(replay(&case)).failures
    };
    let found = |failures: &[String], what: &str| failures.iter().any(|failure| failure.starts_with(what));

    let failures = failures_of(|_| Box::pin(async { Act::Other(increments) }));
    for what in [
        "twice: the world is another one",
        "the answer to write 0 is lost, the process stops with it: the world is another one",
    ] {
        assert!(found(&failures, what), "{what} is not among {failures:#?}");
    }

    let failures = failures_of(|_| Box::pin(async { Act::Other(writes_in_two_steps) }));
    for what in [
        "the answer to write 0 is lost, the process stops with it: the world is another one",
        "write 1 is lost, the process stops with it: the world is another one",
    ] {
        assert!(found(&failures, what), "{what} is not among {failures:#?}");
    }
    assert!(!found(&failures, "twice") && !found(&failures, "write 0 is lost"), "{failures:#?}");

    let failures = failures_of(|_| Box::pin(async { Act::Other(calls_under_new_ids) }));
    for what in [
        "the answer to provider call 1 is lost, the process stops with it: the world is another one",
        "the answer to provider call 1 is lost, nothing like it is answered any more: the world is another one",
        "write 0 is lost, the process stops with it: the world is another one",
    ] {
        assert!(found(&failures, what), "{what} is not among {failures:#?}");
    }
    assert!(!found(&failures, "twice") && !found(&failures, "provider call"), "{failures:#?}");
}
