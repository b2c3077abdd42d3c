//! Requests that the tests of several routes send.

use domain::rate_limit::{RateRule, TokenBucket};
use serde_json::{Value, json};
use testing::{World, interviewer_profile};
pub(crate) use testing::{change, delete, refused_fields};

/// A world that serves this area.
pub(crate) async fn world() -> World {
    World::new(&crate::functions()).await
}

/// `user` becomes a candidate.
pub(crate) async fn become_candidate(world: &World, user: &str) -> Value {
    world.call(user, "POST", "/api/onboarding", json!({ "role": "INTERVIEWEE", "adult": true })).await.expect(200)
}

/// `user` becomes an interviewer.
pub(crate) async fn become_interviewer(world: &World, user: &str) -> Value {
    world.call(user, "POST", "/api/onboarding", interviewer_profile()).await.expect(200)
}

/// `user` has no rate tokens left.
pub(crate) async fn exhaust(world: &World, user: &str) {
    let empty = TokenBucket { parts: 0, ..TokenBucket::full(RateRule::Writes, world.app.now()) };
    store::rate_limit::take(&world.app.table, RateRule::Writes, &user.parse().unwrap(), &empty).await.unwrap();
}

/// How often the person was written; 0 where they are not stored.
pub(crate) async fn version(world: &World, user: &str) -> u64 {
    store::user::get(&world.app.table, &user.parse().unwrap()).await.unwrap().map_or(0, |u| u.version)
}
