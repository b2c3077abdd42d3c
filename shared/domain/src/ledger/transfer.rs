//! Movements of value, and the ids that their causes give them.

use std::fmt;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{Account, Balance, Platform, Wallet};
use crate::ids::{BookingId, UserId};
use crate::money::Asset;

/// What a transfer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TransferKind {
    /// Credits given once when a candidate joins.
    SignupGrant,
    /// An admin's correction, in either direction.
    AdminAdjust,
    /// A booking's price is reserved.
    BookingHold,
    /// The reserve is given back.
    BookingRelease,
    /// The reserve is paid to the interviewer.
    BookingCapture,
}

/// A transfer's id, derived from its cause: the same cause never moves value twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TransferId(String);

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TransferId {
    /// The one hold of a booking.
    pub fn hold(booking: BookingId) -> Self {
        Self(format!("hold:{booking}"))
    }
    /// The one settlement of a booking: capture and release share it, so only one of them can ever happen.
    pub fn settle(booking: BookingId) -> Self {
        Self(format!("settle:{booking}"))
    }
    /// The signup grant of a user.
    pub fn signup(user: &UserId) -> Self {
        Self(format!("grant:signup:{user}"))
    }
    /// An admin's adjustment under the idempotency key it was sent with.
    pub fn adjust(admin: &UserId, user: &UserId, key: &str) -> Self {
        Self(format!("adjust:{admin}:{user}:{key}"))
    }
}

/// One immutable ledger record: `amount` of `asset` moved from one account to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transfer {
    /// Derived from the cause.
    pub transfer_id: TransferId,
    /// What it is for.
    pub kind: TransferKind,
    /// What is moved.
    pub asset: Asset,
    /// How much, in whole units; never 0.
    pub amount: u64,
    /// Where it comes from.
    pub from: Account,
    /// Where it goes.
    pub to: Account,
    /// The booking it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking_id: Option<BookingId>,
    /// The reason an admin gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was committed.
    pub created_at: Timestamp,
}

impl Transfer {
    /// Reserves a booking's price.
    pub fn hold(booking: BookingId, candidate: &UserId, amount: u64, now: Timestamp) -> Self {
        Self {
            transfer_id: TransferId::hold(booking),
            kind: TransferKind::BookingHold,
            asset: Asset::Credit,
            amount,
            from: Account::User(candidate.clone(), Balance::Available),
            to: Account::User(candidate.clone(), Balance::Held),
            booking_id: Some(booking),
            note: None,
            created_at: now,
        }
    }

    /// Gives a booking's reserve back to the candidate.
    pub fn release(booking: BookingId, candidate: &UserId, amount: u64, now: Timestamp) -> Self {
        Self {
            transfer_id: TransferId::settle(booking),
            kind: TransferKind::BookingRelease,
            from: Account::User(candidate.clone(), Balance::Held),
            to: Account::User(candidate.clone(), Balance::Available),
            ..Self::hold(booking, candidate, amount, now)
        }
    }

    /// Pays a booking's reserve to the interviewer.
    pub fn capture(booking: BookingId, candidate: &UserId, interviewer: &UserId, amount: u64, now: Timestamp) -> Self {
        Self {
            transfer_id: TransferId::settle(booking),
            kind: TransferKind::BookingCapture,
            from: Account::User(candidate.clone(), Balance::Held),
            to: Account::User(interviewer.clone(), Balance::Earned),
            ..Self::hold(booking, candidate, amount, now)
        }
    }

    /// Gives a new candidate the signup credits.
    pub fn signup_grant(user: &UserId, amount: u64, now: Timestamp) -> Self {
        Self {
            transfer_id: TransferId::signup(user),
            kind: TransferKind::SignupGrant,
            asset: Asset::Credit,
            amount,
            from: Account::Platform(Platform::Issued),
            to: Account::User(user.clone(), Balance::Available),
            booking_id: None,
            note: None,
            created_at: now,
        }
    }

    /// An admin's adjustment; a negative `amount` takes units away.
    pub fn adjust(
        id: TransferId,
        user: &UserId,
        asset: Asset,
        amount: std::num::NonZeroI64,
        reason: String,
        now: Timestamp,
    ) -> Self {
        let available = Account::User(user.clone(), Balance::Available);
        let issued = Account::Platform(Platform::Issued);
        let (from, to) = if amount.is_positive() { (issued, available) } else { (available, issued) };
        Self {
            transfer_id: id,
            kind: TransferKind::AdminAdjust,
            asset,
            amount: amount.get().unsigned_abs(),
            from,
            to,
            booking_id: None,
            note: Some(reason),
            created_at: now,
        }
    }

    /// Whether a stored transfer with this id is the same movement, so that writing it again is already done
    /// (DECISIONS.md, "Repeats").
    pub fn same_movement(&self, other: &Self) -> bool {
        self.asset == other.asset && self.amount == other.amount && self.from == other.from && self.to == other.to
    }

    /// Whether it changes this wallet.
    pub fn touches(&self, wallet: &Wallet) -> bool {
        let is_its = |account: &Account| matches!(account, Account::User(user, _) if *user == wallet.user_id);
        self.asset == wallet.asset && (is_its(&self.from) || is_its(&self.to))
    }
}

/// The UTC month of an instant, `yyyy-mm`.
pub fn utc_month(at: Timestamp) -> String {
    let date = at.to_zoned(TimeZone::UTC).date();
    format!("{:04}-{:02}", date.year(), date.month())
}
