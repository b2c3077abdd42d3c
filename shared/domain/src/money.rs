//! Whole amounts: credits and minutes, and money in minor units where it enters or leaves.

use std::fmt;

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

/// What money is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// Indian rupees, in paise.
    Inr,
    /// US dollars, in cents.
    Usd,
}

impl Currency {
    /// Every currency.
    pub const ALL: [Self; 2] = [Self::Inr, Self::Usd];

    /// Its ISO 4217 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Inr => "INR",
            Self::Usd => "USD",
        }
    }

    /// The currency with this ISO 4217 code, in whatever case a provider writes it.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|currency| currency.code().eq_ignore_ascii_case(code))
    }
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Money {
    /// In the currency's minor unit: paise, cents.
    pub amount_minor: u64,
    /// The currency.
    pub currency: Currency,
}

impl fmt::Display for Money {
    /// As people write it, such as `14.50 USD`. A hundred minor units are one of every currency here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} {}", self.amount_minor / 100, self.amount_minor % 100, self.currency.code())
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
    fn money_is_told_as_people_write_it() {
        for (amount_minor, currency, told) in [(1450, Currency::Usd, "14.50 USD"), (5, Currency::Inr, "0.05 INR")] {
            assert_eq!(Money { amount_minor, currency }.to_string(), told);
        }
    }

    #[test]
    fn a_price_is_rounded_up_to_whole_credits() {
        for (rate, minutes, price) in [(60, 60, 60), (10, 45, 8), (1, 30, 1), (7, 90, 11), (10_000, 90, 15_000)] {
            assert_eq!(session_price(rate, minutes), price, "{rate} per hour for {minutes} minutes");
        }
    }
}
