//! Serves `onboard`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(accounts::onboard::route())
}
