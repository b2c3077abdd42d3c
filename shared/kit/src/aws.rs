//! AWS clients, each made on first use from what Lambda puts into the environment: region, credentials and, locally, the
//! emulator's endpoint. The SDK's default chains would look in files and at metadata services that Lambda does not have.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_types::timeout::TimeoutConfig;

/// The authorities that sign for AWS. Reading all that a machine trusts, well over a hundred, took longer than everything
/// else before the first poll.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// How AWS is reached.
#[derive(Debug, Clone)]
pub struct Aws {
    region: String,
    credentials: Credentials,
    endpoint: Option<String>,
    http: SharedHttpClient,
}

/// The HTTPS client of all AWS clients. Nothing is parsed or opened before the first of them is used.
fn trusting(roots: &[u8]) -> Result<SharedHttpClient, String> {
    let roots = TrustStore::empty().with_pem_certificate(roots);
    let context = TlsContext::builder().with_trust_store(roots).build().map_err(|e| e.to_string())?;
    let client = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    Ok(client.tls_context(context).build_https())
}

macro_rules! builder {
    ($aws:expr, $sdk:ident, $attempt:expr) => {{
        let aws = $aws;
        let mut builder = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new(aws.region.clone()))
            .credentials_provider(aws.credentials.clone())
            .http_client(aws.http.clone())
            .timeout_config(timeouts($attempt));
        if let Some(endpoint) = &aws.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        builder
    }};
}

/// No call of ours but those that move files takes seconds. What hangs, on a connection that died while the function was
/// frozen for one, is cut and tried again by the SDK, three times within the time of a request's function.
const ATTEMPT: Duration = Duration::from_secs(3);
/// The same where an emulator answers, on a machine that may have much else to do.
const EMULATOR_ATTEMPT: Duration = Duration::from_secs(10);
/// A part of a file, or the end of an upload, which S3 may take its time for.
const FILE_ATTEMPT: Duration = Duration::from_mins(1);

fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(Duration::from_secs(2)).operation_attempt_timeout(attempt).build()
}

impl Aws {
    /// What Lambda's environment says. `AWS_CA_BUNDLE` may name a file with other authorities, as for every AWS tool.
    pub fn from_env() -> Result<Self, crate::config::ConfigError> {
        #[expect(clippy::disallowed_methods, reason = "part of reading the configuration at start")]
        let lookup = |name: &'static str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let required = |name| lookup(name).ok_or(crate::config::ConfigError::Missing(name));
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            lookup("AWS_SESSION_TOKEN"),
            None,
            "lambda-environment",
        );
        let region = lookup("AWS_REGION").or_else(|| lookup("AWS_DEFAULT_REGION"));
        let region = region.ok_or(crate::config::ConfigError::Missing("AWS_REGION"))?;
        let http = match lookup("AWS_CA_BUNDLE") {
            Some(path) => std::fs::read(&path).map_err(|e| e.to_string()).and_then(|pem| trusting(&pem)),
            None => trusting(AMAZON_ROOTS),
        };
        let http = http.map_err(|problem| crate::config::ConfigError::Invalid { name: "AWS_CA_BUNDLE", problem })?;
        Ok(Self { region, credentials, endpoint: lookup("AWS_ENDPOINT_URL"), http })
    }

    /// Anything that speaks AWS at `endpoint`, such as an embedded engine in tests.
    pub fn at(endpoint: &str) -> Self {
        let credentials = Credentials::new("test", "test", None, None, "tests");
        // The default client, as plain HTTP needs no authority.
        let http = aws_smithy_http_client::Builder::new().build_http();
        Self { region: "eu-west-1".to_owned(), credentials, endpoint: Some(endpoint.to_owned()), http }
    }

    fn attempt(&self) -> Duration {
        if self.endpoint.is_some() { EMULATOR_ATTEMPT } else { ATTEMPT }
    }

    /// DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::from_conf(builder!(self, aws_sdk_dynamodb, self.attempt()).build())
    }

    /// SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::from_conf(builder!(self, aws_sdk_sqs, self.attempt()).build())
    }

    /// Secrets Manager.
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::from_conf(builder!(self, aws_sdk_secretsmanager, self.attempt()).build())
    }

    /// S3. An emulator has no host name per bucket, so the bucket is in the path there.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let builder = builder!(self, aws_sdk_s3, FILE_ATTEMPT).force_path_style(self.endpoint.is_some());
        aws_sdk_s3::Client::from_conf(builder.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_authorities_can_be_read() {
        let aws = Aws { http: trusting(AMAZON_ROOTS).unwrap(), ..Aws::at("https://127.0.0.1:1") };
        // The TLS client, and with it the store of authorities, is made by the first request; one that is not a certificate
        // ends it with a panic.
        let answer = aws.dynamodb().list_tables().send().await;
        assert!(answer.is_err(), "nobody listens there");
        assert_eq!(String::from_utf8_lossy(AMAZON_ROOTS).matches("BEGIN CERTIFICATE").count(), 5);
    }
}
