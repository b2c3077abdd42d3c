//! How an interviewer is shown to candidates.

use domain::card::Card;
use domain::ids::UserId;
use domain::user::Category;
use schemars::JsonSchema;
use serde::Serialize;

/// An interviewer who can be booked.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Interviewer")]
pub struct InterviewerCardView {
    /// The interviewer's user id.
    pub interviewer_id: UserId,
    /// Display name.
    pub name: Option<String>,
    /// Profile picture.
    pub image_url: Option<String>,
    /// Job title.
    pub title: String,
    /// Company.
    pub company: String,
    /// Years of professional experience.
    pub years_exp: u32,
    /// Categories to interview in.
    pub categories: Vec<Category>,
    /// Rate in credits per hour.
    pub credit_rate: u32,
    /// Average rating, 1 to 5, to two decimals; null before the first.
    pub rating: Option<f64>,
    /// Number of ratings.
    pub review_count: u64,
}

impl InterviewerCardView {
    /// How this card is shown.
    pub fn of(card: Card) -> Self {
        let rating = card.profile.rating();
        Self {
            interviewer_id: card.interviewer_id,
            name: card.name,
            image_url: card.image_url,
            title: card.profile.title,
            company: card.profile.company,
            years_exp: card.profile.years_exp,
            categories: card.profile.categories,
            credit_rate: card.profile.credit_rate,
            rating,
            review_count: card.profile.review_count,
        }
    }
}
