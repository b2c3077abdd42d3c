//! The one place that sends HTTP requests to providers: time-outs, permitted addresses, size limits, and what kept an
//! answer from coming.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use ::http::{Method, StatusCode};
use bytes::Bytes;
use reqwest::Url;

use crate::{BoxFuture, deadline};

/// Time to open a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Time for a whole exchange where the call does not say otherwise.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read into memory; the largest expected one is a model's answer of well under 1 MiB.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// A wait that a provider asks for is cut to this; nothing of ours waits longer than a queue's 12 hours anyway.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// Which addresses requests may go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// `https` to public hosts.
    Internet,
    /// Also loopback addresses, and to those plain `http`: for the local stage.
    InternetAndLoopback,
}

/// An address that requests may not go to. The text names no part of the address, because links can carry signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not an absolute URL with a host.
    #[error("not a valid URL")]
    Malformed,
    /// Plain `http` to somewhere else than this machine in the local stage, or another scheme altogether.
    #[error("the URL is not https")]
    NotHttps,
    /// A loopback, private or link-local address outside the local stage.
    #[error("the URL leads to a private address")]
    Private,
    /// User information, or in a base URL a query or fragment.
    #[error("the URL has parts that it may not have")]
    ExtraParts,
    /// A path segment that a URL cannot express, such as `..`.
    #[error("the URL cannot hold this path")]
    Path,
}

/// Parses an address that requests may go to.
pub(crate) fn parse_url(text: &str, reach: Reach) -> Result<Url, UrlError> {
    let url = Url::parse(text).map_err(|_| UrlError::Malformed)?;
    let host = url.host_str().ok_or(UrlError::Malformed)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::ExtraParts);
    }
    let (loopback, private) = classify_host(host);
    let local = reach == Reach::InternetAndLoopback;
    match url.scheme() {
        "https" => {}
        "http" if local && loopback => {}
        _ => return Err(UrlError::NotHttps),
    }
    if private && !(local && loopback) {
        return Err(UrlError::Private);
    }
    Ok(url)
}

/// Whether a host is this machine, and whether it is not on the public internet.
fn classify_host(host: &str) -> (bool, bool) {
    let name = host.trim_end_matches('.');
    if name == "localhost" || name.ends_with(".localhost") {
        return (true, true);
    }
    match host.trim_matches(['[', ']']).parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => {
            // 100.64/10 is shared by carriers and clouds, never public (RFC 6598).
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xC0 == 64;
            let private = shared || ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified();
            (ip.is_loopback(), private)
        }
        Ok(IpAddr::V6(ip)) => {
            let private = ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local();
            (ip.is_loopback(), private)
        }
        Err(_) => (false, false),
    }
}

/// Where a provider's API begins: scheme, host and possibly a path, which every request keeps as its prefix.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// Parses a base URL of the configuration.
    pub fn parse(text: &str, reach: Reach) -> Result<Self, UrlError> {
        let url = parse_url(text, reach)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(UrlError::ExtraParts);
        }
        Ok(Self(url))
    }

    /// The same base with `version` (such as `v1beta`) as its last segment, unless it ends in that already: operators
    /// may give a base URL with or without it.
    pub(crate) fn versioned(self, version: &str) -> Result<Self, UrlError> {
        let last = self.0.path_segments().and_then(|mut segments| segments.rfind(|segment| !segment.is_empty()));
        if last == Some(version) { Ok(self) } else { self.join(&[version]).map(Self) }
    }

    /// The base followed by these path segments, each percent-encoded.
    pub(crate) fn join(&self, segments: &[&str]) -> Result<Url, UrlError> {
        // A URL parser resolves these, or drops them, so that the request would go somewhere else.
        let unusable = |segment: &&str| {
            let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
            segment.is_empty() || matches!(decoded.as_str(), "." | "..") || segment.contains(|c: char| c.is_control())
        };
        if segments.iter().any(unusable) {
            return Err(UrlError::Path);
        }
        let mut url = self.0.clone();
        url.path_segments_mut().map_err(|()| UrlError::Malformed)?.pop_if_empty().extend(segments);
        Ok(url)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why there is no usable answer. Trying again later makes sense for all of them but [`NoAnswer::TooLong`]. The sources
/// are stripped of the URL, because query strings and links carry keys and signatures.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The TLS part of the client could not be set up.
    #[error("the HTTP client could not be set up")]
    Setup(#[source] reqwest::Error),
    /// Nothing was sent.
    #[error("no connection to the provider")]
    Connect(#[source] reqwest::Error),
    /// The provider may or may not have acted.
    #[error("no answer within the time allowed")]
    Timeout,
    /// The connection ended before the answer did; the provider may or may not have acted.
    #[error("the answer broke off")]
    Broken(#[source] reqwest::Error),
    /// The answer is larger than anything that is expected.
    #[error("the answer is longer than {limit_bytes} bytes")]
    TooLong {
        /// How much would have been read.
        limit_bytes: usize,
    },
    /// The provider answered that it is in trouble.
    #[error("the provider answered with status {status}")]
    Status {
        /// The HTTP status.
        status: u16,
    },
}

impl NoAnswer {
    pub(crate) fn from_reqwest(error: reqwest::Error) -> Self {
        let error = error.without_url();
        // A connection that takes too long is both; what matters is that nothing was sent.
        if error.is_connect() {
            Self::Connect(error)
        } else if error.is_timeout() {
            Self::Timeout
        } else {
            Self::Broken(error)
        }
    }
}

/// The HTTP client that all providers share. Cheap to make and to clone: connections and TLS are set up on first use,
/// so that a function which needs no provider does not pay for them.
#[derive(Clone)]
pub struct Http {
    reach: Reach,
    client: Arc<OnceLock<reqwest::Client>>,
}

impl Http {
    /// A client that sends requests to addresses within `reach`.
    pub fn new(reach: Reach) -> Self {
        Self { reach, client: Arc::default() }
    }

    /// Which addresses this client may reach.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    pub(crate) fn client(&self) -> Result<&reqwest::Client, NoAnswer> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = client().map_err(NoAnswer::Setup)?;
        Ok(self.client.get_or_init(|| client))
    }

    /// Sends a request and reads its whole answer, whatever the status.
    pub(crate) fn exchange<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, NoAnswer>> {
        Box::pin(async move {
            let mut builder = self
                .client()?
                .request(request.method.clone(), request.url.clone())
                .headers(request.headers.clone())
                .timeout(deadline::cut(request.timeout));
            if let Some(body) = &request.body {
                builder = builder.body(body.clone());
            }
            let mut response = builder.send().await.map_err(NoAnswer::from_reqwest)?;
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(NoAnswer::from_reqwest)? {
                if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                    return Err(NoAnswer::TooLong { limit_bytes: MAX_ANSWER_BYTES });
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Answer { status: response.status(), headers: std::mem::take(response.headers_mut()), body })
        })
    }

    /// As [`Http::exchange`], and once more after a failed or broken connection. Only for requests that change nothing
    /// when they arrive twice. A pooled connection often turns out to be dead after a function was frozen.
    pub(crate) fn exchange_repeatable<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, NoAnswer>> {
        Box::pin(async move {
            match self.exchange(request).await {
                Err(NoAnswer::Connect(_) | NoAnswer::Broken(_)) => self.exchange(request).await,
                outcome => outcome,
            }
        })
    }
}

/// A `reqwest` client with our time-outs, without redirects (an answer must come from the host that was asked, and
/// credentials must not travel on) and without proxies from the environment (configuration is explicit).
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent("greenroom")
        .build()
}

/// One request, complete enough to be sent twice.
pub(crate) struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Bytes>,
    timeout: Duration,
}

impl Request {
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: None, timeout: DEFAULT_TIMEOUT }
    }

    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// Adds a header that HTTP code must not print. A value that no header can hold is left out: a key with a line
    /// break in it is refused by the provider as missing.
    pub fn secret_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }

    pub fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = Some(Bytes::from(body.to_string()));
        self.header("content-type", "application/json")
    }

    /// A body as HTML forms send it.
    pub fn form(mut self, pairs: &[(String, String)]) -> Self {
        self.body = Some(Bytes::from(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()));
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// A complete answer.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// How long the provider asks to wait: `Retry-After` in seconds. The date form is not understood, since it would have
/// to be compared with a clock.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    seconds(headers.get(RETRY_AFTER)?.to_str().ok()?)
}

/// A number of seconds, possibly with a fraction.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    let wanted: f64 = text.trim().parse().ok()?;
    if wanted > MAX_RETRY_AFTER.as_secs_f64() {
        return Some(MAX_RETRY_AFTER);
    }
    Duration::try_from_secs_f64(wanted).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_to_public_hosts_outside_the_local_stage() {
        let check = |text: &str, internet: Option<UrlError>, local: Option<UrlError>| {
            assert_eq!(parse_url(text, Reach::Internet).err(), internet, "{text}");
            assert_eq!(parse_url(text, Reach::InternetAndLoopback).err(), local, "{text} in the local stage");
        };
        check("https://api.example.com/v1", None, None);
        check("https://93.184.216.34", None, None);
        check("http://api.example.com", Some(UrlError::NotHttps), Some(UrlError::NotHttps));
        for loopback in
            ["127.0.0.1:9", "127.1", "[::1]:9", "localhost:9", "a.localhost", "LOCALHOST.", "[::ffff:127.0.0.1]"]
        {
            check(&format!("http://{loopback}"), Some(UrlError::NotHttps), None);
            check(&format!("https://{loopback}"), Some(UrlError::Private), None);
        }
        for private in [
            "100.64.0.1",
            "100.127.255.254",
            "10.0.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "[fe80::1]",
            "[fd00::1]",
            "[::]",
        ] {
            check(&format!("https://{private}"), Some(UrlError::Private), Some(UrlError::Private));
            check(&format!("http://{private}"), Some(UrlError::NotHttps), Some(UrlError::NotHttps));
        }
        check("https://user:pass@api.example.com", Some(UrlError::ExtraParts), Some(UrlError::ExtraParts));
        check("ftp://api.example.com", Some(UrlError::NotHttps), Some(UrlError::NotHttps));
        check("api.example.com", Some(UrlError::Malformed), Some(UrlError::Malformed));
        check("file:///etc/passwd", Some(UrlError::Malformed), Some(UrlError::Malformed));
        check("http://localhost.example.com", Some(UrlError::NotHttps), Some(UrlError::NotHttps));
    }

    #[test]
    fn a_base_url_keeps_its_path_and_encodes_segments() {
        let check = |base: &str, expected: &str| {
            let base = BaseUrl::parse(base, Reach::Internet).unwrap();
            assert_eq!(base.join(&["call", "a/b ?#%", "gemini:go"]).unwrap().as_str(), expected);
        };
        check("https://x.example", "https://x.example/call/a%2Fb%20%3F%23%25/gemini:go");
        check("https://x.example/", "https://x.example/call/a%2Fb%20%3F%23%25/gemini:go");
        check("https://x.example/pre/fix/", "https://x.example/pre/fix/call/a%2Fb%20%3F%23%25/gemini:go");

        let base = BaseUrl::parse("https://x.example/pre", Reach::Internet).unwrap();
        assert_eq!(base.to_string(), "https://x.example/pre");
        for refused in ["", ".", "..", "%2e%2E", "a\nb"] {
            assert_eq!(base.join(&[refused, "x"]).err(), Some(UrlError::Path), "{refused:?}");
        }
        for refused in ["https://x.example/?a=b", "https://x.example/#a"] {
            assert_eq!(BaseUrl::parse(refused, Reach::Internet), Err(UrlError::ExtraParts));
        }
    }

    #[test]
    fn a_base_url_may_name_the_version_or_not() {
        for given in ["https://x.example/p", "https://x.example/p/v1", "https://x.example/p/v1/"] {
            let base = BaseUrl::parse(given, Reach::Internet).unwrap().versioned("v1").unwrap();
            assert_eq!(base.to_string(), "https://x.example/p/v1");
        }
    }

    #[test]
    fn waits_are_read_and_bounded() {
        let check = |value: &str, expected: Option<Duration>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(value).unwrap())]);
            assert_eq!(retry_after(&headers), expected, "{value}");
        };
        check("17", Some(Duration::from_secs(17)));
        check("0.5", Some(Duration::from_millis(500)));
        check("1e30", Some(MAX_RETRY_AFTER));
        for ignored in ["-1", "NaN", "Fri, 20 Nov 2026 09:30:00 GMT", ""] {
            check(ignored, None);
        }
    }
}
