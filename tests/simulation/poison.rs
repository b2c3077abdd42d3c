//! What becomes due and can never be settled: it has to be set aside, and must keep nothing else from being settled.

use jiff::Timestamp;
use serde_json::{Value, json};
use store::keys;
use tests::stage::{Stage, instant};

use crate::model::{HOUR, Model};
use crate::random::Random;

/// Why it can never be settled.
#[derive(Debug, Clone, PartialEq)]
pub enum Poison {
    /// Its booking cannot be read.
    Unreadable { sort: String },
    /// It is of no booking.
    Misnamed { sort: String },
    /// Its booking is like another, and its credits are not held.
    Unheld { sort: String, like: String },
}

impl Poison {
    pub fn draw(random: &mut Random, model: &Model) -> Self {
        let number = model.poison.len();
        let sort = format!("bkg_{number:026}");
        let bookings: Vec<&String> = model.bookings.keys().collect();
        match random.below(3) {
            0 => Self::Misnamed { sort: format!("nothing-{number}") },
            1 if !bookings.is_empty() => Self::Unheld { sort, like: random.pick(&bookings).clone() },
            _ => Self::Unreadable { sort },
        }
    }

    /// The sort key of the row that is due.
    pub fn sort(&self) -> &String {
        match self {
            Self::Unreadable { sort } | Self::Misnamed { sort } | Self::Unheld { sort, .. } => sort,
        }
    }

    /// What is put into the table, so that it is due now.
    pub fn put(&self, stage: &Stage) {
        let (sort, now) = (self.sort(), stage.now());
        let text = |text: &str| json!({ "S": text });
        let due = keys::due_row(Timestamp::from_second(now).expect("an instant"), sort);
        let row = json!({ "pk": text(&due.pk), "sk": text(sort), "dueAt": text(&instant(now)) });
        let mut booking = json!({ "pk": text(&format!("BOOKING#{sort}")), "sk": text("BOOKING") });
        let items = match self {
            Self::Misnamed { .. } => json!([row]),
            Self::Unreadable { .. } => json!([row, booking]),
            Self::Unheld { like, .. } => {
                let pk = format!("BOOKING#{like}");
                let mut stored = stage.stored().into_iter();
                let stored = stored.find(|item| item["pk"]["S"] == *pk && item["sk"]["S"] == "BOOKING");
                for (name, value) in stored.expect("it is stored").as_object().unwrap() {
                    let is_its_own = ["pk", "sk", "settlement", "cancellation"].contains(&name.as_str());
                    if !is_its_own && !name.starts_with("gsi") {
                        booking[name] = value.clone();
                    }
                }
                booking["bookingId"] = text(sort);
                booking["status"] = text("SCHEDULED");
                booking["startTime"] = text(&instant(now - 50 * HOUR));
                booking["endTime"] = text(&instant(now - 49 * HOUR));
                booking["dueAt"] = text(&instant(now));
                booking["creditsCharged"] = json!({ "N": "1000000000" });
                json!([row, booking])
            }
        };
        stage.world.fill(serde_json::from_value(items).expect("items"));
    }
}

/// Whether a row lies aside and nowhere else.
pub fn lies_aside(items: &[Value], sort: &str) -> bool {
    let is_due = |item: &&Value| item["pk"].as_str().is_some_and(|pk| pk.starts_with("DUE#"));
    let mut rows = items.iter().filter(is_due).filter(|row| row["sk"].as_str().is_some_and(|sk| sk.ends_with(sort)));
    rows.next().is_some_and(|row| row["pk"] == keys::SET_ASIDE) && rows.next().is_none()
}
