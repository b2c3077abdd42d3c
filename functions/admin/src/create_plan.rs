//! `POST /api/admin/plans`: an admin adds a plan to the catalog.

use axum::extract::State;
use axum::response::Response;
use domain::ids::PlanId;
use domain::plan::{Audience, Plan};
use http::StatusCode;
use kit::callers::Admin;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put};
use kit::{App, Error, Route, Who, Write};
use schemars::JsonSchema;
use serde::Deserialize;
use views::PlanView;

use crate::catalog::{self, NewEntitlements, NewPrice, prices};

/// The route.
pub fn route() -> Route {
    Route::post("create_plan", "/api/admin/plans", Who::Admin, create_plan)
        .about("Add a plan to the catalog.")
        .body::<NewPlan>()
        .example(
            r#"{ "audience": "INTERVIEWEE", "title": "Team", "prices": [{ "amountMinor": 9900, "currency": "USD" }],
                "entitlements": { "monthlyCredits": 90, "detailedReports": true } }"#,
        )
        .answers::<PlanView>(201)
        .idempotent()
        .refuses(&[(409, "catalog_full")])
        .needs(Needs::table(&[Get, BatchGet, Put]))
}

/// A new plan.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPlan {
    /// For whom it is.
    audience: Audience,
    /// Its title, at most 120 characters.
    #[schemars(length(min = 1, max = 120))]
    title: String,
    /// Its price for a month in each currency in which it is to be sold: 0 in all of them for a free plan.
    #[schemars(length(min = 1))]
    prices: Vec<NewPrice>,
    /// What it includes.
    entitlements: NewEntitlements,
}

impl RequestBody for NewPlan {}

impl NewPlan {
    fn plan(&self, id: PlanId) -> Plan {
        let (title, prices) = (self.title.trim().to_owned(), prices(&self.prices));
        let (audience, entitlements) = (self.audience, self.entitlements.clone().into());
        Plan { plan_id: id, version: 1, audience, title, prices, entitlements, active: true }
    }
}

async fn create_plan(State(app): State<App>, write: Write<Admin, NewPlan>) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &write)).await
}

async fn attempt(app: &App, write: &Write<Admin, NewPlan>) -> Result<Response, Error> {
    let (begun, before) = catalog::begin(app, write).await?;
    let mut catalog = before.clone();
    let new = write.body.plan(PlanId::new(app.ids.unique(begun.now)));
    let view = PlanView::from(catalog.add_plan(new)?.clone());
    catalog::commit(app, begun, (&before, &catalog), StatusCode::CREATED, &view).await
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{refused_fields, world};
    use serde_json::{Value, json};

    const PATH: &str = "/api/admin/plans";

    fn new() -> Value {
        serde_json::from_str(super::route().example.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn what_cannot_be_sold_is_refused_by_name() {
        let world = world().await;
        for (member, value, field) in [
            ("title", json!(" "), "title"),
            ("prices", json!([]), "prices"),
            ("entitlements", json!({ "platformFeePercent": 5 }), "platformFeePercent"),
            ("entitlements", json!({ "holidays": 5 }), "entitlements.holidays"),
            ("audience", json!("ADMIN"), "audience"),
        ] {
            let mut wrong = new();
            wrong[member] = value;
            let answer = world.call("user_admin", "POST", PATH, wrong).await;
            assert_eq!(refused_fields(&answer), [field], "{}", answer.body);
        }
    }
}
