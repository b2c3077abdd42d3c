//! Payments: an intent that is stored before the provider is asked, and what became of it.
//!
//! A payment settles once, by whichever word of it comes first. What is taken back, by refunds and disputes, in part and several
//! times, in any order and number of words, is computed from the totals that were told: so it comes to the same in the end
//! (DECISIONS.md, "Money in and out").

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{PackId, PaymentId, PlanId, UserId};
use crate::money::{Asset, Money};
use crate::plan::{Audience, Entitlements};
use crate::problem::{Kind, Problem};

/// Who takes the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PaymentProvider {
    /// Stripe.
    Stripe,
    /// Razorpay, for rupees.
    Razorpay,
}

/// What is paid for, under the terms of the moment at which the payment was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Bought {
    /// Credits or minutes.
    #[serde(rename_all = "camelCase")]
    Pack {
        /// Which pack.
        pack_id: PackId,
        /// Under which version.
        version: u64,
        /// Credits or minutes.
        asset: Asset,
        /// How many.
        units: u64,
    },
    /// The first period of a plan.
    #[serde(rename_all = "camelCase")]
    Plan {
        /// Which plan.
        plan_id: PlanId,
        /// Under which version.
        version: u64,
        /// For whom it is.
        audience: Audience,
        /// What it allows.
        entitlements: Entitlements,
    },
}

/// How a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// It was begun.
    Pending,
    /// It was paid, and what was bought is there.
    Settled,
    /// The provider refused it.
    Failed,
    /// Nobody paid in time.
    Expired,
    /// All of it was paid back.
    Refunded,
    /// The one who paid disputes it, or won a dispute.
    Disputed,
    /// Something else was paid than was asked. Nothing is credited before an admin has looked.
    Mismatch,
}

/// How a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DisputeState {
    /// It is not decided.
    Open,
    /// We lost it: the money is gone.
    Lost,
    /// We won it: the money is ours again.
    Won,
}

/// One dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dispute {
    /// How it stands.
    pub state: DisputeState,
    /// What is disputed, in minor units of the payment's currency.
    pub amount_minor: u64,
}

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// Its id.
    pub payment_id: PaymentId,
    /// Who pays.
    pub user_id: UserId,
    /// What it is called.
    pub title: String,
    /// What is paid for.
    pub bought: Bought,
    /// What is asked for it.
    pub price: Money,
    /// Who takes the money.
    pub provider: PaymentProvider,
    /// How it stands.
    pub status: PaymentStatus,
    /// The provider's id of the checkout session or order; none until it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The provider's id of the money; none until it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_id: Option<String>,
    /// What was paid where that is not what was asked: in minor units and the provider's currency code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_instead: Option<(u64, String)>,
    /// What was paid back so far, by the provider's total.
    #[serde(default)]
    pub refunded_minor: u64,
    /// Disputes by the provider's ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub disputes: BTreeMap<String, Dispute>,
    /// How many units were taken back so far.
    #[serde(default)]
    pub taken_units: u64,
    /// Where its receipt is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_url: Option<String>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
    /// How often it was written; 0 where it is not stored yet.
    pub version: u64,
}

/// What a provider says was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// In minor units.
    pub amount_minor: u64,
    /// The currency's code, in whatever case.
    pub currency: String,
    /// The provider's id of the money.
    pub charge_id: Option<String>,
}

/// What a word of a provider leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing that was not there before.
    Nothing,
    /// What was bought is handed over.
    HandOver,
    /// An admin has to look.
    Alarm,
}

/// What is to be moved because something was paid back, or is ours again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// Nothing.
    Nothing,
    /// So many units are taken back.
    Take(u64),
    /// So many units are given back.
    Give(u64),
}

/// Why a payment cannot be changed as was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    /// Nothing was paid that could be paid back.
    #[error("this payment is not settled, so nothing can be paid back")]
    NotSettled,
    /// More would be paid back than was paid.
    #[error("at most {left} can be paid back")]
    RefundTooLarge {
        /// What is left, in minor units.
        left: u64,
    },
    /// It is not held.
    #[error("this payment is not held because of a mismatch")]
    NotHeld,
}

impl Problem for PaymentError {
    fn kind(&self) -> Kind {
        Kind::Conflict
    }
    fn code(&self) -> &'static str {
        match self {
            Self::NotSettled => "payment_not_settled",
            Self::RefundTooLarge { .. } => "refund_too_large",
            Self::NotHeld => "payment_not_held",
        }
    }
}

impl Payment {
    /// How many units of which asset it hands over; none for a plan, whose grants follow its months.
    pub fn units(&self) -> Option<(Asset, u64)> {
        match self.bought {
            Bought::Pack { asset, units, .. } => Some((asset, units)),
            Bought::Plan { .. } => None,
        }
    }

    /// Whether what was bought was handed over.
    pub fn is_handed_over(&self) -> bool {
        self.settled_at.is_some()
    }

    /// Takes in that something was paid. It may come after the intent has expired or failed: money that came is honoured. The second
    /// word of it leads to nothing.
    pub fn paid(&mut self, paid: &Paid, now: Timestamp) -> Consequence {
        if self.is_handed_over() || self.status == PaymentStatus::Mismatch {
            return Consequence::Nothing;
        }
        self.charge_id = paid.charge_id.clone().or(self.charge_id.take());
        let is_ours = paid.amount_minor == self.price.amount_minor
            && paid.currency.eq_ignore_ascii_case(self.price.currency.code());
        if is_ours {
            self.settle(now);
            return Consequence::HandOver;
        }
        self.status = PaymentStatus::Mismatch;
        self.paid_instead = Some((paid.amount_minor, paid.currency.to_ascii_uppercase()));
        Consequence::Alarm
    }

    /// Hands over what was held because of a mismatch: an admin has looked.
    pub fn release(&mut self, now: Timestamp) -> Result<(), PaymentError> {
        if self.status != PaymentStatus::Mismatch {
            return Err(PaymentError::NotHeld);
        }
        self.settle(now);
        Ok(())
    }

    fn settle(&mut self, now: Timestamp) {
        self.settled_at = Some(now);
        self.status = self.told_status();
    }

    /// Takes in that nobody paid in time, or that the provider refused it. Only what is pending changes.
    pub fn not_paid(&mut self, status: PaymentStatus) {
        if self.status == PaymentStatus::Pending {
            self.status = status;
        }
    }

    /// Takes in the provider's total of what was paid back. An older total changes nothing.
    pub fn refunded(&mut self, total_minor: u64) {
        self.refunded_minor = self.refunded_minor.max(total_minor);
        self.status = self.told_status();
    }

    /// Takes in how a dispute stands. One that is decided stays as it is.
    pub fn disputed(&mut self, id: &str, dispute: Dispute) {
        let known = self.disputes.entry(id.to_owned()).or_insert(dispute);
        if known.state < dispute.state && known.state == DisputeState::Open {
            known.state = dispute.state;
        }
        self.status = self.told_status();
    }

    /// What its status is by what was told of it.
    fn told_status(&self) -> PaymentStatus {
        let is_against_us = |dispute: &Dispute| dispute.state != DisputeState::Won;
        match self.status {
            status if !self.is_handed_over() => status,
            _ if self.disputes.values().any(is_against_us) => PaymentStatus::Disputed,
            _ if self.refunded_minor >= self.price.amount_minor => PaymentStatus::Refunded,
            _ => PaymentStatus::Settled,
        }
    }

    /// What was paid back or is disputed and not won, in minor units, of what was paid.
    fn lost_minor(&self) -> u64 {
        let against_us = self.disputes.values().filter(|dispute| dispute.state != DisputeState::Won);
        let disputed = against_us.fold(0_u64, |sum, dispute| sum.saturating_add(dispute.amount_minor));
        self.refunded_minor.saturating_add(disputed).min(self.price.amount_minor)
    }

    /// What has to be moved so that ⌊units × lost ÷ paid⌋ are taken back, and counts it as moved. What was not handed over is not taken
    /// back; when it is handed over after all, that is asked again.
    pub fn correct(&mut self) -> Correction {
        let Some((_, units)) = self.units().filter(|_| self.is_handed_over()) else { return Correction::Nothing };
        let share = u128::from(units) * u128::from(self.lost_minor()) / u128::from(self.price.amount_minor.max(1));
        // At most `units`.
        let target = u64::try_from(share).unwrap_or(units);
        let before = std::mem::replace(&mut self.taken_units, target);
        match target.checked_sub(before) {
            Some(0) => Correction::Nothing,
            Some(more) => Correction::Take(more),
            None => Correction::Give(before - target),
        }
    }

    /// Whether `amount_minor` more can be paid back, or, where none is named, how much is left.
    pub fn refundable(&self, amount_minor: Option<u64>) -> Result<u64, PaymentError> {
        if !self.is_handed_over() {
            return Err(PaymentError::NotSettled);
        }
        let left = self.price.amount_minor - self.lost_minor();
        let amount = amount_minor.unwrap_or(left);
        if amount == 0 || amount > left { Err(PaymentError::RefundTooLarge { left }) } else { Ok(amount) }
    }
}

#[cfg(test)]
mod tests;
