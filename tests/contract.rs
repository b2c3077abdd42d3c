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
fn every_operation_says_what_it_does_and_what_it_answers() {
    for route in tests::all_routes() {
        assert!(!route.about.is_empty(), "{} says nothing", route.name);
        // These answer a document and a page.
        let has_no_schema = route.status == 204 || matches!(route.name, "openapi_document" | "docs_page");
        assert_eq!(route.answer.is_none(), has_no_schema, "{} does not say what it answers", route.name);
    }
}
