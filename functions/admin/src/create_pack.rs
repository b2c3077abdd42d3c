//! `POST /api/admin/packs`: an admin adds a pack to the catalog.

use axum::extract::State;
use axum::response::Response;
use domain::catalog::Pack;
use domain::ids::PackId;
use domain::money::Asset;
use http::StatusCode;
use kit::callers::Admin;
use kit::config::Setting;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put};
use kit::{App, Error, Route, Who, Write};
use schemars::JsonSchema;
use serde::Deserialize;
use views::PackView;

use crate::catalog::{self, NewPrice, prices};

/// The route.
pub fn route() -> Route {
    Route::post("create_pack", "/api/admin/packs", Who::Admin, create_pack)
        .about("Add a pack to the catalog.")
        .body::<NewPack>()
        .example(
            r#"{ "title": "100 credits", "asset": "CREDIT", "units": 100,
                "prices": [{ "amountMinor": 5000, "currency": "USD" }] }"#,
        )
        .answers::<PackView>(201)
        .idempotent()
        .refuses(&[(409, "price_below_payout"), (409, "catalog_full")])
        .needs(Needs::table(&[Get, BatchGet, Put]).settings(&[Setting::Sales]))
}

/// A new pack.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPack {
    /// Its title, at most 120 characters.
    #[schemars(length(min = 1, max = 120))]
    title: String,
    /// Credits, or minutes of the live coach.
    asset: Asset,
    /// How many.
    #[schemars(range(min = 1, max = 1_000_000))]
    units: u64,
    /// Its price in each currency in which it is to be sold.
    #[schemars(length(min = 1))]
    prices: Vec<NewPrice>,
}

impl RequestBody for NewPack {}

impl NewPack {
    fn pack(&self, id: PackId) -> Pack {
        let (title, prices) = (self.title.trim().to_owned(), prices(&self.prices));
        Pack { pack_id: id, version: 1, title, asset: self.asset, units: self.units, prices, active: true }
    }
}

async fn create_pack(State(app): State<App>, write: Write<Admin, NewPack>) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &write)).await
}

async fn attempt(app: &App, write: &Write<Admin, NewPack>) -> Result<Response, Error> {
    let (begun, before) = catalog::begin(app, write).await?;
    let mut catalog = before.clone();
    let new = write.body.pack(PackId::new(app.ids.unique(begun.now)));
    let view = PackView::from(catalog.add_pack(new, app.config.sales()?.floor)?.clone());
    catalog::commit(app, begun, (&before, &catalog), StatusCode::CREATED, &view).await
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{refused_fields, world};
    use serde_json::{Value, json};

    const PATH: &str = "/api/admin/packs";

    fn new() -> Value {
        serde_json::from_str(super::route().example.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn what_cannot_be_sold_is_refused_by_name() {
        let world = world().await;
        for (member, value, field) in [
            ("title", json!(" "), "title"),
            ("units", json!(0), "units"),
            ("prices", json!([]), "prices"),
            ("prices", json!([{ "amountMinor": 5, "currency": "USD" }]), "prices"),
            ("colour", json!("red"), "colour"),
        ] {
            let mut wrong = new();
            wrong[member] = value;
            let answer = world.call("user_admin", "POST", PATH, wrong).await;
            assert_eq!(refused_fields(&answer), [field], "{}", answer.body);
        }
    }

    #[tokio::test]
    async fn credits_are_not_sold_for_less_than_they_are_paid_out_for() {
        let world = world().await;
        let mut pack = new();
        pack["prices"][0]["amountMinor"] = json!(3999);
        world.call("user_admin", "POST", PATH, pack).await.refused(409, "price_below_payout");
    }
}
