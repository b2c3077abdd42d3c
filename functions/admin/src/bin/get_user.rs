//! Serves `get_user`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::get_user::route())
}
