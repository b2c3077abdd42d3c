//! `DELETE /api/admin/packs/{packId}`: an admin takes a pack off the market.

use axum::extract::State;
use axum::response::Response;
use domain::catalog::PackChange;
use domain::ids::PackId;
use kit::callers::Admin;
use kit::config::Setting;
use kit::extract::NoBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put};
use kit::{App, Error, Path, Route, Who, Write};
use store::Tx;

use crate::catalog;

/// The route.
pub fn route() -> Route {
    Route::delete("delete_pack", "/api/admin/packs/{packId}", Who::Admin, delete_pack)
        .about("Stop offering a pack. What was bought before keeps its terms. It stays in the list of admins and can be offered again.")
        .answers_empty(204)
        .needs(Needs::table(&[Get, BatchGet, Put]).settings(&[Setting::Sales]))
}

async fn delete_pack(
    State(app): State<App>,
    Path(id): Path<PackId>,
    write: Write<Admin, NoBody>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, id, &write)).await
}

async fn attempt(app: &App, id: PackId, write: &Write<Admin, NoBody>) -> Result<Response, Error> {
    let (begun, before) = catalog::begin(app, write).await?;
    let mut catalog = before.clone();
    // Whoever stops offering it means it as it is now, whatever its version.
    let version = before.pack(id).map_or(0, |pack| pack.version);
    catalog.change_pack(
        id,
        version,
        PackChange { active: Some(false), ..PackChange::default() },
        app.config.sales()?.floor,
    )?;
    let mut tx = Tx::new();
    if before != catalog {
        store::catalog::write(&mut tx, &catalog)?;
    }
    begun.commit_empty(app, tx).await
}
