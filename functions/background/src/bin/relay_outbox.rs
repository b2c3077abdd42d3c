//! Runs `relay_outbox`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_task(background::relay_outbox::task())
}
