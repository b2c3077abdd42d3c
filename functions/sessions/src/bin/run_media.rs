//! Works off the queue of `run_media`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_queue(sessions::run_media::worker())
}
