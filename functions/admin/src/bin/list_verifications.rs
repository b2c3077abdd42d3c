//! Serves `list_verifications`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::list_verifications::route())
}
