//! `GET /api/openapi.json`: the description of the API.

use axum::response::{IntoResponse, Response};
use kit::needs::Needs;
use kit::{Route, Who};

/// The description, made from the routes of all areas; a test keeps it in step with them.
const DOCUMENT: &str = include_str!("../openapi.json");

/// The route.
pub fn route() -> Route {
    Route::get("openapi_document", "/api/openapi.json", Who::Anyone, openapi_document)
        .about("Get the OpenAPI 3.1 document of this API.")
        .needs(Needs::NOTHING.memory_mb(128))
}

async fn openapi_document() -> Response {
    ([("content-type", "application/json"), ("cache-control", "public, max-age=300")], DOCUMENT).into_response()
}

#[cfg(test)]
mod tests {
    use testing::World;

    #[tokio::test]
    async fn anyone_reads_the_description() {
        let world = World::new(&crate::functions()).await;
        let answer = world.send("GET", "/api/openapi.json", None, &[]).await;
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.headers["cache-control"], "public, max-age=300");
        let document = answer.expect(200);
        assert_eq!(document["openapi"], "3.1.0");
        assert!(document["paths"].is_object());
    }
}
