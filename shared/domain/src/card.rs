//! What candidates see of an interviewer.

use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::user::{InterviewerProfile, User};

/// What candidates see of an interviewer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// Whose it is.
    pub interviewer_id: UserId,
    /// Display name.
    #[serde(default)]
    pub name: Option<String>,
    /// Profile picture.
    #[serde(default)]
    pub image_url: Option<String>,
    /// IANA time zone.
    pub timezone: String,
    /// Their profile.
    pub profile: InterviewerProfile,
    /// For the filter: years of experience.
    pub years_exp: u32,
    /// For the filter: credits per hour.
    pub credit_rate: u32,
}

impl Card {
    /// The card of an interviewer, listed or not, for those who have booked them.
    pub fn of(user: &User) -> Option<Self> {
        let profile = user.interviewer.clone()?;
        Some(Self {
            interviewer_id: user.user_id.clone(),
            name: user.name.clone(),
            image_url: user.image_url.clone(),
            timezone: user.timezone.clone(),
            years_exp: profile.years_exp,
            credit_rate: profile.credit_rate,
            profile,
        })
    }

    /// The card of an interviewer who is listed.
    pub fn listed(user: &User) -> Option<Self> {
        if user.listed() { Self::of(user) } else { None }
    }
}
