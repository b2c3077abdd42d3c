//! Serves `sync_user`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(accounts::sync_user::route())
}
