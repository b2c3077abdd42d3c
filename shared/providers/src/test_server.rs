//! A scripted HTTP server on a free port: it gives the prepared replies in order and remembers what it was asked.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the server was sent.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What the server does with one request.
#[derive(Clone)]
pub enum Reply {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        announced: Option<usize>,
    },
    /// Reads the request and never answers.
    Hang,
    /// Reads the request and closes the connection.
    Close,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let announced = Some(body.len());
        Self::Answer { status, headers: Vec::new(), body, announced }
    }

    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, body.to_string()).header("content-type", "application/json")
    }

    pub fn hang() -> Self {
        Self::Hang
    }

    pub fn close() -> Self {
        Self::Close
    }

    /// An answer whose connection ends `missing` bytes before the announced length.
    pub fn cut(status: u16, body: &str, missing: usize) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into(), announced: Some(body.len() + missing) }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Leaves the length out; the end of the connection is the end of the body.
    pub fn without_length(mut self) -> Self {
        if let Self::Answer { announced, .. } = &mut self {
            *announced = None;
        }
        self
    }
}

/// The server; it stops answering when its replies are used up, and a request beyond them is answered with 599.
pub struct TestServer {
    address: std::net::SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl TestServer {
    pub fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        let mut replies = replies.into_iter().collect::<Vec<_>>().into_iter();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for connection in listener.incoming() {
                let Ok(mut connection) = connection else { continue };
                let Some(request) = read_request(&connection) else { continue };
                log.lock().unwrap().push(request);
                match replies.next() {
                    None => answer(&mut connection, 599, &[], b"no reply is left", Some(16)),
                    Some(Reply::Answer { status, headers, body, announced }) => {
                        answer(&mut connection, status, &headers, &body, announced);
                    }
                    Some(Reply::Hang) => held.push(connection),
                    Some(Reply::Close) => {}
                }
            }
        });
        Self { address, received }
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn request(&self, index: usize) -> Received {
        self.received.lock().unwrap()[index].clone()
    }

    pub fn request_count(&self) -> usize {
        self.received.lock().unwrap().len()
    }
}

fn answer(
    connection: &mut TcpStream,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
    announced: Option<usize>,
) {
    let mut head = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\n");
    if let Some(length) = announced {
        let _ = write!(head, "content-length: {length}\r\n");
    }
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    // The client may have given up; that is its test's business.
    let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body));
}

fn read_request(connection: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received { method, target, headers, body })
}
