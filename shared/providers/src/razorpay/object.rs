//! Razorpay's objects, as far as we read them. What decides over money must be there; all else may be missing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::second;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::sum::Sum;

/// What we wrote onto an object, to find ours by.
pub type Notes = BTreeMap<String, String>;

/// Notes that are empty come as a list.
fn notes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Notes, D::Error> {
    let told = Value::deserialize(deserializer)?;
    let entries = told.as_object().into_iter().flatten();
    Ok(entries.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect())
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Nobody has tried to pay it.
    Created,
    /// Somebody has tried.
    Attempted,
    /// Paid.
    Paid,
    /// One that Razorpay added.
    #[default]
    #[serde(other)]
    Unknown,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "OrderWire")]
pub struct Order {
    /// `order_…`.
    pub order_id: String,
    /// How far it is.
    pub status: OrderStatus,
    /// What is asked for.
    pub total: Sum,
    /// How much of it is in.
    pub paid_minor: u64,
    /// Our own id of what is paid.
    pub receipt: Option<String>,
    /// What we wrote onto it.
    pub notes: Notes,
    /// When it was made.
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct OrderWire {
    id: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    status: OrderStatus,
    amount: u64,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    amount_paid: u64,
    currency: String,
    receipt: Option<String>,
    #[serde(default, deserialize_with = "notes")]
    notes: Notes,
    #[serde(with = "second::required")]
    created_at: Timestamp,
}

impl From<OrderWire> for Order {
    fn from(wire: OrderWire) -> Self {
        Self {
            order_id: wire.id,
            status: wire.status,
            total: Sum::new(wire.amount, wire.currency),
            paid_minor: wire.amount_paid,
            receipt: wire.receipt,
            notes: wire.notes,
            created_at: wire.created_at,
        }
    }
}

/// How far an attempt to pay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Begun.
    Created,
    /// The bank said yes; the money is in only when it is captured.
    Authorized,
    /// The money is in.
    Captured,
    /// The money was in, and all of it went back.
    Refunded,
    /// This attempt failed; another can succeed, and even this one can, up to days later.
    Failed,
    /// One that Razorpay added.
    #[default]
    #[serde(other)]
    Unknown,
}

/// One attempt to pay.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "PaymentWire")]
pub struct Payment {
    /// `pay_…`, which is Razorpay's and not ours.
    pub payment_id: String,
    /// `order_…`.
    pub order_id: Option<String>,
    /// How far it is.
    pub status: PaymentStatus,
    /// What was paid.
    pub total: Sum,
    /// How much of it went back, over all refunds.
    pub refunded_minor: u64,
    /// Such as `payment_cancelled`, for one that failed.
    pub error_reason: Option<String>,
    /// What we wrote onto the order.
    pub notes: Notes,
    /// When it was begun.
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct PaymentWire {
    id: String,
    order_id: Option<String>,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    status: PaymentStatus,
    amount: u64,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    amount_refunded: u64,
    currency: String,
    error_reason: Option<String>,
    #[serde(default, deserialize_with = "notes")]
    notes: Notes,
    #[serde(with = "second::required")]
    created_at: Timestamp,
}

impl From<PaymentWire> for Payment {
    fn from(wire: PaymentWire) -> Self {
        Self {
            payment_id: wire.id,
            order_id: wire.order_id,
            status: wire.status,
            total: Sum::new(wire.amount, wire.currency),
            refunded_minor: wire.amount_refunded,
            error_reason: wire.error_reason,
            notes: wire.notes,
            created_at: wire.created_at,
        }
    }
}

/// How far a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// On its way.
    Pending,
    /// Done.
    Processed,
    /// The money came back to us.
    Failed,
    /// One that Razorpay added.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "RefundWire")]
pub struct Refund {
    /// `rfnd_…`.
    pub refund_id: String,
    /// `pay_…`.
    pub payment_id: String,
    /// How far it is.
    pub status: RefundStatus,
    /// How much goes back.
    pub total: Sum,
    /// What we wrote onto it.
    pub notes: Notes,
    /// When it was asked for.
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct RefundWire {
    id: String,
    payment_id: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    status: RefundStatus,
    amount: u64,
    currency: String,
    #[serde(default, deserialize_with = "notes")]
    notes: Notes,
    #[serde(with = "second::required")]
    created_at: Timestamp,
}

impl From<RefundWire> for Refund {
    fn from(wire: RefundWire) -> Self {
        Self {
            refund_id: wire.id,
            payment_id: wire.payment_id,
            status: wire.status,
            total: Sum::new(wire.amount, wire.currency),
            notes: wire.notes,
            created_at: wire.created_at,
        }
    }
}

/// How far a dispute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    /// We have to answer.
    Open,
    /// The bank looks at our answer.
    UnderReview,
    /// The money stays with us.
    Won,
    /// The money is gone.
    Lost,
    /// It came to nothing.
    Closed,
    /// One that Razorpay added.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Somebody asked their bank for the money back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "DisputeWire")]
pub struct Dispute {
    /// `disp_…`.
    pub dispute_id: String,
    /// `pay_…`.
    pub payment_id: String,
    /// How far it is.
    pub status: DisputeStatus,
    /// How much is asked back.
    pub total: Sum,
    /// How much of it was already taken from us.
    pub deducted_minor: u64,
    /// Such as `chargeback`; before that, banks only ask: `retrieval`, `fraud`.
    pub phase: String,
    /// When it began.
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct DisputeWire {
    id: String,
    payment_id: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    status: DisputeStatus,
    amount: u64,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    amount_deducted: u64,
    currency: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    phase: String,
    #[serde(with = "second::required")]
    created_at: Timestamp,
}

impl From<DisputeWire> for Dispute {
    fn from(wire: DisputeWire) -> Self {
        Self {
            dispute_id: wire.id,
            payment_id: wire.payment_id,
            status: wire.status,
            total: Sum::new(wire.amount, wire.currency),
            deducted_minor: wire.amount_deducted,
            phase: wire.phase,
            created_at: wire.created_at,
        }
    }
}
