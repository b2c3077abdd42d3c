//! How failed work is retried. A message is received eight times over several hours, long enough for most outages of a
//! provider to pass; a message that fails every time is set aside for an operator.

use std::time::Duration;

/// How often a message is received before its queue sets it aside; `infra/state.yaml` says the same.
pub const RECEIVES: u32 = 8;
/// The longest wait that a provider may ask for. If it asks for more we try again after this long: its answer may be a
/// mistake, and a queue hides a message for twelve hours at most.
pub const LONGEST_NAMED: Duration = Duration::from_hours(6);
/// Once work has been failing for this long an operator is told, though it will still be retried.
const LATE: Duration = Duration::from_mins(10);
/// A wait is lengthened by a random part of itself, at most one in so many: what failed together must not come back together.
const JITTER: u64 = 8;

/// A kind of work; each has a queue of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Short calls at Stream. People may be waiting for a call, or for a recording to stop: the first tries come quickly.
    Stream,
    /// Files of Stream's, which keeps them for two weeks.
    Media,
    /// Credits that are to move.
    Settlement,
    /// A model, which is slow, costs something each time, and is often too busy for minutes.
    Generation,
}

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

impl Patience {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Stream, Self::Media, Self::Settlement, Self::Generation];

    /// The waits between the receives of a message.
    pub const fn waits(self) -> [Duration; RECEIVES as usize - 1] {
        match self {
            Self::Stream => {
                [seconds(2), seconds(10), minutes(1), minutes(10), minutes(40), minutes(2 * 60), minutes(4 * 60)]
            }
            Self::Media => {
                [seconds(5), seconds(30), minutes(3), minutes(15), minutes(60), minutes(3 * 60), minutes(6 * 60)]
            }
            Self::Settlement => {
                [seconds(2), seconds(10), minutes(1), minutes(10), minutes(30), minutes(60), minutes(3 * 60)]
            }
            Self::Generation => {
                [seconds(10), minutes(1), minutes(5), minutes(20), minutes(60), minutes(2 * 60), minutes(4 * 60)]
            }
        }
    }

    /// How long a message waits that has failed when it was received for the `receive_count`th time: as long as the provider
    /// has named, within [`LONGEST_NAMED`], and never less than its kind waits. A peak may well outlast the second that a
    /// provider names, and a message comes back only so often. `random` is any random number, by which it is spread.
    pub fn wait(self, receive_count: u32, named: Option<Duration>, random: u64) -> Duration {
        let waits = self.waits();
        let own = waits[place(receive_count).min(waits.len() - 1)];
        let wait = own.max(named.unwrap_or_default().min(LONGEST_NAMED));
        wait + seconds(random % (wait.as_secs() / JITTER + 1))
    }

    /// Whether a message received for the `receive_count`th time has been failing for so long that an operator should
    /// hear of it.
    pub fn is_late(self, receive_count: u32) -> bool {
        self.waits().into_iter().take(place(receive_count)).sum::<Duration>() >= LATE
    }
}

fn place(receive_count: u32) -> usize {
    usize::try_from(receive_count.saturating_sub(1)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_kind() -> impl Strategy<Value = Patience> {
        proptest::sample::select(Patience::ALL.to_vec())
    }

    #[test]
    fn waits_grow_from_seconds_to_hours_and_bridge_an_outage_of_hours() {
        for kind in Patience::ALL {
            let waits = kind.waits();
            assert!(waits.is_sorted(), "{kind:?}");
            let all: Duration = waits.into_iter().sum();
            assert!((Duration::from_hours(4)..Duration::from_hours(12)).contains(&all), "{kind:?} waits {all:?}");
            let longest: Duration = (1..RECEIVES).map(|n| kind.wait(n, None, u64::MAX)).sum();
            assert!(longest < Duration::from_hours(12), "{kind:?} waits {longest:?}");
        }
        assert_eq!(Patience::Stream.waits()[0], seconds(2), "a recording is to stop");
        assert!(Patience::Generation.waits()[0] > Patience::Stream.waits()[0]);
    }

    #[test]
    fn what_a_provider_names_lengthens_a_wait_and_never_shortens_it() {
        let wait = |receive_count, named| Patience::Stream.wait(receive_count, named, 0).as_secs();
        assert_eq!(
            [1, 2, 3, 4, 5, 6, 7, 8, 99].map(|n| wait(n, None)),
            [2, 10, 60, 600, 2_400, 7_200, 14_400, 14_400, 14_400]
        );
        assert_eq!([1, 2, 3].map(|n| wait(n, Some(Duration::from_millis(400)))), [2, 10, 60]);
        assert_eq!([1, 3].map(|n| wait(n, Some(seconds(30)))), [30, 60]);
        assert_eq!(wait(1, Some(Duration::from_hours(24))), 6 * 3_600);
    }

    #[test]
    fn an_operator_hears_of_an_outage_long_before_messages_are_set_aside() {
        for kind in Patience::ALL {
            let first_late = (1..=RECEIVES).find(|n| kind.is_late(*n)).unwrap();
            assert!(first_late > 3 && first_late <= 5, "{kind:?}: {first_late}");
        }
    }

    proptest! {
        #[test]
        fn every_wait_is_one_that_a_queue_can_hold(kind in any_kind(), count in 0_u32..20, named in 0_u64..1_000_000) {
            let wait = kind.wait(count, Some(seconds(named)), 0);
            prop_assert!(wait <= Duration::from_hours(11));
            prop_assert!(wait >= kind.wait(count, None, 0));
            prop_assert!(wait >= seconds(named).min(LONGEST_NAMED));
            prop_assert!(kind.wait(count + 1, Some(seconds(named)), 0) >= wait);
        }

        #[test]
        fn a_wait_is_spread_by_at_most_an_eighth(
            kind in any_kind(), count in 0_u32..20, named in 0_u64..1_000_000, random: u64,
        ) {
            let (least, spread) = (kind.wait(count, Some(seconds(named)), 0), kind.wait(count, Some(seconds(named)), random));
            prop_assert!(least <= spread && spread <= least + least / 8, "{least:?} {spread:?}");
            prop_assert!(spread <= Duration::from_hours(11));
            prop_assert_eq!(spread, kind.wait(count, Some(seconds(named)), random), "the same number, the same wait");
        }
    }
}
