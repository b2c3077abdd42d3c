//! `POST /api/verification`: an interviewer asks to be verified.

use axum::extract::State;
use axum::response::Response;
use domain::ids::UserId;
use domain::problem::{Checks, ValidationError};
use domain::rate_limit::RateRule;
use domain::user::{Identity, Verification};
use http::StatusCode;
use jiff::Timestamp;
use kit::callers::Interviewer;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put};
use kit::{App, Error, Route, Who, Write};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Tx;
use store::user::VerificationRequest;

/// The route.
pub fn route() -> Route {
    Route::post("submit_verification", "/api/verification", Who::Interviewer, submit_verification)
        .about(
            "Request verification as an interviewer. After an admin's approval the interviewer is listed and can be \
             booked. A new request replaces a pending one; after a rejection, another can be submitted.",
        )
        .body::<NewVerification>()
        .example(r#"{ "notes": "Please verify me.", "linkedinUrl": "https://www.linkedin.com/in/nora" }"#)
        .answers::<SubmittedView>(202)
        .idempotent()
        .refuses(&[(409, "already_verified")])
        .needs(Needs::table(&[Get, BatchGet, Put]))
}

/// A verification request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewVerification {
    /// LinkedIn profile, an https address on linkedin.com.
    #[schemars(length(max = 2048))]
    linkedin_url: Option<String>,
    /// Work e-mail address.
    #[schemars(length(max = 254))]
    work_email: Option<String>,
    /// Further notes, 1 to 2000 characters.
    #[schemars(length(min = 1, max = 2000))]
    notes: String,
}

impl RequestBody for NewVerification {}

/// A pending verification request.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubmittedView {
    /// The interviewer's user id.
    interviewer_id: UserId,
    /// The current status.
    status: Verification,
    /// When it was submitted.
    submitted_at: Timestamp,
}

impl NewVerification {
    fn request(&self, interviewer_id: &UserId, now: Timestamp) -> Result<VerificationRequest, ValidationError> {
        let trimmed = |text: &Option<String>| text.as_ref().map(|t| t.trim().to_owned());
        let (linkedin_url, work_email) = (trimmed(&self.linkedin_url), trimmed(&self.work_email));
        let notes = self.notes.trim().to_owned();
        let mut checks = Checks::new();
        if let Some(url) = &linkedin_url {
            checks.require(is_on_linkedin(url), "linkedinUrl", "must be an https address on linkedin.com");
        }
        if work_email.is_some() {
            let address = Identity { email: work_email.clone(), ..Identity::default() };
            checks.require(address.check().is_ok(), "workEmail", "must be an e-mail address");
        }
        checks.text("notes", &notes, 1, 2000);
        checks.finish()?;
        Ok(VerificationRequest {
            interviewer_id: interviewer_id.clone(),
            linkedin_url,
            work_email,
            notes,
            status: Verification::Submitted,
            submitted_at: now,
            decision_reason: None,
            decided_by: None,
        })
    }
}

/// An admin opens this address, so its host must be what it seems to be.
fn is_on_linkedin(url: &str) -> bool {
    let Ok(address) = url.parse::<http::Uri>() else { return false };
    let host = address.host().unwrap_or_default().to_ascii_lowercase();
    let plain = address.authority().is_some_and(|a| a.as_str().eq_ignore_ascii_case(&host));
    let linkedin = host == "linkedin.com" || host.ends_with(".linkedin.com");
    url.len() <= 2048 && address.scheme_str() == Some("https") && plain && linkedin
}

async fn submit_verification(
    State(app): State<App>,
    write: Write<Interviewer, NewVerification>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &write)).await
}

async fn attempt(app: &App, write: &Write<Interviewer, NewVerification>) -> Result<Response, Error> {
    let begun = write.begin(app, RateRule::Writes, &[]).await?;
    let before = &begun.caller.0;
    let request = write.body.request(write.user_id(), begun.now)?;
    let user = before.submit_verification()?;
    let view = SubmittedView {
        interviewer_id: request.interviewer_id.clone(),
        status: request.status,
        submitted_at: request.submitted_at,
    };
    let mut tx = Tx::new();
    store::user::write(&mut tx, Some(before), &user)?;
    store::user::write_verification(&mut tx, &request)?;
    begun.commit(app, tx, StatusCode::ACCEPTED, &view).await
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{change, is_for_interviewers, refused_fields, stored, world};
    use domain::user::Verification;
    use jiff::SignedDuration;
    use serde_json::{Value, json};
    use testing::World;

    const PATH: &str = "/api/verification";

    fn request() -> Value {
        json!({ "linkedinUrl": "https://www.linkedin.com/in/ivy", "workEmail": "ivy@acme.example", "notes": "Hello" })
    }

    /// A world in which `ivy` is not verified.
    async fn unverified() -> World {
        let world = world().await;
        change(&world, "ivy", |ivy| ivy.interviewer.as_mut().unwrap().verification = Verification::None).await;
        world
    }

    #[tokio::test]
    async fn what_is_submitted_waits_for_an_admin() {
        let world = unverified().await;
        let view = world.call("ivy", "POST", PATH, request()).await.expect(202);
        let at = "2026-11-20T12:00:00Z";
        assert_eq!(view, json!({ "interviewerId": "ivy", "status": "SUBMITTED", "submittedAt": at }));
        assert_eq!(stored(&world, "ivy").await.interviewer.unwrap().verification, Verification::Submitted);
        let (waiting, _) = store::user::undecided(&world.app.table, 10, None).await.unwrap();
        assert_eq!((waiting.len(), waiting[0].notes.as_str()), (1, "Hello"));
    }

    #[tokio::test]
    async fn a_second_submission_replaces_the_first() {
        let world = unverified().await;
        world.call("ivy", "POST", PATH, request()).await.expect(202);
        world.app.clock.advance(SignedDuration::from_secs(5));
        world.call("ivy", "POST", PATH, json!({ "notes": "More", "workEmail": null })).await.expect(202);
        let (waiting, _) = store::user::undecided(&world.app.table, 10, None).await.unwrap();
        assert_eq!((waiting.len(), waiting[0].notes.as_str()), (1, "More"));
        assert_eq!(waiting[0].work_email, None);
    }

    #[tokio::test]
    async fn who_was_refused_may_ask_again_and_who_is_verified_need_not() {
        let world = world().await;
        world.call("ivy", "POST", PATH, request()).await.refused(409, "already_verified");
        change(&world, "ivy", |ivy| ivy.interviewer.as_mut().unwrap().verification = Verification::Rejected).await;
        world.call("ivy", "POST", PATH, request()).await.expect(202);
    }

    #[tokio::test]
    async fn what_cannot_be_verified_is_refused_by_name() {
        let world = unverified().await;
        let mut cases = vec![
            ("notes", json!("")),
            ("notes", json!("x".repeat(2001))),
            ("notes", Value::Null),
            ("workEmail", json!("ivy at acme")),
            ("workEmail", json!(1)),
            ("status", json!("VERIFIED")),
        ];
        for url in [
            "http://www.linkedin.com/in/ivy",
            "https://linkedin.com.evil.example/in/ivy",
            "https://evil-linkedin.com/in/ivy",
            "https://linkedin.com@evil.example/",
            "https://ivy@linkedin.com/",
            "https://linkedin.com:8443/in/ivy",
            "javascript:alert(1)//linkedin.com",
            "linkedin.com/in/ivy",
            "",
        ] {
            cases.push(("linkedinUrl", json!(url)));
        }
        for (member, value) in cases {
            let mut body = request();
            body[member] = value;
            let answer = world.call("ivy", "POST", PATH, body).await;
            assert_eq!(refused_fields(&answer), [member], "{}", answer.body);
        }
        let answer = world.call("ivy", "POST", PATH, json!({})).await;
        assert_eq!(refused_fields(&answer), ["notes"]);
        world.call("ivy", "POST", PATH, Value::Null).await.refused(400, "malformed_request");
        assert_eq!(stored(&world, "ivy").await.interviewer.unwrap().verification, Verification::None);
    }

    #[tokio::test]
    async fn the_same_key_gets_the_first_answer_and_serves_no_other_body() {
        let world = unverified().await;
        let key = [("idempotency-key", "k1")];
        let first = world.call_with("ivy", "POST", PATH, request(), &key).await.expect(202);
        world.app.clock.advance(SignedDuration::from_secs(5));
        let again = world.call_with("ivy", "POST", PATH, request(), &key).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(202), first);
        let other = world.call_with("ivy", "POST", PATH, json!({ "notes": "Other" }), &key).await;
        other.refused(422, "idempotency_key_reused");
    }

    #[tokio::test]
    async fn only_interviewers_are_verified() {
        let world = unverified().await;
        is_for_interviewers(&world, "POST", PATH, request()).await;
    }
}
