//! Works off the queue of `run_effects`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_queue(background::run_effects::run_effects)
}
