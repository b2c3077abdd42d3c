//! Running a Lambda. None of this is generic over the handler: it is compiled once, here, and not into every binary.

use std::process::ExitCode;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, header};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use store::origin;
use tracing::Instrument;

use crate::error::{Error, Refusal};
use crate::gateway::{self, RequestId, take_refusal};
use crate::invocation::Invocation;
use crate::route::Route;
use crate::worker::Worker;
use crate::{App, BoxFuture, methods, telemetry};

/// Serves one route as a Lambda behind API Gateway.
pub fn serve_http(route: Route) -> ExitCode {
    start(move |app| {
        Box::pin(async move {
            if route.uses_table {
                warm(&app).await;
            }
            answer_events(route.router(app)).await
        })
    })
}

/// Serves what the gateway finds no route for, so that it is answered like everything else.
pub fn serve_unknown_addresses() -> ExitCode {
    start(|app| Box::pin(async move { answer_events(finish(Router::new(), app)).await }))
}

async fn answer_events(router: Router) -> Result<(), lambda_runtime::Error> {
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let router = router.clone();
        async move {
            let answer = Invocation::of(&event.context).run(gateway::respond(router, event.payload)).await;
            Ok::<_, lambda_runtime::Error>(answer)
        }
    });
    lambda_runtime::run(handler).await
}

/// Works off one queue as a Lambda.
pub fn serve_queue(worker: Worker) -> ExitCode {
    start(move |app| {
        Box::pin(async move {
            warm(&app).await;
            let handler = service_fn(move |event: LambdaEvent<Value>| {
                let app = app.clone();
                async move {
                    let invocation = Invocation::of(&event.context);
                    let work = async { crate::worker::run(&app, worker, event.payload).await.map_err(report) };
                    invocation.run(Box::pin(work)).await
                }
            });
            lambda_runtime::run(handler).await
        })
    })
}

/// A Lambda over any other event: the table's stream, or a schedule.
pub type EventHandler = fn(App, Value) -> BoxFuture<'static, Result<Value, Error>>;

/// Runs `handler` for each event as a Lambda.
pub fn serve_event(handler: EventHandler) -> ExitCode {
    start(move |app| {
        Box::pin(async move {
            let handler = service_fn(move |event: LambdaEvent<Value>| {
                let app = app.clone();
                async move {
                    let invocation = Invocation::of(&event.context);
                    // A run of a schedule is the first of its chain; rows that the relay carries name another one.
                    let origin = invocation.id.clone();
                    let span = tracing::info_span!("event", origin);
                    let handled = async move { handler(app, event.payload).await.map_err(report) };
                    invocation.run(origin::carry(&origin, Box::pin(handled)).instrument(span)).await
                }
            });
            lambda_runtime::run(handler).await
        })
    })
}

fn report(error: Error) -> lambda_runtime::Error {
    match error {
        Error::Refused(problem) => {
            let text = crate::error::chain(problem.as_ref());
            tracing::error!(error = text, "event failed");
            lambda_runtime::Error::from(problem.code())
        }
        Error::Replayed(_) => lambda_runtime::Error::from("replayed"),
    }
}

type Run = Box<dyn Future<Output = Result<(), lambda_runtime::Error>>>;

fn start(run: impl FnOnce(App) -> std::pin::Pin<Run>) -> ExitCode {
    telemetry::start();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async move {
        // A missing value stops the function here, with a message that names it.
        let app = App::from_env()?;
        run(app).await
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "start-up failed");
            ExitCode::FAILURE
        }
    }
}

async fn warm(app: &App) {
    if let Err(error) = app.table.warm().await {
        tracing::warn!(%error, "the connection to the table was not opened ahead of the first request");
    }
}

/// Adds to `routes` what every answer has: a request id, refusals as problem+json, one log line.
pub(crate) fn finish(routes: Router<App>, app: App) -> Router {
    routes
        .fallback(methods::unanswered)
        .method_not_allowed_fallback(methods::unanswered)
        .layer(axum::middleware::from_fn_with_state(app.clone(), around))
        .with_state(app)
}

async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let given = request.extensions().get::<RequestId>().map(|id| id.0.clone()).filter(|id| !id.is_empty());
    let request_id = given.unwrap_or_else(|| app.ids.unique(app.now()).to_string());
    let (method, path) = (request.method().clone(), matched_path(&request));
    let span =
        tracing::info_span!("request", request.id = request_id, origin = request_id, user.id = tracing::field::Empty);
    let began = app.now();
    let answered = origin::carry(&request_id, Box::pin(next.run(request)));
    let response = answered.instrument(span.clone()).await;
    let code = response.extensions().get::<Refusal>().map_or("", |r| r.0.code.as_str()).to_owned();
    let duration_ms = app.now().as_millisecond() - began.as_millisecond();
    span.in_scope(|| {
        tracing::info!(http.method = %method, http.route = path, http.status = response.status().as_u16(),
            outcome = code, duration.ms = duration_ms, "request answered");
    });
    let mut response = with_problem_body(response, &request_id);
    if method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

/// Completes an answer with what only the request knows: its id, and with it the body of a refusal.
pub(crate) fn with_problem_body(mut response: Response, request_id: &str) -> Response {
    if let Some(Refusal(mut body)) = take_refusal(&mut response) {
        request_id.clone_into(&mut body.request_id);
        let (mut parts, _) = response.into_parts();
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        parts.headers.remove(header::CONTENT_LENGTH);
        let text = serde_json::to_string(&body).unwrap_or_default();
        response = (parts, text).into_response();
    }
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The route's pattern rather than the path: paths hold ids.
fn matched_path(request: &Request) -> String {
    let pattern = request.extensions().get::<axum::extract::MatchedPath>();
    pattern.map_or_else(|| "unknown".to_owned(), |p| p.as_str().to_owned())
}
