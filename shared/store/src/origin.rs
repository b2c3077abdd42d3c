//! What set a chain of work going: the id of a request, or of a schedule's run. It is carried along with the work, through the
//! rows of the outbox and the messages made of them, so that a log line, a row and a message can be traced to the first click.
//! No decision depends on it.

use std::pin::Pin;
use std::sync::Arc;

tokio::task_local! {
    static ORIGIN: Arc<str>;
}

/// What the present work goes back to, if it is known.
pub fn current() -> Option<String> {
    ORIGIN.try_with(ToString::to_string).ok()
}

/// Does `work` as one that goes back to `origin`.
pub fn carry<'a, T: 'a>(
    origin: &str,
    work: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
    Box::pin(ORIGIN.scope(origin.into(), work))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_knows_what_it_goes_back_to_and_nothing_outside_does() {
        assert_eq!(current(), None);
        let inner =
            carry("first", Box::pin(async { (current(), carry("second", Box::pin(async { current() })).await) }));
        assert_eq!(inner.await, (Some("first".to_owned()), Some("second".to_owned())));
        assert_eq!(current(), None);
    }
}
