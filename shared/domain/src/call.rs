//! The call of a booking, as far as its provider has told of it. Events come in any order and number, so each rule here leads to the
//! same end whichever comes first.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of a booking's call at Stream, from events that may come in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Whether it was created.
    #[serde(default)]
    pub created: bool,
    /// Whether it is being recorded, as of `recording_changed_at`.
    #[serde(default)]
    pub recording: bool,
    /// When recording last started or stopped, as Stream says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_changed_at: Option<Timestamp>,
    /// When the call was ended for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The last failure of recording or transcription that Stream told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// How often it was written; 0 where it is not stored yet.
    #[serde(default)]
    pub version: u64,
}

impl Call {
    /// Recording was told to have started or stopped at `at`. The latest word counts, by the provider's clock; of two at the same
    /// instant, that it does not run.
    pub fn recording_changed(&mut self, recording: bool, at: Timestamp) {
        let is_later =
            self.recording_changed_at.is_none_or(|known| known < at || (known == at && self.recording && !recording));
        if is_later {
            (self.recording, self.recording_changed_at) = (recording, Some(at));
        }
    }

    /// The call was told to have ended at `at`; the first such time counts.
    pub fn ended(&mut self, at: Timestamp) {
        self.ended_at = Some(self.ended_at.map_or(at, |known| known.min(at)));
    }

    /// Something failed at `at`. The latest failure is kept: the time comes first and has one width, so the greatest text is the
    /// latest.
    pub fn failed(&mut self, what: &str, at: Timestamp) {
        let told = format!("{at:.3} {what}");
        if self.failure.as_ref().is_none_or(|known| *known < told) {
            self.failure = Some(told);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tell(call: &mut Call, (kind, second): (u8, i64)) {
        let at = Timestamp::from_second(second).unwrap();
        match kind {
            0 => call.recording_changed(true, at),
            1 => call.recording_changed(false, at),
            2 => call.ended(at),
            _ => call.failed(if kind == 3 { "recording failed" } else { "transcription failed" }, at),
        }
    }

    proptest! {
        #[test]
        fn events_in_any_order_and_number_lead_to_the_same_call(
            events in prop::collection::vec((0u8..5, 1_000_000i64..1_000_004), 0..12), seed in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
        ) {
            let (mut once, mut shuffled) = (Call::default(), Call::default());
            for event in &events {
                tell(&mut once, *event);
            }
            if !events.is_empty() {
                for index in &seed {
                    tell(&mut shuffled, *index.get(&events));
                }
            }
            for event in events.iter().rev() {
                tell(&mut shuffled, *event);
            }
            prop_assert_eq!(once, shuffled);
        }
    }
}
