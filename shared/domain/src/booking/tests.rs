use super::*;
use crate::attendance::Finding;
use crate::attendance::Visit;
use crate::consent::CONSENT_VERSION;
use crate::ledger::TransferKind;
use crate::settlement::SettlementReason;
use ulid::Ulid;

fn at(minute: i64) -> Timestamp {
    "2026-11-20T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

fn booking() -> Booking {
    let (cara, ivy) = ("cara".parse().unwrap(), "ivy".parse().unwrap());
    Booking::schedule(BookingId::new(Ulid(1)), &cara, &ivy, (at(0), at(60)), 30, at(-1000)).0
}

fn seen(stays: &[(Party, i64, i64)]) -> Attendance {
    let visit = |(party, from, to): &(Party, i64, i64)| Visit::new("s", *party, Some(at(*from)), Some(at(*to)));
    Attendance { visits: stays.iter().map(visit).collect(), sessions: Vec::new() }
}

const BOTH: [(Party, i64, i64); 2] = [(Party::Interviewee, 0, 55), (Party::Interviewer, 0, 55)];
/// Stream was asked, and knew what we know.
const HEARD: Asked = Asked::NothingNew;
const NOBODY: [(Party, i64, i64); 0] = [];

fn cancel(
    booking: &Booking,
    party: Party,
    code: Option<CancelCode>,
    stays: &[(Party, i64, i64)],
    minute: i64,
) -> Result<Applied<Cancelling>, BookingError> {
    booking.cancel(party, "it rains".into(), code, &seen(stays), at(minute))
}

fn released(cancelling: Result<Applied<Cancelling>, BookingError>) -> (Booking, Transfer) {
    match now(cancelling) {
        Cancelling::Released(booking, transfer) => (booking, transfer),
        Cancelling::Remembered(_) => panic!("it is only remembered"),
    }
}

fn object(booking: &Booking, attendance: &Attendance, minute: i64) -> Result<Booking, BookingError> {
    let code = Some(CancelCode::DidNotTakePlace);
    match booking.cancel(Party::Interviewee, "nobody came".into(), code, attendance, at(minute))? {
        Applied::Now(Cancelling::Remembered(booking)) => Ok(booking),
        Applied::Now(Cancelling::Released(..)) => panic!("no objection is more certain than the sweep"),
        Applied::Already => Ok(booking.clone()),
    }
}

fn now<T>(applied: Result<Applied<T>, BookingError>) -> T {
    match applied.unwrap() {
        Applied::Now(x) => x,
        Applied::Already => panic!("it had happened before"),
    }
}

#[test]
fn either_party_cancels_before_the_start_and_the_price_is_released() {
    for party in [Party::Interviewee, Party::Interviewer] {
        let (cancelled, transfer) = released(cancel(&booking(), party, None, &NOBODY, -1));
        assert_eq!((transfer.kind, transfer.amount), (TransferKind::BookingRelease, 30));
        assert_eq!(cancel(&cancelled, party, None, &NOBODY, -1), Ok(Applied::Already));
        let other = if party == Party::Interviewee { Party::Interviewer } else { Party::Interviewee };
        assert!(cancel(&cancelled, other, None, &NOBODY, -1).is_err());
    }
}

#[test]
fn nobody_cancels_between_start_and_end() {
    for minute in [0, 30, 59] {
        assert!(cancel(&booking(), Party::Interviewee, None, &NOBODY, minute).is_err());
        let code = Some(CancelCode::DidNotTakePlace);
        assert!(cancel(&booking(), Party::Interviewee, code, &NOBODY, minute).is_err());
    }
}

#[test]
fn after_the_end_only_the_candidate_objects_and_only_where_attendance_leaves_room() {
    let code = Some(CancelCode::DidNotTakePlace);
    let objected = object(&booking(), &seen(&NOBODY), 60).unwrap();
    assert!(objected.is_scheduled(), "facts may be late");
    assert_eq!(cancel(&objected, Party::Interviewee, code, &NOBODY, 61), Ok(Applied::Already));
    let Sweep::Release(cancelled, transfer) = objected.sweep(&seen(&NOBODY), Asked::NothingNew, at(120)) else {
        panic!("Stream knows of nobody either")
    };
    assert_eq!(transfer.kind, TransferKind::BookingRelease);
    let State::Cancelled { cancellation, settlement } = &cancelled.state else { panic!("it is cancelled") };
    assert_eq!(settlement.reason, SettlementReason::DidNotTakePlace);
    assert_eq!((cancellation.by, cancellation.code.clone()), (CancelledBy::Interviewee, code.map(Word::from)));
    assert_eq!(cancellation.reason, "nobody came");
    assert!(cancel(&booking(), Party::Interviewee, None, &NOBODY, 60).is_err());
    assert!(cancel(&booking(), Party::Interviewer, code, &NOBODY, 60).is_err());
    assert!(cancel(&booking(), Party::Interviewee, code, &BOTH, 60).is_err());
    assert!(cancel(&booking(), Party::Interviewee, code, &[(Party::Interviewer, 0, 20)], 60).is_err());
}

#[test]
fn complete_follows_the_click_column_of_the_settlement_table() {
    assert_eq!(booking().complete(&seen(&BOTH), at(59)), Err(BookingError::NotEnded(at(60))));
    let Completion::Captured(done, transfer) = now(booking().complete(&seen(&BOTH), at(60))) else {
        panic!("a held session is captured")
    };
    assert_eq!((transfer.kind, transfer.amount), (TransferKind::BookingCapture, 30));
    assert_eq!(done.complete(&seen(&BOTH), at(61)), Ok(Applied::Already));
    for stays in [vec![(Party::Interviewee, 0, 30)], vec![(Party::Interviewer, 0, 20)]] {
        assert!(matches!(booking().complete(&seen(&stays), at(60)), Err(BookingError::NotHeld(_))));
    }
    let Completion::Remembered(waiting) = now(booking().complete(&seen(&NOBODY), at(60))) else {
        panic!("nobody was seen, so the word is only remembered")
    };
    assert!(waiting.is_scheduled());
    assert_eq!(waiting.complete(&seen(&NOBODY), at(61)), Ok(Applied::Already));
}

#[test]
fn a_complete_feedback_pays_once_and_never_for_a_cancelled_booking() {
    let (done, transfer) = now(booking().complete_by_feedback(at(20)));
    assert_eq!(transfer.kind, TransferKind::BookingCapture);
    assert_eq!(done.complete_by_feedback(at(21)), Ok(Applied::Already));
    let (cancelled, _) = released(cancel(&booking(), Party::Interviewee, None, &NOBODY, -1));
    assert_eq!(cancelled.complete_by_feedback(at(20)), Err(BookingError::Cancelled));
}

#[test]
fn the_door_is_open_from_ten_minutes_before_to_thirty_after() {
    for (minute, open) in [(-11, false), (-10, true), (60, true), (89, true), (90, false)] {
        assert_eq!(booking().check_door(at(minute)).is_ok(), open, "at minute {minute}");
    }
}

#[test]
fn a_review_comes_once_and_after_completion() {
    assert_eq!(booking().review(), Err(BookingError::NotCompleted));
    let (done, _) = now(booking().complete_by_feedback(at(20)));
    let reviewed = done.review().unwrap();
    assert_eq!(reviewed.review(), Err(BookingError::AlreadyReviewed));
}

#[test]
fn the_sweep_follows_its_column_of_the_settlement_table() {
    use Party::{Interviewee as C, Interviewer as I};
    let reason = |sweep: &Sweep| match sweep {
        Sweep::Capture(Booking { state: State::Completed { settlement, .. }, .. }, transfer) => {
            assert_eq!(transfer.kind, TransferKind::BookingCapture);
            settlement.reason.known()
        }
        Sweep::Release(Booking { state: State::Cancelled { settlement, cancellation }, .. }, transfer) => {
            assert_eq!((transfer.kind, cancellation.by), (TransferKind::BookingRelease, CancelledBy::System));
            settlement.reason.known()
        }
        Sweep::Wait(_) => None,
        other => panic!("{other:?}"),
    };
    let hour = 60;
    for (stays, after_an_hour, after_a_day) in [
        (BOTH.to_vec(), Some(SettlementReason::SessionHeld), Some(SettlementReason::SessionHeld)),
        (vec![(C, 0, 30)], Some(SettlementReason::InterviewerNoShow), Some(SettlementReason::InterviewerNoShow)),
        (vec![(I, 0, 20)], Some(SettlementReason::CandidateNoShow), Some(SettlementReason::CandidateNoShow)),
        (vec![], None, Some(SettlementReason::NotConfirmed)),
        (vec![(C, 0, 30), (I, 30, 60)], None, Some(SettlementReason::NotConfirmed)),
    ] {
        assert_eq!(booking().sweep(&seen(&stays), HEARD, at(2 * hour - 1)), Sweep::Wait(at(2 * hour)), "{stays:?}");
        assert_eq!(reason(&booking().sweep(&seen(&stays), HEARD, at(2 * hour))), after_an_hour, "{stays:?}");
        assert_eq!(reason(&booking().sweep(&seen(&stays), HEARD, at(25 * hour))), after_a_day, "{stays:?}");
    }
    let Completion::Remembered(claimed) = now(booking().complete(&seen(&NOBODY), at(hour))) else {
        panic!("nobody was seen")
    };
    assert_eq!(claimed.sweep(&seen(&NOBODY), HEARD, at(25 * hour - 1)), Sweep::Wait(at(25 * hour)));
    let settled = claimed.sweep(&seen(&NOBODY), HEARD, at(25 * hour));
    assert_eq!(reason(&settled), Some(SettlementReason::ConfirmedByInterviewer));
    let (done, _) = now(booking().complete_by_feedback(at(20)));
    assert_eq!(done.sweep(&seen(&NOBODY), HEARD, at(25 * hour)), Sweep::LookAfter(None));
}

#[test]
fn a_paid_session_is_looked_after_until_it_is_judged_or_a_day_is_over() {
    let mut agreed = booking();
    for party in [Party::Interviewee, Party::Interviewer] {
        agreed.consents.say(party, CONSENT_VERSION, true, at(0)).unwrap();
    }
    let paid = |booking: &Booking, minute| match now(booking.complete(&seen(&BOTH), at(minute))) {
        Completion::Captured(done, _) => done,
        Completion::Remembered(_) => panic!("they were together"),
    };
    let (first, last) = (at(2 * 60), at(25 * 60));
    let looks = |booking: &Booking, minute| booking.sweep(&seen(&BOTH), HEARD, at(minute));
    let done = paid(&agreed, 61);
    assert_eq!(done.due_at, Some(first), "the row that the booking had stays as it is");
    assert_eq!(looks(&done, 119), Sweep::LookAfter(Some(first)));
    assert_eq!(looks(&done, 120), Sweep::LookAfter(Some(last)));
    assert_eq!(looks(&done, 25 * 60), Sweep::LookAfter(None));
    let judged = Booking { feedback: Some(FeedbackState::Complete), ..done };
    assert_eq!(looks(&judged, 120), Sweep::LookAfter(None));
    let Sweep::Capture(swept, _) = agreed.sweep(&seen(&BOTH), HEARD, first) else { panic!("it is ripe") };
    assert_eq!(swept.due_at, Some(last), "the sweep has just looked");
    assert_eq!(paid(&booking(), 61).due_at, None, "nothing was recorded, so nothing can come");
}

#[test]
fn facts_that_come_after_the_settlement_change_nothing() {
    let Sweep::Release(released, _) = booking().sweep(&seen(&NOBODY), HEARD, at(25 * 60)) else { panic!("it is ripe") };
    assert_eq!(released.sweep(&seen(&BOTH), HEARD, at(26 * 60)), Sweep::Nothing);
    assert_eq!(released.complete(&seen(&BOTH), at(26 * 60)), Err(BookingError::Cancelled));
    assert_eq!(released.complete_by_feedback(at(26 * 60)), Err(BookingError::Cancelled));
}

#[test]
fn a_session_is_moved_at_most_twice_and_not_within_two_hours() {
    let times = |minute| (at(minute), at(minute + 60));
    let early = at(-1000);
    let once = booking().reschedule(times(600), early).unwrap();
    assert_eq!((once.start_time, once.due_at, once.credits_charged), (at(600), Some(at(720)), 30));
    let twice = once.reschedule(times(1200), early).unwrap();
    assert!(matches!(twice.reschedule(times(1800), early), Err(BookingError::NotReschedulable(_))));
    assert!(booking().reschedule(times(600), at(-120)).is_ok());
    assert!(matches!(booking().reschedule(times(600), at(-119)), Err(BookingError::NotReschedulable(_))));
    assert_eq!(booking().reschedule((at(600), at(630)), early), Err(BookingError::SlotUnavailable));
    let (done, _) = now(booking().complete_by_feedback(early));
    assert!(matches!(done.reschedule(times(600), early), Err(BookingError::NotReschedulable(_))));
}

#[test]
fn a_booking_survives_its_stored_form() {
    let (done, _) = now(booking().complete_by_feedback(at(20)));
    let (cancelled, _) = released(cancel(&booking(), Party::Interviewer, None, &NOBODY, -1));
    for original in [booking(), done, cancelled] {
        let text = serde_json::to_string(&original).unwrap();
        assert_eq!(serde_json::from_str::<Booking>(&text).unwrap(), original);
    }
}

/// What has not arrived may still arrive.
#[test]
fn neither_word_is_more_certain_than_the_sweep() {
    let open = |party, from| Visit::new("s", party, Some(at(from)), None);
    let both_there = vec![open(Party::Interviewee, 0), open(Party::Interviewer, 0)];
    let [candidate, interviewer] = BOTH.map(|stay| seen(&[stay]).visits.remove(0));
    let facts = |visits: Vec<Visit>| Attendance { visits, sessions: Vec::new() };
    for (attendance, why) in [
        (facts(vec![]), "no event has come"),
        (facts(both_there), "both seem to be there"),
        (facts(vec![candidate.clone(), open(Party::Interviewer, 0)]), "they may have left after a minute"),
        (facts(vec![interviewer, open(Party::Interviewee, 0)]), "the candidate may have left after a minute"),
        (facts(vec![open(Party::Interviewer, 0)]), "the interviewer may wait"),
        (facts(vec![open(Party::Interviewee, 0)]), "the interviewer's events may be late"),
    ] {
        let Ok(objected) = object(&booking(), &attendance, 61) else { panic!("{why}") };
        assert_eq!(objected.due_at, Some(at(120)), "{why}");
        assert_eq!(objected.sweep(&attendance, Asked::NotYet, at(120)), Sweep::Ask, "{why}");
        assert_eq!(objected.sweep(&attendance, Asked::InVain, at(120)), Sweep::Wait(at(135)), "{why}");
        let completion = booking().complete(&attendance, at(61));
        assert!(matches!(completion, Ok(Applied::Now(Completion::Remembered(_)))), "{why}");
        // What came in the meantime decides, whoever said what.
        for stream in [Asked::NotYet, Asked::NothingNew] {
            let Completion::Remembered(claimed) = now(objected.complete(&facts(vec![]), at(62))) else {
                panic!("{why}")
            };
            let paid = claimed.sweep(&seen(&BOTH), stream, at(120));
            assert!(matches!(paid, Sweep::Capture(..)), "{why}");
            assert!(matches!(claimed.sweep(&facts(vec![]), HEARD, at(120)), Sweep::Release(..)), "{why}");
        }
        assert_eq!(
            objected.sweep(&attendance, Asked::SomethingNew, at(121)).until(),
            held_or_later(&attendance),
            "{why}"
        );
    }
}

impl Sweep {
    fn until(&self) -> Option<Timestamp> {
        if let Self::Wait(until) = self { Some(*until) } else { None }
    }
}

/// An hour for the rest of the news, unless what is known now is enough to pay.
fn held_or_later(attendance: &Attendance) -> Option<Timestamp> {
    let finding = attendance.finding(at(0), at(60));
    (!matches!(finding, Finding::Held | Finding::CandidateNoShow)).then(|| at(181))
}

#[test]
fn an_objection_after_the_first_look_is_decided_within_minutes() {
    let Sweep::Wait(until) = booking().sweep(&seen(&NOBODY), HEARD, at(120)) else { panic!("nobody's word yet") };
    let waiting = Booking { due_at: Some(until), ..booking() };
    assert_eq!(object(&waiting, &seen(&NOBODY), 300).unwrap().due_at, Some(at(305)));
    let soon = Booking { due_at: Some(at(302)), ..booking() };
    assert_eq!(object(&soon, &seen(&NOBODY), 300).unwrap().due_at, Some(at(302)));
}

#[test]
fn stream_is_asked_only_where_the_decision_needs_it() {
    assert!(matches!(booking().sweep(&seen(&BOTH), Asked::NotYet, at(120)), Sweep::Capture(..)));
    for stays in [vec![], vec![(Party::Interviewee, 0, 30)], vec![(Party::Interviewer, 0, 20)]] {
        assert_eq!(booking().sweep(&seen(&stays), Asked::NotYet, at(120)), Sweep::Ask);
    }
    // Its outage keeps nobody from being paid.
    let waited = seen(&[(Party::Interviewer, 0, 20)]);
    assert!(matches!(booking().sweep(&waited, Asked::InVain, at(120)), Sweep::Capture(..)));
    let Completion::Remembered(claimed) = now(booking().complete(&seen(&NOBODY), at(60))) else { panic!() };
    assert!(matches!(claimed.sweep(&seen(&NOBODY), Asked::InVain, at(25 * 60)), Sweep::Capture(..)));
    for (stays, minute) in [(vec![(Party::Interviewee, 0, 30)], 120), (vec![], 120), (vec![], 25 * 60)] {
        let outcome = booking().sweep(&seen(&stays), Asked::InVain, at(minute));
        assert_eq!(outcome, Sweep::Wait(at(minute + 15)), "{stays:?}");
    }
}

#[test]
fn a_time_before_the_booking_or_beyond_all_bookings_is_no_fact() {
    let booking = booking();
    for (minute, possible) in [(-1000, true), (-1015, true), (-1016, false), (0, true), (60 + 24 * 60, true)] {
        assert_eq!(booking.is_possible(at(minute)), possible, "{minute}");
    }
    for impossible in ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2027-11-20T10:00:00Z", "9999-12-01T00:00:00Z"] {
        assert!(!booking.is_possible(impossible.parse().unwrap()), "{impossible}");
    }
}

#[test]
fn time_in_the_call_is_kept_once_it_is_over_and_certain() {
    let time = |booking: Booking| booking.time_in_call.map(|time| time.together_seconds);
    assert_eq!(time(booking().attended(&seen(&BOTH), at(59))), None);
    let kept = booking().attended(&seen(&BOTH), at(60));
    assert_eq!(time(kept.clone()), Some(55 * 60));
    let mut more = seen(&BOTH);
    more.visits.push(Visit::new("s", Party::Interviewer, Some(at(61)), None));
    assert_eq!(time(kept.clone().attended(&more, at(62))), Some(55 * 60), "what is open replaces nothing");
    more.visits.pop();
    more.visits.extend(seen(&[(Party::Interviewee, 61, 64), (Party::Interviewer, 61, 65)]).visits);
    assert_eq!(time(kept.attended(&more, at(120))), Some(58 * 60));
}

#[test]
fn it_says_how_often_it_may_still_be_moved() {
    for moved in 0..=3 {
        let booking = Booking { reschedules: moved, ..booking() };
        for minute in [-600, -121, -120, -119, 0, 61] {
            let left = booking.reschedules_left(at(minute));
            assert_eq!(left > 0, booking.check_reschedulable(at(minute)).is_ok(), "{moved} times, minute {minute}");
            assert!(left == 0 || left == RESCHEDULES_AT_MOST - moved);
        }
    }
}
