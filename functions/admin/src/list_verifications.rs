//! `GET /api/admin/verifications`: the interviewers who wait for a decision.

use axum::extract::State;
use domain::ids::UserId;
use domain::user::{User, Verification};
use jiff::Timestamp;
use kit::callers::Admin;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get};
use kit::read::meanwhile;
use kit::{App, Error, Json, Query, Read, Route, Who, page};
use schemars::JsonSchema;
use serde::Serialize;
use store::keys;
use store::user::VerificationRequest;
use views::List;

/// The route.
pub fn route() -> Route {
    Route::get("list_verifications", "/api/admin/verifications", Who::Admin, list_verifications)
        .about("List pending verification requests, oldest first.")
        .query::<page::Asked>()
        .answers::<List<VerificationView>>(200)
        .needs(Needs::table(&[Get, BatchGet]).indexes(&["gsi1"]))
}

/// A pending verification request.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Verification")]
pub struct VerificationView {
    /// The interviewer's user id.
    interviewer_id: UserId,
    /// Display name.
    name: Option<String>,
    /// Job title.
    title: String,
    /// Company.
    company: String,
    /// LinkedIn profile.
    linkedin_url: Option<String>,
    /// Work e-mail address.
    work_email: Option<String>,
    /// The interviewer's notes.
    notes: String,
    /// The current status.
    status: Verification,
    /// When it was submitted.
    submitted_at: Timestamp,
}

impl VerificationView {
    /// Nothing where the person is gone or the list, which is an index, lags behind a decision.
    fn of(request: VerificationRequest, user: Option<User>) -> Option<Self> {
        let user = user?;
        let profile = user.interviewer.filter(|p| p.verification == Verification::Submitted)?;
        Some(Self {
            interviewer_id: request.interviewer_id,
            name: user.name,
            title: profile.title,
            company: profile.company,
            linkedin_url: request.linkedin_url,
            work_email: request.work_email,
            notes: request.notes,
            status: request.status,
            submitted_at: request.submitted_at,
        })
    }
}

async fn list_verifications(
    State(app): State<App>,
    read: Read<Admin, Query<page::Asked>>,
) -> Result<Json<List<VerificationView>>, Error> {
    let Query(asked) = &read.asked;
    let place = read.place(&app, asked.limit, asked.cursor.as_deref(), store::user::undecided_cursor);
    let (limit, after) = place.await?;
    let undecided = store::user::undecided(&app.table, limit, after);
    let (_, (requests, next)) = meanwhile(read.caller(&app), undecided).await?;
    let profiles: Vec<_> = requests.iter().map(|r| keys::profile(&r.interviewer_id)).collect();
    let people = app.table.batch_get(&profiles).await?;
    let mut items = Vec::with_capacity(requests.len());
    for (request, profile) in requests.into_iter().zip(&profiles) {
        items.extend(VerificationView::of(request, people.get(profile)?));
    }
    Ok(read.page(items, next))
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{add_applicant, delete, is_for_admins, refused_fields, world};
    use jiff::SignedDuration;
    use serde_json::{Value, json};
    use testing::World;

    const PATH: &str = "/api/admin/verifications";

    /// `b` applied before `a`, and `a` before `c`.
    async fn with_applicants() -> World {
        let world = world().await;
        for (user, minutes) in [("a", 2), ("b", 1), ("c", 3)] {
            add_applicant(&world, user, world.app.now() + SignedDuration::from_mins(minutes)).await;
        }
        world
    }

    async fn applicants(world: &World) -> Vec<String> {
        let list = world.call("user_admin", "GET", PATH, Value::Null).await.expect(200);
        list["items"].as_array().unwrap().iter().map(|v| v["interviewerId"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn who_waits_longest_comes_first_with_what_an_admin_decides_by() {
        let world = with_applicants().await;
        assert_eq!(applicants(&world).await, ["b", "a", "c"]);
        let list = world.call("user_admin", "GET", PATH, Value::Null).await.expect(200);
        assert_eq!(
            list["items"][0],
            json!({ "interviewerId": "b", "name": "b", "title": "Staff Engineer", "company": "Acme",
                "linkedinUrl": "https://www.linkedin.com/in/b", "workEmail": null, "notes": "I am b.",
                "status": "SUBMITTED", "submittedAt": "2026-11-20T12:01:00Z" })
        );
    }

    #[tokio::test]
    async fn what_is_decided_or_belongs_to_a_deleted_account_is_not_listed() {
        let world = with_applicants().await;
        let path = "/api/admin/interviewers/a/verification";
        world.call("user_admin", "POST", path, json!({ "decision": "VERIFIED" })).await.expect(200);
        delete(&world, "b").await;
        assert_eq!(applicants(&world).await, ["c"]);
    }

    #[tokio::test]
    async fn pages_follow_each_other_without_gap_or_repeat() {
        let world = with_applicants().await;
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("{PATH}?limit=1{cursor}");
            let list = world.call("user_admin", "GET", &path, Value::Null).await.expect(200);
            seen.extend(list["items"].as_array().unwrap().iter().map(|v| v["interviewerId"].clone()));
            let Some(next) = list["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, ["b", "a", "c"]);
    }

    #[tokio::test]
    async fn nonsense_in_the_query_is_refused_by_name() {
        let world = world().await;
        for (query, field) in [("limit=0", "limit"), ("cursor=abc", "cursor"), ("status=NONE", "status")] {
            let answer = world.call("user_admin", "GET", &format!("{PATH}?{query}"), Value::Null).await;
            assert_eq!(refused_fields(&answer), [field], "{}", answer.body);
        }
    }

    #[tokio::test]
    async fn only_admins_see_who_waits() {
        is_for_admins(&world().await, "GET", PATH, Value::Null).await;
    }
}
