//! Serves `get_me`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(accounts::get_me::route())
}
