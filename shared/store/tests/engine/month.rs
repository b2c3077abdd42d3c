//! The transfers of a month.

use std::collections::BTreeSet;

use domain::ledger::{Balance, Transfer};
use domain::totals::Totals;
use store::month::{self, Place, Summing};

use super::*;
use crate::ledger::transfer;

#[tokio::test]
async fn a_month_is_paged_and_summed_from_its_transfers_alone() {
    let world = world().await;
    let table = &world.app.table;
    let (cara, ivy) = (user("cara"), user("ivy"));
    world.give_credits("cara", 1000).await;
    let december: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    let mut expected = BTreeSet::new();
    for n in 0..40 {
        transfer(&world, &Transfer::hold(booking_id(n), &cara, 10, noon())).await.unwrap();
        let settled = match n % 4 {
            0 => Transfer::capture(booking_id(n), &cara, &ivy, 10, noon()),
            1 => Transfer::release(booking_id(n), &cara, 10, noon()),
            2 => Transfer::capture(booking_id(n), &cara, &ivy, 10, december),
            _ => continue,
        };
        expected.extend((settled.created_at == noon()).then(|| settled.transfer_id.to_string()));
        transfer(&world, &settled).await.unwrap();
    }
    expected.extend((0..40).map(|n| TransferId::hold(booking_id(n)).to_string()));

    for limit in [1, 7, 1000] {
        let (mut seen, mut from) = (Vec::new(), Some(Place::default()));
        while let Some(place) = from {
            // A place can be stored.
            let place = serde_json::from_value(serde_json::to_value(place).unwrap()).unwrap();
            let page = month::page(table, "2026-11", &place, limit).await.unwrap();
            assert!(page.transfers.len() <= limit && page.unreadable.is_empty());
            seen.extend(page.transfers.into_iter().map(|moved| moved.transfer_id));
            from = page.next;
        }
        assert_eq!(seen.len(), 61, "each once, with what was given");
        seen.retain(|id| !id.starts_with("adjust:"));
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    let mut months = Vec::new();
    for name in ["2026-11", "2026-12", "2027-01"] {
        let mut sum = Summing::begin(name.to_owned());
        while !sum.is_complete() {
            sum = serde_json::from_value(serde_json::to_value(sum).unwrap()).unwrap();
            sum.advance(table, 9).await.unwrap();
        }
        assert_eq!(sum.unreadable, 0);
        months.push(sum.totals);
    }
    let of = |totals: &Totals, kind| totals.of_kind("CREDIT", kind).amount;
    assert_eq!(
        ["BOOKING_HOLD", "BOOKING_CAPTURE", "BOOKING_RELEASE"].map(|kind| of(&months[0], kind)),
        [400, 100, 100]
    );
    assert_eq!((of(&months[1], "BOOKING_CAPTURE"), &months[2]), (100, &Totals::default()));
    // What people have is what was issued, less what the platform took back, of all months.
    let growth = |account: &str| months.iter().map(|totals| totals.growth("CREDIT", account)).sum::<i128>();
    let mut balances = [0; Balance::ALL.len()];
    for person in [&cara, &ivy] {
        let [credit, _] = store::wallet::of_user(table, person).await.unwrap();
        for (sum, balance) in balances.iter_mut().zip(Balance::ALL) {
            *sum += i128::from(credit.balance(balance));
        }
    }
    assert_eq!(Balance::ALL.map(|balance| growth(&format!("user/{}", balance.name()))), balances);
    assert_eq!((growth("user"), growth("platform")), (1000, -1000));
}
