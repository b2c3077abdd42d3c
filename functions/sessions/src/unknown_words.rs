//! What a worker does with messages that it does not understand, and what an invocation says of faults.

use domain::patience::RECEIVES;
use kit::error::Fault;
use kit::worker::{ReceivedMessage, run};
use kit::{App, BoxFuture, Failure, Worker};
use serde_json::{Value, json};

use crate::stage::Stage;

fn event(bodies: &[String], receives: u32) -> Value {
    let record = |(place, body): (usize, &String)| json!({ "messageId": place.to_string(), "body": body, "attributes": { "ApproximateReceiveCount": receives.to_string() } });
    json!({ "Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>() })
}

fn broken() -> Worker {
    Worker { work: faulty, ..crate::run_stream::worker() }
}

fn faulty(_: App, _: ReceivedMessage) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async { Err(Fault("a stored thing cannot be read".to_owned()).into()) })
}

#[tokio::test]
async fn a_message_of_a_newer_version_is_put_off_and_is_no_fault() {
    let stage = Stage::new().await;
    let booking = crate::stage::booking_id();
    let of_another_queue = format!(r#"{{"outboxId":"o","effect":"feedback","bookingId":"{booking}","cause":"c"}}"#);
    for body in [r#"{"effect":"x"}"#.to_owned(), r#"{"outboxId":"o","effect":"dance"}"#.to_owned(), of_another_queue] {
        for receives in [1, RECEIVES] {
            let answer = run(&stage.app, crate::run_stream::worker(), event(std::slice::from_ref(&body), receives))
                .await
                .unwrap();
            assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "0" }] }), "{body}");
        }
    }
}

#[tokio::test]
async fn a_fault_fails_the_invocation_when_its_message_comes_first_and_never_again() {
    let stage = Stage::new().await;
    let booking = crate::stage::booking_id();
    let body = format!(r#"{{"outboxId":"o","effect":"end_call","bookingId":"{booking}"}}"#);
    let error = run(&stage.app, broken(), event(std::slice::from_ref(&body), 1)).await.unwrap_err();
    assert!(error.is_internal());
    let again = run(&stage.app, broken(), event(&[body], 2)).await.unwrap();
    assert_eq!(again, json!({ "batchItemFailures": [{ "itemIdentifier": "0" }] }));
}
