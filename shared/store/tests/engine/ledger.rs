//! Transfers, wallets and statements.

use domain::ledger::{Account, Balance, Platform, TransactionType, Transfer, Wallet};
use store::wallet::{MoveError, StatementFilter};

use super::*;

/// Writes transfers in one transaction, over the wallets of these people in both assets.
async fn transfer_all(world: &World, people: &[&str], transfers: &[Transfer]) -> Result<(), MoveError> {
    let owned = people.iter().flat_map(|name| Asset::ALL.map(|asset| (user(name), asset)));
    let wanted: Vec<Key> = owned.clone().map(|(user, asset)| keys::wallet(&user, asset)).collect();
    let items = world.app.table.batch_get(&wanted).await?;
    let mut wallets = Vec::new();
    for (user, asset) in owned {
        wallets.push(store::wallet::wallet(&items, &user, asset)?);
    }
    let mut tx = Tx::new();
    let new_id = || TransactionId::new(world.app.ids.unique(world.app.now()));
    store::wallet::write_transfers(&mut tx, transfers, &mut wallets.iter_mut().collect::<Vec<_>>(), new_id)?;
    Ok(tx.commit(&world.app.table).await?)
}

pub async fn transfer(world: &World, transfer: &Transfer) -> Result<(), MoveError> {
    transfer_all(world, &["cara", "ivy"], std::slice::from_ref(transfer)).await
}

#[tokio::test]
async fn one_cause_moves_credits_once() {
    let world = world().await;
    world.give_credits("cara", 100).await;
    let (cara, ivy, now) = (user("cara"), user("ivy"), noon());
    transfer(&world, &Transfer::hold(booking_id(1), &cara, 30, now)).await.unwrap();
    let again = transfer(&world, &Transfer::hold(booking_id(1), &cara, 30, now)).await;
    assert!(matches!(again, Err(MoveError::Store(StoreError::Contended))));
    transfer(&world, &Transfer::capture(booking_id(1), &cara, &ivy, 30, now)).await.unwrap();
    transfer(&world, &Transfer::hold(booking_id(2), &cara, 30, now)).await.unwrap();
    // The settlement of booking 1 is used up, whichever way it went.
    let release = transfer(&world, &Transfer::release(booking_id(1), &cara, 30, now)).await;
    assert!(matches!(release, Err(MoveError::Store(StoreError::Contended))), "{release:?}");
    let [credit, _] = store::wallet::of_user(&world.app.table, &cara).await.unwrap();
    assert_eq!((credit.available, credit.held), (40, 30));
}

#[tokio::test]
async fn pages_of_a_statement_are_whole_with_and_without_a_filter() {
    let world = world().await;
    world.give_credits("cara", 100).await;
    let cara = user("cara");
    for n in 0..5 {
        transfer(&world, &Transfer::hold(booking_id(n), &cara, 10, noon())).await.unwrap();
        world.app.clock.advance(SignedDuration::from_secs(1));
    }
    for (filter, expected) in [
        (StatementFilter::default(), 11),
        (StatementFilter { kind: Some(TransactionType::BookingHold), ..StatementFilter::default() }, 10),
        (StatementFilter { kind: Some(TransactionType::AdminAdjust), ..StatementFilter::default() }, 1),
        (StatementFilter { asset: Some(Asset::CopilotMinute), ..StatementFilter::default() }, 0),
    ] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let (lines, next) = store::wallet::statement(&world.app.table, &cara, &filter, 3, after).await.unwrap();
            assert!(lines.len() <= 3);
            seen.extend(lines.into_iter().map(|l| l.transaction_id));
            match next {
                Some(cursor) => after = Some(store::wallet::statement_cursor(&cursor).unwrap()),
                None => break,
            }
        }
        assert_eq!(seen.len(), expected, "{filter:?}");
        assert!(seen.windows(2).all(|w| w[0] > w[1]), "newest first, each once");
    }
}

/// A movement under an admin's key.
fn moved(key: &str, from: Account, to: Account, amount: u64) -> Transfer {
    let id = TransferId::adjust(&user("ada"), &user("cara"), key);
    let one = std::num::NonZeroI64::new(1).unwrap();
    let template = Transfer::adjust(id, &user("cara"), Asset::Credit, one, "for a test".to_owned(), noon());
    Transfer { from, to, amount, ..template }
}

#[tokio::test]
async fn several_transfers_of_one_wallet_are_one_transaction_that_happens_whole_or_not_at_all() {
    let world = world().await;
    let table = &world.app.table;
    let of = |balance| Account::User(user("cara"), balance);
    let (issued, paid_out) = (|| Account::Platform(Platform::Issued), || Account::Platform(Platform::PaidOut));
    let read = async || store::wallet::of_user(table, &user("cara")).await.unwrap();
    let balances = |wallet: &Wallet| Balance::ALL.map(|balance| wallet.balance(balance));

    transfer(&world, &moved("refund", of(Balance::Owed), issued(), 30)).await.unwrap();
    let grant = [
        moved("grant", issued(), of(Balance::Available), 100),
        moved("repay", of(Balance::Available), of(Balance::Owed), 30),
        Transfer { asset: Asset::CopilotMinute, ..moved("minutes", issued(), of(Balance::Available), 600) },
    ];
    world.app.clock.advance(SignedDuration::from_secs(1));
    transfer_all(&world, &["cara", "ivy"], &grant).await.unwrap();
    let [credit, minutes] = read().await;
    assert_eq!((balances(&credit), credit.version), ([70, 0, 0, 0, 0], 2), "one write of the wallet");
    assert_eq!((balances(&minutes), minutes.version), ([600, 0, 0, 0, 0], 1));
    let [of_ivy, _] = store::wallet::of_user(table, &user("ivy")).await.unwrap();
    assert_eq!(of_ivy.version, 0, "a wallet that nothing touches is not written");

    // The same cause again, with another that is new: neither happens.
    let again = [moved("new", issued(), of(Balance::Available), 1), grant[0].clone()];
    let refused = transfer_all(&world, &["cara"], &again).await;
    assert!(matches!(refused, Err(MoveError::Store(StoreError::Contended))), "{refused:?}");
    assert_eq!(read().await, [credit, minutes]);

    let payout = [
        moved("earned", issued(), of(Balance::Earned), 1000),
        moved("payout", of(Balance::Earned), of(Balance::Payout), 1000),
        moved("paid", of(Balance::Payout), paid_out(), 800),
        moved("fee", of(Balance::Payout), Account::Platform(Platform::Revenue), 200),
    ];
    world.app.clock.advance(SignedDuration::from_secs(1));
    transfer_all(&world, &["cara"], &payout).await.unwrap();
    assert_eq!(balances(&read().await[0]), [70, 0, 0, 0, 0]);

    let (lines, _) =
        store::wallet::statement(table, &user("cara"), &StatementFilter::default(), 100, None).await.unwrap();
    let told: Vec<i64> = lines.iter().rev().map(|line| line.amount).collect();
    assert_eq!(told, [30, 100, -30, -30, 600, 1000, -1000, 1000, -800, -200], "in the order of the transfers");
    for (key, amount) in [("refund", 30), ("repay", 30), ("fee", 200)] {
        let id = TransferId::adjust(&user("ada"), &user("cara"), key);
        let stored: Transfer = table.get(&keys::transfer(&id)).await.unwrap().unwrap();
        assert_eq!(stored.amount, amount);
    }
    let round = store::ledger::page(table, None, 1000).await.unwrap();
    assert!(round.unreadable.is_empty(), "{:?}", round.unreadable);
    let borne_out = |line| round.transfers.iter().any(|moved| moved.bears_out(line));
    assert!(round.lines.iter().all(borne_out) && round.lines.len() == lines.len());
}
