//! An application of its own for each test, and requests to it.

use std::collections::BTreeMap;

use axum::Router;
use jiff::Timestamp;
use kit::app::{Clock, Ids};
use kit::aws::Aws;
use kit::config::{Config, Setting};
use kit::secrets::{Provider, Secrets};
use kit::{App, Function};
use serde_json::{Value, json};
use store::outbox::Queue;

use crate::table::{Arrangement, engine};
use crate::tokens::{ISSUER, ORIGIN, TokenClaims, jwks, token};
use crate::{Answer, FakeAws, Meter, TABLE, gateway};

/// When tests take place: 20 November 2026, 12:00 UTC, a Friday.
pub fn noon() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().expect("an instant")
}

/// The ids of all outbox rows that wait to be relayed, sorted.
pub async fn waiting(app: &App) -> Vec<String> {
    let before = app.now() + jiff::SignedDuration::from_hours(1);
    let waiting = store::outbox::waiting(&app.table, before, 100, None).await.expect("an answer");
    let mut ids: Vec<String> = waiting.rows.into_iter().map(|row| row.outbox_id).collect();
    ids.sort();
    ids
}

/// What a test's application is told, where it matters.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where providers are; nobody answers for those that are not named.
    pub base_urls: BTreeMap<Provider, String>,
    /// The providers' keys, as the deployment's secrets hold them.
    pub secrets: Value,
    /// Credits for new candidates.
    pub signup_credits: u64,
    /// What is in the table from the beginning.
    pub table: Option<Arrangement>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base_urls: BTreeMap::new(),
            secrets: json!({
                "clerk": { "secretKey": "sk_test", "webhookSecret": "whsec_dGVzdC1zZWNyZXQtb2YtdGhpcnR5LXR3by1ieXRlcyE=" },
                "stream": { "apiKey": "key_test", "apiSecret": "stream-test-secret" },
                "gemini": { "apiKey": "gemini-test-key" },
            }),
            signup_credits: 0,
            table: None,
        }
    }
}

/// One test's world.
pub struct World {
    /// The application, on a table of its own.
    pub app: App,
    /// Where its DynamoDB engine is.
    pub endpoint: String,
    /// The engine itself.
    pub engine: dynoxide::Database,
    router: Router,
}

impl World {
    /// A world that serves the routes of `functions`, at noon.
    pub async fn new(functions: &[Function]) -> Self {
        Self::with(functions, Options::default()).await
    }

    /// A world that serves the routes of `functions`, at noon, with these options.
    pub async fn with(functions: &[Function], options: Options) -> Self {
        let (url, engine) = engine(options.table.as_ref()).await;
        Self::on(engine, url.clone(), url, functions, options)
    }

    /// A world of its own for a worker: its application again, which reaches the same table, and S3, SQS and Secrets Manager.
    pub async fn beside_aws(options: Options) -> (Self, App, FakeAws) {
        let world = Self::with(&[], options).await;
        let aws = FakeAws::start().await;
        let mut config = (*world.app.config).clone();
        let address = |queue: Queue| (queue.name().to_owned(), format!("{}/{}", aws.url, queue.name()));
        config.queues = Some(Queue::ALL.map(address).into());
        let (clock, ids) = (world.app.clock.clone(), world.app.ids.clone());
        let secrets = world.app.secrets.clone();
        let mut app = App::assemble(config, Aws::at(&aws.url), secrets, clock, ids).expect("an application");
        app.table = world.app.table.clone();
        (world, app, aws)
    }

    /// A world whose requests to the table are counted.
    pub async fn metered(functions: &[Function]) -> (Self, Meter) {
        let (url, engine) = engine(None).await;
        let meter = Meter::start(&url).await;
        (Self::on(engine, url, meter.url(), functions, Options::default()), meter)
    }

    /// A world on the engine at `endpoint`, which the application reaches at `seen_as`.
    fn on(
        engine: dynoxide::Database,
        endpoint: String,
        seen_as: String,
        functions: &[Function],
        options: Options,
    ) -> Self {
        // Ids that the arrangement has used up are not drawn again.
        let first_id = if options.table.is_some() { 1 << 20 } else { 1 };
        let config = Config::from_lookup(&Setting::ALL, |name| {
            let value = match name {
                "STAGE" => "local",
                "TABLE_NAME" => TABLE,
                "CLERK_ISSUER" => ISSUER,
                "CLERK_JWKS" => return Some(jwks()),
                "ALLOWED_ORIGINS" => ORIGIN,
                "ADMIN_USER_IDS" => "user_admin",
                "SIGNUP_CREDITS" => return Some(options.signup_credits.to_string()),
                "CATALOG_CURRENCIES" => "INR,USD",
                "INR_PER_USD" => "83",
                "CREDIT_PAYOUT_MINOR" => "40",
                "PAYOUT_CURRENCY" => "USD",
                "MIN_PAYOUT_CREDITS" => "50",
                "PLATFORM_FEE_PERCENT" => "20",
                "GEMINI_MODEL" => "gemini-3.8-flash",
                "GEMINI_FALLBACK_MODEL" => "gemini-3.5-flash",
                "SECRETS_PREFIX" => "greenroom-test",
                "MEDIA_BUCKET" => "media-test",
                // Nobody listens there.
                "QUEUE_URL" => "http://127.0.0.1:9/queue",
                "QUEUES" => "none=http://127.0.0.1:9/none",
                "MEDIA_RETENTION_DAYS" => "90",
                _ => {
                    let provider = Provider::ALL.into_iter().find(|provider| provider.base_url_variable() == name)?;
                    options.base_urls.get(&provider).map_or("http://127.0.0.1:9", String::as_str)
                }
            };
            Some(value.to_owned())
        });
        let secrets = Secrets::fixed(options.secrets);
        let app = App::assemble(
            config.expect("a configuration"),
            Aws::at(&seen_as),
            secrets,
            Clock::manual(noon()),
            Ids::counting(first_id),
        )
        .expect("an application");
        let routes: Vec<_> = functions.iter().cloned().filter_map(Function::route).collect();
        let router = kit::router::router(&routes, app.clone());
        Self { app, endpoint, engine, router }
    }

    /// A session token of `user`.
    pub fn token(&self, user: &str) -> String {
        token(&TokenClaims::of(user, self.app.now()))
    }

    /// `user` sends a request; null means without a body.
    pub async fn call(&self, user: &str, method: &str, path: &str, body: Value) -> Answer {
        self.call_with(user, method, path, body, &[]).await
    }

    /// `user` sends a request with further headers.
    pub async fn call_with(
        &self,
        user: &str,
        method: &str,
        path: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let text = if body.is_null() { None } else { Some(body.to_string()) };
        let authorization = format!("Bearer {}", self.token(user));
        let mut all = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(method, path, text.map(String::into_bytes), &all).await
    }

    /// Sends a request as API Gateway's HTTP API (payload version 2) hands it to a Lambda.
    pub async fn send(&self, method: &str, path: &str, body: Option<Vec<u8>>, headers: &[(&str, &str)]) -> Answer {
        gateway::send(&self.router, gateway::event(method, path, body, headers)).await
    }

    /// Stores items straight into the engine: for more of them than requests can bring in reasonable time.
    pub fn fill(&self, items: Vec<dynoxide::Item>) {
        crate::twin::part(&self.endpoint);
        self.engine.import_items(TABLE, items, dynoxide::ImportOptions::default()).expect("items are stored");
    }

    /// Puts credits into a person's wallet, straight through the ledger.
    pub async fn give_credits(&self, user: &str, amount: u64) {
        use domain::ids::TransactionId;
        use domain::ledger::{Transfer, TransferId};
        let user: domain::ids::UserId = user.parse().expect("a user id");
        let id = TransferId::adjust(&user, &user, &self.app.ids.random().to_string());
        let amount = std::num::NonZeroI64::new(i64::try_from(amount).expect("small")).expect("not zero");
        let asset = domain::money::Asset::Credit;
        let transfer = Transfer::adjust(id, &user, asset, amount, "for a test".to_owned(), self.app.now());
        let items = self.app.table.batch_get(&[store::keys::wallet(&user, asset)]).await.expect("a read");
        let mut wallet = store::wallet::wallet(&items, &user, asset).expect("a wallet");
        let mut tx = store::Tx::new();
        let new_id = || TransactionId::new(self.app.ids.unique(self.app.now()));
        store::wallet::write_transfer(&mut tx, &transfer, &mut [&mut wallet], new_id).expect("a transfer");
        tx.commit(&self.app.table).await.expect("a commit");
    }
}
