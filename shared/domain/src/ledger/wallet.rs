//! What transfers make of wallets, and how statements tell it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Account, Balance, Transfer, TransferId, TransferKind, utc_month};
use crate::ids::{BookingId, TransactionId, UserId};
use crate::money::Asset;
use crate::problem::{Kind, Problem};
use crate::word::Word;

/// The type of a transaction. A capture is a deduction for the candidate and an earning for the interviewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TransactionType {
    /// Credits given once when a candidate joins.
    SignupGrant,
    /// An admin's correction, in either direction.
    AdminAdjust,
    /// A booking's price was reserved.
    BookingHold,
    /// The reserved price was returned.
    BookingRelease,
    /// The candidate paid for a session.
    BookingDeduct,
    /// The interviewer was paid for a session.
    BookingEarning,
}

/// A wallet cannot pay what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WalletError {
    /// Less is available than is needed.
    #[error("the balance is insufficient: {needed} needed, {available} available")]
    Insufficient {
        /// What was asked for.
        needed: u64,
        /// What is there.
        available: u64,
    },
    /// A balance would leave the range we can count. No business movement comes near it.
    #[error("the balance would exceed its maximum")]
    Overflow,
}

impl Problem for WalletError {
    fn kind(&self) -> Kind {
        match self {
            Self::Insufficient { .. } => Kind::PaymentRequired,
            Self::Overflow => Kind::Conflict,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Insufficient { .. } => "insufficient_credits",
            Self::Overflow => "balance_overflow",
        }
    }
}

/// One line of a person's statement: one balance that one transfer changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionLine {
    /// This line's id.
    pub transaction_id: TransactionId,
    /// What it is called in this person's statement.
    #[serde(rename = "type")]
    pub kind: Word<TransactionType>,
    /// The asset.
    pub asset: Word<Asset>,
    /// Which balance changed.
    pub balance: Word<Balance>,
    /// The change; negative if the balance decreased.
    pub amount: i64,
    /// The transfer behind it.
    pub transfer_id: TransferId,
    /// The booking it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking_id: Option<BookingId>,
    /// The reason an admin gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was committed.
    pub created_at: Timestamp,
}

/// No balance may pass this; far above any business amount and exact in every JSON reader (2^53 − 1).
pub const MAX_BALANCE: u64 = 9_007_199_254_740_991;

/// The balances of one user in one asset, and what of them moved this month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wallet {
    /// Whose it is.
    pub user_id: UserId,
    /// What it counts.
    pub asset: Asset,
    /// Available to spend.
    pub available: u64,
    /// Reserved for bookings.
    pub held: u64,
    /// Earned by conducting sessions.
    pub earned: u64,
    /// The shortfall of a purchase that was taken back; spending is blocked until it is repaid.
    pub owed: u64,
    /// Reserved for a payout request that is still pending.
    pub payout: u64,
    /// The UTC month that the two sums below belong to, `yyyy-mm`.
    #[serde(default)]
    pub month: String,
    /// What was paid for sessions in `month`.
    #[serde(default)]
    pub spent_in_month: u64,
    /// What was earned in `month`.
    #[serde(default)]
    pub earned_in_month: u64,
    /// How often it was written; 0 where it is not stored yet.
    pub version: u64,
}

impl Wallet {
    /// A wallet that was never written.
    pub fn empty(user_id: UserId, asset: Asset) -> Self {
        Self {
            user_id,
            asset,
            available: 0,
            held: 0,
            earned: 0,
            owed: 0,
            payout: 0,
            month: String::new(),
            spent_in_month: 0,
            earned_in_month: 0,
            version: 0,
        }
    }

    /// The sums (spent, earned) of the month that `now` lies in.
    pub fn this_month(&self, now: Timestamp) -> (u64, u64) {
        if self.month == utc_month(now) { (self.spent_in_month, self.earned_in_month) } else { (0, 0) }
    }

    /// One of its balances.
    pub fn balance(&self, balance: Balance) -> u64 {
        match balance {
            Balance::Available => self.available,
            Balance::Held => self.held,
            Balance::Earned => self.earned,
            Balance::Owed => self.owed,
            Balance::Payout => self.payout,
        }
    }

    fn balance_mut(&mut self, balance: Balance) -> &mut u64 {
        match balance {
            Balance::Available => &mut self.available,
            Balance::Held => &mut self.held,
            Balance::Earned => &mut self.earned,
            Balance::Owed => &mut self.owed,
            Balance::Payout => &mut self.payout,
        }
    }

    /// Takes one side of a transfer, and says by how much that changes the balance.
    fn take(&mut self, transfer: &Transfer, balance: Balance, side: Side) -> Result<i64, WalletError> {
        let (amount, value) = (transfer.amount, self.balance_mut(balance));
        let change = i64::try_from(amount).map_err(|_| WalletError::Overflow)?;
        let grows = (side == Side::To) != balance.is_debt();
        *value = if grows {
            value.checked_add(amount).filter(|value| *value <= MAX_BALANCE).ok_or(WalletError::Overflow)?
        } else {
            value.checked_sub(amount).ok_or(WalletError::Insufficient { needed: amount, available: *value })?
        };
        self.count_month(transfer, side);
        Ok(if grows { change } else { -change })
    }

    fn count_month(&mut self, transfer: &Transfer, side: Side) {
        let month = utc_month(transfer.created_at);
        // What commits late, when a transfer of a later month is counted already, belongs to sums that nobody sees any more.
        if month < self.month {
            return;
        }
        if self.month != month {
            (self.month, self.spent_in_month, self.earned_in_month) = (month, 0, 0);
        }
        if transfer.kind == TransferKind::BookingCapture {
            let sum = if side == Side::From { &mut self.spent_in_month } else { &mut self.earned_in_month };
            *sum = sum.saturating_add(transfer.amount);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    From,
    To,
}

/// A transfer that was applied, and the lines that tell it: one for each side that is a user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted<'a> {
    /// The transfer.
    pub transfer: &'a Transfer,
    /// How the one from whom it was taken is told.
    pub from_line: Option<TransactionLine>,
    /// How the one to whom it was given is told.
    pub to_line: Option<TransactionLine>,
}

/// Applies transfers one after the other, and says how each is told. `wallets` must hold the wallet of each user and asset, and
/// may hold others, which stay as they are. `new_id` is called once per line. Nothing is changed where one of them is refused.
pub fn apply<'a>(
    transfers: &'a [Transfer],
    wallets: &mut [&mut Wallet],
    mut new_id: impl FnMut() -> TransactionId,
) -> Result<Vec<Posted<'a>>, WalletError> {
    let mut after: Vec<Wallet> = wallets.iter().map(|wallet| (**wallet).clone()).collect();
    let sides = transfers.iter().flat_map(|transfer| [&transfer.from, &transfer.to]);
    let lines = sides.filter(|account| matches!(account, Account::User(..))).count();
    // Ids of one millisecond come in any order. Lines stand in that of their transfers, and of the sides of each.
    let mut ids: Vec<TransactionId> = (0..lines).map(|_| new_id()).collect();
    ids.sort_unstable();
    let mut ids = ids.into_iter();
    let mut line = |transfer: &Transfer, side: Side| {
        let account = if side == Side::From { &transfer.from } else { &transfer.to };
        let Account::User(user, balance) = account else { return Ok(None) };
        let wallet = after.iter_mut().find(|wallet| wallet.user_id == *user && wallet.asset == transfer.asset);
        assert!(wallet.is_some(), "the wallet of each user of a transfer is at hand");
        let (Some(wallet), Some(id)) = (wallet, ids.next()) else { return Ok(None) };
        let amount = wallet.take(transfer, *balance, side)?;
        Ok(Some(line_of(transfer, side, *balance, amount, id)))
    };
    let mut posted = Vec::with_capacity(transfers.len());
    for transfer in transfers {
        let (from_line, to_line) = (line(transfer, Side::From)?, line(transfer, Side::To)?);
        posted.push(Posted { transfer, from_line, to_line });
    }
    for (wallet, after) in wallets.iter_mut().zip(after) {
        **wallet = after;
    }
    Ok(posted)
}

fn line_of(transfer: &Transfer, side: Side, balance: Balance, amount: i64, id: TransactionId) -> TransactionLine {
    let kind = match transfer.kind {
        TransferKind::SignupGrant => TransactionType::SignupGrant,
        TransferKind::AdminAdjust => TransactionType::AdminAdjust,
        TransferKind::BookingHold => TransactionType::BookingHold,
        TransferKind::BookingRelease => TransactionType::BookingRelease,
        TransferKind::BookingCapture if side == Side::From => TransactionType::BookingDeduct,
        TransferKind::BookingCapture => TransactionType::BookingEarning,
    };
    TransactionLine {
        transaction_id: id,
        kind: kind.into(),
        asset: transfer.asset.into(),
        balance: balance.into(),
        amount,
        transfer_id: transfer.transfer_id.clone(),
        booking_id: transfer.booking_id,
        note: transfer.note.clone(),
        created_at: transfer.created_at,
    }
}
