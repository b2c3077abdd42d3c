//! Serves `complete_booking`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(bookings::complete_booking::route())
}
