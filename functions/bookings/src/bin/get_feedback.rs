//! Serves `get_feedback`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(bookings::get_feedback::route())
}
