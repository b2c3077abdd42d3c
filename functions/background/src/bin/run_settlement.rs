//! Works off the queue of `run_settlement`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_queue(background::run_settlement::run_settlement, domain::patience::Patience::Settlement)
}
