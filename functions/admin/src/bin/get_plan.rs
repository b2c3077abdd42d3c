//! Serves `get_plan`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::get_plan::route())
}
