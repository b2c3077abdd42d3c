//! For tests: just enough of S3, SQS and Secrets Manager to answer the SDK as AWS does.
#![expect(clippy::unwrap_used, reason = "what cannot be done fails the test")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// What is stored, and what was sent.
#[derive(Default)]
pub struct Kept {
    /// Objects by key.
    pub objects: BTreeMap<String, Vec<u8>>,
    /// Parts of uploads that were neither completed nor aborted, by upload.
    pub uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    /// Messages: queue and body.
    pub messages: Vec<(String, String)>,
    /// The versions of each secret, by its name.
    pub secrets: BTreeMap<String, Value>,
    /// Each S3 operation, and each try to read a secret, which nobody may.
    pub operations: Vec<String>,
    /// Messages with this in their body are refused.
    pub refuse_messages_with: Option<String>,
    /// Every S3 operation whose description has this in it fails.
    pub fail_operations_with: Option<String>,
}

/// All of them in one.
#[derive(Clone)]
pub struct FakeAws {
    /// Where it listens.
    pub url: String,
    kept: Arc<Mutex<Kept>>,
}

impl FakeAws {
    /// Starts listening.
    #[expect(clippy::disallowed_methods, reason = "a test's server runs in the background")]
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::<Mutex<Kept>>::default();
        let router = Router::new().fallback(answer).with_state(kept.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, kept }
    }

    /// What is there now.
    pub fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }
}

async fn answer(State(kept): State<Arc<Mutex<Kept>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 * 1024 * 1024).await.unwrap();
    let mut kept = kept.lock().unwrap();
    if let Some(target) = head.headers.get("x-amz-target") {
        if target == "secretsmanager.ListSecretVersionIds" {
            let asked: Value = serde_json::from_slice(&body).unwrap();
            let Some(versions) = kept.secrets.get(asked["SecretId"].as_str().unwrap()) else {
                return (StatusCode::BAD_REQUEST, r#"{"__type":"ResourceNotFoundException"}"#).into_response();
            };
            return axum::Json(json!({ "Versions": versions })).into_response();
        }
        if target == "secretsmanager.GetSecretValue" {
            kept.operations.push("GetSecretValue".to_owned());
            return (StatusCode::BAD_REQUEST, r#"{"__type":"AccessDeniedException"}"#).into_response();
        }
        return send_messages(&mut kept, &serde_json::from_slice(&body).unwrap());
    }
    let encoding = head.headers.get("content-encoding").map(|v| v.to_str().unwrap().to_owned());
    assert_eq!(encoding, None, "bodies that are at hand need no chunks");
    let key = head.uri.path().strip_prefix("/media-test/").unwrap().to_owned();
    let query = head.uri.query().unwrap_or_default();
    let has = |name: &str| head.headers.contains_key(name);
    let algorithm = ["x-amz-checksum-algorithm", "x-amz-sdk-checksum-algorithm"].into_iter().any(has);
    if query.contains("uploads") {
        assert!(algorithm, "parts have checksums, so the upload must be begun with their algorithm");
    }
    if query.contains("uploadId") && head.method == Method::POST {
        let parts = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(parts.matches("<Part>").count(), parts.matches("<ChecksumCRC32>").count());
    }
    s3(&mut kept, &head.method, key, query, body.to_vec())
}

fn parameter(query: &str, name: &str) -> Option<String> {
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|p| p.0 == name)
        .map(|p| p.1.to_owned())
}

fn s3(kept: &mut Kept, method: &Method, key: String, query: &str, body: Vec<u8>) -> Response {
    let upload = parameter(query, "uploadId");
    let part: Option<u32> = parameter(query, "partNumber").map(|n| n.parse().unwrap());
    let begins = parameter(query, "uploads").is_some();
    let kind = if begins {
        "uploads"
    } else if upload.is_some() {
        "upload"
    } else {
        "object"
    };
    let described = format!("{method} {kind} {}", part.map_or(String::new(), |n| n.to_string()));
    kept.operations.push(described.trim().to_owned());
    if kept.fail_operations_with.as_ref().is_some_and(|text| described.contains(text)) {
        return (StatusCode::FORBIDDEN, "<Error><Code>AccessDenied</Code></Error>").into_response();
    }
    match (method.as_str(), upload, part) {
        ("POST", None, _) if begins => {
            let id = format!("upload-{}", kept.operations.len());
            kept.uploads.insert(id.clone(), BTreeMap::new());
            let xml =
                format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>");
            (StatusCode::OK, xml).into_response()
        }
        (_, Some(upload), _) if !kept.uploads.contains_key(&upload) => {
            (StatusCode::NOT_FOUND, "<Error><Code>NoSuchUpload</Code></Error>").into_response()
        }
        ("PUT", Some(upload), Some(part)) => {
            kept.uploads.get_mut(&upload).unwrap().insert(part, body);
            let checksum = ("x-amz-checksum-crc32", "AAAAAA==".to_owned());
            (StatusCode::OK, [("etag", format!("\"part-{part}\"")), checksum]).into_response()
        }
        ("POST", Some(upload), _) => {
            let parts = kept.uploads.remove(&upload).unwrap();
            kept.objects.insert(key, parts.into_values().flatten().collect());
            (StatusCode::OK, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>").into_response()
        }
        ("GET", Some(upload), _) => (StatusCode::OK, crate::parts_listed(&kept.uploads[&upload])).into_response(),
        ("DELETE", Some(upload), _) => {
            kept.uploads.remove(&upload);
            StatusCode::NO_CONTENT.into_response()
        }
        ("PUT", None, _) => {
            kept.objects.insert(key, body);
            (StatusCode::OK, [("etag", "\"whole\"")]).into_response()
        }
        ("DELETE", None, _) => {
            kept.objects.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        ("GET", None, _) => match kept.objects.get(&key) {
            Some(body) => (StatusCode::OK, body.clone()).into_response(),
            None => (StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>").into_response(),
        },
        _ => panic!("{described} is not spoken here"),
    }
}

fn send_messages(kept: &mut Kept, request: &Value) -> Response {
    let queue = request["QueueUrl"].as_str().unwrap().to_owned();
    let entries = request["Entries"].as_array().unwrap();
    assert!(entries.len() <= 10, "SQS takes ten messages at once");
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        let body = entry["MessageBody"].as_str().unwrap().to_owned();
        if kept.refuse_messages_with.as_ref().is_some_and(|text| body.contains(text)) {
            failed.push(json!({ "Id": entry["Id"], "SenderFault": false, "Code": "InternalError" }));
        } else {
            kept.messages.push((queue.clone(), body));
            successful.push(json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0" }));
        }
    }
    let answer = json!({ "Successful": successful, "Failed": failed });
    (StatusCode::OK, [("content-type", "application/x-amz-json-1.0")], answer.to_string()).into_response()
}
