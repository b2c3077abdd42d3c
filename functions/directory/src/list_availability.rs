//! `GET /api/availability`: the rules an interviewer declared.

use axum::extract::State;
use domain::availability::{Availability, AvailabilityRule};
use domain::ids::AvailabilityId;
use domain::problem::ValidationError;
use kit::callers::Interviewer;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get};
use kit::{App, Error, Json, Query, Read, Route, Who, page};
use store::{cursor, keys};
use views::List;

/// The route.
pub fn route() -> Route {
    Route::get("list_availability", "/api/availability", Who::Interviewer, list_availability)
        .about("List the caller's availability rules in order of creation.")
        .query::<page::Asked>()
        .answers::<List<AvailabilityRule>>(200)
        .needs(Needs::table(&[Get, BatchGet]))
}

async fn list_availability(
    State(app): State<App>,
    read: Read<Interviewer, Query<page::Asked>>,
) -> Result<Json<List<AvailabilityRule>>, Error> {
    let Query(asked) = &read.asked;
    let (limit, after) = read.place(&app, asked.limit, asked.cursor.as_deref(), place).await?;
    let wanted = keys::availability(read.user_id());
    let (_, items) = read.with(&app, std::slice::from_ref(&wanted)).await?;
    let mine: Option<Availability> = items.get(&wanted)?;
    let (rules, next) = page_of(mine.unwrap_or_default().rules, limit, after);
    Ok(read.page(rules, next))
}

fn place(text: &str) -> Result<AvailabilityId, ValidationError> {
    cursor::decode(text)?.parse().map_err(|_| cursor::invalid())
}

/// Ids are ordered by time, so that a page follows another even where the rule between them was removed.
fn page_of(
    mut rules: Vec<AvailabilityRule>,
    limit: usize,
    after: Option<AvailabilityId>,
) -> (Vec<AvailabilityRule>, Option<String>) {
    rules.sort_unstable_by_key(|rule| rule.availability_id);
    rules.retain(|rule| after.is_none_or(|after| rule.availability_id > after));
    let has_more = rules.len() > limit;
    rules.truncate(limit);
    let last = rules.last().filter(|_| has_more);
    let next = last.map(|rule| cursor::encode(&rule.availability_id.to_string()));
    (rules, next)
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{is_for_interviewers, refused_fields, world};
    use domain::user::Role;
    use serde_json::{Value, json};

    const PATH: &str = "/api/availability";

    #[tokio::test]
    async fn an_interviewer_sees_their_own_rules_and_no_others() {
        let world = world().await;
        let list = world.call("ivy", "GET", PATH, Value::Null).await.expect(200);
        assert_eq!((list["items"].as_array().unwrap().len(), &list["nextCursor"]), (1, &Value::Null));
        assert_eq!((&list["items"][0]["kind"], &list["items"][0]["endLocal"]), (&json!("WEEKLY"), &json!("24:00")));
        world.add_person("max", Role::Interviewer).await;
        let list = world.call("max", "GET", PATH, Value::Null).await.expect(200);
        assert_eq!(list, json!({ "items": [], "nextCursor": null }));
    }

    #[tokio::test]
    async fn pages_follow_each_other_without_gap_or_repeat() {
        let world = world().await;
        let max = world.add_person("max", Role::Interviewer).await;
        for day in 1..=5 {
            let at = |hour| format!("2026-12-{day:02}T{hour}:00:00Z");
            let rule = json!({ "kind": "ONE_TIME", "startTime": at(10), "endTime": at(11), "sessionMinutes": 60 });
            world.offer(&max, rule).await;
        }
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let list = world.call("max", "GET", &format!("{PATH}?limit=2{cursor}"), Value::Null).await.expect(200);
            seen.extend(
                list["items"].as_array().unwrap().iter().map(|r| r["startTime"].as_str().unwrap()[8..10].to_owned()),
            );
            let Some(next) = list["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, ["01", "02", "03", "04", "05"]);
    }

    #[tokio::test]
    async fn nonsense_in_the_query_is_refused_by_name() {
        let world = world().await;
        for (query, field) in [("limit=0", "limit"), ("limit=x", "limit"), ("cursor=abc", "cursor"), ("page=2", "page")]
        {
            let answer = world.call("ivy", "GET", &format!("{PATH}?{query}"), Value::Null).await;
            assert_eq!(refused_fields(&answer), [field], "{}", answer.body);
        }
    }

    #[tokio::test]
    async fn only_interviewers_have_availability() {
        let world = world().await;
        is_for_interviewers(&world, "GET", PATH, Value::Null).await;
    }
}
