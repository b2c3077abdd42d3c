//! Attendance decides: what the joins and leaves that Stream reported say about a session (DECISIONS.md, "When
//! credits move").

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::booking::Party;

/// Together for this long, a session counts as held.
pub const HELD_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// An interviewer who was there for less than this did not show up.
pub const INTERVIEWER_PRESENT_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// An interviewer who waited this long within the booked time, alone, has done their part.
pub const INTERVIEWER_WAITED: SignedDuration = SignedDuration::from_mins(10);

/// One stay of one party in a session of the call. The two ends may become known in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Visit {
    /// The call session it belongs to; a call has a new one each time everybody has left.
    pub session_id: String,
    /// Who.
    pub party: Party,
    /// When they came, as Stream says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined_at: Option<Timestamp>,
    /// When they left, as Stream says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_at: Option<Timestamp>,
}

/// One session of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallSession {
    /// Stream's id of it.
    pub session_id: String,
    /// When the first person came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When the last person left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// Everything that is known of who was there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attendance {
    /// The stays.
    pub visits: Vec<Visit>,
    /// The sessions.
    pub sessions: Vec<CallSession>,
}

/// What attendance says about a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Both were there together for at least five minutes.
    Held,
    /// Within the booked time only the candidate was there, or the interviewer for less than five minutes.
    InterviewerNoShow,
    /// Within the booked time only the interviewer was there, for at least ten minutes.
    CandidateNoShow,
    /// Nobody was seen, or they were together too briefly to tell: it takes somebody's word.
    Unclear,
}

type Interval = (Timestamp, Timestamp);

impl Attendance {
    /// What the facts say for a booking from `start` to `end`. Pure and independent of the order of the facts.
    ///
    /// Time together counts whenever it was. Who did not come is judged by the booked time alone: the call's door is open
    /// before and after it, and looking in then must neither undo a no-show of one's own nor make one of the other's.
    pub fn finding(&self, start: Timestamp, end: Timestamp) -> Finding {
        let candidate = self.presence(Party::Interviewee);
        let interviewer = self.presence(Party::Interviewer);
        let booked = [(start, end)];
        let candidate_came = !intersect(&candidate, &booked).is_empty();
        let interviewer_stayed = total(&intersect(&interviewer, &booked));
        if total(&intersect(&candidate, &interviewer)) >= HELD_AFTER {
            Finding::Held
        } else if (candidate_came || !interviewer_stayed.is_zero())
            && interviewer_stayed < INTERVIEWER_PRESENT_AFTER
            && !self.is_open(Party::Interviewer)
        {
            Finding::InterviewerNoShow
        } else if !self.may_have_come(Party::Interviewee, start, end) && interviewer_stayed >= INTERVIEWER_WAITED {
            Finding::CandidateNoShow
        } else {
            Finding::Unclear
        }
    }

    /// Whether anything is known of `party` that may lie in the booked time, even where it is not known for how long.
    fn may_have_come(&self, party: Party, start: Timestamp, end: Timestamp) -> bool {
        let mut stays = self.visits.iter().filter(|v| v.party == party);
        stays.any(|v| v.joined_at.is_none_or(|at| at < end) && v.left_at.is_none_or(|at| at > start))
    }

    /// Whether `party` may have been there for longer than is known: one end of a stay has not been told yet, because
    /// they are still in the call or the event is late. What is known is then too little to say that they did not come.
    pub fn is_open(&self, party: Party) -> bool {
        let ended = |id: &str| self.sessions.iter().any(|s| s.session_id == id && s.ended_at.is_some());
        let mut stays = self.visits.iter().filter(|v| v.party == party);
        stays.any(|v| v.joined_at.is_none() || v.left_at.is_none() && !ended(&v.session_id))
    }

    /// The merged times at which `party` was in the call, over all sessions. A stay whose end is not known lasts until
    /// its session's end, or, where that is unknown too, until the last fact of that session: never until "now".
    fn presence(&self, party: Party) -> Vec<Interval> {
        let stays = self.visits.iter().filter(|v| v.party == party).filter_map(|visit| {
            let joined = visit.joined_at?;
            let left = visit.left_at.or_else(|| self.session_end(&visit.session_id))?;
            (left > joined).then_some((joined, left))
        });
        merge(stays.collect())
    }

    fn session_end(&self, session_id: &str) -> Option<Timestamp> {
        let session = self.sessions.iter().find(|s| s.session_id == session_id);
        if let Some(ended) = session.and_then(|s| s.ended_at) {
            return Some(ended);
        }
        let visits = self.visits.iter().filter(|v| v.session_id == session_id);
        visits.flat_map(|v| [v.joined_at, v.left_at]).flatten().max()
    }
}

fn merge(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_unstable();
    let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
    for (from, to) in intervals {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

fn intersect(a: &[Interval], b: &[Interval]) -> Vec<Interval> {
    let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (x.0.max(y.0), x.1.min(y.1))));
    pairs.filter(|(from, to)| from < to).collect()
}

fn total(intervals: &[Interval]) -> SignedDuration {
    intervals.iter().map(|(from, to)| to.duration_since(*from)).sum()
}

/// Where the reserve went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// It was paid to the interviewer.
    Captured,
    /// It was given back to the candidate.
    Released,
}

/// Why the reserve went there; shown to both parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettlementReason {
    /// Both were together for at least five minutes.
    SessionHeld,
    /// A complete feedback was stored.
    FeedbackComplete,
    /// Only the interviewer came, and waited.
    CandidateNoShow,
    /// The interviewer did not come, or left at once.
    InterviewerNoShow,
    /// Attendance could not tell; the interviewer said that it took place and the candidate did not object.
    ConfirmedByInterviewer,
    /// Attendance could not tell, and nobody said that it took place.
    NotConfirmed,
    /// Cancelled before the start.
    CancelledBeforeStart,
    /// The candidate said that it did not take place, and nothing shows that it did.
    DidNotTakePlace,
    /// The account of one party was deleted.
    AccountDeleted,
}

/// The one settlement of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settlement {
    /// Where the reserve went.
    pub outcome: Outcome,
    /// Why.
    pub reason: SettlementReason,
    /// When it was committed.
    pub settled_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(minute: i64) -> Timestamp {
        "2026-11-20T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
    }

    fn visit(party: Party, from: i64, to: i64) -> Visit {
        Visit { session_id: "s1".into(), party, joined_at: Some(at(from)), left_at: Some(at(to)) }
    }

    fn finding(visits: Vec<Visit>) -> Finding {
        Attendance { visits, sessions: Vec::new() }.finding(at(0), at(60))
    }

    #[test]
    fn each_row_of_the_table_is_found() {
        use Party::{Interviewee as C, Interviewer as I};
        for (visits, expected, why) in [
            (vec![visit(C, 0, 60), visit(I, 0, 60)], Finding::Held, "a full session"),
            (vec![visit(C, 0, 5), visit(I, 0, 60)], Finding::Held, "exactly five minutes together"),
            (vec![visit(C, 0, 3), visit(I, 0, 60), visit(C, 30, 32)], Finding::Held, "five minutes in two stays"),
            (vec![visit(C, 0, 30)], Finding::InterviewerNoShow, "only the candidate"),
            (vec![visit(C, 0, 30), visit(I, 0, 4)], Finding::InterviewerNoShow, "the interviewer for four minutes"),
            (vec![visit(I, 0, 10)], Finding::CandidateNoShow, "the interviewer waited ten minutes"),
            (vec![visit(I, -15, 9)], Finding::Unclear, "waiting before the start does not count"),
            (vec![visit(C, 0, 4), visit(I, 0, 60)], Finding::Unclear, "together for four minutes"),
            (vec![visit(C, 0, 20), visit(I, 20, 60)], Finding::Unclear, "one after the other"),
            (vec![], Finding::Unclear, "nobody"),
        ] {
            assert_eq!(finding(visits), expected, "{why}");
        }
    }

    #[test]
    fn one_party_twice_at_the_same_time_counts_once() {
        use Party::{Interviewee as C, Interviewer as I};
        assert_eq!(finding(vec![visit(C, 0, 3), visit(C, 0, 3), visit(I, 0, 60)]), Finding::Unclear);
    }

    #[test]
    fn nobody_gains_by_looking_in_outside_the_booked_time() {
        use Party::{Interviewee as C, Interviewer as I};
        for (visits, expected, who) in [
            (vec![visit(C, 0, 60), visit(I, 61, 75)], Finding::InterviewerNoShow, "an interviewer who comes too late"),
            (
                vec![visit(C, 0, 60), visit(I, -9, -1)],
                Finding::InterviewerNoShow,
                "an interviewer who leaves too early",
            ),
            (vec![visit(I, 0, 60), visit(C, 61, 62)], Finding::CandidateNoShow, "a candidate who comes too late"),
            (vec![visit(I, 0, 60), visit(C, -9, -1)], Finding::CandidateNoShow, "a candidate who leaves too early"),
            (vec![visit(I, 61, 75)], Finding::Unclear, "an interviewer who comes when nobody expects it"),
            (vec![visit(C, 61, 62)], Finding::Unclear, "a candidate who wants it to look as if they had waited"),
            (vec![visit(C, 0, 30), visit(I, 65, 80), visit(C, 70, 75)], Finding::Held, "they met after all"),
        ] {
            assert_eq!(finding(visits), expected, "{who}");
        }
    }

    #[test]
    fn time_together_adds_up_over_sessions_of_the_call() {
        use Party::{Interviewee as C, Interviewer as I};
        let second = |party, from, to| Visit { session_id: "s2".into(), ..visit(party, from, to) };
        let both = vec![visit(C, 0, 3), visit(I, 0, 3), second(C, 20, 22), second(I, 20, 22)];
        assert_eq!(finding(both), Finding::Held, "three minutes and two");
        // In two sessions at once, say with two devices, a minute is still a minute.
        let twice = vec![visit(C, 0, 3), visit(I, 0, 60), second(C, 0, 3), second(I, 0, 60)];
        assert_eq!(finding(twice), Finding::Unclear);
    }

    #[test]
    fn a_stay_without_an_end_lasts_until_its_session_ended() {
        let open = |party| Visit { left_at: None, ..visit(party, 0, 0) };
        let mut attendance = Attendance {
            visits: vec![open(Party::Interviewee), open(Party::Interviewer)],
            sessions: vec![CallSession { session_id: "s1".into(), started_at: Some(at(0)), ended_at: None }],
        };
        assert_eq!(attendance.finding(at(0), at(60)), Finding::Unclear);
        attendance.sessions[0].ended_at = Some(at(40));
        assert_eq!(attendance.finding(at(0), at(60)), Finding::Held);
    }

    #[test]
    fn who_is_still_in_the_call_is_not_taken_for_absent() {
        use Party::{Interviewee as C, Interviewer as I};
        let open = |party, from| Visit { left_at: None, ..visit(party, from, from) };
        assert_eq!(finding(vec![open(I, 0), open(C, 1)]), Finding::Unclear, "both are still there");
        assert_eq!(finding(vec![visit(C, 0, 60), open(I, 60)]), Finding::Unclear, "the interviewer may stay for long");
        assert_eq!(finding(vec![open(I, 0), open(C, 12)]), Finding::Unclear, "the candidate did come");
        let late_join = Visit { joined_at: None, ..visit(I, 0, 40) };
        assert_eq!(finding(vec![visit(C, 0, 60), late_join]), Finding::Unclear, "the join is not known yet");
    }

    proptest! {
        #[test]
        fn the_order_of_the_facts_does_not_matter(
            stays in proptest::collection::vec((proptest::bool::ANY, -20i64..80, 0i64..40), 0..8),
            seed in 0usize..40320,
        ) {
            let visits: Vec<Visit> = stays
                .iter()
                .map(|(c, from, length)| visit(if *c { Party::Interviewee } else { Party::Interviewer }, *from, from + length))
                .collect();
            let mut shuffled = visits.clone();
            let n = shuffled.len().max(1);
            shuffled.rotate_left(seed % n);
            if seed % 2 == 0 { shuffled.reverse(); }
            prop_assert_eq!(finding(visits), finding(shuffled));
        }
    }
}
