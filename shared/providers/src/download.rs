//! Fetching recordings and transcripts from the links that providers hand out.
//!
//! The links are signed and short-lived, so they are never logged, and an expired one is told apart from every other
//! trouble: the caller asks the provider for a fresh link.

use std::time::Duration;

use bytes::Bytes;
use domain::problem::{Kind, Problem};
use http::StatusCode;

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

fn open_within<'a>(
    http: &'a Http,
    link: &'a str,
    limit_bytes: u64,
    idle_timeout: Duration,
) -> BoxFuture<'a, Result<Download, DownloadError>> {
    Box::pin(async move {
        let url = parse_url(link, http.reach())?;
        let client = http.client().map_err(DownloadError::Unavailable)?;
        let response = within(idle_timeout, client.get(url).send()).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => return Err(DownloadError::Expired),
            status => return Err(DownloadError::Unavailable(NoAnswer::Status { status: status.as_u16() })),
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
