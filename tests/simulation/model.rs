//! What ought to be: people, bookings and balances as the documents describe them, in plain Rust. Nothing of the product's
//! code is used here, so that a misunderstanding on one side shows up. Times are Unix seconds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 3600;
pub const DAY: i64 = 86_400;

/// The two sides of a booking.
pub const CANDIDATE: usize = 0;
pub const INTERVIEWER: usize = 1;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Scheduled { clicked: bool, objected: bool },
    Completed { reason: &'static str },
    Cancelled { by: &'static str, reason: &'static str },
}

/// When somebody came and when they left, as far as told.
pub type Stay = (Option<i64>, Option<i64>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    pub id: String,
    pub candidate: String,
    pub interviewer: String,
    pub start: i64,
    pub end: i64,
    pub price: i64,
    pub moves: u32,
    pub due: i64,
    pub state: State,
    pub consents: [Option<bool>; 2],
    /// By session, side and connection.
    pub stays: BTreeMap<(u8, usize, u8), Stay>,
    /// Ends of sessions.
    pub session_ends: BTreeMap<u8, Option<i64>>,
    pub has_recording: bool,
    /// Stored transcripts: whether each has enough to judge.
    pub transcripts: BTreeMap<String, bool>,
    /// Files that were thrown away for want of a consent.
    pub discarded: BTreeSet<String>,
    pub feedback: Option<&'static str>,
}

/// How a stay is read of which not everything was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Told,
    Likely,
    Longest,
}

/// Later than anything.
const NEVER: i64 = 1 << 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    Held,
    InterviewerNoShow,
    CandidateNoShow,
    Unclear,
}

impl Booking {
    pub fn is_scheduled(&self) -> bool {
        matches!(self.state, State::Scheduled { .. })
    }
    pub fn is_cancelled(&self) -> bool {
        matches!(self.state, State::Cancelled { .. })
    }
    pub fn may_record(&self) -> bool {
        self.consents == [Some(true); 2] && !self.is_cancelled()
    }
    fn status(&self) -> &'static str {
        match self.state {
            State::Scheduled { .. } => "SCHEDULED",
            State::Completed { .. } => "COMPLETED",
            State::Cancelled { .. } => "CANCELLED",
        }
    }

    /// The form in which the stored booking is compared with this one.
    pub fn shown(&self) -> Value {
        let (by, reason, (clicked, objected)) = match &self.state {
            State::Scheduled { clicked, objected } => (None, None, (*clicked, *objected)),
            State::Completed { reason } => (None, Some(*reason), (false, false)),
            State::Cancelled { by, reason } => (Some(*by), Some(*reason), (false, false)),
        };
        json!({
            "id": self.id, "candidate": self.candidate, "interviewer": self.interviewer, "start": self.start,
            "end": self.end, "price": self.price, "status": self.status(), "by": by, "reason": reason,
            "clicked": clicked, "objected": objected, "consents": self.consents, "recording": self.has_recording,
            "feedback": self.feedback, "moves": self.moves, "due": self.is_scheduled().then_some(self.due),
        })
    }

    fn left(&self, session: u8, stay: Stay, reading: Reading) -> Option<i64> {
        let ended = || self.session_ends.get(&session).copied().flatten();
        let last_fact = || {
            let same = self.stays.iter().filter(|(key, _)| key.0 == session);
            same.flat_map(|(_, stay)| [stay.0, stay.1]).flatten().max()
        };
        match reading {
            Reading::Told => stay.1,
            Reading::Likely => stay.1.or_else(ended).or_else(last_fact),
            Reading::Longest => stay.1.or_else(ended).or(Some(NEVER)),
        }
    }

    fn came(stay: Stay, reading: Reading) -> Option<i64> {
        stay.0.or((reading == Reading::Longest).then_some(-NEVER))
    }

    fn was_there(&self, side: usize, second: i64, reading: Reading) -> bool {
        self.stays.iter().filter(|(key, _)| key.1 == side).any(|(key, stay)| {
            let known = (Self::came(*stay, reading), self.left(key.0, *stay, reading));
            let (Some(from), Some(to)) = known else { return false };
            from <= second && second < to
        })
    }

    fn may_be_there(&self, side: usize) -> bool {
        self.stays.iter().any(|(key, stay)| {
            let ended = self.session_ends.get(&key.0).copied().flatten().is_some();
            key.1 == side && (stay.0.is_none() || stay.1.is_none() && !ended)
        })
    }

    /// By looking at each stretch between two instants: how long they were together, how long the interviewer was there in the
    /// booked time, and whether the candidate, or anybody, was.
    fn counted(&self, readings: [Reading; 2]) -> (i64, i64, bool, bool) {
        let mut cuts: BTreeSet<i64> = [self.start, self.end].into();
        for (key, stay) in &self.stays {
            let reading = readings[key.1];
            cuts.extend([Self::came(*stay, reading), self.left(key.0, *stay, reading)].into_iter().flatten());
        }
        let cuts: Vec<i64> = cuts.into_iter().collect();
        let (mut together, mut stayed, mut candidate_seen, mut seen) = (0, 0, false, false);
        for pair in cuts.windows(2) {
            let [candidate, interviewer] =
                [CANDIDATE, INTERVIEWER].map(|side| self.was_there(side, pair[0], readings[side]));
            let length = pair[1] - pair[0];
            together += if candidate && interviewer { length } else { 0 };
            if pair[0] >= self.start && pair[1] <= self.end {
                seen |= candidate || interviewer;
                candidate_seen |= candidate;
                stayed += if interviewer { length } else { 0 };
            }
        }
        (together, stayed, candidate_seen, seen)
    }

    /// What attendance says, if it is the same whatever is still to be told of stays that are known.
    pub fn certain(&self) -> Option<Finding> {
        let finding = self.finding();
        let readings = [Reading::Told, Reading::Longest];
        let pairs = readings.iter().flat_map(|a| readings.iter().map(move |b| [*a, *b]));
        let same = |pair| {
            let (together, stayed, candidate_seen, seen) = self.counted(pair);
            let found = if together >= 5 * MINUTE {
                Finding::Held
            } else if seen && stayed < 5 * MINUTE {
                Finding::InterviewerNoShow
            } else if !candidate_seen && stayed >= 10 * MINUTE {
                Finding::CandidateNoShow
            } else {
                Finding::Unclear
            };
            found == finding
        };
        pairs.into_iter().all(same).then_some(finding)
    }

    /// What attendance says, once Stream was asked.
    pub fn finding(&self) -> Finding {
        let (together, stayed, _, seen) = self.counted([Reading::Likely; 2]);
        let still_open = self.may_be_there(INTERVIEWER);
        let candidate_came = self.stays.iter().any(|(key, stay)| {
            key.1 == CANDIDATE && stay.0.is_none_or(|at| at < self.end) && stay.1.is_none_or(|at| at > self.start)
        });
        if together >= 5 * MINUTE {
            Finding::Held
        } else if seen && stayed < 5 * MINUTE && !still_open {
            Finding::InterviewerNoShow
        } else if !candidate_came && stayed >= 10 * MINUTE {
            Finding::CandidateNoShow
        } else {
            Finding::Unclear
        }
    }
}

/// What an interviewer offers: sessions of one length, all day, every day, on a grid of Unix time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub session: i64,
    pub phase: i64,
    pub rate: i64,
    pub accepting: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Remembered {
    body: String,
    at: i64,
    answer: Expected,
}

/// A predicted answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    pub status: u16,
    pub code: &'static str,
    /// The status of the booking that the answer shows.
    pub shows: Option<&'static str>,
    /// Available and held, where the answer shows them.
    pub wallet: Option<(i64, i64)>,
    pub replayed: bool,
}

fn showing(shows: &'static str) -> Expected {
    Expected { status: 200, shows: Some(shows), ..Expected::default() }
}

type Refusal = (u16, &'static str);

/// What a person asks of the API.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    Book { interviewer: String, start: i64, shown_price: Option<i64> },
    Cancel { booking: String, objects: bool },
    Complete { booking: String },
    Consent { booking: String, yes: bool },
    Reschedule { booking: String, start: i64 },
    Adjust { person: String, amount: i64 },
    Door { booking: String },
    Rate { rate: i64 },
    Accept { accepting: bool },
}

/// A fact that Stream tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    SessionStarted {
        session: u8,
    },
    SessionEnded {
        session: u8,
        at: i64,
    },
    Joined {
        session: u8,
        side: usize,
        connection: u8,
        at: i64,
    },
    Left {
        session: u8,
        side: usize,
        connection: u8,
        joined: i64,
        at: i64,
    },
    /// All stays under one connection id.
    Stayed {
        session: u8,
        side: usize,
        stays: Vec<Stay>,
    },
    Other,
}

/// Stays under one id are numbered from here on.
const UNDER_ONE_ID: u8 = 100;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Model {
    pub bookings: BTreeMap<String, Booking>,
    pub offers: BTreeMap<String, Offer>,
    pub candidates: Vec<String>,
    pub deleted: BTreeSet<String>,
    /// Clerk's newest word on whether somebody is banned, by person: its number, and what it says.
    pub words: BTreeMap<String, (i64, bool)>,
    /// What lies in the table and can never be settled, by sort key.
    pub poison: BTreeSet<String>,
    /// By person, key: amount.
    pub adjustments: BTreeMap<(String, String), i64>,
    remembered: BTreeMap<(String, String, String), Remembered>,
    /// Parts left and the millisecond at which that was so, per candidate.
    buckets: BTreeMap<String, (i64, i64)>,
}

/// The id of a booking that was made and whose id is not known yet.
pub const NEW: &str = "new";

impl Model {
    /// Available, held and earned: nothing but consequences of bookings and adjustments.
    pub fn balances(&self, person: &str) -> (i64, i64, i64) {
        let mut balances = (0, 0, 0);
        balances.0 += self.adjustments.iter().filter(|(key, _)| key.0 == person).map(|(_, amount)| amount).sum::<i64>();
        for booking in self.bookings.values() {
            if booking.candidate == person && !booking.is_cancelled() {
                balances.0 -= booking.price;
                balances.1 += if booking.is_scheduled() { booking.price } else { 0 };
            }
            if booking.interviewer == person && matches!(booking.state, State::Completed { .. }) {
                balances.2 += booking.price;
            }
        }
        balances
    }

    /// Whether a person's time from `start` to `end` is taken by a booking other than `except`.
    fn is_taken(&self, person: &str, (start, end): (i64, i64), except: &str) -> bool {
        self.bookings.values().any(|b| {
            let concerns = b.candidate == person || b.interviewer == person;
            concerns && b.id != except && !b.is_cancelled() && b.start < end && start < b.end
        })
    }

    /// The booking that was just made has this id.
    pub fn name_new(&mut self, id: &str) {
        if let Some(booking) = self.bookings.remove(NEW) {
            self.bookings.insert(id.to_owned(), Booking { id: id.to_owned(), ..booking });
        }
    }

    /// What is answered to a request, and what it changes.
    pub fn ask(&mut self, who: &str, path: &str, body: &str, key: Option<&str>, ask: &Ask, now: i64) -> Expected {
        let refuse = |(status, code)| Expected { status, code, ..Expected::default() };
        if self.deleted.contains(who) {
            return refuse((403, "account_deleted"));
        }
        // Who is banned books nothing, and gets no remembered answer about that either.
        if matches!(ask, Ask::Book { .. } | Ask::Reschedule { .. }) && self.is_banned(who) {
            return refuse((403, "forbidden"));
        }
        let place = key.map(|key| (who.to_owned(), path.to_owned(), key.to_owned()));
        if let Some(known) = place.as_ref().and_then(|place| self.remembered.get(place))
            && known.at + DAY > now
        {
            if known.body != body {
                return refuse((422, "idempotency_key_reused"));
            }
            return Expected { replayed: true, ..known.answer.clone() };
        }
        match self.change(who, key, ask, now) {
            Err(refusal) => refuse(refusal),
            Ok(answer) => {
                if let Some(place) = place {
                    let answer = answer.clone();
                    self.remembered.insert(place, Remembered { body: body.to_owned(), at: now, answer });
                }
                answer
            }
        }
    }

    fn change(&mut self, who: &str, key: Option<&str>, ask: &Ask, now: i64) -> Result<Expected, Refusal> {
        match ask {
            Ask::Book { interviewer, start, shown_price } => self.book(who, interviewer, *start, *shown_price, now),
            Ask::Cancel { booking, objects } => self.cancel(who, booking, *objects, now),
            Ask::Complete { booking } => self.complete(booking, now),
            Ask::Consent { booking, yes } => {
                let booking = self.booking(booking);
                if booking.is_cancelled() {
                    return Err((409, "booking_cancelled"));
                }
                let side = usize::from(booking.interviewer == who);
                booking.consents[side] = Some(*yes);
                Ok(Expected { status: 200, ..Expected::default() })
            }
            Ask::Reschedule { booking, start } => self.reschedule(booking, *start, now),
            Ask::Adjust { person, amount } => self.adjust(key.unwrap_or_default(), person, *amount),
            Ask::Door { booking } => {
                let booking = self.booking(booking);
                if booking.is_cancelled() {
                    return Err((409, "booking_cancelled"));
                }
                let open = booking.start - 10 * MINUTE <= now && now < booking.end + 30 * MINUTE;
                if open { Ok(Expected { status: 200, ..Expected::default() }) } else { Err((409, "call_not_open")) }
            }
            Ask::Rate { rate } => {
                self.offers.get_mut(who).expect("an interviewer").rate = *rate;
                Ok(Expected { status: 200, ..Expected::default() })
            }
            Ask::Accept { accepting } => {
                self.offers.get_mut(who).expect("an interviewer").accepting = *accepting;
                Ok(Expected { status: 200, ..Expected::default() })
            }
        }
    }

    fn booking(&mut self, id: &str) -> &mut Booking {
        self.bookings.get_mut(id).expect("operations name bookings that exist")
    }

    /// When a session that begins at `start` would end, if it can be had at all.
    fn offered(&self, interviewer: &str, start: i64, now: i64) -> Result<i64, Refusal> {
        if start <= now {
            return Err((422, "validation_failed"));
        }
        let offer = &self.offers[interviewer];
        if !offer.accepting || self.deleted.contains(interviewer) || self.is_banned(interviewer) {
            return Err((409, "interviewer_unavailable"));
        }
        if start.rem_euclid(offer.session) != offer.phase || start > now + 180 * DAY {
            return Err((409, "slot_unavailable"));
        }
        Ok(start + offer.session)
    }

    fn free(&self, [candidate, interviewer]: [&str; 2], times: (i64, i64), except: &str) -> Result<(), Refusal> {
        if self.is_taken(interviewer, times, except) {
            return Err((409, "slot_unavailable"));
        }
        if self.is_taken(candidate, times, except) { Err((409, "time_conflict")) } else { Ok(()) }
    }

    fn book(
        &mut self,
        who: &str,
        interviewer: &str,
        start: i64,
        shown: Option<i64>,
        now: i64,
    ) -> Result<Expected, Refusal> {
        // Five an hour: a token is an hour's worth of milliseconds, and each millisecond brings five parts.
        let (token, most) = (3_600_000, 5 * 3_600_000);
        let (parts, at) = self.buckets.get(who).copied().unwrap_or((most, now * 1000));
        let parts = (parts + (now * 1000 - at).max(0) * 5).min(most);
        if parts < token {
            return Err((429, "rate_limited"));
        }
        let is_known = self.bookings.values().any(|b| b.candidate == who && b.interviewer == interviewer);
        let end = self.offered(interviewer, start, now).map_err(|refusal| match refusal {
            // Who is not listed exists for those alone who have booked them.
            (409, "interviewer_unavailable") if !is_known => (404, "not_found"),
            refusal => refusal,
        })?;
        let minutes = (end - start) / MINUTE;
        let price = (self.offers[interviewer].rate * minutes + 59) / 60;
        if shown.is_some_and(|shown| shown != price) {
            return Err((409, "price_changed"));
        }
        self.free([who, interviewer], (start, end), NEW)?;
        if self.balances(who).0 < price {
            return Err((402, "insufficient_credits"));
        }
        self.buckets.insert(who.to_owned(), (parts - token, at.max(now * 1000)));
        let booking = Booking {
            id: NEW.to_owned(),
            candidate: who.to_owned(),
            interviewer: interviewer.to_owned(),
            start,
            end,
            price,
            moves: 0,
            due: end + HOUR,
            state: State::Scheduled { clicked: false, objected: false },
            consents: [None; 2],
            stays: BTreeMap::new(),
            session_ends: BTreeMap::new(),
            has_recording: false,
            transcripts: BTreeMap::new(),
            discarded: BTreeSet::new(),
            feedback: None,
        };
        self.bookings.insert(NEW.to_owned(), booking);
        let (available, held, _) = self.balances(who);
        Ok(Expected { status: 201, shows: Some("SCHEDULED"), wallet: Some((available, held)), ..Expected::default() })
    }

    fn cancel(&mut self, who: &str, id: &str, objects: bool, now: i64) -> Result<Expected, Refusal> {
        let refused = Err((409, "booking_not_cancellable"));
        let booking = self.booking(id);
        let side = usize::from(booking.interviewer == who);
        let me = ["INTERVIEWEE", "INTERVIEWER"][side];
        let (clicked, objected) = match booking.state {
            State::Cancelled { by, .. } if by == me => return Ok(showing("CANCELLED")),
            State::Scheduled { clicked, objected } => (clicked, objected),
            _ => return refused,
        };
        if now < booking.start && !objects && booking.finding() != Finding::Held {
            booking.state = State::Cancelled { by: me, reason: "cancelled_before_start" };
            return Ok(showing("CANCELLED"));
        }
        if now < booking.end || !objects || side != CANDIDATE {
            return refused;
        }
        if !objected {
            // Facts may be late: it is remembered until Stream was asked.
            if matches!(booking.certain(), Some(Finding::Held | Finding::CandidateNoShow)) {
                return refused;
            }
            booking.state = State::Scheduled { clicked, objected: true };
            booking.due = booking.due.min((booking.end + HOUR).max(now + 5 * MINUTE));
        }
        Ok(showing("SCHEDULED"))
    }

    fn complete(&mut self, id: &str, now: i64) -> Result<Expected, Refusal> {
        let booking = self.booking(id);
        let objected = match booking.state {
            State::Completed { .. } => return Ok(showing("COMPLETED")),
            State::Cancelled { .. } => return Err((409, "booking_cancelled")),
            State::Scheduled { objected, .. } => objected,
        };
        if now < booking.end {
            return Err((409, "booking_not_ended"));
        }
        match booking.certain() {
            Some(Finding::Held) => {
                booking.state = State::Completed { reason: "session_held" };
                Ok(showing("COMPLETED"))
            }
            Some(Finding::Unclear) | None => {
                booking.state = State::Scheduled { clicked: true, objected };
                Ok(showing("SCHEDULED"))
            }
            Some(Finding::InterviewerNoShow | Finding::CandidateNoShow) => Err((409, "session_not_held")),
        }
    }

    fn reschedule(&mut self, id: &str, start: i64, now: i64) -> Result<Expected, Refusal> {
        let booking = self.bookings[id].clone();
        if booking.is_scheduled() && booking.start == start {
            return Ok(showing("SCHEDULED"));
        }
        if !booking.is_scheduled() || now > booking.start - 2 * HOUR || booking.moves >= 2 {
            return Err((409, "booking_not_reschedulable"));
        }
        let end = self.offered(&booking.interviewer, start, now)?;
        if end - start != booking.end - booking.start {
            return Err((409, "slot_unavailable"));
        }
        self.free([&booking.candidate, &booking.interviewer], (start, end), id)?;
        let moved = self.booking(id);
        (moved.start, moved.end, moved.due) = (start, end, end + HOUR);
        moved.moves += 1;
        Ok(showing("SCHEDULED"))
    }

    fn adjust(&mut self, key: &str, person: &str, amount: i64) -> Result<Expected, Refusal> {
        if self.deleted.contains(person) {
            return Err((404, "not_found"));
        }
        let cause = (person.to_owned(), key.to_owned());
        match self.adjustments.get(&cause) {
            Some(done) if *done != amount => return Err((422, "idempotency_key_reused")),
            Some(_) => {}
            None if self.balances(person).0 + amount < 0 => return Err((402, "insufficient_credits")),
            None => {
                self.adjustments.insert(cause, amount);
            }
        }
        let (available, held, _) = self.balances(person);
        Ok(Expected { status: 200, wallet: Some((available, held)), ..Expected::default() })
    }

    /// Takes in what Stream tells of a booking's call.
    pub fn hear(&mut self, booking: &str, fact: &Fact) {
        let booking = self.booking(booking);
        match fact {
            Fact::SessionStarted { session } => {
                booking.session_ends.entry(*session).or_default();
            }
            Fact::SessionEnded { session, at } => {
                booking.session_ends.insert(*session, Some(*at));
            }
            Fact::Joined { session, side, connection, at } => {
                booking.stays.entry((*session, *side, *connection)).or_default().0 = Some(*at);
            }
            Fact::Left { session, side, connection, joined, at } => {
                let stay = booking.stays.entry((*session, *side, *connection)).or_default();
                stay.0 = Some(*joined);
                stay.1 = Some(*at);
            }
            Fact::Stayed { session, side, stays } => {
                for (connection, stay) in (UNDER_ONE_ID..).zip(stays) {
                    booking.stays.insert((*session, *side, connection), *stay);
                }
            }
            Fact::Other => {}
        }
    }

    /// Clerk's word counts if it is newer than what is known, and nothing counts of who is deleted.
    pub fn hear_clerk(&mut self, person: &str, number: i64, banned: bool) {
        let known = self.words.entry(person.to_owned()).or_insert((number, banned));
        *known = (*known).max((number, banned));
    }

    pub fn is_banned(&self, person: &str) -> bool {
        self.words.get(person).is_some_and(|(_, banned)| *banned)
    }

    /// A person is gone, or is kept out; their coming bookings are cancelled by the worker that follows, but for those that were
    /// held before their time. Who was let in again keeps all.
    pub fn cancel_bookings_of(&mut self, person: &str, now: i64) {
        let reason = if self.deleted.contains(person) {
            "account_deleted"
        } else if self.is_banned(person) {
            "account_unavailable"
        } else {
            return;
        };
        for booking in self.bookings.values_mut() {
            let concerns = booking.candidate == person || booking.interviewer == person;
            if concerns && booking.is_scheduled() && now < booking.start && booking.finding() != Finding::Held {
                booking.state = State::Cancelled { by: "SYSTEM", reason };
            }
        }
    }

    /// A file of a call was dealt with.
    pub fn take_file(&mut self, booking: &str, filename: &str, is_rich: Option<bool>) {
        let booking = self.booking(booking);
        let is_stored = booking.transcripts.contains_key(filename) || is_rich.is_none() && booking.has_recording;
        if is_stored || booking.discarded.contains(filename) {
            return;
        }
        if !booking.may_record() {
            booking.discarded.insert(filename.to_owned());
            return;
        }
        match is_rich {
            None => booking.has_recording = true,
            Some(is_rich) => {
                booking.transcripts.insert(filename.to_owned(), is_rich);
            }
        }
    }

    /// The feedback of a booking was written.
    pub fn write_feedback(&mut self, booking: &str) {
        let booking = self.booking(booking);
        if booking.is_cancelled() || booking.feedback == Some("COMPLETE") {
            return;
        }
        if !booking.transcripts.values().any(|is_rich| *is_rich) {
            booking.feedback = Some("INSUFFICIENT_EVIDENCE");
            return;
        }
        booking.feedback = Some("COMPLETE");
        if booking.is_scheduled() {
            booking.state = State::Completed { reason: "feedback_complete" };
        }
    }

    /// What settling may make of one booking that the sweep has sent: more than one thing only where Stream may have brought news.
    pub fn swept(booking: &Booking, now: i64) -> Vec<Booking> {
        let State::Scheduled { clicked, objected } = booking.state else { return vec![booking.clone()] };
        if booking.due > now {
            return vec![booking.clone()];
        }
        let completed = |reason| vec![Booking { state: State::Completed { reason }, ..booking.clone() }];
        let released = |by, reason| {
            let state = State::Cancelled { by, reason };
            let mut outcomes = vec![Booking { state, ..booking.clone() }];
            let unheard = !booking.transcripts.is_empty() && matches!(booking.feedback, None | Some("FAILED"));
            if unheard {
                outcomes.push(Booking { due: now + HOUR, ..booking.clone() });
            }
            outcomes
        };
        let last_word = booking.end + DAY;
        match booking.finding() {
            Finding::Held => completed("session_held"),
            Finding::CandidateNoShow => completed("candidate_no_show"),
            _ if objected => released("INTERVIEWEE", "did_not_take_place"),
            Finding::InterviewerNoShow => released("SYSTEM", "interviewer_no_show"),
            Finding::Unclear if now < last_word => vec![Booking { due: last_word, ..booking.clone() }],
            Finding::Unclear if clicked => completed("confirmed_by_interviewer"),
            Finding::Unclear => released("SYSTEM", "not_confirmed"),
        }
    }
}
