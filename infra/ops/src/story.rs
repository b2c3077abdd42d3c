//! Puts together what is known of one request or booking, in order of time. Nothing here asks AWS, so that it can be tried by itself.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use domain::ids::BookingId;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use store::outbox::Row;

/// A line of a log.
pub type Line = Map<String, Value>;

/// What of a log line's fields is said elsewhere in its entry, or of use to nobody who reads a story.
const SPARE: [&str; 7] = ["timestamp", "time", "target", "request.id", "message", "type", "level"];

/// Whether a text can stand between two slashes of a query, and is long enough to be worth looking for.
pub fn is_id(text: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_=:.+/-".contains(letter);
    (8..=200).contains(&text.len()) && text.chars().all(allowed)
}

/// The ids as one regular expression of a query over log lines.
pub fn pattern(ids: &BTreeSet<String>) -> String {
    let escaped = ids.iter().map(|id| {
        let letters =
            id.chars().map(|letter| if ".+-/".contains(letter) { format!("\\{letter}") } else { letter.to_string() });
        letters.collect::<String>()
    });
    escaped.collect::<Vec<_>>().join("|")
}

/// Log lines as objects, each once; what is no JSON object was not written by our functions.
pub fn parsed(texts: impl IntoIterator<Item = String>) -> Vec<Line> {
    let mut seen = HashSet::new();
    let fresh = texts.into_iter().filter(|text| seen.insert(text.clone()));
    let lines = fresh.filter_map(|text| serde_json::from_str::<Line>(&text).ok());
    lines.filter(|line| !line.contains_key("_aws")).collect()
}

/// Lines of several queries; those that came by more than one of them stand there once.
pub fn each_once(parts: [Vec<Line>; 2]) -> Vec<Line> {
    let mut seen = HashSet::new();
    parts.into_iter().flatten().filter(|line| seen.insert(json!(line).to_string())).collect()
}

/// The texts that stand in one field of the lines.
pub fn named(lines: &[Line], field: &str) -> BTreeSet<String> {
    lines.iter().filter_map(|line| line.get(field)?.as_str().map(str::to_owned)).collect()
}

/// The requests, or runs of schedules, that the lines go back to.
pub fn origins(lines: &[Line]) -> BTreeSet<String> {
    named(lines, "origin")
}

/// The bookings that the lines speak of.
pub fn bookings(lines: &[Line]) -> BTreeSet<BookingId> {
    const LENGTH: usize = BookingId::PREFIX.len() + 1 + 26;
    let text = json!(lines).to_string();
    let starts = text.match_indices(BookingId::PREFIX).map(|(start, _)| start);
    starts.filter_map(|start| text.get(start..start + LENGTH)?.parse().ok()).collect()
}

/// Lines but those of other bookings alone: one run of a schedule deals with many.
pub fn concerning(lines: Vec<Line>, booking: BookingId) -> Vec<Line> {
    let ours = |line: &Line| {
        let named = bookings(std::slice::from_ref(line));
        named.is_empty() || named.contains(&booking)
    };
    lines.into_iter().filter(ours).collect()
}

/// One entry of a story: when, from where it is known, and what.
pub struct Entry {
    at: String,
    what: &'static str,
    rest: Map<String, Value>,
}

impl Entry {
    fn new(at: impl Into<String>, what: &'static str, rest: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self { at: at.into(), what, rest: rest.into_iter().collect() }
    }

    fn shown(self) -> Value {
        let mut members = self.rest;
        members.retain(|_, value| !value.is_null());
        members.extend([("at".to_owned(), json!(self.at)), ("what".to_owned(), json!(self.what))]);
        members.into()
    }
}

/// Of an item only these members.
fn only(item: &Value, names: &[&str]) -> Vec<(String, Value)> {
    names.iter().map(|name| ((*name).to_owned(), item[*name].clone())).collect()
}

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name].as_str().unwrap_or_default()
}

pub fn of_lines(lines: Vec<Line>) -> Vec<Entry> {
    let entry = |mut line: Line| {
        let mut first = |names: [&str; 2]| names.iter().find_map(|name| line.remove(*name)).unwrap_or_default();
        let (at, said) = (first(["timestamp", "time"]), first(["message", "type"]));
        let level = line.get("level").cloned().unwrap_or_default();
        line.retain(|name, _| !SPARE.contains(&name.as_str()));
        line.extend([("level".to_owned(), level), ("message".to_owned(), said)]);
        Entry::new(at.as_str().unwrap_or_default(), "log", line)
    };
    lines.into_iter().map(entry).collect()
}

/// What the gateway noted of a request: all but where it came from, which is personal.
pub fn of_gateway(lines: Vec<(String, Line)>) -> Vec<Entry> {
    lines
        .into_iter()
        .map(|(at, line)| Entry::new(at, "gateway", line.into_iter().filter(|(name, _)| name != "ip")))
        .collect()
}

pub fn of_outbox(rows: Vec<(Row, bool)>) -> Vec<Entry> {
    let entry = |(row, relayed): (Row, bool)| {
        let told = json!({ "outboxId": row.outbox_id, "queue": row.queue, "origin": row.origin, "relayed": relayed });
        Entry::new(row.created_at.to_string(), "outbox", only(&told, &["outboxId", "queue", "origin", "relayed"]))
    };
    rows.into_iter().map(entry).collect()
}

pub fn of_transfers(transfers: &[Value]) -> Vec<Entry> {
    let shown = ["transferId", "kind", "asset", "amount", "from", "to"];
    transfers.iter().map(|item| Entry::new(text(item, "createdAt"), "transfer", only(item, &shown))).collect()
}

pub fn of_events(events: &[Value]) -> Vec<Entry> {
    let shown = ["provider", "kind", "origin"];
    events.iter().map(|item| Entry::new(text(item, "receivedAt"), "event", only(item, &shown))).collect()
}

fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str().filter(|text| text.ends_with('Z'))?.parse().ok()
}

/// Each time that is noted at a booking, of itself, its call, who was there, its files; never what is said in them, nor what
/// people write as a reason.
pub fn of_booking(items: &[Value]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for item in items.iter().filter(|item| item["sk"] != "LEASE") {
        let mut note = |at: &Value, fact: &str, about: Map<String, Value>| {
            let place = [("item", item["sk"].clone()), ("fact", json!(fact)), ("party", item["party"].clone())];
            let place = place.map(|(name, value)| (name.to_owned(), value));
            entries.push(Entry::new(at.as_str().unwrap_or_default(), "booking", place.into_iter().chain(about)));
        };
        for (name, value) in item.as_object().into_iter().flatten() {
            if name.ends_with("At") && instant(value).is_some() {
                note(value, name, Map::new());
            }
            // How it was cancelled, objected to or settled has its time within.
            for (member, at) in value.as_object().into_iter().flatten() {
                if (member == "at" || member.ends_with("At")) && instant(at).is_some() {
                    note(at, name, how(value));
                }
            }
        }
    }
    entries
}

/// How something at a booking ended. A reason is shown only beside an outcome, where it is a word of ours.
fn how(value: &Value) -> Map<String, Value> {
    let word = |name: &str| value[name].as_str().map(|text| json!(text));
    let mut about = Map::new();
    for name in ["by", "code", "outcome"] {
        about.extend(word(name).map(|text| (name.to_owned(), text)));
    }
    if about.contains_key("outcome") {
        about.extend(word("reason").map(|text| ("why".to_owned(), text)));
    }
    about
}

/// All entries in order of time, without members that say nothing.
pub fn told(chapters: impl IntoIterator<Item = Vec<Entry>>) -> Vec<Value> {
    let mut by_time: BTreeMap<Option<Timestamp>, Vec<Entry>> = BTreeMap::new();
    for entry in chapters.into_iter().flatten() {
        by_time.entry(entry.at.parse().ok()).or_default().push(entry);
    }
    by_time.into_values().flatten().map(Entry::shown).collect()
}

#[cfg(test)]
#[path = "story_tests.rs"]
mod tests;
