use std::time::Duration;

use domain::attendance::Told;
use domain::booking::{Booking, CancelCode, State};
use domain::calendar::quarter_hours;
use domain::ids::BookingId;
use domain::party::Party;
use domain::user::User;
use domain::word::Word;
use jiff::{SignedDuration, Timestamp};
use kit::aws::Aws;
use kit::worker::Again;
use kit::{App, Failure};
use store::outbox::Effect;
use store::{Table, Tx, calendar};
use testing::{Faults, TABLE, noon};
use ulid::Ulid;

use crate::run_settlement::run_settlement;
use crate::stage::{PRICE, Stage, received};

fn id(number: u128) -> BookingId {
    BookingId::new(Ulid::from_parts(1_795_167_000_000, number))
}

fn hours(n: i64) -> Timestamp {
    noon() + SignedDuration::from_hours(n)
}

/// Books as the route does: the time is taken in both calendars.
async fn book(stage: &Stage, number: u128, start: Timestamp) -> Booking {
    let booking = stage.book(id(number), start, false).await;
    let hours = quarter_hours(booking.start_time, booking.end_time).unwrap();
    let mut tx = Tx::new();
    for person in [&booking.interviewee_id, &booking.interviewer_id] {
        let wanted: Vec<_> = calendar::keys_of(person, &hours).collect();
        let items = stage.app.table.batch_get(&wanted).await.unwrap();
        let mut days = calendar::days(&items, person, &hours).unwrap();
        for (day, (_, hours)) in days.iter_mut().zip(&hours) {
            day.claim(*hours).unwrap();
        }
        calendar::write(&mut tx, person, &days).unwrap();
    }
    tx.commit(&stage.app.table).await.unwrap();
    booking
}

fn cancel(user: &str) -> Effect {
    Effect::CancelBookings { user_id: user.parse().unwrap(), cause: "c".to_owned() }
}

async fn run(app: &App, effect: Effect) -> Result<(), Failure> {
    run_settlement(app.clone(), received(effect)).await
}

async fn code(stage: &Stage, number: u128) -> Option<Word<CancelCode>> {
    match stage.booking_of(id(number)).await.state {
        State::Cancelled { cancellation, .. } => cancellation.code,
        _ => None,
    }
}

async fn change(stage: &Stage, user: &str, change: impl FnOnce(&mut User)) {
    testing::change(&stage.world, user, change).await;
}

/// The application, with trouble between it and its table.
async fn troubled(stage: &Stage) -> (App, Faults) {
    let faults = Faults::start(&stage.world).await;
    let mut app = stage.app.clone();
    app.table = Table::new(Aws::at(&faults.url()).dynamodb(), TABLE);
    (app, faults)
}

#[tokio::test]
async fn a_deleted_account_cancels_what_has_not_begun_and_frees_the_price() {
    let stage = Stage::new().await;
    book(&stage, 1, noon() - SignedDuration::from_mins(30)).await;
    book(&stage, 2, hours(2)).await;
    book(&stage, 3, hours(30)).await;
    assert_eq!(stage.balances("cara").await, (100 - 3 * PRICE, 3 * PRICE, 0));
    testing::delete(&stage.world, "ivy").await;
    for user in ["cara", "ivy", "ivy"] {
        run(&stage.app, cancel(user)).await.unwrap();
        let held = if user == "cara" { 3 * PRICE } else { PRICE };
        assert_eq!(stage.balances("cara").await, (100 - held, held, 0), "only she is gone");
    }
    assert!(stage.booking_of(id(1)).await.is_scheduled());
    for number in [2, 3] {
        assert_eq!(code(&stage, number).await, Some(CancelCode::AccountDeleted.into()));
    }
    assert_eq!(stage.waiting().await, [format!("end_call:{}", id(2)), format!("end_call:{}", id(3))]);
}

#[tokio::test]
async fn a_booking_that_the_indexes_do_not_show_yet_is_cancelled_when_they_do() {
    for gone in ["cara", "ivy"] {
        let stage = Stage::new().await;
        let (app, faults) = troubled(&stage).await;
        book(&stage, 1, hours(2)).await;
        faults.remember_indexes();
        book(&stage, 2, hours(4)).await;
        book(&stage, 3, hours(180 * 24)).await;
        testing::delete(&stage.world, gone).await;
        faults.let_indexes_lag(4);
        let failure = run(&app, cancel(gone)).await.unwrap_err();
        let patiently = Again::Patiently { named: None };
        assert_eq!((failure.error.code(), failure.again), (Some("upstream_unavailable"), patiently));
        assert_eq!(faults.calm(), 4, "both indexes were asked, for what comes and for what is over");
        assert_eq!(code(&stage, 1).await, Some(CancelCode::AccountDeleted.into()));
        assert!(stage.booking_of(id(2)).await.is_scheduled());
        run(&app, cancel(gone)).await.unwrap();
        for number in [2, 3] {
            assert_eq!(code(&stage, number).await, Some(CancelCode::AccountDeleted.into()));
        }
        assert_eq!(stage.balances("cara").await, (100, 0, 0));
    }
}

#[tokio::test]
async fn what_an_index_still_shows_of_an_older_time_is_judged_as_it_is() {
    let stage = Stage::new().await;
    let (app, faults) = troubled(&stage).await;
    let before = book(&stage, 1, hours(2)).await;
    faults.remember_indexes();
    let mut tx = Tx::new();
    let after = Booking { has_recording: true, ..before.clone() };
    store::booking::replace(&mut tx, &before, &after).unwrap();
    tx.commit(&stage.app.table).await.unwrap();
    testing::delete(&stage.world, "ivy").await;
    faults.let_indexes_lag(4);
    run(&app, cancel("ivy")).await.unwrap();
    faults.let_indexes_lag(4);
    run(&app, cancel("ivy")).await.unwrap();
    assert_eq!(code(&stage, 1).await, Some(CancelCode::AccountDeleted.into()));
    assert!(stage.booking_of(id(1)).await.has_recording);
}

#[tokio::test]
async fn who_is_shut_out_loses_what_is_coming_and_gives_back_what_it_cost() {
    for (gone, is_ban) in [("ivy", true), ("cara", true), ("ivy", false)] {
        let stage = Stage::new().await;
        book(&stage, 1, hours(2)).await;
        let until = (!is_ban).then(|| hours(1));
        change(&stage, gone, |user| {
            (user.banned, user.locked, user.locked_until) = (is_ban, !is_ban, until);
        })
        .await;
        for _ in 0..2 {
            run(&stage.app, cancel(gone)).await.unwrap();
            assert_eq!(code(&stage, 1).await, Some(CancelCode::AccountUnavailable.into()));
            assert_eq!(stage.balances("cara").await, (100, 0, 0));
        }
        let State::Cancelled { cancellation, .. } = stage.booking_of(id(1)).await.state else { panic!() };
        assert_eq!(cancellation.reason, "One party cannot take part at the moment.");
    }
}

#[tokio::test]
async fn a_session_that_took_place_before_its_start_is_left_to_the_sweep() {
    let stage = Stage::new().await;
    book(&stage, 1, noon() + SignedDuration::from_mins(15)).await;
    let at = |minute| Some(noon() + SignedDuration::from_mins(minute));
    let mut tx = Tx::new();
    for party in [Party::Interviewee, Party::Interviewer] {
        let connection = format!("{party:?}");
        let (joined_at, left_at) = (at(5), at(10));
        let told = Told { session_id: "s".into(), party, connection, joined_at, left_at, duration_seconds: None };
        store::attendance::write_told(&mut tx, id(1), &told).unwrap();
    }
    tx.commit(&stage.app.table).await.unwrap();
    stage.app.clock.advance(SignedDuration::from_mins(14));
    testing::delete(&stage.world, "cara").await;
    run(&stage.app, cancel("cara")).await.unwrap();
    assert!(stage.booking_of(id(1)).await.is_scheduled());
    assert_eq!(stage.balances("cara").await, (100 - PRICE, PRICE, 0), "nobody takes back what was earned");
}

#[tokio::test]
async fn who_is_back_before_the_worker_comes_keeps_their_bookings() {
    let stage = Stage::new().await;
    book(&stage, 1, hours(2)).await;
    run(&stage.app, cancel("ivy")).await.unwrap();
    change(&stage, "ivy", |ivy| (ivy.locked, ivy.locked_until) = (true, Some(noon()))).await;
    run(&stage.app, cancel("ivy")).await.unwrap();
    assert!(stage.booking_of(id(1)).await.is_scheduled(), "the lock has run out");
}

#[tokio::test]
async fn who_is_let_in_while_a_booking_is_being_cancelled_keeps_it() {
    let stage = Stage::new().await;
    let (app, faults) = troubled(&stage).await;
    book(&stage, 1, hours(2)).await;
    change(&stage, "ivy", |ivy| ivy.banned = true).await;
    let mut held = faults.hold_next_write();
    let back = async {
        held.reached().await;
        change(&stage, "ivy", |ivy| ivy.banned = false).await;
        held.release();
    };
    let (outcome, ()) = tokio::join!(run(&app, cancel("ivy")), back);
    outcome.unwrap();
    assert!(stage.booking_of(id(1)).await.is_scheduled());
    assert_eq!(stage.balances("cara").await, (100 - PRICE, PRICE, 0));
}

#[tokio::test]
async fn a_lock_is_lifted_when_its_time_is_over_and_who_interviews_is_listed_again() {
    let stage = Stage::new().await;
    let ivy = "ivy".parse().unwrap();
    let lift = || Effect::LiftLock { user_id: "ivy".parse().unwrap(), cause: "c".to_owned() };
    let listed = async || store::directory::get(&stage.app.table, &ivy).await.unwrap().is_some();
    change(&stage, "ivy", |ivy| (ivy.locked, ivy.locked_until) = (true, Some(hours(1)))).await;
    assert!(!listed().await);
    let failure = run(&stage.app, lift()).await.unwrap_err();
    assert_eq!(failure.again, Again::After(Duration::from_secs(3601)));
    assert!(!listed().await);
    stage.app.clock.advance(SignedDuration::from_secs(3601));
    for _ in 0..2 {
        run(&stage.app, lift()).await.unwrap();
        assert!(listed().await);
    }
    change(&stage, "ivy", |ivy| ivy.locked = true).await;
    run(&stage.app, lift()).await.unwrap();
    assert!(!listed().await, "a lock without an end is lifted by Clerk's word alone");
}
