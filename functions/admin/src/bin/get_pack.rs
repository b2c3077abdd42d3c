//! Serves `get_pack`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::get_pack::route())
}
