//! Works off the queue of `run_generation`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_queue(sessions::run_generation::worker())
}
