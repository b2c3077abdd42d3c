//! For the tests of webhooks: signed deliveries, and what they leave in the table.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::booking::Booking;
use domain::consent::CONSENT_VERSION;
use domain::ids::BookingId;
use jiff::{SignedDuration, Timestamp};
use store::Tx;
use testing::{Answer, TABLE, World, noon};
use ulid::Ulid;

/// What signs Stream's deliveries in tests.
pub const STREAM_SECRET: &str = "stream-test-secret";
/// What signs Clerk's deliveries in tests.
pub const CLERK_SECRET: &str = "whsec_dGVzdC1zZWNyZXQtb2YtdGhpcnR5LXR3by1ieXRlcyE=";

/// The table: each item by its keys, its attributes in a comparable form.
pub type Stored = BTreeMap<(String, String), BTreeMap<String, String>>;

/// Everything in the table.
pub async fn stored(world: &World) -> Stored {
    let client = kit::aws::Aws::at(&world.endpoint).dynamodb();
    let mut all = Stored::new();
    let mut from = None;
    loop {
        let page = client.scan().table_name(TABLE).set_exclusive_start_key(from).send().await.unwrap();
        for item in page.items() {
            let text = |name: &str| item[name].as_s().unwrap().clone();
            let attributes = item.iter().map(|(name, value)| (name.clone(), shown(value))).collect();
            all.insert((text("pk"), text("sk")), attributes);
        }
        match page.last_evaluated_key {
            Some(key) => from = Some(key),
            None => return all,
        }
    }
}

fn shown(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(members) => {
            let members: BTreeMap<&String, String> = members.iter().map(|(n, v)| (n, shown(v))).collect();
            format!("{members:?}")
        }
        other => format!("{other:?}"),
    }
}

/// The state that deliveries led to: without the record of the deliveries, and without how often items were written.
pub async fn state(world: &World) -> Stored {
    let mut all = stored(world).await;
    all.retain(|(pk, _), _| !pk.starts_with("WEBHOOK#"));
    for attributes in all.values_mut() {
        attributes.remove("version");
    }
    all
}

/// How many items have a partition key that begins so.
pub async fn count(world: &World, prefix: &str) -> usize {
    stored(world).await.keys().filter(|(pk, _)| pk.starts_with(prefix)).count()
}

/// The booking that tests are about: between `cara` and `ivy`, from noon to one.
pub fn booking_id() -> BookingId {
    BookingId::new(Ulid::from_parts(1_795_167_000_000, 7))
}

/// Stores the booking, changed as the test likes.
pub async fn book(world: &World, consents: bool, change: impl FnOnce(Booking) -> Booking) -> Booking {
    let (cara, ivy) = ("cara".parse().unwrap(), "ivy".parse().unwrap());
    let times = (noon(), noon() + SignedDuration::from_mins(60));
    let (mut booking, _) = Booking::schedule(booking_id(), &cara, &ivy, times, 20, noon());
    if consents {
        for party in [domain::party::Party::Interviewee, domain::party::Party::Interviewer] {
            booking.consents.say(party, CONSENT_VERSION, true, noon()).unwrap();
        }
    }
    let booking = change(booking);
    let mut tx = Tx::new();
    store::booking::create(&mut tx, &booking).unwrap();
    tx.commit(&world.app.table).await.unwrap();
    store::booking::get(&world.app.table, booking_id()).await.unwrap().unwrap()
}

/// Sends a body as Stream does.
pub async fn from_stream(world: &World, body: &str) -> Answer {
    let signature = simulators::stream_signature(STREAM_SECRET, body.as_bytes());
    from_stream_with(world, body.as_bytes().to_vec(), &signature).await
}

/// Sends any bytes with any signature.
pub async fn from_stream_with(world: &World, body: Vec<u8>, signature: &str) -> Answer {
    world.send("POST", "/api/webhooks/stream", Some(body), &[("x-signature", signature)]).await
}

/// Sends a body as Clerk does, signed at `at` with `secret`.
pub async fn from_clerk(world: &World, body: &str, secret: &str, at: Timestamp) -> Answer {
    let signature = simulators::svix_signature(secret, "msg_1", at.as_second(), body);
    let seconds = at.as_second().to_string();
    let headers = [("svix-id", "msg_1"), ("svix-timestamp", &*seconds), ("svix-signature", &*signature)];
    world.send("POST", "/api/webhooks/clerk", Some(body.as_bytes().to_vec()), &headers).await
}
