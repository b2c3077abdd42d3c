//! `GET /api/admin/users/{userId}`: one person and what they have.

use axum::extract::State;
use domain::ids::UserId;
use domain::money::Asset;
use jiff::Timestamp;
use kit::callers::{Admin, effective};
use kit::error::not_found;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get};
use kit::{App, Error, Json, Path, Read, Route, Who};
use schemars::JsonSchema;
use serde::Serialize;
use store::{keys, wallet};
use views::{AssetsView, UserView};

/// The route.
pub fn route() -> Route {
    Route::get("get_user", "/api/admin/users/{userId}", Who::Admin, get_user)
        .about("Get a user and their balances. Only the balances of a deleted account remain.")
        .answers::<AccountView>(200)
        .needs(Needs::table(&[Get, BatchGet]))
}

/// A user and their balances.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Account")]
pub struct AccountView {
    /// The person.
    #[serde(flatten)]
    user: UserView,
    /// When the account was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Timestamp>,
    /// Whether the user is banned in Clerk. A banned user is not listed, and their upcoming bookings are cancelled.
    banned: bool,
    /// Whether the user is temporarily locked in Clerk, mostly after too many wrong passwords; has the effects of a ban.
    locked: bool,
    /// When the lock ends, if it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_until: Option<Timestamp>,
    /// The balances of each asset.
    assets: AssetsView,
}

async fn get_user(State(app): State<App>, read: Read<Admin, Path<UserId>>) -> Result<Json<AccountView>, Error> {
    let Path(id) = &read.asked;
    let [credit, minutes] = Asset::ALL;
    let wanted = [keys::profile(id), keys::wallet(id, credit), keys::wallet(id, minutes)];
    let (_, items) = read.with(&app, &wanted).await?;
    let user = effective(items.get(&wanted[0])?, &app.config).ok_or_else(|| not_found("user"))?;
    let wallets = (wallet::wallet(&items, id, credit)?, wallet::wallet(&items, id, minutes)?);
    let assets = AssetsView::of(&wallets.0, &wallets.1, user.role);
    Ok(Json(AccountView {
        user: UserView::of(&user),
        deleted_at: user.deleted_at,
        banned: user.banned,
        locked: user.locked,
        locked_until: user.locked_until,
        assets,
    }))
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{delete, is_for_admins, world};
    use serde_json::{Value, json};

    #[tokio::test]
    async fn a_person_is_shown_with_their_balances() {
        let world = world().await;
        world.give_credits("cara", 30).await;
        let person = world.call("user_admin", "GET", "/api/admin/users/cara", Value::Null).await.expect(200);
        assert_eq!(
            person,
            json!({ "userId": "cara", "role": "INTERVIEWEE", "name": "cara", "email": null, "imageUrl": null,
                "timezone": "UTC", "createdAt": "2026-11-20T12:00:00Z", "banned": false, "locked": false, "assets": {
                    "CREDIT": { "available": 30, "held": 0, "owed": 0 },
                    "COPILOT_MINUTE": { "available": 0, "held": 0, "owed": 0 } } })
        );
        let person = world.call("user_admin", "GET", "/api/admin/users/ivy", Value::Null).await.expect(200);
        assert_eq!(
            (&person["interviewer"]["listed"], &person["assets"]["CREDIT"]["earned"]),
            (&json!(true), &json!(0))
        );
    }

    #[tokio::test]
    async fn of_a_deleted_account_the_balances_are_left() {
        let world = world().await;
        world.give_credits("cara", 30).await;
        delete(&world, "cara").await;
        let person = world.call("user_admin", "GET", "/api/admin/users/cara", Value::Null).await.expect(200);
        assert_eq!((&person["name"], &person["deletedAt"]), (&Value::Null, &json!("2026-11-20T12:00:00Z")));
        assert_eq!(person["assets"]["CREDIT"]["available"], 30);
    }

    #[tokio::test]
    async fn who_is_shut_out_is_shown_as_such() {
        let world = world().await;
        let until = world.app.now();
        testing::change(&world, "ivy", |user| {
            (user.banned, user.locked, user.locked_until) = (true, true, Some(until));
        })
        .await;
        let person = world.call("user_admin", "GET", "/api/admin/users/ivy", Value::Null).await.expect(200);
        assert_eq!((&person["banned"], &person["locked"]), (&json!(true), &json!(true)));
        assert_eq!(person["lockedUntil"], "2026-11-20T12:00:00Z");
        assert_eq!(person["interviewer"]["listed"], false);
    }

    #[tokio::test]
    async fn an_admin_whom_the_deployment_does_not_name_is_none() {
        let world = world().await;
        world.add_person("former_admin", domain::user::Role::Admin).await;
        for (id, role) in [("user_admin", "ADMIN"), ("former_admin", "UNASSIGNED")] {
            let path = format!("/api/admin/users/{id}");
            let person = world.call("user_admin", "GET", &path, Value::Null).await.expect(200);
            assert_eq!(person["role"], role);
        }
    }

    #[tokio::test]
    async fn who_is_unknown_is_not_found() {
        let world = world().await;
        for id in ["nobody", "a%20b", &"x".repeat(65)] {
            let path = format!("/api/admin/users/{id}");
            world.call("user_admin", "GET", &path, Value::Null).await.refused(404, "not_found");
        }
    }

    #[tokio::test]
    async fn only_admins_look_at_people() {
        is_for_admins(&world().await, "GET", "/api/admin/users/cara", Value::Null).await;
    }
}
