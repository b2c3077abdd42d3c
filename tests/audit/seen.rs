//! What the emulator's witness wrote down (infra/local/witness.py).

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

/// One AWS call of a function, in the template's words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The function's logical id.
    pub function: String,
    /// Such as `dynamodb:PutItem`.
    pub action: String,
    /// Such as `Table.Arn/index/gsi1`.
    pub resource: String,
}

/// The folder with the data of the stack that `GREENROOM_STACK` names.
pub fn folder() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "the test run names its stack so")]
    let file = std::env::var("GREENROOM_STACK").expect("run `cargo xtask test`: it starts a stack for these tests");
    PathBuf::from(file).parent().unwrap().to_path_buf()
}

/// The lines of one of the witness's files.
pub fn lines(name: &str) -> Vec<Value> {
    let path = folder().join(format!("seen-{name}.jsonl"));
    let text = std::fs::read_to_string(&path).expect("the witness writes this file at every start");
    assert!(!text.is_empty(), "{} is empty: is the emulator still watched?", path.display());
    // The last line may be half written while the stack runs.
    text.split_inclusive('\n').filter(|l| l.ends_with('\n')).map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// The calls that were allowed, and those that were not.
pub fn calls() -> (BTreeSet<Call>, BTreeSet<Call>) {
    let (denied, allowed): (Vec<Value>, Vec<Value>) =
        lines("calls").into_iter().partition(|entry| entry.get("denied").is_some());
    let set = |entries: Vec<Value>| entries.iter().map(call).collect();
    (set(allowed), set(denied))
}

fn call(entry: &Value) -> Call {
    let text = |name: &str| entry[name].as_str().unwrap();
    Call {
        function: resource_name(text("role")).trim_end_matches("Role").to_owned(),
        action: text("action").to_owned(),
        resource: in_words_of_the_template(text("resource")),
    }
}

/// `greenroom-TableName-1A2B` is what CloudFormation makes of `TableName`.
fn resource_name(physical: &str) -> &str {
    physical.split('-').nth(1).unwrap_or(physical)
}

fn in_words_of_the_template(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let rest = parts.last().copied().unwrap_or_default();
    match parts.get(2).copied() {
        Some("dynamodb") => match rest.split_once("/index/") {
            Some((_, index)) => format!("Table.Arn/index/{index}"),
            None => "Table.Arn".to_owned(),
        },
        Some("sqs") => format!("{}.Arn", resource_name(rest)),
        Some("s3") => match rest.split_once('/') {
            Some((_, key)) => format!("MediaBucket.Arn/{key}"),
            None => "MediaBucket.Arn".to_owned(),
        },
        Some("secretsmanager") => {
            let provider = rest.rsplit('/').next().unwrap_or(rest).split('-').next().unwrap_or(rest);
            let (first, more) = provider.split_at(1);
            format!("{}{more}Secret", first.to_uppercase())
        }
        _ => arn.to_owned(),
    }
}

#[test]
fn what_was_seen_is_said_in_the_words_of_the_template() {
    for (arn, words) in [
        ("arn:aws:dynamodb:eu-west-1:000000000000:table/greenroom-Table-1A", "Table.Arn"),
        ("arn:aws:dynamodb:eu-west-1:000000000000:table/greenroom-Table-1A/index/gsi1", "Table.Arn/index/gsi1"),
        ("arn:aws:sqs:eu-west-1:000000000000:greenroom-StreamQueue-1A", "StreamQueue.Arn"),
        ("arn:aws:s3:::greenroom-mediabucket-1a/recordings/*", "MediaBucket.Arn/recordings/*"),
        ("arn:aws:secretsmanager:eu-west-1:000000000000:secret:greenroom/stream-1a2b3c", "StreamSecret"),
    ] {
        assert_eq!(in_words_of_the_template(arn), words);
    }
}
