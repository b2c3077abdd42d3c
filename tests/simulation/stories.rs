//! What once went wrong, as the few steps it took, and what shows that the simulation would notice.

use serde_json::{Value, json};
use store::outbox::Effect;

use crate::auditor::{audit, check, lies};
use crate::model::{Ask, DAY, HOUR};
use crate::script::transcript_ready;
use crate::steps::{Request, Step, Weather};
use crate::world::{Check, Run, STREAM_AWAITED};
use tests::stage::{Queued, instant};

/// Who meets at one write.
#[derive(Debug, Clone, Copy)]
pub enum Rivals {
    TwoForOneSlot,
    TwoForOneBalance,
    OneKeyTwice,
    BothCancel,
    MovedAndCancelled,
}

pub const RIVALS: &[Rivals] = &[
    Rivals::TwoForOneSlot,
    Rivals::TwoForOneBalance,
    Rivals::OneKeyTwice,
    Rivals::BothCancel,
    Rivals::MovedAndCancelled,
];

fn request(who: &str, path: &str, body: &Value, key: Option<&str>, ask: Ask) -> Step {
    let (who, path, body, key) = (who.to_owned(), path.to_owned(), body.to_string(), key.map(str::to_owned));
    Step::Request(Request { who, method: "POST", path, body, key, ask })
}

impl Run {
    /// Lets the table write whatever its conditions say.
    pub fn forget_conditions(&self) {
        self.stage.faults.forget_conditions();
    }

    /// Distilled from seed 4: a booking that is settled is not moved, whatever time is asked for.
    pub async fn move_what_is_settled(&mut self) -> Check {
        let (who, booking) = self.one_booking(4 * HOUR).await?;
        let ask = Ask::Cancel { booking: booking.clone(), objects: false };
        self.ask(&who, &format!("/api/bookings/{booking}/cancel"), &json!({ "reason": "plans changed" }), ask).await?;
        for start in [self.stage.now() - HOUR, self.stage.now() + 200 * DAY, self.model.bookings[&booking].start] {
            let ask = Ask::Reschedule { booking: booking.clone(), start };
            let body = json!({ "startTime": instant(start) });
            self.ask(&who, &format!("/api/bookings/{booking}/reschedule"), &body, ask).await?;
        }
        audit(&self.stage, &self.model).await
    }

    /// Distilled from seed 8: somebody says yes and no to the recording at once. Which word came last is told by nothing but
    /// what is stored.
    pub async fn agree_and_refuse_at_once(&mut self) -> Check {
        let (who, booking) = self.one_booking(4 * HOUR).await?;
        let path = format!("/api/calls/{booking}/consent");
        let say = |yes: bool| {
            let body = json!({ "version": "2026-11", "record": yes });
            request(&who, &path, &body, None, Ask::Consent { booking: booking.clone(), yes })
        };
        for (before, first, second) in [(true, true, false), (true, false, true), (false, true, false)] {
            self.step(&say(before), Weather::Fair).await?;
            self.race(&say(first), &say(second)).await?;
            audit(&self.stage, &self.model).await?;
        }
        Ok(())
    }

    /// Distilled from seed 1000040: the last consent comes while a worker is about to throw the transcript away for want of it.
    /// The worker looks again, and keeps it.
    pub async fn agree_while_the_transcript_is_judged(&mut self) -> Check {
        let (who, booking) = self.one_booking(HOUR).await?;
        let path = format!("/api/calls/{booking}/consent");
        let yes = |who: &str| {
            let body = json!({ "version": "2026-11", "record": true });
            request(who, &path, &body, None, Ask::Consent { booking: booking.clone(), yes: true })
        };
        let interviewer = self.model.bookings[&booking].interviewer.clone();
        self.step(&yes(&interviewer), Weather::Fair).await?;
        self.stage.advance(3 * HOUR);
        let event = transcript_ready(&self.stage, &self.model.bookings[&booking]);
        self.step(&Step::Event(event), Weather::Fair).await?;
        self.stage.advance(1);
        self.step(&Step::Relay, Weather::Fair).await?;
        let copy = |queued: &&Queued| matches!(queued.message.effect, Effect::CopyTranscript { .. });
        let copy = self.pool.queue.iter().find(copy).cloned().ok_or("nobody copies the transcript")?;
        self.race(&Step::Work(copy), &yes(&who)).await?;
        assert_eq!(self.model.bookings[&booking].transcripts.len(), 1);
        audit(&self.stage, &self.model).await
    }

    /// Distilled from seed 2: nothing is given back while Stream cannot be asked, and it is once it can.
    pub async fn sweep_without_stream(&mut self) -> Check {
        let (_, booking) = self.one_booking(HOUR).await?;
        self.stage.advance(30 * HOUR);
        self.sweep_and_settle(Weather::Fair).await?;
        self.stage.advance(26 * HOUR);
        let (_, other) = self.one_booking(HOUR).await?;
        self.stage.advance(3 * HOUR);
        self.sweep_and_settle(Weather::Fair).await?;
        self.stage.advance(24 * HOUR);
        self.sweep_and_settle(Weather::Provider { times: 3 }).await?;
        assert!(self.model.bookings[&booking].is_cancelled() && self.model.bookings[&other].is_scheduled());
        self.stage.advance(STREAM_AWAITED);
        self.sweep_and_settle(Weather::Fair).await?;
        assert!(self.model.bookings[&other].is_cancelled());
        audit(&self.stage, &self.model).await
    }

    /// The sweep finds what is due, and all of it is settled in this weather.
    async fn sweep_and_settle(&mut self, weather: Weather) -> Check {
        self.step(&Step::Sweep, Weather::Fair).await?;
        self.stage.advance(1);
        self.step(&Step::Relay, Weather::Fair).await?;
        for work in std::mem::take(&mut self.pool.queue).into_iter().map(Step::Work) {
            if work.settles().is_some() {
                self.step(&work, weather).await?;
            }
        }
        Ok(())
    }

    /// Who repeats a request under its key until it is answered gets it done once, however many requests and answers to
    /// the table are lost.
    pub async fn persist(&mut self) -> Check {
        self.open().await?;
        self.stage.faults.by_seed(11, 400);
        for person in vec![self.model.candidates.clone(); 5].concat() {
            let step = self.pool.adjust_by(person, 7, false);
            let mut tries = 1;
            while !self.act(&step).await.is_certain() {
                tries += 1;
                assert!(tries < 50, "{step:?} is never answered");
            }
            self.model = self.predict(&self.model, &step, 0).0;
        }
        assert!(self.stage.faults.calm() > 10, "there was no trouble");
        audit(&self.stage, &self.model).await
    }

    /// Distilled from seed 10159: an account is gone, and a request of before is repeated under its key while the table's
    /// answers are lost. Nobody is answered before it is known who asks.
    pub async fn repeat_after_the_account_is_gone(&mut self) -> Check {
        self.open().await?;
        let (who, interviewer) = ("cara0".to_owned(), "ivy0".to_owned());
        let start = self.stage.now().div_euclid(HOUR) * HOUR + 5 * HOUR;
        let body = json!({ "interviewerId": interviewer, "startTime": instant(start) });
        let ask = Ask::Book { interviewer, start, shown_price: None };
        let book = request(&who, "/api/bookings", &body, Some("again"), ask);
        self.step(&book, Weather::Fair).await?;
        let body = json!({ "type": "user.deleted", "object": "event", "n": 1,
            "data": { "id": who, "object": "user", "deleted": true } });
        self.step(&Step::Delete { person: who, body: body.to_string() }, Weather::Fair).await?;
        for times in 1..6 {
            self.step(&book, Weather::Lost { times }).await?;
        }
        audit(&self.stage, &self.model).await
    }

    /// An account is deleted a moment after it was booked with, and the indexes do not show the booking yet.
    pub async fn delete_behind_the_indexes(&mut self) -> Check {
        self.stage.faults.remember_indexes();
        let (_, booking) = self.one_booking(4 * HOUR).await?;
        let person = self.model.bookings[&booking].interviewer.clone();
        let body = json!({ "type": "user.deleted", "object": "event", "n": 1,
            "data": { "id": person, "object": "user", "deleted": true } });
        self.step(&Step::Delete { person, body: body.to_string() }, Weather::Fair).await?;
        self.stage.advance(1);
        self.step(&Step::Relay, Weather::Fair).await?;
        let is_asked = |queued: &&Queued| matches!(queued.message.effect, Effect::CancelBookings { .. });
        let asked = self.pool.queue.iter().find(is_asked).cloned().ok_or("nobody cancels")?;
        self.step(&Step::Work(asked.clone()), Weather::StaleIndex { times: 4 }).await?;
        assert!(self.model.bookings[&booking].is_scheduled(), "nobody knows of it");
        let again = self.pool.queue.iter().find(is_asked).cloned().ok_or("the message does not come back")?;
        assert_eq!(again.receives, asked.receives + 1);
        self.step(&Step::Work(again), Weather::Fair).await?;
        assert!(self.model.bookings[&booking].is_cancelled());
        audit(&self.stage, &self.model).await
    }

    /// A candidate books a session that begins after so many seconds, or a little later.
    async fn one_booking(&mut self, after: i64) -> Result<(String, String), String> {
        self.open().await?;
        let (who, interviewer) = ("cara0".to_owned(), "ivy0".to_owned());
        let start = (self.stage.now() + after).div_euclid(HOUR) * HOUR + HOUR;
        let body = json!({ "interviewerId": interviewer, "startTime": instant(start) });
        self.ask(&who, "/api/bookings", &body, Ask::Book { interviewer, start, shown_price: None }).await?;
        let newest = self.model.bookings.keys().next_back().cloned().ok_or("nothing was booked")?;
        self.step(&Step::Relay, Weather::Fair).await?;
        for queued in std::mem::take(&mut self.pool.queue) {
            self.step(&Step::Work(queued), Weather::Fair).await?;
        }
        Ok((who, newest))
    }

    async fn ask(&mut self, who: &str, path: &str, body: &Value, ask: Ask) -> Check {
        self.step(&request(who, path, body, None, ask), Weather::Fair).await
    }

    /// Lets two requests meet: the first is held at its first write until the second is through.
    pub async fn compete(&mut self, rivals: Rivals) -> Check {
        let (candidate, booking) = self.one_booking(6 * HOUR).await?;
        let interviewer = self.model.bookings[&booking].interviewer.clone();
        let start = self.model.bookings[&booking].start + 3 * HOUR;
        let book = |who: &str, start: i64, key: Option<&str>| {
            let body = json!({ "interviewerId": interviewer, "startTime": instant(start) });
            let ask = Ask::Book { interviewer: interviewer.clone(), start, shown_price: None };
            request(who, "/api/bookings", &body, key, ask)
        };
        let cancel = |who: &str| {
            let ask = Ask::Cancel { booking: booking.clone(), objects: false };
            let path = format!("/api/bookings/{booking}/cancel");
            request(who, &path, &json!({ "reason": "plans changed" }), None, ask)
        };
        let (first, second) = match rivals {
            Rivals::TwoForOneSlot => (book("cara1", start, None), book("cara2", start, None)),
            Rivals::TwoForOneBalance => {
                // Enough is left for one of them.
                let step = self.pool.adjust_by("cara1".to_owned(), -170, false);
                self.step(&step, Weather::Fair).await?;
                (book("cara1", start, None), book("cara1", start + HOUR, None))
            }
            Rivals::OneKeyTwice => (book("cara1", start, Some("twice")), book("cara1", start, Some("twice"))),
            Rivals::BothCancel => (cancel(&candidate), cancel(&interviewer)),
            Rivals::MovedAndCancelled => {
                let ask = Ask::Reschedule { booking: booking.clone(), start };
                let path = format!("/api/bookings/{booking}/reschedule");
                let body = json!({ "startTime": instant(start) });
                (request(&candidate, &path, &body, None, ask), cancel(&interviewer))
            }
        };
        self.race(&first, &second).await?;
        audit(&self.stage, &self.model).await
    }

    /// Tells the auditor one lie after the other; each must be found.
    pub async fn lie_to_the_auditor(&self) {
        let items = self.stage.items();
        assert_eq!(check(items.clone(), &self.model), Ok(()));
        for (lie, named, items) in lies(&items) {
            let found = check(items, &self.model).expect_err(lie);
            assert!(found.starts_with(named) || found.contains(named), "{lie}: {found}");
        }
    }
}
