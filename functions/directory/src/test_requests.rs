//! What the tests of several routes need.

use domain::user::{Role, User};
use testing::{Answer, World};

/// A world that serves this area, with the candidate `cara` and the verified interviewer `ivy`.
pub(crate) async fn world() -> World {
    let world = World::new(&crate::routes()).await;
    world.add_candidate("cara", 0).await;
    world.add_interviewer("ivy").await;
    world
}

/// The stored person.
pub(crate) async fn stored(world: &World, user: &str) -> User {
    store::user::get(&world.app.table, &user.parse().unwrap()).await.unwrap().unwrap()
}

/// Changes a stored person.
pub(crate) async fn change(world: &World, user: &str, change: impl FnOnce(&mut User)) {
    let before = stored(world, user).await;
    let mut after = before.clone();
    change(&mut after);
    let mut tx = store::Tx::new();
    store::user::write(&mut tx, Some(&before), &after).unwrap();
    tx.commit(&world.app.table).await.unwrap();
}

/// Everybody who may not call a route for interviewers is refused.
pub(crate) async fn is_for_interviewers(world: &World, method: &str, path: &str, body: serde_json::Value) {
    world.add_person("ada", Role::Admin).await;
    world.add_person("newcomer", Role::Unassigned).await;
    world.add_person("user_admin", Role::Admin).await;
    for (user, code) in [
        ("stranger", "onboarding_required"),
        ("newcomer", "onboarding_required"),
        ("ada", "onboarding_required"),
        ("user_admin", "forbidden"),
        ("cara", "forbidden"),
    ] {
        world.call(user, method, path, body.clone()).await.refused(403, code);
    }
    let before = stored(world, "ivy").await;
    change(world, "ivy", |ivy| *ivy = before.tombstone(world.app.now())).await;
    world.call("ivy", method, path, body).await.refused(403, "account_deleted");
    world.send(method, path, None, &[]).await.refused(401, "unauthenticated");
}

/// The members that a refusal names.
pub(crate) fn refused_fields(answer: &Answer) -> Vec<&str> {
    answer.refused(422, "validation_failed");
    answer.body["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect()
}
