//! `POST /api/onboarding`: a person chooses what they do here, once.

use axum::extract::State;
use axum::response::Response;
use domain::availability::ZoneName;
use domain::ids::TransactionId;
use domain::ledger::{Transfer, TransferId};
use domain::money::Asset;
use domain::problem::{Checks, ValidationError};
use domain::rate_limit::RateRule;
use domain::user::{Category, InterviewerProfile, Role, RoleChoice, User, Verification};
use http::StatusCode;
use kit::callers::Anybody;
use kit::config::Setting;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put, Update};
use kit::write::Begun;
use kit::{App, Error, Route, Who, Write};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Tx, keys, wallet};
use views::UserView;

/// The route.
pub fn route() -> Route {
    Route::post("onboard", "/api/onboarding", Who::SignedIn, onboard)
        .about(
            "Choose a role, once, and confirm being at least 18 years old. Choosing the same role again changes \
             nothing. Candidates may receive free credits; interviewers provide their profile.",
        )
        .body::<Onboard>()
        .example(r#"{ "role": "INTERVIEWEE", "adult": true }"#)
        .answers::<UserView>(200)
        .idempotent()
        .refuses(&[(409, "already_onboarded")])
        .needs(Needs::table(&[Get, BatchGet, Put, Update]).settings(&[Setting::SignupCredits]).gradual())
}

/// The chosen role and profile. The profile is required for interviewers and refused for candidates.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Onboard {
    /// The role.
    role: ChosenRole,
    /// Confirms being at least 18 years old; must be true.
    #[schemars(with = "bool", extend("const" = true))]
    adult: Option<bool>,
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
    /// Rate in credits per hour, 1 to 10000.
    #[schemars(range(min = 1, max = 10_000))]
    credit_rate: Option<u32>,
    /// IANA time zone, such as Europe/Berlin; optional for candidates.
    timezone: Option<String>,
}

/// A role that can be chosen.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ChosenRole {
    /// Be interviewed.
    Interviewee,
    /// Interview others.
    Interviewer,
}

impl RequestBody for Onboard {}

impl Onboard {
    fn choice(&self) -> Result<RoleChoice, ValidationError> {
        let given = [
            ("title", self.title.is_some()),
            ("company", self.company.is_some()),
            ("yearsExp", self.years_exp.is_some()),
            ("bio", self.bio.is_some()),
            ("categories", self.categories.is_some()),
            ("creditRate", self.credit_rate.is_some()),
        ];
        let mut checks = Checks::new();
        checks.require(self.adult == Some(true), "adult", "must be true: users must be at least 18 years old");
        for (field, is_given) in given {
            match self.role {
                ChosenRole::Interviewee => checks.require(!is_given, field, "is only for interviewers"),
                ChosenRole::Interviewer => checks.require(is_given, field, "is required for interviewers"),
            }
        }
        let timezone = self.timezone.as_deref().map(str::parse::<ZoneName>).transpose();
        match (self.role, &timezone) {
            (_, Err(refused)) => checks.require(false, "timezone", refused.to_string()),
            (ChosenRole::Interviewer, Ok(None)) => checks.require(false, "timezone", "is required for interviewers"),
            _ => {}
        }
        checks.finish()?;
        match (self.role, timezone.ok().flatten()) {
            (ChosenRole::Interviewer, Some(timezone)) => {
                let profile = self.profile();
                profile.check()?;
                Ok(RoleChoice::Interviewer { profile: Box::new(profile), timezone })
            }
            (_, timezone) => Ok(RoleChoice::Interviewee { timezone }),
        }
    }

    fn profile(&self) -> InterviewerProfile {
        let trimmed = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
        InterviewerProfile {
            title: trimmed(&self.title),
            company: trimmed(&self.company),
            years_exp: self.years_exp.unwrap_or_default(),
            bio: trimmed(&self.bio),
            categories: self.categories.clone().unwrap_or_default(),
            credit_rate: self.credit_rate.unwrap_or_default(),
            accepting_bookings: true,
            verification: Verification::None,
            verification_reason: None,
            rating_sum: 0,
            review_count: 0,
        }
    }
}

async fn onboard(State(app): State<App>, write: Write<Anybody, Onboard>) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &write)).await
}

async fn attempt(app: &App, write: &Write<Anybody, Onboard>) -> Result<Response, Error> {
    let me = write.user_id();
    let grant = [keys::wallet(me, Asset::Credit), keys::transfer(&TransferId::signup(me))];
    let begun = write.begin(app, RateRule::Writes, &grant).await?;
    let choice = write.body.choice()?;
    let stored = begun.caller.user.clone();
    let before = stored.clone().unwrap_or_else(|| User::new(me.clone(), begun.now));
    let Some(user) = before.onboard(choice, begun.now)? else {
        return begun.unchanged(app, &UserView::of(&before)).await;
    };
    let mut tx = Tx::new();
    store::user::write(&mut tx, stored.as_ref(), &user)?;
    if user.role == Role::Interviewee {
        write_signup_grant(app, &begun, &mut tx, &user)?;
    }
    begun.commit(app, tx, StatusCode::OK, &UserView::of(&user)).await
}

/// Gives a new candidate the credits of this deployment, once: who was a candidate before has them already.
fn write_signup_grant(app: &App, begun: &Begun<Anybody>, tx: &mut Tx, user: &User) -> Result<(), Error> {
    let (id, credits) = (&user.user_id, app.config.signup_credits()?);
    if credits == 0 || wallet::transfer(&begun.items, &TransferId::signup(id))?.is_some() {
        return Ok(());
    }
    let transfer = Transfer::signup_grant(id, credits, begun.now);
    let mut credit = wallet::wallet(&begun.items, id, Asset::Credit)?;
    let new_id = || TransactionId::new(app.ids.unique(begun.now));
    Ok(wallet::write_transfer(tx, &transfer, &mut [&mut credit], new_id)?)
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{become_candidate, become_interviewer, delete, exhaust, refused_fields, version, world};
    use domain::money::Asset;
    use serde_json::{Value, json};
    use testing::{Options, World, interviewer_profile};

    const PATH: &str = "/api/onboarding";

    fn candidate() -> Value {
        json!({ "role": "INTERVIEWEE", "adult": true })
    }

    async fn available(world: &World, user: &str) -> u64 {
        let [credit, _] = store::wallet::of_user(&world.app.table, &user.parse().unwrap()).await.unwrap();
        assert_eq!(credit.asset, Asset::Credit);
        credit.available
    }

    #[tokio::test]
    async fn a_person_becomes_a_candidate_before_or_after_their_first_sync() {
        let world = world().await;
        world.call("user_a", "POST", "/api/user/sync", json!({ "name": "Ada" })).await.expect(200);
        let user = become_candidate(&world, "user_a").await;
        assert_eq!((&user["role"], &user["name"]), (&json!("INTERVIEWEE"), &json!("Ada")));
        let user = become_candidate(&world, "user_b").await;
        assert_eq!(user["role"], "INTERVIEWEE");
        assert_eq!(available(&world, "user_b").await, 0);
    }

    #[tokio::test]
    async fn nobody_takes_part_who_does_not_say_that_they_are_an_adult() {
        let world = world().await;
        for adult in [json!({ "role": "INTERVIEWEE" }), json!({ "role": "INTERVIEWEE", "adult": false })] {
            let answer = world.call("user_a", "POST", PATH, adult).await;
            assert_eq!(refused_fields(&answer), ["adult"], "{}", answer.body);
        }
        assert_eq!(version(&world, "user_a").await, 0);
        become_candidate(&world, "user_a").await;
        assert_eq!(testing::stored(&world, "user_a").await.adult_since, Some(world.app.now()));
    }

    #[tokio::test]
    async fn a_candidate_may_name_a_time_zone_in_any_case() {
        let world = world().await;
        let mut body = candidate();
        body["timezone"] = json!(" asia/kolkata");
        let user = world.call("user_a", "POST", PATH, body.clone()).await.expect(200);
        assert_eq!(user["timezone"], "Asia/Kolkata");
        body["timezone"] = json!("Mars/Base");
        let answer = world.call("user_b", "POST", PATH, body).await;
        assert_eq!(refused_fields(&answer), ["timezone"]);
    }

    #[tokio::test]
    async fn an_interviewer_is_described_and_not_listed_yet() {
        let world = world().await;
        let user = become_interviewer(&world, "user_i").await;
        assert_eq!(
            user["interviewer"],
            json!({ "title": "Staff Engineer", "company": "Acme", "yearsExp": 12,
                "bio": "Backend and distributed systems.", "categories": ["backend", "system-design"],
                "creditRate": 20, "acceptingBookings": true, "verification": "NONE",
                "verificationReason": null, "listed": false, "notListedBecause": ["NOT_VERIFIED"] })
        );
    }

    #[tokio::test]
    async fn a_new_candidate_is_given_the_signup_credits_once_and_an_interviewer_is_not() {
        let world = World::with(&crate::functions(), Options { signup_credits: 7, ..Options::default() }).await;
        become_candidate(&world, "user_a").await;
        become_candidate(&world, "user_a").await;
        assert_eq!(available(&world, "user_a").await, 7);
        become_interviewer(&world, "user_i").await;
        assert_eq!(available(&world, "user_i").await, 0);
    }

    #[tokio::test]
    async fn two_requests_at_once_give_the_signup_credits_once() {
        let world = World::with(&crate::functions(), Options { signup_credits: 7, ..Options::default() }).await;
        let call = || world.call("user_a", "POST", PATH, candidate());
        let (one, two, three) = tokio::join!(call(), call(), call());
        assert_eq!([one.status, two.status, three.status], [200; 3]);
        assert_eq!((available(&world, "user_a").await, version(&world, "user_a").await), (7, 1));
    }

    #[tokio::test]
    async fn the_same_role_again_changes_nothing_and_another_is_refused() {
        let world = world().await;
        become_interviewer(&world, "user_i").await;
        let mut other = interviewer_profile();
        other["title"] = json!("Janitor");
        let user = world.call("user_i", "POST", PATH, other).await.expect(200);
        assert_eq!(user["interviewer"]["title"], "Staff Engineer");
        assert_eq!(version(&world, "user_i").await, 1);
        world.call("user_i", "POST", PATH, candidate()).await.refused(409, "already_onboarded");
        world.call("user_admin", "POST", "/api/user/sync", json!({})).await.expect(200);
        world.call("user_admin", "POST", PATH, candidate()).await.refused(409, "already_onboarded");
    }

    #[tokio::test]
    async fn every_member_that_is_wrong_is_named() {
        let world = world().await;
        for (member, value) in [
            ("title", json!(" ")),
            ("title", json!("x".repeat(121))),
            ("company", json!("x".repeat(121))),
            ("company", Value::Null),
            ("yearsExp", json!(71)),
            ("yearsExp", json!(-1)),
            ("yearsExp", json!("twelve")),
            ("bio", json!("x".repeat(4001))),
            ("categories", json!([])),
            ("categories", json!(["dsa", "dsa"])),
            ("categories[0]", json!(["cooking"])),
            ("creditRate", json!(0)),
            ("creditRate", json!(10_001)),
            ("creditRate", json!(99_999_999_999_i64)),
            ("timezone", json!("Mars/Base")),
            ("timezone", json!("+01:00")),
            ("timezone", json!("Factory")),
            ("adult", json!(false)),
            ("adult", Value::Null),
            ("adult", json!("true")),
            ("verification", json!("VERIFIED")),
            ("role", json!("ADMIN")),
        ] {
            let mut body = interviewer_profile();
            body[member.trim_end_matches("[0]")] = value;
            let answer = world.call("user_i", "POST", PATH, body).await;
            assert_eq!(refused_fields(&answer), [member], "{}", answer.body);
        }
        assert_eq!(version(&world, "user_i").await, 0);
    }

    #[tokio::test]
    async fn all_that_is_missing_or_does_not_belong_is_named_at_once() {
        let world = world().await;
        let all = ["adult", "title", "company", "yearsExp", "bio", "categories", "creditRate", "timezone"];
        let answer = world.call("user_i", "POST", PATH, json!({ "role": "INTERVIEWER" })).await;
        assert_eq!(refused_fields(&answer), all);
        let mut body = interviewer_profile();
        body["role"] = json!("INTERVIEWEE");
        let answer = world.call("user_i", "POST", PATH, body).await;
        assert_eq!(refused_fields(&answer), all[1..7]);
        let answer = world.call("user_i", "POST", PATH, json!({})).await;
        assert_eq!(refused_fields(&answer), ["role"]);
        world.call("user_i", "POST", PATH, Value::Null).await.refused(400, "malformed_request");
    }

    #[tokio::test]
    async fn the_same_key_gets_the_first_answer_and_serves_no_other_body() {
        let world = world().await;
        let key = [("idempotency-key", "k1")];
        let first = world.call_with("user_a", "POST", PATH, candidate(), &key).await.expect(200);
        let again = world.call_with("user_a", "POST", PATH, candidate(), &key).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(200), first);
        let other = world.call_with("user_a", "POST", PATH, interviewer_profile(), &key).await;
        other.refused(422, "idempotency_key_reused");
    }

    #[tokio::test]
    async fn who_is_unknown_deleted_or_too_fast_is_refused() {
        let world = world().await;
        world.send("POST", PATH, None, &[]).await.refused(401, "unauthenticated");
        become_candidate(&world, "user_a").await;
        delete(&world, "user_a").await;
        world.call("user_a", "POST", PATH, candidate()).await.refused(403, "account_deleted");
        exhaust(&world, "user_b").await;
        world.call("user_b", "POST", PATH, candidate()).await.refused(429, "rate_limited");
    }
}
