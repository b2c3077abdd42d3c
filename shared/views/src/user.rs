//! People, as they see themselves and as others see them.

use domain::ids::UserId;
use domain::user::{Category, NotListed, Role, User, Verification};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// A user's profile.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "User")]
pub struct UserView {
    /// The user's id in Clerk (`sub`).
    pub user_id: UserId,
    /// The user's role.
    pub role: Role,
    /// Display name.
    pub name: Option<String>,
    /// Primary e-mail address.
    pub email: Option<String>,
    /// Profile picture.
    pub image_url: Option<String>,
    /// IANA time zone.
    pub timezone: String,
    /// When the profile was created.
    pub created_at: Timestamp,
    /// The interviewer's profile; only for interviewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interviewer: Option<InterviewerView>,
}

/// An interviewer's profile.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "InterviewerProfile")]
pub struct InterviewerView {
    /// Job title.
    pub title: String,
    /// Company.
    pub company: String,
    /// Years of experience.
    pub years_exp: u32,
    /// Biography.
    pub bio: String,
    /// Categories to interview in.
    pub categories: Vec<Category>,
    /// Rate in credits per hour.
    pub credit_rate: u32,
    /// Whether new bookings are accepted.
    pub accepting_bookings: bool,
    /// Verification status.
    pub verification: Verification,
    /// Why verification was rejected, if the admin gave a reason.
    pub verification_reason: Option<String>,
    /// Whether candidates can find and book them.
    pub listed: bool,
    /// Every reason why the interviewer is not listed; empty if listed.
    pub not_listed_because: Vec<NotListed>,
}

impl UserView {
    /// How `user` is shown.
    pub fn of(user: &User) -> Self {
        let not_listed_because = user.not_listed_because();
        let interviewer = user.interviewer.as_ref().map(|i| InterviewerView {
            title: i.title.clone(),
            company: i.company.clone(),
            years_exp: i.years_exp,
            bio: i.bio.clone(),
            categories: i.categories.clone(),
            credit_rate: i.credit_rate,
            accepting_bookings: i.accepting_bookings,
            verification: i.verification,
            verification_reason: i.verification_reason.clone(),
            listed: not_listed_because.is_empty(),
            not_listed_because: not_listed_because.clone(),
        });
        Self {
            user_id: user.user_id.clone(),
            role: user.role,
            name: user.name.clone(),
            email: user.email.clone(),
            image_url: user.image_url.clone(),
            timezone: user.timezone.clone(),
            created_at: user.created_at,
            interviewer,
        }
    }
}

/// A party of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Person")]
pub struct PersonView {
    /// The user id.
    pub user_id: UserId,
    /// Display name; `Deleted account` if the account was deleted.
    pub name: Option<String>,
    /// Profile picture.
    pub image_url: Option<String>,
    /// Job title; only for interviewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

impl PersonView {
    /// What a person without an account is called.
    const DELETED: &str = "Deleted account";

    /// How the person `id` is shown; `user` is what is stored of them.
    pub fn of(id: &UserId, user: Option<User>) -> Self {
        let Some(user) = user.filter(|user| user.deleted_at.is_none()) else {
            return Self { user_id: id.clone(), name: Some(Self::DELETED.to_owned()), image_url: None, title: None };
        };
        let title = user.interviewer.map(|profile| profile.title);
        Self { user_id: user.user_id, name: user.name, image_url: user.image_url, title }
    }
}
