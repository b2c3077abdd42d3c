//! Consent to recording. Nothing is recorded before both parties have said yes to the current text; "no" still lets
//! them talk (DECISIONS.md, "Recording and feedback").

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::party::Party;
use crate::problem::ValidationError;

/// The version of the consent text that is shown now.
pub const CONSENT_VERSION: &str = "2026-11";

/// What one party said, and to which text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// The version of the text that was shown.
    pub version: String,
    /// Whether recording and transcription are allowed.
    pub record: bool,
    /// When it was said.
    pub at: Timestamp,
}

/// The latest word of both parties.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consents {
    /// The candidate's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interviewee: Option<Consent>,
    /// The interviewer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interviewer: Option<Consent>,
    /// How often a word was given; it names the outbox row that makes the call follow.
    #[serde(default)]
    pub sequence: u64,
}

impl Consents {
    /// What `party` said, if anything.
    pub fn of(&self, party: Party) -> Option<&Consent> {
        match party {
            Party::Interviewee => self.interviewee.as_ref(),
            Party::Interviewer => self.interviewer.as_ref(),
        }
    }

    /// Whether both have said yes.
    pub fn both(&self) -> bool {
        [&self.interviewee, &self.interviewer].into_iter().all(|c| c.as_ref().is_some_and(|c| c.record))
    }

    /// Takes the latest word of `party`. Says whether it differs from the one before.
    pub fn say(&mut self, party: Party, version: &str, record: bool, now: Timestamp) -> Result<bool, ValidationError> {
        if version != CONSENT_VERSION {
            return Err(ValidationError::field("version", format!("the current text is {CONSENT_VERSION}")));
        }
        if self.of(party).is_some_and(|c| c.record == record && c.version == version) {
            return Ok(false);
        }
        let word = Some(Consent { version: version.to_owned(), record, at: now });
        match party {
            Party::Interviewee => self.interviewee = word,
            Party::Interviewer => self.interviewer = word,
        }
        self.sequence += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_yeses_to_the_current_text_allow_recording() {
        let now = "2026-11-20T10:00:00Z".parse().unwrap();
        let mut consents = Consents::default();
        assert!(!consents.both());
        assert!(consents.say(Party::Interviewee, "2025-01", true, now).is_err());
        assert_eq!(consents.say(Party::Interviewee, CONSENT_VERSION, true, now), Ok(true));
        assert!(!consents.both());
        assert_eq!(consents.say(Party::Interviewer, CONSENT_VERSION, true, now), Ok(true));
        assert!(consents.both());
        assert_eq!(consents.say(Party::Interviewer, CONSENT_VERSION, true, now), Ok(false));
        assert_eq!(consents.say(Party::Interviewer, CONSENT_VERSION, false, now), Ok(true));
        assert!(!consents.both());
        assert_eq!(consents.sequence, 3);
    }
}
