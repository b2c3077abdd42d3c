//! `GET /api/admin/plans/{planId}`: one plan, offered or not.

use axum::extract::State;
use domain::ids::PlanId;
use kit::callers::Admin;
use kit::error::not_found;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get};
use kit::{App, Error, Json, Path, Read, Route, Who};
use store::{catalog, keys};
use views::PlanView;

/// The route.
pub fn route() -> Route {
    Route::get("get_plan", "/api/admin/plans/{planId}", Who::Admin, get_plan)
        .about("Get a plan of the catalog, whether it is offered or not.")
        .answers::<PlanView>(200)
        .needs(Needs::table(&[Get, BatchGet]))
}

async fn get_plan(State(app): State<App>, read: Read<Admin, Path<PlanId>>) -> Result<Json<PlanView>, Error> {
    let Path(id) = read.asked;
    let (_, items) = read.with(&app, &[keys::catalog()]).await?;
    let catalog = catalog::of(&items)?;
    Ok(Json(catalog.plan(id).cloned().ok_or_else(|| not_found("plan"))?.into()))
}
