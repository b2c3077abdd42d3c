//! Works off the queue of `run_generation`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_queue(background::run_generation::run_generation, domain::patience::Patience::Generation)
}
