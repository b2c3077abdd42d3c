//! Payouts: what an interviewer earned leaves as money, once an admin has paid it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{PayoutId, UserId};
use crate::money::{Currency, Money};
use crate::problem::{Checks, Kind, Problem, ValidationError};

/// How an interviewer wants to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum PaymentMethod {
    Bank,
    Upi,
    Paypal,
}

/// How a payout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PayoutStatus {
    /// Asked for; an admin has to decide.
    Processing,
    /// Paid.
    Processed,
    /// Refused; the credits are earned again.
    Rejected,
}

/// What a deployment pays for an earned credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayoutTerms {
    /// What a credit is worth before the fee, in minor units.
    pub credit_minor: u64,
    /// The currency of payouts.
    pub currency: Currency,
    /// The fewest credits that are paid out at once.
    pub least_credits: u64,
}

/// The most credits of one payout; more than anybody earns, and exact in every sum below.
const MOST_CREDITS: u64 = 10_000_000;

/// What a payout of some credits comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// The credits of the fee.
    pub fee_credits: u64,
    /// What is sent.
    pub net: Money,
}

impl PayoutTerms {
    /// Splits `credits`: the fee is ⌊credits × percent ÷ 100⌋ whole credits, and what is sent is the value of the rest.
    pub fn split(&self, credits: u64, fee_percent: u8) -> Split {
        let fee_credits = credits * u64::from(fee_percent.min(100)) / 100;
        let amount_minor = (credits - fee_credits) * self.credit_minor;
        Split { fee_credits, net: Money { amount_minor, currency: self.currency } }
    }

    /// Refuses what cannot be paid out.
    pub fn check(&self, credits: u64, detail: &str) -> Result<(), ValidationError> {
        let mut checks = Checks::new();
        let (least, range) = (self.least_credits, self.least_credits..=MOST_CREDITS);
        checks.require(range.contains(&credits), "credits", format!("must be from {least} to {MOST_CREDITS}"));
        checks.line("paymentDetail", detail, 3, 200);
        checks.finish()
    }
}

/// One payout. Where it goes to is kept apart, encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payout {
    /// Its id.
    pub payout_id: PayoutId,
    /// Whose it is.
    pub user_id: UserId,
    /// What leaves the earned balance, fee included.
    pub credits: u64,
    /// The fee in percent that applied when it was asked for.
    pub fee_percent: u8,
    /// The credits of the fee.
    pub fee_credits: u64,
    /// What is sent.
    pub net: Money,
    /// How.
    pub payment_method: PaymentMethod,
    /// The end of where it goes to, to recognise it by.
    pub detail_end: String,
    /// How it stands.
    pub status: PayoutStatus,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When an admin decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// Which admin decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<UserId>,
    /// The admin's reference of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often it was written; 0 where it is not stored yet.
    pub version: u64,
}

/// What an admin decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was paid, under a reference where there is one.
    Paid(Option<String>),
    /// It is refused, for a reason.
    Rejected(String),
}

/// It was decided before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this payout was decided before")]
pub struct NotProcessing;

impl Problem for NotProcessing {
    fn kind(&self) -> Kind {
        Kind::Conflict
    }
    fn code(&self) -> &'static str {
        "payout_not_processing"
    }
}

/// How many characters of a detail are shown.
const SHOWN: usize = 4;

/// The end of a detail, to recognise it by; nothing of one that is so short that its end would be most of it.
pub fn detail_end(detail: &str) -> String {
    let n = detail.chars().count();
    if n < 3 * SHOWN { String::new() } else { detail.chars().skip(n - SHOWN).collect() }
}

impl Payout {
    /// Takes over what an admin decides. The same verdict again is refused like another: only one answer was the deciding one.
    pub fn decide(&mut self, verdict: Verdict, admin: &UserId, now: Timestamp) -> Result<(), NotProcessing> {
        if self.status != PayoutStatus::Processing {
            return Err(NotProcessing);
        }
        self.decided_at = Some(now);
        self.decided_by = Some(admin.clone());
        match verdict {
            Verdict::Paid(reference) => {
                self.status = PayoutStatus::Processed;
                self.reference = reference;
            }
            Verdict::Rejected(reason) => {
                self.status = PayoutStatus::Rejected;
                self.reason = Some(reason);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TERMS: PayoutTerms = PayoutTerms { credit_minor: 40, currency: Currency::Usd, least_credits: 50 };

    #[test]
    fn a_fee_is_whole_credits_and_never_more_than_its_percentage() {
        for (credits, percent, fee, net) in
            [(100, 20, 20, 3200), (50, 12, 6, 1760), (99, 20, 19, 3200), (50, 0, 0, 2000), (50, 100, 50, 0)]
        {
            let split = TERMS.split(credits, percent);
            assert_eq!((split.fee_credits, split.net.amount_minor), (fee, net), "{credits} at {percent} %");
        }
    }

    #[test]
    fn what_is_too_little_too_much_or_goes_nowhere_is_refused_by_name() {
        for (credits, detail, field) in
            [(49, "DE02 1203", "credits"), (MOST_CREDITS + 1, "DE02 1203", "credits"), (50, "", "paymentDetail")]
        {
            assert_eq!(TERMS.check(credits, detail).unwrap_err().0[0].field, field);
        }
        assert_eq!(TERMS.check(50, "ivy@upi"), Ok(()));
    }

    #[test]
    fn only_the_end_of_a_long_detail_is_shown() {
        assert_eq!(detail_end("DE02120300000000202051"), "2051");
        assert_eq!(detail_end("ivy@upi"), "");
    }

    proptest! {
        #[test]
        fn fee_and_rest_add_up(credits in 0_u64..=MOST_CREDITS, percent in 0_u8..=100) {
            let split = TERMS.split(credits, percent);
            prop_assert_eq!(split.net.amount_minor + split.fee_credits * TERMS.credit_minor, credits * TERMS.credit_minor);
            prop_assert!(split.fee_credits * 100 <= credits * u64::from(percent));
        }
    }
}
