//! Two steps at once.

use std::collections::BTreeSet;

use crate::auditor::same;
use crate::model::{Model, NEW};
use crate::script::script;
use crate::steps::Step;
use crate::world::{Check, Outcome, Run, differing, fits};

/// The choice by which each booking that is settled goes the way that is stored; the others send all one way.
const AS_STORED: usize = 2;

impl Run {
    /// Two at once: the first is held at its first write until the second is through. Whatever comes of it must be what
    /// one after the other, in either order, would have led to.
    pub async fn race(&mut self, first: &Step, second: &Step) -> Check {
        let mut held = self.stage.faults.hold_next_write();
        let (one, two) = {
            let mut running = std::pin::pin!(self.act(first));
            tokio::select! {
                outcome = &mut running => {
                    self.stage.faults.calm();
                    (outcome, self.act(second).await)
                }
                () = held.reached() => {
                    let rival = self.act(second).await;
                    held.release();
                    (running.await, rival)
                }
            }
        };
        self.stage.faults.calm();
        self.trace(first, &one);
        self.trace(second, &two);
        self.note_message(first, &one);
        self.note_message(second, &two);
        let touched = self.touched(&[first, second]);
        let mut reasons = Vec::new();
        for order in [[(second, &two), (first, &one)], [(first, &one), (second, &two)]] {
            for choice in [0, 1, AS_STORED] {
                match self.in_order(&order, choice, &touched).await {
                    Ok(model) => {
                        self.model = model;
                        self.saw(if std::ptr::eq(order[0].0, first) {
                            "race: first, second"
                        } else {
                            "race: second, first"
                        });
                        for (step, outcome) in order {
                            self.name_after_race(step, outcome);
                        }
                        return Ok(());
                    }
                    Err(why) => reasons.push(why),
                }
            }
        }
        Err(format!("{one:?}\n{two:?}\nneither order explains it:\n{}", reasons.join("\n")))
    }

    fn name_after_race(&mut self, step: &Step, outcome: &Outcome) {
        let (Step::Request(request), Outcome::Answer(answer)) = (step, outcome) else { return };
        if request.method == "POST" {
            self.pool.asked.push(request.clone());
        }
        if let Some(id) = answer.body["bookingId"].as_str()
            && answer.status == 201
            && !self.pool.events.iter().any(|e| e.booking == id)
            && let Some(booking) = self.model.bookings.get(id).cloned()
        {
            let events = script(&self.stage, &mut self.random, &booking);
            self.pool.events.extend(events);
        }
    }

    /// The bookings that one of these steps may change, even where the other then takes it back.
    fn touched(&self, steps: &[&Step]) -> BTreeSet<String> {
        let alone = steps.iter().flat_map(|step| [0, 1].map(|choice| self.predict(&self.model, step, choice).0));
        let changed = alone.flat_map(|after| differing(&self.model, &after));
        changed.filter(|id| id != NEW).collect()
    }

    /// Two bookings may be settled at once: where one thing or another may become of each, it is taken at its word.
    async fn settle_as_stored(&self, id: &str, before: &Model, after: &mut Model) {
        let Some(booking) = before.bookings.get(id) else { return };
        let stored = self.stage.item(&format!("BOOKING#{id}"), "BOOKING").await.unwrap_or_default();
        let mut outcomes = Model::swept(booking, self.stage.now()).into_iter();
        if let Some(found) = outcomes.find(|b| same(b, &stored).is_ok()) {
            after.bookings.insert(id.to_owned(), found);
        }
    }

    async fn in_order(
        &self,
        order: &[(&Step, &Outcome)],
        choice: usize,
        touched: &BTreeSet<String>,
    ) -> Result<Model, String> {
        let mut model = self.model.clone();
        for (step, outcome) in order {
            // A worker whom a rival kept from its work has done nothing.
            if let Outcome::Worked(Err(why)) = outcome {
                if !matches!(step, Step::Work(_)) || !is_generation(step) {
                    return Err(format!("a worker failed: {why}"));
                }
                continue;
            }
            let (mut after, expected) = self.predict(&model, step, choice);
            if choice == AS_STORED
                && let Some(id) = step.settles()
            {
                self.settle_as_stored(&id, &model, &mut after).await;
            }
            model = after;
            if let (Outcome::Answer(answer), Some(expected)) = (outcome, &expected) {
                fits(answer, expected)?;
                if let Some(id) = answer.body["bookingId"].as_str() {
                    model.name_new(id);
                }
            }
        }
        for id in differing(&self.model, &model).iter().chain(touched) {
            let stored = self.stage.item(&format!("BOOKING#{id}"), "BOOKING").await.unwrap_or_default();
            let predicted = &model.bookings[id];
            same(predicted, &stored)?;
            let (files, expected) = (self.known_files(id).await, (&predicted.transcripts, &predicted.discarded));
            if (&files.0, &files.1) != expected {
                return Err(format!("{id} has the files {files:?}\n  predicted {expected:?}"));
            }
        }
        Ok(model)
    }
}

fn is_generation(step: &Step) -> bool {
    matches!(step, Step::Work(queued) if queued.queue == "generation")
}
