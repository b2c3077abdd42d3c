//! Determining coming answers.

use std::collections::VecDeque;

use serde::Deserialize;

/// What to answer with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    #[default]
    Ok,
    /// 200 without candidates.
    BlockedPrompt,
    /// 200, `finishReason` `SAFETY`, no content.
    Safety,
    /// 200, `RECITATION`.
    Recitation,
    /// 200, `OTHER`.
    Other,
    /// 200, a reason that no list knows.
    UnknownFinish,
    /// 200, `MAX_TOKENS`, the JSON cut.
    MaxTokens,
    /// 200, `MAX_TOKENS`, no parts.
    MaxTokensNoParts,
    /// 200, `CONTINUATION` with a token for the rest.
    Continuation,
    /// 200, a thought part before the answer.
    ThoughtPart,
    /// 429 with `retryDelay`.
    RateLimited,
    /// 429 with a per-day quota.
    RateLimitedDay,
    /// 503.
    Unavailable,
    /// 500.
    Internal,
    /// 504.
    Deadline,
    /// Answers only after `hangSeconds`.
    Hang,
    /// 200, `STOP`, but the JSON is cut.
    Malformed,
    /// 200, `STOP`, prose in place of JSON.
    Prose,
    /// 200, `STOP`, good JSON that does not fit the schema.
    WrongShape,
    /// 200, `STOP`, an empty text.
    Empty,
    /// Good JSON; every quote is made up.
    MissingQuotes,
    /// Good JSON; the quotes of every second claim are made up.
    HalfMissingQuotes,
    /// Good JSON; real words in the other speaker's mouth.
    WrongSpeakerQuotes,
    /// Good JSON; quotes of three words.
    ShortQuotes,
    /// Good JSON; quotes with other case, spaces and punctuation.
    RecasedQuotes,
    /// 400 `API_KEY_INVALID`.
    BadKey,
    /// 403.
    Permission,
    /// 404.
    NotFound,
}

/// Answers to come, consumed in order by requests for `model`, or for any model.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GeminiScript {
    pub model: Option<String>,
    pub responses: Vec<Reply>,
    /// What follows when `responses` are used up.
    pub then: Reply,
    /// For `rate_limited`, such as `"2.5s"`.
    pub retry_delay: Option<String>,
    /// For `hang`; 120 when absent.
    pub hang_seconds: Option<f64>,
}

/// One answer to give.
#[derive(Clone, Debug, Default)]
pub struct Order {
    pub reply: Reply,
    pub retry_delay: Option<String>,
    pub hang_seconds: Option<f64>,
}

#[derive(Default)]
pub struct Scripts(Vec<(GeminiScript, VecDeque<Reply>)>);

impl Scripts {
    /// A new script replaces an older one for the same model.
    pub fn add(&mut self, script: GeminiScript) {
        self.0.retain(|(other, _)| other.model != script.model);
        let replies = script.responses.iter().copied().collect();
        self.0.push((script, replies));
    }

    /// The next answer for a model: from the script for this very model, else from the one for any.
    pub fn next(&mut self, model: &str) -> Order {
        let own = self.0.iter().position(|(script, _)| script.model.as_deref() == Some(model));
        let any = || self.0.iter().position(|(script, _)| script.model.is_none());
        let Some((script, replies)) = own.or_else(any).map(|index| &mut self.0[index]) else { return Order::default() };
        let reply = replies.pop_front().unwrap_or(script.then);
        Order { reply, retry_delay: script.retry_delay.clone(), hang_seconds: script.hang_seconds }
    }
}
