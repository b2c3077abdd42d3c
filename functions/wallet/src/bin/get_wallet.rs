//! Serves `get_wallet`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(wallet::get_wallet::route())
}
