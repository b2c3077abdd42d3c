//! Runs `sweep_bookings`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_event(sessions::sweep_bookings::sweep_bookings)
}
