//! Serves `get_call`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(bookings::get_call::route())
}
