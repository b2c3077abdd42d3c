//! Stripe's REST API, for the requests we make.

use std::ops::Range;
use std::time::Duration;

use ::http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::API_VERSION;
use super::error::StripeError;
use super::form::Form;
use super::object::{Charge, CheckoutSession, InvoicePayment, ListWire, PaymentIntent, Refund};
use super::subscription::{PlanChange, Proration, Subscription};
use crate::BoxFuture;
use crate::http::{Answer, BaseUrl, DEFAULT_TIMEOUT, Http, Request, UrlError};
use crate::page::Page;
use crate::secret::{Link, Secret};
use crate::sum::Sum;
use crate::unexpected::{Operation, Why};

/// How many objects a page of a list has: the most that Stripe gives.
const PAGE_SIZE: u32 = 100;

/// What a Checkout session sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Something, once.
    Payment,
    /// A plan, month by month.
    Subscription,
}

/// Who pays.
#[derive(Clone, PartialEq, Eq)]
pub enum Customer {
    /// Somebody who has paid before: `cus_…`.
    Known(String),
    /// Somebody with this address.
    Email(String),
    /// Stripe asks for the address.
    Unknown,
}

/// A Checkout session to be made. It has no `Debug`, because it holds an address.
#[derive(Clone, PartialEq, Eq)]
pub struct CheckoutRequest {
    /// The same key, and the same request, give the same session.
    pub idempotency_key: String,
    /// Our own id of what is paid, at most 200 characters.
    pub reference: String,
    /// Once or month by month.
    pub mode: Mode,
    /// What it is called, on the page and on the receipt.
    pub title: String,
    /// What it costs, once or a month.
    pub price: Sum,
    /// Who pays.
    pub customer: Customer,
    /// Where the payer is sent afterwards; `{CHECKOUT_SESSION_ID}` in it is replaced.
    pub success_url: String,
    /// Where the payer is sent who turns back.
    pub cancel_url: String,
    /// When the session ends by itself: 30 minutes to 24 hours from now, which is Stripe's own choice.
    pub expires_at: Option<Timestamp>,
    /// What is written onto the session, and onto its payment or subscription.
    pub metadata: Vec<(String, String)>,
}

/// A refund to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// The same key, and the same request, give the same refund.
    pub idempotency_key: String,
    /// `pi_…`.
    pub payment_intent_id: String,
    /// How much, in the payment's currency; all that is left where there is none.
    pub amount_minor: Option<u64>,
    /// What is written onto it.
    pub metadata: Vec<(String, String)>,
}

/// Calls Stripe's REST API.
///
/// Whatever makes something new has an idempotency key, and all else may be repeated: so a connection that fails or breaks is
/// tried once more here. All other repeats are the caller's.
#[derive(Clone)]
pub struct StripeClient {
    http: Http,
    base: BaseUrl,
    secret_key: Secret,
    timeout: Duration,
}

/// A session of the billing portal.
#[derive(Deserialize)]
struct PortalWire {
    url: Link,
}

/// The one member that an object of which we need nothing has.
#[derive(Deserialize)]
struct AnyWire {}

impl StripeClient {
    /// A client for the account that `secret_key` belongs to. `base` may be given with or without `/v1`.
    pub fn new(http: Http, base: BaseUrl, secret_key: Secret) -> Result<Self, UrlError> {
        Ok(Self { http, base: base.versioned("v1")?, secret_key, timeout: DEFAULT_TIMEOUT })
    }

    /// The same client with another limit for a whole exchange than the usual ten seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Makes a session of hosted Checkout, whose `url` is where to pay.
    pub fn create_checkout<'a>(
        &'a self,
        wanted: &'a CheckoutRequest,
    ) -> BoxFuture<'a, Result<CheckoutSession, StripeError>> {
        Box::pin(async move {
            let form = checkout_form(wanted);
            let path = ["checkout", "sessions"];
            self.post("create checkout session", &path, form, Some(&wanted.idempotency_key)).await
        })
    }

    /// The session as it is now, with the charge that paid it.
    pub fn checkout_session<'a>(&'a self, session_id: &'a str) -> BoxFuture<'a, Result<CheckoutSession, StripeError>> {
        Box::pin(async move {
            let form = Form::default().set("expand[0]", "payment_intent.latest_charge");
            self.get("get checkout session", &["checkout", "sessions", session_id], form).await
        })
    }

    /// Ends an open session, so that nobody can pay it any more. One that is not open is refused.
    pub fn expire_checkout<'a>(&'a self, session_id: &'a str) -> BoxFuture<'a, Result<CheckoutSession, StripeError>> {
        Box::pin(async move {
            let path = ["checkout", "sessions", session_id, "expire"];
            self.post("expire checkout session", &path, Form::default(), None).await
        })
    }

    /// The payment as it is now, with its latest attempt.
    pub fn payment_intent<'a>(
        &'a self,
        payment_intent_id: &'a str,
    ) -> BoxFuture<'a, Result<PaymentIntent, StripeError>> {
        Box::pin(async move {
            let form = Form::default().set("expand[0]", "latest_charge");
            self.get("get payment", &["payment_intents", payment_intent_id], form).await
        })
    }

    /// A page of the payments that were begun in `created`, each with its latest attempt.
    pub fn list_payment_intents<'a>(
        &'a self,
        created: Range<Timestamp>,
        after: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Page<PaymentIntent>, StripeError>> {
        Box::pin(async move {
            let form = within(created).set("expand[0]", "data.latest_charge");
            self.list("list payments", &["payment_intents"], form, after, |intent: &PaymentIntent| {
                &intent.payment_intent_id
            })
            .await
        })
    }

    /// A page of the charges that were made in `created`, whatever became of them.
    pub fn list_charges<'a>(
        &'a self,
        created: Range<Timestamp>,
        after: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Page<Charge>, StripeError>> {
        Box::pin(async move {
            self.list("list charges", &["charges"], within(created), after, |charge: &Charge| &charge.charge_id).await
        })
    }

    /// Pays back a payment, or a part of it.
    pub fn refund<'a>(&'a self, wanted: &'a RefundRequest) -> BoxFuture<'a, Result<Refund, StripeError>> {
        Box::pin(async move {
            let form = Form::default()
                .set("payment_intent", &wanted.payment_intent_id)
                .set_if("amount", wanted.amount_minor)
                .set("reason", "requested_by_customer")
                .entries("metadata", &wanted.metadata);
            self.post("refund", &["refunds"], form, Some(&wanted.idempotency_key)).await
        })
    }

    /// The refund as it is now.
    pub fn get_refund<'a>(&'a self, refund_id: &'a str) -> BoxFuture<'a, Result<Refund, StripeError>> {
        Box::pin(async move { self.get("get refund", &["refunds", refund_id], Form::default()).await })
    }

    /// A page of the refunds of a payment.
    pub fn list_refunds<'a>(
        &'a self,
        payment_intent_id: &'a str,
        after: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Page<Refund>, StripeError>> {
        Box::pin(async move {
            let form = Form::default().set("payment_intent", payment_intent_id);
            self.list("list refunds", &["refunds"], form, after, |refund: &Refund| &refund.refund_id).await
        })
    }

    /// What was paid toward an invoice. An invoice no longer names its payment, and a refund of a plan names only that.
    pub fn payments_of_invoice<'a>(
        &'a self,
        invoice_id: &'a str,
    ) -> BoxFuture<'a, Result<Vec<InvoicePayment>, StripeError>> {
        Box::pin(async move { self.invoice_payments(Form::default().set("invoice", invoice_id)).await })
    }

    /// Which invoice a payment was for; none for one that was no plan's.
    pub fn invoice_of_payment<'a>(
        &'a self,
        payment_intent_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<InvoicePayment>, StripeError>> {
        Box::pin(async move {
            let form = Form::default()
                .set("payment[type]", "payment_intent")
                .set("payment[payment_intent]", payment_intent_id);
            Ok(self.invoice_payments(form).await?.into_iter().next())
        })
    }

    /// The subscription as it is now.
    pub fn subscription<'a>(&'a self, subscription_id: &'a str) -> BoxFuture<'a, Result<Subscription, StripeError>> {
        Box::pin(
            async move { self.get("get subscription", &["subscriptions", subscription_id], Form::default()).await },
        )
    }

    /// Lets a subscription run out at the end of the period that is paid.
    pub fn cancel_at_period_end<'a>(
        &'a self,
        subscription_id: &'a str,
    ) -> BoxFuture<'a, Result<Subscription, StripeError>> {
        Box::pin(async move {
            let form = Form::default().set("cancel_at_period_end", true);
            self.post("cancel subscription at period end", &["subscriptions", subscription_id], form, None).await
        })
    }

    /// Takes [`StripeClient::cancel_at_period_end`] back.
    pub fn resume<'a>(&'a self, subscription_id: &'a str) -> BoxFuture<'a, Result<Subscription, StripeError>> {
        Box::pin(async move {
            let form = Form::default().set("cancel_at_period_end", false);
            self.post("resume subscription", &["subscriptions", subscription_id], form, None).await
        })
    }

    /// Ends a subscription now, without paying anything back. One that has ended is [`StripeError::NotFound`].
    pub fn cancel_now<'a>(&'a self, subscription_id: &'a str) -> BoxFuture<'a, Result<Subscription, StripeError>> {
        Box::pin(async move {
            let path = ["subscriptions", subscription_id];
            let answer = self.ask("cancel subscription", Method::DELETE, &path, &Form::default(), None).await?;
            read("cancel subscription", &answer)
        })
    }

    /// Gives a subscription another plan. The same again changes nothing.
    pub fn change_plan<'a>(
        &'a self,
        change: &'a PlanChange,
        idempotency_key: &'a str,
    ) -> BoxFuture<'a, Result<Subscription, StripeError>> {
        Box::pin(async move {
            let path = ["subscriptions", &*change.subscription_id];
            self.post("change plan", &path, plan_form(change), Some(idempotency_key)).await
        })
    }

    /// Sees to it that there is a product with an id of ours, such as a plan's, which a change of the plan can name.
    pub fn put_product<'a>(&'a self, product_id: &'a str, name: &'a str) -> BoxFuture<'a, Result<(), StripeError>> {
        Box::pin(async move {
            let form = Form::default().set("id", product_id).set("name", name);
            let made: Result<AnyWire, _> = self.post("create product", &["products"], form, None).await;
            match made {
                Err(StripeError::Refused { code: Some(code), .. }) if code == "resource_already_exists" => Ok(()),
                outcome => outcome.map(|AnyWire {}| ()),
            }
        })
    }

    /// A link to the billing portal, where a customer sees to cards, invoices and plans. It is good for minutes.
    pub fn billing_portal<'a>(
        &'a self,
        customer_id: &'a str,
        return_url: &'a str,
    ) -> BoxFuture<'a, Result<Link, StripeError>> {
        Box::pin(async move {
            let form = Form::default().set("customer", customer_id).set("return_url", return_url);
            let portal: PortalWire =
                self.post("open billing portal", &["billing_portal", "sessions"], form, None).await?;
            Ok(portal.url)
        })
    }

    async fn invoice_payments(&self, form: Form) -> Result<Vec<InvoicePayment>, StripeError> {
        let found: ListWire<InvoicePayment> = self.get("list invoice payments", &["invoice_payments"], form).await?;
        Ok(found.data)
    }

    async fn list<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &[&str],
        form: Form,
        after: Option<&str>,
        id: fn(&T) -> &String,
    ) -> Result<Page<T>, StripeError> {
        let form = form.set("limit", PAGE_SIZE).set_if("starting_after", after);
        let ListWire { data: items, has_more } = self.get(operation, path, form).await?;
        let next = items.last().filter(|_| has_more).map(|last| id(last).clone());
        Ok(Page { items, next })
    }

    async fn get<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &[&str],
        form: Form,
    ) -> Result<T, StripeError> {
        read(operation, &self.ask(operation, Method::GET, path, &form, None).await?)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &[&str],
        form: Form,
        idempotency_key: Option<&str>,
    ) -> Result<T, StripeError> {
        read(operation, &self.ask(operation, Method::POST, path, &form, idempotency_key).await?)
    }

    fn ask<'a>(
        &'a self,
        operation: &'static str,
        method: Method,
        path: &'a [&'a str],
        form: &'a Form,
        idempotency_key: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Answer, StripeError>> {
        Box::pin(async move {
            let operation = named(operation);
            let mut url = self.base.join(path).map_err(|error| operation.unexpected(Why::Address(error)))?;
            if method == Method::GET && !form.0.is_empty() {
                url.query_pairs_mut().extend_pairs(&form.0);
            }
            let has_body = method == Method::POST;
            let mut request = Request::new(method, url)
                .secret_header("authorization", &format!("Bearer {}", self.secret_key.expose()))
                .header("stripe-version", API_VERSION)
                .timeout(self.timeout);
            if has_body {
                request = request.form(&form.0);
            }
            if let Some(key) = idempotency_key {
                request = request.secret_header("idempotency-key", key);
            }
            let outcome = self.http.exchange_repeatable(&request).await;
            let answer = outcome.map_err(|reason| StripeError::from_no_answer(operation, reason))?;
            if answer.status.is_success() { Ok(answer) } else { Err(StripeError::from_answer(operation, &answer)) }
        })
    }
}

fn checkout_form(wanted: &CheckoutRequest) -> Form {
    let (mode, carrier) = match wanted.mode {
        Mode::Payment => ("payment", "payment_intent_data[metadata]"),
        Mode::Subscription => ("subscription", "subscription_data[metadata]"),
    };
    let form = Form::default()
        .set("mode", mode)
        .set("client_reference_id", &wanted.reference)
        .set("success_url", &wanted.success_url)
        .set("cancel_url", &wanted.cancel_url)
        .set_if("expires_at", wanted.expires_at.map(Timestamp::as_second))
        .set("line_items[0][quantity]", 1)
        .price("line_items[0][price_data]", &wanted.price)
        .set("line_items[0][price_data][product_data][name]", &wanted.title)
        .entries("metadata", &wanted.metadata)
        .entries(carrier, &wanted.metadata);
    let form = match &wanted.customer {
        Customer::Known(id) => form.set("customer", id),
        Customer::Email(address) => form.set("customer_email", address),
        Customer::Unknown => form,
    };
    match wanted.mode {
        Mode::Payment => form,
        Mode::Subscription => form.set("line_items[0][price_data][recurring][interval]", "month"),
    }
}

fn plan_form(change: &PlanChange) -> Form {
    let form = Form::default()
        .set("items[0][id]", &change.item_id)
        .price("items[0][price_data]", &change.price)
        .set("items[0][price_data][product]", &change.product_id)
        .set("items[0][price_data][recurring][interval]", "month")
        .entries("metadata", &change.metadata);
    match change.proration {
        Proration::InvoiceNow => {
            form.set("proration_behavior", "always_invoice").set("payment_behavior", "error_if_incomplete")
        }
        Proration::None => form.set("proration_behavior", "none"),
    }
}

fn within(created: Range<Timestamp>) -> Form {
    Form::default().set("created[gte]", created.start.as_second()).set("created[lt]", created.end.as_second())
}

fn named(name: &'static str) -> Operation {
    Operation { provider: "Stripe", name }
}

fn read<T: DeserializeOwned>(operation: &'static str, answer: &Answer) -> Result<T, StripeError> {
    Ok(named(operation).read(answer)?)
}
