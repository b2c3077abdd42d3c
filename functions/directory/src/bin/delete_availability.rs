//! Serves `delete_availability`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(directory::delete_availability::route())
}
