//! A route: its path, method, permission, contract and needs, written once. The binary serves it; `openapi.json` and its block of
//! `template.yaml` are made from it.

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::App;
use crate::config::Setting;
use crate::http::who::Who;
use crate::needs::{Given, Needs};

/// What a route makes of an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdempotencyKey {
    /// Nothing: it changes nothing, or repeating it does no harm.
    Ignored,
    /// It may be sent.
    Accepted,
    /// It must be sent.
    Required,
}

/// Makes a schema when the document is generated; Lambdas never call it.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One route of the API.
#[derive(Clone)]
pub struct Route {
    /// Its operation id: also the name of its file, function and binary.
    pub name: &'static str,
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: &'static str,
    /// Its path, with parameters in braces.
    pub path: &'static str,
    /// Who may call it.
    pub who: Who,
    /// What it does, for people.
    pub about: &'static str,
    /// The body it takes.
    pub body: Option<SchemaOf>,
    /// Whether it can be left out.
    pub body_is_optional: bool,
    /// A body that it accepts, as JSON: published, and what every test sends that does not need another one.
    pub example: Option<&'static str>,
    /// The query parameters it takes.
    pub query: Option<SchemaOf>,
    /// The status of success.
    pub status: u16,
    /// What it answers; none where that is not JSON.
    pub answer: Option<SchemaOf>,
    /// The codes of its own refusals, beside those that every route of its kind has.
    pub refusals: &'static [(u16, &'static str)],
    /// What it makes of an idempotency key.
    pub idempotency_key: IdempotencyKey,
    /// Whether its answers carry an ETag, and 304 is answered while nothing has changed.
    pub is_tagged: bool,
    /// What it needs of its deployment.
    pub needs: Needs,
    pub(super) handler: MethodRouter<App>,
}

impl Route {
    fn new<H: Handler<T, App>, T: 'static>(
        name: &'static str,
        method: (&'static str, MethodFilter),
        path: &'static str,
        who: Who,
        handler: H,
    ) -> Self {
        Self {
            name,
            method: method.0,
            path,
            who,
            about: "",
            body: None,
            body_is_optional: false,
            example: None,
            query: None,
            status: 200,
            answer: None,
            refusals: &[],
            idempotency_key: IdempotencyKey::Ignored,
            is_tagged: false,
            needs: Needs::NOTHING,
            handler: on(method.1, handler),
        }
    }

    /// A route that reads.
    pub fn get<H: Handler<T, App>, T: 'static>(name: &'static str, path: &'static str, who: Who, handler: H) -> Self {
        Self::new(name, ("GET", MethodFilter::GET), path, who, handler)
    }
    /// A route that changes something.
    pub fn post<H: Handler<T, App>, T: 'static>(name: &'static str, path: &'static str, who: Who, handler: H) -> Self {
        Self::new(name, ("POST", MethodFilter::POST), path, who, handler)
    }
    /// A route that puts a whole thing where it belongs.
    pub fn put<H: Handler<T, App>, T: 'static>(name: &'static str, path: &'static str, who: Who, handler: H) -> Self {
        Self::new(name, ("PUT", MethodFilter::PUT), path, who, handler)
    }
    /// A route that changes some members.
    pub fn patch<H: Handler<T, App>, T: 'static>(name: &'static str, path: &'static str, who: Who, handler: H) -> Self {
        Self::new(name, ("PATCH", MethodFilter::PATCH), path, who, handler)
    }
    /// A route that removes something.
    pub fn delete<H: Handler<T, App>, T: 'static>(
        name: &'static str,
        path: &'static str,
        who: Who,
        handler: H,
    ) -> Self {
        Self::new(name, ("DELETE", MethodFilter::DELETE), path, who, handler)
    }

    /// Says what it does.
    #[must_use]
    pub fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }
    /// Takes this body.
    #[must_use]
    pub fn body<T: JsonSchema>(self) -> Self {
        Self { body: Some(SchemaGenerator::subschema_for::<T>), ..self }
    }
    /// Takes this body, or none.
    #[must_use]
    pub fn optional_body<T: JsonSchema>(self) -> Self {
        Self { body_is_optional: true, ..self.body::<T>() }
    }
    /// Accepts a body like this.
    #[must_use]
    pub fn example(self, body: &'static str) -> Self {
        Self { example: Some(body), ..self }
    }
    /// Takes these query parameters.
    #[must_use]
    pub fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(SchemaGenerator::root_schema_for::<T>), ..self }
    }
    /// Answers with this.
    #[must_use]
    pub fn answers<T: JsonSchema>(self, status: u16) -> Self {
        Self { status, answer: Some(SchemaGenerator::subschema_for::<T>), ..self }
    }
    /// Answers with this status and nothing else.
    #[must_use]
    pub fn answers_empty(self, status: u16) -> Self {
        Self { status, ..self }
    }
    /// Refuses with these codes, beside the common ones.
    #[must_use]
    pub fn refuses(self, refusals: &'static [(u16, &'static str)]) -> Self {
        Self { refusals, ..self }
    }
    /// Takes an idempotency key.
    #[must_use]
    pub fn idempotent(self) -> Self {
        Self { idempotency_key: IdempotencyKey::Accepted, ..self }
    }
    /// Insists on an idempotency key.
    #[must_use]
    pub fn requires_key(self) -> Self {
        Self { idempotency_key: IdempotencyKey::Required, ..self }
    }
    /// Tags its answers, so that whoever knows one is told only when it has changed.
    #[must_use]
    pub fn tagged(self) -> Self {
        Self { is_tagged: true, ..self }
    }
    /// Needs this of its deployment.
    #[must_use]
    pub fn needs(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }

    /// What it is given.
    pub fn given(&self) -> Given {
        self.needs.given(self.who.needs_token().then_some(Setting::Callers))
    }
}
