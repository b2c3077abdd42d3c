//! What is made from the code is what the code says: the published description of the API, the table of addresses, the functions'
//! blocks of the template and their binaries. `UPDATE=1` writes it anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use tests::{described, generated};

use crate::template::{root, text};

const FIRST: &str = "  # Functions, made from the code: UPDATE=1 cargo test -p tests --test system contract\n\n";
const LAST: &str = "  # End of what is made from the code\n";

/// Every file that is made from the code, and what it should be.
fn made() -> BTreeMap<PathBuf, String> {
    let routes = tests::all_routes();
    let document = serde_json::to_string_pretty(&kit::openapi::document(&routes)).unwrap() + "\n";
    let template = text();
    let (before, rest) = template.split_once(FIRST).expect("the line before the functions");
    let (_, after) = rest.split_once(LAST).expect("the line after the functions");
    let template = [before, FIRST, &generated::blocks(&tests::areas()), LAST, after].concat();
    let mut files = BTreeMap::from([
        (root().join("functions/platform/openapi.json"), document),
        (root().join("shared/kit/src/http/methods.txt"), kit::methods::table(&routes)),
        (root().join("template.yaml"), template),
    ]);
    for (area, functions) in tests::areas() {
        for function in functions {
            let path = root().join(format!("functions/{area}/src/bin/{}.rs", function.name()));
            files.insert(path, generated::binary(area, &function));
        }
    }
    files
}

#[test]
fn what_is_made_from_the_code_is_current() {
    let made = made();
    let update = std::env::var_os("UPDATE").is_some();
    for (path, current) in &made {
        if update {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, current).unwrap();
        }
        let found = fs::read_to_string(path).unwrap_or_default();
        assert!(found == *current, "{} is stale: UPDATE=1 cargo test -p tests --test system contract", path.display());
    }
    for (area, _) in tests::areas() {
        for binary in fs::read_dir(root().join(format!("functions/{area}/src/bin"))).unwrap() {
            let path = binary.unwrap().path();
            assert!(made.contains_key(&path), "{} is no function of {area}", path.display());
        }
    }
}

#[tokio::test]
async fn every_address_says_what_can_be_done_there_and_has_a_head_where_it_can_be_got() {
    let routes = tests::all_routes();
    let world = testing::World::new(&tests::all_functions()).await;
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

#[test]
fn every_body_has_an_example_of_the_form_that_is_published() {
    let routes = tests::all_routes();
    let document = kit::openapi::document(&routes);
    for route in routes.iter().filter(|route| route.body.is_some() || route.example.is_some()) {
        assert!(route.example.is_some(), "{} has a body and no example of it", route.name);
        assert_eq!(described::fault_of_example(&document, route), None, "{}", route.name);
    }
}
