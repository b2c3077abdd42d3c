//! Serves `list_packs`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(admin::list_packs::route())
}
