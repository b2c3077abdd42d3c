//! Razorpay: orders in rupees that the browser's checkout pays, and refunds.
//!
//! An order can be paid once, over several attempts. What was paid is told three ways: by the browser's return, signed with the API
//! secret; by webhooks, signed with a secret of their own; and by asking for the order's payments.

mod client;
mod error;
mod object;
mod webhook;

#[cfg(test)]
mod client_tests;

pub use client::{OrderRequest, RazorpayClient, RefundRequest};
pub use error::RazorpayError;
pub use object::{Dispute, DisputeStatus, Order, OrderStatus, Payment, PaymentStatus, Refund, RefundStatus};
pub use webhook::{RazorpayEvent, RazorpayEventKind, parse, verify, verify_return};
