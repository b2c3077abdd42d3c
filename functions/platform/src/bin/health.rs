//! Serves `health`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(platform::health::route())
}
