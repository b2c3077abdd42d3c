//! `GET /api/admin/packs`: every pack, those that are not offered any more among them.

use axum::extract::State;
use kit::callers::Admin;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get};
use kit::{App, Error, Json, Read, Route, Who};
use store::{catalog, keys};
use views::{List, PackView};

/// The route.
pub fn route() -> Route {
    Route::get("list_packs", "/api/admin/packs", Who::Admin, list_packs)
        .about("List every pack of the catalog, including those that are no longer offered. There is one page.")
        .answers::<List<PackView>>(200)
        .needs(Needs::table(&[Get, BatchGet]))
}

async fn list_packs(State(app): State<App>, read: Read<Admin>) -> Result<Json<List<PackView>>, Error> {
    let (_, items) = read.with(&app, &[keys::catalog()]).await?;
    let items = catalog::of(&items)?.packs.into_iter().map(Into::into).collect();
    Ok(Json(List { items, next_cursor: None }))
}
