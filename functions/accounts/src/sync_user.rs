//! `POST /api/user/sync`: what the browser knows of the person who signed in.

use axum::extract::State;
use axum::response::Response;
use domain::problem::ValidationError;
use domain::rate_limit::RateRule;
use domain::user::{Identity, User};
use http::StatusCode;
use kit::callers::Anybody;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Delete, Get, Put, Update};
use kit::{App, Error, Route, Who, Write};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Tx;
use views::UserView;

/// The route.
pub fn route() -> Route {
    Route::post("sync_user", "/api/user/sync", Who::SignedIn, sync_user)
        .about("Create or update the caller's profile. The values are provisional until Clerk itself reports the user.")
        .optional_body::<SyncUser>()
        .example(r#"{ "name": "Nora Ng", "email": "nora@example.com" }"#)
        .answers::<UserView>(200)
        .idempotent()
        .needs(Needs::table(&[Get, BatchGet, Put, Update, Delete]))
}

/// The profile as the client knows it. Absent and null fields are left unchanged.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncUser {
    /// Display name, at most 100 characters.
    #[schemars(length(min = 1, max = 100))]
    name: Option<String>,
    /// Primary e-mail address.
    #[schemars(length(max = 254))]
    email: Option<String>,
    /// Profile picture, an https address.
    #[schemars(length(max = 2048))]
    image_url: Option<String>,
}

impl RequestBody for SyncUser {
    const MAY_BE_EMPTY: bool = true;
}

impl SyncUser {
    fn identity(&self) -> Result<Identity, ValidationError> {
        let trimmed = |text: &Option<String>| text.as_ref().map(|t| t.trim().to_owned());
        let identity =
            Identity { name: trimmed(&self.name), email: trimmed(&self.email), image_url: trimmed(&self.image_url) };
        identity.check()?;
        Ok(identity)
    }
}

async fn sync_user(State(app): State<App>, write: Write<Anybody, SyncUser>) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &write)).await
}

async fn attempt(app: &App, write: &Write<Anybody, SyncUser>) -> Result<Response, Error> {
    let begun = write.begin(app, RateRule::Writes, &[]).await?;
    let identity = write.body.identity()?;
    let stored = begun.caller.user.clone();
    let before = stored.clone().unwrap_or_else(|| User::new(write.user_id().clone(), begun.now));
    let is_admin = app.config.admin_user_ids.contains(write.user_id());
    let user = before.sync(identity, is_admin)?;
    let view = UserView::of(&user);
    if stored.as_ref() == Some(&user) {
        return begun.unchanged(app, &view).await;
    }
    let mut tx = Tx::new();
    store::user::write(&mut tx, stored.as_ref(), &user)?;
    begun.commit(app, tx, StatusCode::OK, &view).await
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{become_candidate, delete, exhaust, refused_fields, version, world};
    use serde_json::{Value, json};
    use testing::{TokenClaims, token};

    const PATH: &str = "/api/user/sync";

    #[tokio::test]
    async fn the_first_sync_makes_a_person_known_and_a_later_one_changes_what_it_names() {
        let world = world().await;
        let first = json!({ "name": " Ada ", "email": "ada@example.com", "imageUrl": "https://img.example/a.png" });
        let user = world.call("user_a", "POST", PATH, first).await.expect(200);
        assert_eq!((&user["name"], &user["role"]), (&json!("Ada"), &json!("UNASSIGNED")));
        let user = world.call("user_a", "POST", PATH, json!({ "name": "Ada L.", "email": null })).await.expect(200);
        assert_eq!((&user["name"], &user["email"]), (&json!("Ada L."), &json!("ada@example.com")));
        assert_eq!(user["imageUrl"], "https://img.example/a.png");
    }

    #[tokio::test]
    async fn nothing_is_written_where_nothing_changes() {
        let world = world().await;
        world.call("user_a", "POST", PATH, json!({ "name": "Ada" })).await.expect(200);
        for body in [json!({ "name": "Ada" }), json!({}), Value::Null] {
            world.call("user_a", "POST", PATH, body).await.expect(200);
        }
        assert_eq!(version(&world, "user_a").await, 1);
    }

    #[tokio::test]
    async fn a_body_is_not_needed() {
        let world = world().await;
        let user = world.call("user_a", "POST", PATH, Value::Null).await.expect(200);
        assert_eq!((&user["userId"], &user["name"]), (&json!("user_a"), &Value::Null));
    }

    #[tokio::test]
    async fn those_whom_the_deployment_names_become_admins() {
        let world = world().await;
        let user = world.call("user_admin", "POST", PATH, json!({})).await.expect(200);
        assert_eq!(user["role"], "ADMIN");
        become_candidate(&world, "user_a").await;
        let user = world.call("user_a", "POST", PATH, json!({})).await.expect(200);
        assert_eq!(user["role"], "INTERVIEWEE");
    }

    #[tokio::test]
    async fn clerks_own_word_stays() {
        let world = world().await;
        let user = domain::user::User::new("user_a".parse().unwrap(), world.app.now());
        let word = domain::clerk_word::ClerkWord {
            identity: domain::user::Identity { name: Some("Clerk".to_owned()), ..<_>::default() },
            banned: false,
            locked: false,
            locked_until: None,
            updated_at: world.app.now(),
            place: String::new(),
        };
        let mut tx = store::Tx::new();
        store::user::write(&mut tx, None, &user.take_clerk_word(&word).unwrap()).unwrap();
        tx.commit(&world.app.table).await.unwrap();
        let user = world.call("user_a", "POST", PATH, json!({ "name": "Browser" })).await.expect(200);
        assert_eq!(user["name"], "Clerk");
    }

    #[tokio::test]
    async fn what_cannot_be_an_identity_is_refused_by_name() {
        let world = world().await;
        for (body, field) in [
            (json!({ "name": " " }), "name"),
            (json!({ "name": "x".repeat(101) }), "name"),
            (json!({ "name": "a\u{0}b" }), "name"),
            (json!({ "name": 7 }), "name"),
            (json!({ "email": "nobody" }), "email"),
            (json!({ "imageUrl": "http://img.example/a.png" }), "imageUrl"),
            (json!({ "role": "ADMIN" }), "role"),
        ] {
            let answer = world.call("user_a", "POST", PATH, body).await;
            assert_eq!(refused_fields(&answer), [field]);
        }
        assert_eq!(version(&world, "user_a").await, 0);
    }

    #[tokio::test]
    async fn what_is_not_json_or_too_large_is_refused() {
        let world = world().await;
        let authorization = format!("Bearer {}", world.token("user_a"));
        let headers = [("authorization", authorization.as_str())];
        let sent = world.send("POST", PATH, Some(b"{".to_vec()), &headers).await;
        sent.refused(400, "malformed_request");
        let sent = world.send("POST", PATH, Some(vec![b' '; 256 * 1024 + 1]), &headers).await;
        sent.refused(413, "payload_too_large");
    }

    #[tokio::test]
    async fn who_is_not_signed_in_is_deleted_or_is_impersonated_may_not() {
        let world = world().await;
        world.send("POST", PATH, None, &[]).await.refused(401, "unauthenticated");
        become_candidate(&world, "user_a").await;
        let claims = TokenClaims::of("user_a", world.app.now()).with("act", json!({ "sub": "user_support" }));
        let authorization = format!("Bearer {}", token(&claims));
        world.send("POST", PATH, None, &[("authorization", &authorization)]).await.refused(403, "forbidden");
        delete(&world, "user_a").await;
        world.call("user_a", "POST", PATH, json!({ "name": "Ada" })).await.refused(403, "account_deleted");
    }

    #[tokio::test]
    async fn the_same_key_gets_the_first_answer_and_serves_no_other_body() {
        let world = world().await;
        let key = [("idempotency-key", "k1")];
        let first = world.call_with("user_a", "POST", PATH, json!({ "name": "Ada" }), &key).await.expect(200);
        let again = world.call_with("user_a", "POST", PATH, json!({ "name": "Ada" }), &key).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(200), first);
        let other = world.call_with("user_a", "POST", PATH, json!({ "name": "Eve" }), &key).await;
        other.refused(422, "idempotency_key_reused");
    }

    #[tokio::test]
    async fn too_many_changes_are_refused() {
        let world = world().await;
        exhaust(&world, "user_a").await;
        let answer = world.call("user_a", "POST", PATH, json!({ "name": "Ada" })).await;
        answer.refused(429, "rate_limited");
        assert_eq!(answer.headers["retry-after"], "1");
    }
}
