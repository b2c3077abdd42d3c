//! What can happen next, drawn from the seed.

use std::collections::BTreeSet;

use serde_json::json;
use store::outbox::Effect;

use crate::model::{Ask, Booking, DAY, HOUR, MINUTE, Model};
use crate::poison::Poison;
use crate::random::Random;
use crate::script::Event;
use tests::stage::{ADMIN, Queued, instant};

/// A request of a person, complete enough to be sent again.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub who: String,
    pub method: &'static str,
    pub path: String,
    pub body: String,
    pub key: Option<String>,
    pub ask: Ask,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Request(Request),
    Event(Event),
    /// Clerk tells that an account was deleted.
    Delete {
        person: String,
        body: String,
    },
    /// Clerk tells that somebody is banned, or is not any more.
    Ban {
        person: String,
        /// Of two words the one with the greater number is the newer.
        number: i64,
        banned: bool,
        body: String,
    },
    /// Something that cannot be settled becomes due.
    Poison(Poison),
    Work(Queued),
    Relay,
    Sweep,
}

impl Step {
    /// What it is, in a word or two.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Request(request) => match request.ask {
                Ask::Book { .. } => "book",
                Ask::Cancel { .. } => "cancel",
                Ask::Complete { .. } => "complete",
                Ask::Consent { .. } => "consent",
                Ask::Reschedule { .. } => "reschedule",
                Ask::Adjust { .. } => "adjust",
                Ask::Door { .. } => "door",
                Ask::Rate { .. } => "rate",
                Ask::Accept { .. } => "accept",
            },
            Self::Event(Event { bodies, .. }) if bodies.len() > 1 => "stays under one id",
            Self::Event(_) => "event",
            Self::Ban { banned: true, .. } => "ban",
            Self::Ban { .. } => "lift a ban",
            Self::Poison(_) => "poison",
            Self::Delete { .. } => "delete",
            Self::Work(queued) => match &queued.message.effect {
                Effect::CreateCall { .. } => "create call",
                Effect::MatchRecording { .. } => "match recording",
                Effect::EndCall { .. } => "end call",
                Effect::CancelBookings { .. } => "cancel bookings",
                Effect::LiftLock { .. } => "lift lock",
                Effect::SettleBooking { .. } => "settle booking",
                Effect::CopyRecording { .. } => "copy recording",
                Effect::CopyTranscript { .. } => "copy transcript",
                Effect::Feedback { .. } => "write feedback",
                Effect::MoveCall { .. } => "move call",
            },
            Self::Relay => "relay",
            Self::Sweep => "sweep",
        }
    }

    /// The booking that is settled, if it is due.
    pub fn settles(&self) -> Option<String> {
        let Self::Work(queued) = self else { return None };
        let Effect::SettleBooking { booking_id, .. } = &queued.message.effect else { return None };
        Some(booking_id.to_string())
    }
}

/// What goes wrong while it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    Fair,
    /// The process stops at this write, which may still take effect.
    Crash {
        write: u32,
        takes_effect: bool,
    },
    Lost {
        times: u32,
    },
    AnswerLost,
    Throttled {
        times: u32,
    },
    Conflict {
        times: u32,
    },
    /// The indexes show what they showed a while ago.
    StaleIndex {
        times: u32,
    },
    /// Everybody is fine, but the caller never gets the answer.
    Unheard,
    Provider {
        times: u32,
    },
}

pub fn weather(random: &mut Random, step: &Step) -> Weather {
    let asks_indexes = match step {
        Step::Work(queued) => matches!(queued.message.effect, Effect::CancelBookings { .. }),
        step => matches!(step, Step::Relay),
    };
    if matches!(step, Step::Poison(_)) {
        return Weather::Fair;
    }
    if asks_indexes && random.percent(30) {
        return Weather::StaleIndex { times: u32::MAX };
    }
    if !random.percent(25) {
        return Weather::Fair;
    }
    let crash = |random: &mut Random| Weather::Crash {
        write: u32::try_from(random.below(3)).unwrap_or(0),
        takes_effect: random.percent(50),
    };
    let times = u32::try_from(random.between(1, 6)).unwrap_or(1);
    match random.below(9) {
        0..=2 => crash(random),
        3 => Weather::Lost { times: times.min(4) },
        4 => Weather::AnswerLost,
        5 => Weather::Throttled { times },
        6 => Weather::Conflict { times },
        7 if matches!(step, Step::Work(_) | Step::Sweep | Step::Request(_)) => {
            Weather::Provider { times: times.min(3) }
        }
        _ => Weather::Unheard,
    }
}

/// What the next steps are drawn from.
#[derive(Default)]
pub struct Pool {
    pub events: Vec<Event>,
    pub queue: Vec<Queued>,
    pub asked: Vec<Request>,
    told: BTreeSet<String>,
    keys: u64,
    deleted: usize,
    words: i64,
}

impl Pool {
    /// The next step.
    pub fn draw(&mut self, random: &mut Random, model: &Model, now: i64) -> Step {
        for _ in 0..20 {
            let drawn = match random.below(100) {
                0..=16 => Some(self.book(random, model, now)),
                17..=21 => self.about_booking(random, model, now, "cancel"),
                22..=27 => self.about_booking(random, model, now, "complete"),
                28..=37 => self.about_booking(random, model, now, "consent"),
                38..=41 => self.about_booking(random, model, now, "reschedule"),
                42..=43 => self.about_booking(random, model, now, "door"),
                44..=46 => Some(self.adjust(random, model)),
                47 => Some(Self::offer(random, model)),
                48..=50 => self.asked.last().map(|_| {
                    let recent = self.asked.len().min(25);
                    Step::Request(self.asked[self.asked.len() - 1 - random.below(recent)].clone())
                }),
                51..=76 => self.event(random, model, now),
                77..=82 => Some(Step::Relay),
                83..=95 if !self.queue.is_empty() => Some(self.work(random)),
                96 => Some(Step::Sweep),
                97 if random.percent(80) => Some(Step::Sweep),
                97 => Some(Step::Poison(Poison::draw(random, model))),
                98 => self.delete(random, model, now),
                99 => Some(self.ban(random, model)),
                _ => None,
            };
            if let Some(step) = drawn {
                return step;
            }
        }
        Step::Relay
    }

    fn key(&mut self, random: &mut Random) -> Option<String> {
        match random.below(10) {
            0..=4 => None,
            // Sometimes a key is used for another request, too.
            5 => Some(format!("k{}", self.keys.saturating_sub(random.next() % 5))),
            _ => {
                self.keys += 1;
                Some(format!("k{}", self.keys))
            }
        }
    }

    fn book(&mut self, random: &mut Random, model: &Model, now: i64) -> Step {
        // Seldom somebody whose account is gone; one of the others is in a hurry.
        let gone = |who: &&String| model.deleted.contains(*who);
        let present: Vec<&String> = model.candidates.iter().filter(|who| !gone(who)).collect();
        let who = match random.below(100) {
            0..=4 => random.pick(&model.candidates),
            5..=40 => present[0].clone(),
            _ => random.pick(&present).clone(),
        };
        self.book_as(who, random, model, now)
    }

    fn book_as(&mut self, who: String, random: &mut Random, model: &Model, now: i64) -> Step {
        let interviewers: Vec<&String> = model.offers.keys().collect();
        let interviewer = random.pick(&interviewers).clone();
        let offer = &model.offers[&interviewer];
        let start = start(random, offer.session, offer.phase, now);
        let price = (offer.rate * offer.session / MINUTE + 59) / 60;
        let shown_price = match random.below(10) {
            0..=6 => None,
            7 => Some(price + 1),
            _ => Some(price),
        };
        let mut body = json!({ "interviewerId": interviewer, "startTime": instant(start) });
        if let Some(price) = shown_price {
            body["priceCredits"] = json!(price);
        }
        let ask = Ask::Book { interviewer, start, shown_price };
        let (path, key) = ("/api/bookings".to_owned(), self.key(random));
        Step::Request(Request { who, method: "POST", path, body: body.to_string(), key, ask })
    }

    fn about_booking(&mut self, random: &mut Random, model: &Model, now: i64, what: &str) -> Option<Step> {
        let all: Vec<&Booking> = model.bookings.values().collect();
        let likely: Vec<&Booking> = all
            .iter()
            .copied()
            .filter(|b| match what {
                "complete" => b.is_scheduled() && b.end <= now,
                "reschedule" => b.is_scheduled() && b.start > now + 2 * HOUR,
                // Mostly about sessions that are near.
                "consent" => b.is_scheduled() && b.start < now + 6 * HOUR && b.consents.contains(&None),
                "door" => b.start - 15 * MINUTE <= now && now < b.end + HOUR,
                _ => b.is_scheduled(),
            })
            .collect();
        let from = if likely.is_empty() || random.percent(15) { &all } else { &likely };
        if from.is_empty() {
            return None;
        }
        Some(self.about(random.pick(from), random, model, now, what))
    }

    fn about(&mut self, booking: &Booking, random: &mut Random, model: &Model, now: i64, what: &str) -> Step {
        let id = booking.id.clone();
        let party = random.pick(&[&booking.candidate, &booking.interviewer]).clone();
        let path = format!("/api/bookings/{id}/{what}");
        let (who, method, path, body, ask) = match what {
            "cancel" => {
                let objects = if now >= booking.end { random.percent(80) } else { random.percent(10) };
                let mut body = json!({ "reason": "plans changed" });
                if objects {
                    body["code"] = json!("DID_NOT_TAKE_PLACE");
                }
                (party, "POST", path, body.to_string(), Ask::Cancel { booking: id, objects })
            }
            "complete" => (booking.interviewer.clone(), "POST", path, "{}".to_owned(), Ask::Complete { booking: id }),
            "consent" => {
                let yes = random.percent(88);
                let body = json!({ "version": "2026-11", "record": yes }).to_string();
                (party, "POST", format!("/api/calls/{id}/consent"), body, Ask::Consent { booking: id, yes })
            }
            "door" => (party, "GET", format!("/api/calls/{id}"), String::new(), Ask::Door { booking: id }),
            _ => {
                let offer = &model.offers[&booking.interviewer];
                let near = if random.percent(40) { booking.start - offer.session } else { now };
                let start =
                    if random.percent(5) { booking.start } else { start(random, offer.session, offer.phase, near) };
                let body = json!({ "startTime": instant(start) }).to_string();
                (booking.candidate.clone(), "POST", path, body, Ask::Reschedule { booking: id, start })
            }
        };
        let key = if method == "GET" { None } else { self.key(random) };
        Step::Request(Request { who, method, path, body, key, ask })
    }

    /// What is likely to be in the way of this step.
    pub fn rival(&mut self, random: &mut Random, model: &Model, now: i64, first: &Step) -> Step {
        if random.percent(25) {
            return self.draw(random, model, now);
        }
        if random.percent(30) {
            return first.clone();
        }
        let booking = match first {
            Step::Request(Request { who, path, ask, .. }) => match ask {
                Ask::Book { interviewer, start, .. } => {
                    if random.percent(40) {
                        return self.book_as(who.clone(), random, model, now);
                    }
                    let (interviewer, start) = (interviewer.clone(), *start);
                    let body = json!({ "interviewerId": interviewer, "startTime": instant(start) }).to_string();
                    let (who, path, key) = (random.pick(&model.candidates), path.clone(), self.key(random));
                    let ask = Ask::Book { interviewer, start, shown_price: None };
                    return Step::Request(Request { who, method: "POST", path, body, key, ask });
                }
                Ask::Adjust { person, .. } => return self.book_as(person.clone(), random, model, now),
                Ask::Cancel { booking, .. }
                | Ask::Complete { booking }
                | Ask::Consent { booking, .. }
                | Ask::Reschedule { booking, .. }
                | Ask::Door { booking } => Some(booking.clone()),
                Ask::Rate { .. } | Ask::Accept { .. } => return self.book(random, model, now),
            },
            Step::Event(event) => Some(event.booking.clone()),
            Step::Work(queued) => match &queued.message.effect {
                Effect::CopyRecording { booking_id, .. }
                | Effect::CopyTranscript { booking_id, .. }
                | Effect::SettleBooking { booking_id, .. }
                | Effect::Feedback { booking_id, .. } => Some(booking_id.to_string()),
                _ => None,
            },
            Step::Sweep => {
                let due = model.bookings.values().filter(|b| b.is_scheduled() && b.due <= now);
                let due: Vec<String> = due.map(|b| b.id.clone()).collect();
                if due.is_empty() { None } else { Some(random.pick(&due)) }
            }
            Step::Delete { .. } | Step::Ban { .. } | Step::Poison(_) | Step::Relay => None,
        };
        let Some(booking) = booking.and_then(|id| model.bookings.get(&id)) else {
            return self.draw(random, model, now);
        };
        let settling =
            self.queue.iter().cloned().map(Step::Work).find(|work| work.settles().as_ref() == Some(&booking.id));
        if let Some(settling) = settling.filter(|_| random.percent(30)) {
            return settling;
        }
        if random.percent(5) {
            return Step::Sweep;
        }
        let what = random.pick(&["cancel", "cancel", "complete", "complete", "consent", "reschedule"]);
        self.about(booking, random, model, now, what)
    }

    fn adjust(&mut self, random: &mut Random, model: &Model) -> Step {
        let person = random.pick(&model.candidates);
        let amount = random.pick(&[100, 60, 300, -20, -150, -1]);
        self.adjust_by(person, amount, random.percent(15))
    }

    /// An admin changes a balance, perhaps under a key that was used before.
    pub fn adjust_by(&mut self, person: String, amount: i64, old_key: bool) -> Step {
        self.keys += u64::from(!old_key);
        let path = format!("/api/admin/users/{person}/credits");
        let body = json!({ "amount": amount, "reason": "a correction" }).to_string();
        let (who, key) = (ADMIN.to_owned(), Some(format!("k{}", self.keys)));
        Step::Request(Request { who, method: "POST", path, body, key, ask: Ask::Adjust { person, amount } })
    }

    fn offer(random: &mut Random, model: &Model) -> Step {
        let interviewers: Vec<&String> = model.offers.keys().collect();
        let who = random.pick(&interviewers).clone();
        let (ask, body) = if random.percent(50) {
            let rate = random.between(10, 40);
            (Ask::Rate { rate }, json!({ "creditRate": rate }))
        } else {
            let accepting = !model.offers[&who].accepting || random.percent(60);
            (Ask::Accept { accepting }, json!({ "acceptingBookings": accepting }))
        };
        let (path, body) = ("/api/user/me".to_owned(), body.to_string());
        Step::Request(Request { who, method: "PATCH", path, body, key: None, ask })
    }

    fn event(&mut self, random: &mut Random, model: &Model, now: i64) -> Option<Step> {
        let told: Vec<&Event> = self
            .events
            .iter()
            .filter(|e| {
                model.bookings.get(&e.booking).is_some_and(|b| b.start - 10 * MINUTE <= now && now < b.end + DAY)
            })
            .collect();
        // Mostly what was not told yet.
        let new: Vec<&Event> = told.iter().copied().filter(|e| !self.told.contains(e.name())).collect();
        // Often of a session that may be recorded, since most has to come together for a feedback.
        let recorded = |e: &&Event| model.bookings[&e.booking].may_record();
        let of_recorded: Vec<&Event> = new.iter().copied().filter(recorded).collect();
        let from = if new.is_empty() || random.percent(20) {
            &told
        } else if of_recorded.is_empty() || random.percent(50) {
            &new
        } else {
            &of_recorded
        };
        if !from.is_empty() && random.percent(95) {
            let event = random.pick(from).clone();
            self.told.insert(event.name().clone());
            return Some(Step::Event(event.shuffled(random)));
        }
        self.events.last()?;
        Some(Step::Event(random.pick(&self.events).shuffled(random)))
    }

    /// Often what leads to a feedback, since most has to come together for one.
    fn work(&self, random: &mut Random) -> Step {
        let leads_to_feedback =
            |queued: &&Queued| matches!(queued.message.effect, Effect::CopyTranscript { .. } | Effect::Feedback { .. });
        let urgent: Vec<&Queued> = self.queue.iter().filter(leads_to_feedback).collect();
        let all = urgent.is_empty() || random.percent(50);
        Step::Work(if all { random.pick(&self.queue) } else { random.pick(&urgent).clone() })
    }

    fn ban(&mut self, random: &mut Random, model: &Model) -> Step {
        self.words += 10;
        // Some words come before one that is older.
        let number = self.words + if random.percent(20) { 15 } else { 0 };
        let banned: Vec<&String> = model.words.keys().filter(|person| model.is_banned(person)).collect();
        if !banned.is_empty() && random.percent(80) {
            let person = random.pick(&banned).clone();
            return ban(&person, number, false);
        }
        let people: Vec<&String> = model.candidates.iter().chain(model.offers.keys()).collect();
        let person = random.pick(&people).clone();
        ban(&person, number, random.percent(80))
    }

    fn delete(&mut self, random: &mut Random, model: &Model, now: i64) -> Option<Step> {
        // Mostly somebody who is awaited.
        let coming = model.bookings.values().filter(|b| b.is_scheduled() && b.start > now);
        let awaited: Vec<&String> = coming.map(|b| &b.candidate).collect();
        let person = if !awaited.is_empty() && random.percent(60) {
            random.pick(&awaited).clone()
        } else if random.percent(60) {
            random.pick(&model.candidates)
        } else {
            let interviewers: Vec<&String> = model.offers.keys().collect();
            random.pick(&interviewers).clone()
        };
        // Enough people have to stay for something to happen.
        if self.deleted >= 3 || !random.percent(30) {
            return None;
        }
        self.deleted += 1;
        let body = json!({ "type": "user.deleted", "object": "event", "n": self.deleted,
            "data": { "id": person, "object": "user", "deleted": true } });
        Some(Step::Delete { person, body: body.to_string() })
    }
}

/// What Clerk tells of somebody, as its word of this number.
pub fn ban(person: &str, number: i64, banned: bool) -> Step {
    let at = 1_795_176_000_000 + number;
    let data = json!({ "object": "user", "id": person, "first_name": person, "last_name": null, "image_url": "",
        "primary_email_address_id": null, "email_addresses": [], "banned": banned, "updated_at": at });
    let body = json!({ "type": "user.updated", "object": "event", "timestamp": at, "data": data }).to_string();
    Step::Ban { person: person.to_owned(), number, banned, body }
}

/// A start that is mostly one that the interviewer offers within a day or two.
fn start(random: &mut Random, session: i64, phase: i64, now: i64) -> i64 {
    let first = now.div_euclid(session) * session + phase;
    match random.below(30) {
        0 => first + random.between(0, 3) * 15 * MINUTE,
        1 => first - session,
        2 => first + 200 * DAY / session * session,
        3..=8 => first + session * random.between(1, 40),
        _ => first + session * random.between(1, 7),
    }
}
