//! Reading the whole ledger bit by bit, for the reconciler. What cannot be read is told beside the rest and stops nothing.

use std::collections::BTreeMap;

use domain::ledger::Balance;
use domain::proof::{Line, Moved};
use domain::totals::Totals;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::StoreError;
use crate::item::Item;
use crate::month::{self, Summing};
use crate::{Items, Key, Query, Table, Tx, keys};

/// A wallet as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Whose.
    pub user: String,
    /// Of what.
    pub asset: String,
    /// How often it was written.
    pub version: u64,
    /// All its numbers by name, the balances among them.
    numbers: BTreeMap<String, i128>,
}

impl Kept {
    /// Whether each of its balances is this sum, and each sum one of its balances.
    pub fn is_sum_of(&self, sums: &BTreeMap<String, i128>) -> bool {
        let of = |numbers: &BTreeMap<String, i128>, name: &str| numbers.get(name).copied().unwrap_or(0);
        let mut names = Balance::ALL.map(Balance::name).into_iter().chain(sums.keys().map(String::as_str));
        names.all(|name| of(&self.numbers, name) == of(sums, name))
    }
}

/// Some of the ledger.
#[derive(Debug, Default)]
pub struct LedgerPage {
    /// Wallets.
    pub wallets: Vec<Kept>,
    /// Lines of statements.
    pub lines: Vec<Line>,
    /// Transfers.
    pub transfers: Vec<Moved>,
    /// What cannot be read, and why.
    pub unreadable: Vec<(Key, String)>,
    /// Where the rest begins.
    pub next: Option<Key>,
}

/// One of the ledger's items, if it is there and can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T> {
    /// It is there.
    Readable(T),
    /// It is there and cannot be read, which is told where the reading comes by it.
    Unreadable,
    /// It is not there.
    Absent,
}

/// The part of the ledger that stands within the next `rows` items of the table, in no order.
pub async fn page(table: &Table, after: Option<&Key>, rows: usize) -> Result<LedgerPage, StoreError> {
    let filter = "begins_with(pk, :transfer) OR begins_with(sk, :line) OR begins_with(sk, :wallet)";
    let prefixes =
        [(":transfer", keys::TRANSFER_PREFIX), (":line", keys::TRANSACTION_PREFIX), (":wallet", keys::WALLET_PREFIX)];
    let (items, next) = table.scan(filter, &prefixes, after, rows).await?;
    let mut page = LedgerPage { next, ..LedgerPage::default() };
    for (key, item) in items {
        let read = item.and_then(|item| {
            if key.pk.starts_with(keys::TRANSFER_PREFIX) {
                page.transfers.push(transfer_of(&key, &item)?);
            } else if key.sk.starts_with(keys::WALLET_PREFIX) {
                page.wallets.push(wallet_of(&key, &item)?);
            } else {
                page.lines.push(line_of(&key, &item)?);
            }
            Ok(())
        });
        if let Err(why) = read {
            page.unreadable.push((key, why));
        }
    }
    Ok(page)
}

fn user_of(key: &Key) -> Result<String, String> {
    key.pk.strip_prefix(keys::USER_PREFIX).map(str::to_owned).ok_or_else(|| "it is nobody's".to_owned())
}

/// Reads an item. What is wrong with one is told by its member, never by what stands there.
fn members<T: DeserializeOwned>(item: &Value) -> Result<T, String> {
    let told = |_: serde_json::Error| domain::reading::read::<T>(item.to_string().as_bytes()).err();
    T::deserialize(item).map_err(|error| told(error).map_or_else(String::new, |told| told.to_string()))
}

pub(crate) fn transfer_of(key: &Key, item: &Value) -> Result<Moved, String> {
    let moved: Moved = members(item)?;
    if keys::transfer_named(&moved.transfer_id) != *key {
        return Err("its id is not that of its key".to_owned());
    }
    let month = keys::month_partition_of(moved.created_at, &moved.transfer_id);
    if item["gsi2pk"] != month || item["gsi2sk"] != moved.transfer_id {
        return Err("it is not among the transfers of its month".to_owned());
    }
    if moved.sides().is_none() {
        return Err("one of its accounts is of no known form".to_owned());
    }
    Ok(moved)
}

fn line_of(key: &Key, item: &Value) -> Result<Line, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Members {
        transfer_id: String,
        asset: String,
        balance: String,
        amount: i64,
    }
    let members: Members = members(item)?;
    Ok(Line {
        user: user_of(key)?,
        line_id: key.sk.trim_start_matches(keys::TRANSACTION_PREFIX).to_owned(),
        transfer_id: members.transfer_id,
        asset: members.asset,
        balance: members.balance,
        amount: members.amount.into(),
    })
}

fn wallet_of(key: &Key, item: &Value) -> Result<Kept, String> {
    let mut numbers = BTreeMap::new();
    for (name, value) in item.as_object().into_iter().flatten() {
        if let Some(number) = value.as_u64().map(i128::from).or_else(|| value.as_i64().map(i128::from)) {
            numbers.insert(name.clone(), number);
        }
    }
    for name in Balance::ALL.map(Balance::name).into_iter().chain(["version"]) {
        if !numbers.contains_key(name) {
            return Err(format!("`{name}` is missing or no whole number"));
        }
    }
    let version = numbers.get("version").and_then(|version| u64::try_from(*version).ok());
    let asset = key.sk.trim_start_matches(keys::WALLET_PREFIX).to_owned();
    Ok(Kept { user: user_of(key)?, asset, version: version.unwrap_or_default(), numbers })
}

fn found<T>(items: &Items, key: &Key, read: impl FnOnce(&Key, &Value) -> Result<T, String>) -> Found<T> {
    match items.get::<Value>(key) {
        Ok(None) => Found::Absent,
        Ok(Some(item)) => read(key, &item).map_or(Found::Unreadable, Found::Readable),
        Err(_) => Found::Unreadable,
    }
}

/// What was read of transfers, lines and wallets.
#[derive(Debug, Default)]
pub struct Read(Items);

/// Reads these at once, as they are now.
pub async fn read(table: &Table, keys: &[Key]) -> Result<Read, StoreError> {
    Ok(Read(table.batch_get(keys).await?))
}

impl Read {
    /// The transfer with this id.
    pub fn transfer(&self, id: &str) -> Found<Moved> {
        found(&self.0, &keys::transfer_named(id), transfer_of)
    }
    /// A line.
    pub fn line(&self, user: &str, line_id: &str) -> Found<Line> {
        found(&self.0, &keys::line_named(user, line_id), line_of)
    }
    /// A wallet.
    pub fn wallet(&self, user: &str, asset: &str) -> Found<Kept> {
        found(&self.0, &keys::wallet_named(user, asset), wallet_of)
    }
}

/// How many lines are read at once where they are summed.
const LINES_AT_ONCE: usize = 1000;

/// What a person's balances in one asset are by their lines; none where one of these cannot be read.
pub async fn sums(table: &Table, user: &str, asset: &str) -> Result<Option<BTreeMap<String, i128>>, StoreError> {
    let partition = format!("{}{user}", keys::USER_PREFIX);
    let mut query = Query::partition(partition.clone()).prefix(keys::TRANSACTION_PREFIX).limit(LINES_AT_ONCE);
    let mut sums = BTreeMap::new();
    loop {
        let page = table.query::<Value>(query.clone()).await?;
        for item in page.items {
            let sk = item["sk"].as_str().unwrap_or_default().to_owned();
            let Ok(line) = line_of(&Key { pk: partition.clone(), sk }, &item) else { return Ok(None) };
            if line.asset == asset {
                *sums.entry(line.balance).or_insert(0) += line.amount;
            }
        }
        let Some(position) = page.next else { return Ok(Some(sums)) };
        query = query.after(&position.key, None);
    }
}

/// One round of the reconciler over the whole ledger: how far it has come and what it has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    /// When it began.
    pub began_at: Timestamp,
    /// Behind which item it goes on; none at the start and at the end.
    at: Option<(String, String)>,
    /// Whether all of the table was looked at, and the month remains.
    through: bool,
    /// Whether it has come to the end.
    pub complete: bool,
    /// Wallets that were looked at.
    pub wallets: u64,
    /// Lines that were looked at.
    pub lines: u64,
    /// Transfers that were looked at.
    pub transfers: u64,
    /// What the transfers of the last finished month add up to that were looked at.
    pub scanned: Totals,
    /// The same by the rows of that month, when all of the table was looked at.
    pub summed: Summing,
    /// How many of them do not fit the others.
    pub drifted: u64,
    /// How many items cannot be read.
    pub unreadable: u64,
    /// How often it was written.
    version: u64,
}

impl Round {
    /// A round that begins, in place of the one before.
    pub fn begin(now: Timestamp, before: Option<&Self>) -> Self {
        let version = before.map_or(0, |round| round.version);
        let (wallets, lines, transfers, drifted, unreadable) = (0, 0, 0, 0, 0);
        let (scanned, summed) = (Totals::default(), Summing::begin(month::last_finished(now)));
        Self {
            began_at: now,
            at: None,
            through: false,
            complete: false,
            wallets,
            lines,
            transfers,
            scanned,
            summed,
            drifted,
            unreadable,
            version,
        }
    }

    /// The next page of the table; none when all of it was looked at.
    pub async fn page(&self, table: &Table, rows: usize) -> Result<Option<LedgerPage>, StoreError> {
        let after = self.at.clone().map(|(pk, sk)| Key { pk, sk });
        if self.through { Ok(None) } else { page(table, after.as_ref(), rows).await.map(Some) }
    }

    /// Goes on behind `next`; without one all of the table was looked at.
    pub fn advance(&mut self, next: Option<Key>) {
        self.through = next.is_none();
        self.at = next.map(|key| (key.pk, key.sk));
    }
}

/// The round that is under way, or the last one. In place of one that cannot be read a new one begins.
pub async fn round(table: &Table, now: Timestamp) -> Result<Option<Round>, StoreError> {
    let Some(stored) = table.get::<Value>(&keys::reconciled_to()).await? else { return Ok(None) };
    match serde_json::from_value(stored) {
        Ok(round) => Ok(Some(round)),
        Err(error) => {
            tracing::warn!(%error, "the reconciler's position cannot be read: a round begins anew");
            let mut round = Round::begin(now, None);
            round.version = 1;
            let mut tx = Tx::new();
            tx.put(item_of(&round)?);
            tx.commit(table).await?;
            Ok(Some(round))
        }
    }
}

fn item_of(round: &Round) -> Result<Item, StoreError> {
    Item::new(keys::reconciled_to(), "LedgerRound", round)
}

/// Remembers how far a round has come. [`StoreError::Contended`] where another run has written meanwhile.
pub async fn write_round(table: &Table, round: &mut Round) -> Result<(), StoreError> {
    let read_version = round.version;
    round.version += 1;
    let mut tx = Tx::new();
    tx.replace(item_of(round)?, read_version);
    tx.commit(table).await
}
