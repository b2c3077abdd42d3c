//! Serves `update_me`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(accounts::update_me::route())
}
