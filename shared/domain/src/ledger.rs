//! The ledger: every movement of value is one immutable double-entry transfer with an id derived from its cause.
//!
//! Held value is an account of its own, so nothing is special about a hold. Balances of user accounts are kept on the wallet and
//! change only through [`apply`], by as many transfers as one cause has; platform accounts are sums over transfers and have no
//! balance here.

mod account;
mod transfer;
mod wallet;

pub use account::{Account, Balance, Platform};
pub use transfer::{Transfer, TransferId, TransferKind, utc_month};
pub use wallet::{MAX_BALANCE, Posted, TransactionLine, TransactionType, Wallet, WalletError, apply};

#[cfg(test)]
mod tests;
