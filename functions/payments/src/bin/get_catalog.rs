//! Serves `get_catalog`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(payments::get_catalog::route())
}
