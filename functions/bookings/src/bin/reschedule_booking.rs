//! Serves `reschedule_booking`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(bookings::reschedule_booking::route())
}
