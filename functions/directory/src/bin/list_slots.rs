//! Serves `list_slots`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(directory::list_slots::route())
}
