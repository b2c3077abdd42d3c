//! Serves `list_plans`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::list_plans::route())
}
