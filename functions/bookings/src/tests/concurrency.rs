//! Many at once, against a real engine.

use super::*;
use axum::extract::State;
use axum::response::Response;
use domain::booking::BookingError;
use domain::rate_limit::RateRule;
use http::StatusCode;
use kit::callers::Interviewee;
use kit::extract::NoBody;
use kit::{App, Error, Route, Who, Write};

async fn all<T>(futures: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T>
where
    T: Send + 'static,
{
    let mut tasks = tokio::task::JoinSet::new();
    for future in futures {
        tasks.spawn(future);
    }
    tasks.join_all().await
}

fn count(answers: &[Answer], status: u16, code: &str) -> usize {
    answers.iter().filter(|a| a.status == status && a.code() == code).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_candidates_who_want_one_slot_one_gets_it() {
    let world = std::sync::Arc::new(world().await);
    for n in 0..64 {
        world.add_candidate(&format!("candidate-{n}"), 20).await;
    }
    let attempts = (0..64).map(|n| {
        let world = world.clone();
        async move { book(&world, &format!("candidate-{n}"), TOMORROW).await }
    });
    let answers = all(attempts.collect()).await;
    assert_eq!(count(&answers, 201, ""), 1);
    assert_eq!(count(&answers, 409, "slot_unavailable"), 63);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rush_for_all_the_times_of_a_day_leaves_nobody_out() {
    let world = std::sync::Arc::new(world().await);
    for n in 0..24 {
        world.add_candidate(&format!("candidate-{n}"), 20).await;
    }
    let attempts = (0..24).map(|n| {
        let world = world.clone();
        async move { book(&world, &format!("candidate-{n}"), &format!("2026-11-22T{n:02}:00:00Z")).await }
    });
    let answers = all(attempts.collect()).await;
    assert_eq!(count(&answers, 201, ""), 24, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_bookings_by_a_candidate_who_can_pay_one_one_is_made() {
    let world = std::sync::Arc::new(world().await);
    world.add_candidate("poor", 20).await;
    let attempts = (0..64).map(|n| {
        let world = world.clone();
        async move { book(&world, "poor", &format!("2026-11-{:02}T{:02}:00:00Z", 21 + n / 16, 4 + n % 16)).await }
    });
    let answers = all(attempts.collect()).await;
    assert_eq!(count(&answers, 201, ""), 1);
    assert_eq!(count(&answers, 402, "insufficient_credits"), 63, "{answers:?}");
    assert_eq!(balances(&world, "poor").await, (0, 20, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_concurrent_repeats_under_one_key_make_one_booking() {
    let world = std::sync::Arc::new(world().await);
    let attempts =
        (0..20).map(|_| {
            let world = world.clone();
            async move {
                world.call_with("cara", "POST", "/api/bookings", slot(TOMORROW), &[("idempotency-key", "k")]).await
            }
        });
    let answers = all(attempts.collect()).await;
    assert_eq!(count(&answers, 201, ""), 20, "{answers:?}");
    let ids: std::collections::BTreeSet<String> =
        answers.iter().map(|a| a.body["bookingId"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(balances(&world, "cara").await, (80, 20, 0));
}

/// Commits as a twin of the request, between its reads, would, and refuses for what the twin changed.
async fn outrun(State(app): State<App>, write: Write<Interviewee, NoBody>) -> Result<Response, Error> {
    let attempt = || async {
        let twin = write.begin(&app, RateRule::Writes, &[]).await?;
        twin.commit(&app, Tx::new(), StatusCode::CREATED, &json!({ "made": "by the twin" })).await?;
        Err(BookingError::SlotUnavailable.into())
    };
    write.run(&app, attempt).await
}

#[tokio::test]
async fn a_repeat_that_was_outrun_by_its_twin_gets_the_twins_answer() {
    let world = World::new(&[Route::post("outrun", "/api/outrun", Who::Interviewee, outrun).into()]).await;
    world.add_candidate("cara", 0).await;
    let key = [("idempotency-key", "k")];
    let answer = world.call_with("cara", "POST", "/api/outrun", Value::Null, &key).await;
    assert_eq!((answer.status, &answer.body), (201, &json!({ "made": "by the twin" })));
    assert_eq!(answer.headers["idempotent-replayed"], "true");
    world.call("cara", "POST", "/api/outrun", Value::Null).await.refused(409, "slot_unavailable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_parties_who_cancel_at_once_release_the_price_once() {
    let world = std::sync::Arc::new(world().await);
    let id = booked(&world).await;
    let attempts = (0..10).map(|n| {
        let world = world.clone();
        let path = format!("/api/bookings/{id}/cancel");
        async move {
            let user = if n % 2 == 0 { "cara" } else { "ivy" };
            world.call(user, "POST", &path, json!({ "reason": "plans changed" })).await
        }
    });
    let answers = all(attempts.collect()).await;
    assert_eq!(count(&answers, 200, ""), 5, "{answers:?}");
    assert_eq!(count(&answers, 409, "booking_not_cancellable"), 5);
    assert_eq!(balances(&world, "cara").await, (100, 0, 0));
}
