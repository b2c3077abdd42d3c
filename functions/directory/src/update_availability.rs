//! `PATCH /api/availability/{availabilityId}`: an interviewer takes days off later, or ends a rule at another time.

use axum::extract::State;
use axum::response::Response;
use domain::availability::{AvailabilityRule, ChangedAvailability, NewEnd};
use domain::ids::AvailabilityId;
use domain::rate_limit::RateRule;
use http::StatusCode;
use kit::callers::Interviewer;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put, Update};
use kit::{App, Error, Path, Route, Who, Write};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Tx, availability, keys};

/// The route.
pub fn route() -> Route {
    Route::patch("update_availability", "/api/availability/{availabilityId}", Who::Interviewer, update_availability)
        .about(
            "Update the exceptions or the end date of a weekly availability rule. Absent fields are left unchanged. \
             Existing bookings are not affected.",
        )
        .body::<UpdateAvailability>()
        .example(r#"{ "exceptions": ["2026-12-25"] }"#)
        .answers::<AvailabilityRule>(200)
        .idempotent()
        .refuses(&[(409, "availability_overlap")])
        .needs(Needs::table(&[Get, BatchGet, Put, Update]))
}

/// The fields of a weekly rule to update.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateAvailability {
    /// The local dates on which the window is closed; replaces the previous list.
    #[schemars(length(max = 366))]
    exceptions: Option<Vec<String>>,
    /// The last local date; null for no end date.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    until: NewEnd,
}

impl RequestBody for UpdateAvailability {}

async fn update_availability(
    State(app): State<App>,
    Path(id): Path<AvailabilityId>,
    write: Write<Interviewer, UpdateAvailability>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, id, &write)).await
}

async fn attempt(
    app: &App,
    id: AvailabilityId,
    write: &Write<Interviewer, UpdateAvailability>,
) -> Result<Response, Error> {
    let me = write.user_id();
    let begun = write.begin(app, RateRule::Writes, &[keys::availability(me)]).await?;
    let mut mine = availability::rules(&begun.items, me)?;
    let before = mine.rule(id)?.clone();
    let UpdateAvailability { exceptions, until } = &write.body;
    let wanted = ChangedAvailability { exceptions: exceptions.as_deref(), until };
    let after = wanted.of(&before, begun.now)?;
    if after == before {
        return begun.unchanged(app, &after).await;
    }
    mine.change(after.clone(), begun.now)?;
    let mut tx = Tx::new();
    availability::write(&mut tx, me, &mine)?;
    begun.commit(app, tx, StatusCode::OK, &after).await
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{book, is_for_interviewers, refused_fields, world};
    use domain::user::Role;
    use serde_json::{Value, json};
    use testing::World;

    async fn rule_of(world: &World, interviewer: &str) -> String {
        let list = world.call(interviewer, "GET", "/api/availability", Value::Null).await.expect(200);
        format!("/api/availability/{}", list["items"][0]["availabilityId"].as_str().unwrap())
    }

    async fn slots_on(world: &World, day: &str, next: &str) -> usize {
        let path = format!("/api/interviewers/ivy/slots?from={day}&to={next}");
        world.call("cara", "GET", &path, Value::Null).await.expect(200)["items"].as_array().unwrap().len()
    }

    #[tokio::test]
    async fn a_day_off_is_taken_later_and_given_back() {
        let world = world().await;
        let path = rule_of(&world, "ivy").await;
        let booking = book(&world, "cara", "ivy").await;
        assert_eq!(slots_on(&world, "2026-11-21", "2026-11-22").await, 24);
        let off = json!({ "exceptions": ["2026-12-25", "2026-11-21"] });
        let rule = world.call("ivy", "PATCH", &path, off).await.expect(200);
        assert_eq!(rule["exceptions"], json!(["2026-11-21", "2026-12-25"]));
        assert_eq!((&rule["kind"], &rule["until"]), (&json!("WEEKLY"), &Value::Null));
        let own = world.call("ivy", "GET", "/api/availability", Value::Null).await.expect(200);
        assert_eq!(own["items"], json!([rule]));
        assert_eq!(slots_on(&world, "2026-11-21", "2026-11-22").await, 0);
        let stored = store::booking::get(&world.app.table, booking.booking_id).await.unwrap().unwrap();
        assert!(stored.is_scheduled(), "what was booked on that day stands");
        world.call("ivy", "PATCH", &path, json!({ "exceptions": ["2026-12-25"] })).await.expect(200);
        assert_eq!(slots_on(&world, "2026-11-21", "2026-11-22").await, 24);
    }

    #[tokio::test]
    async fn an_end_is_set_moved_and_taken_away_and_what_is_absent_stays() {
        let world = world().await;
        let path = rule_of(&world, "ivy").await;
        let change = |body: Value| world.call("ivy", "PATCH", &path, body);
        change(json!({ "exceptions": ["2026-11-24"] })).await.expect(200);
        let rule = change(json!({ "until": "2026-11-22" })).await.expect(200);
        assert_eq!((&rule["until"], &rule["exceptions"]), (&json!("2026-11-22"), &json!(["2026-11-24"])));
        assert_eq!(slots_on(&world, "2026-11-23", "2026-11-24").await, 0);
        change(json!({ "until": "2026-11-23" })).await.expect(200);
        assert_eq!(slots_on(&world, "2026-11-23", "2026-11-24").await, 24);
        assert_eq!(change(json!({})).await.expect(200)["until"], "2026-11-23");
        assert_eq!(change(json!({ "until": null })).await.expect(200)["until"], Value::Null);
    }

    #[tokio::test]
    async fn bookings_hear_of_a_change_and_of_nothing_else() {
        let world = world().await;
        let path = rule_of(&world, "ivy").await;
        let key = store::keys::bookable(&"ivy".parse().unwrap());
        let version = || async {
            let bookable: domain::bookable::Bookable = world.app.table.get(&key).await.unwrap().unwrap();
            bookable.availability_version
        };
        for (body, expected) in [
            (json!({ "exceptions": ["2026-12-25"] }), 2),
            (json!({ "exceptions": ["2026-12-25"] }), 2),
            (json!({ "until": null }), 2),
            (json!({ "until": "2027-01-01" }), 3),
        ] {
            world.call("ivy", "PATCH", &path, body).await.expect(200);
            assert_eq!(version().await, expected);
        }
    }

    #[tokio::test]
    async fn a_rule_does_not_grow_into_another() {
        let world = world().await;
        let path = rule_of(&world, "ivy").await;
        let change = |body: Value| world.call("ivy", "PATCH", &path, body);
        change(json!({ "until": "2026-11-30", "exceptions": ["2026-11-25"] })).await.expect(200);
        for day in ["2026-11-25", "2026-12-02"] {
            let times = json!({ "kind": "ONE_TIME", "startTime": format!("{day}T10:00:00Z"),
                "endTime": format!("{day}T12:00:00Z"), "sessionMinutes": 60 });
            world.call("ivy", "POST", "/api/availability", times).await.expect(201);
        }
        for body in [json!({ "until": "2026-12-02" }), json!({ "until": null }), json!({ "exceptions": [] })] {
            change(body).await.refused(409, "availability_overlap");
        }
        change(json!({ "until": "2026-12-03", "exceptions": ["2026-11-25", "2026-12-02"] })).await.expect(200);
    }

    #[tokio::test]
    async fn every_member_that_is_wrong_is_named() {
        let world = world().await;
        let path = rule_of(&world, "ivy").await;
        for (body, field) in [
            (json!({ "exceptions": ["soon"] }), "exceptions"),
            (json!({ "exceptions": ["2026-12-25", "2026-12-25"] }), "exceptions"),
            (json!({ "exceptions": "2026-12-25" }), "exceptions"),
            (json!({ "until": "2026-11-19" }), "until"),
            (json!({ "until": "" }), "until"),
            (json!({ "until": 3 }), "until"),
            (json!({ "sessionMinutes": 30 }), "sessionMinutes"),
        ] {
            let answer = world.call("ivy", "PATCH", &path, body).await;
            assert_eq!(refused_fields(&answer), [field], "{}", answer.body);
        }
        world.call("ivy", "PATCH", &path, Value::Null).await.refused(400, "malformed_request");
        let max = world.add_person("max", Role::Interviewer).await;
        let once = json!({ "kind": "ONE_TIME", "startTime": "2026-12-01T10:00:00Z",
            "endTime": "2026-12-01T11:00:00Z", "sessionMinutes": 60 });
        world.offer(&max, once).await;
        let path = rule_of(&world, "max").await;
        for (body, field) in [(json!({ "exceptions": [] }), "exceptions"), (json!({ "until": null }), "until")] {
            let answer = world.call("max", "PATCH", &path, body).await;
            assert_eq!(refused_fields(&answer), [field], "{}", answer.body);
        }
    }

    #[tokio::test]
    async fn another_interviewers_rule_does_not_exist() {
        let world = world().await;
        let path = rule_of(&world, "ivy").await;
        world.add_person("max", Role::Interviewer).await;
        let body = json!({ "until": "2027-01-01" });
        world.call("max", "PATCH", &path, body.clone()).await.refused(404, "not_found");
        for path in ["/api/availability/avl_1", "/api/availability/avl_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
            world.call("ivy", "PATCH", path, body.clone()).await.refused(404, "not_found");
        }
    }

    #[tokio::test]
    async fn the_same_key_gets_the_first_answer_and_serves_no_other_body() {
        let world = world().await;
        let path = rule_of(&world, "ivy").await;
        let key = [("idempotency-key", "k1")];
        let body = json!({ "until": "2027-01-01" });
        let first = world.call_with("ivy", "PATCH", &path, body.clone(), &key).await.expect(200);
        world.call("ivy", "PATCH", &path, json!({ "until": null })).await.expect(200);
        let again = world.call_with("ivy", "PATCH", &path, body, &key).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(200), first);
        let other = world.call_with("ivy", "PATCH", &path, json!({ "until": "2027-01-02" }), &key).await;
        other.refused(422, "idempotency_key_reused");
    }

    #[tokio::test]
    async fn only_interviewers_have_availability() {
        let world = world().await;
        let path = rule_of(&world, "ivy").await;
        is_for_interviewers(&world, "PATCH", &path, json!({ "until": "2027-01-01" })).await;
    }
}
