//! What a person has and what moved it.

pub mod get_wallet;
pub mod list_transactions;

/// Every route of this area.
pub fn routes() -> Vec<kit::Route> {
    vec![get_wallet::route(), list_transactions::route()]
}
