//! Serves `openapi_document`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(platform::openapi_document::route())
}
