//! Serves `give_consent`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(bookings::give_consent::route())
}
