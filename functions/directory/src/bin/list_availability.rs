//! Serves `list_availability`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(directory::list_availability::route())
}
