//! `GET /api/interviewers/{interviewerId}/reviews`: what candidates say of an interviewer.

use axum::extract::State;
use domain::ids::UserId;
use domain::review::Review;
use jiff::Timestamp;
use kit::callers::Anybody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, QueryTable};
use kit::read::meanwhile;
use kit::{App, Error, Json, Path, Query, Read, Route, Who, page};
use schemars::JsonSchema;
use serde::Serialize;
use store::review;
use views::List;

use crate::known::known;

/// The route.
pub fn route() -> Route {
    Route::get("list_reviews", "/api/interviewers/{interviewerId}/reviews", Who::SignedIn, list_reviews)
        .about(
            "List an interviewer's reviews, newest first. Reviewers are not named. The interviewer must be visible \
             to the caller.",
        )
        .query::<page::Asked>()
        .answers::<List<InterviewerReviewView>>(200)
        .needs(Needs::table(&[Get, BatchGet, QueryTable]))
}

/// A candidate's review of an interviewer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "InterviewerReview")]
pub struct InterviewerReviewView {
    /// The rating, 1 to 5.
    rating: u8,
    /// The comment; null if there is none.
    comment: Option<String>,
    /// When it was written.
    created_at: Timestamp,
}

impl From<Review> for InterviewerReviewView {
    fn from(Review { rating, comment, created_at }: Review) -> Self {
        Self { rating, comment, created_at }
    }
}

async fn list_reviews(
    State(app): State<App>,
    read: Read<Anybody, (Path<UserId>, Query<page::Asked>)>,
) -> Result<Json<List<InterviewerReviewView>>, Error> {
    let (Path(interviewer), Query(asked)) = &read.asked;
    let (limit, after) = read.place(&app, asked.limit, asked.cursor.as_deref(), review::place).await?;
    let reviews = review::of_interviewer(&app.table, interviewer, limit, after);
    let (_, (reviews, next)) = meanwhile(known(&app, &read, interviewer), reviews).await?;
    Ok(read.page(reviews.into_iter().map(Into::into).collect(), next))
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{book, change, refused_fields, world};
    use domain::review::Review;
    use jiff::SignedDuration;
    use serde_json::{Value, json};
    use store::Tx;
    use testing::World;

    const PATH: &str = "/api/interviewers/ivy/reviews";

    /// `candidate` books and reviews the interviewer, a second after the one before.
    async fn review(world: &World, candidate: &str, interviewer: &str, rating: u8, comment: Option<&str>) {
        world.app.clock.advance(SignedDuration::from_secs(1));
        let booking = book(world, candidate, interviewer).await;
        let review = Review { rating, comment: comment.map(str::to_owned), created_at: world.app.now() };
        let mut tx = Tx::new();
        store::review::write(&mut tx, &booking, &review).unwrap();
        tx.commit(&world.app.table).await.unwrap();
    }

    #[tokio::test]
    async fn reviews_are_shown_newest_first_without_who_wrote_them() {
        let world = world().await;
        world.add_interviewer("max").await;
        let list = world.call("cara", "GET", PATH, Value::Null).await.expect(200);
        assert_eq!(list, json!({ "items": [], "nextCursor": null }));
        review(&world, "cara", "ivy", 4, Some("Clear and kind.")).await;
        review(&world, "cara", "max", 1, Some("Of somebody else.")).await;
        review(&world, "dan", "ivy", 5, None).await;
        let list = world.call("stranger", "GET", PATH, Value::Null).await.expect(200);
        assert_eq!(
            list,
            json!({ "items": [
                { "rating": 5, "comment": null, "createdAt": "2026-11-20T12:00:03Z" },
                { "rating": 4, "comment": "Clear and kind.", "createdAt": "2026-11-20T12:00:01Z" },
            ], "nextCursor": null })
        );
    }

    #[tokio::test]
    async fn pages_follow_each_other_without_gap_or_repeat_and_no_cursor_names_a_booking() {
        let world = world().await;
        for rating in 1..=5 {
            review(&world, "cara", "ivy", rating, None).await;
        }
        for limit in 1..=5 {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let list =
                    world.call("dan", "GET", &format!("{PATH}?limit={limit}{cursor}"), Value::Null).await.expect(200);
                seen.extend(list["items"].as_array().unwrap().iter().map(|r| r["rating"].as_u64().unwrap()));
                let Some(next) = list["nextCursor"].as_str() else { break };
                let place = next.rsplit_once('.').unwrap().0;
                assert!(!store::cursor::decode(place).unwrap().contains("bkg_"));
                cursor = format!("&cursor={next}");
            }
            assert_eq!(seen, [5, 4, 3, 2, 1], "{limit} at a time");
        }
    }

    #[tokio::test]
    async fn of_who_is_not_listed_only_those_read_who_have_booked_them() {
        let world = world().await;
        review(&world, "cara", "ivy", 4, None).await;
        change(&world, "ivy", |ivy| ivy.interviewer.as_mut().unwrap().accepting_bookings = false).await;
        let list = world.call("cara", "GET", PATH, Value::Null).await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        world.call("dan", "GET", PATH, Value::Null).await.refused(404, "not_found");
        for id in ["cara", "nobody", "a%20b"] {
            let path = format!("/api/interviewers/{id}/reviews");
            world.call("cara", "GET", &path, Value::Null).await.refused(404, "not_found");
        }
        world.send("GET", PATH, None, &[]).await.refused(401, "unauthenticated");
    }

    #[tokio::test]
    async fn nonsense_in_the_query_is_refused_by_name() {
        let world = world().await;
        for rating in [4, 5] {
            review(&world, "cara", "ivy", rating, None).await;
        }
        let first = world.call("cara", "GET", &format!("{PATH}?limit=1"), Value::Null).await.expect(200);
        let mark = first["nextCursor"].as_str().unwrap().rsplit_once('.').unwrap().1;
        let place = |text: &str| format!("cursor={}.{mark}", store::cursor::encode(text));
        for (query, field) in [
            ("limit=0".to_owned(), "limit"),
            ("cursor=abc".to_owned(), "cursor"),
            (place("2026-11-20T12:00:00Z#0123456789abcdef0123"), "cursor"),
            (place("2026-11-20T12:00:00.000Z#ivy"), "cursor"),
            ("page=2".to_owned(), "page"),
        ] {
            let answer = world.call("cara", "GET", &format!("{PATH}?{query}"), Value::Null).await;
            assert_eq!(refused_fields(&answer), [field], "{}", answer.body);
        }
        let fine = place("2026-11-20T12:00:00.000Z#0123456789abcdef0123");
        world.call("cara", "GET", &format!("{PATH}?{fine}"), Value::Null).await.expect(200);
    }
}
