//! `PATCH /api/admin/packs/{packId}`: an admin changes a pack.

use axum::extract::State;
use axum::response::Response;
use domain::catalog::PackChange;
use domain::ids::PackId;
use http::StatusCode;
use kit::callers::Admin;
use kit::config::Setting;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put};
use kit::{App, Error, Path, Route, Who, Write};
use schemars::JsonSchema;
use serde::Deserialize;
use views::PackView;

use crate::catalog::{self, NewPrice};

/// The route.
pub fn route() -> Route {
    Route::patch("update_pack", "/api/admin/packs/{packId}", Who::Admin, update_pack)
        .about("Change a pack. What was bought before keeps its terms. Send the version that you read: if it has changed since, nothing is changed.")
        .body::<Change>()
        .example(r#"{ "version": 1, "title": "Another title" }"#)
        .answers::<PackView>(200)
        .idempotent()
        .refuses(&[(409, "version_conflict"), (409, "price_below_payout")])
        .needs(Needs::table(&[Get, BatchGet, Put]).settings(&[Setting::Sales]))
}

/// A change of a pack. What is left out stays.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "PackChange")]
pub struct Change {
    /// The version that was read.
    version: u64,
    /// Another title, at most 120 characters.
    #[schemars(length(min = 1, max = 120))]
    title: Option<String>,
    /// Another number of units.
    #[schemars(range(min = 1, max = 1_000_000))]
    units: Option<u64>,
    /// Other prices: all of them.
    #[schemars(length(min = 1))]
    prices: Option<Vec<NewPrice>>,
    /// Whether it is offered.
    active: Option<bool>,
}

impl RequestBody for Change {}

impl Change {
    fn change(&self) -> PackChange {
        let Change { version: _, title, units, prices, active } = self.clone();
        let prices = prices.as_deref().map(catalog::prices);
        PackChange { title: title.map(|title| title.trim().to_owned()), units, prices, active }
    }
}

async fn update_pack(
    State(app): State<App>,
    Path(id): Path<PackId>,
    write: Write<Admin, Change>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, id, &write)).await
}

async fn attempt(app: &App, id: PackId, write: &Write<Admin, Change>) -> Result<Response, Error> {
    let (begun, before) = catalog::begin(app, write).await?;
    let mut catalog = before.clone();
    let changed = catalog.change_pack(id, write.body.version, write.body.change(), app.config.sales()?.floor)?;
    let view = PackView::from(changed.clone());
    catalog::commit(app, begun, (&before, &catalog), StatusCode::OK, &view).await
}
