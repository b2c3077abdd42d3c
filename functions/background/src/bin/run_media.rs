//! Works off the queue of `run_media`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_queue(background::run_media::run_media, domain::patience::Patience::Media)
}
