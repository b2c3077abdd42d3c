//! The world as a set of named facts in which two runs can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value, json};
use tests::stage::instant;

use super::scene::Scene;

/// Items that say how far a schedule has looked. They only save reading.
const POSITIONS: [&str; 2] = ["SWEEP", "RECONCILER"];
/// Members of Stream's answers that are of the simulator's own clock.
const OWN_CLOCK: [&str; 8] =
    ["created_at", "updated_at", "ended_at", "started_at", "joined_at", "last_active", "start_time", "end_time"];

/// Facts by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    pub facts: BTreeMap<String, String>,
    /// How often a model answered.
    pub answers: usize,
}

impl Snapshot {
    pub async fn of(scene: &Scene) -> Self {
        scene.collect_sent();
        let mut facts: Vec<(String, Value)> = Vec::new();
        for mut item in scene.stage.items() {
            // Which shard something lies in follows from its id, and ids are drawn.
            for name in ["pk", "gsi1pk", "gsi2pk"] {
                if let Some(partition) = item[name].as_str().and_then(without_shard) {
                    item[name] = json!(partition);
                }
            }
            let (pk, mut sk) = (text(&item["pk"]), text(&item["sk"]));
            if POSITIONS.contains(&pk.as_str()) {
                continue;
            }
            // When it is forgotten depends on when it was done.
            if item["expiresAt"].is_number() {
                item["expiresAt"] = json!("some day");
            }
            // Which request something goes back to depends on who was first; no decision does.
            item.as_object_mut().expect("an object").remove("origin");
            // In which shard it is found follows from its id, which may be drawn anew.
            for (index, of) in [("gsi1pk", "OUTBOX#"), ("gsi2pk", "MONTH#")] {
                if let Some((all, _)) =
                    item[index].as_str().filter(|at| at.starts_with(of)).and_then(|at| at.rsplit_once('#'))
                {
                    item[index] = json!(all);
                }
            }
            if pk.starts_with("OUTBOX#") {
                item["message"] = json!(without_origin(&text(&item["message"])));
            }
            // Its key is a digest of an id that the simulator draws.
            if sk.starts_with("ATTENDANCE#VISIT#") {
                sk = format!("visit of {} from {} to {}", item["party"], item["joinedAt"], item["leftAt"]);
                item["sk"] = json!(sk);
                item["connection"] = json!("drawn too");
            }
            if sk.starts_with("ATTENDANCE#SESSION#") {
                sk = format!("session from {} to {}", item["startedAt"], item["endedAt"]);
                item["sk"] = json!(sk);
            }
            facts.push((format!("item {pk} {sk}"), item));
        }
        for path in scene.stage.faults.objects() {
            facts.push((format!("object {path}"), json!(scene.stage.faults.object_bytes(&path))));
        }
        for sent in scene.sent.borrow().iter() {
            facts.push((
                format!("sent {} {}", sent.queue, without_origin(&json!(sent.message).to_string())),
                Value::Null,
            ));
        }
        for call in scene.stage.calls().await {
            facts.push((format!("call {}", text(&call["call"]["id"])), without_own_clock(call)));
        }
        let requests = scene.stage.stream.requests();
        for asked in requests.iter().filter(|r| r.method != "GET" && r.status < 300) {
            facts.push((format!("asked Stream {} {} {}", asked.method, asked.path, asked.body), Value::Null));
        }
        let facts = Names::new(scene).call(facts);
        Self { facts, answers: scene.stage.gemini.answers() }
    }

    /// What is in one and not, or not so, in the other; but for facts and members that are named in `but_for`.
    pub fn difference(&self, other: &Self, but_for: &[&str]) -> Option<String> {
        let names: BTreeSet<&String> = self.facts.keys().chain(other.facts.keys()).collect();
        let strip = |fact: Option<&String>| {
            fact.map(|fact| {
                let mut fact: Value = serde_json::from_str(fact).unwrap_or_default();
                if let Some(members) = fact.as_object_mut() {
                    members.retain(|name, _| !but_for.contains(&name.as_str()));
                }
                fact
            })
        };
        let differing = names
            .into_iter()
            .filter(|name| !but_for.iter().any(|prefix| name.starts_with(&format!("item {prefix}"))))
            .filter(|name| strip(self.facts.get(*name)) != strip(other.facts.get(*name)));
        let told: Vec<String> = differing
            .map(|name| match (strip(self.facts.get(name)), strip(other.facts.get(name))) {
                (Some(once), Some(here)) => {
                    let mut told = format!("differs: {name}");
                    tell(&mut told, "", &once, &here);
                    told
                }
                (Some(_), None) => format!("missing: {name}"),
                (_, here) => format!("too much: {name} {:.300}", here.unwrap_or_default().to_string()),
            })
            .collect();
        (!told.is_empty()).then(|| told.join("\n  "))
    }
}

/// The name of a partition that is one of several shards, without the shard: its number is the last part.
fn without_shard(partition: &str) -> Option<String> {
    let (whole, shard) = partition.rsplit_once('#')?;
    let is_sharded = ["OUTBOX", "MONTH#", "DUE#"].iter().any(|prefix| whole.starts_with(prefix));
    (is_sharded && shard.parse::<u8>().is_ok()).then(|| whole.to_owned())
}

/// Tells the members in which two values differ.
fn tell(told: &mut String, path: &str, once: &Value, here: &Value) {
    if once == here {
        return;
    }
    let (Some(a), Some(b)) = (once.as_object(), here.as_object()) else {
        let _ = write!(told, "\n    {path}: {once}, and here {here}");
        return;
    };
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for name in names {
        tell(told, &format!("{path}.{name}"), &once[name], &here[name]);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A message without what it goes back to.
fn without_origin(message: &str) -> String {
    let mut message: Value = serde_json::from_str(message).expect("a message");
    message.as_object_mut().expect("an object").remove("origin");
    message.to_string()
}

fn without_own_clock(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let keep = |(name, value): (String, Value)| {
                let is_own = OWN_CLOCK.contains(&name.as_str());
                let value = if is_own { json!(!value.is_null()) } else { without_own_clock(value) };
                (name, value)
            };
            let kept = members.into_iter().filter(|(name, _)| name != "clock_ahead_ns").map(keep);
            Value::Object(kept.collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(without_own_clock).collect()),
        other => other,
    }
}

/// What differs from run to run without meaning: addresses, ids, and when within the act something was done.
struct Names {
    aliases: Vec<(String, String)>,
    begun: String,
    now: String,
}

impl Names {
    fn new(scene: &Scene) -> Self {
        let aliases = scene.aliases.borrow().iter().map(|(a, b)| (a.clone(), b.clone())).collect();
        Self { aliases, begun: instant(scene.begun.get()), now: instant(scene.stage.now()) }
    }

    fn call(&self, facts: Vec<(String, Value)>) -> BTreeMap<String, String> {
        let mut facts: Vec<(String, String)> = facts.into_iter().map(|(n, v)| (n, v.to_string())).collect();
        let mut ids = BTreeSet::new();
        for (name, value) in &facts {
            ids.extend(ulids(name).into_iter().chain(ulids(value)));
        }
        let ids: BTreeMap<String, String> =
            ids.into_iter().enumerate().map(|(place, id)| (id, format!("id{place}"))).collect();
        for text in facts.iter_mut().flat_map(|(name, value)| [name, value]) {
            *text = self.name(text, &ids);
        }
        facts.into_iter().collect()
    }

    fn name(&self, text: &str, ids: &BTreeMap<String, String>) -> String {
        let mut text = text.to_owned();
        // Backwards, so that of two of which one begins with the other the longer is replaced.
        for (unsteady, name) in self.aliases.iter().rev() {
            text = text.replace(unsteady, name);
        }
        // A link to a file says until when it can be used.
        while let Some(link) = text.find("http://stream/media/").and_then(|at| {
            let rest = &text[at..];
            let end = rest.find(|c: char| c == '"' || c == '\\' || c.is_whitespace()).unwrap_or(rest.len());
            rest[..end].contains('?').then(|| rest[..end].to_owned())
        }) {
            text = text.replace(&link, link.split('?').next().unwrap_or_default());
        }
        for id in ulids(&text) {
            text = text.replace(&id, &ids[&id]);
        }
        for id in words(&text, |c| c.is_ascii_hexdigit() || c == '-') {
            if id.len() == 36 && id.matches('-').count() == 4 {
                text = text.replace(&id, "uuid");
            }
        }
        // Instants are compared as text: they all have one form up to the second.
        for at in words(&text, |c| c.is_ascii_digit() || "-:.TZ".contains(c)) {
            let second = at.get(..19).unwrap_or_default();
            let is_instant = at.ends_with('Z') && second.matches(['-', ':']).count() == 4;
            if is_instant && self.begun.get(..19) <= Some(second) && Some(second) <= self.now.get(..19) {
                text = text.replace(&at, "now");
            }
        }
        text
    }
}

/// The longest runs of characters of a kind.
fn words(text: &str, is_part: impl Fn(char) -> bool) -> BTreeSet<String> {
    text.split(|c| !is_part(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The time-ordered ids in a text.
fn ulids(text: &str) -> BTreeSet<String> {
    let mut found = words(text, |c| c.is_ascii_digit() || c.is_ascii_uppercase());
    found.retain(|word| word.len() == 26 && word.starts_with("01"));
    found
}
