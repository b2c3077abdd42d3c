//! What somebody used, and was granted, of their plans in one calendar month (UTC).

use serde::{Deserialize, Serialize};

use crate::plan::Entitlements;
use crate::problem::{Kind, Problem};

/// What is counted against a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// AI interviews.
    AiInterviews,
    /// Minutes of the live coach.
    CopilotMinutes,
    /// Reviews by an expert.
    ExpertReviews,
}

/// One month of one person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// The month, `yyyy-mm`.
    pub month: String,
    /// Credits granted by plans.
    pub granted_credits: u64,
    /// AI interviews that were paid by the plan.
    pub ai_interviews: u32,
    /// Minutes of the live coach that were paid by the plan.
    pub copilot_minutes: u32,
    /// Reviews by an expert.
    pub expert_reviews: u32,
    /// The largest of what the plans of this month allowed that were in force when it was looked at.
    pub largest: Entitlements,
    /// How often it was written; 0 where it is not stored yet.
    pub version: u64,
}

/// Nothing is left of what the plan allows this month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what your plan allows this month is used up: {allowed}")]
pub struct QuotaExhausted {
    /// What it allows.
    pub allowed: u32,
}

impl Problem for QuotaExhausted {
    fn kind(&self) -> Kind {
        Kind::PaymentRequired
    }
    fn code(&self) -> &'static str {
        "quota_exhausted"
    }
}

impl Usage {
    /// A month in which nothing happened yet.
    pub fn of(month: &str) -> Self {
        Self { month: month.to_owned(), ..Self::default() }
    }

    /// How many credits are still to be granted where a plan grants `monthly`: a month's grants never exceed the largest plan paid in
    /// it, so an upgrade is topped up to that and a downgrade takes nothing.
    pub fn missing_credits(&self, monthly: u32) -> u64 {
        u64::from(monthly).saturating_sub(self.granted_credits)
    }

    /// What may be used this month under `entitlements`: the larger of the plans, until the month ends.
    pub fn allowed(&self, entitlements: Entitlements) -> Entitlements {
        entitlements.or_larger(self.largest)
    }

    fn counter(&mut self, quota: Quota) -> &mut u32 {
        match quota {
            Quota::AiInterviews => &mut self.ai_interviews,
            Quota::CopilotMinutes => &mut self.copilot_minutes,
            Quota::ExpertReviews => &mut self.expert_reviews,
        }
    }

    /// Takes one of what a plan allows.
    pub fn take(&mut self, quota: Quota, entitlements: Entitlements) -> Result<(), QuotaExhausted> {
        let allowed = self.allowed(entitlements);
        let most = match quota {
            Quota::AiInterviews => allowed.ai_interviews_per_month,
            Quota::CopilotMinutes => allowed.copilot_minutes_per_month,
            Quota::ExpertReviews => allowed.expert_reviews_per_month,
        };
        if *self.counter(quota) >= most {
            return Err(QuotaExhausted { allowed: most });
        }
        self.largest = allowed;
        *self.counter(quota) += 1;
        Ok(())
    }

    /// Gives one back: what it was taken for did not come about, by no fault of theirs.
    pub fn give_back(&mut self, quota: Quota) {
        let used = self.counter(quota);
        *used = used.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn an_upgrade_is_topped_up_and_a_downgrade_takes_nothing() {
        let mut usage = Usage::of("2026-11");
        let mut granted = Vec::new();
        for monthly in [6, 12, 6, 50, 12] {
            let missing = usage.missing_credits(monthly);
            usage.granted_credits += missing;
            granted.push(missing);
        }
        assert_eq!(granted, [6, 6, 0, 38, 0]);
    }

    #[test]
    fn after_a_downgrade_the_larger_quota_holds_until_the_month_ends() {
        let plans = Catalog::default().plans;
        let (free, starter) = (plans[0].entitlements, plans[1].entitlements);
        let mut usage = Usage::of("2026-11");
        usage.take(Quota::AiInterviews, starter).unwrap();
        for _ in 0..3 {
            usage.take(Quota::AiInterviews, free).unwrap();
        }
        assert_eq!(usage.take(Quota::AiInterviews, free), Err(QuotaExhausted { allowed: 4 }));
        usage.give_back(Quota::AiInterviews);
        usage.take(Quota::AiInterviews, free).unwrap();
        let mut next = Usage::of("2026-12");
        next.take(Quota::AiInterviews, free).unwrap();
        assert!(next.take(Quota::AiInterviews, free).is_err());
    }

    proptest! {
        #[test]
        fn grants_of_a_month_add_up_to_the_largest_plan(plans in proptest::collection::vec(0_u32..100, 1..10)) {
            let mut usage = Usage::of("2026-11");
            for monthly in &plans {
                usage.granted_credits += usage.missing_credits(*monthly);
            }
            prop_assert_eq!(usage.granted_credits, u64::from(*plans.iter().max().unwrap()));
        }

        #[test]
        fn no_more_is_used_than_the_largest_plan_allows(steps in proptest::collection::vec((any::<bool>(), 0_usize..4), 0..200)) {
            let plans = Catalog::default().plans;
            let mut usage = Usage::of("2026-11");
            let mut most = 0;
            for (takes, plan) in steps {
                let allowed = plans[plan].entitlements;
                if takes {
                    if usage.take(Quota::CopilotMinutes, allowed).is_ok() {
                        most = most.max(allowed.copilot_minutes_per_month);
                    }
                } else {
                    usage.give_back(Quota::CopilotMinutes);
                }
                prop_assert!(usage.copilot_minutes <= most);
            }
        }
    }
}
