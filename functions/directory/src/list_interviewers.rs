//! `GET /api/interviewers`: who can be booked.

use axum::extract::State;
use domain::user::Category;
use kit::callers::Anybody;
use kit::needs::Needs;
use kit::needs::Table::{Get, QueryTable};
use kit::read::meanwhile;
use kit::{App, Error, Json, Query, Read, Route, Who};
use schemars::JsonSchema;
use serde::Deserialize;
use store::directory::{self, Wanted};
use views::List;

use crate::view::InterviewerCardView;

/// The route.
pub fn route() -> Route {
    Route::get("list_interviewers", "/api/interviewers", Who::SignedIn, list_interviewers)
        .about("List the interviewers who can be booked. A page may be short or empty even if there is a next one.")
        .query::<Filter>()
        .answers::<List<InterviewerCardView>>(200)
        .needs(Needs::table(&[Get, QueryTable]))
}

/// Whom to list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// Only interviewers of this category.
    category: Option<Category>,
    /// Only interviewers with at least this many years of experience.
    min_years: Option<u32>,
    /// Only interviewers whose rate is at most this many credits per hour.
    max_rate: Option<u32>,
    /// The page size: 1 to 100, 20 by default.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// The `nextCursor` of the previous page.
    cursor: Option<String>,
}

async fn list_interviewers(
    State(app): State<App>,
    read: Read<Anybody, Query<Filter>>,
) -> Result<Json<List<InterviewerCardView>>, Error> {
    let Query(filter) = &read.asked;
    let (limit, after) = read.place(&app, filter.limit, filter.cursor.as_deref(), directory::page_cursor).await?;
    let wanted = Wanted { category: filter.category, min_years: filter.min_years, max_rate: filter.max_rate };
    let cards = directory::page(&app.table, &wanted, limit, after);
    let (_, (cards, next)) = meanwhile(read.caller(&app), cards).await?;
    Ok(read.page(cards.into_iter().map(InterviewerCardView::of).collect(), next))
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{change, refused_fields, world};
    use domain::user::{Category, Verification};
    use serde_json::{Value, json};
    use testing::World;

    async fn names(world: &World, query: &str) -> Vec<String> {
        let path = format!("/api/interviewers{query}");
        let list = world.call("cara", "GET", &path, Value::Null).await.expect(200);
        let id = |card: &Value| card["interviewerId"].as_str().unwrap().to_owned();
        list["items"].as_array().unwrap().iter().map(id).collect()
    }

    #[tokio::test]
    async fn a_card_shows_what_candidates_choose_by() {
        let world = world().await;
        change(&world, "ivy", |ivy| {
            let profile = ivy.interviewer.as_mut().unwrap();
            (profile.rating_sum, profile.review_count) = (14, 3);
        })
        .await;
        let list = world.call("cara", "GET", "/api/interviewers", Value::Null).await.expect(200);
        assert_eq!(
            list,
            json!({ "items": [{ "interviewerId": "ivy", "name": "ivy", "imageUrl": null, "title": "Staff Engineer",
                "company": "Acme", "yearsExp": 12, "categories": ["backend", "system-design"], "creditRate": 20,
                "rating": 4.67, "reviewCount": 3 }], "nextCursor": null })
        );
    }

    #[tokio::test]
    async fn only_those_who_fit_are_listed() {
        let world = world().await;
        world.add_interviewer("max").await;
        change(&world, "max", |max| {
            let profile = max.interviewer.as_mut().unwrap();
            (profile.categories, profile.years_exp, profile.credit_rate) = (vec![Category::Dsa], 3, 5);
        })
        .await;
        assert_eq!(names(&world, "").await, ["ivy", "max"]);
        for (query, expected) in [
            ("?category=dsa", vec!["max"]),
            ("?category=backend&minYears=12", vec!["ivy"]),
            ("?category=mobile", vec![]),
            ("?minYears=4", vec!["ivy"]),
            ("?maxRate=19", vec!["max"]),
            ("?maxRate=20&minYears=3", vec!["ivy", "max"]),
            ("?maxRate=0", vec![]),
        ] {
            assert_eq!(names(&world, query).await, expected, "{query}");
        }
    }

    #[tokio::test]
    async fn who_cannot_be_booked_is_not_listed() {
        let world = world().await;
        world.add_interviewer("max").await;
        change(&world, "ivy", |ivy| ivy.interviewer.as_mut().unwrap().accepting_bookings = false).await;
        change(&world, "max", |max| max.interviewer.as_mut().unwrap().verification = Verification::Rejected).await;
        assert!(names(&world, "").await.is_empty());
    }

    #[tokio::test]
    async fn pages_follow_each_other_without_gap_or_repeat() {
        let world = world().await;
        for id in ["a", "b", "c", "d"] {
            world.add_interviewer(id).await;
        }
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/interviewers?limit=2{cursor}");
            let list = world.call("cara", "GET", &path, Value::Null).await.expect(200);
            seen.extend(list["items"].as_array().unwrap().iter().map(|i| i["interviewerId"].clone()));
            let Some(next) = list["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, ["a", "b", "c", "d", "ivy"]);
    }

    #[tokio::test]
    async fn a_person_without_a_role_may_look_and_a_stranger_may_not() {
        let world = world().await;
        world.call("stranger", "GET", "/api/interviewers", Value::Null).await.expect(200);
        world.send("GET", "/api/interviewers", None, &[]).await.refused(401, "unauthenticated");
    }

    #[tokio::test]
    async fn nonsense_in_the_query_is_refused_by_name() {
        let world = world().await;
        for (query, field) in [
            ("category=cooking", "category"),
            ("minYears=-1", "minYears"),
            ("minYears=many", "minYears"),
            ("maxRate=99999999999", "maxRate"),
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("cursor=%21", "cursor"),
            ("cursor=IyMj", "cursor"),
            ("colour=red", "colour"),
        ] {
            let answer = world.call("cara", "GET", &format!("/api/interviewers?{query}"), Value::Null).await;
            assert_eq!(refused_fields(&answer), [field], "{}", answer.body);
        }
    }
}
