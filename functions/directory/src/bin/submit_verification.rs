//! Serves `submit_verification`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(directory::submit_verification::route())
}
