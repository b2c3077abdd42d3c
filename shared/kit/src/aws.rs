//! AWS clients, each made on first use from what Lambda puts into the environment: region, credentials and, locally, the
//! emulator's endpoint. The SDK's default chains would look in files and at metadata services that Lambda does not have.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_types::timeout::TimeoutConfig;

/// How AWS is reached.
#[derive(Debug, Clone)]
pub struct Aws {
    region: String,
    credentials: Credentials,
    endpoint: Option<String>,
}

macro_rules! builder {
    ($aws:expr, $sdk:ident) => {{
        let aws = $aws;
        let mut builder = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new(aws.region.clone()))
            .credentials_provider(aws.credentials.clone())
            .timeout_config(timeouts());
        if let Some(endpoint) = &aws.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        builder
    }};
}

/// No call to AWS of ours takes seconds; what hangs is cut and tried again by the SDK.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(10))
        .build()
}

impl Aws {
    /// What Lambda's environment says.
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
        Ok(Self { region, credentials, endpoint: lookup("AWS_ENDPOINT_URL") })
    }

    /// Anything that speaks AWS at `endpoint`, such as an embedded engine in tests.
    pub fn at(endpoint: &str) -> Self {
        let credentials = Credentials::new("test", "test", None, None, "tests");
        Self { region: "eu-west-1".to_owned(), credentials, endpoint: Some(endpoint.to_owned()) }
    }

    /// DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::from_conf(builder!(self, aws_sdk_dynamodb).build())
    }

    /// SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::from_conf(builder!(self, aws_sdk_sqs).build())
    }

    /// Secrets Manager.
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::from_conf(builder!(self, aws_sdk_secretsmanager).build())
    }

    /// S3. An emulator has no host name per bucket, so the bucket is in the path there.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let builder = builder!(self, aws_sdk_s3).force_path_style(self.endpoint.is_some());
        aws_sdk_s3::Client::from_conf(builder.build())
    }
}
