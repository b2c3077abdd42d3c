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

#[cfg(test)]
mod tests {
    use crate::test_requests::{is_for_admins, world};
    use serde_json::Value;

    const PATH: &str = "/api/admin/plans/pln_00000000000000000000000003";

    #[tokio::test]
    async fn one_is_shown_as_it_is_listed_also_when_it_is_no_longer_offered() {
        let world = world().await;
        world.call("user_admin", "DELETE", PATH, Value::Null).await.expect(204);
        let list = world.call("user_admin", "GET", "/api/admin/plans", Value::Null).await.expect(200);
        let one = world.call("user_admin", "GET", PATH, Value::Null).await.expect(200);
        assert_eq!((&one, &one["active"]), (&list["items"][2], &false.into()));
    }

    #[tokio::test]
    async fn what_is_not_there_is_not_found() {
        let world = world().await;
        for absent in [PATH.replace("03", "99"), PATH.replace("03", "x")] {
            world.call("user_admin", "GET", &absent, Value::Null).await.refused(404, "not_found");
        }
    }

    #[tokio::test]
    async fn only_admins_see_it() {
        is_for_admins(&world().await, "GET", PATH, Value::Null).await;
    }
}
