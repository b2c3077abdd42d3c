//! Stripe's objects of payments, as far as we read them. What decides over money must be there; all else may be missing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::second;
use serde::Deserialize;

use crate::secret::Link;
use crate::sum::Sum;

/// What we wrote onto an object, to find ours by.
pub type Metadata = BTreeMap<String, String>;

/// How far a Checkout session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// It can be paid.
    Open,
    /// It is done with; whether money is in is told by [`PaymentStatus`].
    Complete,
    /// Nobody paid in time, or we ended it.
    Expired,
    /// One that Stripe added.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Whether the money is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// It is.
    Paid,
    /// Not yet, or never: some ways of paying take days.
    Unpaid,
    /// There was nothing to pay.
    NoPaymentRequired,
    /// One that Stripe added.
    #[default]
    #[serde(other)]
    Unknown,
}

/// An object that Stripe sends whole where that was asked for, and by its id otherwise.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Expandable<T> {
    Id(String),
    Whole(T),
}

/// One page of a list.
#[derive(Deserialize)]
pub(super) struct ListWire<T> {
    pub data: Vec<T>,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    pub has_more: bool,
}

/// A session of hosted Checkout.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "SessionWire")]
pub struct CheckoutSession {
    /// `cs_…`.
    pub session_id: String,
    /// How far it is.
    pub status: SessionStatus,
    /// Whether the money is in.
    pub payment_status: PaymentStatus,
    /// What is asked for; `None` where Stripe does not say.
    pub total: Option<Sum>,
    /// Our own id of what is paid.
    pub reference: Option<String>,
    /// What we wrote onto it.
    pub metadata: Metadata,
    /// Where to pay, while it is open.
    pub url: Option<Link>,
    /// `pi_…`, once somebody has tried to pay. Never for a subscription.
    pub payment_intent_id: Option<String>,
    /// The charge that paid it, where it was asked for with the session.
    pub charge: Option<Charge>,
    /// `sub_…`, for a plan.
    pub subscription_id: Option<String>,
    /// `in_…`, for a plan.
    pub invoice_id: Option<String>,
    /// `cus_…`.
    pub customer_id: Option<String>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct SessionWire {
    id: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    status: SessionStatus,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    payment_status: PaymentStatus,
    amount_total: Option<u64>,
    currency: Option<String>,
    client_reference_id: Option<String>,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    metadata: Metadata,
    url: Option<Link>,
    payment_intent: Option<Expandable<PaymentIntent>>,
    subscription: Option<String>,
    invoice: Option<String>,
    customer: Option<String>,
    #[serde(default, with = "second::optional")]
    expires_at: Option<Timestamp>,
}

impl From<SessionWire> for CheckoutSession {
    fn from(wire: SessionWire) -> Self {
        let (payment_intent_id, charge) = match wire.payment_intent {
            None => (None, None),
            Some(Expandable::Id(id)) => (Some(id), None),
            Some(Expandable::Whole(intent)) => (Some(intent.payment_intent_id), intent.charge),
        };
        Self {
            session_id: wire.id,
            status: wire.status,
            payment_status: wire.payment_status,
            total: wire.amount_total.zip(wire.currency).map(|(amount, currency)| Sum::new(amount, currency)),
            reference: wire.client_reference_id,
            metadata: wire.metadata,
            url: wire.url,
            payment_intent_id,
            charge,
            subscription_id: wire.subscription,
            invoice_id: wire.invoice,
            customer_id: wire.customer,
            expires_at: wire.expires_at,
        }
    }
}

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentIntentStatus {
    /// The money is in.
    Succeeded,
    /// A way of paying that takes its time.
    Processing,
    /// Given up.
    Canceled,
    /// Somebody still has to do something, or one that Stripe added.
    #[default]
    #[serde(other)]
    Open,
}

/// A payment, over all its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "PaymentIntentWire")]
pub struct PaymentIntent {
    /// `pi_…`.
    pub payment_intent_id: String,
    /// How far it is.
    pub status: PaymentIntentStatus,
    /// What is asked for.
    pub total: Sum,
    /// How much of it is in.
    pub received_minor: u64,
    /// What we wrote onto it.
    pub metadata: Metadata,
    /// The latest attempt, where it was asked for with the payment.
    pub charge: Option<Charge>,
    /// When it was begun.
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct PaymentIntentWire {
    id: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    status: PaymentIntentStatus,
    amount: u64,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    amount_received: u64,
    currency: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    metadata: Metadata,
    latest_charge: Option<Expandable<Charge>>,
    #[serde(with = "second::required")]
    created: Timestamp,
}

impl From<PaymentIntentWire> for PaymentIntent {
    fn from(wire: PaymentIntentWire) -> Self {
        let charge = match wire.latest_charge {
            Some(Expandable::Whole(charge)) => Some(charge),
            Some(Expandable::Id(_)) | None => None,
        };
        Self {
            payment_intent_id: wire.id,
            status: wire.status,
            total: Sum::new(wire.amount, wire.currency),
            received_minor: wire.amount_received,
            metadata: wire.metadata,
            charge,
            created_at: wire.created,
        }
    }
}

/// One attempt to pay, and what became of the money.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "ChargeWire")]
pub struct Charge {
    /// `ch_…`.
    pub charge_id: String,
    /// `pi_…`.
    pub payment_intent_id: Option<String>,
    /// What was charged.
    pub total: Sum,
    /// How much of it went back, over all refunds.
    pub refunded_minor: u64,
    /// Whether the attempt succeeded.
    pub paid: bool,
    /// Whether the bank was asked for the money back.
    pub disputed: bool,
    /// What we wrote onto the payment, as it was when it was charged.
    pub metadata: Metadata,
    /// The receipt for whoever paid.
    pub receipt: Option<Link>,
    /// When.
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct ChargeWire {
    id: String,
    payment_intent: Option<String>,
    amount: u64,
    amount_refunded: u64,
    currency: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    paid: bool,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    disputed: bool,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    metadata: Metadata,
    receipt_url: Option<Link>,
    #[serde(with = "second::required")]
    created: Timestamp,
}

impl From<ChargeWire> for Charge {
    fn from(wire: ChargeWire) -> Self {
        Self {
            charge_id: wire.id,
            payment_intent_id: wire.payment_intent,
            total: Sum::new(wire.amount, wire.currency),
            refunded_minor: wire.amount_refunded,
            paid: wire.paid,
            disputed: wire.disputed,
            metadata: wire.metadata,
            receipt: wire.receipt_url,
            created_at: wire.created,
        }
    }
}

/// How far a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// On its way.
    Pending,
    /// The customer has to do something.
    RequiresAction,
    /// Done.
    Succeeded,
    /// The money came back to us.
    Failed,
    /// Taken back before it left.
    Canceled,
    /// One that Stripe added.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "RefundWire")]
pub struct Refund {
    /// `re_…`.
    pub refund_id: String,
    /// `pi_…`.
    pub payment_intent_id: Option<String>,
    /// `ch_…`.
    pub charge_id: Option<String>,
    /// How much goes back.
    pub total: Sum,
    /// How far it is.
    pub status: RefundStatus,
    /// What we wrote onto it.
    pub metadata: Metadata,
    /// When it was asked for.
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct RefundWire {
    id: String,
    payment_intent: Option<String>,
    charge: Option<String>,
    amount: u64,
    currency: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    status: RefundStatus,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    metadata: Metadata,
    #[serde(with = "second::required")]
    created: Timestamp,
}

impl From<RefundWire> for Refund {
    fn from(wire: RefundWire) -> Self {
        Self {
            refund_id: wire.id,
            payment_intent_id: wire.payment_intent,
            charge_id: wire.charge,
            total: Sum::new(wire.amount, wire.currency),
            status: wire.status,
            metadata: wire.metadata,
            created_at: wire.created,
        }
    }
}

/// How far a dispute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    /// The bank asks, and has not taken the money.
    WarningNeedsResponse,
    /// The bank looks at our answer, and has not taken the money.
    WarningUnderReview,
    /// The bank asked, and it came to nothing.
    WarningClosed,
    /// We have to answer.
    NeedsResponse,
    /// The bank looks at our answer.
    UnderReview,
    /// The money comes back to us.
    Won,
    /// The money is gone.
    Lost,
    /// Settled with the customer before it became a dispute.
    Prevented,
    /// One that Stripe added.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Somebody asked their bank for the money back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "DisputeWire")]
pub struct Dispute {
    /// `du_…`.
    pub dispute_id: String,
    /// `pi_…`.
    pub payment_intent_id: Option<String>,
    /// `ch_…`.
    pub charge_id: String,
    /// How much is asked back.
    pub total: Sum,
    /// How far it is.
    pub status: DisputeStatus,
    /// Such as `fraudulent`.
    pub reason: String,
    /// When it began.
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct DisputeWire {
    id: String,
    payment_intent: Option<String>,
    charge: String,
    amount: u64,
    currency: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    status: DisputeStatus,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    reason: String,
    #[serde(with = "second::required")]
    created: Timestamp,
}

impl From<DisputeWire> for Dispute {
    fn from(wire: DisputeWire) -> Self {
        Self {
            dispute_id: wire.id,
            payment_intent_id: wire.payment_intent,
            charge_id: wire.charge,
            total: Sum::new(wire.amount, wire.currency),
            status: wire.status,
            reason: wire.reason,
            created_at: wire.created,
        }
    }
}

/// A payment toward an invoice: what ties the charges of a plan to the months they pay.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "InvoicePaymentWire")]
pub struct InvoicePayment {
    /// `in_…`.
    pub invoice_id: String,
    /// `pi_…`; `None` for what was paid outside of Stripe.
    pub payment_intent_id: Option<String>,
    /// Whether it paid.
    pub paid: bool,
}

#[derive(Deserialize)]
struct InvoicePaymentWire {
    invoice: String,
    payment: PaymentWire,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    status: String,
}

#[derive(Deserialize)]
struct PaymentWire {
    payment_intent: Option<String>,
}

impl From<InvoicePaymentWire> for InvoicePayment {
    fn from(wire: InvoicePaymentWire) -> Self {
        let paid = wire.status == "paid";
        Self { invoice_id: wire.invoice, payment_intent_id: wire.payment.payment_intent, paid }
    }
}
