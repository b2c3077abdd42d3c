//! Serves `stream_webhook`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(webhooks::stream_webhook::route())
}
