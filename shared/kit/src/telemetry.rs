//! Logs as JSON lines, and counters in CloudWatch's embedded metric format. Never bodies, tokens, e-mails or transcripts.

use std::io::Write as _;

use serde_json::json;
use tracing_subscriber::EnvFilter;

/// Starts logging. `LOG_LEVEL` may say more or less than `info`; libraries say only what is worth a warning.
pub fn start() {
    #[expect(clippy::disallowed_methods, reason = "logging starts before the configuration is read")]
    let level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| "info".to_owned());
    let ours = [
        "kit",
        "store",
        "providers",
        "accounts",
        "directory",
        "bookings",
        "wallet",
        "admin",
        "webhooks",
        "background",
        "platform",
    ];
    let directives: Vec<String> = ours.iter().map(|name| format!("{name}={level}")).collect();
    let filter = EnvFilter::try_new(format!("warn,{}", directives.join(",")));
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("info"));
    let format = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(true).with_span_list(false);
    // A second start in one process, as in tests, keeps the first.
    let _ = format.with_env_filter(filter).with_target(true).try_init();
}

/// What is counted. Alarms in `template.yaml` name these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// A webhook whose signature was refused.
    WebhookRefused,
    /// A generation that failed for good.
    GenerationFailed,
    /// A claim of a model that its transcript does not bear out.
    ClaimDropped,
    /// An outbox row that had to be sent again.
    OutboxRedriven,
    /// A balance that its statement lines do not bear out.
    LedgerDrift,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::WebhookRefused => "WebhookRefused",
            Self::GenerationFailed => "GenerationFailed",
            Self::ClaimDropped => "ClaimDropped",
            Self::OutboxRedriven => "OutboxRedriven",
            Self::LedgerDrift => "LedgerDrift",
        }
    }
}

/// Counts something, by one log line that CloudWatch reads as a metric.
pub fn count(metric: Metric, value: u64, now: jiff::Timestamp) {
    let line = json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": "Greenroom",
                "Dimensions": [[]],
                "Metrics": [{ "Name": metric.name(), "Unit": "Count" }],
            }],
        },
        metric.name(): value,
    });
    // Losing a count must not fail a request.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
