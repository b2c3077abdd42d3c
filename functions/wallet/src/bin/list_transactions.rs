//! Serves `list_transactions`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(wallet::list_transactions::route())
}
