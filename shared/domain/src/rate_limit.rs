//! Per-user rate limits as token buckets. The buckets live in the table, so that all instances share them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::problem::{Kind, Problem};

/// Which limit a request counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateRule {
    /// Creating bookings: 5 per hour.
    Bookings,
    /// Asking the model for questions: 20 per hour.
    Questions,
    /// Any other write: 100 per minute.
    Writes,
}

impl RateRule {
    /// The name used in keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bookings => "bookings",
            Self::Questions => "questions",
            Self::Writes => "writes",
        }
    }

    /// How many requests fit in one window, and its length in milliseconds.
    pub fn limit(self) -> (u32, u32) {
        match self {
            Self::Bookings => (5, 3_600_000),
            Self::Questions => (20, 3_600_000),
            Self::Writes => (100, 60_000),
        }
    }
}

/// The caller does this too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests: at most {limit} in {} minutes; try again in {retry_after_seconds} seconds", .window_ms / 60_000)]
pub struct RateLimited {
    /// How many fit in the window.
    pub limit: u32,
    /// The window's length in milliseconds.
    pub window_ms: u32,
    /// When the next one fits.
    pub retry_after_seconds: u64,
}

impl Problem for RateLimited {
    fn kind(&self) -> Kind {
        Kind::RateLimited
    }
    fn code(&self) -> &'static str {
        "rate_limited"
    }
    fn retry_after_seconds(&self) -> Option<u64> {
        Some(self.retry_after_seconds)
    }
}

/// A token bucket that starts full and refills evenly. It counts in parts of a token so that nothing is lost to rounding:
/// one token is `window_ms` parts, and each millisecond brings `limit` parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenBucket {
    /// What is left, in parts of a token.
    pub parts: u64,
    /// When `parts` was true, Unix milliseconds.
    pub updated_ms: i64,
    /// How often it was written; 0 where it is not stored yet.
    pub version: u64,
}

impl TokenBucket {
    /// A bucket nobody has taken from.
    pub fn full(rule: RateRule, now: Timestamp) -> Self {
        let (limit, window_ms) = rule.limit();
        Self { parts: u64::from(limit) * u64::from(window_ms), updated_ms: now.as_millisecond(), version: 0 }
    }

    /// Takes one token. A clock that went back brings no tokens and loses none.
    pub fn take(&mut self, rule: RateRule, now: Timestamp) -> Result<(), RateLimited> {
        let (limit, window_ms) = rule.limit();
        let (limit_parts, token) = (u64::from(limit) * u64::from(window_ms), u64::from(window_ms));
        let elapsed_ms = u64::try_from(now.as_millisecond().saturating_sub(self.updated_ms)).unwrap_or(0);
        let refilled = self.parts.saturating_add(elapsed_ms.saturating_mul(u64::from(limit))).min(limit_parts);
        if refilled < token {
            let wait_ms = (token - refilled).div_ceil(u64::from(limit));
            return Err(RateLimited { limit, window_ms, retry_after_seconds: wait_ms.div_ceil(1000) });
        }
        self.parts = refilled - token;
        self.updated_ms = self.updated_ms.max(now.as_millisecond());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    #[test]
    fn five_bookings_fit_and_the_sixth_says_when_it_will() {
        let now: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        let mut bucket = TokenBucket::full(RateRule::Bookings, now);
        for _ in 0..5 {
            bucket.take(RateRule::Bookings, now).unwrap();
        }
        let refused = bucket.take(RateRule::Bookings, now).unwrap_err();
        assert_eq!(refused.retry_after_seconds, 720);
        let later = now + SignedDuration::from_secs(720);
        bucket.take(RateRule::Bookings, later).unwrap();
        assert!(bucket.take(RateRule::Bookings, later).is_err());
    }

    proptest! {
        /// In any stretch of time, no more fit than the bucket holds and the stretch refills.
        #[test]
        fn no_pattern_of_requests_gets_more_than_the_limit(steps in proptest::collection::vec(0i64..2_000_000, 1..200)) {
            let start: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
            let mut now = start;
            let mut bucket = TokenBucket::full(RateRule::Bookings, start);
            let mut taken = 0i64;
            for step in steps {
                now += SignedDuration::from_millis(step);
                taken += i64::from(bucket.take(RateRule::Bookings, now).is_ok());
                let elapsed = now.as_millisecond() - start.as_millisecond();
                prop_assert!(taken <= 5 + elapsed * 5 / 3_600_000);
            }
        }
    }
}
