//! A person: who they are, what they may do, and an interviewer's public profile.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::availability::ZoneName;
use crate::ids::UserId;
use crate::problem::{Checks, Kind, Problem, ValidationError};
use crate::text::{fits_a_line, is_seen};

/// A user's role. It is stored on our own user item, never in the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Signed in, no role yet.
    Unassigned,
    /// A candidate.
    Interviewee,
    /// An interviewer.
    Interviewer,
    /// An administrator, as long as the id is configured as one too.
    Admin,
}

/// An interviewer's verification status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verification {
    /// Nothing was submitted.
    None,
    /// Waiting for an admin's decision.
    Submitted,
    /// Listed and bookable, as long as bookings are accepted.
    Verified,
    /// Rejected; may be submitted again.
    Rejected,
}

/// Why an interviewer is not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NotListed {
    /// The account was deleted.
    AccountDeleted,
    /// The user is banned in Clerk.
    AccountBanned,
    /// The user is temporarily locked in Clerk, mostly after too many wrong passwords.
    AccountLocked,
    /// The user is not an interviewer any more.
    NotAnInterviewer,
    /// The interviewer is not verified.
    NotVerified,
    /// The interviewer does not accept new bookings.
    NotAccepting,
}

/// A field of expertise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Category {
    Frontend,
    Backend,
    Fullstack,
    MachineCoding,
    Dsa,
    SystemDesign,
    Devops,
    Data,
    Mobile,
    Ml,
    Security,
    Behavioral,
}

impl Category {
    /// The name used in JSON and keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Fullstack => "fullstack",
            Self::MachineCoding => "machine-coding",
            Self::Dsa => "dsa",
            Self::SystemDesign => "system-design",
            Self::Devops => "devops",
            Self::Data => "data",
            Self::Mobile => "mobile",
            Self::Ml => "ml",
            Self::Security => "security",
            Self::Behavioral => "behavioral",
        }
    }
}

/// What an interviewer tells candidates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InterviewerProfile {
    /// Job title.
    pub title: String,
    /// Company.
    pub company: String,
    /// Years of professional experience.
    pub years_exp: u32,
    /// Biography.
    pub bio: String,
    /// Categories to interview in.
    #[serde(deserialize_with = "crate::word::known_only")]
    pub categories: Vec<Category>,
    /// Rate in credits per hour.
    pub credit_rate: u32,
    /// Whether new bookings are accepted.
    pub accepting_bookings: bool,
    /// Verification status.
    pub verification: Verification,
    /// Why verification was rejected, if the admin gave a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_reason: Option<String>,
    /// The sum of the ratings received, 1–5 each.
    #[serde(default)]
    pub rating_sum: u64,
    /// How many ratings were received.
    #[serde(default)]
    pub review_count: u64,
}

impl InterviewerProfile {
    /// Checks the values against the bounds of DECISIONS.md.
    pub fn check(&self) -> Result<(), ValidationError> {
        let mut checks = Checks::new();
        checks.line("title", &self.title, 1, 120);
        checks.line("company", &self.company, 1, 120);
        checks.text("bio", &self.bio, 1, 4000);
        checks.require(self.years_exp <= 70, "yearsExp", "must be at most 70");
        checks.require((1..=10_000).contains(&self.credit_rate), "creditRate", "must be from 1 to 10000 per hour");
        checks.require((1..=8).contains(&self.categories.len()), "categories", "must name 1 to 8 categories");
        let mut unique = self.categories.clone();
        unique.sort_unstable();
        unique.dedup();
        checks.require(unique.len() == self.categories.len(), "categories", "must not repeat a category");
        checks.finish()
    }

    /// The mean rating to two decimals; none where nobody has rated yet.
    pub fn rating(&self) -> Option<f64> {
        if self.review_count == 0 {
            return None;
        }
        let hundredths = (self.rating_sum * 100 + self.review_count / 2) / self.review_count;
        // At most 500, so the conversion is exact.
        u32::try_from(hundredths).ok().map(|h| f64::from(h) / 100.0)
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The user's id in Clerk (`sub`).
    pub user_id: UserId,
    /// The user's role.
    pub role: Role,
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their main address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Profile picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// IANA time zone.
    pub timezone: String,
    /// When we first heard of them.
    pub created_at: Timestamp,
    /// The interviewer's profile; only for interviewers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interviewer: Option<InterviewerProfile>,
    /// What they called themselves here; it stands where Clerk knows no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_name: Option<String>,
    /// Whether Clerk lets them in no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub banned: bool,
    /// Whether Clerk does not let them in for a while.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// When a lock ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Timestamp>,
    /// The `updated_at` of the newest Clerk webhook. What `user/sync` sends is provisional until there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clerk_updated_at: Option<Timestamp>,
    /// Which of the words with that `updated_at` it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clerk_place: Option<String>,
    /// When they said that they are at least 18 years old, by choosing a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adult_since: Option<Timestamp>,
    /// When the account was deleted; such a person is never revived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// How often it was written; 0 where it is not stored yet.
    pub version: u64,
}

/// Why nobody can meet a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Their account was deleted.
    Deleted,
    /// Clerk does not let them in, for good or for a while.
    ShutOut,
}

/// Why a person may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// They have to choose a role first.
    #[error("choose a role first: POST /api/onboarding")]
    OnboardingRequired,
    /// Another role than theirs is needed.
    #[error("this requires another role")]
    Forbidden,
    /// Their account was deleted.
    #[error("this account has been deleted")]
    Deleted,
    /// They have another role already.
    #[error("a role has already been chosen and cannot be changed")]
    AlreadyOnboarded,
    /// Clerk does not let them in any more, or for a while; a token from before lives a minute longer.
    #[error("this account is banned or locked, so it cannot book or reschedule sessions")]
    ShutOut,
    /// An admin acts as them; such a session may only read.
    #[error("a session that impersonates a user may only read")]
    Impersonated,
    /// Verified interviewers need no further verification.
    #[error("this interviewer is already verified")]
    AlreadyVerified,
    /// An admin decides on something that was not submitted.
    #[error("no verification request was submitted")]
    NotSubmitted,
}

impl Problem for UserError {
    fn kind(&self) -> Kind {
        match self {
            Self::OnboardingRequired | Self::Forbidden | Self::Deleted | Self::ShutOut | Self::Impersonated => {
                Kind::Forbidden
            }
            Self::AlreadyOnboarded | Self::AlreadyVerified | Self::NotSubmitted => Kind::Conflict,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::OnboardingRequired => "onboarding_required",
            Self::Forbidden | Self::ShutOut | Self::Impersonated => "forbidden",
            Self::Deleted => "account_deleted",
            Self::AlreadyOnboarded => "already_onboarded",
            Self::AlreadyVerified => "already_verified",
            Self::NotSubmitted => "verification_not_submitted",
        }
    }
}

/// What Clerk knows about a person, or the browser says provisionally.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Display name.
    pub name: Option<String>,
    /// Their main address.
    pub email: Option<String>,
    /// Profile picture.
    pub image_url: Option<String>,
}

impl Identity {
    /// Checks the bounds of what a browser sends.
    pub fn check(&self) -> Result<(), ValidationError> {
        let mut checks = Checks::new();
        if let Some(name) = &self.name {
            checks.line("name", name, 1, 100);
        }
        if let Some(email) = &self.email {
            let plausible = email
                .split_once('@')
                .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'));
            let printable = email.chars().all(is_seen);
            checks.require(plausible && printable && email.len() <= 254, "email", "must be an e-mail address");
        }
        if let Some(url) = &self.image_url {
            let printable = url.chars().all(is_seen);
            let ok = url.starts_with("https://") && url.len() <= 2048 && printable;
            checks.require(ok, "imageUrl", "must be an https address of at most 2048 characters");
        }
        checks.finish()
    }

    /// What of it keeps the bounds of [`Identity::check`]: Clerk has others, and nobody is there to be refused.
    pub(crate) fn within_bounds(self) -> Self {
        let name = self.name.map(|name| {
            let seen: String = name.chars().filter(|c| fits_a_line(*c)).collect();
            seen.trim().chars().take(100).collect::<String>().trim_end().to_owned()
        });
        let brought = Self { name, ..self };
        let refused = brought.check().err().map(|refusal| refusal.0).unwrap_or_default();
        let fits = |field: &str| refused.iter().all(|error| error.field != field);
        Self {
            name: brought.name.filter(|_| fits("name")),
            email: brought.email.filter(|_| fits("email")),
            image_url: brought.image_url.filter(|_| fits("imageUrl")),
        }
    }
}

impl User {
    /// A person we hear of for the first time.
    pub fn new(user_id: UserId, now: Timestamp) -> Self {
        Self {
            user_id,
            role: Role::Unassigned,
            name: None,
            email: None,
            image_url: None,
            timezone: "UTC".to_owned(),
            created_at: now,
            interviewer: None,
            own_name: None,
            banned: false,
            locked: false,
            locked_until: None,
            clerk_updated_at: None,
            clerk_place: None,
            adult_since: None,
            deleted_at: None,
            version: 0,
        }
    }

    /// Whether candidates can find and book this person.
    pub fn listed(&self) -> bool {
        self.not_listed_because().is_empty()
    }

    /// Everything that keeps candidates from finding and booking this person.
    pub fn not_listed_because(&self) -> Vec<NotListed> {
        let profile = self.interviewer.as_ref();
        let keeps = [
            (self.deleted_at.is_some(), NotListed::AccountDeleted),
            (self.banned, NotListed::AccountBanned),
            (self.locked, NotListed::AccountLocked),
            (self.role != Role::Interviewer || profile.is_none(), NotListed::NotAnInterviewer),
            (profile.is_some_and(|p| p.verification != Verification::Verified), NotListed::NotVerified),
            (profile.is_some_and(|p| !p.accepting_bookings), NotListed::NotAccepting),
        ];
        keeps.into_iter().filter_map(|(keeps, because)| keeps.then_some(because)).collect()
    }

    /// Takes what the browser says, unless Clerk's own word is stored.
    pub fn sync(&self, identity: Identity, is_admin: bool) -> Result<Self, UserError> {
        if self.deleted_at.is_some() {
            return Err(UserError::Deleted);
        }
        let mut user = self.clone();
        if self.clerk_updated_at.is_none() {
            user.name = identity.name.clone().or(user.name);
            user.own_name = identity.name.or(user.own_name);
            user.email = identity.email.or(user.email);
            user.image_url = identity.image_url.or(user.image_url);
        }
        if is_admin {
            user.role = Role::Admin;
        }
        Ok(user)
    }

    /// Takes the name that they give themselves.
    pub fn call(&mut self, name: &str) {
        self.name = Some(name.to_owned());
        self.own_name = Some(name.to_owned());
    }

    /// Leaves a tombstone: personal data is gone, the id stays so that nothing revives it.
    pub fn tombstone(&self, now: Timestamp) -> Self {
        let mut user = Self::new(self.user_id.clone(), self.created_at);
        user.role = self.role;
        user.version = self.version;
        user.deleted_at = Some(self.deleted_at.unwrap_or(now));
        user
    }

    /// Chooses a role at `now`, once, and says with it to be an adult. The same role again changes nothing.
    pub fn onboard(&self, choice: RoleChoice, now: Timestamp) -> Result<Option<Self>, UserError> {
        if self.deleted_at.is_some() {
            return Err(UserError::Deleted);
        }
        let wanted = match choice {
            RoleChoice::Interviewee { .. } => Role::Interviewee,
            RoleChoice::Interviewer { .. } => Role::Interviewer,
        };
        match self.role {
            Role::Unassigned => {}
            role if role == wanted => return Ok(None),
            _ => return Err(UserError::AlreadyOnboarded),
        }
        let mut user = self.clone();
        user.role = wanted;
        user.adult_since = Some(now);
        let timezone = match choice {
            RoleChoice::Interviewee { timezone } => timezone,
            RoleChoice::Interviewer { profile, timezone } => {
                user.interviewer = Some(*profile);
                Some(timezone)
            }
        };
        user.timezone = timezone.map_or(user.timezone, |zone| zone.to_string());
        Ok(Some(user))
    }

    /// Asks for verification.
    pub fn submit_verification(&self) -> Result<Self, UserError> {
        let profile = self.interviewer.as_ref().ok_or(UserError::Forbidden)?;
        if profile.verification == Verification::Verified {
            return Err(UserError::AlreadyVerified);
        }
        Ok(self.with_verification(Verification::Submitted, None))
    }

    /// Decides on a submitted verification. The same decision again changes nothing. Why one is refused is told to the
    /// interviewer.
    pub fn decide_verification(
        &self,
        decision: Verification,
        reason: Option<String>,
    ) -> Result<Option<Self>, UserError> {
        let profile = self.interviewer.as_ref().ok_or(UserError::NotSubmitted)?;
        match profile.verification {
            Verification::None => Err(UserError::NotSubmitted),
            current if current == decision && reason.is_none() => Ok(None),
            // The same decision again may say why, or say it better.
            _ => Ok(Some(self.with_verification(decision, reason)).filter(|decided| decided != self)),
        }
    }

    fn with_verification(&self, verification: Verification, reason: Option<String>) -> Self {
        let mut user = self.clone();
        if let Some(profile) = &mut user.interviewer {
            profile.verification = verification;
            profile.verification_reason = reason.filter(|_| verification == Verification::Rejected);
        }
        user
    }
}

/// The role a person chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleChoice {
    /// Be interviewed.
    Interviewee {
        /// Their time zone, where they name one.
        timezone: Option<ZoneName>,
    },
    /// Interview others.
    Interviewer {
        /// What candidates will see.
        profile: Box<InterviewerProfile>,
        /// Their time zone.
        timezone: ZoneName,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }
    fn profile() -> InterviewerProfile {
        InterviewerProfile {
            title: "Engineer".into(),
            company: "Acme".into(),
            years_exp: 9,
            bio: "Builds things.".into(),
            categories: vec![Category::Backend],
            credit_rate: 20,
            accepting_bookings: true,
            verification: Verification::None,
            verification_reason: None,
            rating_sum: 0,
            review_count: 0,
        }
    }
    const CANDIDATE: RoleChoice = RoleChoice::Interviewee { timezone: None };
    fn interviewer() -> RoleChoice {
        RoleChoice::Interviewer { profile: Box::new(profile()), timezone: "UTC".parse().unwrap() }
    }
    fn user() -> User {
        User::new("user_1".parse().unwrap(), at("2026-11-20T10:00:00Z"))
    }
    fn named(name: &str) -> Identity {
        Identity { name: Some(name.into()), ..Identity::default() }
    }

    #[test]
    fn a_tombstone_keeps_no_personal_data_and_is_never_revived() {
        let grave = user().sync(named("Zoe"), false).unwrap().tombstone(at("2026-11-21T10:00:00Z"));
        assert_eq!((grave.name.as_deref(), grave.email.as_deref()), (None, None));
        assert_eq!(grave.own_name, None);
        assert_eq!(grave.sync(named("Zoe"), false), Err(UserError::Deleted));
        assert_eq!(grave.onboard(CANDIDATE, at("2026-11-22T10:00:00Z")), Err(UserError::Deleted));
    }

    #[test]
    fn a_role_is_chosen_once() {
        let (now, later) = (at("2026-11-20T10:00:00Z"), at("2026-11-21T10:00:00Z"));
        let candidate = user().onboard(CANDIDATE, now).unwrap().unwrap();
        assert_eq!((candidate.adult_since, candidate.timezone.as_str()), (Some(now), "UTC"));
        assert_eq!(candidate.onboard(CANDIDATE, later), Ok(None));
        assert_eq!(candidate.onboard(interviewer(), later), Err(UserError::AlreadyOnboarded));
        assert_eq!(user().onboard(interviewer(), later).unwrap().unwrap().adult_since, Some(later));
        let abroad = RoleChoice::Interviewee { timezone: Some("asia/kolkata".parse().unwrap()) };
        assert_eq!(user().onboard(abroad, now).unwrap().unwrap().timezone, "Asia/Kolkata");
    }

    #[test]
    fn only_verified_interviewers_who_accept_bookings_are_listed() {
        assert_eq!(user().not_listed_because(), [NotListed::NotAnInterviewer]);
        let new = user().onboard(interviewer(), at("2026-11-20T10:00:00Z")).unwrap().unwrap();
        assert_eq!((new.not_listed_because(), new.listed()), (vec![NotListed::NotVerified], false));
        assert_eq!(new.decide_verification(Verification::Verified, None), Err(UserError::NotSubmitted));
        let submitted = new.submit_verification().unwrap();
        assert_eq!(submitted.not_listed_because(), [NotListed::NotVerified]);
        let verified = submitted.decide_verification(Verification::Verified, None).unwrap().unwrap();
        assert!(verified.listed());
        assert_eq!(verified.decide_verification(Verification::Verified, None), Ok(None));
        assert_eq!(verified.submit_verification(), Err(UserError::AlreadyVerified));
        let grave = verified.tombstone(at("2026-11-21T10:00:00Z"));
        assert_eq!(grave.not_listed_because(), [NotListed::AccountDeleted, NotListed::NotAnInterviewer]);
        let banned = User { banned: true, ..verified.clone() };
        assert_eq!((banned.not_listed_because(), banned.listed()), (vec![NotListed::AccountBanned], false));
        let locked = User { locked: true, ..verified.clone() };
        assert_eq!((locked.not_listed_because(), locked.listed()), (vec![NotListed::AccountLocked], false));

        let mut busy = verified;
        busy.interviewer.as_mut().unwrap().accepting_bookings = false;
        assert_eq!(busy.not_listed_because(), [NotListed::NotAccepting]);
        let refused = busy.decide_verification(Verification::Rejected, None).unwrap().unwrap();
        assert_eq!(refused.not_listed_because(), [NotListed::NotVerified, NotListed::NotAccepting]);
    }

    #[test]
    fn an_interviewer_keeps_the_reason_of_a_refusal_until_they_ask_again() {
        let new = user().onboard(interviewer(), at("2026-11-20T10:00:00Z")).unwrap().unwrap();
        let submitted = new.submit_verification().unwrap();
        let reason = |user: &User| user.interviewer.as_ref().unwrap().verification_reason.clone();
        let said = Some("No profile was found.".to_owned());
        let refused = submitted.decide_verification(Verification::Rejected, said.clone()).unwrap().unwrap();
        assert_eq!(reason(&refused), said);
        let again =
            |reason: Option<&str>| refused.decide_verification(Verification::Rejected, reason.map(str::to_owned));
        assert_eq!([again(None), again(said.as_deref())], [Ok(None), Ok(None)]);
        let better = again(Some("The profile is somebody else's.")).unwrap().unwrap();
        assert_eq!(reason(&better).as_deref(), Some("The profile is somebody else's."));
        assert_eq!(reason(&refused.submit_verification().unwrap()), None);
        let verified = refused.decide_verification(Verification::Verified, said).unwrap().unwrap();
        assert_eq!(reason(&verified), None);
    }

    #[test]
    fn a_profile_keeps_to_its_bounds() {
        assert!(profile().check().is_ok());
        let refused = |change: fn(&mut InterviewerProfile), field: &str| {
            let mut p = profile();
            change(&mut p);
            let error = p.check().unwrap_err();
            assert_eq!(error.0.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), [field]);
        };
        refused(|p| p.title = String::new(), "title");
        refused(|p| p.title = "Staff\nEngineer".into(), "title");
        refused(|p| p.company = "Acme\0".into(), "company");
        refused(|p| p.bio = "x".repeat(4001), "bio");
        refused(|p| p.credit_rate = 0, "creditRate");
        refused(|p| p.credit_rate = 10_001, "creditRate");
        refused(|p| p.categories.clear(), "categories");
        refused(|p| p.categories = vec![Category::Dsa, Category::Dsa], "categories");
    }

    #[test]
    fn a_rating_is_a_mean_to_two_decimals() {
        let rated = |sum, count| InterviewerProfile { rating_sum: sum, review_count: count, ..profile() }.rating();
        assert_eq!(rated(0, 0), None);
        assert_eq!(rated(14, 3), Some(4.67));
        assert_eq!(rated(5, 1), Some(5.0));
    }
}
