//! Logs as JSON lines, and counters in CloudWatch's embedded metric format. Never bodies, tokens, e-mails or transcripts.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::log_line::LogLine;

/// Whether this process is a function that was started. A test is not, and its output is for people.
static STARTED: AtomicBool = AtomicBool::new(false);

/// The crates whose information is logged; of the others warnings are.
pub const OURS: [&str; 13] = [
    "kit",
    "store",
    "providers",
    "accounts",
    "directory",
    "bookings",
    "sessions",
    "wallet",
    "payments",
    "admin",
    "webhooks",
    "background",
    "platform",
];

/// Starts logging. `LOG_LEVEL` may say more or less than `info`; libraries say only what is worth a warning.
pub fn start() {
    #[expect(clippy::disallowed_methods, reason = "logging starts before the configuration is read")]
    let level = std::env::var("LOG_LEVEL").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let filter = Targets::new().with_default(LevelFilter::WARN).with_targets(OURS.map(|name| (name, level)));
    let format = tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new()).event_format(LogLine);
    STARTED.store(true, Ordering::Relaxed);
    // A second start in one process, as in tests, keeps the first.
    let _ = tracing_subscriber::registry().with(format).with(filter).try_init();
}

/// What is counted. Alarms in `infra/watch.yaml` name these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// A webhook that was not taken: its signature was refused, or its body cannot be read.
    WebhookRefused,
    /// A generation that failed for good.
    GenerationFailed,
    /// A claim of a model that its transcript does not bear out.
    ClaimDropped,
    /// An outbox row that had to be sent again.
    OutboxRedriven,
    /// An outbox row that this version cannot read, or whose queue has no address here: left where it is.
    OutboxLeft,
    /// A balance, a line or a transfer that the others do not bear out.
    LedgerDrift,
    /// An item of the ledger that cannot be read.
    LedgerUnreadable,
    /// The whole ledger was looked at.
    LedgerRoundComplete,
    /// A message that has been failing for ten minutes or longer, and will be tried again.
    WorkDelayed,
    /// How many days the oldest of the providers' secrets is in force.
    SecretAgeDays,
    /// Due bookings that a run of the sweep has sent to be settled.
    SettlementsSent,
    /// Due bookings that are not settled: the sweep has sent them before and still finds them, or Stream could not be asked.
    SettlementsLeft,
    /// Due bookings that lie aside: nothing that is stored of them can be settled before somebody has mended it.
    SettlementsSetAside,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::WebhookRefused => "WebhookRefused",
            Self::GenerationFailed => "GenerationFailed",
            Self::ClaimDropped => "ClaimDropped",
            Self::OutboxRedriven => "OutboxRedriven",
            Self::OutboxLeft => "OutboxLeft",
            Self::LedgerDrift => "LedgerDrift",
            Self::LedgerUnreadable => "LedgerUnreadable",
            Self::LedgerRoundComplete => "LedgerRoundComplete",
            Self::WorkDelayed => "WorkDelayed",
            Self::SecretAgeDays => "SecretAgeDays",
            Self::SettlementsSent => "SettlementsSent",
            Self::SettlementsLeft => "SettlementsLeft",
            Self::SettlementsSetAside => "SettlementsSetAside",
        }
    }
}

/// Counts something, by one log line that CloudWatch reads as a metric.
pub fn count(metric: Metric, value: u64, now: jiff::Timestamp) {
    if STARTED.load(Ordering::Relaxed) {
        // Losing a count must not fail a request.
        let _ = writeln!(std::io::stdout().lock(), "{}", line(metric, value, now));
    }
}

/// The line in CloudWatch's embedded metric format.
fn line(metric: Metric, value: u64, now: jiff::Timestamp) -> Value {
    json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": "Greenroom",
                "Dimensions": [[]],
                "Metrics": [{ "Name": metric.name(), "Unit": "Count" }],
            }],
        },
        metric.name(): value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_a_line_that_cloudwatch_reads() {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let metrics = json!([{ "Name": "ClaimDropped", "Unit": "Count" }]);
        let about = json!([{ "Namespace": "Greenroom", "Dimensions": [[]], "Metrics": metrics }]);
        let expected =
            json!({ "_aws": { "Timestamp": 1_795_176_000_000_i64, "CloudWatchMetrics": about }, "ClaimDropped": 3 });
        assert_eq!(line(Metric::ClaimDropped, 3, now), expected);
    }
}
