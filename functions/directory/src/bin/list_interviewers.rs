//! Serves `list_interviewers`.
fn main() -> std::process::ExitCode {
    kit::serve::serve_http(directory::list_interviewers::route())
}
