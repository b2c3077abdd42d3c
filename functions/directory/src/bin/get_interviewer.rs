//! Serves `get_interviewer`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(directory::get_interviewer::route())
}
