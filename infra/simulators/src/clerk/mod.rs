//! Clerk: an issuer of session tokens with rotating keys, the user API, and signed user webhooks.

mod routes;
mod tokens;
mod users;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use tokens::{Flaw, TokenRequest};
pub use users::{Bar, UserInput};

use crate::clock;
use crate::crypto::{RsaKey, random_id, random_webhook_secret, svix_signature};
use crate::delivery::{Delivery, Message, Outbound, Retries};
use crate::http::{Exchange, Fault, RecordedRequest, Server, lock};
use crate::journal::{Items, Journal};

/// How to start a [`Clerk`]. The default suits a test: a free port, fresh keys, nothing kept.
#[derive(Clone, Debug)]
pub struct ClerkOptions {
    /// 0 takes any free port.
    pub port: u16,
    /// The `iss` of tokens; the simulator's own URL when absent.
    pub issuer: Option<String>,
    /// The `azp` of tokens.
    pub authorized_party: String,
    /// `sk_…`; made up when neither given nor kept.
    pub secret_key: Option<String>,
    /// `whsec_…`; made up when neither given nor kept.
    pub webhook_secret: Option<String>,
    /// Base URL of the product's API. Without it webhooks are made but not sent.
    pub api_url: Option<String>,
    /// Keys, secrets and users are kept here.
    pub state_file: Option<PathBuf>,
    /// Pauses before each repeat of a refused webhook. Svix waits 5 s, 5 min, 30 min, …; a test cannot.
    pub retry_pauses: Vec<Duration>,
}

impl Default for ClerkOptions {
    fn default() -> Self {
        Self {
            port: 0,
            issuer: None,
            authorized_party: "http://localhost:3000".into(),
            secret_key: None,
            webhook_secret: None,
            api_url: None,
            state_file: None,
            retry_pauses: [100, 500, 2_000, 5_000].map(Duration::from_millis).to_vec(),
        }
    }
}

/// What survives a restart beside the users.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    instance_id: String,
    secret_key: String,
    webhook_secret: String,
    /// Newest last; the last one signs. Each has its `kid` and the private key as base64 of PKCS#8.
    keys: Vec<(String, String)>,
}

struct State {
    journal: Journal,
    kept: Kept,
    users: Items<Value>,
    keys: Vec<Arc<RsaKey>>,
}

pub(crate) struct Inner {
    state: Mutex<State>,
    issuer: String,
    authorized_party: Mutex<String>,
    outbound: Arc<Outbound>,
    exchange: Arc<Exchange>,
}

/// A running Clerk instance. It stops when it is dropped.
pub struct Clerk {
    server: Server,
    inner: Arc<Inner>,
}

impl Clerk {
    /// Starts listening. Fails when the port is taken or the state file cannot be read.
    pub async fn start(options: ClerkOptions) -> io::Result<Self> {
        let state = load(&options)?;
        let mut inner = None;
        let server = Server::start(options.port, |base_url| {
            let shared = Arc::new(Inner {
                state: Mutex::new(state),
                issuer: options.issuer.unwrap_or_else(|| base_url.to_owned()),
                authorized_party: Mutex::new(options.authorized_party),
                outbound: Outbound::new("/api/webhooks/clerk", Retries::Svix(options.retry_pauses), options.api_url),
                exchange: Exchange::new(routes::error_body_of_status),
            });
            inner = Some(shared.clone());
            routes::router(shared)
        })
        .await?;
        let inner = inner.ok_or_else(|| io::Error::other("the router was not built"))?;
        Ok(Self { server, inner })
    }

    /// Where the backend API listens; also the issuer unless another was given.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// The `iss` of good tokens.
    pub fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    /// `sk_…`, what the backend API wants as bearer.
    pub fn secret_key(&self) -> String {
        lock(&self.inner.state).kept.secret_key.clone()
    }

    /// `whsec_…`, what webhooks are signed with.
    pub fn webhook_secret(&self) -> String {
        lock(&self.inner.state).kept.webhook_secret.clone()
    }

    /// The published key set: every key that was not retired.
    pub fn jwks(&self) -> Value {
        self.inner.jwks()
    }

    /// Where webhooks go from now on.
    pub fn set_api_url(&self, api_url: impl Into<String>) {
        self.inner.outbound.set_api_url(Some(api_url.into()));
    }

    /// The `azp` of tokens made from now on.
    pub fn set_authorized_party(&self, origin: impl Into<String>) {
        *lock(&self.inner.authorized_party) = origin.into();
    }

    /// Signs with a new key from now on; the old one stays published. Answers the new `kid`.
    pub fn rotate_key(&self) -> io::Result<String> {
        self.inner.rotate_key()
    }

    /// Publishes only the key that signs.
    pub fn retire_keys(&self) {
        self.inner.retire_keys();
    }

    /// A session token such as the browser would send.
    pub fn session_token(&self, user_id: &str) -> String {
        self.token(&TokenRequest { user_id: user_id.into(), ..TokenRequest::default() })
    }

    /// A session token with another lifetime, other claims, or something wrong with it.
    pub fn token(&self, request: &TokenRequest) -> String {
        self.inner.token(request)
    }

    /// Creates or changes a user and sends `user.created` or `user.updated` unless `input.webhook` is `Some(false)`.
    /// Returns Clerk's user object; the delivery goes on in the background, see [`Clerk::settled`].
    pub fn put_user(&self, input: UserInput) -> Value {
        self.inner.put_user(input)
    }

    /// Removes a user and sends `user.deleted`. Whether there was one.
    pub fn delete_user(&self, user_id: &str) -> bool {
        self.inner.delete_user(user_id, true)
    }

    /// Bans, locks or lets a user in again as the backend API does, and sends `user.updated`. Clerk's user object, if there is
    /// such a user.
    pub fn bar_user(&self, user_id: &str, bar: Bar) -> Option<Value> {
        self.inner.bar_user(user_id, bar)
    }

    /// Clerk's user object.
    pub fn user(&self, user_id: &str) -> Option<Value> {
        lock(&self.inner.state).users.get(user_id).cloned()
    }

    /// Sends any signed event and waits for its fate. Naming the same `id` twice repeats a delivery.
    pub async fn send_webhook(&self, event_type: &str, data: Value, id: Option<String>) -> Delivery {
        let message = self.inner.message(event_type, data, id);
        self.inner.outbound.announce();
        self.inner.outbound.send(&message).await
    }

    /// Every message so far with its tries.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.inner.outbound.deliveries()
    }

    /// Waits until no webhook is being tried.
    pub async fn settled(&self) {
        self.inner.outbound.settled().await;
    }

    /// The requests that reached the issuer and the backend API.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.inner.exchange.requests()
    }

    /// Lets a coming request fail.
    pub fn fail(&self, fault: Fault) {
        self.inner.exchange.fail(fault);
    }
}

fn load(options: &ClerkOptions) -> io::Result<State> {
    let (mut journal, mut before) = Journal::open(options.state_file.clone())?;
    let users = before.items("user")?;
    let mut kept = before.take("instance")?.unwrap_or_else(|| Kept {
        instance_id: random_id("ins_"),
        secret_key: random_id("sk_test_"),
        webhook_secret: random_webhook_secret(),
        keys: Vec::new(),
    });
    if let Some(secret_key) = &options.secret_key {
        kept.secret_key.clone_from(secret_key);
    }
    if let Some(webhook_secret) = &options.webhook_secret {
        kept.webhook_secret.clone_from(webhook_secret);
    }
    if kept.keys.is_empty() {
        let kid = kept.instance_id.clone();
        let pkcs8 = generate_key(&kid)?.to_pkcs8().ok_or_else(|| io::Error::other("the key cannot be written"))?;
        kept.keys.push((kid, pkcs8));
    }
    let keys: Option<Vec<_>> =
        kept.keys.iter().map(|(kid, pkcs8)| RsaKey::from_pkcs8(kid.clone(), pkcs8).map(Arc::new)).collect();
    let keys = keys.ok_or_else(|| io::Error::other("a kept signing key cannot be read"))?;
    journal.keep("instance", &kept);
    Ok(State { journal, kept, users, keys })
}

fn generate_key(kid: &str) -> io::Result<RsaKey> {
    RsaKey::generate(kid.to_owned()).ok_or_else(|| io::Error::other("no RSA key could be made"))
}

impl State {
    fn save_instance(&mut self) {
        self.journal.keep("instance", &self.kept);
    }

    fn save_users(&mut self) {
        self.users.save(&mut self.journal);
    }
}

impl Inner {
    fn jwks(&self) -> Value {
        let keys: Vec<Value> = lock(&self.state).keys.iter().map(|key| key.to_jwk()).collect();
        json!({ "keys": keys })
    }

    fn signing_key(&self) -> Option<Arc<RsaKey>> {
        lock(&self.state).keys.last().cloned()
    }

    fn rotate_key(&self) -> io::Result<String> {
        let kid = random_id("ins_");
        let key = generate_key(&kid)?;
        let pkcs8 = key.to_pkcs8().ok_or_else(|| io::Error::other("the key cannot be written"))?;
        let mut state = lock(&self.state);
        state.keys.push(Arc::new(key));
        state.kept.keys.push((kid.clone(), pkcs8));
        state.save_instance();
        Ok(kid)
    }

    fn retire_keys(&self) {
        let mut state = lock(&self.state);
        let retired = state.keys.len().saturating_sub(1);
        state.keys.drain(..retired);
        state.kept.keys.drain(..retired);
        state.save_instance();
    }

    fn put_user(self: &Arc<Self>, input: UserInput) -> Value {
        let webhook = input.webhook != Some(false);
        let mut state = lock(&self.state);
        let id = input.id.clone().unwrap_or_else(|| random_id("user_"));
        let old = state.users.get(&id);
        let event_type = if old.is_some() { "user.updated" } else { "user.created" };
        let user = users::user_object(&id, &input, old, clock::now_millis());
        state.users.insert(id, user.clone());
        state.save_users();
        drop(state);
        if webhook {
            self.send_in_background(self.message(event_type, user.clone(), None));
        }
        user
    }

    fn bar_user(self: &Arc<Self>, user_id: &str, bar: Bar) -> Option<Value> {
        let mut state = lock(&self.state);
        let user = users::barred(state.users.get(user_id)?, bar, clock::now_millis());
        state.users.insert(user_id.to_owned(), user.clone());
        state.save_users();
        drop(state);
        self.send_in_background(self.message("user.updated", user.clone(), None));
        Some(user)
    }

    fn delete_user(self: &Arc<Self>, user_id: &str, webhook: bool) -> bool {
        let mut state = lock(&self.state);
        let existed = state.users.remove(user_id);
        state.save_users();
        drop(state);
        if existed && webhook {
            self.send_in_background(self.message("user.deleted", users::deleted_object(user_id), None));
        }
        existed
    }

    fn message(&self, event_type: &str, data: Value, id: Option<String>) -> Message {
        let state = lock(&self.state);
        let body = json!({
            "type": event_type,
            "object": "event",
            "timestamp": clock::now_millis(),
            "instance_id": state.kept.instance_id,
            "event_attributes": { "http_request": { "client_ip": "203.0.113.7", "user_agent": "Mozilla/5.0 (simulated)" } },
            "data": data,
        })
        .to_string();
        Self::signed_message(state.kept.webhook_secret.clone(), event_type, body, id)
    }

    /// Each try is signed anew with its own time; the id stays.
    fn signed_message(secret: String, event_type: &str, body: String, id: Option<String>) -> Message {
        let id = id.unwrap_or_else(|| random_id("msg_"));
        let (signed_id, signed_body) = (id.clone(), body.clone());
        let sign = move |_: u32| {
            let timestamp = clock::now().as_second();
            vec![
                ("svix-id".to_owned(), signed_id.clone()),
                ("svix-timestamp".to_owned(), timestamp.to_string()),
                ("svix-signature".to_owned(), svix_signature(&secret, &signed_id, timestamp, &signed_body)),
            ]
        };
        Message { id, event_type: event_type.to_owned(), body, gzip: false, sign: Box::new(sign) }
    }

    fn send_in_background(&self, message: Message) {
        self.outbound.announce();
        let outbound = self.outbound.clone();
        tokio::spawn(async move { outbound.send(&message).await });
    }

    fn token(&self, request: &TokenRequest) -> String {
        let Some(key) = self.signing_key() else { return String::new() };
        let authorized_party = lock(&self.authorized_party).clone();
        tokens::token(&key, &self.issuer, &authorized_party, request, clock::now().as_second())
    }

    fn new_session_id() -> String {
        random_id("sess_")
    }
}
