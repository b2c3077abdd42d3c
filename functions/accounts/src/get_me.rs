//! `GET /api/user/me`: the person who is signed in.

use axum::extract::State;
use kit::callers::Anybody;
use kit::error::not_found;
use kit::needs::Needs;
use kit::needs::Table::Get;
use kit::{App, Error, Json, Read, Route, Who};
use views::UserView;

/// The route.
pub fn route() -> Route {
    Route::get("get_me", "/api/user/me", Who::SignedIn, get_me)
        .about("Get the caller's profile. There is none before the first POST /api/user/sync.")
        .answers::<UserView>(200)
        .refuses(&[(404, "not_found")])
        .needs(Needs::table(&[Get]))
}

async fn get_me(State(app): State<App>, read: Read<Anybody>) -> Result<Json<UserView>, Error> {
    let user = read.caller(&app).await?.user.ok_or_else(|| not_found("user yet: POST /api/user/sync"))?;
    Ok(Json(UserView::of(&user)))
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{become_candidate, become_interviewer, change, delete, world};
    use domain::user::Verification;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn a_person_sees_themselves() {
        let world = world().await;
        world.call("user_a", "POST", "/api/user/sync", json!({ "name": "Ada" })).await.expect(200);
        let me = world.call("user_a", "GET", "/api/user/me", Value::Null).await.expect(200);
        assert_eq!(
            me,
            json!({ "userId": "user_a", "role": "UNASSIGNED", "name": "Ada", "email": null, "imageUrl": null,
                "timezone": "UTC", "createdAt": "2026-11-20T12:00:00Z" })
        );
        become_interviewer(&world, "user_b").await;
        let me = world.call("user_b", "GET", "/api/user/me", Value::Null).await.expect(200);
        assert_eq!((&me["interviewer"]["verification"], &me["interviewer"]["listed"]), (&json!("NONE"), &json!(false)));
        assert_eq!(me["interviewer"]["notListedBecause"], json!(["NOT_VERIFIED"]));
        change(&world, "user_b", |user| {
            let profile = user.interviewer.as_mut().unwrap();
            profile.accepting_bookings = false;
            profile.verification = Verification::Rejected;
            profile.verification_reason = Some("No profile was found.".to_owned());
        })
        .await;
        let me = world.call("user_b", "GET", "/api/user/me", Value::Null).await.expect(200);
        assert_eq!(me["interviewer"]["notListedBecause"], json!(["NOT_VERIFIED", "NOT_ACCEPTING"]));
        assert_eq!(me["interviewer"]["verificationReason"], "No profile was found.");
    }

    #[tokio::test]
    async fn nobody_is_there_before_the_first_sync_or_after_deletion() {
        let world = world().await;
        world.call("user_a", "GET", "/api/user/me", Value::Null).await.refused(404, "not_found");
        become_candidate(&world, "user_a").await;
        delete(&world, "user_a").await;
        world.call("user_a", "GET", "/api/user/me", Value::Null).await.refused(403, "account_deleted");
        world.send("GET", "/api/user/me", None, &[]).await.refused(401, "unauthenticated");
    }

    #[tokio::test]
    async fn an_admin_is_one_only_while_the_deployment_says_so() {
        let world = world().await;
        for (user, role) in [("user_admin", "ADMIN"), ("user_former_admin", "UNASSIGNED")] {
            let stored = domain::user::User::new(user.parse().unwrap(), world.app.now()).sync(<_>::default(), true);
            let mut tx = store::Tx::new();
            store::user::write(&mut tx, None, &stored.unwrap()).unwrap();
            tx.commit(&world.app.table).await.unwrap();
            let me = world.call(user, "GET", "/api/user/me", Value::Null).await.expect(200);
            assert_eq!(me["role"], role);
        }
    }
}
