//! A request that changes something: who asks, under which idempotency key, and what.
//!
//! One attempt reads everything in one batch (the person, the rate bucket, the idempotency record and what the operation
//! itself needs), or a second where the booking names what to read, decides, and commits everything in one transaction. The
//! handler runs the attempt through [`App::retry`].

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use domain::problem::ValidationError;
use domain::rate_limit::{RateRule, TokenBucket};
use domain::user::UserError;
use http::StatusCode;
use jiff::Timestamp;
use providers::clerk::Session;
use serde::Serialize;
use store::{Items, Key, Tx, idempotency, keys, rate_limit};

use crate::App;
use crate::error::Error;
use crate::http::answer::{answer, encode, json};
use crate::http::callers::{Caller, SignedIn, effective};
use crate::http::extract::{MAX_BODY_BYTES, RequestBody, parse_json, read_body};

/// A request that changes something, by a caller of kind `C`, with body `B`.
#[derive(Debug)]
pub struct Write<C, B> {
    /// What is asked for.
    pub body: B,
    session: Session,
    idempotency: Option<Remembered>,
    caller: std::marker::PhantomData<fn() -> C>,
}

impl<C: Caller, B: RequestBody> FromRequest<App> for Write<C, B> {
    type Rejection = Error;
    async fn from_request(request: Request, app: &App) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let SignedIn(session) = SignedIn::from_request_parts(&mut parts, app).await?;
        if session.impersonator.is_some() {
            return Err(UserError::Impersonated.into());
        }
        match read::<B>(Request::from_parts(parts, body), &session.user_id).await {
            Ok((body, idempotency)) => Ok(Self { body, session, idempotency, caller: std::marker::PhantomData }),
            Err(refusal) => {
                // Who may not do this learns that first, and nothing about what a request should look like.
                let user = store::user::get(&app.table, &session.user_id).await?;
                C::admit(&session, effective(user, &app.config), app.now())?;
                Err(refusal)
            }
        }
    }
}

/// An idempotency key, and what is remembered under it.
type Remembered = (String, idempotency::Request);

async fn read<B: RequestBody>(
    request: Request,
    user_id: &domain::ids::UserId,
) -> Result<(B, Option<Remembered>), Error> {
    let key = idempotency_key(request.headers())?;
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let bytes = read_body(request, MAX_BODY_BYTES).await?;
    let body = if bytes.is_empty() && B::MAY_BE_EMPTY { parse_json(b"{}")? } else { parse_json(&bytes)? };
    let idempotency = key.map(|key| {
        let request = idempotency::Request::new(user_id, method.as_str(), &path, &key, sha256_hex(&bytes));
        (key, request)
    });
    Ok((body, idempotency))
}

/// The SHA-256 of `bytes`, hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}

fn idempotency_key(headers: &http::HeaderMap) -> Result<Option<String>, ValidationError> {
    let refused = || ValidationError::field("Idempotency-Key", "must be 1 to 255 visible ASCII characters, once");
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| refused())?;
    let visible = text.bytes().all(|b| b.is_ascii_graphic());
    if text.is_empty() || text.len() > 255 || !visible || values.next().is_some() {
        return Err(refused());
    }
    Ok(Some(text.to_owned()))
}

impl<C: Caller, B> Write<C, B> {
    /// The person who asks, not yet admitted.
    pub fn user_id(&self) -> &domain::ids::UserId {
        &self.session.user_id
    }

    /// The idempotency key, if one was sent.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.idempotency.as_ref().map(|(key, _)| key.as_str())
    }

    /// Runs `attempt` until no rival is in its way.
    ///
    /// A batch read is no snapshot: one that runs while a twin of this request commits can see what the twin changed and
    /// miss its record, and would refuse the repeat. So before such a refusal is given, the record is looked for again.
    pub async fn run<F>(&self, app: &App, attempt: impl FnMut() -> F) -> Result<Response, Error>
    where
        F: Future<Output = Result<Response, Error>>,
    {
        let outcome = app.retry(attempt).await;
        match (outcome, &self.idempotency) {
            (Err(refusal), Some((_, request))) if refusal.can_come_from_a_twin() => {
                let profile = keys::profile(self.user_id());
                let items = app.table.batch_get(&[profile.clone(), request.key().clone()]).await?;
                // What stood in the way may have come before anybody asked who this is.
                C::admit(&self.session, effective(items.get(&profile)?, &app.config), app.now())?;
                Err(request.answer(&items, app.now())??.map_or(refusal, Error::Replayed))
            }
            (outcome, _) => outcome,
        }
    }

    /// Reads what this attempt needs, in one round trip, and admits the caller. Refuses, in this order: who may not do
    /// this, a repeat (by answering as before), and who does it too often.
    pub async fn begin(&self, app: &App, rule: RateRule, more: &[Key]) -> Result<Begun<C>, Error> {
        let user_id = &self.session.user_id;
        let mut wanted = vec![keys::profile(user_id), keys::rate_limit(rule, user_id)];
        wanted.extend(self.idempotency.iter().map(|(_, request)| request.key().clone()));
        wanted.extend_from_slice(more);
        let items = app.table.batch_get(&wanted).await?;
        let now = app.now();
        let user = effective(items.get(&wanted[0])?, &app.config);
        let caller = C::admit(&self.session, user, now)?;
        if let Some((_, request)) = &self.idempotency
            && let Some(answer) = request.answer(&items, now)??
        {
            return Err(Error::Replayed(answer));
        }
        let bucket = if caller.is_admin() {
            None
        } else {
            let mut bucket = rate_limit::bucket(&items, rule, user_id, now)?;
            bucket.take(rule, now)?;
            Some((rule, bucket))
        };
        let idempotency = self.idempotency.as_ref().map(|(_, request)| request.clone());
        Ok(Begun { caller, items, now, user_id: user_id.clone(), bucket, idempotency })
    }
}

/// An attempt whose reads are done.
#[derive(Debug)]
pub struct Begun<C> {
    /// Who asks.
    pub caller: C,
    /// What was read.
    pub items: Items,
    /// The instant of this attempt.
    pub now: Timestamp,
    user_id: domain::ids::UserId,
    bucket: Option<(RateRule, TokenBucket)>,
    idempotency: Option<idempotency::Request>,
}

impl<C> Begun<C> {
    /// Commits the change together with the rate token and the idempotency record, and answers with `view`.
    pub async fn commit(
        self,
        app: &App,
        mut tx: Tx,
        status: StatusCode,
        view: &impl Serialize,
    ) -> Result<Response, Error> {
        let body = encode(view)?;
        self.take_token(&mut tx)?;
        if let Some(request) = &self.idempotency {
            request.remember(&mut tx, status.as_u16(), &body, self.now)?;
        }
        tx.commit(&app.table).await?;
        Ok(json(status, body))
    }

    /// Answers where nothing is to be changed. Under an idempotency key that is an answer like any other: it is
    /// remembered, so that a repeat that comes late finds it and changes nothing either.
    pub async fn unchanged(self, app: &App, view: &impl Serialize) -> Result<Response, Error> {
        match self.idempotency {
            Some(_) => self.commit(app, Tx::new(), StatusCode::OK, view).await,
            None => answer(StatusCode::OK, view),
        }
    }

    /// Commits a change that has nothing to show: 204.
    pub async fn commit_empty(self, app: &App, mut tx: Tx) -> Result<Response, Error> {
        self.take_token(&mut tx)?;
        tx.commit(&app.table).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }

    /// Takes the rate token before a provider is called, for routes that write nothing.
    pub async fn take_rate_token(&self, app: &App) -> Result<(), Error> {
        let mut tx = Tx::new();
        self.take_token(&mut tx)?;
        Ok(tx.commit(&app.table).await?)
    }

    fn take_token(&self, tx: &mut Tx) -> Result<(), Error> {
        if let Some((rule, bucket)) = &self.bucket {
            rate_limit::write(tx, *rule, &self.user_id, bucket)?;
        }
        Ok(())
    }
}
