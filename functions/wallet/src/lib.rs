//! What a person has and what moved it.

pub mod get_wallet;
pub mod list_transactions;

/// The functions of this area.
pub fn functions() -> Vec<kit::Function> {
    kit::functions![get_wallet::route(), list_transactions::route(),]
}
