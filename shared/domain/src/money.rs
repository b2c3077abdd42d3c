//! Whole amounts: credits and minutes. Money in minor units stays at the edges and comes with payments.

use serde::{Deserialize, Serialize};

/// What a wallet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Asset {
    /// The platform's unit of value.
    Credit,
    /// One minute of the live coach.
    CopilotMinute,
}

impl Asset {
    /// Every asset, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Credit, Self::CopilotMinute];

    /// The name used in keys and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Credit => "CREDIT",
            Self::CopilotMinute => "COPILOT_MINUTE",
        }
    }
}

/// What a booking of `minutes` costs in whole credits: ⌈`credits_per_hour` × `minutes` ÷ 60⌉.
pub fn session_price(credits_per_hour: u32, minutes: u32) -> u64 {
    (u64::from(credits_per_hour) * u64::from(minutes)).div_ceil(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_rounded_up_to_whole_credits() {
        for (rate, minutes, price) in [(60, 60, 60), (10, 45, 8), (1, 30, 1), (7, 90, 11), (10_000, 90, 15_000)] {
            assert_eq!(session_price(rate, minutes), price, "{rate} per hour for {minutes} minutes");
        }
    }
}
