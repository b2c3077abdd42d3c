//! The store against a real DynamoDB engine: every access pattern and every condition.
#![expect(clippy::unwrap_used, reason = "tests")]

use domain::attendance::{CallSession, Told, Visit};
use domain::availability::NewAvailability;
use domain::booking::Booking;
use domain::calendar::{DayCalendar, UtcDay};
use domain::call::Call;
use domain::ids::{AvailabilityId, BookingId, TransactionId, UserId};
use domain::ledger::TransferId;
use domain::money::Asset;
use domain::party::Party;
use domain::user::{Category, Verification};
use jiff::{SignedDuration, Timestamp};
use store::all_bookings::MonthPlace;
use store::directory::Wanted;
use store::outbox::{self, Effect};
use store::{Item, Key, StoreError, Table, Tx, keys};
use testing::{World, noon};
use ulid::Ulid;

mod appointments;
mod ledger;
mod month;
mod outbox_rows;

async fn world() -> World {
    World::new(&[]).await
}

fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

fn booking_id(n: u128) -> BookingId {
    BookingId::new(Ulid(n))
}

fn key(name: &str) -> Key {
    Key { pk: format!("TEST#{name}"), sk: "ITEM".into() }
}

fn item(name: &str, version: u64) -> Item {
    Item::new(key(name), "Test", &serde_json::json!({ "version": version })).unwrap()
}

async fn commit(table: &Table, build: impl FnOnce(&mut Tx)) -> Result<(), StoreError> {
    let mut tx = Tx::new();
    build(&mut tx);
    tx.commit(table).await
}

fn contended(outcome: Result<(), StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Contended)), "{outcome:?}");
}

#[tokio::test]
async fn a_condition_that_fails_means_read_again_and_writes_nothing() {
    let world = world().await;
    let table = &world.app.table;
    commit(table, |tx| tx.create(item("a", 1))).await.unwrap();
    contended(commit(table, |tx| tx.create(item("a", 1))).await);
    commit(table, |tx| tx.replace(item("a", 2), 1)).await.unwrap();
    contended(commit(table, |tx| tx.replace(item("a", 2), 1)).await);
    contended(commit(table, |tx| tx.replace(item("a", 1), 0)).await);
    contended(commit(table, |tx| tx.check(key("a"), 1)).await);
    contended(commit(table, |tx| tx.check(key("a"), 0)).await);
    commit(table, |tx| tx.check(key("b"), 0)).await.unwrap();
    // All or nothing: the second operation fails, so the first does not happen.
    let both = commit(table, |tx| {
        tx.create(item("c", 1));
        tx.replace(item("a", 9), 1);
    });
    contended(both.await);
    assert!(table.get::<serde_json::Value>(&key("c")).await.unwrap().is_none());
}

#[tokio::test]
async fn an_item_whose_time_is_over_can_be_written_again() {
    let world = world().await;
    let table = &world.app.table;
    commit(table, |tx| tx.create_unless_live(item("a", 1).expires(100), 50)).await.unwrap();
    contended(commit(table, |tx| tx.create_unless_live(item("a", 1).expires(200), 99)).await);
    commit(table, |tx| tx.create_unless_live(item("a", 1).expires(200), 100)).await.unwrap();
}

#[tokio::test]
#[should_panic(expected = "touches each item once")]
async fn a_transaction_that_touches_an_item_twice_is_a_defect() {
    let world = world().await;
    let _ = commit(&world.app.table, |tx| {
        tx.create(item("a", 1));
        tx.delete(key("a"));
    })
    .await;
}

#[tokio::test]
async fn what_is_stored_comes_back_as_it_was() {
    let world = world().await;
    let table = &world.app.table;
    let ivy = world.add_interviewer("ivy").await;
    let items = table.batch_get(&[keys::availability(&ivy), keys::availability(&ivy)]).await.unwrap();
    let mut rules = store::availability::rules(&items, &ivy).unwrap();
    let one_time = serde_json::json!({ "kind": "ONE_TIME", "startTime": "2026-10-25T00:00:00Z",
        "endTime": "2026-10-25T02:00:00Z", "sessionMinutes": 60 });
    rules.rules.clear();
    let rule: NewAvailability = serde_json::from_value(one_time).unwrap();
    let early = noon() - SignedDuration::from_hours(24 * 60);
    rules.rules.push(rule.check(AvailabilityId::new(Ulid(1)), early).unwrap());
    let mut tx = Tx::new();
    store::availability::write(&mut tx, &ivy, &rules).unwrap();
    tx.commit(table).await.unwrap();
    let items = table.batch_get(&[keys::availability(&ivy), keys::bookable(&ivy)]).await.unwrap();
    let read = store::availability::rules(&items, &ivy).unwrap();
    assert_eq!(read.rules, rules.rules);
    let bookable: domain::bookable::Bookable = items.get(&keys::bookable(&ivy)).unwrap().unwrap();
    assert_eq!(bookable.availability_version, read.version);

    let (cara, day) = (user("cara"), UtcDay::containing(noon()));
    let mut taken = DayCalendar::empty(day);
    taken.claim(domain::calendar::QuarterHours::span(0, 4)).unwrap();
    let mut tx = Tx::new();
    store::calendar::write(&mut tx, &cara, &[taken.clone()]).unwrap();
    tx.commit(table).await.unwrap();
    let found = store::calendar::between(table, &cara, day, day).await.unwrap();
    assert_eq!((found[0].taken, found[0].version), (taken.taken, 1));
}

#[tokio::test]
async fn the_directory_follows_the_person() {
    let world = world().await;
    let table = &world.app.table;
    let ivy = world.add_interviewer("ivy").await;
    let list = |wanted: Wanted| async move { store::directory::page(table, &wanted, 10, None).await.unwrap().0.len() };
    let by = |category| Wanted { category: Some(category), ..Wanted::default() };
    assert_eq!(list(Wanted::default()).await, 1);
    assert_eq!(list(by(Category::Backend)).await, 1);
    assert_eq!(list(by(Category::Mobile)).await, 0);
    assert_eq!(list(Wanted { min_years: Some(13), ..Wanted::default() }).await, 0);
    assert_eq!(list(Wanted { max_rate: Some(20), ..Wanted::default() }).await, 1);

    let before = store::user::get(table, &ivy).await.unwrap().unwrap();
    let mut after = before.clone();
    after.interviewer.as_mut().unwrap().categories = vec![Category::Mobile];
    let mut tx = Tx::new();
    store::user::write(&mut tx, Some(&before), &after).unwrap();
    tx.commit(table).await.unwrap();
    assert_eq!((list(by(Category::Backend)).await, list(by(Category::Mobile)).await), (0, 1));

    let before = store::user::get(table, &ivy).await.unwrap().unwrap();
    let hidden = before.decide_verification(Verification::Rejected, None).unwrap().unwrap();
    let mut tx = Tx::new();
    store::user::write(&mut tx, Some(&before), &hidden).unwrap();
    tx.commit(table).await.unwrap();
    assert_eq!(list(Wanted::default()).await, 0);
    let bookable: domain::bookable::Bookable = table.get(&keys::bookable(&ivy)).await.unwrap().unwrap();
    assert!(!bookable.listed);
}

#[tokio::test]
async fn pages_of_the_directory_neither_repeat_nor_lose_anybody() {
    let world = world().await;
    let table = &world.app.table;
    for n in 0..7 {
        world.add_interviewer(&format!("i{n}")).await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let (cards, next) = store::directory::page(table, &Wanted::default(), 3, after).await.unwrap();
        seen.extend(cards.into_iter().map(|c| c.interviewer_id.to_string()));
        match next {
            Some(cursor) => after = Some(store::directory::page_cursor(&cursor).unwrap()),
            None => break,
        }
    }
    assert_eq!(seen, (0..7).map(|n| format!("i{n}")).collect::<Vec<_>>());
}

async fn store_booking(world: &World, n: u128, start: Timestamp, created_at: Timestamp) {
    let times = (start, start + SignedDuration::from_hours(1));
    let (booking, hold) = Booking::schedule(booking_id(n), &user("cara"), &user("ivy"), times, 20, created_at);
    world.give_credits("cara", 20).await;
    let items = world.app.table.batch_get(&[keys::wallet(&user("cara"), Asset::Credit)]).await.unwrap();
    let mut purse = store::wallet::wallet(&items, &user("cara"), Asset::Credit).unwrap();
    let mut tx = Tx::new();
    let new_id = || TransactionId::new(world.app.ids.unique(world.app.now()));
    store::wallet::write_transfer(&mut tx, &hold, &mut [&mut purse], new_id).unwrap();
    store::booking::create(&mut tx, &booking).unwrap();
    tx.commit(&world.app.table).await.unwrap();
}

#[tokio::test]
async fn all_bookings_are_listed_newest_first_across_months() {
    let world = world().await;
    let months: [Timestamp; 3] =
        ["2026-08-05T00:00:00Z", "2026-08-06T00:00:00Z", "2026-11-02T00:00:00Z"].map(|t| t.parse().unwrap());
    for (n, created) in months.into_iter().enumerate() {
        store_booking(&world, n as u128 + 1, noon(), created).await;
    }
    let (mut seen, mut place) = (Vec::new(), MonthPlace::newest(noon()));
    loop {
        let (bookings, next) = store::all_bookings::page(&world.app.table, place, 1).await.unwrap();
        seen.extend(bookings.into_iter().map(|b| b.booking_id));
        match next {
            Some(cursor) => place = MonthPlace::parse(&cursor).unwrap(),
            None => break,
        }
        assert!(seen.len() < 10, "the list goes in circles");
    }
    assert_eq!(seen, [3, 2, 1].map(booking_id));
    for nonsense in ["", "2026-11", "2026-13#", "2026-+1#", "2026-11#x"] {
        assert!(MonthPlace::parse(&store::cursor::encode(nonsense)).is_err(), "{nonsense}");
    }
    assert!(MonthPlace::parse("x").is_err());
}

#[tokio::test]
async fn attendance_facts_add_up_in_any_order_and_number() {
    let world = world().await;
    let table = &world.app.table;
    let at = |minute| Some(noon() + SignedDuration::from_mins(minute));
    let told = |joined_at, left_at, duration_seconds| Told {
        session_id: "s".into(),
        party: Party::Interviewer,
        connection: "u1".into(),
        joined_at,
        left_at,
        duration_seconds,
    };
    let facts = [
        told(at(0), None, None),
        told(None, at(20), Some(1200)),
        told(at(21), None, None),
        told(at(0), at(22), Some(60)),
    ];
    let session = |started_at, ended_at| CallSession { session_id: "s".into(), started_at, ended_at };
    let sessions = [session(None, at(23)), session(at(0), None), session(None, at(22))];
    for turn in 0..3 {
        for n in 0..facts.len() {
            commit(table, |tx| {
                store::attendance::write_told(tx, booking_id(1), &facts[(n * 3 + turn) % facts.len()]).unwrap();
                store::attendance::write_session(tx, booking_id(1), &sessions[(n + turn) % sessions.len()]).unwrap();
            })
            .await
            .unwrap();
        }
    }
    let attendance = store::attendance::of_booking(table, booking_id(1)).await.unwrap();
    let visit = |joined_at, left_at| Visit::new("s", Party::Interviewer, joined_at, left_at);
    assert_eq!(attendance.visits, [visit(at(0), at(20)), visit(at(21), at(22))]);
    assert_eq!(attendance.sessions, [session(at(0), at(23))]);
}

#[tokio::test]
async fn an_outbox_row_waits_until_it_is_relayed() {
    let world = world().await;
    let table = &world.app.table;
    let effect = Effect::CreateCall { booking_id: booking_id(1) };
    commit(table, |tx| outbox::write(tx, &effect, noon()).unwrap()).await.unwrap();
    contended(commit(table, |tx| outbox::write(tx, &effect, noon()).unwrap()).await);
    let later = noon() + SignedDuration::from_mins(5);
    let waiting = async |before| outbox::waiting(table, before, 10, None).await.unwrap().rows;
    assert!(waiting(noon()).await.is_empty());
    let rows = waiting(later).await;
    assert_eq!(rows.len(), 1);
    let message: outbox::Message = serde_json::from_str(&rows[0].message).unwrap();
    assert_eq!((message.effect, message.outbox_id.as_str()), (effect.clone(), effect.outbox_id().as_str()));
    outbox::mark_relayed(table, &effect.outbox_id(), later).await.unwrap();
    outbox::mark_relayed(table, "unknown", later).await.unwrap();
    assert!(waiting(later).await.is_empty());
    assert!(table.get::<serde_json::Value>(&keys::outbox("unknown")).await.unwrap().is_none());
}

#[tokio::test]
async fn only_one_holds_a_lease_until_it_ends() {
    let world = world().await;
    let table = &world.app.table;
    let until = noon() + SignedDuration::from_mins(5);
    let take = |number: u64, now: Timestamp| store::lease::take(table, booking_id(1), "me", number, now, until);
    let release = |number: u64| store::lease::release(table, booking_id(1), number);
    take(1, noon()).await.unwrap();
    contended(take(2, noon()).await);
    take(3, until).await.unwrap();
    // Whose lease has ended gives nothing back, as it is another's now.
    release(1).await.unwrap();
    contended(take(4, noon()).await);
    let items = table.batch_get(&[keys::lease(booking_id(1))]).await.unwrap();
    let mut tx = Tx::new();
    store::lease::end(&mut tx, &items, booking_id(1), 1).unwrap();
    assert!(tx.is_empty());
    store::lease::end(&mut tx, &items, booking_id(1), 3).unwrap();
    tx.commit(table).await.unwrap();
    take(3, noon()).await.unwrap();
    release(3).await.unwrap();
    release(3).await.unwrap();
    take(5, noon()).await.unwrap();
}

#[tokio::test]
async fn what_is_known_of_a_call_is_written_on_the_version_read() {
    let world = world().await;
    let table = &world.app.table;
    let call = Call { created: true, ..Call::default() };
    commit(table, |tx| store::call::write(tx, booking_id(1), &call).unwrap()).await.unwrap();
    contended(commit(table, |tx| store::call::write(tx, booking_id(1), &call).unwrap()).await);
    let read: Call = table.get(&keys::call(booking_id(1))).await.unwrap().unwrap();
    assert_eq!(read, Call { version: 1, ..call });
}

#[tokio::test]
async fn a_table_that_is_away_is_unavailable_and_not_corrupt() {
    let table = Table::new(kit::aws::Aws::at("http://127.0.0.1:9").dynamodb(), "nowhere");
    let outcome = table.get::<serde_json::Value>(&key("a")).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    let id = TransferId::signup(&user("cara"));
    let outcome = table.batch_get(&[keys::transfer(&id)]).await.map(|_| ());
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
}
