//! `PATCH /api/user/me`: a person changes what they say of themselves.

use axum::extract::State;
use axum::response::Response;
use domain::availability::ZoneName;
use domain::problem::{FieldError, ValidationError};
use domain::rate_limit::RateRule;
use domain::user::{Category, Identity, InterviewerProfile, User};
use http::StatusCode;
use kit::callers::Onboarded;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Delete, Get, Put, Update};
use kit::{App, Error, Route, Who, Write};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Tx;
use views::UserView;

/// The route.
pub fn route() -> Route {
    Route::patch("update_me", "/api/user/me", Who::Onboarded, update_me)
        .about(
            "Update the caller's profile. Absent and null fields are left unchanged. Fields other than name and \
             time zone are only for interviewers.",
        )
        .body::<UpdateMe>()
        .example(r#"{ "name": "Nora N.", "timezone": "Europe/Berlin" }"#)
        .answers::<UserView>(200)
        .idempotent()
        .needs(Needs::table(&[Get, BatchGet, Put, Update, Delete]))
}

/// The fields to update. Absent and null fields are left unchanged.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateMe {
    /// Display name, at most 100 characters.
    #[schemars(length(min = 1, max = 100))]
    name: Option<String>,
    /// IANA time zone, such as Europe/Berlin.
    timezone: Option<String>,
    /// Job title, at most 120 characters.
    #[schemars(length(min = 1, max = 120))]
    title: Option<String>,
    /// Company, at most 120 characters.
    #[schemars(length(min = 1, max = 120))]
    company: Option<String>,
    /// Years of professional experience, at most 70.
    #[schemars(range(max = 70))]
    years_exp: Option<u32>,
    /// Biography, at most 4000 characters.
    #[schemars(length(min = 1, max = 4000))]
    bio: Option<String>,
    /// Categories to interview in, 1 to 8.
    #[schemars(length(min = 1, max = 8))]
    categories: Option<Vec<Category>>,
    /// Rate for new bookings in credits per hour, 1 to 10000.
    #[schemars(range(min = 1, max = 10_000))]
    credit_rate: Option<u32>,
    /// Whether new bookings are accepted.
    accepting_bookings: Option<bool>,
}

impl RequestBody for UpdateMe {}

impl UpdateMe {
    /// The person as they will be.
    fn applied_to(&self, user: &User) -> Result<User, ValidationError> {
        let mut after = user.clone();
        let mut refused: Vec<FieldError> = Vec::new();
        let mut keep =
            |checked: Result<(), ValidationError>| refused.extend(checked.err().into_iter().flat_map(|e| e.0));
        if let Some(name) = &self.name {
            after.call(name.trim());
            keep(Identity { name: after.name.clone(), ..Identity::default() }.check());
        }
        if let Some(timezone) = &self.timezone {
            let named = timezone.parse::<ZoneName>().map(|zone| after.timezone = zone.to_string());
            keep(named.map_err(|refused| ValidationError::field("timezone", refused.to_string())));
        }
        let named = self.profile_members();
        match &mut after.interviewer {
            _ if named.is_empty() => {}
            Some(profile) => {
                self.change(profile);
                keep(profile.check());
            }
            None => keep(Err(ValidationError(
                named.into_iter().map(|field| FieldError::new(field, "is only for interviewers")).collect(),
            ))),
        }
        if refused.is_empty() { Ok(after) } else { Err(ValidationError(refused)) }
    }

    /// The members of an interviewer's profile that this request names.
    fn profile_members(&self) -> Vec<&'static str> {
        let members = [
            ("title", self.title.is_some()),
            ("company", self.company.is_some()),
            ("yearsExp", self.years_exp.is_some()),
            ("bio", self.bio.is_some()),
            ("categories", self.categories.is_some()),
            ("creditRate", self.credit_rate.is_some()),
            ("acceptingBookings", self.accepting_bookings.is_some()),
        ];
        members.into_iter().filter(|(_, is_named)| *is_named).map(|(member, _)| member).collect()
    }

    fn change(&self, profile: &mut InterviewerProfile) {
        let texts =
            [(&self.title, &mut profile.title), (&self.company, &mut profile.company), (&self.bio, &mut profile.bio)];
        for (wanted, text) in texts {
            if let Some(wanted) = wanted {
                wanted.trim().clone_into(text);
            }
        }
        if let Some(categories) = &self.categories {
            profile.categories.clone_from(categories);
        }
        profile.years_exp = self.years_exp.unwrap_or(profile.years_exp);
        profile.credit_rate = self.credit_rate.unwrap_or(profile.credit_rate);
        profile.accepting_bookings = self.accepting_bookings.unwrap_or(profile.accepting_bookings);
    }
}

async fn update_me(State(app): State<App>, write: Write<Onboarded, UpdateMe>) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &write)).await
}

async fn attempt(app: &App, write: &Write<Onboarded, UpdateMe>) -> Result<Response, Error> {
    let begun = write.begin(app, RateRule::Writes, &[]).await?;
    let before = begun.caller.0.clone();
    let user = write.body.applied_to(&before)?;
    let view = UserView::of(&user);
    if user == before {
        return begun.unchanged(app, &view).await;
    }
    let mut tx = Tx::new();
    store::user::write(&mut tx, Some(&before), &user)?;
    begun.commit(app, tx, StatusCode::OK, &view).await
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{become_candidate, become_interviewer, delete, exhaust, refused_fields, version, world};
    use domain::user::Verification;
    use serde_json::{Value, json};

    const PATH: &str = "/api/user/me";

    #[tokio::test]
    async fn a_candidate_changes_name_and_time_zone() {
        let world = world().await;
        become_candidate(&world, "user_a").await;
        let body = json!({ "name": " Ada ", "timezone": " europe/berlin" });
        let user = world.call("user_a", "PATCH", PATH, body).await.expect(200);
        assert_eq!((&user["name"], &user["timezone"]), (&json!("Ada"), &json!("Europe/Berlin")));
        assert_eq!(world.call("user_a", "GET", PATH, Value::Null).await.expect(200), user);
    }

    #[tokio::test]
    async fn an_interviewer_changes_some_members_and_keeps_the_others() {
        let world = world().await;
        become_interviewer(&world, "user_i").await;
        let body = json!({ "company": "Initech", "creditRate": 30, "categories": ["dsa"], "bio": null });
        let user = world.call("user_i", "PATCH", PATH, body).await.expect(200);
        let profile = &user["interviewer"];
        assert_eq!((&profile["company"], &profile["creditRate"]), (&json!("Initech"), &json!(30)));
        assert_eq!((&profile["categories"], &profile["title"]), (&json!(["dsa"]), &json!("Staff Engineer")));
        assert_eq!(profile["bio"], "Backend and distributed systems.");
    }

    #[tokio::test]
    async fn a_verified_interviewer_leaves_the_directory_and_comes_back() {
        let world = world().await;
        let id = "user_i".parse().unwrap();
        become_interviewer(&world, "user_i").await;
        let new = store::user::get(&world.app.table, &id).await.unwrap().unwrap();
        let verified =
            new.submit_verification().unwrap().decide_verification(Verification::Verified, None).unwrap().unwrap();
        let mut tx = store::Tx::new();
        store::user::write(&mut tx, Some(&new), &verified).unwrap();
        tx.commit(&world.app.table).await.unwrap();
        for accepting in [false, true] {
            let body = json!({ "acceptingBookings": accepting });
            let user = world.call("user_i", "PATCH", PATH, body).await.expect(200);
            assert_eq!(user["interviewer"]["listed"], accepting);
            assert_eq!(store::directory::get(&world.app.table, &id).await.unwrap().is_some(), accepting);
        }
    }

    #[tokio::test]
    async fn nothing_is_written_where_nothing_changes() {
        let world = world().await;
        become_interviewer(&world, "user_i").await;
        for body in [json!({}), json!({ "name": null }), json!({ "title": " Staff Engineer ", "timezone": "UTC" })] {
            world.call("user_i", "PATCH", PATH, body).await.expect(200);
        }
        assert_eq!(version(&world, "user_i").await, 1);
    }

    #[tokio::test]
    async fn every_member_that_is_wrong_is_named() {
        let world = world().await;
        become_interviewer(&world, "user_i").await;
        for (body, fields) in [
            (json!({ "name": "" }), vec!["name"]),
            (json!({ "name": "x".repeat(101), "timezone": "EST5EDT4" }), vec!["name", "timezone"]),
            (json!({ "title": "", "creditRate": 0 }), vec!["title", "creditRate"]),
            (json!({ "bio": "x".repeat(4001) }), vec!["bio"]),
            (json!({ "acceptingBookings": "yes" }), vec!["acceptingBookings"]),
            (json!({ "yearsExp": 1.5 }), vec!["yearsExp"]),
            (json!({ "verification": "VERIFIED" }), vec!["verification"]),
            (json!({ "email": "a@b.example" }), vec!["email"]),
        ] {
            let answer = world.call("user_i", "PATCH", PATH, body).await;
            assert_eq!(refused_fields(&answer), fields, "{}", answer.body);
        }
        world.call("user_i", "PATCH", PATH, Value::Null).await.refused(400, "malformed_request");
        assert_eq!(version(&world, "user_i").await, 1);
    }

    #[tokio::test]
    async fn a_candidate_has_no_interviewers_members() {
        let world = world().await;
        become_candidate(&world, "user_a").await;
        let body = json!({ "name": "Ada", "title": "Engineer", "acceptingBookings": true });
        let answer = world.call("user_a", "PATCH", PATH, body).await;
        assert_eq!(refused_fields(&answer), ["title", "acceptingBookings"]);
    }

    #[tokio::test]
    async fn who_has_no_role_is_deleted_or_is_too_fast_is_refused() {
        let world = world().await;
        let body = json!({ "name": "Ada" });
        world.send("PATCH", PATH, None, &[]).await.refused(401, "unauthenticated");
        world.call("user_a", "PATCH", PATH, body.clone()).await.refused(403, "onboarding_required");
        world.call("user_a", "POST", "/api/user/sync", json!({})).await.expect(200);
        world.call("user_a", "PATCH", PATH, body.clone()).await.refused(403, "onboarding_required");
        become_candidate(&world, "user_a").await;
        delete(&world, "user_a").await;
        world.call("user_a", "PATCH", PATH, body.clone()).await.refused(403, "account_deleted");
        world.add_candidate("user_b", 0).await;
        exhaust(&world, "user_b").await;
        world.call("user_b", "PATCH", PATH, body).await.refused(429, "rate_limited");
    }

    #[tokio::test]
    async fn two_changes_at_once_both_take_effect() {
        let world = world().await;
        become_interviewer(&world, "user_i").await;
        let (one, two) = tokio::join!(
            world.call("user_i", "PATCH", PATH, json!({ "title": "Principal" })),
            world.call("user_i", "PATCH", PATH, json!({ "company": "Initech" })),
        );
        assert_eq!([one.status, two.status], [200; 2]);
        let me = world.call("user_i", "GET", PATH, Value::Null).await.expect(200);
        let profile = &me["interviewer"];
        assert_eq!((&profile["title"], &profile["company"]), (&json!("Principal"), &json!("Initech")));
    }
}
