//! Runs `check_secrets`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_task(background::check_secrets::task())
}
