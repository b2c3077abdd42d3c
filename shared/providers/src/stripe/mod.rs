//! Stripe: hosted Checkout for packs and plans, refunds, disputes, subscriptions and the billing portal.
//!
//! What we sell is described in each request, from our own catalog; nothing has to be set up at Stripe but the webhook, whose
//! version must be [`API_VERSION`] too.

mod client;
mod error;
mod form;
mod object;
mod subscription;
mod webhook;

#[cfg(test)]
mod client_tests;

pub use client::{CheckoutRequest, Customer, Mode, RefundRequest, StripeClient};
pub use error::StripeError;
pub use object::{
    Charge, CheckoutSession, Dispute, DisputeStatus, InvoicePayment, PaymentIntent, PaymentIntentStatus, PaymentStatus,
    Refund, RefundStatus, SessionStatus,
};
pub use subscription::{Invoice, InvoiceStatus, Period, PlanChange, Proration, Subscription, SubscriptionStatus};
pub use webhook::{StripeEvent, StripeEventKind, parse, verify};

/// The version of the API that requests are made in and answers and events are read by.
pub const API_VERSION: &str = "2026-10-28.endive";
