//! How much the local stack carries: functions in the dev profile behind an emulator, so a floor and not a forecast.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stack::{Stack, hour};
use crate::table::Table;

/// How long reading is measured.
const READING: Duration = Duration::from_secs(5);
const CLIENTS: usize = 16;
/// How many one person may book in an hour.
const EACH: usize = 5;

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

    let booked = Arc::new(AtomicUsize::new(0));
    let alone = booking(&stack, &ivy, &people[CLIENTS..], &booked).await;
    let together = booking(&stack, &ivy, &people[..CLIENTS], &booked).await;
    let what = "emulator, dev build: bookings of one interviewer per second, 1 / 16 clients";
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

/// Each person books as much as they may, each a slot of its own.
async fn booking(stack: &Stack, ivy: &str, people: &[(String, String)], booked: &Arc<AtomicUsize>) -> f64 {
    let (began, before) = (Instant::now(), booked.load(Ordering::SeqCst));
    let mut clients = tokio::task::JoinSet::new();
    for (token, _) in people {
        let (stack, token, ivy, booked) = (stack.clone(), token.clone(), ivy.to_owned(), booked.clone());
        clients.spawn(async move {
            for _ in 0..EACH {
                let number = booked.fetch_add(1, Ordering::SeqCst);
                let start = hour(24 + i64::try_from(number).unwrap());
                let wanted: Value = json!({ "interviewerId": ivy, "startTime": start });
                let request = stack.request("POST", &stack.api("/api/bookings")).bearer_auth(&token).json(&wanted);
                stack.send(request).await.expect(201);
            }
        });
    }
    clients.join_all().await;
    let done = booked.load(Ordering::SeqCst) - before;
    f64::from(u32::try_from(done).unwrap()) / began.elapsed().as_secs_f64()
}
