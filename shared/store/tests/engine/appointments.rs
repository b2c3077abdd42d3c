//! A person's bookings, page by page, beside what the pages ought to be.

use domain::booking::{Cancellation, CancelledBy, State};
use domain::settlement::{Outcome, Settlement, SettlementReason};
use store::appointments::{Scope, of_person, place};

use super::*;

const SIDES: [(&str, Party); 2] = [("cara", Party::Interviewee), ("ivy", Party::Interviewer)];

/// A session of an hour that begins so many minutes from noon, in one of three states.
async fn store_in_state(world: &World, n: u128, minutes: i64, state: u64) -> Booking {
    let start = noon() + SignedDuration::from_mins(minutes);
    store_booking(world, n, start, noon()).await;
    let before = store::booking::get(&world.app.table, booking_id(n)).await.unwrap().unwrap();
    let settled = |outcome, reason: SettlementReason| Settlement { outcome, reason: reason.into(), settled_at: noon() };
    let state = match state {
        0 => return before,
        1 => State::Cancelled {
            cancellation: Cancellation { by: CancelledBy::System, reason: "gone".into(), code: None, at: noon() },
            settlement: settled(Outcome::Released, SettlementReason::AccountDeleted),
        },
        _ => State::Completed {
            completed_at: noon(),
            settlement: settled(Outcome::Captured, SettlementReason::FeedbackComplete),
        },
    };
    let after = Booking { state, due_at: None, ..before.clone() };
    let mut tx = Tx::new();
    store::booking::replace(&mut tx, &before, &after).unwrap();
    tx.commit(&world.app.table).await.unwrap();
    after
}

/// All pages of a list, while each page takes `pace` to be read.
async fn pages(
    table: &Table,
    (person, side): (&str, Party),
    scope: Scope,
    limit: usize,
    pace: SignedDuration,
) -> Vec<Vec<BookingId>> {
    let (mut pages, mut after, mut now) = (Vec::new(), None, noon());
    loop {
        let (found, next) = of_person(table, &user(person), side, scope, now, limit, after).await.unwrap();
        pages.push(found.into_iter().map(|b| b.booking_id).collect());
        now += pace;
        let Some(next) = next else { return pages };
        after = Some(place(&next).unwrap());
        assert!(pages.len() < 100, "the list goes in circles");
    }
}

#[tokio::test]
async fn every_page_of_a_persons_bookings_is_full_in_order_and_of_its_scope() {
    let world = world().await;
    let mut random = 7_u64;
    let mut all: Vec<Booking> = Vec::new();
    // A day of the past and as much to come, an hour and a half apart, of which one is running at noon.
    for n in 0..40_u32 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let minutes = i64::from(n) * 90 - 1830;
        all.push(store_in_state(&world, u128::from(n) + 1, minutes, (random >> 33) % 3).await);
    }
    let (upcoming, past): (Vec<Booking>, Vec<Booking>) = all.iter().cloned().partition(|b| b.is_upcoming(noon()));
    let ids = |list: &[Booking]| list.iter().map(|b| b.booking_id).collect::<Vec<_>>();
    let (upcoming, mut past) = (ids(&upcoming), ids(&past));
    past.reverse();
    assert!(upcoming.len() > 4 && past.len() > 20, "{} and {}", upcoming.len(), past.len());
    let table = &world.app.table;
    for side in SIDES {
        for limit in [1, 2, 3, 7, 100] {
            for (scope, expected) in [(Scope::Upcoming, &upcoming), (Scope::Past, &past)] {
                let found = pages(table, side, scope, limit, SignedDuration::ZERO).await;
                let due: Vec<Vec<BookingId>> = expected.chunks(limit).map(<[BookingId]>::to_vec).collect();
                assert_eq!(found, due, "{side:?} {scope:?}, {limit} at a time");
            }
        }
        // Between pages sessions end. What was past when the first was read is seen once, whatever is added before it.
        let found = pages(table, side, Scope::Past, 2, SignedDuration::from_mins(25)).await.concat();
        let known: Vec<BookingId> = found.iter().copied().filter(|id| past.contains(id)).collect();
        assert_eq!(known, past);
        let found = pages(table, side, Scope::Upcoming, 1, SignedDuration::from_mins(50)).await.concat();
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "each once, soonest first: {found:?}");
    }
    let expected: Vec<BookingId> =
        all.iter().filter(|b| !b.is_cancelled() && b.end_time > noon()).map(|b| b.booking_id).collect();
    for person in ["cara", "ivy"] {
        let mut unfinished = store::appointments::unfinished(table, &user(person), noon()).await.unwrap();
        unfinished.sort_by_key(|b| b.booking_id);
        assert_eq!(unfinished.iter().map(|b| b.booking_id).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn a_booking_leaves_the_coming_ones_when_it_is_over_before_its_time() {
    let world = world().await;
    for (n, minutes, state) in [(1, -180, 0), (2, -30, 0), (3, 120, 0), (4, 240, 1), (5, 5, 2), (6, 4_000, 2)] {
        store_in_state(&world, n, minutes, state).await;
    }
    for side in SIDES {
        let list = |scope| pages(&world.app.table, side, scope, 10, SignedDuration::ZERO);
        assert_eq!(list(Scope::Upcoming).await.concat(), [2, 3].map(booking_id));
        assert_eq!(list(Scope::Past).await.concat(), [6, 4, 5, 1].map(booking_id));
    }
}
