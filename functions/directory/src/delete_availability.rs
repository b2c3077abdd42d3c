//! `DELETE /api/availability/{availabilityId}`: an interviewer takes a rule back.

use axum::extract::State;
use axum::response::Response;
use domain::ids::AvailabilityId;
use domain::rate_limit::RateRule;
use kit::callers::Interviewer;
use kit::extract::NoBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put, Update};
use kit::{App, Error, Path, Route, Who, Write};
use store::{Tx, availability, keys};

/// The route.
pub fn route() -> Route {
    Route::delete("delete_availability", "/api/availability/{availabilityId}", Who::Interviewer, delete_availability)
        .about("Delete an availability rule. Existing bookings are not affected.")
        .answers_empty(204)
        .needs(Needs::table(&[Get, BatchGet, Put, Update]))
}

async fn delete_availability(
    State(app): State<App>,
    Path(id): Path<AvailabilityId>,
    write: Write<Interviewer, NoBody>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, id, &write)).await
}

async fn attempt(app: &App, id: AvailabilityId, write: &Write<Interviewer, NoBody>) -> Result<Response, Error> {
    let me = write.user_id();
    let begun = write.begin(app, RateRule::Writes, &[keys::availability(me)]).await?;
    let mut mine = availability::rules(&begun.items, me)?;
    mine.remove(id)?;
    let mut tx = Tx::new();
    availability::write(&mut tx, me, &mine)?;
    begun.commit_empty(app, tx).await
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{is_for_interviewers, world};
    use domain::user::Role;
    use serde_json::Value;
    use testing::World;

    async fn rule_of_ivy(world: &World) -> String {
        let list = world.call("ivy", "GET", "/api/availability", Value::Null).await.expect(200);
        format!("/api/availability/{}", list["items"][0]["availabilityId"].as_str().unwrap())
    }

    #[tokio::test]
    async fn a_rule_is_taken_back_once() {
        let world = world().await;
        let path = rule_of_ivy(&world).await;
        let answer = world.call("ivy", "DELETE", &path, Value::Null).await;
        assert_eq!((answer.status, answer.body), (204, Value::Null));
        let slots = world.call("cara", "GET", "/api/interviewers/ivy/slots", Value::Null).await.expect(200);
        assert!(slots["items"].as_array().unwrap().is_empty());
        world.call("ivy", "DELETE", &path, Value::Null).await.refused(404, "not_found");
    }

    #[tokio::test]
    async fn another_interviewers_rule_does_not_exist() {
        let world = world().await;
        let path = rule_of_ivy(&world).await;
        world.add_person("max", Role::Interviewer).await;
        world.call("max", "DELETE", &path, Value::Null).await.refused(404, "not_found");
        for path in ["/api/availability/avl_1", "/api/availability/bkg_01M7W4N5E00000000000000007"] {
            world.call("ivy", "DELETE", path, Value::Null).await.refused(404, "not_found");
        }
        assert_eq!(rule_of_ivy(&world).await, path);
    }

    #[tokio::test]
    async fn only_interviewers_have_availability() {
        let world = world().await;
        let path = rule_of_ivy(&world).await;
        is_for_interviewers(&world, "DELETE", &path, Value::Null).await;
    }
}
