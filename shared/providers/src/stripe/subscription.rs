//! Stripe's objects of plans: subscriptions, and the invoices that pay their months.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::second;
use serde::Deserialize;

use super::object::{ListWire, Metadata};
use crate::secret::Link;
use crate::sum::Sum;

/// How far a subscription is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// Its first payment is not in yet.
    Incomplete,
    /// Its first payment never came.
    IncompleteExpired,
    /// Not paid for yet, and in force.
    Trialing,
    /// Paid.
    Active,
    /// A renewal failed and is tried again.
    PastDue,
    /// Over.
    Canceled,
    /// Renewals failed and are no longer tried.
    Unpaid,
    /// Stopped for a while.
    Paused,
    /// One that Stripe added.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A stretch of time that is paid at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Period {
    /// From.
    #[serde(with = "second::required")]
    pub start: Timestamp,
    /// Until.
    #[serde(with = "second::required")]
    pub end: Timestamp,
}

/// A subscription as it is now. Ours have one item: the plan.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "SubscriptionWire")]
pub struct Subscription {
    /// `sub_…`.
    pub subscription_id: String,
    /// How far it is.
    pub status: SubscriptionStatus,
    /// `cus_…`.
    pub customer_id: String,
    /// `si_…`, which a change of the plan names.
    pub item_id: Option<String>,
    /// `prod_…`, or the id that we gave: which plan.
    pub product_id: Option<String>,
    /// The price of a period.
    pub price: Option<Sum>,
    /// The period that runs.
    pub period: Option<Period>,
    /// When it ends for good, where that has been decided.
    pub ends_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// `in_…`.
    pub latest_invoice_id: Option<String>,
    /// What we wrote onto it.
    pub metadata: Metadata,
}

#[derive(Deserialize)]
struct SubscriptionWire {
    id: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    status: SubscriptionStatus,
    customer: String,
    items: Option<ListWire<ItemWire>>,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    cancel_at_period_end: bool,
    #[serde(default, with = "second::optional")]
    cancel_at: Option<Timestamp>,
    #[serde(default, with = "second::optional")]
    ended_at: Option<Timestamp>,
    latest_invoice: Option<String>,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct ItemWire {
    id: String,
    price: Option<PriceWire>,
    #[serde(default, with = "second::optional")]
    current_period_start: Option<Timestamp>,
    #[serde(default, with = "second::optional")]
    current_period_end: Option<Timestamp>,
}

#[derive(Deserialize)]
struct PriceWire {
    product: Option<String>,
    unit_amount: Option<u64>,
    currency: Option<String>,
}

impl From<SubscriptionWire> for Subscription {
    fn from(wire: SubscriptionWire) -> Self {
        let item = wire.items.and_then(|items| items.data.into_iter().next());
        let period = item
            .as_ref()
            .and_then(|item| Some(Period { start: item.current_period_start?, end: item.current_period_end? }));
        let (item_id, price) = item.map_or((None, None), |item| (Some(item.id), item.price));
        let (product_id, price) = price.map_or((None, None), |price| {
            let sum = price.unit_amount.zip(price.currency).map(|(amount, currency)| Sum::new(amount, currency));
            (price.product, sum)
        });
        let at_period_end = period.filter(|_| wire.cancel_at_period_end).map(|period| period.end);
        Self {
            subscription_id: wire.id,
            status: wire.status,
            customer_id: wire.customer,
            item_id,
            product_id,
            price,
            period,
            ends_at: wire.cancel_at.or(at_period_end),
            ended_at: wire.ended_at,
            latest_invoice_id: wire.latest_invoice,
            metadata: wire.metadata,
        }
    }
}

/// Another plan for a subscription. `product_id` must exist: `StripeClient::put_product`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanChange {
    /// `sub_…`.
    pub subscription_id: String,
    /// `si_…`: what is replaced.
    pub item_id: String,
    /// The new plan.
    pub product_id: String,
    /// Its price of a month.
    pub price: Sum,
    /// What is written onto the subscription, beside what stands there.
    pub metadata: Vec<(String, String)>,
    /// Who pays for what is left of the period.
    pub proration: Proration,
}

/// What a change of the plan costs for what is left of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proration {
    /// The difference, at once; a card that is declined leaves the plan as it was.
    InvoiceNow,
    /// Nothing: the new price counts from the next period.
    None,
}

/// How far an invoice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// Not final.
    Draft,
    /// To be paid.
    Open,
    /// Paid.
    Paid,
    /// Never to be paid.
    Void,
    /// Given up.
    Uncollectible,
    /// One that Stripe added.
    #[default]
    #[serde(other)]
    Unknown,
}

/// What a period of a plan costs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "InvoiceWire")]
pub struct Invoice {
    /// `in_…`.
    pub invoice_id: String,
    /// How far it is.
    pub status: InvoiceStatus,
    /// `cus_…`.
    pub customer_id: Option<String>,
    /// `sub_…`; `None` for an invoice of something else.
    pub subscription_id: Option<String>,
    /// What we had written onto the subscription when the invoice was made.
    pub metadata: Metadata,
    /// Why it was made, such as `subscription_create`, `subscription_cycle` or `subscription_update`.
    pub reason: String,
    /// What is to be paid.
    pub due: Sum,
    /// How much of it was.
    pub paid_minor: u64,
    /// What it pays for, by its lines: what Stripe calls the invoice's own period is the one before.
    pub period: Option<Period>,
    /// The plan that it pays for.
    pub product_id: Option<String>,
    /// When it is tried again; `None` after the last time.
    pub next_attempt_at: Option<Timestamp>,
    /// The invoice for whoever paid.
    pub url: Option<Link>,
    /// When it was made.
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct InvoiceWire {
    id: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    status: InvoiceStatus,
    customer: Option<String>,
    parent: Option<ParentWire>,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    billing_reason: String,
    amount_due: u64,
    amount_paid: u64,
    currency: String,
    lines: Option<ListWire<LineWire>>,
    #[serde(default, with = "second::optional")]
    next_payment_attempt: Option<Timestamp>,
    hosted_invoice_url: Option<Link>,
    #[serde(with = "second::required")]
    created: Timestamp,
}

#[derive(Deserialize)]
struct ParentWire {
    subscription_details: Option<SubscriptionDetailsWire>,
}

#[derive(Deserialize)]
struct SubscriptionDetailsWire {
    subscription: Option<String>,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct LineWire {
    period: Option<Period>,
    parent: Option<LineParentWire>,
    pricing: Option<PricingWire>,
}

#[derive(Deserialize)]
struct LineParentWire {
    subscription_item_details: Option<ItemDetailsWire>,
}

#[derive(Deserialize)]
struct ItemDetailsWire {
    #[serde(default, deserialize_with = "crate::null::or_default")]
    proration: bool,
}

#[derive(Deserialize)]
struct PricingWire {
    price_details: Option<PriceDetailsWire>,
}

#[derive(Deserialize)]
struct PriceDetailsWire {
    product: Option<String>,
}

impl LineWire {
    /// Whether the line only sets off what was paid for a part of a period.
    fn is_proration(&self) -> bool {
        let details = self.parent.as_ref().and_then(|parent| parent.subscription_item_details.as_ref());
        details.is_some_and(|details| details.proration)
    }
}

impl From<InvoiceWire> for Invoice {
    fn from(wire: InvoiceWire) -> Self {
        let lines = wire.lines.map(|lines| lines.data).unwrap_or_default();
        // The line that names the plan: one of a whole period before one of a part, the one that ends last before others.
        let end = |line: &LineWire| line.period.map(|period| period.end);
        let line = lines.into_iter().max_by_key(|line| (!line.is_proration(), end(line)));
        let (period, pricing) = line.map_or((None, None), |line| (line.period, line.pricing));
        let details = wire.parent.and_then(|parent| parent.subscription_details);
        let (subscription_id, metadata) =
            details.map_or((None, Metadata::new()), |details| (details.subscription, details.metadata));
        Self {
            invoice_id: wire.id,
            status: wire.status,
            customer_id: wire.customer,
            subscription_id,
            metadata,
            reason: wire.billing_reason,
            due: Sum::new(wire.amount_due, wire.currency),
            paid_minor: wire.amount_paid,
            period,
            product_id: pricing.and_then(|pricing| pricing.price_details).and_then(|price| price.product),
            next_attempt_at: wire.next_payment_attempt,
            url: wire.hosted_invoice_url,
            created_at: wire.created,
        }
    }
}
