//! Nothing personal and nothing secret is in a log line or an error body of the whole run.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::{canaries, seen, template};

/// Spoken lines shorter than this are said by chance.
const LONG_ENOUGH: usize = 24;

/// What must appear nowhere, with what it is.
fn forbidden() -> Vec<(&'static str, String)> {
    let mut forbidden: Vec<(&str, String)> =
        canaries::ALL.iter().map(|canary| ("a canary", (*canary).to_owned())).collect();
    // Every session, call and server token begins so, since their header is a JSON object.
    forbidden.push(("a token", "eyJ".to_owned()));
    forbidden.push(("a signed link", "X-Amz-Signature".to_owned()));
    // The people of all tests and of the demo data have addresses and last names like these.
    forbidden.push(("an e-mail address", "@example.test".to_owned()));
    forbidden.push(("an e-mail address", "@demo.greenroom.test".to_owned()));
    forbidden.push(("a name", " Tester".to_owned()));
    for (what, secret) in secrets() {
        forbidden.push((what, secret));
    }
    for line in spoken() {
        forbidden.push(("something said", line));
    }
    as_spelled(forbidden)
}

/// The same, also as JSON and JSON in JSON spell them.
fn as_spelled(forbidden: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    let in_json = |text: &str| {
        let quoted = json!(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let mut spelled = Vec::new();
    for (what, secret) in forbidden {
        let once = in_json(&secret);
        let twice = in_json(&once);
        for other in [once, twice].into_iter().filter(|other| *other != secret) {
            spelled.push((what, other));
        }
        spelled.push((what, secret));
    }
    spelled
}

/// The values in the simulators' own files that the product is given as secrets, and the keys of the session tokens.
fn secrets() -> Vec<(&'static str, String)> {
    let folder = seen::folder().join("simulators");
    // A journal has a line for each thing: its kind, its id, and what it is.
    let read = |name: &str, kind: &str| -> Value {
        let lines = fs::read_to_string(folder.join(name)).expect("the simulators keep their secrets here");
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut of_kind = lines.filter(|line| line[0] == kind && line[1] == "");
        of_kind.next().expect("what is kept once")[2].take()
    };
    let (clerk, gemini) = (read("clerk.journal", "instance"), read("gemini.journal", "key"));
    let stream = read("stream.journal", "keys");
    let text = |value: &Value| value.as_str().expect("a secret").to_owned();
    let mut secrets = vec![
        ("Clerk's secret key", text(&clerk["secretKey"])),
        ("Clerk's webhook secret", text(&clerk["webhookSecret"])),
        ("Stream's secret", text(&stream[1])),
        ("Gemini's key", text(&gemini)),
    ];
    let secret = text(&clerk["webhookSecret"]);
    secrets.push(("Clerk's webhook secret", secret.trim_start_matches("whsec_").to_owned()));
    secrets
}

/// What is said in the transcripts that the tests play.
fn spoken() -> BTreeSet<String> {
    let folder = template::root().join("infra/simulators/transcripts");
    let mut lines = BTreeSet::from(["I would first measure the load, then pick a queue".to_owned()]);
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            // One of the transcripts has lines that are none, on purpose.
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            lines.extend(line["text"].as_str().filter(|t| t.len() >= LONG_ENOUGH).map(str::to_owned));
        }
    }
    assert!(lines.len() > 100, "the transcripts hold only {} lines", lines.len());
    lines
}

/// What of `forbidden` is in `text`.
fn found<'a>(text: &str, forbidden: &'a [(&'static str, String)]) -> Vec<&'a (&'static str, String)> {
    forbidden.iter().filter(|(_, secret)| text.contains(secret)).collect()
}

/// So that silence means something: everything that is planted or said in the transcripts is found, as it is, in a log line, and
/// in a log line that quotes a body.
#[test]
fn what_must_appear_nowhere_is_found_where_it_does() {
    let planted = canaries::ALL.iter().map(|canary| (*canary).to_owned());
    for secret in planted.chain(spoken()) {
        let said = format!("somebody said {secret}!");
        let body = json!({ "detail": said }).to_string();
        let forbidden = as_spelled(vec![("something", secret)]);
        for text in [json!({ "message": body }).to_string(), body, said] {
            assert!(!found(&text, &forbidden).is_empty(), "nothing is found in {text}");
        }
        assert!(found("somebody said nothing", &forbidden).is_empty());
    }
}

fn assert_clean(where_: &str, entries: &[Value], text_of: impl Fn(&Value) -> String) {
    let forbidden = forbidden();
    let leaks: Vec<String> = entries
        .iter()
        .flat_map(|entry| {
            found(&text_of(entry), &forbidden).into_iter().map(move |(what, _)| format!("{what}: {entry}"))
        })
        .collect();
    assert!(leaks.is_empty(), "{} leaks in {where_}:\n{}", leaks.len(), leaks[..leaks.len().min(20)].join("\n"));
}

#[test]
fn no_log_line_holds_anything_personal_or_secret() {
    let lines = seen::lines("logs");
    let functions: BTreeSet<&str> = lines.iter().filter_map(|l| l["function"].as_str()).collect();
    println!("{} log lines of {} functions", lines.len(), functions.len());
    assert!(functions.len() > 30, "hardly anybody logged: {functions:?}");
    assert_clean("the logs", &lines, |entry| entry["line"].as_str().unwrap().to_owned());
}

#[test]
fn no_error_body_holds_anything_personal_or_secret() {
    let errors = seen::lines("errors");
    let statuses: BTreeSet<u64> = errors.iter().filter_map(|e| e["status"].as_u64()).collect();
    println!("{} error bodies, of {statuses:?}", errors.len());
    for status in [400, 401, 403, 404, 409, 422, 503] {
        assert!(statuses.contains(&status), "nothing was answered {status}, so nothing is known of such bodies");
    }
    assert_clean("error bodies", &errors, |entry| entry["body"].as_str().unwrap().to_owned());
}
