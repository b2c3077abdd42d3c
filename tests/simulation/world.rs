//! One world: its application, its model, and what happens until something is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use domain::patience::RECEIVES;
use kit::write::sha256_hex;
use serde_json::{Value, json};
use simulators::{GeminiScript, Reply};
use store::outbox::Effect;
use testing::{Answer, Fate, Trouble};

use crate::auditor::{audit, same, shown};
use crate::model::{Ask, Booking, CANDIDATE, DAY, Expected, HOUR, INTERVIEWER, MINUTE, Model, NEW, Offer, State};
use crate::poison::lies_aside;
use crate::random::Random;
use crate::script::{RECORDING, script};
use crate::steps::{Pool, Request, Step, Weather, weather};
use tests::stage::{ADMIN, Queued, Stage};

/// How often everything is checked.
const AUDIT_EVERY: usize = 100;
/// How long a lease on a generation may keep others out after its holder has died, with room to spare.
const LEASE: i64 = HOUR;
/// How long the sweep waits where Stream could not be asked.
pub const STREAM_AWAITED: i64 = 15 * MINUTE;

/// What came of a step.
#[derive(Debug, Clone)]
pub enum Outcome {
    Answer(Answer),
    Worked(Result<(), String>),
    Ran(bool),
    /// Nobody heard.
    Unheard,
}

impl Outcome {
    /// Whether it is known what was done.
    pub fn is_certain(&self) -> bool {
        match self {
            Self::Answer(answer) => answer.status != 503,
            Self::Worked(outcome) => outcome.is_ok(),
            Self::Ran(went_well) => *went_well,
            Self::Unheard => false,
        }
    }
}

pub struct Run {
    pub stage: Stage,
    pub model: Model,
    pub random: Random,
    pub pool: Pool,
    /// Until when the lease of a worker that died may be in the way, by booking.
    leases: BTreeMap<String, i64>,
    verbose: bool,
    /// Whether time hardly passes just now.
    is_slow: bool,
    /// How often what happened, for the proof that it did.
    pub seen: BTreeMap<String, usize>,
    trace: DefaultHasher,
}

pub type Check = Result<(), String>;

impl Run {
    pub async fn new(seed: u64, verbose: bool) -> Self {
        let stage = Stage::new(seed).await;
        let mut model = Model::default();
        stage.world.add_person(ADMIN, domain::user::Role::Admin).await;
        for n in 0..6 {
            let id = format!("cara{n}");
            stage.world.add_candidate(&id, 0).await;
            model.candidates.push(id);
        }
        // Full hours, half hours (so that sessions straddle the UTC day), and an hour and a half.
        for (id, zone, minutes, phase, rate) in
            [("ivy0", "UTC", 60, 0, 20), ("ivy1", "Asia/Kolkata", 60, 30, 25), ("ivy2", "UTC", 90, 0, 30)]
        {
            let mut rule = testing::availability_all_day(minutes);
            rule["timezone"] = json!(zone);
            stage.add_interviewer(id, rate, rule).await;
            let offer = Offer { session: i64::from(minutes) * MINUTE, phase: phase * MINUTE, rate, accepting: true };
            model.offers.insert(id.to_owned(), offer);
        }
        let random = Random::new(seed);
        Self {
            stage,
            model,
            random,
            pool: Pool::default(),
            leases: BTreeMap::new(),
            verbose,
            is_slow: false,
            seen: BTreeMap::new(),
            trace: DefaultHasher::new(),
        }
    }

    /// Lets `operations` things happen, then lets the dust settle.
    pub async fn run(&mut self, operations: usize, mut progress: impl FnMut()) -> Result<(), (usize, String)> {
        self.open().await.map_err(|why| (0, why))?;
        for number in 1..=operations {
            self.operation(number).await.map_err(|why| (number, why))?;
            if number % AUDIT_EVERY == 0 {
                audit(&self.stage, &self.model).await.map_err(|why| (number, why))?;
            }
            progress();
        }
        self.settle().await.map_err(|why| (operations, format!("after the dust has settled: {why}")))
    }

    /// Everybody has something to spend.
    pub async fn open(&mut self) -> Check {
        for person in self.model.candidates.clone() {
            let step = self.pool.adjust_by(person, 200, false);
            self.step(&step, Weather::Fair).await?;
        }
        Ok(())
    }

    async fn operation(&mut self, number: usize) -> Check {
        self.pass_time();
        if number == 1 || self.random.percent(1) {
            self.stage.faults.remember_indexes();
        }
        let now = self.stage.now();
        let step = self.pool.draw(&mut self.random, &self.model, now);
        if self.random.percent(15) {
            let rival = self.pool.rival(&mut self.random, &self.model, now, &step);
            self.say(number, || format!("{step:?}\n    against {rival:?}"));
            return self.race(&step, &rival).await.map_err(|why| format!("{step:?}\nagainst {rival:?}\n{why}"));
        }
        let weather = weather(&mut self.random, &step);
        self.say(number, || format!("{weather:?} {step:?}"));
        self.step(&step, weather).await.map_err(|why| format!("{weather:?} {step:?}\n{why}"))
    }

    /// Notes what a step was and what came of it.
    pub fn trace(&mut self, step: &Step, outcome: &Outcome) {
        let came = match outcome {
            Outcome::Answer(answer) => format!("{} {}", answer.status, answer.body),
            other => format!("{other:?}"),
        };
        if self.verbose {
            eprintln!("    {came}");
        }
        // Why a worker failed is told with the date of an answer, and files are served at another port each time.
        let came = if let Outcome::Worked(outcome) = outcome { format!("{}", outcome.is_ok()) } else { came };
        let line = format!("{} {step:?} {came}", self.stage.now()).replace(&self.stage.faults.url(), "");
        line.hash(&mut self.trace);
    }

    /// A digest of everything that was done and of what came of it.
    pub fn digest(&self) -> u64 {
        self.trace.finish()
    }

    fn say(&self, number: usize, what: impl FnOnce() -> String) {
        if self.verbose {
            eprintln!("{number} at {}: {}", self.stage.app.now(), what());
        }
    }

    /// Mostly a little; sometimes to an instant at which something changes, or one second beside it.
    fn pass_time(&mut self) {
        let now = self.stage.now();
        self.is_slow ^= self.random.percent(1);
        if self.is_slow {
            return self.stage.advance(self.random.between(1, 15));
        }
        let scheduled: Vec<&Booking> = self.model.bookings.values().filter(|b| b.is_scheduled()).collect();
        let to = match self.random.below(100) {
            0..=3 if !scheduled.is_empty() => {
                let booking = self.random.pick(&scheduled);
                let edges = [booking.start - 2 * HOUR, booking.start, booking.end, booking.end, booking.due];
                self.random.pick(&edges) + self.random.between(-1, 1)
            }
            4 => now + self.random.between(10 * MINUTE, 3 * HOUR),
            5..=15 => now + self.random.between(MINUTE, 20 * MINUTE),
            _ => now + self.random.between(1, 60),
        };
        // A second a step keeps everybody below the limit of a hundred writes a minute.
        self.stage.advance((to - now).max(1));
    }

    pub fn saw(&mut self, what: impl Into<String>) {
        *self.seen.entry(what.into()).or_default() += 1;
    }

    pub async fn act(&self, step: &Step) -> Outcome {
        match step {
            Step::Request(Request { who, method, path, body, key, .. }) => {
                Outcome::Answer(self.stage.call(who, method, path, body, key.as_deref()).await)
            }
            Step::Event(event) => {
                let (last, before) = event.bodies.split_last().expect("something is told");
                for body in before {
                    let answer = self.stage.hear_stream(body).await;
                    if answer.status != 200 {
                        return Outcome::Answer(answer);
                    }
                }
                Outcome::Answer(self.stage.hear_stream(last).await)
            }
            Step::Delete { body, .. } | Step::Ban { body, .. } => Outcome::Answer(self.stage.hear_clerk(body).await),
            Step::Poison(poison) => {
                poison.put(&self.stage);
                Outcome::Ran(true)
            }
            Step::Work(queued) => {
                let received = Queued { receives: queued.receives + 1, ..queued.clone() };
                Outcome::Worked(self.stage.work(&received).await)
            }
            Step::Relay => Outcome::Ran(self.stage.relay().await),
            Step::Sweep => Outcome::Ran(self.stage.sweep().await),
        }
    }

    /// What a step makes of a model. `choice` picks among what may become of a booking that is due.
    pub fn predict(&self, model: &Model, step: &Step, choice: usize) -> (Model, Option<Expected>) {
        let (mut after, now) = (model.clone(), self.stage.now());
        let told = Some(Expected { status: 200, ..Expected::default() });
        let expected = match step {
            Step::Request(r) => Some(after.ask(&r.who, &r.path, &r.body, r.key.as_deref(), &r.ask, now)),
            Step::Event(event) => {
                after.hear(&event.booking, &event.fact);
                told
            }
            Step::Delete { person, .. } => {
                after.deleted.insert(person.clone());
                told
            }
            Step::Work(queued) => {
                match &queued.message.effect {
                    Effect::CopyRecording { booking_id, file } => {
                        after.take_file(&booking_id.to_string(), &file.filename, None);
                    }
                    Effect::CopyTranscript { booking_id, file } => {
                        let is_rich = file.filename.starts_with("rich");
                        after.take_file(&booking_id.to_string(), &file.filename, Some(is_rich));
                    }
                    Effect::Feedback { booking_id, .. } => after.write_feedback(&booking_id.to_string()),
                    Effect::CancelBookings { user_id, .. } => after.cancel_bookings_of(user_id.as_str(), now),
                    Effect::SettleBooking { booking_id, .. } => {
                        if let Some(booking) = after.bookings.get_mut(&booking_id.to_string()) {
                            let outcomes = Model::swept(booking, now);
                            *booking = outcomes[choice.min(outcomes.len() - 1)].clone();
                        }
                    }
                    _ => {}
                }
                None
            }
            Step::Ban { person, number, banned, .. } => {
                after.hear_clerk(person, *number, *banned);
                told
            }
            Step::Poison(poison) => {
                after.poison.insert(poison.sort().clone());
                None
            }
            Step::Relay | Step::Sweep => None,
        };
        (after, expected)
    }

    fn cloud(&self, weather: Weather) {
        let strike = |fate, times| {
            self.stage.faults.strike(Trouble { fate, writes_only: fate == Fate::AnswerLost, after: 0, times });
        };
        match weather {
            Weather::Fair | Weather::Unheard => {}
            Weather::Crash { write, takes_effect } => self.stage.faults.stop_at_write(write, takes_effect),
            Weather::Lost { times } => strike(Fate::Lost, times),
            Weather::AnswerLost => strike(Fate::AnswerLost, 1),
            Weather::Throttled { times } => strike(Fate::Throttled, times),
            Weather::Conflict { times } => strike(Fate::Conflict, times),
            Weather::StaleIndex { times } => self.stage.faults.let_indexes_lag(times),
            Weather::Provider { times } => {
                self.stage.stream.fail(simulators::Fault { status: 503, times, ..simulators::Fault::default() });
                let responses = vec![Reply::Unavailable; times as usize];
                self.stage.gemini.script(GeminiScript { responses, ..GeminiScript::default() });
            }
        }
    }

    /// Ends all trouble. Says whether there was any.
    async fn clear(&self, weather: Weather) -> bool {
        let struck = self.stage.faults.calm() > 0;
        if matches!(weather, Weather::Provider { .. }) {
            self.stage.gemini.reset();
            self.stage.reset_stream().await;
        }
        struck || matches!(weather, Weather::Provider { .. } | Weather::Unheard)
    }

    /// One step, and what it did.
    pub async fn step(&mut self, step: &Step, weather: Weather) -> Check {
        self.cloud(weather);
        let paid_before = self.stage.gemini.generations();
        let mut outcome = self.act(step).await;
        self.trace(step, &outcome);
        if self.stage.gemini.generations() > paid_before && !self.wants_feedback(step) {
            return Err("I8: a model was asked for what is stored, or for nobody".to_owned());
        }
        let was_troubled = self.clear(weather).await;
        if weather == Weather::Unheard && !matches!(step, Step::Work(_)) {
            outcome = Outcome::Unheard;
        }
        if let Outcome::Answer(answer) = &outcome
            && answer.status == 500
        {
            return Err(format!("an internal error: {}", answer.body));
        }
        self.note_message(step, &outcome);
        self.saw(step.name());
        if let (Step::Request(_), Outcome::Answer(answer)) = (step, &outcome) {
            let code = if answer.status < 300 { "done" } else { answer.code() };
            self.saw(format!("{} {code}", step.name()));
        }
        if was_troubled {
            let name = format!("{weather:?}");
            self.saw(name.split_whitespace().next().unwrap_or_default());
        }
        if !outcome.is_certain() {
            if !was_troubled && !self.may_fail(step) {
                return Err(format!("it failed for no reason: {outcome:?}"));
            }
            self.find_out(step).await?;
            return self.ask_again(step).await;
        }
        let (after, expected) = self.predict(&self.model, step, 0);
        if let (Outcome::Answer(answer), Some(expected)) = (&outcome, &expected) {
            fits(answer, expected)?;
            self.model = after;
            self.welcome(step, answer);
        } else if step.settles().is_some() || was_troubled {
            // Whether Stream has brought news has to be looked at.
            self.find_out_bookings(step, was_troubled).await?;
        } else {
            let changed = differing(&self.model, &after);
            self.model = after;
            self.confirm(&changed).await?;
        }
        Ok(())
    }

    /// Whether a step may ask the model: there is something to judge, and no feedback yet.
    fn wants_feedback(&self, step: &Step) -> bool {
        let Step::Work(queued) = step else { return false };
        let Effect::Feedback { booking_id, .. } = &queued.message.effect else { return false };
        let booking = &self.model.bookings[&booking_id.to_string()];
        let is_rich = booking.transcripts.values().any(|is_rich| *is_rich);
        is_rich && !booking.is_cancelled() && booking.feedback != Some("COMPLETE")
    }

    /// Whether a worker may have failed although all is well now: a rival that died still has its lease, or the message is
    /// on its way to the operators.
    fn may_fail(&self, step: &Step) -> bool {
        let Step::Work(queued) = step else { return false };
        let Effect::Feedback { booking_id, .. } = &queued.message.effect else { return false };
        let id = booking_id.to_string();
        let leased = self.leases.get(&id).is_some_and(|until| *until > self.stage.now());
        leased || self.model.bookings[&id].feedback == Some("FAILED") && queued.receives > 0
    }

    /// Messages come and go: what failed comes back, and what went well may come back too.
    pub fn note_message(&mut self, step: &Step, outcome: &Outcome) {
        if let Step::Work(queued) = step
            && let Some(place) = self.pool.queue.iter().position(|q| q == queued)
        {
            let went_well = matches!(outcome, Outcome::Worked(Ok(())));
            if went_well && self.random.percent(85) {
                self.pool.queue.swap_remove(place);
            } else if !went_well {
                let message = &mut self.pool.queue[place];
                // After the last time it lies in the dead-letter queue, from which operators send it anew.
                message.receives = (message.receives + 1) % RECEIVES;
                if let Effect::Feedback { booking_id, .. } = &queued.message.effect {
                    self.leases.insert(booking_id.to_string(), self.stage.now() + LEASE);
                }
            }
        }
        self.pool.queue.extend(self.stage.take_sent());
    }

    /// A new booking has a name and a call that will be told of.
    fn welcome(&mut self, step: &Step, answer: &Answer) {
        if let Step::Request(request) = step
            && request.method == "POST"
        {
            self.pool.asked.push(request.clone());
        }
        if self.model.bookings.contains_key(NEW)
            && let Some(id) = answer.body["bookingId"].as_str()
        {
            self.name_new(id);
        }
    }

    fn name_new(&mut self, id: &str) {
        self.model.name_new(id);
        let events = script(&self.stage, &mut self.random, &self.model.bookings[id]);
        self.pool.events.extend(events);
    }

    /// Who did not get an answer often asks again; under a key that must not do it twice.
    async fn ask_again(&mut self, step: &Step) -> Check {
        let Step::Request(request) = step else { return Ok(()) };
        if request.method == "POST" {
            self.pool.asked.push(request.clone());
        }
        if !self.random.percent(50) {
            return Ok(());
        }
        let outcome = self.act(step).await;
        self.trace(step, &outcome);
        let (after, expected) = self.predict(&self.model, step, 0);
        let (Outcome::Answer(answer), Some(expected)) = (&outcome, &expected) else { return Ok(()) };
        fits(answer, expected).map_err(|why| format!("asked again: {why}"))?;
        let replayed = expected.replayed;
        self.saw(if replayed { "asked again and replayed" } else { "asked again" });
        self.model = after;
        self.welcome(step, answer);
        Ok(())
    }

    /// Whether a step whose answer was lost was done: read from one fact, since it is one transaction.
    async fn find_out(&mut self, step: &Step) -> Check {
        if matches!(step, Step::Work(_) | Step::Sweep | Step::Relay) {
            return self.find_out_bookings(step, true).await;
        }
        let (after, expected) = self.predict(&self.model, step, 0);
        let done = match step {
            // It is told until all of it is heard.
            Step::Event(event) if event.bodies.len() > 1 => {
                matches!(self.act(step).await, Outcome::Answer(a) if a.status == 200)
            }
            Step::Event(event) => self.was_seen("stream", &event.bodies[0]).await,
            Step::Delete { body, .. } | Step::Ban { body, .. } => self.was_seen("clerk", body).await,
            Step::Request(request) => {
                if expected.as_ref().is_some_and(|e| e.replayed || e.status >= 400) {
                    return self.unchanged(step).await;
                }
                self.was_done(request, &after).await?
            }
            _ => false,
        };
        self.saw(if done { "done without an answer" } else { "not done, without an answer" });
        if done {
            self.model = after;
            if self.model.bookings.contains_key(NEW) {
                let id = self.unknown_booking(step).await.ok_or("a new booking cannot be found")?;
                self.name_new(&id);
            }
        } else {
            self.unchanged(step).await?;
        }
        Ok(())
    }

    async fn was_seen(&self, provider: &str, body: &str) -> bool {
        let pk = format!("WEBHOOK#{provider}#{}", sha256_hex(body.as_bytes()));
        self.stage.item(&pk, "EVENT").await.is_some()
    }

    async fn unknown_booking(&self, step: &Step) -> Option<String> {
        let Step::Request(Request { who, ask: Ask::Book { .. }, .. }) = step else { return None };
        self.stage.bookings_of(who).await.into_iter().find(|id| !self.model.bookings.contains_key(id))
    }

    /// What was refused, or not done, has left nothing.
    async fn unchanged(&self, step: &Step) -> Check {
        match self.unknown_booking(step).await {
            Some(id) => Err(format!("booking {id} was made all the same")),
            None => Ok(()),
        }
    }

    async fn was_done(&self, request: &Request, after: &Model) -> Result<bool, String> {
        if let Ask::Rate { .. } | Ask::Accept { .. } = request.ask {
            let profile = self.stage.item(&format!("USER#{}", request.who), "PROFILE").await.unwrap_or_default();
            let offer = &after.offers[&request.who];
            let interviewer = &profile["interviewer"];
            return Ok(interviewer["creditRate"] == offer.rate && interviewer["acceptingBookings"] == offer.accepting);
        }
        if let Ask::Book { .. } = request.ask {
            return Ok(self.unknown_booking(&Step::Request(request.clone())).await.is_some());
        }
        if let Some(id) = differing(&self.model, after).first() {
            let stored = self.stage.item(&format!("BOOKING#{id}"), "BOOKING").await.unwrap_or_default();
            if same(&after.bookings[id], &stored).is_ok() {
                return Ok(true);
            }
            return same(&self.model.bookings[id], &stored).map(|()| false);
        }
        let Some(key) = &request.key else { return Ok(false) };
        // Nothing that shows was changed, but the answer may have been remembered.
        let pk = format!("IDEMPOTENCY#{}#{} {}#{key}", request.who, request.method, request.path);
        let record = self.stage.item(&pk, "REQUEST").await.unwrap_or_default();
        Ok(record["expiresAt"] == self.stage.now() + DAY)
    }

    /// What a worker did, booking by booking; each is a transaction of its own.
    async fn find_out_bookings(&mut self, step: &Step, may_be_undone: bool) -> Check {
        let (first, _) = self.predict(&self.model, step, 0);
        let (second, _) = self.predict(&self.model, step, 1);
        let mut changed = differing(&self.model, &first);
        changed.extend(differing(&self.model, &second));
        if let Step::Work(queued) = step
            && let Effect::Feedback { booking_id, .. } = &queued.message.effect
        {
            changed.push(booking_id.to_string());
        }
        changed.sort();
        changed.dedup();
        for id in changed {
            let stored = self.stage.item(&format!("BOOKING#{id}"), "BOOKING").await.unwrap_or_default();
            let before = self.model.bookings[&id].clone();
            let failed = |feedback| Booking { feedback, ..before.clone() };
            let mut possible = vec![first.bookings[&id].clone(), second.bookings[&id].clone()];
            if may_be_undone {
                possible.push(before.clone());
            }
            if may_be_undone && before.feedback != Some("COMPLETE") && matches!(step, Step::Work(_)) {
                // A generation that failed for good says so, and one that begins anew takes that back.
                possible.extend([failed(Some("FAILED")), failed(None)]);
            }
            if may_be_undone && step.settles().as_ref() == Some(&id) && before.is_scheduled() {
                // Nothing that Stream could change is decided while it cannot be asked.
                possible.push(Booking { due: self.stage.now() + STREAM_AWAITED, ..before.clone() });
            }
            let Some(found) = possible.iter().find(|b| same(b, &stored).is_ok()) else {
                let shown = shown(&stored);
                return Err(format!("booking {id}\n  stored    {shown}\n  possible are {possible:?}"));
            };
            let mut found = found.clone();
            if may_be_undone {
                (found.transcripts, found.discarded) = self.known_files(&id).await;
            }
            self.model.bookings.insert(id, found);
        }
        Ok(())
    }

    /// The transcripts in the bucket, and the files that nobody may have, as they are stored.
    pub async fn known_files(&self, booking: &str) -> (BTreeMap<String, bool>, BTreeSet<String>) {
        let (mut transcripts, mut discarded) = (BTreeMap::new(), BTreeSet::new());
        for (kind, name) in [("TRANSCRIPT", "rich.jsonl"), ("TRANSCRIPT", "thin.jsonl"), ("RECORDING", RECORDING)] {
            let sk = format!("MEDIA#{kind}#{}", store::media::digest("session-1", name));
            let Some(known) = self.stage.item(&format!("BOOKING#{booking}"), &sk).await else { continue };
            if known["objectKey"].is_null() {
                discarded.insert(name.to_owned());
            } else if kind == "TRANSCRIPT" {
                transcripts.insert(name.to_owned(), name.starts_with("rich"));
            }
        }
        (transcripts, discarded)
    }

    /// These bookings are stored as the model has them.
    async fn confirm(&self, ids: &[String]) -> Check {
        for id in ids {
            let stored = self.stage.item(&format!("BOOKING#{id}"), "BOOKING").await.unwrap_or_default();
            same(&self.model.bookings[id], &stored)?;
        }
        Ok(())
    }

    /// All trouble ends, everything that waits is done, and everything that is due is settled (I7).
    async fn settle(&mut self) -> Check {
        for round in 0..12 {
            self.stage.advance(if round % 2 == 0 { 5 * HOUR } else { 26 * HOUR });
            self.step(&Step::Sweep, Weather::Fair).await?;
            self.stage.advance(1);
            self.step(&Step::Relay, Weather::Fair).await?;
            for mut queued in std::mem::take(&mut self.pool.queue) {
                queued.receives = 0;
                self.pool.queue = vec![queued.clone()];
                self.step(&Step::Work(queued), Weather::Fair).await.map_err(|why| format!("worker: {why}"))?;
                self.pool.queue.clear();
            }
        }
        audit(&self.stage, &self.model).await?;
        let now = self.stage.now();
        for booking in self.model.bookings.values() {
            let reason = match &booking.state {
                State::Scheduled { .. } => "still scheduled",
                State::Completed { reason } | State::Cancelled { reason, .. } => reason,
            };
            *self.seen.entry(format!("settled: {reason}")).or_default() += 1;
            if let Some(feedback) = booking.feedback {
                *self.seen.entry(format!("feedback: {feedback}")).or_default() += 1;
            }
            if booking.is_scheduled() && booking.end + 2 * DAY < now {
                return Err(format!("nobody settles {booking:?}"));
            }
            let side = [CANDIDATE, INTERVIEWER].map(|side| booking.consents[side]);
            let is_rich = booking.transcripts.values().any(|is_rich| *is_rich);
            if is_rich && !booking.is_cancelled() && booking.feedback != Some("COMPLETE") {
                return Err(format!("there is no feedback, consents are {side:?}: {booking:?}"));
            }
        }
        let items = self.stage.items();
        if let Some(sort) = self.model.poison.iter().find(|sort| !lies_aside(&items, sort)) {
            return Err(format!("{sort} cannot be settled and was not set aside"));
        }
        let waiting = items.iter().find(|item| tests::stage::waits(item));
        waiting.map_or(Ok(()), |row| Err(format!("I7: a row still waits: {row}")))
    }
}

/// Whether an answer is the one that was predicted.
pub fn fits(answer: &Answer, expected: &Expected) -> Check {
    let shown = answer.body["status"].as_str();
    let wallet = &answer.body["wallet"];
    let replayed = answer.headers.contains_key("idempotent-replayed");
    let balances = |wallet: &Value| wallet["available"].as_i64().zip(wallet["held"].as_i64());
    let right = answer.status == expected.status
        && (expected.status < 400 || answer.code() == expected.code)
        && (expected.shows.is_none() || expected.shows == shown)
        && (expected.wallet.is_none() || expected.wallet == balances(wallet))
        && expected.replayed == replayed;
    if right {
        return Ok(());
    }
    let told = if replayed { "replayed " } else { "" };
    Err(format!("answered {told}{} {}\n  predicted {expected:?}", answer.status, answer.body))
}

/// The bookings in which two models differ.
pub fn differing(before: &Model, after: &Model) -> Vec<String> {
    let changed = after.bookings.iter().filter(|(id, booking)| before.bookings.get(*id) != Some(booking));
    changed.map(|(id, _)| id.clone()).collect()
}
