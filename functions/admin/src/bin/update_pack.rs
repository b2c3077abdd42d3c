//! Serves `update_pack`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::update_pack::route())
}
