//! Runs `check_secrets`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_event(background::check_secrets::check_secrets)
}
