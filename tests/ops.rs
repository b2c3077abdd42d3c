//! The operator's commands, run as an operator runs them, against the deployed stack.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use domain::ledger::Wallet;
use domain::money::Asset;
use serde_json::{Value, json};
use store::{Item, Table, Tx, keys};

use crate::stack::{Stack, hour};
use crate::template::root;

/// What a command answered: whether all was well, its JSON, and what it told its reader.
struct Said {
    well: bool,
    shown: Value,
    told: String,
}

/// `cargo xtask ops`, by the program that runs these tests.
fn xtask() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let program = here.ancestors().nth(2).unwrap().join("xtask");
    assert!(program.is_file(), "{} is missing: run `cargo xtask test`", program.display());
    program
}

/// The file that describes the stack, in the folder of its data.
fn stack_file() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "the test run names its stack so")]
    let file = std::env::var("GREENROOM_STACK").expect("run `cargo xtask test`: it starts a stack for these tests");
    PathBuf::from(file)
}

/// One of the stack's outputs.
fn output(name: &str) -> String {
    let ready: Value = serde_json::from_str(&std::fs::read_to_string(stack_file()).unwrap()).unwrap();
    ready["outputs"][name].as_str().unwrap().to_owned()
}

async fn ops(arguments: &[&str]) -> Said {
    let mut command = Command::new(xtask());
    command.args(["ops", "--local"]).args(arguments).env("GREENROOM_DATA", stack_file().parent().unwrap());
    command.stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let shown = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    Said { well: output.status.success(), shown, told: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// Writes a text to a file that this test alone has.
fn file(stack: &Stack, name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("{}-{name}", stack.id("ops")));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_command_of_the_runbook_and_the_manual_exists() {
    let mut commands = BTreeSet::new();
    for page in ["infra/RUNBOOK.md", "infra/README.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        for command in text.split("cargo xtask ops ").skip(1) {
            let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase());
            let words: Vec<String> =
                command.split([' ', '`', '\n', ':']).take_while(is_word).take(2).map(str::to_owned).collect();
            commands.insert(words);
        }
    }
    assert!(commands.len() >= 10, "{commands:?}");
    for words in commands.iter().filter(|words| !words.is_empty() && !words[0].is_empty()) {
        let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        arguments.push("--help");
        let said = ops(&arguments).await;
        assert!(said.well, "{words:?}: {}", said.told);
    }
}

#[tokio::test]
async fn a_wallet_that_differs_from_its_lines_is_told() {
    let stack = Stack::get();
    let cara = stack.candidate("checked", 50).await;
    let sound = ops(&["wallet", "check", &cara]).await;
    assert!(sound.well && sound.shown["drift"] == false, "{} {}", sound.shown, sound.told);
    assert_eq!(sound.shown["assets"]["CREDIT"]["fromLines"]["available"], 50);
    let round = ops(&["wallet", "reconcile"]).await;
    assert!(round.well && round.shown["complete"] == true, "{} {}", round.shown, round.told);
    assert!(round.shown["transfers"].as_u64() >= Some(1), "{}", round.shown);

    let table = Table::new(kit::aws::Aws::at(stack.ready("awsEndpoint")).dynamodb(), stack.ready("tableName"));
    let user = cara.parse().unwrap();
    let key = keys::wallet(&user, Asset::Credit);
    let wallet: Wallet = table.get(&key).await.unwrap().unwrap();
    let store_wallet = async |wallet: &Wallet| {
        let mut tx = Tx::new();
        tx.put(Item::new(key.clone(), "Wallet", wallet).unwrap());
        tx.commit(&table).await.unwrap();
    };
    store_wallet(&Wallet { available: 55, ..wallet.clone() }).await;
    let drifted = ops(&["wallet", "check", &cara]).await;
    store_wallet(&wallet).await;
    assert!(!drifted.well, "{}", drifted.shown);
    assert_eq!(drifted.shown["assets"]["CREDIT"]["drift"], json!({ "available": 5 }));
    assert!(drifted.told.contains("LedgerDriftAlarm"), "{}", drifted.told);

    let unknown = ops(&["wallet", "check", "user_nobody"]).await;
    assert!(!unknown.well && unknown.told.contains("there is no user user_nobody"), "{}", unknown.told);
}

#[tokio::test]
async fn a_message_that_was_set_aside_is_shown_and_given_back() {
    let stack = Stack::get();
    let sqs = kit::aws::Aws::at(stack.ready("awsEndpoint")).sqs();
    let url = output("MediaDeadLetterQueueUrl");
    let id = format!("end_call:{}", stack.id("aside"));
    // The worker of another queue refuses it at first sight, so nothing follows from it but its way back.
    let message = json!({ "outboxId": id, "effect": "end_call", "bookingId": "bkg_00000000000000000000000000",
        "url": "https://example.test/secret-link" });
    sqs.send_message().queue_url(url).message_body(message.to_string()).send().await.unwrap();
    let listed = ops(&["dlq", "list", "media", "--limit", "100"]).await;
    assert!(listed.well, "{}", listed.told);
    let shown = listed.shown["media"]["shown"].as_array().unwrap();
    let ours = shown.iter().find(|m| m["outboxId"] == id).expect("the message");
    assert!(!ours.to_string().contains("secret-link"), "{ours}");

    let message_id = ours["messageId"].as_str().unwrap();
    let gone = ops(&["dlq", "discard", "media", "--message", message_id]).await;
    assert_eq!(gone.shown["discarded"][0]["outboxId"], id, "{}", gone.told);
    let again = ops(&["dlq", "discard", "media", "--message", message_id]).await;
    assert!(!again.well && again.told.contains("there is no message"), "{}", again.told);

    // Feedback of a booking that does not exist is nothing to do, so what is given back is worked off.
    let url = output("GenerationDeadLetterQueueUrl");
    let nothing =
        json!({ "outboxId": id, "effect": "feedback", "bookingId": "bkg_00000000000000000000000000", "cause": "t" });
    sqs.send_message().queue_url(url).message_body(nothing.to_string()).send().await.unwrap();
    let redriven = ops(&["dlq", "redrive", "generation"]).await;
    assert!(redriven.well && redriven.shown["redriven"].as_u64() >= Some(1), "{}", redriven.told);
    stack
        .wait("an empty queue", || async {
            let answer = ops(&["dlq", "list", "generation"]).await;
            (answer.shown["generation"]["messages"] == 0).then_some(())
        })
        .await;

    let refused = ops(&["dlq", "redrive", "relay"]).await;
    assert!(!refused.well && refused.told.contains("ops outbox redrive"), "{}", refused.told);
    let waiting = ops(&["outbox", "redrive", "--older-than", "300"]).await;
    assert!(waiting.well && waiting.shown["redriven"].is_u64(), "{}", waiting.told);
}

#[tokio::test]
async fn an_event_is_sent_again_under_a_good_signature_and_changes_nothing_the_second_time() {
    let stack = Stack::get();
    let ivy = stack.interviewer("replayed").await;
    let cara = stack.candidate("replaying", 50).await;
    let id = stack.book(&cara, &ivy, &hour(100)).await;
    let event = json!({ "type": "call.session_started", "created_at": hour(100), "session_id": "s-1",
        "call_cid": format!("default:{id}"), "call": {} });
    let body = file(&stack, "event.json", &event.to_string());
    let unseen = ops(&["webhook", "show", &body]).await;
    assert!(!unseen.well && unseen.told.contains("no event"), "{}", unseen.told);
    let first = ops(&["webhook", "replay", "stream", &body]).await;
    assert!(first.well, "{} {}", first.shown, first.told);
    assert_eq!((&first.shown["status"], &first.shown["seenBefore"]), (&json!(200), &json!([])));
    let second = ops(&["webhook", "replay", "stream", &body]).await;
    assert_eq!(second.shown["seenBefore"][0]["kind"], "call.session_started", "{}", second.told);
    let seen = ops(&["webhook", "show", first.shown["sha256"].as_str().unwrap()]).await;
    assert_eq!(seen.shown["events"][0]["provider"], "stream", "{}", seen.told);
    let facts = ops(&["webhook", "show", &id]).await;
    assert_eq!(facts.shown["status"], "SCHEDULED", "{}", facts.told);
    let sessions = facts.shown["facts"].as_object().unwrap().keys().filter(|k| k.starts_with("ATTENDANCE#SESSION#"));
    assert_eq!(sessions.count(), 1, "{}", facts.shown);

    let clerk = json!({ "type": "session.created", "data": { "id": stack.id("s") } }).to_string();
    let signed = ops(&["webhook", "replay", "clerk", &file(&stack, "clerk.json", &clerk)]).await;
    assert!(signed.well && signed.shown["status"] == 200, "{} {}", signed.shown, signed.told);

    let rerun = ops(&["feedback", "rerun", &id]).await;
    assert!(!rerun.well && rerun.told.contains("no transcript"), "{}", rerun.told);
}

#[tokio::test]
async fn a_key_is_rotated_in_two_steps_and_its_value_is_never_shown() {
    let stack = Stack::get();
    // A secret beside the stack's own, which other tests need as they are.
    let name = stack.id("rotated");
    let secrets = kit::aws::Aws::at(stack.ready("awsEndpoint")).secrets_manager();
    let id = format!("{name}/stream");
    let keys = json!({ "apiKey": "k", "apiSecret": "old-value" }).to_string();
    secrets.create_secret().name(&id).secret_string(keys).send().await.unwrap();
    let new = file(&stack, "key", "new-value\n");
    let stored = async || -> Value {
        let answer = secrets.get_secret_value().secret_id(&id).send().await.unwrap();
        serde_json::from_str(answer.secret_string().unwrap()).unwrap()
    };
    let rotate = ["--stack", &name, "secret", "rotate", "stream", "--key"];
    let with =
        |rest: &[&'static str]| -> Vec<String> { rotate.iter().chain(rest).map(|word| (*word).to_owned()).collect() };
    let run = async |arguments: Vec<String>| {
        let said = ops(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert!(!format!("{}{}", said.shown, said.told).contains("-value"), "{}{}", said.shown, said.told);
        said
    };
    let begin = |key| [with(&[key, "--from"]), vec![new.clone()]].concat();
    assert!(run(with(&["apiSecret"])).await.told.contains("no rotation of apiSecret is under way"));
    assert!(run(begin("apiSecret")).await.well);
    assert_eq!(stored().await["apiSecret"], json!(["new-value", "old-value"]));
    assert!(!run(begin("apiSecret")).await.well, "the same value twice");
    assert!(run(with(&["apiSecret"])).await.well);
    assert_eq!(stored().await, json!({ "apiKey": "k", "apiSecret": "new-value" }));
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert!(run(begin("apiKey")).await.well);
    assert_eq!(stored().await["apiKey"], "new-value");
    let versions = secrets.list_secret_version_ids().secret_id(&id).send().await.unwrap();
    let since = kit::secret_age::in_force(kit::secrets::Provider::Stream, versions.versions()).unwrap();
    assert!(since[1].1 < since[0].1, "to change one key makes no other young: {since:?}");
    assert!(run(begin("webhookSecret")).await.told.contains("has no key webhookSecret"));
}

#[tokio::test]
async fn a_secret_that_holds_a_placeholder_is_named_with_the_way_to_fill_it() {
    let stack = Stack::get();
    let sound = ops(&["secret", "check"]).await;
    assert!(sound.well && sound.shown["gemini"]["filled"] == true, "{} {}", sound.shown, sound.told);
    let secrets = kit::aws::Aws::at(stack.ready("awsEndpoint")).secrets_manager();
    let name = stack.id("unfilled");
    let held = [
        ("clerk", json!({ "secretKey": "held-value", "webhookSecret": [] })),
        ("stream", json!({ "placeholder": "true" })),
        ("gemini", json!({ "apiKey": "held-value" })),
    ];
    for (provider, keys) in held {
        let id = format!("{name}/{provider}");
        secrets.create_secret().name(id).secret_string(keys.to_string()).send().await.unwrap();
    }
    let said = ops(&["--stack", &name, "secret", "check"]).await;
    assert!(!said.well, "{}", said.shown);
    assert_eq!(said.shown["clerk"]["missing"], json!(["webhookSecret"]));
    assert_eq!(said.shown["stream"]["missing"], json!(["apiKey", "apiSecret"]));
    assert_eq!(
        said.shown["gemini"],
        json!({ "secret": format!("{name}/gemini"), "filled": true, "daysInForce": { "apiKey": 0 } })
    );
    assert!(said.told.contains(&format!("put-secret-value --secret-id {name}/stream")), "{}", said.told);
    assert!(!format!("{}{}", said.shown, said.told).contains("held-value"), "{}{}", said.shown, said.told);
}

#[tokio::test]
async fn a_booking_is_traced_from_the_click_to_the_call_and_back_by_the_id_of_the_click() {
    let stack = Stack::get();
    let ivy = stack.interviewer("traced").await;
    let cara = stack.candidate("tracing", 50).await;
    let id = stack.book(&cara, &ivy, &hour(124)).await;
    let found = |said: &Said, what: &str, member: &str, value: &str| {
        let entries = said.shown["story"].as_array().cloned().unwrap_or_default();
        entries.into_iter().find(|entry| entry["what"] == what && entry[member] == value)
    };
    let row = format!("create_call:{id}");
    let booked = stack
        .wait("the story of a booking", || async {
            let said = ops(&["trace", &id]).await;
            let worked = found(&said, "log", "message", "message received").is_some();
            (worked && found(&said, "log", "http.route", "/api/bookings").is_some()).then_some(said)
        })
        .await;
    assert!(booked.well, "{}", booked.told);
    assert_eq!(found(&booked, "transfer", "transferId", &format!("hold:{id}")).expect("the hold")["amount"], 20);
    let effect = found(&booked, "outbox", "outboxId", &row).expect("the effect");
    let click = effect["origin"].as_str().unwrap();
    for line in ["message received", "request answered"] {
        assert_eq!(found(&booked, "log", "message", line).expect(line)["origin"], click, "{}", booked.shown);
    }
    let times: Vec<&str> =
        booked.shown["story"].as_array().unwrap().iter().map(|e| &e["at"].as_str().unwrap()[..19]).collect();
    assert!(times.is_sorted(), "{times:?}");

    let clicked = ops(&["trace", click]).await;
    assert!(clicked.well && clicked.shown["bookings"] == json!([id]), "{} {}", clicked.shown, clicked.told);
    assert!(found(&clicked, "outbox", "outboxId", &row).is_some(), "{}", clicked.shown);
    assert!(!clicked.shown.to_string().contains("Tester"), "no names: {}", clicked.shown);
    let nobody = ops(&["trace", "no-such-request"]).await;
    assert!(!nobody.well && nobody.told.contains("nothing of no-such-request"), "{}", nobody.told);
}

#[tokio::test]
async fn the_smoke_test_passes_and_costs_nobody_anything() {
    let stack = Stack::get();
    let ivy = stack.interviewer("smoked").await;
    let cara = stack.candidate("smoking", 50).await;
    let people = ["--candidate", &cara, "--interviewer", &ivy];
    let said = ops(&[&["smoke"][..], &people].concat()).await;
    assert!(said.well && said.shown["passed"] == true, "{} {}", said.shown, said.told);
    assert_eq!(stack.credits(&cara).await["available"], 50);
    let poor = stack.candidate("penniless", 0).await;
    let failed = ops(&["smoke", "--candidate", &poor, "--interviewer", &ivy]).await;
    assert!(!failed.well && failed.told.contains("insufficient_credits"), "{}", failed.told);
}

#[tokio::test]
async fn what_the_sweep_has_set_aside_is_listed_and_tried_again_once_it_is_mended() {
    let stack = Stack::get();
    let hour: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let sort = stack.id("nonsense");
    let aside = store::due::SetAside { hour, sort: sort.clone(), why: "spoilt".into(), at: hour, again: false };
    let key = keys::set_aside(hour, &sort);
    let mut tx = Tx::new();
    tx.put(Item::new(key.clone(), "SetAside", &aside).unwrap());
    tx.commit(&stack.table()).await.unwrap();
    let listed = ops(&["settlement", "aside"]).await;
    assert!(listed.well && listed.shown["aside"].to_string().contains(&key.sk), "{} {}", listed.shown, listed.told);
    assert!(ops(&["settlement", "retry", "bkg_unknown"]).await.told.contains("does not lie aside"));
    assert!(ops(&["settlement", "retry", &sort]).await.well);
    // The sweep may have been faster, and then it lies there again.
    let stored: store::due::SetAside = stack.stored(&key).await.get(&key).unwrap().unwrap();
    assert!(stored.again || stored.why.contains("no booking's id"), "{stored:?}");
    let gone = ops(&["settlement", "discard", &key.sk]).await;
    assert!(gone.well, "{} {}", gone.shown, gone.told);
    assert!(stack.stored(&key).await.get::<Value>(&key).unwrap().is_none());
}
