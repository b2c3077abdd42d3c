//! Serves `update_plan`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::update_plan::route())
}
