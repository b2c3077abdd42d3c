//! Runs `reconcile_ledger`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_task(background::reconcile_ledger::task())
}
