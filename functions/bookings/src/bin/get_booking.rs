//! Serves `get_booking`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(bookings::get_booking::route())
}
