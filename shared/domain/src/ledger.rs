//! The ledger: every movement of value is one immutable double-entry transfer with an id derived from its cause.
//!
//! Held value is an account of its own, so nothing is special about a hold. Balances of user accounts are kept on the
//! wallet and change only through [`Wallet::apply`]; platform accounts are sums over transfers and have no balance here.

use std::fmt;
use std::str::FromStr;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::ids::{BookingId, IdError, TransactionId, UserId};
use crate::money::Asset;
use crate::problem::{Kind, Problem};
use crate::word::Word;

/// The balances of one user's wallet. Each is a ledger account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Balance {
    /// May be spent.
    Available,
    /// Reserved for a booking until it is settled.
    Held,
    /// Earned by conducting sessions.
    Earned,
}

/// Where value sits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Account {
    /// One balance of one user.
    User(UserId, Balance),
    /// Where credits come from and return to.
    Issued,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user, Balance::Available) => write!(f, "user/{user}/available"),
            Self::User(user, Balance::Held) => write!(f, "user/{user}/held"),
            Self::User(user, Balance::Earned) => write!(f, "user/{user}/earned"),
            Self::Issued => f.write_str("platform/issued"),
        }
    }
}

impl FromStr for Account {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let refused = || IdError { kind: "account" };
        if text == "platform/issued" {
            return Ok(Self::Issued);
        }
        let (user, balance) = text.strip_prefix("user/").and_then(|r| r.rsplit_once('/')).ok_or_else(refused)?;
        let balance = match balance {
            "available" => Balance::Available,
            "held" => Balance::Held,
            "earned" => Balance::Earned,
            _ => return Err(refused()),
        };
        Ok(Self::User(user.parse()?, balance))
    }
}

impl Serialize for Account {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

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

/// What a line of a person's statement is called. A capture is a deduction to one party and an earning to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TransactionType {
    /// Credits given once when a candidate joins.
    SignupGrant,
    /// An admin's correction, in either direction.
    AdminAdjust,
    /// A booking's price was reserved.
    BookingHold,
    /// The reserve was given back.
    BookingRelease,
    /// The candidate paid for a session.
    BookingDeduct,
    /// The interviewer earned a session.
    BookingEarning,
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
    /// Why, in an admin's words.
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
            from: Account::Issued,
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
        let (from, to) = if amount.is_positive() { (Account::Issued, available) } else { (available, Account::Issued) };
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

    /// The users whose balances this transfer changes, each once.
    pub fn users(&self) -> Vec<&UserId> {
        let mut users = Vec::new();
        for account in [&self.from, &self.to] {
            if let Account::User(user, _) = account
                && !users.contains(&user)
            {
                users.push(user);
            }
        }
        users
    }
}

/// A wallet cannot pay what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WalletError {
    /// Less is available than is needed.
    #[error("not enough is available: {needed} needed, {available} there")]
    Insufficient {
        /// What was asked for.
        needed: u64,
        /// What is there.
        available: u64,
    },
    /// A balance would leave the range we can count. No business movement comes near it.
    #[error("the balance would become too large")]
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
    /// What was moved.
    pub asset: Word<Asset>,
    /// Which balance changed.
    pub balance: Word<Balance>,
    /// By how much; negative where it became less.
    pub amount: i64,
    /// The transfer behind it.
    pub transfer_id: TransferId,
    /// The booking it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking_id: Option<BookingId>,
    /// Why, in an admin's words.
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
    /// May be spent.
    pub available: u64,
    /// Reserved for bookings.
    pub held: u64,
    /// Earned by conducting sessions.
    pub earned: u64,
    /// Shortfall of a reversed purchase; spending is blocked until it is repaid.
    #[serde(default)]
    pub owed: u64,
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

/// The UTC month of an instant, `yyyy-mm`.
pub fn utc_month(at: Timestamp) -> String {
    let date = at.to_zoned(TimeZone::UTC).date();
    format!("{:04}-{:02}", date.year(), date.month())
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

    /// Applies the part of `transfer` that concerns this wallet and returns the statement lines it makes. `new_id` is
    /// called once per line. Nothing is changed where it is refused. A transfer of another user or asset changes
    /// nothing and makes no line.
    pub fn apply(
        &mut self,
        transfer: &Transfer,
        mut new_id: impl FnMut() -> TransactionId,
    ) -> Result<Vec<TransactionLine>, WalletError> {
        if transfer.asset != self.asset {
            return Ok(Vec::new());
        }
        let mut after = self.clone();
        let mut lines = Vec::new();
        if let Account::User(user, balance) = &transfer.from
            && *user == self.user_id
        {
            let value = after.balance_mut(*balance);
            *value = value
                .checked_sub(transfer.amount)
                .ok_or(WalletError::Insufficient { needed: transfer.amount, available: *value })?;
            lines.push(line(transfer, *balance, true, new_id())?);
        }
        if let Account::User(user, balance) = &transfer.to
            && *user == self.user_id
        {
            let value = after.balance_mut(*balance);
            *value = value.checked_add(transfer.amount).filter(|v| *v <= MAX_BALANCE).ok_or(WalletError::Overflow)?;
            lines.push(line(transfer, *balance, false, new_id())?);
        }
        // Ids of one millisecond come in any order; the two lines of a transfer always stand in this one.
        if let [from, to] = lines.as_mut_slice()
            && from.transaction_id > to.transaction_id
        {
            std::mem::swap(&mut from.transaction_id, &mut to.transaction_id);
        }
        if !lines.is_empty() {
            after.count_month(transfer);
            *self = after;
        }
        Ok(lines)
    }

    fn balance_mut(&mut self, balance: Balance) -> &mut u64 {
        match balance {
            Balance::Available => &mut self.available,
            Balance::Held => &mut self.held,
            Balance::Earned => &mut self.earned,
        }
    }

    fn count_month(&mut self, transfer: &Transfer) {
        let month = utc_month(transfer.created_at);
        // What commits late, when a transfer of a later month is counted already, belongs to sums that nobody sees any more.
        if month < self.month {
            return;
        }
        if self.month != month {
            (self.month, self.spent_in_month, self.earned_in_month) = (month, 0, 0);
        }
        if transfer.kind != TransferKind::BookingCapture {
            return;
        }
        let is_mine = |account: &Account| matches!(account, Account::User(user, _) if *user == self.user_id);
        if is_mine(&transfer.from) {
            self.spent_in_month = self.spent_in_month.saturating_add(transfer.amount);
        } else {
            self.earned_in_month = self.earned_in_month.saturating_add(transfer.amount);
        }
    }
}

fn line(
    transfer: &Transfer,
    balance: Balance,
    outgoing: bool,
    id: TransactionId,
) -> Result<TransactionLine, WalletError> {
    let amount = i64::try_from(transfer.amount).map_err(|_| WalletError::Overflow)?;
    let kind = match transfer.kind {
        TransferKind::SignupGrant => TransactionType::SignupGrant,
        TransferKind::AdminAdjust => TransactionType::AdminAdjust,
        TransferKind::BookingHold => TransactionType::BookingHold,
        TransferKind::BookingRelease => TransactionType::BookingRelease,
        TransferKind::BookingCapture if outgoing => TransactionType::BookingDeduct,
        TransferKind::BookingCapture => TransactionType::BookingEarning,
    };
    Ok(TransactionLine {
        transaction_id: id,
        kind: kind.into(),
        asset: transfer.asset.into(),
        balance: balance.into(),
        amount: if outgoing { -amount } else { amount },
        transfer_id: transfer.transfer_id.clone(),
        booking_id: transfer.booking_id,
        note: transfer.note.clone(),
        created_at: transfer.created_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ulid::Ulid;

    fn user(name: &str) -> UserId {
        name.parse().unwrap()
    }
    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }
    fn booking(n: u128) -> BookingId {
        BookingId::new(Ulid(n))
    }
    fn ids() -> impl FnMut() -> TransactionId {
        let mut n = 0;
        move || {
            n += 1;
            TransactionId::new(Ulid(n))
        }
    }

    #[test]
    fn a_hold_that_is_captured_moves_from_candidate_to_interviewer() {
        let now = at("2026-11-20T10:00:00Z");
        let (cara, ivy) = (user("cara"), user("ivy"));
        let mut candidate = Wallet::empty(cara.clone(), Asset::Credit);
        let mut interviewer = Wallet::empty(ivy.clone(), Asset::Credit);
        candidate.apply(&Transfer::signup_grant(&cara, 50, now), ids()).unwrap();
        let lines = candidate.apply(&Transfer::hold(booking(1), &cara, 30, now), ids()).unwrap();
        assert_eq!(
            lines.iter().map(|l| (l.balance.clone(), l.amount)).collect::<Vec<_>>(),
            [(Balance::Available.into(), -30), (Balance::Held.into(), 30)]
        );
        let capture = Transfer::capture(booking(1), &cara, &ivy, 30, now);
        let paid = candidate.apply(&capture, ids()).unwrap();
        let earned = interviewer.apply(&capture, ids()).unwrap();
        assert_eq!((&paid[0].kind, paid[0].amount), (&TransactionType::BookingDeduct.into(), -30));
        assert_eq!((&earned[0].kind, earned[0].amount), (&TransactionType::BookingEarning.into(), 30));
        assert_eq!((candidate.available, candidate.held), (20, 0));
        assert_eq!(candidate.this_month(now), (30, 0));
        assert_eq!(interviewer.this_month(now), (0, 30));
        assert_eq!(interviewer.this_month(at("2026-12-01T00:00:00Z")), (0, 0));
    }

    #[test]
    fn a_transfer_of_last_month_that_commits_late_leaves_the_sums_of_this_month() {
        let (november, december) = (at("2026-11-30T23:59:59Z"), at("2026-12-01T00:00:01Z"));
        let mut wallet = Wallet { held: 50, ..Wallet::empty(user("cara"), Asset::Credit) };
        for (n, now) in [(1, december), (2, november), (3, december)] {
            let capture = Transfer::capture(booking(n), &user("cara"), &user("ivy"), 10, now);
            wallet.apply(&capture, || TransactionId::new(Ulid(n))).unwrap();
        }
        assert_eq!(wallet.this_month(december), (20, 0));
        assert_eq!((wallet.this_month(november), wallet.held), ((0, 0), 20));
    }

    #[test]
    fn the_two_lines_of_a_transfer_stand_in_its_order_however_their_ids_were_drawn() {
        let now = at("2026-11-20T10:00:00Z");
        for drawn in [[1, 2], [2, 1]] {
            let mut wallet = Wallet { available: 30, ..Wallet::empty(user("cara"), Asset::Credit) };
            let mut ids = drawn.into_iter().map(|n| TransactionId::new(Ulid(n)));
            let hold = Transfer::hold(booking(1), &user("cara"), 30, now);
            let lines = wallet.apply(&hold, || ids.next().unwrap()).unwrap();
            let shown: Vec<_> = lines.into_iter().map(|l| (l.transaction_id.ulid().0, l.balance)).collect();
            assert_eq!(shown, [(1, Balance::Available.into()), (2, Balance::Held.into())], "drawn as {drawn:?}");
        }
    }

    #[test]
    fn capture_and_release_share_one_id_and_are_not_the_same_movement() {
        let now = at("2026-11-20T10:00:00Z");
        let release = Transfer::release(booking(1), &user("cara"), 30, now);
        let capture = Transfer::capture(booking(1), &user("cara"), &user("ivy"), 30, now);
        assert_eq!(release.transfer_id, capture.transfer_id);
        assert!(!release.same_movement(&capture));
        assert!(release.same_movement(&Transfer::release(booking(1), &user("cara"), 30, at("2026-11-21T10:00:00Z"))));
    }

    #[test]
    fn accounts_survive_their_text() {
        for account in
            [Account::Issued, Account::User(user("u-1"), Balance::Held), Account::User(user("a@b"), Balance::Earned)]
        {
            assert_eq!(account.to_string().parse(), Ok(account));
        }
        assert!("user/x/loans".parse::<Account>().is_err());
    }

    #[derive(Debug, Clone)]
    enum Op {
        Adjust(i64),
        Hold(u8, u64),
        Release(u8, u64),
        Capture(u8, u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            (-1000i64..1000).prop_map(Op::Adjust),
            (0u8..4, 1u64..500).prop_map(|(b, a)| Op::Hold(b, a)),
            (0u8..4, 1u64..500).prop_map(|(b, a)| Op::Release(b, a)),
            (0u8..4, 1u64..500).prop_map(|(b, a)| Op::Capture(b, a)),
        ]
    }

    proptest! {
        /// I1 and I2 at the smallest scale: whatever is applied, value is only moved, and nothing becomes negative.
        #[test]
        fn value_is_moved_and_never_made(ops in proptest::collection::vec(op(), 0..60)) {
            let now = at("2026-11-20T10:00:00Z");
            let (cara, ivy) = (user("cara"), user("ivy"));
            let mut wallets = [Wallet::empty(cara.clone(), Asset::Credit), Wallet::empty(ivy.clone(), Asset::Credit)];
            let mut issued: i128 = 0;
            for (n, op) in ops.into_iter().enumerate() {
                let id = TransferId(format!("t{n}"));
                let transfer = match op {
                    Op::Adjust(a) => match std::num::NonZeroI64::new(a) {
                        Some(a) => Transfer::adjust(id, &cara, Asset::Credit, a, "test".into(), now),
                        None => continue,
                    },
                    Op::Hold(b, a) => Transfer::hold(booking(u128::from(b)), &cara, a, now),
                    Op::Release(b, a) => Transfer::release(booking(u128::from(b)), &cara, a, now),
                    Op::Capture(b, a) => Transfer::capture(booking(u128::from(b)), &cara, &ivy, a, now),
                };
                let mut after = wallets.clone();
                let mut lines = Vec::new();
                let applied = after.iter_mut().try_for_each(|w| { lines.extend(w.apply(&transfer, ids())?); Ok::<(), WalletError>(()) });
                if applied.is_ok() {
                    wallets = after;
                    if transfer.from == Account::Issued { issued += i128::from(transfer.amount); }
                    if transfer.to == Account::Issued { issued -= i128::from(transfer.amount); }
                    let platform: i64 = match (&transfer.from, &transfer.to) {
                        (Account::Issued, _) => i64::try_from(transfer.amount).unwrap(),
                        (_, Account::Issued) => -i64::try_from(transfer.amount).unwrap(),
                        _ => 0,
                    };
                    prop_assert_eq!(lines.iter().map(|l| l.amount).sum::<i64>(), platform);
                }
                let sum: i128 = wallets.iter().map(|w| i128::from(w.available) + i128::from(w.held) + i128::from(w.earned)).sum();
                prop_assert_eq!(sum, issued);
            }
        }
    }
}
