//! `DELETE /api/admin/plans/{planId}`: an admin takes a plan off the market.

use axum::extract::State;
use axum::response::Response;
use domain::catalog::PlanChange;
use domain::ids::PlanId;
use kit::callers::Admin;
use kit::extract::NoBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put};
use kit::{App, Error, Path, Route, Who, Write};
use store::Tx;

use crate::catalog;

/// The route.
pub fn route() -> Route {
    Route::delete("delete_plan", "/api/admin/plans/{planId}", Who::Admin, delete_plan)
        .about("Stop offering a plan. Whoever has it keeps the terms under which they chose it. It stays in the list of admins and can be offered again.")
        .answers_empty(204)
        .needs(Needs::table(&[Get, BatchGet, Put]))
}

async fn delete_plan(
    State(app): State<App>,
    Path(id): Path<PlanId>,
    write: Write<Admin, NoBody>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, id, &write)).await
}

async fn attempt(app: &App, id: PlanId, write: &Write<Admin, NoBody>) -> Result<Response, Error> {
    let (begun, before) = catalog::begin(app, write).await?;
    let mut catalog = before.clone();
    // Whoever stops offering it means it as it is now, whatever its version.
    let version = before.plan(id).map_or(0, |plan| plan.version);
    catalog.change_plan(id, version, PlanChange { active: Some(false), ..PlanChange::default() })?;
    let mut tx = Tx::new();
    if before != catalog {
        store::catalog::write(&mut tx, &catalog)?;
    }
    begun.commit_empty(app, tx).await
}
