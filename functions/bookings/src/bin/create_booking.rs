//! Serves `create_booking`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(bookings::create_booking::route())
}
