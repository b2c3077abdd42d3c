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

#[cfg(test)]
mod tests {
    use crate::test_requests::{is_for_admins, world};
    use serde_json::Value;

    #[tokio::test]
    async fn an_admin_sees_what_is_offered_and_what_is_not() {
        let world = world().await;
        let list = world.call("user_admin", "GET", "/api/admin/plans", Value::Null).await.expect(200);
        let items = list["items"].as_array().unwrap();
        assert_eq!((items.len(), &list["nextCursor"]), (6, &Value::Null));
        let path = format!("/api/admin/plans/{}", items[0]["planId"].as_str().unwrap());
        world.call("user_admin", "DELETE", &path, Value::Null).await.expect(204);
        let list = world.call("user_admin", "GET", "/api/admin/plans", Value::Null).await.expect(200);
        assert_eq!((&list["items"][0]["active"], &list["items"][1]["active"]), (&false.into(), &true.into()));
    }

    #[tokio::test]
    async fn only_admins_see_it() {
        is_for_admins(&world().await, "GET", "/api/admin/plans", Value::Null).await;
    }
}
