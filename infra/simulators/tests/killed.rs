//! What the program has answered is there after it was killed, whenever that was.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test of a tool that stands in for other people's services"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

fn start(folder: &Path) -> (Child, Value) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_simulators"));
    let mut child =
        program.arg("--state-dir").arg(folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

/// Makes users until there is no answer any more; the ids of those that were answered.
async fn make_users(base_url: String, writer: u32) -> Vec<String> {
    let client = reqwest::Client::new();
    let mut answered = Vec::new();
    for number in 0.. {
        let id = format!("user_{writer}_{number}");
        let user = json!({ "id": id, "firstName": "Ann", "email": "ann@example.com" }).to_string();
        match client.post(format!("{base_url}/simulator/users")).body(user).send().await {
            Ok(answer) if answer.status() == 200 => answered.push(id),
            _ => break,
        }
    }
    answered
}

#[tokio::test]
async fn nothing_that_was_answered_is_lost_when_the_program_is_killed() {
    let folder = std::env::temp_dir().join(format!("greenroom-killed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut answered = Vec::new();
    for life in 0..3 {
        let (mut child, ready) = start(&folder);
        let url = ready["clerk"].as_str().unwrap().to_owned();
        let writers = [0, 1, 2].map(|writer| tokio::spawn(make_users(url.clone(), 10 * life + writer)));
        tokio::time::sleep(Duration::from_millis(300)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        for writer in writers {
            answered.extend(writer.await.unwrap());
        }
    }
    assert!(answered.len() > 10, "only {} were made before the ends", answered.len());
    let (mut child, ready) = start(&folder);
    let users = reqwest::get(format!("{}/simulator/users", ready["clerk"].as_str().unwrap())).await.unwrap();
    let users: Value = users.json().await.unwrap();
    let kept: Vec<&str> = users["users"].as_array().unwrap().iter().filter_map(|user| user["id"].as_str()).collect();
    let lost: Vec<&String> = answered.iter().filter(|id| !kept.contains(&id.as_str())).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(lost.is_empty(), "of {} answered, lost: {lost:?}", answered.len());
    std::fs::remove_dir_all(folder).unwrap();
}
