//! What several test programs of this crate need.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what cannot be done fails the test")]

pub mod calls_in_a_row;
pub mod described;
pub mod examples;
pub mod generated;
pub mod line;
pub mod stage;
pub mod story;
pub mod transcript;

use kit::{Function, Route, Worker};

/// Every area, and its functions.
pub fn areas() -> Vec<(&'static str, Vec<Function>)> {
    vec![
        ("platform", platform::functions()),
        ("accounts", accounts::functions()),
        ("directory", directory::functions()),
        ("bookings", bookings::functions()),
        ("wallet", wallet::functions()),
        ("payments", payments::functions()),
        ("admin", admin::functions()),
        ("webhooks", webhooks::functions()),
        ("sessions", sessions::functions()),
        ("background", background::functions()),
    ]
}

/// Every function.
pub fn all_functions() -> Vec<Function> {
    areas().into_iter().flat_map(|(_, functions)| functions).collect()
}

/// Every route of the API.
pub fn all_routes() -> Vec<Route> {
    all_functions().into_iter().filter_map(Function::route).collect()
}

/// Every worker.
pub fn all_workers() -> Vec<Worker> {
    all_functions().into_iter().filter_map(Function::worker).collect()
}
