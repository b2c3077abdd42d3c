//! The invocation that runs: Lambda's id of it, which is in every log line, and the instant at which Lambda stops it.

use std::time::Duration;

use lambda_runtime::Context;
use providers::deadline;
use tokio::time::Instant;
use tracing::Instrument;

use crate::app::Clock;

/// One invocation of this function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Lambda's id of it, as in its own lines.
    pub id: String,
    /// When it is stopped.
    pub deadline: Instant,
}

impl Invocation {
    /// The invocation that Lambda tells of. It names the deadline by the system's clock.
    pub fn of(context: &Context) -> Self {
        let now = u64::try_from(Clock::System.now().as_millisecond()).unwrap_or(0);
        let left = Duration::from_millis(context.deadline.saturating_sub(now));
        Self { id: context.request_id.clone(), deadline: Instant::now() + left }
    }

    /// Does `work` as this invocation.
    pub async fn run<T>(self, work: impl Future<Output = T>) -> T {
        let span = tracing::info_span!("invocation", invocation.id = self.id);
        deadline::within(self.deadline, work).instrument(span).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_lambda_says_is_known_while_it_runs() {
        let mut context = Context::default();
        context.request_id = "r-1".to_owned();
        context.deadline = u64::try_from(Clock::System.now().as_millisecond()).unwrap() + 60_000;
        let invocation = Invocation::of(&context);
        assert_eq!(invocation.id, "r-1");
        let left = invocation.run(async { deadline::time_left().unwrap() }).await;
        assert!((Duration::from_secs(50)..=Duration::from_mins(1)).contains(&left), "{left:?}");
        assert_eq!(deadline::time_left(), None);
        // One that is over leaves no time, whatever the clocks say.
        context.deadline = 1;
        assert_eq!(Invocation::of(&context).run(async { deadline::time_left().unwrap() }).await, Duration::ZERO);
    }
}
