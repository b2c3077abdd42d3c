//! Serves `review_booking`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(bookings::review_booking::route())
}
