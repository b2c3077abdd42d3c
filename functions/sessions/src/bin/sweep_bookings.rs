//! Runs `sweep_bookings`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_task(sessions::sweep_bookings::task())
}
