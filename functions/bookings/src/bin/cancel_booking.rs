//! Serves `cancel_booking`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(bookings::cancel_booking::route())
}
