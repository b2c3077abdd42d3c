//! Serves `update_availability`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(directory::update_availability::route())
}
