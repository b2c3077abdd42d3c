//! Works off the queue of `run_settlement`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_queue(sessions::run_settlement::worker())
}
