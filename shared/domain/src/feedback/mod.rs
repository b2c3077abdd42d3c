//! Feedback about a booking: what the model is asked for, what is left of it once every quote has been looked up in the
//! transcript, and what is stored.
//!
//! A claim is one point of the strengths or improvements. A claim without a quote that was really said is dropped and
//! counted. Nothing is ever made up in its place: where no claim is left, or where too little was said to begin with,
//! the feedback says so and has no scores.

mod draft;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::evidence::{EvidenceIndex, Quote};
use crate::ids::BookingId;
use crate::speech::SpeechFacts;
use crate::transcript::Transcript;
use crate::word::Word;

pub use draft::{DraftError, DraftFeedback, DraftPoint, DraftQuote, Recommendation, draft_schema};

/// A claim with its quotes from the transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// The claim.
    pub text: String,
    /// The quotes that support it.
    pub quotes: Vec<Quote>,
}

/// How many claims the model made, and how many of them a quote supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Number of claims.
    pub claims: usize,
    /// Number of claims that at least one quote from the transcript supports.
    pub verified: usize,
}

/// A draft without the claims that nothing proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// See [`DraftFeedback::summary`].
    pub summary: String,
    /// See [`DraftFeedback::technical`].
    pub technical: String,
    /// See [`DraftFeedback::communication`].
    pub communication: String,
    /// See [`DraftFeedback::problem_solving`].
    pub problem_solving: String,
    /// See [`DraftFeedback::recommendation`].
    pub recommendation: Recommendation,
    /// The strengths that are proved.
    pub strengths: Vec<Point>,
    /// The improvements that are proved.
    pub improvements: Vec<Point>,
    /// See [`DraftFeedback::overall_rating`].
    pub overall_rating: u8,
    /// See [`DraftFeedback::session_rating`].
    pub session_rating: u8,
    /// What was claimed and what is left.
    pub evidence: Evidence,
}

/// Looks every quote of a draft up in the transcript and drops what is not there. The same place is kept once per point.
pub fn verify(draft: DraftFeedback, transcript: &Transcript) -> Verified {
    let index = EvidenceIndex::new(transcript);
    let claims = draft.strengths.len() + draft.improvements.len();
    let proved =
        |points: Vec<DraftPoint>| -> Vec<Point> { points.into_iter().filter_map(|p| prove(p, &index)).collect() };
    let (strengths, improvements) = (proved(draft.strengths), proved(draft.improvements));
    let verified = strengths.len() + improvements.len();
    Verified {
        summary: draft.summary,
        technical: draft.technical,
        communication: draft.communication,
        problem_solving: draft.problem_solving,
        recommendation: draft.recommendation,
        strengths,
        improvements,
        overall_rating: draft.overall_rating,
        session_rating: draft.session_rating,
        evidence: Evidence { claims, verified },
    }
}

fn prove(point: DraftPoint, index: &EvidenceIndex<'_>) -> Option<Point> {
    let mut quotes: Vec<Quote> = Vec::new();
    for quote in point.quotes {
        if let Some(found) = index.find(quote.speaker, &quote.text)
            && !quotes.contains(&found)
        {
            quotes.push(found);
        }
    }
    (!quotes.is_empty()).then_some(Point { text: point.text, quotes })
}

/// The one of two generations of which the larger part was proved; of equal parts the one with more claims left, and of
/// equals the first.
pub fn better(first: Verified, second: Verified) -> Verified {
    let rank = |a: Evidence, b: Evidence| (a.verified * b.claims.max(1), a.verified);
    let (a, b) = (first.evidence, second.evidence);
    if rank(b, a) > rank(a, b) { second } else { first }
}

/// What produced a feedback, apart from the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// The version of the prompt.
    pub prompt: String,
    /// The version of the rubric.
    pub rubric: String,
}

/// Whether there was enough to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FeedbackStatus {
    /// The session was judged.
    Complete,
    /// It was not: too little was said, or no claim of the model was supported by a quote.
    InsufficientEvidence,
}

/// Feedback about a booking. With `INSUFFICIENT_EVIDENCE` there is a reason, the texts, recommendation and ratings are
/// null and the lists are empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Feedback {
    /// The booking's id.
    pub booking_id: BookingId,
    /// Whether there was enough to judge.
    pub status: FeedbackStatus,
    /// Why there was not enough to judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many claims were made, and how many of them a quote supports.
    pub evidence: Evidence,
    /// The session in a few sentences.
    pub summary: Option<String>,
    /// The candidate's technical knowledge.
    pub technical: Option<String>,
    /// How the candidate explained and listened.
    pub communication: Option<String>,
    /// How the candidate approached problems.
    pub problem_solving: Option<String>,
    /// The recommendation this performance would have earned.
    pub recommendation: Option<Word<Recommendation>>,
    /// What the candidate did well.
    pub strengths: Vec<Point>,
    /// What the candidate can do better.
    pub improvements: Vec<Point>,
    /// The candidate's performance, 1 to 10.
    pub overall_rating: Option<u8>,
    /// How useful the session was as practice, 1 to 10.
    pub session_rating: Option<u8>,
    /// Speech statistics; not part of any rating.
    pub speech: SpeechFacts,
    /// The model that generated it; null if none was used.
    pub model: Option<String>,
    /// The version of the prompt.
    pub prompt_version: String,
    /// The version of the rubric.
    pub rubric_version: String,
    /// When it was first generated.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub generated_at: Timestamp,
    /// When it was regenerated, because a later session of the same call added much more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub renewed_at: Option<Timestamp>,
}

impl Verified {
    /// Whether fewer than half of the claims are left, so that generating once more is worth it.
    pub fn needs_retry(&self) -> bool {
        self.evidence.verified * 2 < self.evidence.claims
    }

    /// The feedback to store: complete, or without scores where no claim is left.
    pub fn into_feedback(
        self,
        booking_id: BookingId,
        speech: SpeechFacts,
        model: String,
        versions: Versions,
        generated_at: Timestamp,
    ) -> Feedback {
        let evidence = self.evidence;
        if evidence.verified == 0 {
            let reason = format!(
                "None of the {} points that were written could be proved by the words of the transcript.",
                evidence.claims
            );
            let empty = Feedback::insufficient(booking_id, reason, speech, versions, generated_at);
            return Feedback { evidence, model: Some(model), ..empty };
        }
        Feedback {
            booking_id,
            status: FeedbackStatus::Complete,
            reason: None,
            evidence,
            summary: Some(self.summary),
            technical: Some(self.technical),
            communication: Some(self.communication),
            problem_solving: Some(self.problem_solving),
            recommendation: Some(self.recommendation.into()),
            strengths: self.strengths,
            improvements: self.improvements,
            overall_rating: Some(self.overall_rating),
            session_rating: Some(self.session_rating),
            speech,
            model: Some(model),
            prompt_version: versions.prompt,
            rubric_version: versions.rubric,
            generated_at,
            renewed_at: None,
        }
    }
}

impl Feedback {
    /// As it is shown.
    #[must_use]
    pub fn shown(self) -> Self {
        Self { recommendation: self.recommendation.map(Word::shown), ..self }
    }

    /// Feedback about a session that cannot be judged, with the reason. No model was asked.
    pub fn insufficient(
        booking_id: BookingId,
        reason: impl Into<String>,
        speech: SpeechFacts,
        versions: Versions,
        generated_at: Timestamp,
    ) -> Self {
        Self {
            booking_id,
            status: FeedbackStatus::InsufficientEvidence,
            reason: Some(reason.into()),
            evidence: Evidence::default(),
            summary: None,
            technical: None,
            communication: None,
            problem_solving: None,
            recommendation: None,
            strengths: Vec::new(),
            improvements: Vec::new(),
            overall_rating: None,
            session_rating: None,
            speech,
            model: None,
            prompt_version: versions.prompt,
            rubric_version: versions.rubric,
            generated_at,
            renewed_at: None,
        }
    }

    /// Whether the session was judged.
    pub fn is_complete(&self) -> bool {
        self.status == FeedbackStatus::Complete
    }
}

/// What a feedback's model calls used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenUsage {
    /// Tokens sent.
    pub prompt_tokens: u64,
    /// Tokens of the answers.
    pub output_tokens: u64,
    /// Tokens of thinking, which are billed as output.
    pub thinking_tokens: u64,
}

impl TokenUsage {
    /// The usage of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            thinking_tokens: self.thinking_tokens.saturating_add(other.thinking_tokens),
        }
    }
}

/// What a feedback was written from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heard {
    /// How many transcript files.
    pub transcripts: usize,
    /// How many words of the candidate; see [`Transcript::substance`].
    pub candidate_words: usize,
}

/// A feedback as it is stored: with what it cost, which its readers are not told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedbackRecord {
    /// What its readers see.
    pub feedback: Feedback,
    /// What all generations used.
    pub usage: TokenUsage,
    /// How many times a model was asked.
    pub generations: u32,
    /// What it was written from. Where that is not known it is never written again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Heard>,
    /// Whether a model was asked once more after it was complete; it never is again.
    #[serde(default)]
    pub was_renewed: bool,
}

impl FeedbackRecord {
    /// Whether it judges the session and is not to be written again: but for one renewal, when the call's door has closed
    /// at `closed_at` and no further session can follow.
    pub fn is_final(&self, closed_at: Timestamp, now: Timestamp) -> bool {
        self.feedback.is_complete() && (self.was_renewed || self.heard.is_none() || now < closed_at)
    }

    /// Whether the candidate's words have grown by more than half since it was written.
    pub fn is_outgrown_by(&self, heard: Heard) -> bool {
        let grown = |before: Heard| heard.candidate_words > before.candidate_words + before.candidate_words / 2;
        self.heard.is_some_and(grown)
    }

    /// What is stored once a model was asked again about a session that this judges: the second feedback, where that judges
    /// the session too, else this one.
    #[must_use]
    pub fn renewed_by(&self, second: Self) -> Self {
        let feedback = if second.feedback.is_complete() {
            let (generated_at, renewed_at) = (self.feedback.generated_at, Some(second.feedback.generated_at));
            Feedback { generated_at, renewed_at, ..second.feedback }
        } else {
            self.feedback.clone()
        };
        let (usage, generations) = (self.usage.plus(second.usage), self.generations + second.generations);
        Self { feedback, usage, generations, heard: second.heard, was_renewed: true }
    }
}

#[cfg(test)]
mod tests {
    use super::draft::tests::{SAID, draft, point};
    use super::*;
    use crate::transcript::Speaker;
    use crate::transcript::tests::transcript;
    use serde_json::{Value, json};
    use ulid::Ulid;

    fn sample() -> Transcript {
        transcript(&[
            ('I', 0, 4000, "How would you make sure that nothing is lost?"),
            ('C', 5000, 9000, "I would write it to the outbox first, in the same transaction."),
            ('C', 9500, 12_000, "Then a worker reads it and sends it on."),
        ])
    }

    const INVENTED: (Speaker, &str) = (Speaker::Interviewee, "I have led a team of forty");
    const WRONG_SPEAKER: (Speaker, &str) = (Speaker::Interviewer, "write it to the outbox first");

    fn versions() -> Versions {
        Versions { prompt: "feedback-1".to_owned(), rubric: "rubric-1".to_owned() }
    }

    fn booking() -> BookingId {
        BookingId::new(Ulid::from_parts(1_795_167_000_000, 1))
    }

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn claims_without_a_quote_that_was_said_are_dropped_and_counted() {
        let verified = verify(
            draft(
                vec![
                    point("durable", &[SAID, INVENTED, (SAID.0, "Write it, to the outbox, first!")]),
                    point("leads", &[INVENTED]),
                ],
                vec![
                    point("talks", &[WRONG_SPEAKER]),
                    point("detail", &[(Speaker::Interviewee, "a worker reads it and sends")]),
                    point("none", &[]),
                ],
            ),
            &sample(),
        );
        assert_eq!(verified.evidence, Evidence { claims: 5, verified: 2 });
        assert!(verified.needs_retry());
        let quote = Quote {
            speaker: Speaker::Interviewee,
            text: "write it to the outbox first".to_owned(),
            start_ms: 5000,
            end_ms: 9000,
        };
        assert_eq!(verified.strengths, [Point { text: "durable".to_owned(), quotes: vec![quote] }]);
        assert_eq!(verified.improvements[0].text, "detail");
    }

    #[test]
    fn half_of_the_claims_is_enough_and_the_better_generation_is_kept() {
        let made = |good: usize, bad: usize| {
            let points = std::iter::repeat_n(point("yes", &[SAID]), good)
                .chain(std::iter::repeat_n(point("no", &[INVENTED]), bad));
            verify(draft(points.collect(), Vec::new()), &sample())
        };
        assert!(!made(2, 2).needs_retry());
        assert!(made(2, 3).needs_retry());
        for (first, second, kept) in [
            ((1, 3), (2, 2), (2, 4)),
            ((2, 2), (1, 3), (2, 4)),
            ((1, 1), (3, 3), (3, 6)),
            ((1, 0), (6, 2), (1, 1)),
            ((0, 1), (1, 7), (1, 8)),
            ((0, 1), (0, 2), (0, 1)),
        ] {
            let evidence = better(made(first.0, first.1), made(second.0, second.1)).evidence;
            assert_eq!((evidence.verified, evidence.claims), kept, "{first:?} {second:?}");
        }
    }

    #[test]
    fn a_verified_draft_becomes_complete_feedback() {
        let verified = verify(draft(vec![point("durable", &[SAID])], vec![point("leads", &[INVENTED])]), &sample());
        let feedback =
            verified.into_feedback(booking(), SpeechFacts::default(), "gemini-3.8-flash".to_owned(), versions(), now());
        assert!(feedback.is_complete());
        insta::assert_json_snapshot!(feedback, @r#"
        {
          "bookingId": "bkg_01M7W4N5E00000000000000001",
          "status": "COMPLETE",
          "evidence": {
            "claims": 2,
            "verified": 1
          },
          "summary": "A short session.",
          "technical": "Knows the outbox pattern.",
          "communication": "Brief.",
          "problemSolving": "Direct.",
          "recommendation": "HIRE",
          "strengths": [
            {
              "text": "durable",
              "quotes": [
                {
                  "speaker": "INTERVIEWEE",
                  "text": "write it to the outbox first",
                  "startMs": 5000,
                  "endMs": 9000
                }
              ]
            }
          ],
          "improvements": [],
          "overallRating": 7,
          "sessionRating": 6,
          "speech": {
            "candidateTalkRatio": null,
            "wordsPerMinute": null,
            "fillersPerMinute": null,
            "longestMonologueSeconds": null,
            "medianResponseSeconds": null,
            "withheld": {}
          },
          "model": "gemini-3.8-flash",
          "promptVersion": "feedback-1",
          "rubricVersion": "rubric-1",
          "generatedAt": "2026-11-20T12:00:00Z"
        }
        "#);
        let json = serde_json::to_string(&feedback).unwrap();
        assert_eq!(serde_json::from_str::<Feedback>(&json).unwrap(), feedback);
    }

    #[test]
    fn without_a_proved_claim_there_are_no_scores() {
        let verified = verify(draft(vec![point("leads", &[INVENTED])], vec![point("x", &[])]), &sample());
        let feedback =
            verified.into_feedback(booking(), SpeechFacts::default(), "gemini-3.8-flash".to_owned(), versions(), now());
        assert_eq!(feedback.status, FeedbackStatus::InsufficientEvidence);
        assert_eq!(feedback.evidence, Evidence { claims: 2, verified: 0 });
        assert_eq!((feedback.overall_rating, feedback.summary, feedback.recommendation), (None, None, None));
        assert_eq!(feedback.model.as_deref(), Some("gemini-3.8-flash"));
    }

    #[test]
    fn insufficient_feedback_has_every_key_and_no_scores() {
        let thin = sample().thinness().unwrap();
        let feedback = Feedback::insufficient(booking(), thin.to_string(), SpeechFacts::default(), versions(), now());
        let json = serde_json::to_value(&feedback).unwrap();
        for key in [
            "summary",
            "technical",
            "communication",
            "problemSolving",
            "recommendation",
            "overallRating",
            "sessionRating",
            "model",
        ] {
            assert_eq!(json.get(key), Some(&Value::Null), "{key}");
        }
        assert_eq!(
            json["reason"],
            "Too little was said for feedback: candidate words 21 of at least 100, candidate turns 1 of at least 4."
        );
        assert_eq!(json["strengths"], json!([]));
        assert_eq!(serde_json::from_value::<Feedback>(json).unwrap(), feedback);
    }

    fn record(words: usize, feedback: Feedback) -> FeedbackRecord {
        let heard = Some(Heard { transcripts: 1, candidate_words: words });
        let usage = TokenUsage { prompt_tokens: 100, output_tokens: 10, thinking_tokens: 1 };
        FeedbackRecord { feedback, usage, generations: 1, heard, was_renewed: false }
    }

    fn made(points: Vec<DraftPoint>, at: Timestamp) -> Feedback {
        let verified = verify(draft(points, Vec::new()), &sample());
        verified.into_feedback(booking(), SpeechFacts::default(), "gemini-3.8-flash".to_owned(), versions(), at)
    }

    #[test]
    fn a_feedback_is_renewed_once_when_the_door_has_closed_and_much_more_was_said() {
        let closed_at = now() + jiff::SignedDuration::from_mins(50);
        let first = record(200, made(vec![point("durable", &[SAID])], now()));
        assert!(first.is_final(closed_at, now()) && !first.is_final(closed_at, closed_at));
        let heard = |candidate_words| Heard { transcripts: 2, candidate_words };
        assert!(!first.is_outgrown_by(heard(300)) && first.is_outgrown_by(heard(301)));

        let second = record(301, made(vec![point("outbox", &[SAID])], closed_at));
        let renewed = first.renewed_by(second);
        assert_eq!(renewed.feedback.strengths[0].text, "outbox");
        assert_eq!((renewed.feedback.generated_at, renewed.feedback.renewed_at), (now(), Some(closed_at)));
        assert_eq!((renewed.generations, renewed.usage.prompt_tokens), (2, 200));
        assert!(renewed.is_final(closed_at, closed_at));

        let in_vain = first.renewed_by(record(301, made(vec![point("leads", &[INVENTED])], closed_at)));
        assert_eq!(in_vain.feedback, first.feedback);
        assert!(in_vain.is_final(closed_at, closed_at), "nobody asks and pays again");

        let of_an_older_version = FeedbackRecord { heard: None, ..first };
        assert!(of_an_older_version.is_final(closed_at, closed_at) && !of_an_older_version.is_outgrown_by(heard(9000)));
        let thin = record(0, made(Vec::new(), now()));
        assert!(!thin.is_final(closed_at, now()) && !thin.is_final(closed_at, closed_at));
    }

    #[test]
    fn usage_of_generations_adds_up() {
        let one = TokenUsage { prompt_tokens: 5210, output_tokens: 160, thinking_tokens: 410 };
        assert_eq!(one.plus(one), TokenUsage { prompt_tokens: 10_420, output_tokens: 320, thinking_tokens: 820 });
    }
}
