//! What is sold: packs, plans and AI interviews, with their prices. What was bought keeps the terms it was bought under, so that a
//! change here changes nothing that was paid for (DECISIONS.md, "Money in and out").

use serde::{Deserialize, Serialize};

use crate::ids::{PackId, PlanId};
use crate::money::{Asset, Currency, Money};
use crate::plan::{Audience, Entitlements, Plan};
use crate::problem::{Checks, Kind, Problem, ValidationError};

mod defaults;
#[cfg(test)]
mod tests;

/// At most this many packs, and this many plans, retired ones among them: the catalog is one item of the table.
const MOST: usize = 200;
/// The highest price, in minor units: what every provider takes.
const HIGHEST_PRICE: u64 = 99_999_999;
/// The most units of one pack.
const MOST_UNITS: u64 = 1_000_000;

/// How hard an AI interview is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Difficulty {
    Easy,
    Medium,
    Hard,
    Expert,
}

/// Credits or minutes that are sold together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pack {
    /// Its id.
    pub pack_id: PackId,
    /// How often it was changed, and 1 when it was made.
    pub version: u64,
    /// What it is called.
    pub title: String,
    /// Credits, or minutes of the live coach.
    pub asset: Asset,
    /// How many.
    pub units: u64,
    /// What it costs, in each currency in which it is sold.
    pub prices: Vec<Money>,
    /// Whether it is sold.
    pub active: bool,
}

/// What one AI interview costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InterviewPrice {
    /// How hard it is.
    pub difficulty: Difficulty,
    /// In credits.
    pub credits: u64,
    /// In money.
    pub prices: Vec<Money>,
}

/// Everything that is sold, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Catalog {
    /// Packs, in the order in which they are shown.
    pub packs: Vec<Pack>,
    /// Plans, in the order in which they are shown.
    pub plans: Vec<Plan>,
    /// What AI interviews cost.
    pub interviews: Vec<InterviewPrice>,
    /// How often it was written; 0 where it is not stored yet and the defaults apply.
    pub version: u64,
}

/// What an earned credit is paid out for, so that no credit is sold for less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceFloor {
    /// What an earned credit is worth before the fee.
    pub credit_payout: Money,
    /// Rupees for a dollar, for this comparison alone.
    pub inr_per_usd: u32,
}

impl PriceFloor {
    /// Whether `price` for `credits` is at least what they would be paid out for. Exact: nothing is rounded.
    pub fn holds(&self, price: Money, credits: u64) -> bool {
        // Both sides in hundredths of a paisa or cent, multiplied by what the other currency is divided by.
        let weight = |money: Money| {
            let amount = u128::from(money.amount_minor);
            if money.currency == Currency::Usd { amount * u128::from(self.inr_per_usd) } else { amount }
        };
        weight(price) >= weight(self.credit_payout) * u128::from(credits)
    }
}

/// Why the catalog was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The values are not acceptable.
    #[error(transparent)]
    Invalid(#[from] ValidationError),
    /// There is none with this id.
    #[error("there is no such {0} in the catalog")]
    NotFound(&'static str),
    /// It was changed since it was read.
    #[error("it was changed meanwhile: its version is {0} now; read it again")]
    VersionConflict(u64),
    /// Credits would be sold for less than they are paid out for.
    #[error("a credit would be sold for less than the {0} for which it is paid out")]
    BelowPayout(Money),
    /// It has as many as one item of the table holds.
    #[error("the catalog is full")]
    Full,
}

impl Problem for CatalogError {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid(error) => error.kind(),
            Self::NotFound(_) => Kind::NotFound,
            Self::VersionConflict(_) | Self::BelowPayout(_) | Self::Full => Kind::Conflict,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(error) => error.code(),
            Self::NotFound(_) => "not_found",
            Self::VersionConflict(_) => "version_conflict",
            Self::BelowPayout(_) => "price_below_payout",
            Self::Full => "catalog_full",
        }
    }
    fn fields(&self) -> &[crate::problem::FieldError] {
        if let Self::Invalid(error) = self { error.fields() } else { &[] }
    }
}

fn check_prices(checks: &mut Checks, prices: &[Money], least: u64) {
    let mut currencies: Vec<Currency> = prices.iter().map(|price| price.currency).collect();
    currencies.sort_unstable();
    currencies.dedup();
    checks.require(!prices.is_empty(), "prices", "must name at least one price");
    checks.require(currencies.len() == prices.len(), "prices", "must name each currency once");
    let fits = prices.iter().all(|price| (least..=HIGHEST_PRICE).contains(&price.amount_minor));
    checks.require(fits, "prices", format!("must be from {least} to {HIGHEST_PRICE} minor units"));
}

impl Pack {
    fn check(&self, floor: PriceFloor) -> Result<(), CatalogError> {
        let mut checks = Checks::new();
        checks.line("title", &self.title, 1, 120);
        checks.require((1..=MOST_UNITS).contains(&self.units), "units", format!("must be from 1 to {MOST_UNITS}"));
        // Half a dollar and half a rupee are the least that Stripe and Razorpay take; each refuses what it does not.
        check_prices(&mut checks, &self.prices, 50);
        checks.finish()?;
        let is_below = |price: &Money| self.asset == Asset::Credit && !floor.holds(*price, self.units);
        if self.prices.iter().any(is_below) { Err(CatalogError::BelowPayout(floor.credit_payout)) } else { Ok(()) }
    }
}

/// What can be changed of a pack; what is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackChange {
    /// Another title.
    pub title: Option<String>,
    /// Another number of units.
    pub units: Option<u64>,
    /// Other prices.
    pub prices: Option<Vec<Money>>,
    /// Whether it is sold.
    pub active: Option<bool>,
}

/// What can be changed of a plan; what is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanChange {
    /// Another title.
    pub title: Option<String>,
    /// Other prices.
    pub prices: Option<Vec<Money>>,
    /// Something else that it allows.
    pub entitlements: Option<Entitlements>,
    /// Whether it can be chosen.
    pub active: Option<bool>,
}

impl Catalog {
    /// A pack, sold or not.
    pub fn pack(&self, id: PackId) -> Option<&Pack> {
        self.packs.iter().find(|pack| pack.pack_id == id)
    }

    /// A plan, offered or not.
    pub fn plan(&self, id: PlanId) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.plan_id == id)
    }

    /// The plan of those who pay for none: the first that is offered and costs nothing.
    pub fn free_plan(&self, audience: Audience) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.audience == audience && plan.active && plan.is_free())
    }

    /// Adds a pack; its version becomes 1.
    pub fn add_pack(&mut self, pack: Pack, floor: PriceFloor) -> Result<&Pack, CatalogError> {
        if self.packs.len() >= MOST {
            return Err(CatalogError::Full);
        }
        pack.check(floor)?;
        self.packs.push(Pack { version: 1, ..pack });
        self.packs.last().ok_or(CatalogError::Full)
    }

    /// Changes a pack whose version is `read`. A change that changes nothing keeps the version.
    pub fn change_pack(
        &mut self,
        id: PackId,
        read: u64,
        change: PackChange,
        floor: PriceFloor,
    ) -> Result<&Pack, CatalogError> {
        let pack = self.packs.iter_mut().find(|pack| pack.pack_id == id).ok_or(CatalogError::NotFound("pack"))?;
        if pack.version != read {
            return Err(CatalogError::VersionConflict(pack.version));
        }
        let mut changed = pack.clone();
        changed.title = change.title.unwrap_or(changed.title);
        changed.units = change.units.unwrap_or(changed.units);
        changed.prices = change.prices.unwrap_or(changed.prices);
        changed.active = change.active.unwrap_or(changed.active);
        // What is only taken from sale may have been priced under another floor.
        if changed.active {
            changed.check(floor)?;
        }
        if changed != *pack {
            *pack = Pack { version: read + 1, ..changed };
        }
        Ok(pack)
    }

    /// Adds a plan; its version becomes 1.
    pub fn add_plan(&mut self, plan: Plan) -> Result<&Plan, CatalogError> {
        if self.plans.len() >= MOST {
            return Err(CatalogError::Full);
        }
        check_plan(&plan)?;
        self.plans.push(Plan { version: 1, ..plan });
        self.plans.last().ok_or(CatalogError::Full)
    }

    /// Changes a plan whose version is `read`. A change that changes nothing keeps the version.
    pub fn change_plan(&mut self, id: PlanId, read: u64, change: PlanChange) -> Result<&Plan, CatalogError> {
        let plan = self.plans.iter_mut().find(|plan| plan.plan_id == id).ok_or(CatalogError::NotFound("plan"))?;
        if plan.version != read {
            return Err(CatalogError::VersionConflict(plan.version));
        }
        let mut changed = plan.clone();
        changed.title = change.title.unwrap_or(changed.title);
        changed.prices = change.prices.unwrap_or(changed.prices);
        changed.entitlements = change.entitlements.unwrap_or(changed.entitlements);
        changed.active = change.active.unwrap_or(changed.active);
        check_plan(&changed)?;
        if changed != *plan {
            *plan = Plan { version: read + 1, ..changed };
        }
        Ok(plan)
    }
}

fn check_plan(plan: &Plan) -> Result<(), CatalogError> {
    let mut checks = Checks::new();
    checks.line("title", &plan.title, 1, 120);
    check_prices(&mut checks, &plan.prices, 0);
    plan.check(&mut checks);
    Ok(checks.finish()?)
}
