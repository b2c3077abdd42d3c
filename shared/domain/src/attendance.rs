//! Attendance decides: what the joins and leaves that Stream reported say about a session (DECISIONS.md, "When
//! credits move").

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::party::Party;

mod stays;
pub use stays::Told;

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
    /// When they were told to have come again without having left: a leave between may not have been told.
    pub rejoined_at: Option<Timestamp>,
    /// When they left; none where it was not told, or they are still there.
    pub left_at: Option<Timestamp>,
    /// By when they had left, where only that is known.
    pub gone_by: Option<Timestamp>,
}

impl Visit {
    /// A stay from one told end to the other.
    pub fn new(session_id: &str, party: Party, joined_at: Option<Timestamp>, left_at: Option<Timestamp>) -> Self {
        Self { session_id: session_id.to_owned(), party, joined_at, rejoined_at: None, left_at, gone_by: None }
    }
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

/// How long the parties of a session were in its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeInCall {
    /// How long both were in the call at the same time.
    pub together_seconds: u64,
    /// The candidate.
    pub interviewee_seconds: u64,
    /// The interviewer.
    pub interviewer_seconds: u64,
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

/// Whether Stream was asked for what its events may never have brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// It was not, or did not answer.
    Unasked,
    /// It was, and what it said is among the facts.
    Answered,
}

/// How stays are read of which not everything was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Only what was told from end to end counts.
    Least,
    /// A stay whose end is not known lasts until its session's end, or, where that is unknown too, until the last fact of
    /// that session: never until "now".
    Likely,
    /// An end that was not told may be as far away as other facts allow.
    Most,
}

type Interval = (Timestamp, Timestamp);

impl Attendance {
    /// What follows from everything that was told, in whatever order and number.
    pub fn of(told: &[Told], told_sessions: &[CallSession]) -> Self {
        let mut sessions: BTreeMap<&str, CallSession> = BTreeMap::new();
        for fact in told_sessions {
            let session = sessions.entry(&fact.session_id).or_insert_with(|| fact.clone());
            session.started_at = [session.started_at, fact.started_at].into_iter().flatten().min();
            session.ended_at = session.ended_at.max(fact.ended_at);
        }
        Self { visits: stays::stays(told), sessions: sessions.into_values().collect() }
    }

    /// What is decided for a booking from `start` to `end`, if anything yet. Everybody who settles goes by this: before Stream
    /// was asked only what no end of a stay that is still to be told can change, and afterwards what is known then. Pure,
    /// and independent of the order of the facts.
    pub fn ruling(&self, (start, end): (Timestamp, Timestamp), stream: Stream) -> Option<Finding> {
        let finding = self.finding(start, end);
        let stands = |a: Reading, b: Reading| {
            let (candidate, interviewer) = (self.presence(Party::Interviewee, a), self.presence(Party::Interviewer, b));
            judge(&candidate, &interviewer, (start, end)) == finding
        };
        // Each finding asks for much or for little of each party's time, so the extremes speak for all between.
        let is_certain =
            [Reading::Least, Reading::Most].iter().all(|a| stands(*a, Reading::Least) && stands(*a, Reading::Most));
        (is_certain || stream == Stream::Answered).then_some(finding)
    }

    /// What the facts say for a booking from `start` to `end`, as if no more were to come.
    ///
    /// Time together counts whenever it was. Who did not come is judged by the booked time alone: the call's door is open
    /// before and after it, and looking in then must neither undo a no-show of one's own nor make one of the other's.
    pub fn finding(&self, start: Timestamp, end: Timestamp) -> Finding {
        let [candidate, interviewer] =
            [Party::Interviewee, Party::Interviewer].map(|party| self.presence(party, Reading::Likely));
        let longest = || total(&intersect(&self.presence(Party::Interviewer, Reading::Most), &[(start, end)]));
        match judge(&candidate, &interviewer, (start, end)) {
            // Of who may have been there for longer than is known it is not said that they did not come.
            Finding::InterviewerNoShow
                if self.is_open(Party::Interviewer) || longest() >= INTERVIEWER_PRESENT_AFTER =>
            {
                Finding::Unclear
            }
            Finding::CandidateNoShow if self.may_have_come(Party::Interviewee, start, end) => Finding::Unclear,
            finding => finding,
        }
    }

    /// How long the parties were there, if anybody was seen and no end of a stay is still to be told.
    pub fn time_in_call(&self) -> Option<TimeInCall> {
        let exactly = |party| {
            let least = self.presence(party, Reading::Least);
            (least == self.presence(party, Reading::Most)).then_some(least)
        };
        let (candidate, interviewer) = (exactly(Party::Interviewee)?, exactly(Party::Interviewer)?);
        let seconds = |stays: &[Interval]| total(stays).as_secs().unsigned_abs();
        (!self.visits.is_empty()).then(|| TimeInCall {
            together_seconds: seconds(&intersect(&candidate, &interviewer)),
            interviewee_seconds: seconds(&candidate),
            interviewer_seconds: seconds(&interviewer),
        })
    }

    /// Whether anything is known of `party` that may lie in the booked time, even where it is not known for how long.
    fn may_have_come(&self, party: Party, start: Timestamp, end: Timestamp) -> bool {
        let mut stays = self.visits.iter().filter(|v| v.party == party);
        stays.any(|v| v.joined_at.is_none_or(|at| at < end) && v.left_at.or(v.gone_by).is_none_or(|at| at > start))
    }

    /// Whether `party` may have been there for longer than is known: one end of a stay has not been told yet, because
    /// they are still in the call or the event is late.
    fn is_open(&self, party: Party) -> bool {
        let mut stays = self.visits.iter().filter(|v| v.party == party);
        stays.any(|v| {
            let is_over = || v.left_at.or(v.gone_by).or(self.ended_at(&v.session_id)).is_some();
            v.joined_at.is_none() || !is_over()
        })
    }

    /// The merged times at which `party` was in the call, over all sessions.
    fn presence(&self, party: Party, reading: Reading) -> Vec<Interval> {
        let stays = self.visits.iter().filter(|v| v.party == party).filter_map(|visit| {
            let (joined, left) = match reading {
                Reading::Least => (visit.rejoined_at.or(visit.joined_at)?, visit.left_at?),
                Reading::Likely if visit.gone_by.is_some() => return None,
                Reading::Likely => (visit.joined_at?, visit.left_at.or_else(|| self.last_known(&visit.session_id))?),
                Reading::Most => {
                    let left = visit.left_at.or(visit.gone_by).or(self.ended_at(&visit.session_id));
                    (visit.joined_at.unwrap_or(Timestamp::MIN), left.unwrap_or(Timestamp::MAX))
                }
            };
            (left > joined).then_some((joined, left))
        });
        merge(stays.collect())
    }

    fn ended_at(&self, session_id: &str) -> Option<Timestamp> {
        self.sessions.iter().find(|s| s.session_id == session_id).and_then(|s| s.ended_at)
    }

    /// When a session ended, or, where that is unknown, the last that is known of it.
    fn last_known(&self, session_id: &str) -> Option<Timestamp> {
        let visits = self.visits.iter().filter(|v| v.session_id == session_id);
        let facts = visits.flat_map(|v| [v.joined_at, v.rejoined_at, v.left_at]).flatten();
        self.ended_at(session_id).or(facts.max())
    }
}

/// What follows where this is all the time that the two were there.
fn judge(candidate: &[Interval], interviewer: &[Interval], booked: Interval) -> Finding {
    let candidate_came = !intersect(candidate, &[booked]).is_empty();
    let interviewer_stayed = total(&intersect(interviewer, &[booked]));
    if total(&intersect(candidate, interviewer)) >= HELD_AFTER {
        Finding::Held
    } else if (candidate_came || !interviewer_stayed.is_zero()) && interviewer_stayed < INTERVIEWER_PRESENT_AFTER {
        Finding::InterviewerNoShow
    } else if !candidate_came && interviewer_stayed >= INTERVIEWER_WAITED {
        Finding::CandidateNoShow
    } else {
        Finding::Unclear
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

#[cfg(test)]
mod tests;
