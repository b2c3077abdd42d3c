//! What ends a command: a text for the operator.

use std::fmt::{self, Debug};

use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use store::StoreError;

/// Something the operator can put right; its text is all they see.
#[derive(Debug)]
pub struct Refused(String);

/// The result of a command.
pub type Outcome<T = ()> = Result<T, Refused>;

impl Refused {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Refuses with this text.
pub fn refuse<T>(text: impl Into<String>) -> Outcome<T> {
    Err(Refused(text.into()))
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl<E, R> From<SdkError<E, R>> for Refused
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        match error.as_service_error().map(ProvideErrorMetadata::meta) {
            Some(answer) => Self(format!(
                "AWS refused: {}: {}",
                answer.code().unwrap_or("no code"),
                answer.message().unwrap_or("no message")
            )),
            None => Self(format!("AWS cannot be reached: {}", DisplayErrorContext(error))),
        }
    }
}
