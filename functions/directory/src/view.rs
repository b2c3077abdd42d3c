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
    /// Identifies them.
    pub interviewer_id: UserId,
    /// Their name.
    pub name: Option<String>,
    /// Their picture.
    pub image_url: Option<String>,
    /// Their position.
    pub title: String,
    /// Where they work.
    pub company: String,
    /// Years of professional experience.
    pub years_exp: u32,
    /// What they interview about.
    pub categories: Vec<Category>,
    /// What they take, in credits per hour.
    pub credit_rate: u32,
    /// The mean of the ratings they received, 1 to 5, to two decimals; null before the first.
    pub rating: Option<f64>,
    /// How many ratings they received.
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
