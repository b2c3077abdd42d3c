use domain::attendance::Told;
use domain::booking::{Applied, Booking, CancelCode, CancelledBy, State};
use domain::party::Party;
use domain::settlement::SettlementReason;
use jiff::SignedDuration;
use kit::worker::ReceivedMessage;
use serde_json::{Value, json};
use simulators::{Fault, PlayRequest};
use store::outbox::{self, Effect, Message};
use store::{Item, Tx, due, keys};
use testing::noon;

use super::sweep_bookings;
use crate::run_settlement::run_settlement;
use crate::settlement::ask_stream::ask_stream;
use crate::stage::{PRICE, Stage, booking_id, cid};

/// Moves the clock to so many minutes after the booking's start, sweeps, and works off what was sent.
async fn sweep_at(stage: &Stage, minute: i64) -> Value {
    let told = only_sweep_at(stage, minute).await;
    for message in sent(stage).await {
        run_settlement(stage.app.clone(), ReceivedMessage { message: message.clone(), receive_count: 1 })
            .await
            .unwrap();
        outbox::mark_relayed(&stage.app.table, &message.outbox_id, stage.app.now()).await.unwrap();
    }
    told
}

async fn only_sweep_at(stage: &Stage, minute: i64) -> Value {
    stage.app.clock.set(noon() + SignedDuration::from_mins(minute));
    sweep_bookings(stage.app.clone(), Value::Null).await.unwrap()
}

/// The messages that wait for the worker.
async fn sent(stage: &Stage) -> Vec<Message> {
    let before = stage.app.now() + SignedDuration::from_hours(1);
    let rows = outbox::waiting(&stage.app.table, before, 100, None).await.unwrap().rows;
    let rows = rows.iter().filter(|row| row.queue == "settlement");
    rows.map(|row| serde_json::from_str(&row.message).unwrap()).collect()
}

fn counts(sent: u64, left: u64, set_aside: u64) -> Value {
    json!({ "sent": sent, "left": left, "setAside": set_aside })
}

#[tokio::test]
async fn what_is_due_is_sent_once_however_long_it_waits_and_settled_once_however_often_it_comes() {
    let stage = Stage::new().await;
    stage.booked(false).await;
    for party in [Party::Interviewee, Party::Interviewer] {
        was_there(&stage, party, 0, 50).await;
    }
    assert_eq!(only_sweep_at(&stage, 119).await, counts(0, 0, 0));
    assert_eq!(only_sweep_at(&stage, 120).await, counts(1, 0, 0));
    for minute in [125, 130, 3000] {
        assert_eq!(only_sweep_at(&stage, minute).await, counts(0, 1, 0));
    }
    let [message] = &*sent(&stage).await else { panic!("it was sent once") };
    let due_at = noon() + SignedDuration::from_hours(2);
    let expected = Effect::SettleBooking { booking_id: booking_id(), due_at, aside_since: None };
    assert_eq!((&message.effect, &*message.outbox_id), (&expected, &*expected.outbox_id()));
    for receive_count in 1..4 {
        run_settlement(stage.app.clone(), ReceivedMessage { message: message.clone(), receive_count }).await.unwrap();
        assert_eq!(reason(&stage).await, Some(SettlementReason::SessionHeld));
        assert_eq!(stage.balances("ivy").await, (0, 0, PRICE));
    }
    assert_eq!(only_sweep_at(&stage, 3005).await, counts(0, 0, 0));
}

#[tokio::test]
async fn a_booking_that_is_put_off_within_its_hour_is_sent_again() {
    let stage = Stage::new().await;
    stage.booked(false).await;
    stage.stream.fail(Fault { status: 503, times: 1, ..Fault::default() });
    was_there(&stage, Party::Interviewee, 0, 30).await;
    assert_eq!(sweep_at(&stage, 120).await, counts(1, 0, 0));
    assert_eq!(due_at(&stage).await, Some(135));
    assert_eq!(sweep_at(&stage, 134).await, counts(0, 0, 0), "not sent before its time");
    assert_eq!(sweep_at(&stage, 135).await, counts(1, 0, 0));
    assert_eq!(reason(&stage).await, Some(SettlementReason::InterviewerNoShow));
}

async fn was_there(stage: &Stage, party: Party, from: i64, to: i64) {
    let at = |minute| Some(noon() + SignedDuration::from_mins(minute));
    let told = Told {
        session_id: "s".into(),
        party,
        connection: format!("{party:?}"),
        joined_at: at(from),
        left_at: at(to),
        duration_seconds: None,
    };
    let mut tx = Tx::new();
    store::attendance::write_told(&mut tx, booking_id(), &told).unwrap();
    tx.commit(&stage.app.table).await.unwrap();
}

async fn reason(stage: &Stage) -> Option<SettlementReason> {
    match stage.booking().await.state {
        State::Scheduled { .. } => None,
        State::Completed { settlement, .. } | State::Cancelled { settlement, .. } => settlement.reason.known(),
    }
}

#[tokio::test]
async fn a_held_session_is_paid_an_hour_after_its_end_and_once() {
    let stage = Stage::new().await;
    stage.booked(false).await;
    was_there(&stage, Party::Interviewee, 0, 50).await;
    was_there(&stage, Party::Interviewer, 0, 50).await;
    sweep_at(&stage, 119).await;
    assert_eq!(reason(&stage).await, None);
    assert_eq!(sweep_at(&stage, 120).await, counts(1, 0, 0));
    assert_eq!(reason(&stage).await, Some(SettlementReason::SessionHeld));
    assert_eq!(stage.booking().await.time_in_call.map(|time| time.together_seconds), Some(50 * 60));
    for minute in [121, 180, 2000] {
        assert_eq!(sweep_at(&stage, minute).await, counts(0, 0, 0));
    }
    assert_eq!(stage.balances("cara").await, (100 - PRICE, 0, 0));
    assert_eq!(stage.balances("ivy").await, (0, 0, PRICE));
}

#[tokio::test]
async fn who_stays_away_pays_or_is_not_paid() {
    for (party, to, expected, earned) in [
        (Party::Interviewee, 30, SettlementReason::InterviewerNoShow, 0),
        (Party::Interviewer, 30, SettlementReason::CandidateNoShow, PRICE),
    ] {
        let stage = Stage::new().await;
        stage.booked(false).await;
        was_there(&stage, party, 0, to).await;
        sweep_at(&stage, 120).await;
        assert_eq!(reason(&stage).await, Some(expected));
        assert_eq!(stage.balances("ivy").await, (0, 0, earned));
        assert_eq!(stage.balances("cara").await.1, 0);
    }
}

#[tokio::test]
async fn where_nobody_was_seen_a_day_is_waited_for_somebodys_word() {
    for (claimed, expected) in
        [(true, SettlementReason::ConfirmedByInterviewer), (false, SettlementReason::NotConfirmed)]
    {
        let stage = Stage::new().await;
        stage.booked(false).await;
        if claimed {
            stage
                .change(|mut booking| {
                    let completion_requested_at = Some(booking.end_time);
                    booking.state = State::Scheduled { completion_requested_at, objection: None };
                    booking
                })
                .await;
        }
        sweep_at(&stage, 120).await;
        sweep_at(&stage, 25 * 60 - 1).await;
        assert_eq!(reason(&stage).await, None);
        sweep_at(&stage, 25 * 60).await;
        assert_eq!(reason(&stage).await, Some(expected));
    }
}

#[tokio::test]
async fn a_release_by_the_sweep_says_so_frees_the_time_and_ends_the_call() {
    let stage = Stage::new().await;
    stage.booked(false).await;
    was_there(&stage, Party::Interviewee, 0, 30).await;
    sweep_at(&stage, 120).await;
    let State::Cancelled { cancellation, .. } = stage.booking().await.state else { panic!("it is released") };
    assert_eq!((cancellation.by, cancellation.code), (CancelledBy::System, Some(CancelCode::InterviewerNoShow.into())));
    assert_eq!(stage.balances("cara").await, (100, 0, 0));
    assert_eq!(stage.waiting().await, [format!("end_call:{}", booking_id())]);
}

#[tokio::test]
async fn an_objection_is_decided_by_what_stream_knows_an_hour_after_the_end() {
    let objected = |mut booking: Booking| {
        let objection = Some(domain::booking::Objection { reason: "nobody came".into(), at: booking.end_time });
        booking.state = State::Scheduled { completion_requested_at: None, objection };
        booking
    };
    let stage = Stage::new().await;
    stage.booked(false).await;
    stage.change(objected).await;
    stage.stream.fail(Fault { status: 503, times: 1, ..Fault::default() });
    assert_eq!(sweep_at(&stage, 120).await, counts(1, 0, 0));
    assert_eq!(reason(&stage).await, None);
    sweep_at(&stage, 135).await;
    let State::Cancelled { cancellation, settlement } = stage.booking().await.state else { panic!("it is released") };
    assert_eq!(settlement.reason, SettlementReason::DidNotTakePlace);
    assert_eq!((cancellation.by, cancellation.reason.as_str()), (CancelledBy::Interviewee, "nobody came"));
    assert_eq!(stage.balances("cara").await, (100, 0, 0));

    // The webhooks of a session that was held may be late, or lost.
    let stage = unheard_of_session().await;
    stage.change(objected).await;
    sweep_at(&stage, 120).await;
    assert_eq!(reason(&stage).await, Some(SettlementReason::SessionHeld));
}

#[tokio::test]
async fn an_outage_of_stream_keeps_nobody_waiting_who_was_there() {
    for (candidate, expected) in [(true, SettlementReason::SessionHeld), (false, SettlementReason::CandidateNoShow)] {
        let stage = Stage::new().await;
        stage.booked(false).await;
        was_there(&stage, Party::Interviewer, 0, 50).await;
        if candidate {
            was_there(&stage, Party::Interviewee, 0, 50).await;
        }
        stage.stream.fail(Fault { status: 503, times: 9, ..Fault::default() });
        sweep_at(&stage, 120).await;
        assert_eq!(reason(&stage).await, Some(expected));
    }
}

#[tokio::test]
async fn nothing_is_released_while_stream_cannot_be_asked() {
    let stage = Stage::new().await;
    stage.booked(false).await;
    stage.stream.fail(Fault { status: 503, times: 1, ..Fault::default() });
    sweep_at(&stage, 25 * 60).await;
    assert_eq!(reason(&stage).await, None);
    sweep_at(&stage, 25 * 60 + 15).await;
    assert_eq!(reason(&stage).await, Some(SettlementReason::NotConfirmed));
}

/// A session that was recorded at Stream, and none of whose webhooks arrived: there is no address to send them to.
async fn unheard_of_session() -> Stage {
    let stage = Stage::new().await;
    let booking = stage.booked(true).await;
    let create = crate::stage::received(Effect::CreateCall { booking_id: booking_id() });
    crate::run_stream::run_stream(stage.app.clone(), create).await.unwrap();
    let matching = Effect::MatchRecording { booking_id: booking_id(), cause: "test".into() };
    crate::run_stream::run_stream(stage.app.clone(), crate::stage::received(matching)).await.unwrap();
    let id = booking.booking_id.to_string();
    let how = PlayRequest { transcript: Some("weak-javascript-20min".into()), ..PlayRequest::default() };
    stage.stream.play("default", &id, how).await.unwrap();
    assert!(stage.stream.call("default", &id).is_some(), "{}", cid());
    stage
}

async fn files_are_sent_for(stage: &Stage) -> bool {
    let waiting = stage.waiting().await;
    ["copy_transcript:", "copy_recording:"].iter().all(|kind| waiting.iter().any(|id| id.starts_with(kind)))
}

async fn due_at(stage: &Stage) -> Option<i64> {
    let minute = stage.booking().await.due_at.map(|at| at.duration_since(noon()).as_mins());
    if let Some(minute) = minute {
        let hour = noon() + SignedDuration::from_mins(minute / 60 * 60);
        assert_eq!(due::in_hour(&stage.app.table, hour).await.unwrap()[0].booking(), Some(booking_id()));
    }
    minute
}

#[tokio::test]
async fn a_paid_session_gets_its_files_although_every_event_was_lost() {
    let stage = unheard_of_session().await;
    let just_after = noon() + SignedDuration::from_mins(61);
    let paid = |booking: Booking| match booking.complete_by_feedback(just_after) {
        Ok(Applied::Now((paid, _))) => paid,
        other => panic!("{other:?}"),
    };
    stage.change(paid).await;
    assert_eq!(due_at(&stage).await, Some(120));
    let before = (stage.balances("cara").await, stage.balances("ivy").await);
    sweep_at(&stage, 119).await;
    assert!(!files_are_sent_for(&stage).await, "too early to ask");
    stage.stream.fail(Fault { status: 503, times: 1, ..Fault::default() });
    sweep_at(&stage, 120).await;
    assert!(!files_are_sent_for(&stage).await, "Stream cannot be asked");
    assert_eq!(due_at(&stage).await, Some(135));
    sweep_at(&stage, 135).await;
    assert!(files_are_sent_for(&stage).await);
    // There is no feedback yet, so it is looked at once more, a day after the end, and then no more.
    assert_eq!(due_at(&stage).await, Some(25 * 60));
    sweep_at(&stage, 25 * 60).await;
    assert_eq!(due_at(&stage).await, None);
    assert_eq!((stage.balances("cara").await, stage.balances("ivy").await), before, "looking moves nothing");
}

#[tokio::test]
async fn what_never_reached_us_is_asked_for_before_anything_is_given_back() {
    let stage = unheard_of_session().await;
    sweep_at(&stage, 120).await;
    assert_eq!(reason(&stage).await, Some(SettlementReason::SessionHeld));
    assert!(files_are_sent_for(&stage).await);
}

/// The worker stops after it has stored what Stream alone knew, and before it has decided.
#[tokio::test]
async fn what_a_worker_stored_before_it_stopped_is_news_to_the_next() {
    for stops in [false, true] {
        let stage = Stage::new().await;
        let booking = stage.booked(false).await;
        let create = crate::stage::received(Effect::CreateCall { booking_id: booking_id() });
        crate::run_stream::run_stream(stage.app.clone(), create).await.unwrap();
        let at = |minute| Some(noon() + SignedDuration::from_mins(minute));
        stage.stream.join(&cid(), "cara", at(1)).await.unwrap();
        stage.stream.leave(&cid(), "cara", at(20)).await.unwrap();
        stage.stream.end_session(&cid(), at(21)).await.unwrap();
        stage.app.clock.set(noon() + SignedDuration::from_mins(120));
        if stops {
            ask_stream(&stage.app, &booking).await.unwrap();
            stage.app.clock.set(noon() + SignedDuration::from_mins(121));
        }
        let minute = if stops { 121 } else { 120 };
        assert_eq!(sweep_at(&stage, minute).await, counts(1, 0, 0));
        assert_eq!((reason(&stage).await, due_at(&stage).await), (None, Some(minute + 60)), "the rest is waited for");
        assert_eq!(sweep_at(&stage, minute + 60).await, counts(1, 0, 0));
        assert_eq!(reason(&stage).await, Some(SettlementReason::InterviewerNoShow), "once");
    }
}

#[tokio::test]
async fn a_row_that_its_booking_left_behind_is_removed() {
    let stage = Stage::new().await;
    let due_at = stage.booked(false).await.due_at.unwrap();
    stage.cancel().await;
    let mut tx = Tx::new();
    let pointer = json!({ "bookingId": booking_id() });
    tx.put(Item::new(keys::due(due_at, booking_id()), "Due", &pointer).unwrap());
    tx.commit(&stage.app.table).await.unwrap();
    sweep_at(&stage, 180).await;
    assert!(due::in_hour(&stage.app.table, due_at).await.unwrap().is_empty());
}

/// Writes an item as it would never come to be.
async fn spoil(stage: &Stage, key: store::Key, body: &Value) {
    let mut tx = Tx::new();
    tx.put(Item::new(key, "Spoilt", body).unwrap());
    tx.commit(&stage.app.table).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_settled_lies_aside_and_keeps_nobody_waiting_until_it_is_mended() {
    let stage = Stage::new().await;
    let booking = stage.booked(false).await;
    was_there(&stage, Party::Interviewee, 0, 50).await;
    was_there(&stage, Party::Interviewer, 0, 50).await;
    // One booking that cannot be read, and one row that is of no booking, both due more than 400 hours before.
    let hours = |n| noon() - SignedDuration::from_hours(n);
    let garbage = domain::ids::BookingId::new(ulid::Ulid::from_parts(1, 1));
    spoil(&stage, keys::booking(garbage), &json!({ "bookingId": 7, "version": 1 })).await;
    spoil(&stage, keys::due(hours(401), garbage), &json!({ "bookingId": garbage })).await;
    spoil(&stage, keys::due_row(hours(402), "nonsense"), &json!({ "bookingId": [] })).await;
    let position = store::sweep::Position { hour: hours(402), reached: None };
    store::sweep::write_position(&stage.app.table, position).await.unwrap();

    assert_eq!(sweep_at(&stage, 120).await, counts(2, 0, 1));
    assert_eq!(reason(&stage).await, Some(SettlementReason::SessionHeld));
    assert_eq!(sweep_at(&stage, 125).await, counts(0, 0, 2));
    let reached = store::sweep::position(&stage.app.table).await.unwrap().unwrap();
    assert_eq!((reached.hour, reached.reached), (noon() + SignedDuration::from_hours(2), None));

    // It is mended, and an operator lets it be tried again; the other one still makes no sense.
    let (cara, ivy) = ("cara".parse().unwrap(), "ivy".parse().unwrap());
    let times = (hours(403), hours(402));
    let (other, hold) = Booking::schedule(garbage, &cara, &ivy, times, PRICE, hours(500));
    let items = stage.app.table.batch_get(&[keys::wallet(&cara, domain::money::Asset::Credit)]).await.unwrap();
    let mut wallet = store::wallet::wallet(&items, &cara, domain::money::Asset::Credit).unwrap();
    let mut tx = Tx::new();
    let new_id = || domain::ids::TransactionId::new(stage.app.ids.unique(noon()));
    store::wallet::write_transfer(&mut tx, &hold, &mut [&mut wallet], new_id).unwrap();
    tx.commit(&stage.app.table).await.unwrap();
    assert_eq!(other.due_at, Some(hours(401)));
    spoil(&stage, keys::booking(garbage), &serde_json::to_value(Booking { version: 1, ..other }).unwrap()).await;
    for (hour, sort) in [(hours(401), garbage.to_string()), (hours(402), "nonsense".to_owned())] {
        let aside = due::SetAside { hour, sort, why: "it".into(), at: noon(), again: true };
        spoil(&stage, keys::set_aside(hour, &aside.sort), &serde_json::to_value(&aside).unwrap()).await;
    }
    assert_eq!(sweep_at(&stage, 130).await, counts(1, 0, 2), "one is sent, and lies there until it is settled");
    assert_eq!(sweep_at(&stage, 131).await, counts(0, 0, 1));
    assert!(stage.booking_of(garbage).await.is_cancelled(), "nobody was seen");
    assert_eq!(due::aside(&stage.app.table).await.unwrap(), (1, vec![]));
    assert_eq!(stage.booking_of(booking.booking_id).await.due_at, None);
}

/// Each in a way of its own no booking of ours: none comes back, none keeps the hour, all lie aside.
#[tokio::test]
async fn whatever_is_wrong_with_what_is_stored_of_a_booking_it_goes_aside_at_once() {
    let stage = Stage::new().await;
    let like = serde_json::to_value(stage.booked(false).await).unwrap();
    was_there(&stage, Party::Interviewee, 0, 50).await;
    was_there(&stage, Party::Interviewer, 0, 50).await;
    let due_at = noon() + SignedDuration::from_hours(2);
    let wrong = [
        json!({ "startTime": "2026-11-20T12:07:00Z" }),
        json!({ "endTime": "2026-11-20T12:00:00Z" }),
        json!({ "startTime": "9999-12-30T22:00:00Z", "endTime": "9999-12-30T22:00:00Z" }),
        json!({ "createdAt": "-009999-01-02T01:59:59Z" }),
        json!({ "intervieweeId": null }),
        json!({ "status": "POSTPONED" }),
        json!({}),
    ];
    for (number, wrong) in (2..).zip(&wrong) {
        let id = domain::ids::BookingId::new(ulid::Ulid::from_parts(1, number));
        let mut body = like.clone();
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        body["bookingId"] = json!(id);
        spoil(&stage, keys::booking(id), &body).await;
        spoil(&stage, keys::due(due_at, id), &json!({ "bookingId": id, "dueAt": due_at })).await;
        if *wrong == json!({}) {
            // All is well with this one, but with what was told of its call.
            spoil(&stage, keys::visit(id, "1"), &json!({ "entity": "Told", "sessionId": 1 })).await;
        }
    }
    assert_eq!(sweep_at(&stage, 120).await, counts(8, 0, 0));
    assert_eq!(reason(&stage).await, Some(SettlementReason::SessionHeld));
    assert_eq!(sweep_at(&stage, 125).await, counts(0, 0, 7));
    assert!(due::in_hour(&stage.app.table, due_at).await.unwrap().is_empty());
}

/// What is wrong with what is deployed is not wrong with any booking.
#[tokio::test]
async fn a_function_that_may_not_use_the_table_sets_nothing_aside() {
    let stage = Stage::new().await;
    stage.booked(false).await;
    assert_eq!(only_sweep_at(&stage, 120).await, counts(1, 0, 0));
    let [message] = &*sent(&stage).await else { panic!("it was sent") };
    let mut app = stage.app.clone();
    app.table = store::Table::new(kit::aws::Aws::at(&stage.world.endpoint).dynamodb(), "another-table");
    let refused =
        run_settlement(app, ReceivedMessage { message: message.clone(), receive_count: 1 }).await.unwrap_err();
    assert!(refused.error.is_internal(), "it fails, so that the version is taken back");
    assert_eq!(due::aside(&stage.app.table).await.unwrap().0, 0);
}

#[tokio::test]
async fn a_wallet_that_does_not_hold_the_price_is_no_rival() {
    let stage = Stage::new().await;
    stage.booked(false).await;
    was_there(&stage, Party::Interviewee, 0, 50).await;
    was_there(&stage, Party::Interviewer, 0, 50).await;
    let cara = "cara".parse().unwrap();
    let key = keys::wallet(&cara, domain::money::Asset::Credit);
    let items = stage.app.table.batch_get(std::slice::from_ref(&key)).await.unwrap();
    let mut wallet = store::wallet::wallet(&items, &cara, domain::money::Asset::Credit).unwrap();
    wallet.held = PRICE - 1;
    spoil(&stage, key, &serde_json::to_value(&wallet).unwrap()).await;
    assert_eq!(sweep_at(&stage, 120).await, counts(1, 0, 0));
    assert_eq!(sweep_at(&stage, 125).await, counts(0, 0, 1));
    let why: Value = stage
        .app
        .table
        .get(&keys::set_aside(noon() + SignedDuration::from_hours(2), &booking_id().to_string()))
        .await
        .unwrap()
        .unwrap();
    assert!(why["why"].as_str().unwrap().contains(&booking_id().to_string()), "{why}");
}

#[tokio::test]
async fn a_run_that_ended_for_want_of_time_is_gone_on_with_where_it_stopped() {
    let stage = Stage::new().await;
    stage.booked(false).await;
    let hours = |n| noon() + SignedDuration::from_hours(n);
    let position = store::sweep::Position { hour: hours(-9), reached: Some(hours(2)) };
    store::sweep::write_position(&stage.app.table, position).await.unwrap();
    sweep_at(&stage, 25 * 60).await;
    assert_eq!(reason(&stage).await, Some(SettlementReason::NotConfirmed));
    let left = store::sweep::position(&stage.app.table).await.unwrap().unwrap();
    assert_eq!(left, store::sweep::Position { hour: hours(-9), reached: None }, "the old hours are next");
    sweep_at(&stage, 25 * 60).await;
    let left = store::sweep::position(&stage.app.table).await.unwrap().unwrap();
    assert_eq!(left.hour, hours(25));
}
