//! Plans: what one costs a month and what it allows.

use serde::{Deserialize, Serialize};

use crate::ids::PlanId;
use crate::money::Money;
use crate::problem::Checks;

/// For whom a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Audience {
    /// Candidates.
    Interviewee,
    /// Interviewers.
    Interviewer,
}

impl Audience {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Interviewee, Self::Interviewer];

    /// The name used in keys and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interviewee => "INTERVIEWEE",
            Self::Interviewer => "INTERVIEWER",
        }
    }
}

/// What a plan allows. Everything that is counted is counted per calendar month (UTC).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a thing that a plan allows or does not, by the contract of the API"
)]
pub struct Entitlements {
    /// Credits granted each month.
    pub monthly_credits: u32,
    /// AI interviews that cost nothing more.
    pub ai_interviews_per_month: u32,
    /// Whether reports are shown whole.
    pub detailed_reports: bool,
    /// Minutes of the live coach that cost nothing more.
    pub copilot_minutes_per_month: u32,
    /// Whether the live coach may be strict.
    pub strict_persona: bool,
    /// Whether what the live coach said is kept.
    pub saved_history: bool,
    /// Whether new availability can be booked before others can.
    pub priority_booking: bool,
    /// Reviews by an expert.
    pub expert_reviews_per_month: u32,
    /// What is kept of a payout, in percent; none where the deployment's own fee applies.
    pub platform_fee_percent: Option<u8>,
    /// Whether an interviewer is shown first among equals.
    pub shown_first: bool,
}

impl Entitlements {
    /// The larger of each of the two: what a month has in which somebody changed from one plan to the other. A fee is that of
    /// `self`, the plan in force.
    #[must_use]
    pub fn or_larger(self, other: Self) -> Self {
        Self {
            monthly_credits: self.monthly_credits.max(other.monthly_credits),
            ai_interviews_per_month: self.ai_interviews_per_month.max(other.ai_interviews_per_month),
            copilot_minutes_per_month: self.copilot_minutes_per_month.max(other.copilot_minutes_per_month),
            expert_reviews_per_month: self.expert_reviews_per_month.max(other.expert_reviews_per_month),
            ..self
        }
    }
}

/// One plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Its id.
    pub plan_id: PlanId,
    /// How often it was changed, and 1 when it was made.
    pub version: u64,
    /// For whom it is.
    pub audience: Audience,
    /// What it is called.
    pub title: String,
    /// What a month costs, in each currency in which it is sold.
    pub prices: Vec<Money>,
    /// What it allows.
    pub entitlements: Entitlements,
    /// Whether it can be chosen. One that cannot any more stays with those who have it.
    pub active: bool,
}

impl Plan {
    /// Whether it costs nothing, so that nobody has to pay for it or can.
    pub fn is_free(&self) -> bool {
        self.prices.iter().all(|price| price.amount_minor == 0)
    }

    /// Refuses what no plan can be.
    pub(crate) fn check(&self, checks: &mut Checks) {
        let is_known = |has: bool, field: &str, of: Audience| (field.to_owned(), has && self.audience != of);
        let e = &self.entitlements;
        for (field, is_misplaced) in [
            is_known(e.monthly_credits > 0, "monthlyCredits", Audience::Interviewee),
            is_known(e.ai_interviews_per_month > 0, "aiInterviewsPerMonth", Audience::Interviewee),
            is_known(e.copilot_minutes_per_month > 0, "copilotMinutesPerMonth", Audience::Interviewee),
            is_known(e.expert_reviews_per_month > 0, "expertReviewsPerMonth", Audience::Interviewee),
            is_known(e.detailed_reports, "detailedReports", Audience::Interviewee),
            is_known(e.strict_persona, "strictPersona", Audience::Interviewee),
            is_known(e.saved_history, "savedHistory", Audience::Interviewee),
            is_known(e.priority_booking, "priorityBooking", Audience::Interviewee),
            is_known(e.platform_fee_percent.is_some(), "platformFeePercent", Audience::Interviewer),
            is_known(e.shown_first, "shownFirst", Audience::Interviewer),
        ] {
            checks.require(!is_misplaced, &field, "is not for this audience");
        }
        let fee = e.platform_fee_percent.unwrap_or(0);
        checks.require(fee <= 100, "platformFeePercent", "must be at most 100");
        for (field, n) in [
            ("monthlyCredits", e.monthly_credits),
            ("aiInterviewsPerMonth", e.ai_interviews_per_month),
            ("copilotMinutesPerMonth", e.copilot_minutes_per_month),
            ("expertReviewsPerMonth", e.expert_reviews_per_month),
        ] {
            checks.require(n <= 100_000, field, "must be at most 100000");
        }
        let free = self.prices.iter().filter(|price| price.amount_minor == 0).count();
        checks.require(free == 0 || free == self.prices.len(), "prices", "must be 0 in every currency or in none");
    }
}
