//! Accounts: who is signed in, what they do here, and what they say of themselves.

pub mod get_me;
pub mod onboard;
pub mod sync_user;
pub mod update_me;

#[cfg(test)]
mod test_requests;

/// The functions of this area.
pub fn functions() -> Vec<kit::Function> {
    kit::functions![get_me::route(), sync_user::route(), onboard::route(), update_me::route(),]
}
