//! What the routes that change the catalog share.

use axum::response::Response;
use domain::catalog::Catalog;
use domain::money::{Currency, Money};
use domain::plan::Entitlements;
use domain::rate_limit::RateRule;
use http::StatusCode;
use kit::callers::Admin;
use kit::extract::RequestBody;
use kit::write::Begun;
use kit::{App, Error, Write};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Tx, keys};

#[cfg(test)]
mod tests;

/// Begins an attempt: who asks, and the catalog as it is.
pub(crate) async fn begin<B: RequestBody>(
    app: &App,
    write: &Write<Admin, B>,
) -> Result<(Begun<Admin>, Catalog), Error> {
    let begun = write.begin(app, RateRule::Writes, &[keys::catalog()]).await?;
    let catalog = store::catalog::of(&begun.items)?;
    Ok((begun, catalog))
}

/// Stores the catalog where `before` is not what it is now, and answers with `view`.
pub(crate) async fn commit(
    app: &App,
    begun: Begun<Admin>,
    (before, now): (&Catalog, &Catalog),
    status: StatusCode,
    view: &impl Serialize,
) -> Result<Response, Error> {
    if before == now {
        return begun.unchanged(app, view).await;
    }
    let mut tx = Tx::new();
    store::catalog::write(&mut tx, now)?;
    begun.commit(app, tx, status, view).await
}

/// A price in one currency.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPrice {
    /// In the currency's minor unit: paise, cents.
    #[schemars(range(max = 99_999_999))]
    amount_minor: u64,
    /// The currency.
    currency: Currency,
}

/// Prices as they are stored.
pub(crate) fn prices(new: &[NewPrice]) -> Vec<Money> {
    new.iter().map(|price| Money { amount_minor: price.amount_minor, currency: price.currency }).collect()
}

/// What a plan includes; what is left out is not included.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "NewEntitlements")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a thing that a plan includes or does not, by the contract of the API"
)]
pub struct NewEntitlements {
    /// Credits granted each month.
    #[schemars(range(max = 100_000))]
    monthly_credits: u32,
    /// AI interviews each month.
    #[schemars(range(max = 100_000))]
    ai_interviews_per_month: u32,
    /// Reports in full.
    detailed_reports: bool,
    /// Minutes of the live coach each month.
    #[schemars(range(max = 100_000))]
    copilot_minutes_per_month: u32,
    /// The strict persona of the live coach.
    strict_persona: bool,
    /// A saved history of the live coach.
    saved_history: bool,
    /// New availability can be booked before others can.
    priority_booking: bool,
    /// Reviews by an expert each month.
    #[schemars(range(max = 100_000))]
    expert_reviews_per_month: u32,
    /// The fee of payouts in percent; the deployment's own where it is left out.
    #[schemars(range(max = 100))]
    platform_fee_percent: Option<u8>,
    /// Shown first among equals.
    shown_first: bool,
}

impl From<NewEntitlements> for Entitlements {
    fn from(new: NewEntitlements) -> Self {
        let NewEntitlements {
            monthly_credits,
            ai_interviews_per_month,
            detailed_reports,
            copilot_minutes_per_month,
            strict_persona,
            saved_history,
            priority_booking,
            expert_reviews_per_month,
            platform_fee_percent,
            shown_first,
        } = new;
        Self {
            monthly_credits,
            ai_interviews_per_month,
            detailed_reports,
            copilot_minutes_per_month,
            strict_persona,
            saved_history,
            priority_booking,
            expert_reviews_per_month,
            platform_fee_percent,
            shown_first,
        }
    }
}
