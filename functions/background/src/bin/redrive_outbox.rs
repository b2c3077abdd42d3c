//! Runs `redrive_outbox`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_event(background::redrive_outbox::redrive_outbox)
}
