//! Serves `docs_page`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(platform::docs_page::route())
}
