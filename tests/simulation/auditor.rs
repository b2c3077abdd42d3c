//! The invariants, checked on what is stored and on nothing else (README: I1 to I4), and the stored state against the
//! model.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};
use store::keys;

use crate::model::{Booking, Model};
use crate::script::RECORDING;
use tests::stage::{Stage, second};

type Check = Result<(), String>;

macro_rules! demand {
    ($held:expr, $($why:tt)+) => {
        if !$held {
            return Err(format!($($why)+));
        }
    };
}

/// A stored booking in the form in which the model shows its own.
pub fn shown(item: &Value) -> Value {
    let word = |party: &str| item["consents"][party]["record"].as_bool();
    let is_scheduled = item["status"] == "SCHEDULED";
    json!({
        "id": item["bookingId"], "candidate": item["intervieweeId"], "interviewer": item["interviewerId"],
        "start": second(&item["startTime"]), "end": second(&item["endTime"]), "price": item["creditsCharged"],
        "status": item["status"], "by": item["cancellation"]["by"], "reason": item["settlement"]["reason"],
        "clicked": item["completionRequestedAt"].is_string(), "objected": item["objection"].is_object(),
        "consents": [word("interviewee"), word("interviewer")],
        "recording": item["hasRecording"], "feedback": item["feedback"], "moves": item["reschedules"],
        "due": is_scheduled.then(|| second(&item["dueAt"])),
    })
}

fn at(instant: &Value) -> Timestamp {
    instant.as_str().and_then(|at| at.parse().ok()).expect("an instant")
}

/// Booking, session, side, when they came and when they left.
type Stay = (String, String, String, Option<i64>, Option<i64>);

/// The table, sorted by what its items are.
#[derive(Default)]
struct Books {
    wallets: BTreeMap<String, Value>,
    transfers: BTreeMap<String, Value>,
    lines: Vec<(String, Value)>,
    bookings: BTreeMap<String, Value>,
    /// By person: the quarter-hours that are taken, counted from 1970.
    calendars: BTreeMap<String, BTreeSet<i64>>,
    /// What is due, by partition and sort key.
    due: BTreeSet<(String, String)>,
    /// What was set aside, by sort key.
    aside: BTreeSet<String>,
    /// By booking, session, party and connection, all times at which they came and all at which they left.
    stays: BTreeMap<[String; 4], [BTreeSet<i64>; 2]>,
    /// Booking and file name.
    /// The files that something is known of: those in the bucket, and those that nobody may have.
    files: BTreeSet<(String, String, bool)>,
}

impl Books {
    fn read(items: Vec<Value>) -> Self {
        let mut books = Self::default();
        for item in items {
            let (pk, sk) = (item["pk"].as_str().unwrap().to_owned(), item["sk"].as_str().unwrap().to_owned());
            let (kind, id) = pk.split_once('#').unwrap_or((&pk, ""));
            match (kind, sk.as_str()) {
                ("USER", "WALLET#CREDIT") => drop(books.wallets.insert(id.to_owned(), item)),
                ("USER", sk) if sk.starts_with("TX#") => books.lines.push((id.to_owned(), item)),
                ("TRANSFER", _) => drop(books.transfers.insert(id.to_owned(), item)),
                ("BOOKING", "BOOKING") => drop(books.bookings.insert(id.to_owned(), item)),
                ("BOOKING", sk) if sk.starts_with("ATTENDANCE#VISIT#") => {
                    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
                    let end = |name: &str| item[name].as_str().map(|_| second(&item[name]));
                    let whose = [id.to_owned(), text("sessionId"), text("party"), text("connection")];
                    let left = end("leftAt");
                    let began = left.zip(item["durationSeconds"].as_i64()).map(|(left, seconds)| left - seconds);
                    let [joins, leaves] = books.stays.entry(whose).or_default();
                    joins.extend([end("joinedAt"), began].into_iter().flatten());
                    leaves.extend(left);
                }
                // A transcription that failed has no session, and no file.
                ("BOOKING", sk) if sk.starts_with("MEDIA#") && item["sessionId"] != "" => {
                    let name = item["filename"].as_str().unwrap().to_owned();
                    books.files.insert((id.to_owned(), name, item["objectKey"].is_string()));
                }
                ("CAL", sk) => {
                    let day: jiff::civil::Date = sk.trim_start_matches("DAY#").parse().unwrap();
                    let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second();
                    let taken = u128::from_str_radix(item["taken"].as_str().unwrap(), 16).unwrap();
                    let quarters = (0..96).filter(|q| taken >> (95 - q) & 1 == 1).map(|q| midnight / 900 + q);
                    books.calendars.entry(id.to_owned()).or_default().extend(quarters);
                }
                ("DUE", sk) if id == "ASIDE" => {
                    books.aside.extend(sk.rsplit_once('#').map(|(_, sort)| sort.to_owned()));
                }
                ("DUE", sk) => drop(books.due.insert((pk.clone(), sk.to_owned()))),
                _ => {}
            }
        }
        books
    }

    /// I1 and I2: balances are what the transfers alone add up to, no more is there than was issued, nothing is below zero.
    fn money(&self) -> Check {
        let mut accounts: BTreeMap<String, i64> = BTreeMap::new();
        for (id, transfer) in &self.transfers {
            let amount = transfer["amount"].as_i64().ok_or_else(|| format!("{id} has no whole amount"))?;
            demand!(amount > 0, "{id} moves {amount}");
            *accounts.entry(transfer["from"].as_str().unwrap().to_owned()).or_default() -= amount;
            *accounts.entry(transfer["to"].as_str().unwrap().to_owned()).or_default() += amount;
        }
        let mut lines: BTreeMap<String, i64> = BTreeMap::new();
        for (user, line) in &self.lines {
            let account = format!("user/{user}/{}", line["balance"].as_str().unwrap());
            *lines.entry(account).or_default() += line["amount"].as_i64().unwrap();
        }
        let mut total = 0;
        for (user, wallet) in &self.wallets {
            for balance in ["available", "held", "earned", "owed", "payout"] {
                let stored = wallet[balance].as_i64().ok_or_else(|| format!("{user} {balance}: {wallet}"))?;
                let account = format!("user/{user}/{balance}");
                let moved = accounts.remove(&account).unwrap_or_default();
                let told = lines.remove(&account).unwrap_or_default();
                demand!(stored >= 0, "I2: {account} is {stored}");
                demand!(stored == moved, "I1: {account} is {stored}, its transfers add up to {moved}");
                demand!(stored == told, "I1: {account} is {stored}, its statement adds up to {told}");
                total += stored;
            }
        }
        let issued = -accounts.remove("platform/issued").unwrap_or_default();
        demand!(total == issued, "I1: users have {total}, {issued} were issued");
        accounts.retain(|_, sum| *sum != 0);
        demand!(accounts.is_empty(), "I1: transfers of accounts that no wallet shows: {accounts:?}");
        demand!(lines.is_empty(), "I1: statement lines without a wallet: {lines:?}");
        Ok(())
    }

    /// I3: one hold per booking, and one settlement of the right kind once it is settled.
    fn holds(&self) -> Check {
        for (id, booking) in &self.bookings {
            let hold = self.transfers.get(&format!("hold:{id}")).ok_or_else(|| format!("I3: {id} has no hold"))?;
            demand!(hold["amount"] == booking["creditsCharged"], "I3: the hold of {id} is {hold}");
            let settled = self.transfers.get(&format!("settle:{id}"));
            let kind = settled.map_or(&Value::Null, |t| &t["kind"]);
            let wanted = match booking["status"].as_str() {
                Some("COMPLETED") => json!("BOOKING_CAPTURE"),
                Some("CANCELLED") => json!("BOOKING_RELEASE"),
                _ => Value::Null,
            };
            demand!(*kind == wanted, "I3: {id} is {} and was settled by {kind}", booking["status"]);
            let amount = settled.map_or(&booking["creditsCharged"], |t| &t["amount"]);
            demand!(*amount == booking["creditsCharged"], "I3: {id} was settled with {amount}");
        }
        for (id, transfer) in &self.transfers {
            let booking = id.strip_prefix("hold:").or_else(|| id.strip_prefix("settle:"));
            let exists = booking.is_none_or(|booking| self.bookings.contains_key(booking));
            demand!(exists, "I3: {transfer} is of no booking");
            // By its hold the list of all bookings finds a booking.
            let month = keys::month_partition_of(at(&transfer["createdAt"]), id);
            let found = transfer["gsi2pk"] == month && transfer["gsi2sk"] == id.as_str();
            demand!(found, "{transfer} is not among the transfers of {month}");
        }
        Ok(())
    }

    /// I4: nobody is in two places, and calendars are exactly what the bookings take; rows of what is due are where bookings say.
    fn times(&self) -> Check {
        let mut taken: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        let mut due = BTreeSet::new();
        for (id, booking) in &self.bookings {
            let due_at = booking["dueAt"].as_str();
            match booking["status"].as_str() {
                Some("SCHEDULED") => demand!(due_at.is_some(), "nobody will settle {id}"),
                Some("CANCELLED") => demand!(due_at.is_none(), "{id} is cancelled and due"),
                _ => {}
            }
            due.extend(due_at.map(|_| (keys::due_row(at(&booking["dueAt"]), id).pk, id.clone())));
            if booking["status"] == "CANCELLED" {
                continue;
            }
            for party in ["intervieweeId", "interviewerId"] {
                let person = booking[party].as_str().unwrap();
                let quarters = taken.entry(person.to_owned()).or_default();
                for quarter in second(&booking["startTime"]) / 900..second(&booking["endTime"]) / 900 {
                    demand!(quarters.insert(quarter), "I4: {person} has two bookings at once, one of them {id}");
                }
            }
        }
        let mut calendars = self.calendars.clone();
        calendars.retain(|_, quarters| !quarters.is_empty());
        demand!(calendars == taken, "I4: calendars {calendars:?} are not what bookings take: {taken:?}");
        demand!(self.due == due, "due rows {:?}, bookings say {due:?}", self.due);
        Ok(())
    }

    fn agree(&self, model: &Model) -> Check {
        for (id, booking) in &model.bookings {
            let stored = self.bookings.get(id).ok_or_else(|| format!("{id} is not stored"))?;
            same(booking, stored)?;
        }
        for id in self.bookings.keys() {
            demand!(model.bookings.contains_key(id), "{id} is stored and was never acknowledged");
        }
        let (mut stays, mut files) = (BTreeSet::new(), BTreeSet::new());
        for (id, booking) in &model.bookings {
            files.extend(booking.transcripts.keys().map(|name| (id.clone(), name.clone(), true)));
            files.extend(booking.discarded.iter().map(|name| (id.clone(), name.clone(), false)));
            files.extend(booking.has_recording.then(|| (id.clone(), RECORDING.to_owned(), true)));
            for ((session, side, _), stay) in &booking.stays {
                let party = ["INTERVIEWEE", "INTERVIEWER"][*side].to_owned();
                stays.insert((id.clone(), format!("session-{session}"), party, stay.0, stay.1));
            }
        }
        // The first leave ends what the first join began, and so on.
        let stored = self.stays.iter().flat_map(|([id, session, party, _], [joins, leaves])| {
            let (joins, leaves): (Vec<i64>, Vec<i64>) =
                (joins.iter().copied().collect(), leaves.iter().copied().collect());
            (0..joins.len().max(leaves.len())).map(move |n| {
                (id.clone(), session.clone(), party.clone(), joins.get(n).copied(), leaves.get(n).copied())
            })
        });
        let stored: BTreeSet<Stay> = stored.collect();
        let lost: Vec<_> = stays.symmetric_difference(&stored).collect();
        demand!(lost.is_empty(), "I6: stays that were told or stored, and not both: {lost:?}");
        let lost: Vec<_> = files.symmetric_difference(&self.files).collect();
        demand!(lost.is_empty(), "files that are predicted or stored, and not both: {lost:?}");
        for person in model.candidates.iter().chain(model.offers.keys()) {
            let wallet = self.wallets.get(person).cloned().unwrap_or_default();
            let number = |name: &str| wallet[name].as_i64().unwrap_or(0);
            let (stored, predicted) = ((number("available"), number("held"), number("earned")), model.balances(person));
            demand!(stored == predicted, "{person} has {stored:?}, predicted are {predicted:?}");
        }
        Ok(())
    }
}

/// Whether a stored booking is what the model says.
pub fn same(booking: &Booking, stored: &Value) -> Check {
    let (predicted, stored) = (booking.shown(), shown(stored));
    demand!(
        predicted == stored,
        "booking {}\n  predicted {predicted}\n  stored    {stored}\n  {booking:?}",
        booking.id
    );
    Ok(())
}

/// Checks everything.
pub async fn audit(stage: &Stage, model: &Model) -> Check {
    check(stage.items(), model)
}

/// Checks these items.
pub fn check(items: Vec<Value>, model: &Model) -> Check {
    let mut books = Books::read(items);
    // What nobody could ever settle is no booking of anybody's; nothing else lies aside.
    books.bookings.retain(|id, _| !model.poison.contains(id));
    books.due.retain(|(_, sort)| !model.poison.contains(sort));
    let wronged: Vec<_> = books.aside.difference(&model.poison).collect();
    demand!(wronged.is_empty(), "set aside, though they can be settled: {wronged:?}");
    books.money()?;
    books.holds()?;
    books.times()?;
    books.agree(model)
}

/// What is wrong with a table in which one thing was changed; each change is named with what must be found.
pub fn lies(items: &[Value]) -> Vec<(&'static str, &'static str, Vec<Value>)> {
    let starts = |item: &Value, pk: &str, sk: &str| {
        item["pk"].as_str().unwrap().starts_with(pk) && item["sk"].as_str().unwrap().starts_with(sk)
    };
    let place = |fits: &dyn Fn(&Value) -> bool| items.iter().position(fits).expect("there is such an item");
    let changed = |place: usize, change: &dyn Fn(&mut Value)| {
        let mut items = items.to_vec();
        change(&mut items[place]);
        items
    };
    let without = |place: usize| {
        let mut items = items.to_vec();
        items.swap_remove(place);
        items
    };
    let wallet = place(&|i| starts(i, "USER#cara", "WALLET#"));
    let line = place(&|i| starts(i, "USER#cara", "TX#"));
    // What can never be settled has no hold, and is in nobody's books.
    let has_hold = |item: &Value| {
        let hold = format!("TRANSFER#hold:{}", item["bookingId"].as_str().unwrap_or_default());
        items.iter().any(|transfer| transfer["pk"] == hold.as_str())
    };
    let is_booking = |item: &Value| starts(item, "BOOKING#", "BOOKING") && has_hold(item);
    let could_be_double = |one: &Value, other: &Value| {
        let same = one["interviewerId"] == other["interviewerId"] && one["bookingId"] != other["bookingId"];
        same && is_booking(other) && other["status"] != "CANCELLED"
    };
    let completed =
        place(&|i| is_booking(i) && i["status"] == "COMPLETED" && items.iter().any(|other| could_be_double(i, other)));
    let cancelled = place(&|i| is_booking(i) && i["status"] == "CANCELLED");
    let (id, gone) = (items[completed]["bookingId"].clone(), items[cancelled].clone());
    let transfer = |cause: &str, id: &Value| {
        let key = format!("TRANSFER#{cause}:{}", id.as_str().unwrap());
        place(&|i| i["pk"] == key.as_str())
    };
    let day = place(&|i| starts(i, "CAL#", "DAY#") && i["taken"].as_str().unwrap().contains(|c| c != '0'));
    let double = place(&|i| could_be_double(&items[completed], i));
    let (start, end) = (items[completed]["startTime"].clone(), items[completed]["endTime"].clone());
    vec![
        (
            "a balance without a transfer",
            "I1",
            changed(wallet, &|i| i["available"] = json!(i["available"].as_i64().unwrap() + 1)),
        ),
        ("a balance below zero", "I2", changed(wallet, &|i| i["available"] = json!(-1))),
        ("a lost statement line", "I1", without(line)),
        ("a lost hold", "I", without(transfer("hold", &id))),
        ("a lost settlement", "I", without(transfer("settle", &id))),
        (
            "a settlement of the other kind",
            "I3",
            changed(transfer("settle", &gone["bookingId"]), &|i| i["kind"] = json!("BOOKING_CAPTURE")),
        ),
        (
            "another amount",
            "I",
            changed(transfer("settle", &id), &|i| i["amount"] = json!(i["amount"].as_i64().unwrap() + 1)),
        ),
        ("a calendar that forgets", "I4", changed(day, &|i| i["taken"] = json!("000000000000000000000000"))),
        ("a double booking", "I4", changed(double, &|i| (i["startTime"], i["endTime"]) = (start.clone(), end.clone()))),
        ("a booking that is due although it is settled", "due rows", {
            let mut items = items.to_vec();
            items.push(json!({ "pk": "DUE#2026-11-20T10#0", "sk": id }));
            items
        }),
        ("what can be settled and lies aside", "set aside", {
            let mut items = items.to_vec();
            items.push(json!({ "pk": keys::SET_ASIDE, "sk": format!("DUE#2026-11-20T10#{}", id.as_str().unwrap()) }));
            items
        }),
        (
            "a hold that no month shows",
            "transfers of",
            changed(transfer("hold", &id), &|i| i["gsi2pk"] = json!("MONTH#2026-10#0")),
        ),
        ("another reason", "predicted", changed(completed, &|i| i["settlement"]["reason"] = json!("guessed"))),
        // A leave tells the join too, so a join alone may be told twice.
        (
            "a forgotten leave",
            "I6",
            without(place(&|i| starts(i, "BOOKING#", "ATTENDANCE#VISIT#") && i["leftAt"].is_string())),
        ),
        (
            "a lost transcript",
            "files",
            without(place(&|i| starts(i, "BOOKING#", "MEDIA#TRANSCRIPT#") && i["objectKey"].is_string())),
        ),
        ("a booking nobody made", "I3", {
            let mut items = items.to_vec();
            items.push(json!({ "pk": "TRANSFER#hold:bkg_0", "sk": "TRANSFER", "amount": 1, "from": "user/eve/available", "to": "user/eve/available" }));
            items
        }),
    ]
}
