//! Serves `list_all_bookings`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::list_all_bookings::route())
}
