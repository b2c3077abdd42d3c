//! Serves `decide_verification`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::decide_verification::route())
}
