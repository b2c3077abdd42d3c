//! Routes as a router: what every request goes through before its handler, and every answer after it.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::Method;
use store::origin;
use tracing::Instrument;
use tracing::field::Empty;

use crate::App;
use crate::http::callers::authenticate;
use crate::http::gateway::RequestId;
use crate::http::methods;
use crate::http::problem::{Refusal, complete};
use crate::http::route::Route;

/// A router that serves these routes for `app`, as each of them is served by its own Lambda.
pub fn router(routes: &[Route], app: App) -> Router {
    let mut router = Router::new();
    for route in routes {
        // Here too where several share an application, as in tests.
        let app = app.only(&route.given());
        let mut handler = route.handler.clone();
        if route.who.needs_token() {
            handler = handler.layer(from_fn_with_state(app.clone(), authenticate));
        }
        let handler = handler.layer(from_fn_with_state(route.name, named));
        router = router.route(route.path, handler.with_state(app));
    }
    finish(router, app)
}

/// Adds to `routes` what every answer has: a request id, refusals as problem+json, one log line.
fn finish(routes: Router<App>, app: App) -> Router {
    routes
        .fallback(methods::unanswered)
        .method_not_allowed_fallback(methods::unanswered)
        .layer(from_fn_with_state(app.clone(), around))
        .with_state(app)
}

/// Names the function in every line that is logged of a request.
async fn named(State(function): State<&'static str>, request: Request, next: Next) -> Response {
    tracing::Span::current().record("function", function);
    next.run(request).await
}

async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let given = request.extensions().get::<RequestId>().map(|id| id.0.clone()).filter(|id| !id.is_empty());
    let request_id = given.unwrap_or_else(|| app.ids.unique(app.now()).to_string());
    let (method, path) = (request.method().clone(), matched_path(&request));
    let span = tracing::info_span!(
        "request", http.method = %method, http.route = path, request.id = request_id, origin = request_id,
        function = Empty, user.id = Empty
    );
    let began = app.now();
    let answered = origin::carry(&request_id, Box::pin(next.run(request)));
    let response = answered.instrument(span.clone()).await;
    let code = response.extensions().get::<Refusal>().map_or("", |r| r.0.code.as_str()).to_owned();
    let duration_ms = app.now().as_millisecond() - began.as_millisecond();
    span.in_scope(|| {
        let status = response.status().as_u16();
        tracing::info!(http.status = status, outcome = code, duration.ms = duration_ms, "request answered");
    });
    let mut response = complete(response, &request_id);
    if method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

/// The route's pattern rather than the path: paths hold ids.
fn matched_path(request: &Request) -> String {
    let pattern = request.extensions().get::<axum::extract::MatchedPath>();
    pattern.map_or_else(|| "unknown".to_owned(), |p| p.as_str().to_owned())
}
