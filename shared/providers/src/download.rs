//! Fetching recordings and transcripts from the links that providers hand out.
//!
//! The links are signed and short-lived, so they are never logged, and an expired one is told apart from every other
//! trouble: the caller asks the provider for a fresh link.

use std::time::Duration;

use bytes::Bytes;
use domain::problem::{Kind, Problem};
use http::header::{CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use http::{HeaderName, StatusCode};

use crate::http::{Http, NoAnswer, UrlError, parse_url};
use crate::{BoxFuture, deadline};

/// Longest wait for the first or the next bytes. The whole may take minutes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a file cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The link leads somewhere that requests may not go to.
    #[error("the link is not acceptable")]
    Link(#[from] UrlError),
    /// The link is no longer valid, or the file is gone: ask for a fresh link.
    #[error("the link has expired")]
    Expired,
    /// The file is larger than the caller takes.
    #[error("the file is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit that the caller gave.
        limit_bytes: u64,
    },
    /// The file did not come; trying again may help.
    #[error("the file could not be fetched")]
    Unavailable(#[source] NoAnswer),
}

impl Problem for DownloadError {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
    fn code(&self) -> &'static str {
        "upstream_unavailable"
    }
}

/// A file on its way.
pub struct Download {
    response: reqwest::Response,
    limit_bytes: u64,
    received_bytes: u64,
    idle_timeout: Duration,
}

impl Download {
    /// The size in bytes, where the server says it beforehand.
    pub fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// What the server calls this content of the file, in the strong form that a part of it can be asked for by.
    pub fn etag(&self) -> Option<String> {
        etag(&self.response)
    }

    /// The next bytes; `None` at the end. A file that ends before its announced length is an error.
    pub fn next_chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, DownloadError>> {
        Box::pin(async move {
            let chunk = within(self.idle_timeout, self.response.chunk()).await?;
            self.received_bytes += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
            if self.received_bytes > self.limit_bytes {
                return Err(DownloadError::TooLarge { limit_bytes: self.limit_bytes });
            }
            Ok(chunk)
        })
    }
}

/// Begins to fetch the file behind `link`, which may have up to `limit_bytes`.
pub fn open<'a>(http: &'a Http, link: &'a str, limit_bytes: u64) -> BoxFuture<'a, Result<Download, DownloadError>> {
    open_within(http, link, limit_bytes, IDLE_TIMEOUT)
}

/// Begins to fetch the same file from byte `from` on. None where the server does not give that: the file behind the link is
/// not the one that `etag` names, or is to be had as a whole only.
pub fn go_on<'a>(
    http: &'a Http,
    link: &'a str,
    limit_bytes: u64,
    from: u64,
    etag: &'a str,
) -> BoxFuture<'a, Result<Option<Download>, DownloadError>> {
    Box::pin(async move {
        let headers = [(RANGE, format!("bytes={from}-")), (IF_RANGE, etag.to_owned())];
        let response = ask(http, link, &headers, IDLE_TIMEOUT).await?;
        let content_range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let begins = content_range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")));
        match response.status() {
            StatusCode::PARTIAL_CONTENT if begins && self::etag(&response).is_none_or(|other| other == etag) => {}
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => return Ok(None),
            status => return Err(refused(status)),
        }
        if response.content_length().is_some_and(|length| from.saturating_add(length) > limit_bytes) {
            return Err(DownloadError::TooLarge { limit_bytes });
        }
        Ok(Some(Download { response, limit_bytes, received_bytes: from, idle_timeout: IDLE_TIMEOUT }))
    })
}

fn etag(response: &reqwest::Response) -> Option<String> {
    let etag = response.headers().get(ETAG)?.to_str().ok()?;
    (etag.starts_with('"') && etag.len() > 2).then(|| etag.to_owned())
}

async fn ask(
    http: &Http,
    link: &str,
    headers: &[(HeaderName, String)],
    idle_timeout: Duration,
) -> Result<reqwest::Response, DownloadError> {
    let url = parse_url(link, http.reach())?;
    let mut request = http.client().map_err(DownloadError::Unavailable)?.get(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    within(idle_timeout, request.send()).await
}

fn refused(status: StatusCode) -> DownloadError {
    match status {
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => DownloadError::Expired,
        status => DownloadError::Unavailable(NoAnswer::Status { status: status.as_u16() }),
    }
}

fn open_within<'a>(
    http: &'a Http,
    link: &'a str,
    limit_bytes: u64,
    idle_timeout: Duration,
) -> BoxFuture<'a, Result<Download, DownloadError>> {
    Box::pin(async move {
        let response = ask(http, link, &[], idle_timeout).await?;
        if response.status() != StatusCode::OK {
            return Err(refused(response.status()));
        }
        if response.content_length().is_some_and(|length| length > limit_bytes) {
            return Err(DownloadError::TooLarge { limit_bytes });
        }
        Ok(Download { response, limit_bytes, received_bytes: 0, idle_timeout })
    })
}

/// Fetches a small file whole.
pub fn fetch<'a>(http: &'a Http, link: &'a str, limit_bytes: u64) -> BoxFuture<'a, Result<Bytes, DownloadError>> {
    Box::pin(async move {
        let mut download = open(http, link, limit_bytes).await?;
        let mut whole = Vec::new();
        while let Some(chunk) = download.next_chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.into())
    })
}

async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, reqwest::Error>> + Send,
) -> Result<T, DownloadError> {
    match tokio::time::timeout(deadline::cut(limit), step).await {
        Ok(outcome) => outcome.map_err(|error| DownloadError::Unavailable(NoAnswer::from_reqwest(error))),
        Err(_) => Err(DownloadError::Unavailable(NoAnswer::Timeout)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Reach;
    use crate::test_server::{Reply, TestServer};

    async fn fetch_from(reply: Reply, limit_bytes: u64) -> Result<Bytes, DownloadError> {
        let server = TestServer::start([reply]);
        fetch(&Http::new(Reach::InternetAndLoopback), &server.url("/file?Signature=s"), limit_bytes).await
    }

    #[tokio::test]
    async fn a_file_comes_in_chunks_with_its_length() {
        let server = TestServer::start([Reply::new(200, "0123456789")]);
        let http = Http::new(Reach::InternetAndLoopback);
        let mut download = open(&http, &server.url("/a%20b.mp4?Signature=s"), 10).await.unwrap();
        assert_eq!(download.length(), Some(10));
        let mut whole = Vec::new();
        while let Some(chunk) = download.next_chunk().await.unwrap() {
            whole.extend_from_slice(&chunk);
        }
        assert_eq!(whole, b"0123456789");

        let request = server.request(0);
        assert_eq!(request.target, "/a%20b.mp4?Signature=s");
        assert_eq!(request.header("authorization"), None, "credentials are not for the file server");
    }

    #[tokio::test]
    async fn the_rest_of_a_file_is_fetched_where_it_is_still_the_same() {
        let rest =
            |range: &str, etag: &str| Reply::new(206, "56789").header("content-range", range).header("etag", etag);
        let replies = [
            rest("bytes 5-9/10", "\"a\""),
            Reply::new(200, "0123456789").header("etag", "\"b\""),
            rest("bytes 5-9/10", "\"b\""),
            rest("bytes 4-9/10", "\"a\""),
            Reply::new(206, "56789"),
            Reply::new(416, ""),
            Reply::new(403, ""),
            Reply::new(503, ""),
            rest("bytes 5-9/10", "\"a\""),
        ];
        let server = TestServer::start(replies);
        let (http, link) = (Http::new(Reach::InternetAndLoopback), server.url("/f?Signature=s"));
        let go_on = |limit| go_on(&http, &link, limit, 5, "\"a\"");
        let mut download = go_on(10).await.unwrap().unwrap();
        assert_eq!(download.next_chunk().await.unwrap().unwrap(), "56789");
        assert_eq!(server.request(0).header("range"), Some("bytes=5-"));
        assert_eq!(server.request(0).header("if-range"), Some("\"a\""));
        for answer in ["whole", "another file", "another place", "no place", "no such place"] {
            assert!(go_on(10).await.unwrap().is_none(), "{answer}");
        }
        assert!(matches!(go_on(10).await, Err(DownloadError::Expired)));
        assert!(matches!(go_on(10).await, Err(DownloadError::Unavailable(_))));
        assert!(matches!(go_on(9).await, Err(DownloadError::TooLarge { limit_bytes: 9 })));
    }

    #[tokio::test]
    async fn only_a_strong_etag_names_the_content_of_a_file() {
        for (header, etag) in [("\"a\"", Some("\"a\"")), ("W/\"a\"", None), ("\"\"", None), ("a", None)] {
            let server = TestServer::start([Reply::new(200, "1").header("etag", header)]);
            let download = open(&Http::new(Reach::InternetAndLoopback), &server.url("/f"), 9).await.unwrap();
            assert_eq!(download.etag().as_deref(), etag, "{header}");
        }
    }

    #[tokio::test]
    async fn expired_links_are_told_apart_from_outages() {
        for status in [403, 404, 410] {
            assert!(matches!(fetch_from(Reply::new(status, ""), 9).await, Err(DownloadError::Expired)), "{status}");
        }
        for status in [302, 401, 429, 500, 503] {
            let outcome = fetch_from(Reply::new(status, "").header("location", "/elsewhere"), 9).await;
            assert!(
                matches!(outcome, Err(DownloadError::Unavailable(NoAnswer::Status { status: s })) if s == status),
                "{status}"
            );
        }
        assert!(matches!(
            fetch_from(Reply::cut(200, "1234", 3), 9).await,
            Err(DownloadError::Unavailable(NoAnswer::Broken(_)))
        ));
    }

    #[tokio::test]
    async fn a_file_over_the_limit_is_not_read() {
        assert_eq!(fetch_from(Reply::new(200, "1234"), 4).await.unwrap(), "1234");
        for reply in [Reply::new(200, "12345"), Reply::new(200, "12345").without_length()] {
            assert!(matches!(fetch_from(reply, 4).await, Err(DownloadError::TooLarge { limit_bytes: 4 })));
        }
    }

    #[tokio::test]
    async fn a_server_that_stops_sending_is_given_up() {
        let server = TestServer::start([Reply::hang()]);
        let http = Http::new(Reach::InternetAndLoopback);
        let outcome = open_within(&http, &server.url("/file"), 9, Duration::from_millis(50)).await;
        assert!(matches!(outcome, Err(DownloadError::Unavailable(NoAnswer::Timeout))));
    }

    #[tokio::test]
    async fn links_to_private_addresses_are_refused_unasked() {
        let server = TestServer::start([]);
        let outcome = fetch(&Http::new(Reach::Internet), &server.url("/file"), 9).await;
        assert!(matches!(outcome, Err(DownloadError::Link(UrlError::NotHttps))));
        let outcome = fetch(&Http::new(Reach::InternetAndLoopback), "http://169.254.169.254/latest", 9).await;
        assert!(matches!(outcome, Err(DownloadError::Link(UrlError::NotHttps))));
        assert_eq!(server.request_count(), 0);
    }

    #[tokio::test]
    async fn errors_do_not_show_the_link() {
        let server = TestServer::start([Reply::cut(200, "1234", 3)]);
        let error =
            fetch(&Http::new(Reach::InternetAndLoopback), &server.url("/f?Signature=s3cret"), 9).await.unwrap_err();
        let mut shown = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            shown.push_str(&cause.to_string());
            source = cause.source();
        }
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
