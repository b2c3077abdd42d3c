//! Serves `adjust_credits`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::adjust_credits::route())
}
