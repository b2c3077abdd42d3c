//! Serves `list_reviews`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(directory::list_reviews::route())
}
