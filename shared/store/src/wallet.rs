//! Wallets, transfers and statements.

use domain::ids::{TransactionId, UserId};
use domain::ledger::{
    self, Account, Posted, TransactionLine, TransactionType, Transfer, TransferId, Wallet, WalletError,
};
use domain::money::Asset;
use domain::problem::{Kind, Problem, ValidationError};

use serde::Serialize;

use crate::error::StoreError;
use crate::item::Item;
use crate::table::Position;
use crate::{BoxFuture, Items, Page, Query, Table, Tx, cursor, keys};

/// The wallet that was read with `items`, or an empty one.
pub fn wallet(items: &Items, user: &UserId, asset: Asset) -> Result<Wallet, StoreError> {
    Ok(items.get(&keys::wallet(user, asset))?.unwrap_or_else(|| Wallet::empty(user.clone(), asset)))
}

/// The transfer that was read with `items`, if there was one.
pub fn transfer(items: &Items, id: &TransferId) -> Result<Option<Transfer>, StoreError> {
    items.get(&keys::transfer(id))
}

/// Why a movement was not written.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// A wallet refuses.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The table refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Problem for MoveError {
    fn kind(&self) -> Kind {
        match self {
            Self::Wallet(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Wallet(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Wallet(error) => error.retry_after_seconds(),
            Self::Store(error) => error.retry_after_seconds(),
        }
    }
    fn is_contended(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_contended())
    }
}

/// Writes a transfer, as [`write_transfers`] does several.
pub fn write_transfer(
    tx: &mut Tx,
    transfer: &Transfer,
    wallets: &mut [&mut Wallet],
    new_id: impl FnMut() -> TransactionId,
) -> Result<(), MoveError> {
    write_transfers(tx, std::slice::from_ref(transfer), wallets, new_id)
}

/// Writes what one cause moves, in this order: for each transfer the record that its cause is used up and the statement lines, and
/// each wallet that they change once, on the version that was read. `wallets` must hold the wallet of each user and asset; they are
/// left as they will be stored.
pub fn write_transfers(
    tx: &mut Tx,
    transfers: &[Transfer],
    wallets: &mut [&mut Wallet],
    new_id: impl FnMut() -> TransactionId,
) -> Result<(), MoveError> {
    for Posted { transfer, from_line, to_line } in ledger::apply(transfers, wallets, new_id)? {
        for (account, line) in [(&transfer.from, &from_line), (&transfer.to, &to_line)] {
            if let (Account::User(user, _), Some(line)) = (account, line) {
                tx.create(Item::new(keys::transaction(user, line.transaction_id), "TransactionLine", line)?);
            }
        }
        let line_id = |line: Option<TransactionLine>| line.map(|line| line.transaction_id);
        let stored = StoredTransfer { transfer, from_line: line_id(from_line), to_line: line_id(to_line) };
        let id = transfer.transfer_id.to_string();
        let item = Item::new(keys::transfer(&transfer.transfer_id), "Transfer", &stored)?;
        tx.create(item.index2(keys::month_partition_of(transfer.created_at, &id), id));
    }
    for wallet in wallets {
        if transfers.iter().any(|transfer| transfer.touches(wallet)) {
            let read_version = wallet.version;
            wallet.version += 1;
            tx.replace(Item::new(keys::wallet(&wallet.user_id, wallet.asset), "Wallet", *wallet)?, read_version);
        }
    }
    Ok(())
}

/// A transfer with the lines it wrote, so that they can be proved from it (`domain::proof`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StoredTransfer<'a> {
    #[serde(flatten)]
    transfer: &'a Transfer,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_line: Option<TransactionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_line: Option<TransactionId>,
}

/// Both wallets of a person.
pub fn of_user<'a>(table: &'a Table, user: &'a UserId) -> BoxFuture<'a, Result<[Wallet; 2], StoreError>> {
    Box::pin(async move {
        let items = table.batch_get(&Asset::ALL.map(|asset| keys::wallet(user, asset))).await?;
        let [credit, minutes] = Asset::ALL;
        Ok([wallet(&items, user, credit)?, wallet(&items, user, minutes)?])
    })
}

/// What of a statement is asked for.
#[derive(Debug, Clone, Default)]
pub struct StatementFilter {
    /// Only this asset.
    pub asset: Option<Asset>,
    /// Only this type.
    pub kind: Option<TransactionType>,
}

impl StatementFilter {
    fn keeps(&self, line: &TransactionLine) -> bool {
        self.asset.is_none_or(|a| line.asset == a) && self.kind.is_none_or(|k| line.kind == k)
    }
}

/// How many lines one request reads at most while it looks for those a filter keeps.
const READ_AT_MOST: usize = 1000;

/// One page of a person's statement, newest first, and the cursor of the next.
pub async fn statement(
    table: &Table,
    user: &UserId,
    filter: &StatementFilter,
    limit: usize,
    after: Option<TransactionId>,
) -> Result<(Vec<TransactionLine>, Option<String>), StoreError> {
    let mut lines: Vec<TransactionLine> = Vec::new();
    let mut after = after;
    let mut read = 0;
    loop {
        let mut query = Query::partition(keys::user_partition(user)).prefix(keys::TRANSACTION_PREFIX).newest_first();
        let selective = filter.asset.is_some() || filter.kind.is_some();
        query = query.limit(if selective { 100 } else { limit - lines.len() });
        if let Some(last) = after {
            query = query.after(&keys::transaction(user, last), None);
        }
        let page: Page<TransactionLine> = table.query(query).await?;
        read += page.items.len();
        let mut items = page.items.into_iter().peekable();
        while let Some(line) = items.next() {
            after = Some(line.transaction_id);
            if filter.keeps(&line) {
                lines.push(line);
            }
            let more = items.peek().is_some() || page.next.is_some();
            if lines.len() == limit && more {
                return Ok((lines, after.map(|id| cursor::encode(&id.to_string()))));
            }
        }
        match page.next {
            None => return Ok((lines, None)),
            Some(Position { .. }) if read >= READ_AT_MOST => {
                return Ok((lines, after.map(|id| cursor::encode(&id.to_string()))));
            }
            Some(_) => {}
        }
    }
}

/// The place that a statement's cursor stands for.
pub fn statement_cursor(text: &str) -> Result<TransactionId, ValidationError> {
    cursor::decode(text)?.parse().map_err(|_| cursor::invalid())
}
