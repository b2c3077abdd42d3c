//! The fuzz targets of this crate, on stable: over the corpora of `fuzz/` and over inputs made of them.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../../../fuzz/src/delivery.rs"]
mod delivery;
#[path = "../../../../fuzz/src/drive.rs"]
mod drive;
#[path = "../../../../fuzz/src/stream_webhook.rs"]
mod stream_webhook;
#[path = "../../../../fuzz/src/svix_webhook.rs"]
mod svix_webhook;

#[test]
fn no_delivery_is_taken_for_one_that_clerk_signed() {
    drive::run("svix_webhook", svix_webhook::hold, 3_000);
}

#[test]
fn no_delivery_is_taken_for_one_that_stream_signed() {
    drive::run("stream_webhook", stream_webhook::hold, 1_500);
}
