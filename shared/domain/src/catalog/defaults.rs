//! What is sold until an admin changes it (DECISIONS.md, "Money in and out").

use ulid::Ulid;

use super::{Catalog, Difficulty, InterviewPrice, Pack};
use crate::ids::{PackId, PlanId};
use crate::money::{Asset, Currency, Money};
use crate::plan::{Audience, Entitlements, Plan};

/// Prices in rupees and in dollar cents.
fn prices(rupees: u64, cents: u64) -> Vec<Money> {
    vec![
        Money { amount_minor: rupees * 100, currency: Currency::Inr },
        Money { amount_minor: cents, currency: Currency::Usd },
    ]
}

fn pack(n: u128, title: &str, asset: Asset, units: u64, prices: Vec<Money>) -> Pack {
    Pack { pack_id: PackId::new(Ulid(n)), version: 1, title: title.to_owned(), asset, units, prices, active: true }
}

fn plan(n: u128, audience: Audience, title: &str, prices: Vec<Money>, entitlements: Entitlements) -> Plan {
    let plan_id = PlanId::new(Ulid(n));
    Plan { plan_id, version: 1, audience, title: title.to_owned(), prices, entitlements, active: true }
}

impl Default for Catalog {
    /// The same ids everywhere and always, so that what nobody has stored yet can be shown, bought and changed.
    fn default() -> Self {
        let starter = Entitlements {
            monthly_credits: 6,
            ai_interviews_per_month: 4,
            detailed_reports: true,
            ..Entitlements::default()
        };
        let pro = Entitlements {
            monthly_credits: 12,
            ai_interviews_per_month: 30,
            copilot_minutes_per_month: 600,
            strict_persona: true,
            saved_history: true,
            ..starter
        };
        let premium = Entitlements {
            monthly_credits: 50,
            ai_interviews_per_month: 60,
            copilot_minutes_per_month: 1200,
            priority_booking: true,
            expert_reviews_per_month: 1,
            ..pro
        };
        let free = Entitlements { ai_interviews_per_month: 1, ..Entitlements::default() };
        let fee = |percent, shown_first| Entitlements {
            platform_fee_percent: percent,
            shown_first,
            ..Entitlements::default()
        };
        let interview =
            |difficulty, credits, rupees, cents| InterviewPrice { difficulty, credits, prices: prices(rupees, cents) };
        Self {
            packs: vec![
                pack(1, "10 credits", Asset::Credit, 10, prices(499, 600)),
                pack(2, "25 credits", Asset::Credit, 25, prices(1199, 1450)),
                pack(3, "60 credits", Asset::Credit, 60, prices(2799, 3400)),
                pack(4, "120 coach minutes", Asset::CopilotMinute, 120, prices(449, 500)),
                pack(5, "300 coach minutes", Asset::CopilotMinute, 300, prices(999, 1100)),
            ],
            plans: vec![
                plan(1, Audience::Interviewee, "Free", prices(0, 0), free),
                plan(2, Audience::Interviewee, "Starter", prices(249, 300), starter),
                plan(3, Audience::Interviewee, "Pro", prices(499, 1500), pro),
                plan(4, Audience::Interviewee, "Premium", prices(1999, 2900), premium),
                plan(5, Audience::Interviewer, "Basic", prices(0, 0), fee(None, false)),
                plan(6, Audience::Interviewer, "Pro", prices(499, 900), fee(Some(12), true)),
            ],
            interviews: vec![
                interview(Difficulty::Easy, 2, 99, 149),
                interview(Difficulty::Medium, 3, 149, 199),
                interview(Difficulty::Hard, 4, 199, 299),
                interview(Difficulty::Expert, 6, 299, 399),
            ],
            version: 0,
        }
    }
}
