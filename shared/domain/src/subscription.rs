//! Subscriptions: which plan somebody has, and what they may do with it at a time.
//!
//! What a provider says of a subscription is always the whole of it, as it is at that moment: a word of the provider is only the
//! occasion to ask (DECISIONS.md, "Money in and out"). So the order and number of its words do not matter.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{PlanId, UserId};
use crate::plan::{Audience, Entitlements, Plan};
use crate::problem::{Kind, Problem};

/// For how long a plan goes on that was not paid for, and one of whose renewal nobody told.
pub const GRACE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SubscriptionStatus {
    /// It is paid for and goes on.
    Active,
    /// A payment failed. For seven days everything stays as it is; then it counts as the free plan until it is paid.
    PastDue,
    /// It is paid for and ends with its period.
    Ends,
    /// It is over.
    Ended,
}

/// What a provider says of a subscription, in our words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was begun and its first payment is not made.
    Incomplete,
    /// It is paid for.
    Paid,
    /// A payment failed and may be tried again.
    Unpaid,
    /// It is over, and will not come back.
    Over,
}

/// A subscription as its provider shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// How it stands.
    pub standing: Standing,
    /// Until when it is paid for.
    pub period_end: Timestamp,
    /// When it is to end, if it is.
    pub ends_at: Option<Timestamp>,
}

/// One person's plan of one audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Whose it is.
    pub user_id: UserId,
    /// For whom the plan is.
    pub audience: Audience,
    /// Which plan.
    pub plan_id: PlanId,
    /// The version under which it was chosen.
    pub plan_version: u64,
    /// What it was called then.
    pub title: String,
    /// What it allowed then; later changes of the catalog do not change it.
    pub entitlements: Entitlements,
    /// How it stands.
    pub status: SubscriptionStatus,
    /// When it was begun.
    pub started_at: Timestamp,
    /// Until when it is paid for; none for a plan that costs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_period_end: Option<Timestamp>,
    /// When it ends or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// Since when a payment is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past_due_since: Option<Timestamp>,
    /// The provider's id of it; none for a plan that costs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// The provider's id of the person who pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// How often it was written; 0 where it is not stored yet.
    pub version: u64,
}

/// Why a subscription cannot be changed as was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    /// One of the same audience is in force.
    #[error("there is a plan in force already; change or cancel it first")]
    AlreadySubscribed,
    /// There is none that is paid for.
    #[error("there is no plan that could be cancelled or gone on with")]
    NotSubscribed,
    /// It is over.
    #[error("this plan is over; choose one anew")]
    Over,
}

impl Problem for SubscriptionError {
    fn kind(&self) -> Kind {
        Kind::Conflict
    }
    fn code(&self) -> &'static str {
        match self {
            Self::AlreadySubscribed => "already_subscribed",
            Self::NotSubscribed => "not_subscribed",
            Self::Over => "subscription_over",
        }
    }
}

impl Subscription {
    /// A plan that costs nothing.
    pub fn free(user: &UserId, plan: &Plan, now: Timestamp) -> Self {
        Self {
            user_id: user.clone(),
            audience: plan.audience,
            plan_id: plan.plan_id,
            plan_version: plan.version,
            title: plan.title.clone(),
            entitlements: plan.entitlements,
            status: SubscriptionStatus::Active,
            started_at: now,
            current_period_end: None,
            ends_at: None,
            past_due_since: None,
            provider_id: None,
            customer_id: None,
            version: 0,
        }
    }

    /// Whether nobody pays for it.
    pub fn is_free(&self) -> bool {
        self.provider_id.is_none()
    }

    /// Takes over how the provider shows it at `now`. The same word again changes nothing, and one that is over stays over.
    #[must_use]
    pub fn shown(&self, shown: &Shown, now: Timestamp) -> Self {
        if self.status == SubscriptionStatus::Ended {
            return self.clone();
        }
        let mut after = self.clone();
        after.current_period_end = Some(shown.period_end);
        after.ends_at = shown.ends_at;
        after.past_due_since = None;
        after.status = match shown.standing {
            Standing::Over => {
                after.ends_at = Some(self.ends_at.filter(|at| *at <= now).unwrap_or(now));
                SubscriptionStatus::Ended
            }
            Standing::Unpaid | Standing::Incomplete => {
                after.past_due_since = Some(self.past_due_since.unwrap_or(now));
                SubscriptionStatus::PastDue
            }
            Standing::Paid if shown.ends_at.is_some() => SubscriptionStatus::Ends,
            Standing::Paid => SubscriptionStatus::Active,
        };
        after
    }

    /// Ends it at once: its payment was taken back.
    #[must_use]
    pub fn ended(&self, now: Timestamp) -> Self {
        if self.status == SubscriptionStatus::Ended {
            return self.clone();
        }
        Self { status: SubscriptionStatus::Ended, ends_at: Some(now), ..self.clone() }
    }

    /// Whether its entitlements apply at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        let within_grace = |since: Timestamp| now < since + GRACE;
        match self.status {
            // A renewal of which nobody told is not held against who paid for it, for as long as a missing payment is not.
            SubscriptionStatus::Active => self.current_period_end.is_none_or(within_grace),
            SubscriptionStatus::PastDue => self.past_due_since.is_some_and(within_grace),
            SubscriptionStatus::Ends => self.ends_at.is_some_and(|at| now < at),
            SubscriptionStatus::Ended => false,
        }
    }

    /// Whether what it grants each month is granted at `now`: while it is in force and no payment is missing.
    pub fn grants(&self, now: Timestamp) -> bool {
        self.is_in_force(now) && self.status != SubscriptionStatus::PastDue
    }

    /// Refuses another subscription beside this one.
    pub fn refuse_another(&self) -> Result<(), SubscriptionError> {
        let is_paid_for = !self.is_free() && self.status != SubscriptionStatus::Ended;
        if is_paid_for { Err(SubscriptionError::AlreadySubscribed) } else { Ok(()) }
    }

    /// Whether it can be cancelled at the end of its period, or gone on with after that was asked.
    pub fn check_change(&self) -> Result<(), SubscriptionError> {
        match self.status {
            _ if self.is_free() => Err(SubscriptionError::NotSubscribed),
            SubscriptionStatus::Ended => Err(SubscriptionError::Over),
            _ => Ok(()),
        }
    }
}

/// What somebody may do at `now`: what their plan allows while it is in force, and what the free plan does otherwise.
///
/// One function decides it for everybody who asks: booking, listing, quotas, payouts, views.
pub fn entitlements(subscription: Option<&Subscription>, free: Option<&Plan>, now: Timestamp) -> Entitlements {
    let in_force = subscription.filter(|subscription| subscription.is_in_force(now));
    let of_free = || free.map(|plan| plan.entitlements).unwrap_or_default();
    in_force.map_or_else(of_free, |subscription| subscription.entitlements)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalog::Catalog;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }
    fn hours(n: i64) -> SignedDuration {
        SignedDuration::from_hours(n)
    }

    fn paid(now: Timestamp) -> Subscription {
        let catalog = Catalog::default();
        let free = Subscription::free(&"cara".parse().unwrap(), &catalog.plans[2], now);
        let shown = Shown { standing: Standing::Paid, period_end: now + hours(30 * 24), ends_at: None };
        Subscription { provider_id: Some("sub_1".to_owned()), ..free }.shown(&shown, now)
    }

    #[test]
    fn a_missing_payment_is_borne_for_seven_days_and_paying_brings_everything_back() {
        let (catalog, now) = (Catalog::default(), at("2026-11-20T10:00:00Z"));
        let free = catalog.free_plan(Audience::Interviewee);
        let subscription = paid(now);
        let renewal = now + hours(30 * 24);
        let unpaid = Shown { standing: Standing::Unpaid, period_end: renewal, ends_at: None };
        let past_due = subscription.shown(&unpaid, renewal);
        // The word comes again on each day.
        let again = past_due.shown(&unpaid, renewal + hours(24));
        assert_eq!(again.past_due_since, Some(renewal));
        assert_eq!(entitlements(Some(&again), free, renewal + hours(7 * 24 - 1)), catalog.plans[2].entitlements);
        assert!(!again.grants(renewal));
        let after = renewal + hours(7 * 24);
        assert_eq!(entitlements(Some(&again), free, after), catalog.plans[0].entitlements);
        let recovered =
            again.shown(&Shown { standing: Standing::Paid, period_end: after + hours(1), ends_at: None }, after);
        assert_eq!((recovered.status, recovered.past_due_since), (SubscriptionStatus::Active, None));
        assert!(recovered.grants(after));
    }

    #[test]
    fn one_that_was_cancelled_goes_on_to_the_end_of_its_period_unless_it_is_resumed() {
        let now = at("2026-11-20T10:00:00Z");
        let end = now + hours(30 * 24);
        let cancelled = paid(now).shown(&Shown { standing: Standing::Paid, period_end: end, ends_at: Some(end) }, now);
        assert_eq!(cancelled.status, SubscriptionStatus::Ends);
        assert!(cancelled.is_in_force(end - hours(1)) && !cancelled.is_in_force(end));
        let resumed = cancelled.shown(&Shown { standing: Standing::Paid, period_end: end, ends_at: None }, now);
        assert_eq!(resumed.status, SubscriptionStatus::Active);
        let over = Shown { standing: Standing::Over, period_end: end, ends_at: None };
        let ended = cancelled.shown(&over, end + hours(2));
        assert_eq!((ended.status, ended.ends_at), (SubscriptionStatus::Ended, Some(end)));
        assert_eq!(ended.shown(&Shown { standing: Standing::Paid, ..over }, end), ended, "what is over stays over");
    }

    #[test]
    fn a_free_plan_is_in_force_for_good_and_stands_in_nobodys_way() {
        let now = at("2026-11-20T10:00:00Z");
        let basic = Subscription::free(&"ivy".parse().unwrap(), &Catalog::default().plans[4], now);
        assert!(basic.is_in_force(now + hours(100_000)));
        assert_eq!(basic.refuse_another(), Ok(()));
        assert_eq!(basic.check_change(), Err(SubscriptionError::NotSubscribed));
        assert_eq!(paid(now).refuse_another(), Err(SubscriptionError::AlreadySubscribed));
        assert_eq!(paid(now).ended(now).refuse_another(), Ok(()));
    }

    #[test]
    fn somebody_without_any_plan_has_what_the_free_one_allows() {
        let catalog = Catalog::default();
        let now = at("2026-11-20T10:00:00Z");
        let free = catalog.free_plan(Audience::Interviewee);
        assert_eq!(entitlements(None, free, now).ai_interviews_per_month, 1);
        assert_eq!(entitlements(None, None, now), Entitlements::default());
    }

    fn any_shown(now: Timestamp) -> impl Strategy<Value = (Shown, i64)> {
        let standing =
            prop_oneof![Just(Standing::Incomplete), Just(Standing::Paid), Just(Standing::Unpaid), Just(Standing::Over)];
        (standing, -100_i64..2000, proptest::option::of(-100_i64..2000), 0_i64..2000).prop_map(
            move |(standing, end, ends, when)| {
                let shown =
                    Shown { standing, period_end: now + hours(end), ends_at: ends.map(|ends| now + hours(ends)) };
                (shown, when)
            },
        )
    }

    proptest! {
        #[test]
        fn the_last_word_alone_decides_and_saying_it_again_changes_nothing(
            words in proptest::collection::vec(any_shown(at("2026-11-20T10:00:00Z")), 1..8),
        ) {
            let now = at("2026-11-20T10:00:00Z");
            let mut subscription = paid(now);
            for (shown, when) in &words {
                let after = subscription.shown(shown, now + hours(*when));
                let again = after.shown(shown, now + hours(*when));
                prop_assert_eq!(&after, &again);
                // Only time that is missing of a payment is remembered of what was before, and that it is over.
                if subscription.status != SubscriptionStatus::Ended && shown.standing == Standing::Paid {
                    prop_assert_eq!(&after, &paid(now).shown(shown, now + hours(*when)));
                }
                prop_assert!(!after.grants(now) || after.is_in_force(now));
                subscription = after;
            }
        }
    }
}
