//! `GET /api/interviewers/{interviewerId}`: one interviewer.

use axum::extract::State;
use domain::ids::UserId;
use kit::callers::Anybody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get};
use kit::{App, Error, Json, Path, Read, Route, Who};
use schemars::JsonSchema;
use serde::Serialize;

use crate::known::known;
use crate::view::InterviewerCardView;

/// The route.
pub fn route() -> Route {
    Route::get("get_interviewer", "/api/interviewers/{interviewerId}", Who::SignedIn, get_interviewer)
        .about(
            "Get an interviewer's public profile. An interviewer who cannot be booked is visible only to users who \
             have booked them before, to themselves, and to admins.",
        )
        .answers::<InterviewerDetailsView>(200)
        .needs(Needs::table(&[Get, BatchGet]))
}

/// An interviewer's public profile.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "InterviewerDetails")]
pub struct InterviewerDetailsView {
    /// What the list shows too.
    #[serde(flatten)]
    card: InterviewerCardView,
    /// Biography.
    bio: String,
    /// IANA time zone.
    timezone: String,
    /// Whether they can be booked.
    listed: bool,
}

async fn get_interviewer(
    State(app): State<App>,
    read: Read<Anybody, Path<UserId>>,
) -> Result<Json<InterviewerDetailsView>, Error> {
    let Path(interviewer) = &read.asked;
    let (card, listed) = known(&app, &read, interviewer).await?;
    let (bio, timezone) = (card.profile.bio.clone(), card.timezone.clone());
    Ok(Json(InterviewerDetailsView { card: InterviewerCardView::of(card), bio, timezone, listed }))
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{book, change, world};
    use domain::user::{Role, Verification};
    use serde_json::{Value, json};

    #[tokio::test]
    async fn an_interviewer_is_shown_with_bio_and_time_zone() {
        let world = world().await;
        let shown = world.call("cara", "GET", "/api/interviewers/ivy", Value::Null).await.expect(200);
        assert_eq!(
            shown,
            json!({ "interviewerId": "ivy", "name": "ivy", "imageUrl": null, "title": "Staff Engineer",
                "company": "Acme", "yearsExp": 12, "categories": ["backend", "system-design"], "creditRate": 20,
                "rating": null, "reviewCount": 0, "bio": "Backend and distributed systems.", "timezone": "UTC",
                "listed": true })
        );
    }

    #[tokio::test]
    async fn who_cannot_be_booked_does_not_exist() {
        let world = world().await;
        change(&world, "ivy", |ivy| ivy.interviewer.as_mut().unwrap().accepting_bookings = false).await;
        for id in ["ivy", "cara", "nobody", "a%20b", &"x".repeat(65)] {
            let path = format!("/api/interviewers/{id}");
            world.call("cara", "GET", &path, Value::Null).await.refused(404, "not_found");
        }
        world.send("GET", "/api/interviewers/ivy", None, &[]).await.refused(401, "unauthenticated");
    }

    #[tokio::test]
    async fn who_has_booked_an_interviewer_sees_them_when_others_do_not_any_more() {
        let world = world().await;
        world.add_candidate("dan", 0).await;
        let listed = world.call("cara", "GET", "/api/interviewers/ivy", Value::Null).await.expect(200);
        book(&world, "cara", "ivy").await;
        change(&world, "ivy", |ivy| ivy.interviewer.as_mut().unwrap().accepting_bookings = false).await;
        let mut shown = world.call("cara", "GET", "/api/interviewers/ivy", Value::Null).await.expect(200);
        assert_eq!(shown["listed"], false);
        shown["listed"] = json!(true);
        assert_eq!(shown, listed);
        world.call("dan", "GET", "/api/interviewers/ivy", Value::Null).await.refused(404, "not_found");
        testing::delete(&world, "ivy").await;
        world.call("cara", "GET", "/api/interviewers/ivy", Value::Null).await.refused(404, "not_found");
    }

    #[tokio::test]
    async fn who_is_not_verified_sees_their_own_page_and_an_admin_sees_it_too() {
        let world = world().await;
        world.add_person("user_admin", Role::Admin).await;
        world.add_interviewer("noah").await;
        change(&world, "ivy", |ivy| ivy.interviewer.as_mut().unwrap().verification = Verification::Submitted).await;
        for path in ["/api/interviewers/ivy", "/api/interviewers/ivy/reviews"] {
            for (who, may) in [("ivy", true), ("user_admin", true), ("noah", false), ("cara", false)] {
                let answer = world.call(who, "GET", path, Value::Null).await;
                if may { drop(answer.expect(200)) } else { answer.refused(404, "not_found") }
            }
        }
        let shown = world.call("ivy", "GET", "/api/interviewers/ivy", Value::Null).await.expect(200);
        assert_eq!(shown["listed"], false);
        for nobody in ["cara", "nobody"] {
            world
                .call("user_admin", "GET", &format!("/api/interviewers/{nobody}"), Value::Null)
                .await
                .refused(404, "not_found");
        }
    }
}
