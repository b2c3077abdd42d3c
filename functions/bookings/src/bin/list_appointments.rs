//! Serves `list_appointments`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(bookings::list_appointments::route())
}
