//! Serves `delete_plan`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::delete_plan::route())
}
