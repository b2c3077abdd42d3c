//! What several test programs of this crate need.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what cannot be done fails the test")]

pub mod calls_in_a_row;
pub mod described;
pub mod line;
pub mod stage;
pub mod story;
pub mod transcript;

/// Every worker.
pub fn all_workers() -> Vec<kit::Worker> {
    sessions::workers()
}

/// Every route of the API.
pub fn all_routes() -> Vec<kit::Route> {
    [
        platform::routes(),
        accounts::routes(),
        directory::routes(),
        bookings::routes(),
        wallet::routes(),
        admin::routes(),
        webhooks::routes(),
    ]
    .concat()
}
