//! From what was told to stays.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Visit;
use crate::party::Party;

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

/// The event of a leave and the list of stays may tell the same leave, or the same join, some moments apart.
const SAME: SignedDuration = SignedDuration::from_secs(5);

/// What was told at one instant of one connection.
#[derive(Debug, Clone, Copy, Default)]
struct Instant {
    joined: bool,
    left: bool,
    /// How long the stay was that ended here.
    duration_seconds: Option<u64>,
    /// The latest of the joins that were named together with this leave.
    named_join: Option<Timestamp>,
}

/// One connection, on the way through all that was told of it in the order of time.
#[derive(Debug, Default)]
struct Connection {
    stays: Vec<Visit>,
    /// The joins since the last leave.
    joins: Vec<Timestamp>,
}

/// The stays of all connections.
pub(super) fn stays(told: &[Told]) -> Vec<Visit> {
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
            instant.named_join = instant.named_join.max(fact.joined_at.filter(|joined| *joined <= at));
        }
    }
    let stays = connections.into_iter().flat_map(|((session_id, party, _), instants)| {
        let mut connection = Connection::default();
        let nobody = Visit::new(session_id, party, None, None);
        for (at, instant) in instants {
            connection.hear(&nobody, at, instant);
        }
        connection.end(&nobody)
    });
    stays.collect()
}

fn apart(a: Timestamp, b: Timestamp) -> SignedDuration {
    a.duration_since(b).abs()
}

impl Connection {
    /// A join begins a stay and the next leave ends it.
    fn hear(&mut self, nobody: &Visit, at: Timestamp, instant: Instant) {
        // Who comes and goes in one instant was there for none; but a leave told again may meet the next join.
        let is_named = instant.named_join == Some(at) || instant.duration_seconds == Some(0);
        let is_bare = instant.named_join.is_none() && instant.duration_seconds.is_none();
        let is_again = self.last_left().is_some_and(|left| at.duration_since(left) <= SAME);
        let is_empty = instant.joined && self.joins.is_empty() && (is_named || is_bare && !is_again);
        if instant.left && is_empty {
            self.stays.push(Visit { joined_at: Some(at), left_at: Some(at), ..nobody.clone() });
            return;
        }
        if instant.left {
            self.leave(nobody, at, instant);
        }
        if instant.joined {
            self.joins.push(at);
        }
    }

    fn last_left(&self) -> Option<Timestamp> {
        self.stays.last().and_then(|stay| stay.left_at)
    }

    fn leave(&mut self, nobody: &Visit, at: Timestamp, instant: Instant) {
        let lasted = instant.duration_seconds.and_then(|seconds| i64::try_from(seconds).ok());
        let began = lasted.and_then(|seconds| at.checked_sub(SignedDuration::from_secs(seconds)).ok());
        if self.is_told_again(at, began.or(instant.named_join)) {
            self.complete_last(began);
            return;
        }
        let last_left = self.last_left();
        // A join moments before the end of a long stay is the next one, told too early.
        let is_early = |join: &Timestamp| apart(*join, at) <= SAME && began.is_some_and(|b| apart(*join, b) > SAME);
        if self.joins.first().is_some_and(is_early) {
            self.joins.clear();
        }
        let Some(&first) = self.joins.first() else {
            // The join was not told. A join that is named lies before the last leave, or it would have been heard: it is
            // the one that is looked for only where it was told moments too early.
            let named = instant.named_join.filter(|join| last_left.is_none_or(|left| apart(*join, left) <= SAME));
            let joined_at = began.or(named).map(|join| last_left.map_or(join, |left| left.max(join)));
            self.stays.push(Visit { joined_at, left_at: Some(at), ..nobody.clone() });
            return;
        };
        // Several joins without a leave between: they are one that was told again, or the leaves were lost. How long the
        // stay was, or which join it names, tells which of them began it.
        let (joined, last) = match began.or(instant.named_join) {
            None => (first, self.joins.last().copied().unwrap_or(first)),
            Some(began) => {
                let last = self.joins.last().copied().unwrap_or(first);
                let joined = self.joins.iter().copied().find(|join| began.duration_since(*join) <= SAME);
                (joined.unwrap_or(last), last)
            }
        };
        let is_sure = began.is_some_and(|began| apart(began, joined) <= SAME);
        let rejoined_at = Some(last).filter(|last| !is_sure && apart(*last, joined) > SAME);
        let lost: Vec<Timestamp> = self.joins.drain(..).filter(|join| joined.duration_since(*join) > SAME).collect();
        for (place, join) in lost.iter().enumerate() {
            let gone_by = lost.get(place + 1).copied().unwrap_or(joined);
            self.stays.push(Visit { joined_at: Some(*join), gone_by: Some(gone_by), ..nobody.clone() });
        }
        self.stays.push(Visit { joined_at: Some(joined), rejoined_at, left_at: Some(at), ..nobody.clone() });
    }

    /// Whether a leave is the last one, told a second time some moments later. They may have come back between; then what
    /// the telling says of the beginning shows which of the two stays it ends. Without that, nobody leaves twice so soon.
    fn is_told_again(&self, at: Timestamp, began: Option<Timestamp>) -> bool {
        let Some(left) = self.last_left().filter(|left| at.duration_since(*left) <= SAME) else { return false };
        let (Some(began), Some(last)) = (began, self.stays.last()) else { return true };
        let since = self.joins.first().copied().unwrap_or(left);
        last.joined_at.map_or(began < left, |joined| apart(began, joined) < apart(began, since))
    }

    /// The second telling of a leave may say how long the stay was where the first did not.
    fn complete_last(&mut self, began: Option<Timestamp>) {
        let place = self.stays.len() - 1;
        let floor = self.stays[..place].last().and_then(|stay| stay.left_at);
        let last = &mut self.stays[place];
        last.joined_at = last.joined_at.or(began.map(|began| floor.map_or(began, |floor| floor.max(began))));
    }

    /// Who has joined and not left may still be there.
    fn end(mut self, nobody: &Visit) -> Vec<Visit> {
        if let (Some(&joined), Some(&last)) = (self.joins.first(), self.joins.last()) {
            let rejoined_at = Some(last).filter(|last| apart(*last, joined) > SAME);
            self.stays.push(Visit { joined_at: Some(joined), rejoined_at, ..nobody.clone() });
        }
        self.stays
    }
}
