//! Serves `delete_pack`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::delete_pack::route())
}
