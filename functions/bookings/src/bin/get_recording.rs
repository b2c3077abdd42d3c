//! Serves `get_recording`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(bookings::get_recording::route())
}
