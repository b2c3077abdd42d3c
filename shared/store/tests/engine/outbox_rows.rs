//! The rows that ask for effects.

use std::collections::BTreeSet;

use store::outbox::Place;

use super::*;

fn effects(count: u128) -> Vec<Effect> {
    (0..count).map(|n| Effect::CreateCall { booking_id: booking_id(n) }).collect()
}

#[tokio::test]
async fn rows_of_all_shards_are_found_page_by_page_wherever_the_reading_begins() {
    let world = world().await;
    let table = &world.app.table;
    let effects = effects(300);
    assert_eq!(outbox::write_once(table, &effects, noon()).await.unwrap(), 300);
    let all: BTreeSet<String> = effects.iter().map(Effect::outbox_id).collect();
    let used: BTreeSet<String> = all.iter().map(|id| keys::outbox_waiting_of(id)).collect();
    assert!(used.len() > 50, "they are spread: {used:?}");
    let later = noon() + SignedDuration::from_mins(5);
    for first in [0, 63, 64, 1000] {
        let (mut seen, mut from) = (Vec::new(), Some(Place::any(first)));
        while let Some(place) = from {
            let page = outbox::waiting(table, later, 7, Some(&place)).await.unwrap();
            assert!(page.rows.len() <= 7 && page.unreadable == 0);
            seen.extend(page.rows.into_iter().map(|row| row.outbox_id));
            from = page.next;
        }
        assert_eq!(seen.len(), 300, "each once");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
    }
    assert!(outbox::waiting(table, noon(), 7, None).await.unwrap().rows.is_empty(), "those that are older");
}

#[tokio::test]
async fn of_two_runs_that_ask_for_the_same_each_effect_is_asked_for_once() {
    let world = world().await;
    let table = &world.app.table;
    let effects = effects(120);
    let some = outbox::write_once(table, &effects[100..], noon()).await.unwrap();
    let (one, other) =
        tokio::join!(outbox::write_once(table, &effects, noon()), outbox::write_once(table, &effects[..70], noon()));
    assert_eq!(some + one.unwrap() + other.unwrap(), 120);
    let rows = outbox::waiting(table, noon() + SignedDuration::from_mins(5), 1000, None).await.unwrap().rows;
    assert_eq!(rows.len(), 120);
}
