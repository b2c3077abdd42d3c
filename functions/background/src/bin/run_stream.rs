//! Works off the queue of `run_stream`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_queue(background::run_stream::run_stream, domain::patience::Patience::Stream)
}
