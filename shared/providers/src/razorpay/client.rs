//! Razorpay's REST API, for the requests we make.

use std::ops::Range;
use std::time::Duration;

use ::http::Method;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::error::RazorpayError;
use super::object::{Order, Payment, Refund};
use crate::BoxFuture;
use crate::http::{Answer, BaseUrl, DEFAULT_TIMEOUT, Http, Request, UrlError};
use crate::page::Page;
use crate::secret::Secret;
use crate::sum::Sum;
use crate::unexpected::{Operation, Why};

/// How many objects a page of a list has: the most that Razorpay gives.
const PAGE_SIZE: usize = 100;

/// An order to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRequest {
    /// Our own id of what is paid, at most 40 characters. The order can be found again by it.
    pub receipt: String,
    /// What it costs, at least one rupee.
    pub total: Sum,
    /// What is written onto it, and onto its payments: at most 15, each of at most 256 characters.
    pub notes: Vec<(String, String)>,
}

/// A refund to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// The same key gives the same refund.
    pub idempotency_key: String,
    /// `pay_…`, of Razorpay.
    pub payment_id: String,
    /// How much; all that is left where there is none.
    pub amount_minor: Option<u64>,
    /// What is written onto it.
    pub notes: Vec<(String, String)>,
}

/// Calls Razorpay's REST API. Reading and refunding, which has a key, are tried once more where a connection fails or breaks. An
/// order has no key: whoever does not know whether it was made looks for it by its receipt.
#[derive(Clone)]
pub struct RazorpayClient {
    http: Http,
    base: BaseUrl,
    authorization: Secret,
    timeout: Duration,
}

#[derive(Deserialize)]
struct Collection<T> {
    items: Vec<T>,
}

impl RazorpayClient {
    /// A client for the account that the key belongs to. `base` may be given with or without `/v1`.
    pub fn new(http: Http, base: BaseUrl, key_id: &str, key_secret: &Secret) -> Result<Self, UrlError> {
        let pair = BASE64_STANDARD.encode(format!("{key_id}:{}", key_secret.expose()));
        let authorization = Secret::new(format!("Basic {pair}"));
        Ok(Self { http, base: base.versioned("v1")?, authorization, timeout: DEFAULT_TIMEOUT })
    }

    /// The same client with another limit for a whole exchange than the usual ten seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Makes an order. Asked twice, it makes two.
    pub fn create_order<'a>(&'a self, wanted: &'a OrderRequest) -> BoxFuture<'a, Result<Order, RazorpayError>> {
        Box::pin(async move {
            let body = json!({
                "amount": wanted.total.amount_minor,
                "currency": wanted.total.currency,
                "receipt": wanted.receipt,
                "notes": notes(&wanted.notes),
            });
            let operation = named("create order");
            let request = self.request(operation, Method::POST, &["orders"], &[])?.json(&body);
            let outcome = self.http.exchange(&request).await;
            read(operation, outcome.map_err(|reason| RazorpayError::from_no_answer(operation, reason))?)
        })
    }

    /// The order as it is now.
    pub fn order<'a>(&'a self, order_id: &'a str) -> BoxFuture<'a, Result<Order, RazorpayError>> {
        Box::pin(async move { self.get("get order", &["orders", order_id], &[]).await })
    }

    /// The orders with this receipt, newest first: one that an answer got lost of is among them.
    pub fn orders_of_receipt<'a>(&'a self, receipt: &'a str) -> BoxFuture<'a, Result<Vec<Order>, RazorpayError>> {
        Box::pin(async move {
            let found: Collection<Order> = self.get("find order", &["orders"], &[("receipt", receipt)]).await?;
            Ok(found.items)
        })
    }

    /// All attempts to pay an order.
    pub fn payments_of_order<'a>(&'a self, order_id: &'a str) -> BoxFuture<'a, Result<Vec<Payment>, RazorpayError>> {
        Box::pin(async move {
            let path = ["orders", order_id, "payments"];
            let found: Collection<Payment> = self.get("list payments of an order", &path, &[]).await?;
            Ok(found.items)
        })
    }

    /// The payment as it is now.
    pub fn payment<'a>(&'a self, payment_id: &'a str) -> BoxFuture<'a, Result<Payment, RazorpayError>> {
        Box::pin(async move { self.get("get payment", &["payments", payment_id], &[]).await })
    }

    /// A page of the payments that were begun in `created`, after `skip` others.
    pub fn list_payments(
        &self,
        created: Range<Timestamp>,
        skip: usize,
    ) -> BoxFuture<'_, Result<Page<Payment, usize>, RazorpayError>> {
        Box::pin(async move {
            // Razorpay counts the last second in.
            let (from, to) = (created.start.as_second().to_string(), (created.end.as_second() - 1).to_string());
            let (count, skipped) = (PAGE_SIZE.to_string(), skip.to_string());
            let query = [("from", &*from), ("to", &*to), ("count", &*count), ("skip", &*skipped)];
            let found: Collection<Payment> = self.get("list payments", &["payments"], &query).await?;
            let next = (found.items.len() == PAGE_SIZE).then_some(skip + PAGE_SIZE);
            Ok(Page { items: found.items, next })
        })
    }

    /// Takes in the money of a payment that is only authorized. `total` must be what was authorized.
    pub fn capture<'a>(&'a self, payment_id: &'a str, total: &'a Sum) -> BoxFuture<'a, Result<Payment, RazorpayError>> {
        Box::pin(async move {
            let body = json!({ "amount": total.amount_minor, "currency": total.currency });
            self.post("capture payment", &["payments", payment_id, "capture"], &body, None).await
        })
    }

    /// Pays back a payment, or a part of it.
    pub fn refund<'a>(&'a self, wanted: &'a RefundRequest) -> BoxFuture<'a, Result<Refund, RazorpayError>> {
        Box::pin(async move {
            let mut body = json!({ "speed": "normal", "notes": notes(&wanted.notes) });
            if let Some(amount) = wanted.amount_minor {
                body["amount"] = json!(amount);
            }
            let path = ["payments", &*wanted.payment_id, "refund"];
            self.post("refund", &path, &body, Some(&wanted.idempotency_key)).await
        })
    }

    /// The refund as it is now.
    pub fn get_refund<'a>(&'a self, refund_id: &'a str) -> BoxFuture<'a, Result<Refund, RazorpayError>> {
        Box::pin(async move { self.get("get refund", &["refunds", refund_id], &[]).await })
    }

    /// The latest hundred refunds of a payment.
    pub fn list_refunds<'a>(&'a self, payment_id: &'a str) -> BoxFuture<'a, Result<Vec<Refund>, RazorpayError>> {
        Box::pin(async move {
            let path = ["payments", payment_id, "refunds"];
            let found: Collection<Refund> = self.get("list refunds", &path, &[("count", "100")]).await?;
            Ok(found.items)
        })
    }

    async fn get<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, RazorpayError> {
        let operation = named(operation);
        let request = self.request(operation, Method::GET, path, query)?;
        read(operation, self.send(operation, &request).await?)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &[&str],
        body: &Value,
        idempotency_key: Option<&str>,
    ) -> Result<T, RazorpayError> {
        let operation = named(operation);
        let mut request = self.request(operation, Method::POST, path, &[])?.json(body);
        if let Some(key) = idempotency_key {
            request = request.secret_header("x-refund-idempotency", key);
        }
        read(operation, self.send(operation, &request).await?)
    }

    fn request(
        &self,
        operation: Operation,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Request, RazorpayError> {
        let mut url = self.base.join(path).map_err(|error| operation.unexpected(Why::Address(error)))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = Request::new(method, url).secret_header("authorization", self.authorization.expose());
        Ok(request.timeout(self.timeout))
    }

    fn send<'a>(&'a self, operation: Operation, request: &'a Request) -> BoxFuture<'a, Result<Answer, RazorpayError>> {
        Box::pin(async move {
            let outcome = self.http.exchange_repeatable(request).await;
            outcome.map_err(|reason| RazorpayError::from_no_answer(operation, reason))
        })
    }
}

fn notes(entries: &[(String, String)]) -> Value {
    Value::Object(entries.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>())
}

fn named(name: &'static str) -> Operation {
    Operation { provider: "Razorpay", name }
}

fn read<T: DeserializeOwned>(operation: Operation, answer: Answer) -> Result<T, RazorpayError> {
    if answer.status.is_success() {
        Ok(operation.read(&answer)?)
    } else {
        Err(RazorpayError::from_answer(operation, &answer))
    }
}
