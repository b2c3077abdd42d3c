//! One deployed stack: its table, queues, functions and secrets, found by the stack's name.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use kit::secret_age::Since;
use kit::secrets::Provider;
use serde_json::{Map, Value};
use store::Table;
use tokio::sync::OnceCell;

use crate::refused::{Outcome, Refused, refuse};

/// A schedule's function may run for five minutes.
const LONGEST_ANSWER: Duration = Duration::from_secs(310);
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

pub struct Stack {
    pub name: String,
    config: SdkConfig,
    outputs: OnceCell<HashMap<String, String>>,
}

fn absent(what: &str, name: &str) -> Refused {
    Refused::new(format!(
        "there is no {what} {name} in this account and region: give another --stack, profile or region"
    ))
}

impl Stack {
    /// The stack of this name in the account, region and at the endpoint that the environment names, as for every AWS tool.
    pub async fn named(name: String) -> Self {
        let timeouts = TimeoutConfig::builder().connect_timeout(LONGEST_CONNECT).read_timeout(LONGEST_ANSWER).build();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(5))
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .load()
            .await;
        Self { name, config, outputs: OnceCell::new() }
    }

    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.config)
    }

    pub fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        aws_sdk_cloudwatchlogs::Client::new(&self.config)
    }

    fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    pub async fn table(&self) -> Outcome<Table> {
        Ok(Table::new(aws_sdk_dynamodb::Client::new(&self.config), self.output("TableName").await?))
    }

    async fn describe(&self) -> Outcome<HashMap<String, String>> {
        let described = self.cloudformation().describe_stacks().stack_name(&self.name).send().await;
        let answer = described.map_err(|error| {
            if error.message().is_some_and(|text| text.contains("does not exist")) {
                absent("stack", &self.name)
            } else {
                error.into()
            }
        })?;
        let outputs = answer.stacks().iter().flat_map(aws_sdk_cloudformation::types::Stack::outputs);
        Ok(outputs
            .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())))
            .collect())
    }

    /// One of the stack's outputs.
    pub async fn output(&self, name: &str) -> Outcome<&str> {
        let outputs = self.outputs.get_or_try_init(|| self.describe()).await?;
        outputs.get(name).map(String::as_str).ok_or_else(|| {
            Refused::new(format!(
                "the stack {} has no output {name}: was it deployed from an older template?",
                self.name
            ))
        })
    }

    /// The API's address. What CloudFormation computes exists on AWS only, so a local stack names its own.
    pub async fn api_url(&self) -> Outcome<String> {
        #[expect(clippy::disallowed_methods, reason = "the local stack's address comes by the environment")]
        match std::env::var("GREENROOM_API_URL").ok().filter(|url| !url.is_empty()) {
            Some(url) => Ok(url),
            None => Ok(self.output("ApiUrl").await?.to_owned()),
        }
    }

    /// Runs a function and waits for its answer; inside, what it failed with.
    pub async fn invoke(&self, logical_id: &str, event: &Value) -> Outcome<Result<Value, String>> {
        let found = self.cloudformation().describe_stack_resource().stack_name(&self.name);
        let found = found.logical_resource_id(logical_id).send().await?;
        let function = found.stack_resource_detail().and_then(|detail| detail.physical_resource_id());
        let function = function.ok_or_else(|| Refused::new(format!("{logical_id} does not exist yet")))?;
        let lambda = aws_sdk_lambda::Client::new(&self.config);
        let invoked = lambda.invoke().function_name(function).payload(Blob::new(event.to_string()));
        let answer = invoked.send().await?;
        let payload = answer.payload().map(AsRef::as_ref).unwrap_or_default();
        if answer.function_error().is_some() {
            return Ok(Err(String::from_utf8_lossy(payload).into_owned()));
        }
        let answer = serde_json::from_slice(payload);
        answer.map(Ok).map_err(|error| Refused::new(format!("the answer of {logical_id} is not JSON: {error}")))
    }

    /// The name of a provider's secret.
    pub fn secret_name(&self, provider: Provider) -> String {
        format!("{}/{}", self.name, provider.name())
    }

    /// What a provider's secret holds.
    pub async fn secret_text(&self, provider: Provider) -> Outcome<String> {
        let name = self.secret_name(provider);
        let answer = self.secrets_manager().get_secret_value().secret_id(&name).send().await;
        let answer = answer.map_err(|error| match error.as_service_error() {
            Some(refused) if refused.is_resource_not_found_exception() => absent("secret", &name),
            _ => error.into(),
        })?;
        Ok(answer.secret_string.unwrap_or_default())
    }

    /// Since when each key of a provider's secret has its value.
    pub async fn since(&self, provider: Provider) -> Outcome<Vec<Since>> {
        let name = self.secret_name(provider);
        let answer = self.secrets_manager().list_secret_version_ids().secret_id(&name).send().await?;
        kit::secret_age::in_force(provider, answer.versions()).ok_or_else(|| absent("version in force of", &name))
    }

    /// The keys of a provider's secret.
    pub async fn secret(&self, provider: Provider) -> Outcome<Map<String, Value>> {
        match serde_json::from_str(&self.secret_text(provider).await?) {
            Ok(Value::Object(keys)) => Ok(keys),
            _ => refuse(format!("the secret {} is not an object of keys", self.secret_name(provider))),
        }
    }
}
