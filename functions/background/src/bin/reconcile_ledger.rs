//! Runs `reconcile_ledger`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_event(background::reconcile_ledger::reconcile_ledger)
}
