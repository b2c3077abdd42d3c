//! `POST /api/admin/interviewers/{interviewerId}/verification`: an admin verifies an interviewer, or refuses to.

use axum::extract::State;
use axum::response::Response;
use domain::ids::UserId;
use domain::problem::{Checks, ValidationError};
use domain::rate_limit::RateRule;
use domain::user::{User, Verification};
use http::StatusCode;
use kit::callers::Admin;
use kit::error::not_found;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Delete, Get, Put, Update};
use kit::{App, Error, Path, Route, Who, Write};
use schemars::JsonSchema;
use serde::Deserialize;
use store::user::VerificationRequest;
use store::{Tx, keys};
use views::UserView;

/// The route.
pub fn route() -> Route {
    Route::post(
        "decide_verification",
        "/api/admin/interviewers/{interviewerId}/verification",
        Who::Admin,
        decide_verification,
    )
    .about(
        "Approve or reject an interviewer's verification request. Approval lists the interviewer. A decision \
             can be changed later; repeating it changes nothing.",
    )
    .body::<NewDecision>()
    .example(r#"{ "decision": "VERIFIED" }"#)
    .answers::<UserView>(200)
    .idempotent()
    .refuses(&[(409, "verification_not_submitted")])
    .needs(Needs::table(&[Get, BatchGet, Put, Update, Delete]))
}

/// A decision on a verification request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDecision {
    /// The decision.
    decision: Decision,
    /// The reason, 3 to 500 characters; shown to the interviewer after a rejection.
    #[schemars(length(min = 3, max = 500))]
    reason: Option<String>,
}

/// A decision on a verification.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Decision {
    /// Approve the request.
    Verified,
    /// Reject the request.
    Rejected,
}

impl RequestBody for NewDecision {}

impl NewDecision {
    fn reason(&self) -> Result<Option<String>, ValidationError> {
        let Some(reason) = self.reason.as_ref().map(|r| r.trim().to_owned()) else { return Ok(None) };
        let mut checks = Checks::new();
        checks.text("reason", &reason, 3, 500);
        checks.finish()?;
        Ok(Some(reason))
    }

    fn verification(&self) -> Verification {
        match self.decision {
            Decision::Verified => Verification::Verified,
            Decision::Rejected => Verification::Rejected,
        }
    }
}

async fn decide_verification(
    State(app): State<App>,
    Path(interviewer): Path<UserId>,
    write: Write<Admin, NewDecision>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &interviewer, &write)).await
}

async fn attempt(app: &App, interviewer: &UserId, write: &Write<Admin, NewDecision>) -> Result<Response, Error> {
    let wanted = [keys::profile(interviewer), keys::verification(interviewer)];
    let begun = write.begin(app, RateRule::Writes, &wanted).await?;
    let (reason, decision) = (write.body.reason()?, write.body.verification());
    let before: User = begun.items.get(&wanted[0])?.ok_or_else(|| not_found("interviewer"))?;
    if before.interviewer.is_none() {
        return Err(not_found("interviewer"));
    }
    let Some(user) = before.decide_verification(decision, reason.clone())? else {
        return begun.unchanged(app, &UserView::of(&before)).await;
    };
    let mut tx = Tx::new();
    store::user::write(&mut tx, Some(&before), &user)?;
    if let Some(request) = begun.items.get::<VerificationRequest>(&wanted[1])? {
        let decided_by = Some(write.user_id().clone());
        let decided = VerificationRequest { status: decision, decision_reason: reason, decided_by, ..request };
        store::user::write_verification(&mut tx, &decided)?;
    }
    begun.commit(app, tx, StatusCode::OK, &UserView::of(&user)).await
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{add_applicant, change, delete, is_for_admins, refused_fields, stored, world};
    use domain::user::Verification;
    use serde_json::{Value, json};
    use store::user::VerificationRequest;
    use testing::World;

    const PATH: &str = "/api/admin/interviewers/max/verification";

    /// A world in which `max` waits for a decision.
    async fn with_applicant() -> World {
        let world = world().await;
        add_applicant(&world, "max", world.app.now()).await;
        world
    }

    async fn decide(world: &World, decision: &str) -> Value {
        world.call("user_admin", "POST", PATH, json!({ "decision": decision })).await.expect(200)
    }

    #[tokio::test]
    async fn a_verified_interviewer_is_listed() {
        let world = with_applicant().await;
        let body = json!({ "decision": "VERIFIED", "reason": " Known at Acme " });
        let user = world.call("user_admin", "POST", PATH, body).await.expect(200);
        assert_eq!((&user["userId"], &user["interviewer"]["listed"]), (&json!("max"), &json!(true)));
        let max = "max".parse().unwrap();
        assert!(store::directory::get(&world.app.table, &max).await.unwrap().is_some());
        let key = store::keys::verification(&max);
        let request: VerificationRequest = world.app.table.get(&key).await.unwrap().unwrap();
        assert_eq!(request.decision_reason.as_deref(), Some("Known at Acme"));
        assert_eq!(request.decided_by, Some("user_admin".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_decision_can_be_changed_and_the_same_again_changes_nothing() {
        let world = with_applicant().await;
        assert_eq!(decide(&world, "REJECTED").await["interviewer"]["verification"], "REJECTED");
        let version = stored(&world, "max").await.version;
        decide(&world, "REJECTED").await;
        assert_eq!(stored(&world, "max").await.version, version);
        assert_eq!(decide(&world, "VERIFIED").await["interviewer"]["listed"], true);
        assert_eq!(decide(&world, "REJECTED").await["interviewer"]["listed"], false);
    }

    #[tokio::test]
    async fn an_interviewer_learns_why_they_are_not_listed() {
        let world = with_applicant().await;
        let refusal = json!({ "decision": "REJECTED", "reason": "The profile is somebody else's." });
        let user = world.call("user_admin", "POST", PATH, refusal).await.expect(200);
        assert_eq!(user["interviewer"]["verificationReason"], "The profile is somebody else's.");
        assert_eq!(user["interviewer"]["notListedBecause"], json!(["NOT_VERIFIED"]));
        assert_eq!(
            stored(&world, "max").await.interviewer.unwrap().verification_reason,
            Some("The profile is somebody else's.".to_owned())
        );
        let user = decide(&world, "VERIFIED").await;
        assert_eq!(user["interviewer"]["verificationReason"], Value::Null);
        assert_eq!(user["interviewer"]["notListedBecause"], json!([]));
    }

    #[tokio::test]
    async fn what_was_not_submitted_cannot_be_decided() {
        let world = with_applicant().await;
        change(&world, "max", |max| max.interviewer.as_mut().unwrap().verification = Verification::None).await;
        let body = json!({ "decision": "VERIFIED" });
        world.call("user_admin", "POST", PATH, body).await.refused(409, "verification_not_submitted");
    }

    #[tokio::test]
    async fn who_is_unknown_deleted_or_no_interviewer_is_not_found() {
        let world = with_applicant().await;
        delete(&world, "max").await;
        for id in ["nobody", "cara", "max", "a%20b"] {
            let path = format!("/api/admin/interviewers/{id}/verification");
            let answer = world.call("user_admin", "POST", &path, json!({ "decision": "VERIFIED" })).await;
            answer.refused(404, "not_found");
        }
    }

    #[tokio::test]
    async fn every_member_that_is_wrong_is_named() {
        let world = with_applicant().await;
        for (body, field) in [
            (json!({}), "decision"),
            (json!({ "decision": "NONE" }), "decision"),
            (json!({ "decision": "VERIFIED", "reason": " a " }), "reason"),
            (json!({ "decision": "VERIFIED", "reason": "x".repeat(501) }), "reason"),
            (json!({ "decision": "VERIFIED", "reason": 1 }), "reason"),
            (json!({ "decision": "VERIFIED", "listed": true }), "listed"),
        ] {
            let answer = world.call("user_admin", "POST", PATH, body).await;
            assert_eq!(refused_fields(&answer), [field], "{}", answer.body);
        }
        world.call("user_admin", "POST", PATH, Value::Null).await.refused(400, "malformed_request");
    }

    #[tokio::test]
    async fn the_same_key_gets_the_first_answer_and_serves_no_other_body() {
        let world = with_applicant().await;
        let key = [("idempotency-key", "k1")];
        let body = json!({ "decision": "VERIFIED" });
        let first = world.call_with("user_admin", "POST", PATH, body.clone(), &key).await.expect(200);
        let again = world.call_with("user_admin", "POST", PATH, body, &key).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(200), first);
        let other = world.call_with("user_admin", "POST", PATH, json!({ "decision": "REJECTED" }), &key).await;
        other.refused(422, "idempotency_key_reused");
    }

    #[tokio::test]
    async fn only_admins_decide() {
        is_for_admins(&with_applicant().await, "POST", PATH, json!({ "decision": "VERIFIED" })).await;
    }
}
