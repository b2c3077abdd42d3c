//! Serves `suggest_questions`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(bookings::suggest_questions::route())
}
