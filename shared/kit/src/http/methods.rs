//! Which addresses there are and what can be done with each, for requests that no route answers.
//!
//! A function serves one route and knows no other, so this is a table of all: `methods.txt`, which is made from the routes
//! together with the published document. What can be got can also be asked for its head (which the router does), and
//! everything for its options.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};

use crate::error::{Error, RequestError, not_found};
use crate::http::route::Route;

const TABLE: &str = include_str!("methods.txt");

/// The table of these routes: a line for each path, and its methods.
pub fn table(routes: &[Route]) -> String {
    let mut paths: Vec<&str> = routes.iter().map(|route| route.path).collect();
    paths.sort_unstable();
    paths.dedup();
    let line = |path: &&str| {
        let mut methods: Vec<&str> = routes.iter().filter(|r| r.path == *path).map(|r| r.method).collect();
        methods.sort_unstable();
        format!("{path} {}\n", methods.join(" "))
    };
    paths.iter().map(line).collect()
}

/// Answers what no route does: 405 with what else can be done here, or 404 where there is nothing.
pub(crate) async fn unanswered(request: Request) -> Response {
    let allowed = allowed(TABLE, request.uri().path());
    if allowed.is_empty() {
        return not_found("address").into_response();
    }
    // A browser asks for the options before it sends what another site's page asks for, and goes on only after a success.
    let mut response = match *request.method() {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => Error::from(RequestError::NoSuchMethod).into_response(),
    };
    if let Ok(allowed) = HeaderValue::from_str(&allowed.join(", ")) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// The methods of `path`. Of several addresses that fit, the one with the fewest parameters answers what it can; where
/// something can be got there, it is also asked everything else, see `template.yaml`.
fn allowed<'a>(table: &'a str, path: &str) -> Vec<&'a str> {
    let lines = table.lines().filter_map(|line| line.split_once(' '));
    let mut fitting: Vec<(usize, &str)> =
        lines.filter_map(|(known, methods)| Some((fits(known, path)?, methods))).collect();
    fitting.sort_unstable();
    let mut all = Vec::new();
    for (_, methods) in fitting {
        for method in methods.split(' ').filter(|method| !all.contains(method)).collect::<Vec<_>>() {
            all.push(method);
        }
        if all.contains(&"GET") {
            all.push("HEAD");
            break;
        }
    }
    if !all.is_empty() {
        all.push("OPTIONS");
    }
    all
}

/// With how many parameters `path` is the address `known`, if it is.
fn fits(known: &str, path: &str) -> Option<usize> {
    let (known, path): (Vec<&str>, Vec<&str>) = (known.split('/').collect(), path.split('/').collect());
    let is_parameter = |part: &&str| part.starts_with('{');
    let same = known.iter().zip(&path).all(|(known, part)| known == part || (is_parameter(known) && !part.is_empty()));
    (same && known.len() == path.len()).then(|| known.iter().filter(|part| is_parameter(part)).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_methods_of_the_routes_that_the_gateway_finds_there() {
        let table =
            "/a GET PATCH\n/things/new POST\n/things/old GET\n/things/{id} DELETE GET PUT\n/things/{id}/do POST\n";
        for (path, methods) in [
            ("/a", "GET PATCH HEAD OPTIONS"),
            ("/things/7", "DELETE GET PUT HEAD OPTIONS"),
            ("/things/new", "POST DELETE GET PUT HEAD OPTIONS"),
            ("/things/old", "GET HEAD OPTIONS"),
            ("/things/7/do", "POST OPTIONS"),
            ("/things/", ""),
            ("/things", ""),
            ("/a/", ""),
            ("/", ""),
            ("", ""),
        ] {
            assert_eq!(allowed(table, path).join(" "), methods, "{path}");
        }
    }
}
