//! What ends a command: a text for the person at the terminal.

use std::fmt;
use std::io;
use std::path::Path;

/// Why a command could not do its work, worded so that the reader knows what to do next.
#[derive(Debug)]
pub struct Failure(String);

/// The result of everything here.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// A file that could not be read, written or removed.
    pub fn file(path: &Path, error: &io::Error) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
