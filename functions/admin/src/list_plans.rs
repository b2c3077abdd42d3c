//! `GET /api/admin/plans`: every plan, those that are not offered any more among them.

use axum::extract::State;
use kit::callers::Admin;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get};
use kit::{App, Error, Json, Read, Route, Who};
use store::{catalog, keys};
use views::{List, PlanView};

/// The route.
pub fn route() -> Route {
    Route::get("list_plans", "/api/admin/plans", Who::Admin, list_plans)
        .about("List every plan of the catalog, including those that are no longer offered. There is one page.")
        .answers::<List<PlanView>>(200)
        .needs(Needs::table(&[Get, BatchGet]))
}

async fn list_plans(State(app): State<App>, read: Read<Admin>) -> Result<Json<List<PlanView>>, Error> {
    let (_, items) = read.with(&app, &[keys::catalog()]).await?;
    let items = catalog::of(&items)?.plans.into_iter().map(Into::into).collect();
    Ok(Json(List { items, next_cursor: None }))
}
