//! The pages that people see in place of a provider's.

use axum::response::{Html, IntoResponse, Redirect, Response};
use http::StatusCode;
use http::header::CONTENT_SECURITY_POLICY;

/// Text within HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// A page. `body` is HTML, whose texts are escaped.
pub fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}</title><style>body{{font:16px/1.5 system-ui;max-width:44rem;margin:3rem auto;padding:0 1rem}}\
         button{{font:inherit;margin:.3rem .3rem .3rem 0;padding:.4rem 1rem}}iframe{{width:100%;height:24rem;border:1px solid #ccc}}\
         td{{padding:.2rem 1rem .2rem 0}}</style><h1>{title}</h1>{body}</html>"
    );
    (
        status,
        [(CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; img-src * data:")],
        Html(html),
    )
        .into_response()
}

/// A button that sends `name=value` to `action`.
pub fn button(action: &str, name: &str, value: &str, label: &str) -> String {
    format!(
        "<form method=post action=\"{}\" style=display:inline><button name=\"{}\" value=\"{}\">{}</button></form>",
        escape(action),
        escape(name),
        escape(value),
        escape(label)
    )
}

/// Sends a browser on after a form.
pub fn see_other(url: &str) -> Response {
    Redirect::to(url).into_response()
}

/// An amount as people read it.
pub fn money(amount: i64, currency: &str) -> String {
    format!("{}.{:02} {}", amount / 100, amount % 100, currency.to_uppercase())
}
