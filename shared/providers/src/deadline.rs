//! The instant at which the function is stopped: no request to a provider waits beyond it, so that there is always time to
//! say what did not answer.

use std::time::Duration;

use tokio::time::Instant;

tokio::task_local! {
    static DEADLINE: Instant;
}

/// What is kept of the time to answer, or to note what happened.
const KEPT_BACK: Duration = Duration::from_millis(500);

/// Does `work` under a deadline.
pub async fn within<T>(deadline: Instant, work: impl Future<Output = T>) -> T {
    DEADLINE.scope(deadline, work).await
}

/// The deadline of the current work; `None` if none was set, as in most tests.
pub fn current() -> Option<Instant> {
    DEADLINE.try_with(|deadline| *deadline).ok()
}

/// How much time is left, where there is a deadline.
pub fn time_left() -> Option<Duration> {
    current().map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

/// The time that a request may take: as wanted, but for what the deadline takes away.
pub(crate) fn cut(wanted: Duration) -> Duration {
    time_left().map_or(wanted, |left| wanted.min(left.saturating_sub(KEPT_BACK)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_may_take_what_the_deadline_leaves() {
        let wanted = Duration::from_secs(10);
        assert_eq!((cut(wanted), time_left()), (wanted, None));
        let soon = Instant::now() + Duration::from_secs(2);
        within(soon, async {
            assert!(cut(wanted) <= Duration::from_millis(1500));
            assert!(cut(wanted) > Duration::from_millis(500), "{:?}", cut(wanted));
            assert_eq!(cut(Duration::from_millis(100)), Duration::from_millis(100));
        })
        .await;
        within(Instant::now(), async { assert_eq!(cut(wanted), Duration::ZERO) }).await;
    }
}
