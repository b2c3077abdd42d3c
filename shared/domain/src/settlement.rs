//! Attendance decides: what the joins and leaves that Stream reported say about a session (DECISIONS.md, "When
//! credits move").

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::booking::Party;

/// Together for this long, a session counts as held.
pub const HELD_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// An interviewer who was there for less than this did not show up.
pub const INTERVIEWER_PRESENT_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// An interviewer who waited this long within the booked time, alone, has done their part.
pub const INTERVIEWER_WAITED: SignedDuration = SignedDuration::from_mins(10);

/// One stay of one party in a session of the call, as it follows from everything that was told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Visit {
    /// The call session it belongs to; a call has a new one each time everybody has left.
    pub session_id: String,
    /// Who.
    pub party: Party,
    /// When they came; none where only the end was told.
    pub joined_at: Option<Timestamp>,
    /// When they left; none where it was not told, or they are still there.
    pub left_at: Option<Timestamp>,
}

/// What Stream told at one time of one connection: that it joined, that it left, or both. A connection may join and leave
/// several times under one id, and an event of its leaving may name the first of its joins, so this is no stay yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// The call session.
    pub session_id: String,
    /// Who.
    pub party: Party,
    /// Stream's id of the connection. A browser makes it, so it tells connections apart only together with the party.
    pub connection: String,
    /// A time at which it joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined_at: Option<Timestamp>,
    /// A time at which it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_at: Option<Timestamp>,
    /// How long it was there before it left, by Stream's count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
}

/// The event of a leave and the list of stays may tell the same leave some moments apart.
const SAME_LEAVE: SignedDuration = SignedDuration::from_secs(5);

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

/// What was told at one instant of one connection.
#[derive(Debug, Clone, Copy, Default)]
struct Instant {
    joined: bool,
    left: bool,
    duration_seconds: Option<u64>,
}

/// The stays of one connection. In the order of time, a join begins a stay and the next leave ends it; a join while they are
/// there is told twice, or a leave between was lost. A leave without a join begins its duration earlier, if that was told.
fn stays(instants: &BTreeMap<Timestamp, Instant>) -> Vec<(Option<Timestamp>, Option<Timestamp>)> {
    let mut stays = Vec::new();
    let mut since: Option<Timestamp> = None;
    let mut last_left: Option<Timestamp> = None;
    for (&at, instant) in instants {
        if instant.left && (since.is_some() || !instant.joined) {
            let is_told_again = last_left.is_some_and(|left| at.duration_since(left) <= SAME_LEAVE);
            if let Some(joined) = since.take() {
                stays.push((Some(joined), Some(at)));
                last_left = Some(at);
            } else if !is_told_again {
                let duration = instant.duration_seconds.and_then(|seconds| i64::try_from(seconds).ok());
                let joined = duration.and_then(|seconds| at.checked_sub(SignedDuration::from_secs(seconds)).ok());
                stays.push((joined.map(|joined| last_left.map_or(joined, |left| left.max(joined))), Some(at)));
                last_left = Some(at);
            }
            since = instant.joined.then_some(at);
        } else if instant.left {
            stays.push((Some(at), Some(at)));
            last_left = Some(at);
        } else {
            since = since.or(Some(at));
        }
    }
    stays.extend(since.map(|joined| (Some(joined), None)));
    stays
}

impl Attendance {
    /// What follows from everything that was told, in whatever order and number.
    pub fn of(told: &[Told], told_sessions: &[CallSession]) -> Self {
        let mut connections: BTreeMap<_, BTreeMap<Timestamp, Instant>> = BTreeMap::new();
        for fact in told {
            let connection = (fact.session_id.as_str(), fact.party, fact.connection.as_str());
            let instants = connections.entry(connection).or_default();
            if let Some(at) = fact.joined_at {
                instants.entry(at).or_default().joined = true;
            }
            if let Some(at) = fact.left_at {
                let instant = instants.entry(at).or_default();
                instant.left = true;
                instant.duration_seconds = instant.duration_seconds.max(fact.duration_seconds);
            }
        }
        let visits = connections.iter().flat_map(|((session_id, party, _), instants)| {
            stays(instants).into_iter().map(|(joined_at, left_at)| Visit {
                session_id: (*session_id).to_owned(),
                party: *party,
                joined_at,
                left_at,
            })
        });
        let mut sessions: BTreeMap<&str, CallSession> = BTreeMap::new();
        for fact in told_sessions {
            let session = sessions.entry(&fact.session_id).or_insert_with(|| fact.clone());
            session.started_at = [session.started_at, fact.started_at].into_iter().flatten().min();
            session.ended_at = session.ended_at.max(fact.ended_at);
        }
        Self { visits: visits.collect(), sessions: sessions.into_values().collect() }
    }

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

    fn told(party: Party, connection: &str, joined: Option<i64>, left: Option<i64>) -> Told {
        let (joined_at, left_at) = (joined.map(at), left.map(at));
        let (session_id, connection) = ("s1".into(), connection.into());
        Told { session_id, party, connection, joined_at, left_at, duration_seconds: None }
    }

    fn together(facts: &[Told]) -> i64 {
        let attendance = Attendance::of(facts, &[]);
        let [a, b] = [Party::Interviewee, Party::Interviewer].map(|party| attendance.presence(party));
        total(&intersect(&a, &b)).as_mins()
    }

    #[test]
    fn who_comes_back_under_the_same_id_has_two_stays_in_whatever_order_they_are_told() {
        use Party::{Interviewee as C, Interviewer as I};
        let facts = [
            told(I, "one", Some(0), None),
            told(I, "one", None, Some(20)),
            told(I, "one", Some(21), None),
            // The event of the second leave may name the second join or the first.
            told(I, "one", Some(0), Some(22)),
            told(C, "one", Some(0), Some(29)),
        ];
        let mut order = facts.to_vec();
        for turn in 0..facts.len() {
            order.rotate_left(1);
            assert_eq!(together(&order), 21, "in turn {turn}");
            order.extend_from_slice(&facts[..turn]);
            assert_eq!(together(&order), 21, "told again in turn {turn}");
            order.truncate(facts.len());
            order.reverse();
        }
        let pulled =
            [told(I, "one", Some(0), Some(20)), told(I, "one", Some(21), Some(22)), told(C, "one", Some(0), Some(29))];
        assert_eq!(together(&pulled), 21, "the list of stays alone");
        assert_eq!(together(&[&facts[..], &pulled].concat()), 21, "the list beside the events");
    }

    #[test]
    fn who_has_come_back_and_is_still_there_is_not_gone() {
        let facts = |more: Option<i64>| {
            let mut facts = vec![
                told(Party::Interviewer, "one", Some(0), Some(3)),
                told(Party::Interviewer, "one", Some(10), None),
            ];
            facts.extend(more.map(|left| told(Party::Interviewer, "one", None, Some(left))));
            Attendance::of(&facts, &[])
        };
        assert!(facts(None).is_open(Party::Interviewer));
        assert!(!facts(Some(12)).is_open(Party::Interviewer));
        let ended = CallSession { session_id: "s1".into(), started_at: None, ended_at: Some(at(30)) };
        let told = [told(Party::Interviewer, "one", Some(10), None)];
        assert!(!Attendance::of(&told, &[ended]).is_open(Party::Interviewer));
    }

    #[test]
    fn a_leave_whose_join_was_lost_is_as_long_as_its_duration_says() {
        let leave =
            |duration_seconds, left| Told { duration_seconds, ..told(Party::Interviewer, "one", None, Some(left)) };
        let stay = |facts: &[Told]| {
            Attendance::of(facts, &[]).visits.iter().map(|v| (v.joined_at, v.left_at)).collect::<Vec<_>>()
        };
        assert_eq!(stay(&[leave(Some(600), 12)]), [(Some(at(2)), Some(at(12)))]);
        assert_eq!(stay(&[leave(None, 12)]), [(None, Some(at(12)))]);
        let before = told(Party::Interviewer, "one", Some(0), Some(5));
        assert_eq!(stay(&[leave(Some(600), 12), before]), [(Some(at(0)), Some(at(5))), (Some(at(5)), Some(at(12)))]);
    }

    proptest! {
        /// A year of sessions: people come and go under shared ids, each join and each leave is told by itself, alone or with
        /// its partner, in any order and number. Minutes together are counted independently, minute by minute.
        #[test]
        fn minutes_together_are_what_was_lived_through_however_it_is_told(
            lived in proptest::collection::vec((proptest::bool::ANY, 0usize..3, 1i64..9, 1i64..9), 1..16),
            manner in proptest::collection::vec(0usize..4, 16),
            seed in 0u64..u64::MAX,
        ) {
            let mut clock = BTreeMap::new();
            let mut there = [[false; 256]; 2];
            let mut facts = Vec::new();
            for ((candidate, id, gap, length), manner) in lived.iter().zip(manner) {
                let party = if *candidate { Party::Interviewee } else { Party::Interviewer };
                let connection = ["one", "two", "three"][*id];
                let from = clock.get(&(party, *id)).copied().unwrap_or(0) + gap;
                let to = from + length;
                clock.insert((party, *id), to);
                for minute in from..to {
                    there[usize::from(*candidate)][usize::try_from(minute).unwrap()] = true;
                }
                let (join, leave) = (told(party, connection, Some(from), None), told(party, connection, None, Some(to)));
                let both = told(party, connection, Some(from), Some(to));
                facts.extend(match manner {
                    0 => vec![join, leave],
                    1 => vec![join, both],
                    2 => vec![both],
                    _ => vec![leave.clone(), join, leave],
                });
            }
            let counted = (0..256).filter(|minute| there[0][*minute] && there[1][*minute]).count();
            let mut state = seed;
            for n in (1..facts.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                facts.swap(n, usize::try_from(state >> 33).unwrap() % (n + 1));
            }
            prop_assert_eq!(together(&facts), i64::try_from(counted).unwrap());
        }

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
