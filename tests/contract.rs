//! The published description of the API is what the code says.

use std::fs;

use crate::template::root;

#[test]
fn the_published_document_is_made_from_the_code() {
    let path = root().join("functions/platform/openapi.json");
    let document = kit::openapi::document(&tests::all_routes());
    let current = serde_json::to_string_pretty(&document).unwrap() + "\n";
    let update = std::env::var_os("UPDATE_OPENAPI").is_some();
    if update {
        fs::write(&path, &current).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap();
    assert!(published == current, "openapi.json is stale: UPDATE_OPENAPI=1 cargo test -p tests contract");
}

#[test]
fn the_table_of_addresses_and_methods_is_made_from_the_code() {
    let path = root().join("shared/kit/src/http/methods.txt");
    let current = kit::methods::table(&tests::all_routes());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(&path, &current).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap();
    assert!(known == current, "methods.txt is stale: UPDATE_OPENAPI=1 cargo test -p tests contract");
}

#[tokio::test]
async fn every_address_says_what_can_be_done_there_and_has_a_head_where_it_can_be_got() {
    let routes = tests::all_routes();
    let world = testing::World::new(&routes).await;
    let unknown = testing::World::new(&[]).await;
    for route in &routes {
        let path = route.path.replace(['{', '}'], "");
        let of = |method: &str| routes.iter().any(|other| other.path == route.path && other.method == method);
        // As the function of a route answers it, and as the one for everything else.
        for world in [&world, &unknown] {
            let refused = world.send("TRACE", &path, None, &[]).await;
            refused.refused(405, "method_not_allowed");
            let allow = refused.headers["allow"].to_str().unwrap().to_owned();
            let allowed: Vec<&str> = allow.split(", ").collect();
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                assert_eq!(allowed.contains(&method), of(method), "{path}: {allow}");
            }
            assert_eq!(allowed.contains(&"HEAD"), of("GET"), "{path}: {allow}");
            let options = world.send("OPTIONS", &path, None, &[]).await;
            assert_eq!((options.status, options.headers["allow"].to_str().unwrap()), (204, &*allow), "{path}");
            if !of("GET") {
                let head = world.send("HEAD", &path, None, &[]).await;
                assert_eq!((head.status, head.body), (405, serde_json::Value::Null), "{path}");
            }
        }
        if of("GET") {
            let (got, head) = (world.send("GET", &path, None, &[]).await, world.send("HEAD", &path, None, &[]).await);
            assert_eq!((head.status, &head.body), (got.status, &serde_json::Value::Null), "{path}");
            assert_eq!(head.headers.get("content-type"), got.headers.get("content-type"), "{path}");
        }
    }
    for path in ["/", "/api/nope", "/health/", "/api/bookings/"] {
        unknown.send("GET", path, None, &[]).await.refused(404, "not_found");
    }
}

#[test]
fn every_operation_says_what_it_does_and_what_it_answers() {
    for route in tests::all_routes() {
        assert!(!route.about.is_empty(), "{} says nothing", route.name);
        // These answer a document and a page.
        let has_no_schema = route.status == 204 || matches!(route.name, "openapi_document" | "docs_page");
        assert_eq!(route.answer.is_none(), has_no_schema, "{} does not say what it answers", route.name);
    }
}
