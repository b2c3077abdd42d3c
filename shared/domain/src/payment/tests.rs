use proptest::prelude::*;
use ulid::Ulid;

use super::*;
use crate::money::Currency;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// 25 credits for 14.50 $.
fn pack() -> Payment {
    let bought = Bought::Pack { pack_id: PackId::new(Ulid(2)), version: 1, asset: Asset::Credit, units: 25 };
    Payment {
        payment_id: PaymentId::new(Ulid(1)),
        user_id: "cara".parse().unwrap(),
        title: "25 credits".to_owned(),
        bought,
        price: Money { amount_minor: 1450, currency: Currency::Usd },
        provider: PaymentProvider::Stripe,
        status: PaymentStatus::Pending,
        session_id: Some("cs_1".to_owned()),
        charge_id: None,
        paid_instead: None,
        refunded_minor: 0,
        disputes: BTreeMap::new(),
        taken_units: 0,
        receipt_url: None,
        created_at: at("2026-11-20T10:00:00Z"),
        settled_at: None,
        version: 1,
    }
}

fn paid(amount_minor: u64, currency: &str) -> Paid {
    Paid { amount_minor, currency: currency.to_owned(), charge_id: Some("pi_1".to_owned()) }
}

#[test]
fn what_was_asked_settles_once_also_late_and_after_a_first_attempt_failed() {
    let now = at("2026-11-20T11:00:00Z");
    for before in [PaymentStatus::Pending, PaymentStatus::Expired, PaymentStatus::Failed] {
        let mut payment = Payment { status: before, ..pack() };
        assert_eq!(payment.paid(&paid(1450, "usd"), now), Consequence::HandOver);
        assert_eq!((payment.status, payment.settled_at), (PaymentStatus::Settled, Some(now)));
        assert_eq!(payment.paid(&paid(1450, "usd"), now), Consequence::Nothing);
        payment.not_paid(PaymentStatus::Expired);
        assert_eq!(payment.status, PaymentStatus::Settled);
    }
}

#[test]
fn another_amount_or_currency_is_held_until_an_admin_has_looked() {
    let now = at("2026-11-20T11:00:00Z");
    for (amount, currency) in [(1449, "usd"), (1451, "USD"), (1450, "inr"), (0, "usd"), (1450, "")] {
        let mut payment = pack();
        assert_eq!(payment.paid(&paid(amount, currency), now), Consequence::Alarm);
        assert_eq!(payment.status, PaymentStatus::Mismatch);
        assert_eq!(payment.paid(&paid(1450, "usd"), now), Consequence::Nothing, "held is held");
        assert_eq!(payment.correct(), Correction::Nothing);
        payment.release(now).unwrap();
        assert_eq!(payment.status, PaymentStatus::Settled);
        assert_eq!(payment.release(now), Err(PaymentError::NotHeld));
    }
}

#[test]
fn refunds_in_part_take_back_their_share_and_a_won_dispute_gives_back() {
    let now = at("2026-11-20T11:00:00Z");
    let mut payment = pack();
    payment.paid(&paid(1450, "usd"), now);
    for (total, correction) in [
        (100, Correction::Take(1)),
        (100, Correction::Nothing),
        (725, Correction::Take(11)),
        (100, Correction::Nothing),
    ] {
        payment.refunded(total);
        assert_eq!(payment.correct(), correction);
    }
    assert_eq!(payment.status, PaymentStatus::Settled);
    let dispute = |state| Dispute { state, amount_minor: 1450 };
    payment.disputed("dp_1", dispute(DisputeState::Open));
    assert_eq!((payment.correct(), payment.status), (Correction::Take(13), PaymentStatus::Disputed));
    payment.disputed("dp_1", dispute(DisputeState::Won));
    assert_eq!((payment.correct(), payment.status), (Correction::Give(13), PaymentStatus::Settled));
    payment.disputed("dp_1", dispute(DisputeState::Open));
    assert_eq!((payment.correct(), payment.status), (Correction::Nothing, PaymentStatus::Settled));
    assert_eq!(payment.refundable(None), Ok(725));
    assert_eq!(payment.refundable(Some(726)), Err(PaymentError::RefundTooLarge { left: 725 }));
    payment.refunded(1450);
    assert_eq!((payment.correct(), payment.status), (Correction::Take(13), PaymentStatus::Refunded));
    assert_eq!(payment.refundable(None), Err(PaymentError::RefundTooLarge { left: 0 }));
}

/// What a provider may say of a payment.
#[derive(Debug, Clone)]
enum Said {
    Paid,
    Expired,
    Failed,
    Refunded(u64),
    Disputed(&'static str, Dispute),
}

impl Said {
    /// Takes it in, and answers by how much the units of the buyer change.
    fn take_in(&self, payment: &mut Payment) -> i64 {
        let mut change = 0;
        match self {
            Self::Paid => {
                if payment.paid(&paid(1450, "usd"), at("2026-11-20T11:00:00Z")) == Consequence::HandOver {
                    change += 25;
                }
            }
            Self::Expired => payment.not_paid(PaymentStatus::Expired),
            Self::Failed => payment.not_paid(PaymentStatus::Failed),
            Self::Refunded(total) => payment.refunded(*total),
            Self::Disputed(id, dispute) => payment.disputed(id, *dispute),
        }
        match payment.correct() {
            Correction::Nothing => change,
            Correction::Take(units) => change - i64::try_from(units).unwrap(),
            Correction::Give(units) => change + i64::try_from(units).unwrap(),
        }
    }
}

/// The words of a life: each dispute is opened, and decided at most once.
fn life() -> impl Strategy<Value = Vec<Said>> {
    let dispute = |id: &'static str| {
        let decided = prop_oneof![Just(None), Just(Some(DisputeState::Won)), Just(Some(DisputeState::Lost))];
        (1_u64..2000, decided, any::<bool>()).prop_map(move |(amount_minor, decided, is_there)| {
            let word = |state| Said::Disputed(id, Dispute { state, amount_minor });
            let states = [Some(DisputeState::Open), decided].into_iter().flatten();
            if is_there { states.map(word).collect() } else { Vec::new() }
        })
    };
    let refunds = proptest::collection::vec((0_u64..2000).prop_map(Said::Refunded), 0..4);
    let unpaid = proptest::sample::subsequence(vec![Said::Expired, Said::Failed], 0..=2);
    (refunds, dispute("dp_1"), dispute("dp_2"), unpaid).prop_map(|(a, b, c, d)| [vec![Said::Paid], a, b, c, d].concat())
}

/// The same words in another order, each one to three times.
fn shuffled(words: &[Said]) -> impl Strategy<Value = Vec<Said>> + use<> {
    let words = words.to_vec();
    proptest::collection::vec(1_usize..=3, words.len()).prop_flat_map(move |times| {
        let repeated: Vec<Said> =
            words.iter().zip(times).flat_map(|(word, n)| std::iter::repeat_n(word.clone(), n)).collect();
        Just(repeated).prop_shuffle()
    })
}

proptest! {
    #[test]
    fn the_same_words_in_any_order_and_number_come_to_the_same(
        (one, other) in life().prop_flat_map(|words| (shuffled(&words), shuffled(&words))),
    ) {
        let (mut a, mut b) = (pack(), pack());
        let units = |payment: &mut Payment, words: &[Said]| -> i64 {
            let mut sum = 0;
            for word in words {
                sum += word.take_in(payment);
                // Never more is taken than was given.
                assert!((0..=25).contains(&sum), "{sum} after {word:?}");
            }
            sum
        };
        let (left, right) = (units(&mut a, &one), units(&mut b, &other));
        prop_assert_eq!(left, right);
        prop_assert_eq!((a.status, a.refunded_minor, &a.disputes, a.taken_units), (b.status, b.refunded_minor, &b.disputes, b.taken_units));
        prop_assert_eq!(left, 25 - i64::try_from(a.taken_units).unwrap());
    }
}
