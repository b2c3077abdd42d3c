//! What the tests of several routes need.

use domain::user::{Role, Verification};
use jiff::Timestamp;
use serde_json::Value;
use store::user::VerificationRequest;
use testing::World;
pub(crate) use testing::{change, delete, refused_fields, stored};

/// A world that serves this area, with the admin `user_admin`, the candidate `cara` and the verified interviewer `ivy`.
pub(crate) async fn world() -> World {
    let world = World::new(&crate::functions()).await;
    world.add_person("user_admin", Role::Admin).await;
    world.add_candidate("cara", 0).await;
    world.add_interviewer("ivy").await;
    world
}

/// Adds an interviewer who submitted a verification at `since`.
pub(crate) async fn add_applicant(world: &World, user: &str, since: Timestamp) {
    let interviewer_id = world.add_interviewer(user).await;
    change(world, user, |user| user.interviewer.as_mut().unwrap().verification = Verification::Submitted).await;
    let request = VerificationRequest {
        interviewer_id,
        linkedin_url: Some(format!("https://www.linkedin.com/in/{user}")),
        work_email: None,
        notes: format!("I am {user}."),
        status: Verification::Submitted,
        submitted_at: since,
        decision_reason: None,
        decided_by: None,
    };
    let mut tx = store::Tx::new();
    store::user::write_verification(&mut tx, &request).unwrap();
    tx.commit(&world.app.table).await.unwrap();
}

/// Everybody who is not an admin is refused; so is an admin whom the deployment does not name.
pub(crate) async fn is_for_admins(world: &World, method: &str, path: &str, body: Value) {
    world.add_person("former_admin", Role::Admin).await;
    for (user, code) in [
        ("stranger", "onboarding_required"),
        ("former_admin", "onboarding_required"),
        ("cara", "forbidden"),
        ("ivy", "forbidden"),
    ] {
        world.call_with(user, method, path, body.clone(), &[("idempotency-key", "k")]).await.refused(403, code);
    }
    world.send(method, path, None, &[]).await.refused(401, "unauthenticated");
}
