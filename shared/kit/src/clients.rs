//! Provider clients, made from the configuration and the provider's secret when they are needed.

use std::time::Duration;

use providers::gemini::GeminiClient;
use providers::stream::StreamClient;
use providers::{BaseUrl, Provider, Secret, UrlError};

use crate::App;
use crate::config::ConfigError;
use crate::error::Error;
use crate::secrets::ProviderSecret;

/// Stream, and what its tokens are made with.
#[derive(Clone)]
pub struct Stream {
    /// Its REST API.
    pub client: StreamClient,
    /// The key that browsers name.
    pub api_key: String,
    /// What signs call tokens.
    pub api_secret: Secret,
}

/// The longest that a person's request waits for one answer of Stream: three of them fit into the function's time.
const PATIENCE: Duration = Duration::from_secs(4);

impl Stream {
    /// The same for a request that a person waits for.
    #[must_use]
    pub fn while_somebody_waits(self) -> Self {
        Self { client: self.client.with_timeout(PATIENCE), ..self }
    }
}

impl App {
    /// Stream, with the secret as it is cached.
    pub async fn stream(&self) -> Result<Stream, Error> {
        let secret = self.secrets.get(Provider::Stream, self.now()).await?;
        self.stream_with(&secret)
    }

    /// Stream with the secret read again, after the cached one was refused; none where it was read a moment ago.
    pub async fn stream_reread(&self) -> Result<Option<Stream>, Error> {
        match self.secrets.reread(Provider::Stream, self.now()).await? {
            Some(secret) => self.stream_with(&secret).map(Some),
            None => Ok(None),
        }
    }

    fn stream_with(&self, secret: &ProviderSecret) -> Result<Stream, Error> {
        let (api_key, api_secret) = (secret.first("apiKey")?, secret.first("apiSecret")?);
        let base = self.base_url(Provider::Stream)?;
        let client = StreamClient::new(self.http.clone(), base, api_key.expose(), &api_secret);
        Ok(Stream { client, api_key: api_key.expose().to_owned(), api_secret })
    }

    /// Gemini, with the key as it is cached.
    pub async fn gemini(&self) -> Result<GeminiClient, Error> {
        let secret = self.secrets.get(Provider::Gemini, self.now()).await?;
        let base = self.base_url(Provider::Gemini)?;
        let client = GeminiClient::new(self.http.clone(), base, secret.first("apiKey")?);
        Ok(client.map_err(|error| unusable(Provider::Gemini, error))?)
    }

    fn base_url(&self, provider: Provider) -> Result<BaseUrl, ConfigError> {
        let url = self.config.base_urls.get(&provider).ok_or(ConfigError::Undeclared(provider.base_url_variable()))?;
        BaseUrl::parse(url, self.config.reach()).map_err(|error| unusable(provider, error))
    }
}

fn unusable(provider: Provider, error: UrlError) -> ConfigError {
    ConfigError::Invalid { name: provider.base_url_variable(), problem: error.to_string() }
}
