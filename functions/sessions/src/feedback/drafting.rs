//! Asking models for a draft until one is of use, within the time a run has.

use std::time::Duration;

use domain::feedback::{DraftFeedback, TokenUsage, Verified, better, verify};
use domain::text;
use domain::transcript::Transcript;
use kit::App;
use kit::error::{Error, Unavailable};
use kit::secrets::Provider;
use providers::gemini::{self, GeminiClient, GeminiError, GenerateRequest};
use tokio::time::Instant;

/// A model that thinks spends most of this on thoughts; the text itself has a few thousand tokens.
pub const MAX_OUTPUT_TOKENS: u32 = 24_576;
/// With less time than this left no model is asked any more.
const WORTH_ASKING: Duration = Duration::from_millis(100);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// One answer of a model.
    pub call: Duration,
    /// All answers of one run together.
    pub run: Duration,
}

/// One run asks no longer than this, whatever time its function has.
pub const LIMITS: Limits = Limits { call: Duration::from_mins(2), run: Duration::from_secs(260) };

/// What is kept of a function's time: what was generated has to be stored, through rivals and a table that does not answer at
/// once, and the lease be given back.
const STORING: Duration = Duration::from_secs(30);
/// How much longer than the function its lease lasts, so that it never ends under a run.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

impl Limits {
    /// The same within a function that is stopped in `left`.
    #[must_use]
    pub fn within(self, left: Option<Duration>) -> Self {
        Self { run: left.map_or(self.run, |left| self.run.min(left.saturating_sub(STORING))), ..self }
    }

    /// How long a lease lasts that keeps rivals out: until the function is stopped, and where nobody knows when, as long as a
    /// run and its storing may take.
    pub fn lease(self, left: Option<Duration>) -> Duration {
        left.unwrap_or(self.run + STORING) + LEASE_MARGIN
    }
}

/// A draft whose quotes were looked up, and who wrote it.
#[derive(Debug)]
pub struct Drafted {
    /// What is left of it.
    pub verified: Verified,
    /// The model.
    pub model: String,
}

/// Why there is no draft.
#[derive(Debug)]
pub enum Setback {
    /// Another run may have one, after this delay where a provider named it.
    Later(Error, Option<Duration>),
    /// Asking again will not help.
    ForGood(Error),
}

/// Why one answer is of no use.
enum Miss {
    /// The answer is cut or not of the form that was asked for.
    Useless(Error),
    /// There is no answer.
    Gemini(GeminiError),
    /// A fault of ours.
    Other(Error),
}

/// The drafting of one feedback.
pub struct Drafting<'a> {
    app: &'a App,
    client: GeminiClient,
    request: GenerateRequest,
    transcript: &'a Transcript,
    until: Instant,
    call_limit: Duration,
    key_was_reread: bool,
    /// What all answers used.
    pub usage: TokenUsage,
    /// How many times a model was asked.
    pub generations: u32,
}

impl<'a> Drafting<'a> {
    /// Prepares to ask `request` about `transcript`, until `until`; one answer may take `call_limit`.
    pub async fn new(
        app: &'a App,
        request: GenerateRequest,
        transcript: &'a Transcript,
        until: Instant,
        call_limit: Duration,
    ) -> Result<Self, Error> {
        Ok(Self {
            app,
            client: app.gemini().await?,
            request,
            transcript,
            until,
            call_limit,
            key_was_reread: false,
            usage: TokenUsage::default(),
            generations: 0,
        })
    }

    /// A draft with evidence. Where fewer than half of the claims are borne out it is generated once more and the better
    /// one is kept (DECISIONS.md, "Recording and feedback").
    pub async fn draft(&mut self) -> Result<Drafted, Setback> {
        let first = self.usable().await?;
        if !first.verified.needs_retry() {
            return Ok(first);
        }
        // What there is counts for more than what might have been.
        let Ok(second) = self.usable().await else { return Ok(first) };
        let before = first.verified.clone();
        let kept = better(first.verified, second.verified);
        let model = if kept == before { first.model } else { second.model };
        Ok(Drafted { verified: kept, model })
    }

    /// A draft of the form that was asked for. A useless answer is asked for once more; then, and at once where a model
    /// refuses or is in trouble, the other model is asked.
    async fn usable(&mut self) -> Result<Drafted, Setback> {
        let models = self.app.config.gemini().map_err(|error| Setback::Later(error.into(), None))?;
        let (model, fallback) = (models.model.clone(), models.fallback_model.clone());
        let mut refused: Option<Error> = None;
        let mut later: Option<(Error, Option<Duration>)> = None;
        let mut note = |error: Error, wait: Option<Duration>| {
            let longest = later.as_ref().and_then(|(_, wait)| *wait).max(wait);
            later = Some((error, longest));
        };
        let fallback_tries = u32::from(fallback != model);
        'models: for (model, tries) in [(&model, 2), (&fallback, fallback_tries)] {
            for _ in 0..tries {
                match self.ask(model).await {
                    Ok(drafted) => return Ok(drafted),
                    Err(Miss::Useless(error)) => note(error, None),
                    Err(Miss::Gemini(error @ GeminiError::Blocked { .. })) => {
                        refused = Some(error.into());
                        continue 'models;
                    }
                    Err(Miss::Gemini(error)) if error.try_fallback_model() => {
                        let wait = error.retry_after();
                        note(error.into(), wait);
                        continue 'models;
                    }
                    // A key that is not accepted is an operator's trouble that passes.
                    Err(Miss::Gemini(error)) if error.is_retryable() || matches!(error, GeminiError::Unauthorized) => {
                        let wait = error.retry_after();
                        return Err(Setback::Later(error.into(), wait));
                    }
                    Err(Miss::Gemini(error)) => return Err(Setback::ForGood(error.into())),
                    Err(Miss::Other(error)) => return Err(Setback::Later(error, None)),
                }
            }
        }
        match (later, refused) {
            (Some((error, wait)), _) => Err(Setback::Later(error, wait)),
            (None, Some(error)) => Err(Setback::ForGood(error)),
            (None, None) => Err(Setback::Later(out_of_time(), None)),
        }
    }

    /// Asks one model once.
    async fn ask(&mut self, model: &str) -> Result<Drafted, Miss> {
        let generated = match self.generate(model).await {
            Err(Miss::Gemini(GeminiError::Unauthorized)) if !self.key_was_reread => {
                self.key_was_reread = true;
                let reread = self.app.secrets.reread(Provider::Gemini, self.app.now()).await.map_err(Miss::Other)?;
                if reread.is_none() {
                    return Err(Miss::Gemini(GeminiError::Unauthorized));
                }
                self.client = self.app.gemini().await.map_err(Miss::Other)?;
                self.generate(model).await
            }
            outcome => outcome,
        }?;
        let draft = DraftFeedback::parse(&generated.text).map_err(|error| {
            // The error says nothing of what was in the answer.
            let why = error.to_string();
            Miss::Useless(Unavailable { what: "Gemini", why, retry_after_seconds: 5 }.into())
        })?;
        let named = Some(text::cleaned(&generated.model_version)).filter(|name| !name.is_empty());
        let model = named.unwrap_or_else(|| model.to_owned());
        Ok(Drafted { verified: verify(draft, self.transcript), model })
    }

    async fn generate(&mut self, model: &str) -> Result<gemini::Generated, Miss> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left < WORTH_ASKING {
            return Err(Miss::Other(out_of_time()));
        }
        self.request.timeout = left.min(self.call_limit);
        model.clone_into(&mut self.request.model);
        self.generations += 1;
        let outcome = self.client.generate(&self.request).await;
        let used = match &outcome {
            Ok(generated) => generated.usage,
            Err(GeminiError::Cut { usage, .. } | GeminiError::Blocked { usage, .. }) => *usage,
            Err(_) => gemini::TokenUsage::default(),
        };
        self.usage = self.usage.plus(TokenUsage {
            prompt_tokens: used.prompt,
            output_tokens: used.output,
            thinking_tokens: used.thinking,
        });
        if let Err(error) = &outcome {
            tracing::warn!(model, %error, "a model gave no answer");
        }
        outcome.map_err(|error| match error {
            GeminiError::Cut { .. } => Miss::Useless(error.into()),
            error => Miss::Gemini(error),
        })
    }
}

fn out_of_time() -> Error {
    let why = "no usable answer within the time of one run".to_owned();
    Unavailable { what: "Gemini", why, retry_after_seconds: 5 }.into()
}
