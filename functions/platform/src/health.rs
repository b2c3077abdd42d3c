//! `GET /health`: whether it runs, and which version of what.

use axum::extract::State;
use domain::availability::zone_data_version;
use kit::needs::Needs;
use kit::{App, Json, Route, Who};
use schemars::JsonSchema;
use serde::Serialize;

/// The route.
pub fn route() -> Route {
    Route::get("health", "/health", Who::Anyone, health)
        .about("Check the health and version of the service.")
        .answers::<Health>(200)
        .needs(Needs::NOTHING.memory_mb(128))
}

/// The health of the service.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Always `ok`.
    status: &'static str,
    /// The commit it was built from.
    version: String,
    /// The release of the IANA time zone database by which local times are computed.
    zone_data_version: &'static str,
}

async fn health(State(app): State<App>) -> Json<Health> {
    let version = app.config.version.clone();
    Json(Health { status: "ok", version, zone_data_version: zone_data_version() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use testing::World;

    #[tokio::test]
    async fn it_says_that_it_runs_to_anyone() {
        let world = World::new(&crate::functions()).await;
        let answer = world.send("GET", "/health", None, &[]).await;
        assert_eq!(answer.headers["x-request-id"], "request-1");
        let body = answer.expect(200);
        let zone_data = body["zoneDataVersion"].as_str().unwrap();
        // A year and a letter; whichever it is today.
        assert!(zone_data.len() == 5 && zone_data.starts_with("20"), "{zone_data}");
        assert_eq!(body, json!({ "status": "ok", "version": "unknown", "zoneDataVersion": zone_data }));
    }

    #[tokio::test]
    async fn a_monitor_may_ask_for_its_head_alone() {
        let world = World::new(&crate::functions()).await;
        let answer = world.send("HEAD", "/health", None, &[]).await;
        assert_eq!((answer.status, answer.body), (200, Value::Null));
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.headers["x-request-id"], "request-1");
    }

    #[tokio::test]
    async fn what_is_not_a_route_is_not_found() {
        let world = World::new(&crate::functions()).await;
        let refused = world.call("cara", "POST", "/health", Value::Null).await;
        refused.refused(405, "method_not_allowed");
        assert_eq!(refused.headers["allow"], "GET, HEAD, OPTIONS");
        world.send("GET", "/healthy", None, &[]).await.refused(404, "not_found");
    }
}
