//! Serves `clerk_webhook`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(webhooks::clerk_webhook::route())
}
