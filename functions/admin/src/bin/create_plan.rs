//! Serves `create_plan`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::create_plan::route())
}
