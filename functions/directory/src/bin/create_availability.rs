//! Serves `create_availability`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(directory::create_availability::route())
}
