//! Serves `create_pack`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::create_pack::route())
}
