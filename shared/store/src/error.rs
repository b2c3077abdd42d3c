//! What can go wrong with the table, by what can be done about it.

use domain::problem::{Kind, Problem};

/// A failure of the table.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A condition on what was read did not hold, or a rival transaction was in the way: read again and decide again.
    #[error("what was read has changed meanwhile")]
    Contended,
    /// DynamoDB did not answer, or refused for now.
    #[error("the table cannot be reached: {0}")]
    Unavailable(String),
    /// There is no such table, or this function may not do this with it: a defect of what is deployed, and not of what is stored.
    #[error("the table refuses this function: {0}")]
    Denied(String),
    /// A request does not have the form that the table takes: what is stored led to it, or a defect of ours.
    #[error("the table and this code disagree: {0}")]
    Corrupt(String),
    /// A stored item does not have the form that this code gives it.
    #[error("a stored item cannot be read: {0}")]
    Unreadable(String),
    /// A booking cannot be settled by what is stored, however often it is tried: its wallet does not hold what it should.
    #[error("a booking cannot be settled: {0}")]
    Unsettleable(String),
}

impl StoreError {
    /// Whether trying again cannot help before somebody has mended what is stored.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Corrupt(_) | Self::Unreadable(_) | Self::Unsettleable(_))
    }
}

impl Problem for StoreError {
    fn kind(&self) -> Kind {
        match self {
            Self::Contended | Self::Unavailable(_) => Kind::Unavailable,
            Self::Denied(_) | Self::Corrupt(_) | Self::Unreadable(_) | Self::Unsettleable(_) => Kind::Internal,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Contended | Self::Unavailable(_) => "upstream_unavailable",
            Self::Denied(_) | Self::Corrupt(_) | Self::Unreadable(_) | Self::Unsettleable(_) => "internal",
        }
    }
    fn retry_after_seconds(&self) -> Option<u64> {
        (self.kind() == Kind::Unavailable).then_some(1)
    }
    fn is_contended(&self) -> bool {
        matches!(self, Self::Contended)
    }
}

impl From<serde_dynamo::Error> for StoreError {
    fn from(error: serde_dynamo::Error) -> Self {
        Self::Unreadable(domain::reading::of_serde(&error).to_string())
    }
}

/// Sorts an SDK error: what DynamoDB refuses for good is a defect of ours, everything else is worth another try.
pub(crate) fn from_sdk<E>(error: aws_sdk_dynamodb::error::SdkError<E>) -> StoreError
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let code = error.as_service_error().and_then(|e| e.code().map(str::to_owned));
    let text = aws_sdk_dynamodb::error::DisplayErrorContext(&error).to_string();
    match code.as_deref() {
        Some("ConditionalCheckFailedException" | "TransactionConflictException") => StoreError::Contended,
        Some("ValidationException") => StoreError::Corrupt(text),
        Some("ResourceNotFoundException" | "AccessDeniedException") => StoreError::Denied(text),
        _ => StoreError::Unavailable(text),
    }
}
