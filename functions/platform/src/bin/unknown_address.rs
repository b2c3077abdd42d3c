//! Serves every address that no route has.
fn main() -> std::process::ExitCode {
    kit::serve::serve_unknown_addresses()
}
