//! Telling what happened: at once, late or more than once, or held back and let go in another order. With the controls that all
//! simulators with such events share.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::crypto::Shuffler;
use crate::delivery::{Delivery, Message, Outbound, Retries};
use crate::http::{Exchange, control_body, control_error, faults_response, json_response, lock, requests_response};

/// How events leave from now on.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Manner {
    /// They wait until they are let go.
    pub hold: bool,
    /// How often each is sent. 0 counts as 1.
    pub repeat: u32,
    /// How long each waits before it is sent.
    pub delay_milliseconds: u64,
}

/// How events that were held back are let go.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Release {
    /// The last one first.
    pub reverse: bool,
    /// Into an order that depends on this alone.
    pub shuffle: Option<u64>,
    /// How often each is sent. 0 counts as 1.
    pub repeat: u32,
}

/// The events of one simulator.
pub struct Events {
    outbound: Arc<Outbound>,
    manner: Mutex<Manner>,
    held: Mutex<Vec<Arc<Message>>>,
    told: Mutex<Vec<Arc<Message>>>,
}

impl Events {
    /// `path` is where below the API's URL the product listens for this provider.
    pub fn new(path: &'static str, retry_pauses: Vec<Duration>, api_url: Option<String>) -> Arc<Self> {
        Arc::new(Self {
            outbound: Outbound::new(path, Retries::Svix(retry_pauses), api_url),
            manner: Mutex::default(),
            held: Mutex::default(),
            told: Mutex::default(),
        })
    }

    pub fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    pub fn set_manner(&self, manner: Manner) {
        *lock(&self.manner) = manner;
    }

    /// Tells what happened, in the manner that is set.
    pub fn emit(&self, message: Message) {
        let message = Arc::new(message);
        lock(&self.told).push(message.clone());
        let manner = *lock(&self.manner);
        if manner.hold {
            lock(&self.held).push(message);
            return;
        }
        for _ in 0..manner.repeat.max(1) {
            self.outbound.announce();
            let (outbound, message) = (self.outbound.clone(), message.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(manner.delay_milliseconds)).await;
                outbound.send(&message).await;
            });
        }
    }

    /// Lets go what was held back, one after the other.
    pub async fn release(&self, how: Release) -> Vec<Delivery> {
        let mut messages: Vec<Arc<Message>> = lock(&self.held).drain(..).collect();
        if how.reverse {
            messages.reverse();
        }
        let mut messages: Vec<Arc<Message>> =
            messages.into_iter().flat_map(|message| vec![message; how.repeat.max(1) as usize]).collect();
        if let Some(seed) = how.shuffle {
            Shuffler(seed).shuffle(&mut messages);
        }
        let mut deliveries = Vec::new();
        for message in messages {
            deliveries.push(self.send(&message).await);
        }
        deliveries
    }

    /// Sends a message now, whatever the manner, and says what became of it.
    pub async fn send(&self, message: &Message) -> Delivery {
        self.outbound.announce();
        self.outbound.send(message).await
    }

    /// Sends an event once more.
    pub async fn repeat(&self, id: &str) -> Option<Delivery> {
        let message = lock(&self.told).iter().find(|message| message.id == id).cloned()?;
        Some(self.send(&message).await)
    }
}

struct Controls {
    events: Arc<Events>,
    exchange: Arc<Exchange>,
}

/// The controls that are the same everywhere.
pub fn controls(events: Arc<Events>, exchange: Arc<Exchange>) -> Router {
    Router::new()
        .route("/simulator/events/manner", post(set_manner))
        .route("/simulator/events/release", post(release))
        .route("/simulator/events/{id}/repeat", post(repeat))
        .route("/simulator/deliveries", get(deliveries))
        .route("/simulator/requests", get(requests))
        .route("/simulator/faults", post(faults))
        .route("/simulator/reset", post(reset))
        .with_state(Arc::new(Controls { events, exchange }))
}

async fn set_manner(State(controls): State<Arc<Controls>>, body: Bytes) -> Response {
    match control_body::<Manner>(&body) {
        Ok(manner) => {
            controls.events.set_manner(manner);
            json_response(StatusCode::OK, &json!(manner))
        }
        Err(message) => control_error(StatusCode::BAD_REQUEST, message),
    }
}

async fn release(State(controls): State<Arc<Controls>>, body: Bytes) -> Response {
    match control_body::<Release>(&body) {
        Ok(how) => json_response(StatusCode::OK, &json!({ "deliveries": controls.events.release(how).await })),
        Err(message) => control_error(StatusCode::BAD_REQUEST, message),
    }
}

async fn repeat(State(controls): State<Arc<Controls>>, Path(id): Path<String>) -> Response {
    match controls.events.repeat(&id).await {
        Some(delivery) => json_response(StatusCode::OK, &json!(delivery)),
        None => control_error(StatusCode::NOT_FOUND, "there was no such event"),
    }
}

async fn deliveries(State(controls): State<Arc<Controls>>, RawQuery(query): RawQuery) -> Response {
    controls.events.outbound.deliveries_response(query.as_deref()).await
}

async fn requests(State(controls): State<Arc<Controls>>) -> Response {
    requests_response(&controls.exchange)
}

async fn faults(State(controls): State<Arc<Controls>>, body: Bytes) -> Response {
    faults_response(&controls.exchange, &body)
}

async fn reset(State(controls): State<Arc<Controls>>) -> Response {
    controls.exchange.reset();
    controls.events.outbound.forget();
    controls.events.set_manner(Manner::default());
    lock(&controls.events.held).clear();
    lock(&controls.events.told).clear();
    json_response(StatusCode::OK, &json!({}))
}
