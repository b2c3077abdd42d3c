//! Running a Lambda. None of this is generic over the handler: it is compiled once, here, and not into every binary.

use std::process::ExitCode;

use axum::Router;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use store::origin;
use tracing::Instrument;

use crate::error::Error;
use crate::http::gateway;
use crate::http::route::Route;
use crate::http::router::router;
use crate::invocation::Invocation;
use crate::needs::{Given, Needs};
use crate::task::Task;
use crate::worker::Worker;
use crate::{App, telemetry};

/// Serves one route as a Lambda behind API Gateway.
pub fn serve_http(route: Route) -> ExitCode {
    start(&route.given(), move |app| {
        Box::pin(async move {
            if !route.needs.table.is_empty() {
                warm(&app).await;
            }
            answer_events(router(&[route], app)).await
        })
    })
}

/// Serves what the gateway finds no route for, so that it is answered like everything else.
pub fn serve_unknown_addresses() -> ExitCode {
    start(&Needs::NOTHING.given(None), |app| Box::pin(async move { answer_events(router(&[], app)).await }))
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
    start(&worker.given(), move |app| {
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

/// Runs a task for each event as a Lambda.
pub fn serve_task(task: Task) -> ExitCode {
    start(&task.given(), move |app| {
        Box::pin(async move {
            let handler = service_fn(move |event: LambdaEvent<Value>| {
                let app = app.clone();
                async move {
                    let invocation = Invocation::of(&event.context);
                    // A run of a schedule is the first of its chain; rows that the relay carries name another one.
                    let origin = invocation.id.clone();
                    let span = tracing::info_span!("event", origin);
                    let handled = async move { (task.handler)(app, event.payload).await.map_err(report) };
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

fn start(given: &Given, run: impl FnOnce(App) -> std::pin::Pin<Run>) -> ExitCode {
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
        let app = App::from_env(given)?;
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
