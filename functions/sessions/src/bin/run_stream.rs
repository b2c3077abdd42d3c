//! Works off the queue of `run_stream`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_queue(sessions::run_stream::worker())
}
