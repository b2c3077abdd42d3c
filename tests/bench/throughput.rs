//! How much the local stack carries: functions in the dev profile behind an emulator, so a floor and not a forecast.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stack::{Stack, hour};
use crate::table::Table;

/// How long reading is measured.
const READING: Duration = Duration::from_secs(5);
const CLIENTS: usize = 16;
/// How many one person may book in an hour.
const EACH: u32 = 5;

/// Measures the stack that `GREENROOM_STACK` names.
pub async fn measure(table: &mut Table) {
    let stack = Stack::get();
    let ivy = stack.interviewer("measured").await;
    let mut people = Vec::new();
    for number in 0..=CLIENTS {
        let id = stack.candidate(&format!("client{number}"), 1000).await;
        people.push((stack.token(&id).await, id));
    }
    let mut shown = Vec::new();
    for clients in [1, CLIENTS] {
        // Starts as many processes as it takes, before the clock runs.
        reading(&stack, &people[..clients], Duration::from_secs(1)).await;
        shown.push(format!("{:.0}", reading(&stack, &people[..clients], READING).await));
    }
    table.row("emulator, dev build: `GET /api/wallet` per second, 1 / 16 clients", shown.join(" / "));

    let alone = booking(&stack, &ivy, &people[CLIENTS..], CLIENTS).await;
    let together = booking(&stack, &ivy, &people[..CLIENTS], 0).await;
    let what = "emulator, dev build: bookings of one interviewer per second, each on a day of its own, 1 / 16 clients";
    table.row(what, format!("{alone:.0} / {together:.0}"));
}

async fn reading(stack: &Stack, people: &[(String, String)], lasting: Duration) -> f64 {
    let began = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for (token, _) in people {
        let (stack, token) = (stack.clone(), token.clone());
        clients.spawn(async move {
            let mut answers = 0_u32;
            while began.elapsed() < lasting {
                let request = stack.request("GET", &stack.api("/api/wallet")).bearer_auth(&token);
                stack.send(request).await.expect(200);
                answers += 1;
            }
            answers
        });
    }
    let answers: u32 = clients.join_all().await.into_iter().sum();
    f64::from(answers) / began.elapsed().as_secs_f64()
}

/// Each person books as much as they may, on days of their own: who books the same day of the same interviewer has to wait.
async fn booking(stack: &Stack, ivy: &str, people: &[(String, String)], first_day: usize) -> f64 {
    let began = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for (number, (token, _)) in people.iter().enumerate() {
        let (stack, token, ivy) = (stack.clone(), token.clone(), ivy.to_owned());
        let day = i64::try_from(first_day + number).unwrap();
        clients.spawn(async move {
            for place in 0..EACH {
                let wanted: Value =
                    json!({ "interviewerId": ivy, "startTime": hour(48 * (1 + day) + i64::from(2 * place)) });
                let request = stack.request("POST", &stack.api("/api/bookings")).bearer_auth(&token).json(&wanted);
                stack.send(request).await.expect(201);
            }
        });
    }
    clients.join_all().await;
    f64::from(u32::try_from(people.len()).unwrap() * EACH) / began.elapsed().as_secs_f64()
}
