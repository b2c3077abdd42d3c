//! Runs `redrive_outbox`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_task(background::redrive_outbox::task())
}
