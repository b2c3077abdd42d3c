//! `PATCH /api/admin/plans/{planId}`: an admin changes a plan.

use axum::extract::State;
use axum::response::Response;
use domain::catalog::PlanChange;
use domain::ids::PlanId;
use http::StatusCode;
use kit::callers::Admin;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put};
use kit::{App, Error, Path, Route, Who, Write};
use schemars::JsonSchema;
use serde::Deserialize;
use views::PlanView;

use crate::catalog::{self, NewEntitlements, NewPrice};

/// The route.
pub fn route() -> Route {
    Route::patch("update_plan", "/api/admin/plans/{planId}", Who::Admin, update_plan)
        .about("Change a plan. Whoever has it keeps the terms under which they chose it. Send the version that you read: if it has changed since, nothing is changed.")
        .body::<Change>()
        .example(r#"{ "version": 1, "title": "Another title" }"#)
        .answers::<PlanView>(200)
        .idempotent()
        .refuses(&[(409, "version_conflict")])
        .needs(Needs::table(&[Get, BatchGet, Put]))
}

/// A change of a plan. What is left out stays.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "PlanChange")]
pub struct Change {
    /// The version that was read.
    version: u64,
    /// Another title, at most 120 characters.
    #[schemars(length(min = 1, max = 120))]
    title: Option<String>,
    /// Other prices: all of them.
    #[schemars(length(min = 1))]
    prices: Option<Vec<NewPrice>>,
    /// Something else that it includes: all of it.
    entitlements: Option<NewEntitlements>,
    /// Whether it is offered.
    active: Option<bool>,
}

impl RequestBody for Change {}

impl Change {
    fn change(&self) -> PlanChange {
        let Change { version: _, title, prices, entitlements, active } = self.clone();
        let (title, entitlements) = (title.map(|title| title.trim().to_owned()), entitlements.map(Into::into));
        let prices = prices.as_deref().map(catalog::prices);
        PlanChange { title, prices, entitlements, active }
    }
}

async fn update_plan(
    State(app): State<App>,
    Path(id): Path<PlanId>,
    write: Write<Admin, Change>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, id, &write)).await
}

async fn attempt(app: &App, id: PlanId, write: &Write<Admin, Change>) -> Result<Response, Error> {
    let (begun, before) = catalog::begin(app, write).await?;
    let mut catalog = before.clone();
    let changed = catalog.change_plan(id, write.body.version, write.body.change())?;
    let view = PlanView::from(changed.clone());
    catalog::commit(app, begun, (&before, &catalog), StatusCode::OK, &view).await
}
