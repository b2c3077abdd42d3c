//! How what is sold is shown.

use domain::catalog::Pack;
use domain::ids::{PackId, PlanId};
use domain::money::{Asset, Money};
use domain::plan::{Audience, Entitlements, Plan};
use schemars::JsonSchema;
use serde::Serialize;

/// A pack of credits or minutes.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Pack")]
pub struct PackView {
    /// Its id.
    pack_id: PackId,
    /// Its version: 1 when it was created, one more with each change.
    version: u64,
    /// Its title.
    title: String,
    /// Credits, or minutes of the live coach.
    asset: Asset,
    /// How many.
    units: u64,
    /// Its price in each currency in which it is sold.
    prices: Vec<Money>,
    /// Whether it is for sale.
    active: bool,
}

impl From<Pack> for PackView {
    fn from(Pack { pack_id, version, title, asset, units, prices, active }: Pack) -> Self {
        Self { pack_id, version, title, asset, units, prices, active }
    }
}

/// A plan.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Plan")]
pub struct PlanView {
    /// Its id.
    plan_id: PlanId,
    /// Its version: 1 when it was created, one more with each change.
    version: u64,
    /// For whom it is.
    audience: Audience,
    /// Its title.
    title: String,
    /// Its price for a month in each currency in which it is sold; 0 for a free plan.
    prices: Vec<Money>,
    /// What it includes.
    entitlements: Entitlements,
    /// Whether it can be chosen.
    active: bool,
}

impl From<Plan> for PlanView {
    fn from(Plan { plan_id, version, audience, title, prices, entitlements, active }: Plan) -> Self {
        Self { plan_id, version, audience, title, prices, entitlements, active }
    }
}
