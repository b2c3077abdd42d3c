//! Runs `relay_outbox`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_event(background::relay_outbox::relay_outbox)
}
