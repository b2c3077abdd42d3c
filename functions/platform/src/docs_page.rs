//! `GET /docs`: the description of the API for people.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use kit::needs::Needs;
use kit::{App, Route, Who};

/// The page. `NONCE` stands for the number that lets its own script and styles through the policy.
const PAGE: &str = include_str!("docs_page.html");

/// The route.
pub fn route() -> Route {
    Route::get("docs_page", "/docs", Who::Anyone, docs_page)
        .about("Show the API documentation.")
        .needs(Needs::NOTHING.memory_mb(128))
}

async fn docs_page(State(app): State<App>) -> Response {
    let nonce = format!("{:016x}{:016x}", app.ids.random(), app.ids.random());
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", &policy),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ];
    (headers, PAGE.replace("NONCE", &nonce)).into_response()
}

#[cfg(test)]
mod tests {
    use super::PAGE;
    use testing::World;

    #[tokio::test]
    async fn anyone_reads_the_page_and_only_its_own_script_runs() {
        let world = World::new(&crate::functions()).await;
        let first = world.send("GET", "/docs", None, &[]).await;
        assert_eq!((first.status, &first.headers["content-type"]), (200, &"text/html; charset=utf-8".parse().unwrap()));
        let policy = first.headers["content-security-policy"].to_str().unwrap().to_owned();
        let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'nonce-"), "{policy}");
        let page = first.body.as_str().unwrap();
        assert!(page.starts_with("<!doctype html>"));
        assert_eq!(page.matches(&format!("nonce=\"{nonce}\"")).count(), 2);
        let second = world.send("GET", "/docs", None, &[]).await;
        assert_ne!(second.headers["content-security-policy"], policy.as_str());
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere_and_finds_the_description_under_any_prefix() {
        for foreign in ["http://", "https://", "src=", "@import", "url(", "innerHTML", "style=", "onclick="] {
            assert!(!PAGE.contains(foreign), "the page contains {foreign}");
        }
        assert!(PAGE.contains("fetch(\"api/openapi.json\")"));
    }
}
