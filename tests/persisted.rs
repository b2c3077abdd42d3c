//! Every word of a closed list that is stored or queued, as it is spelled. What is stored is read by older and newer versions than
//! the one that wrote it: a word may be added here, once every reader bears it, and never changed or removed (DECISIONS.md,
//! "Versions side by side").

use domain::availability::{RuleKind, Weekday};
use domain::booking::{CancelCode, CancelledBy, FeedbackState, State};
use domain::feedback::{FeedbackStatus, Recommendation};
use domain::ledger::{Balance, TransactionType, TransferKind};
use domain::money::Asset;
use domain::party::Party;
use domain::settlement::{Outcome, SettlementReason};
use domain::transcript::Speaker;
use domain::user::{Category, Role, Verification};
use serde_json::{from_value, json};
use store::outbox::{Effect, Queue};

const WORDS: &str = "
asset            CREDIT COPILOT_MINUTE
balance          available held earned owed payout
transfer         SIGNUP_GRANT ADMIN_ADJUST BOOKING_HOLD BOOKING_RELEASE BOOKING_CAPTURE
line             SIGNUP_GRANT ADMIN_ADJUST BOOKING_HOLD BOOKING_RELEASE BOOKING_DEDUCT BOOKING_EARNING
role             UNASSIGNED INTERVIEWEE INTERVIEWER ADMIN
verification     NONE SUBMITTED VERIFIED REJECTED
category         frontend backend fullstack machine-coding dsa system-design devops data mobile ml security behavioral
rule             ONE_TIME WEEKLY
weekday          MO TU WE TH FR SA SU
party            INTERVIEWEE INTERVIEWER
booking          SCHEDULED COMPLETED CANCELLED
cancelled by     INTERVIEWEE INTERVIEWER SYSTEM
cancelled for    DID_NOT_TAKE_PLACE ACCOUNT_DELETED ACCOUNT_UNAVAILABLE INTERVIEWER_NO_SHOW NOT_CONFIRMED
outcome          CAPTURED RELEASED
settled for      session_held feedback_complete candidate_no_show interviewer_no_show confirmed_by_interviewer not_confirmed cancelled_before_start did_not_take_place account_deleted account_unavailable
feedback state   COMPLETE INSUFFICIENT_EVIDENCE FAILED
feedback         COMPLETE INSUFFICIENT_EVIDENCE
recommendation   STRONG_HIRE HIRE NO_HIRE
speaker          INTERVIEWEE INTERVIEWER
queue            generation stream media settlement
effect           create_call match_recording move_call end_call cancel_bookings lift_lock settle_booking copy_recording copy_transcript feedback
";

/// The words that a type reads, by what it says of one that it does not.
fn words<T>(read: Result<T, serde_json::Error>) -> String {
    let Err(error) = read else { panic!("a word that is none was read") };
    let error = error.to_string();
    let expected = error.split("expected ").nth(1).unwrap_or_else(|| panic!("it says no words: {error}"));
    expected.split('`').skip(1).step_by(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_stored_is_spelled_as_it_always_was() {
    let none = || json!("no word of any list");
    let queues = Queue::ALL.map(Queue::name).join(" ");
    let found = [
        ("asset", words(from_value::<Asset>(none()))),
        ("balance", words(from_value::<Balance>(none()))),
        ("transfer", words(from_value::<TransferKind>(none()))),
        ("line", words(from_value::<TransactionType>(none()))),
        ("role", words(from_value::<Role>(none()))),
        ("verification", words(from_value::<Verification>(none()))),
        ("category", words(from_value::<Category>(none()))),
        ("rule", words(from_value::<RuleKind>(json!({ "kind": none() })))),
        ("weekday", words(from_value::<Weekday>(none()))),
        ("party", words(from_value::<Party>(none()))),
        ("booking", words(from_value::<State>(json!({ "status": none() })))),
        ("cancelled by", words(from_value::<CancelledBy>(none()))),
        ("cancelled for", words(from_value::<CancelCode>(none()))),
        ("outcome", words(from_value::<Outcome>(none()))),
        ("settled for", words(from_value::<SettlementReason>(none()))),
        ("feedback state", words(from_value::<FeedbackState>(none()))),
        ("feedback", words(from_value::<FeedbackStatus>(none()))),
        ("recommendation", words(from_value::<Recommendation>(none()))),
        ("speaker", words(from_value::<Speaker>(none()))),
        ("queue", queues),
        ("effect", words(from_value::<Effect>(json!({ "effect": none() })))),
    ];
    let found: Vec<String> = found.iter().map(|(name, words)| format!("{name:<17}{words}")).collect();
    assert_eq!(
        found.join("\n"),
        WORDS.trim(),
        "a stored word is spelled in another way, or a new one is not listed here"
    );
}
