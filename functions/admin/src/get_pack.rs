//! `GET /api/admin/packs/{packId}`: one pack, offered or not.

use axum::extract::State;
use domain::ids::PackId;
use kit::callers::Admin;
use kit::error::not_found;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get};
use kit::{App, Error, Json, Path, Read, Route, Who};
use store::{catalog, keys};
use views::PackView;

/// The route.
pub fn route() -> Route {
    Route::get("get_pack", "/api/admin/packs/{packId}", Who::Admin, get_pack)
        .about("Get a pack of the catalog, whether it is offered or not.")
        .answers::<PackView>(200)
        .needs(Needs::table(&[Get, BatchGet]))
}

async fn get_pack(State(app): State<App>, read: Read<Admin, Path<PackId>>) -> Result<Json<PackView>, Error> {
    let Path(id) = read.asked;
    let (_, items) = read.with(&app, &[keys::catalog()]).await?;
    let catalog = catalog::of(&items)?;
    Ok(Json(catalog.pack(id).cloned().ok_or_else(|| not_found("pack"))?.into()))
}
