//! The few requests that the commands send to programs on this machine. HTTP/1.0, so that answers end with the connection.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::failure::{Failure, Outcome};

const PATIENCE: Duration = Duration::from_secs(30);

/// Status and body of an answer.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// The body as JSON if the request was accepted.
    pub fn json(&self, what: &str) -> Outcome<Value> {
        if !(200..300).contains(&self.status) {
            return Err(Failure::new(format!("{what}: answer {} {}", self.status, self.body)));
        }
        serde_json::from_str(&self.body)
            .map_err(|error| Failure::new(format!("{what}: the answer is not JSON: {error}")))
    }
}

pub async fn get(url: &str) -> Outcome<Answer> {
    send("GET", url, "").await
}

pub async fn post(url: &str, body: &Value) -> Outcome<Answer> {
    send("POST", url, &body.to_string()).await
}

async fn send(method: &str, url: &str, body: &str) -> Outcome<Answer> {
    let refused = |why: String| Failure::new(format!("{method} {url}: {why}"));
    let Some((authority, path)) = parts(url) else {
        return Err(refused("not an address on this machine (http://host:port/path)".into()));
    };
    let exchange = async {
        let mut connection = TcpStream::connect(authority).await?;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {authority}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes()).await?;
        connection.write_all(body.as_bytes()).await?;
        let mut bytes = Vec::new();
        connection.read_to_end(&mut bytes).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = match timeout(PATIENCE, exchange).await {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => return Err(refused(error.to_string())),
        Err(_) => return Err(refused(format!("no answer within {} s", PATIENCE.as_secs()))),
    };
    answer(&text).ok_or_else(|| refused("the answer is not HTTP".into()))
}

fn parts(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    let split = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(split);
    (!authority.is_empty()).then_some((authority, if path.is_empty() { "/" } else { path }))
}

fn answer(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.lines().next()?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_splits_into_authority_and_path() {
        assert_eq!(parts("http://127.0.0.1:4566/a/b?c"), Some(("127.0.0.1:4566", "/a/b?c")));
        assert_eq!(parts("http://127.0.0.1:1"), Some(("127.0.0.1:1", "/")));
        assert_eq!(parts("https://example.com/"), None);
    }

    #[test]
    fn an_answer_has_status_and_body() {
        let found = answer("HTTP/1.1 404 Not Found\r\na: b\r\n\r\n{\"x\":1}").unwrap();
        assert_eq!((found.status, found.body.as_str()), (404, "{\"x\":1}"));
        assert!(found.json("asking").unwrap_err().to_string().contains("404"));
    }
}
