//! Balances.

use domain::ledger::Wallet;
use domain::user::Role;
use schemars::JsonSchema;
use serde::Serialize;

/// The balances of one wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Balances")]
pub struct BalancesView {
    /// Available to spend.
    pub available: u64,
    /// Reserved for bookings.
    pub held: u64,
    /// Earned by conducting sessions; for interviewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earned: Option<u64>,
    /// Owed after a reversed purchase; spending is blocked until it is repaid.
    pub owed: u64,
}

impl BalancesView {
    /// How `wallet` is shown to somebody with this role.
    pub fn of(wallet: &Wallet, role: Role) -> Self {
        let shows_earned = role == Role::Interviewer || wallet.earned > 0;
        Self {
            available: wallet.available,
            held: wallet.held,
            earned: shows_earned.then_some(wallet.earned),
            owed: wallet.owed,
        }
    }
}

/// The balances of each asset.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "Assets")]
pub struct AssetsView {
    /// Credits.
    pub credit: BalancesView,
    /// Minutes of the live coach.
    pub copilot_minute: BalancesView,
}

impl AssetsView {
    /// How the wallets of somebody with this role are shown.
    pub fn of(credit: &Wallet, minutes: &Wallet, role: Role) -> Self {
        Self { credit: BalancesView::of(credit, role), copilot_minute: BalancesView::of(minutes, role) }
    }
}
