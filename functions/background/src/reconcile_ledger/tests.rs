use domain::ids::UserId;
use domain::money::Asset;
use jiff::SignedDuration;
use kit::App;
use serde_json::{Value, json};
use store::ledger::{self, Round};
use store::{Item, Key, Table, Tx, keys};
use testing::{Beginning, Fate, Faults, Options, TABLE, Trouble, World, noon};

use super::{LIMITS, Limits, check, reconcile, reconcile_ledger};

/// A world in which three people were given credits.
async fn world() -> World {
    static BEGINNING: Beginning = Beginning::new();
    let table = BEGINNING.table(async |world| {
        for (user, credits) in [("cara", 100), ("dan", 7), ("max", 30)] {
            world.add_candidate(user, credits).await;
        }
    });
    World::with(&[], Options { table: Some(table.await), ..Options::default() }).await
}

/// What a new round finds: drifted, unreadable.
async fn found(world: &World) -> (u64, u64) {
    let round = reconcile_ledger(world.app.clone(), json!({ "newRound": true })).await.unwrap();
    assert_eq!(round["complete"], true, "nothing that is found stops a round");
    (round["drifted"].as_u64().unwrap(), round["unreadable"].as_u64().unwrap())
}

/// All items of the ledger, with their keys.
fn items(world: &World, prefix: &str) -> Vec<(Key, Value)> {
    let items = testing::items(&world.engine).into_iter().map(|item| testing::plain(&item));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let keyed = items.map(|item| (Key { pk: text(&item["pk"]), sk: text(&item["sk"]) }, item));
    keyed.filter(|(key, _)| format!("{} {}", key.pk, key.sk).contains(prefix)).collect()
}

/// Changes the one item that has this in its key.
async fn spoil(world: &World, prefix: &str, change: impl FnOnce(&mut Value)) {
    let (key, mut item) = items(world, prefix).pop().unwrap();
    change(&mut item);
    put(world, key, &item).await;
}

async fn put(world: &World, key: Key, item: &Value) {
    let entity = item["entity"].as_str().unwrap_or("none").to_owned();
    let mut tx = Tx::new();
    tx.put(Item::new(key, &entity, item).unwrap());
    tx.commit(&world.app.table).await.unwrap();
}

async fn remove(world: &World, prefix: &str) {
    let mut tx = Tx::new();
    tx.delete(items(world, prefix).pop().unwrap().0);
    tx.commit(&world.app.table).await.unwrap();
}

#[tokio::test]
async fn a_ledger_that_is_well_is_proved_once_a_day_and_whenever_somebody_asks() {
    let world = world().await;
    let run = |event| reconcile_ledger(world.app.clone(), event);
    let well = |began: &str| json!({ "beganAt": began, "wallets": 3, "lines": 3, "transfers": 3, "drifted": 0, "unreadable": 0, "complete": true });
    assert_eq!(run(Value::Null).await.unwrap(), well("2026-11-20T12:00:00Z"));
    world.app.clock.advance(SignedDuration::from_hours(11));
    assert_eq!(run(Value::Null).await.unwrap(), well("2026-11-20T12:00:00Z"), "it was done today");
    assert_eq!(run(json!({ "newRound": true })).await.unwrap(), well("2026-11-20T23:00:00Z"));
    world.app.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(run(Value::Null).await.unwrap(), well("2026-11-21T00:00:00Z"));
}

#[tokio::test]
async fn a_changed_balance_is_found() {
    let world = world().await;
    spoil(&world, "USER#cara WALLET#", |wallet| wallet["available"] = json!(101)).await;
    assert_eq!(found(&world).await, (1, 0));
    spoil(&world, "USER#cara WALLET#", |wallet| wallet["available"] = json!(100)).await;
    assert_eq!(found(&world).await, (0, 0));
    spoil(&world, "USER#cara WALLET#", |wallet| wallet["earned"] = json!(1)).await;
    assert_eq!(found(&world).await, (1, 0));
}

#[tokio::test]
async fn a_line_and_a_balance_that_agree_are_found_where_the_transfer_says_something_else() {
    let world = world().await;
    spoil(&world, "USER#cara WALLET#", |wallet| wallet["available"] = json!(150)).await;
    spoil(&world, "USER#cara TX#", |line| line["amount"] = json!(150)).await;
    // Seen from the line and from the transfer.
    assert_eq!(found(&world).await, (2, 0));
}

#[tokio::test]
async fn a_line_without_a_transfer_and_one_that_tells_it_again_are_found_although_the_balance_agrees() {
    for of_no_transfer in [true, false] {
        let world = world().await;
        let (mut key, mut line) = items(&world, "USER#cara TX#").pop().unwrap();
        key.sk = format!("TX#{}", domain::ids::TransactionId::new(world.app.ids.unique(world.app.now())));
        if of_no_transfer {
            line["transferId"] = json!("adjust:nobody");
        }
        put(&world, key, &line).await;
        spoil(&world, "USER#cara WALLET#", |wallet| wallet["available"] = json!(200)).await;
        assert_eq!(found(&world).await, (1, 0));
    }
}

#[tokio::test]
async fn a_transfer_that_no_line_tells_and_one_whose_wallet_is_gone_are_found() {
    let world = world().await;
    remove(&world, "USER#cara TX#").await;
    spoil(&world, "USER#cara WALLET#", |wallet| wallet["available"] = json!(0)).await;
    remove(&world, "USER#dan WALLET#").await;
    assert_eq!(found(&world).await, (2, 0));
}

#[tokio::test]
async fn a_transfer_that_is_gone_is_found_by_its_line() {
    let world = world().await;
    remove(&world, "TRANSFER#").await;
    assert_eq!(found(&world).await, (1, 0));
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_and_the_rest_is_looked_at() {
    let world = world().await;
    spoil(&world, "USER#cara TX#", |line| line["amount"] = json!("a lot")).await;
    spoil(&world, "USER#dan WALLET#", |wallet| wallet["held"] = Value::Null).await;
    let of_max = |item: &Value| item["to"].as_str().is_some_and(|to| to.contains("/max/"));
    let (key, mut transfer) = items(&world, "TRANSFER#").into_iter().find(|(_, item)| of_max(item)).unwrap();
    transfer["to"] = json!("bank/max");
    put(&world, key, &transfer).await;
    assert_eq!(found(&world).await, (0, 3));
    // What can be read of them is still compared.
    spoil(&world, "USER#max WALLET#", |wallet| wallet["available"] = json!(31)).await;
    assert_eq!(found(&world).await, (1, 3));
    // Not even its own position stops it.
    put(&world, keys::reconciled_to(), &json!({ "at": 7, "version": "x" })).await;
    let round = reconcile_ledger(world.app.clone(), Value::Null).await.unwrap();
    assert_eq!((&round["complete"], &round["unreadable"]), (&json!(true), &json!(3)));
}

#[tokio::test]
async fn words_that_are_not_known_here_are_proved_like_all_others() {
    let world = world().await;
    spoil(&world, "USER#cara TX#", |line| line["type"] = json!("X")).await;
    assert_eq!(found(&world).await, (0, 0));
    for item in ["USER#cara TX#", "USER#cara WALLET#"] {
        spoil(&world, item, |item| {
            if item["balance"].is_string() {
                item["balance"] = json!("lent");
            } else {
                (item["lent"], item["available"]) = (json!(100), json!(0));
            }
        })
        .await;
    }
    assert_eq!(found(&world).await, (2, 0), "the transfer says another balance, and nothing else is wrong");
}

#[tokio::test]
async fn a_page_that_is_older_than_what_it_is_compared_with_shows_no_drift() {
    let world = world().await;
    let page = ledger::page(&world.app.table, None, 1000).await.unwrap();
    assert_eq!((page.wallets.len(), page.lines.len(), page.transfers.len()), (3, 3, 3));
    for user in ["cara", "dan", "max"] {
        world.give_credits(user, 11).await;
    }
    let mut round = Round::begin(noon(), None);
    check(&world.app, page, &mut round).await.unwrap();
    assert_eq!(round.drifted, 0);
    let page = ledger::page(&world.app.table, None, 1000).await.unwrap();
    check(&world.app, page, &mut round).await.unwrap();
    assert_eq!((round.drifted, round.lines), (0, 9));
}

/// The application over a proxy that makes trouble.
async fn over(world: &World) -> (App, Faults) {
    let faults = Faults::start(world).await;
    let mut app = world.app.clone();
    app.table = Table::new(kit::aws::Aws::at(&faults.url()).dynamodb(), TABLE);
    (app, faults)
}

#[tokio::test]
async fn a_round_goes_on_where_it_was_cut_off_at_any_page() {
    let world = world().await;
    spoil(&world, "USER#cara WALLET#", |wallet| wallet["available"] = json!(101)).await;
    let limits = Limits { rows: 3, ..LIMITS };
    let whole = reconcile(&world.app, true, &limits).await.unwrap();
    assert_eq!((&whole["drifted"], &whole["complete"]), (&json!(1), &json!(true)));
    for takes_effect in [true, false] {
        world.app.clock.advance(SignedDuration::from_hours(24));
        let (app, faults) = over(&world).await;
        let mut anew = true;
        let mut runs = 0;
        // Each run comes to its second page, or further, before it is stopped.
        let end = loop {
            runs += 1;
            faults.stop_at_write(1, takes_effect);
            let outcome = reconcile(&app, anew, &limits).await;
            faults.calm();
            anew = false;
            match outcome {
                Ok(end) => break end,
                Err(_) => assert!(runs < 50, "no run comes further than the one before"),
            }
        };
        assert!(runs > 2, "{runs}");
        for member in ["wallets", "lines", "transfers", "drifted", "unreadable", "complete"] {
            assert_eq!(end[member], whole[member], "{member}");
        }
    }
}

#[tokio::test]
async fn a_rival_run_ends_a_run_and_fails_nothing() {
    let world = world().await;
    let (app, faults) = over(&world).await;
    let mut held = faults.hold_next_write();
    let limits = Limits { rows: 3, ..LIMITS };
    let slow = reconcile(&app, true, &limits);
    let quick = async {
        held.reached().await;
        let quick = reconcile(&world.app, true, &limits).await.unwrap();
        held.release();
        quick
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!((&quick["complete"], &slow.unwrap()["complete"]), (&json!(true), &json!(false)));
    faults.strike(Trouble { fate: Fate::Lost, writes_only: false, after: 0, times: 1 });
    assert!(reconcile(&app, false, &limits).await.is_ok(), "a request that is lost is sent again");
}

#[tokio::test]
async fn thousands_of_wallets_are_looked_at_over_several_runs() {
    const PEOPLE: u64 = 2000;
    let world = World::new(&[]).await;
    let wallet = store::wallet::of_user(&world.app.table, &"none".parse().unwrap()).await.unwrap()[0].clone();
    let mut stored = Vec::new();
    let mut keep = |key: Key, mut item: Value| {
        (item["pk"], item["sk"]) = (json!(key.pk), json!(key.sk));
        stored.push(item);
    };
    for number in 0..PEOPLE {
        let user: UserId = format!("user_{number}").parse().unwrap();
        let line = domain::ids::TransactionId::new(world.app.ids.unique(noon()));
        let transfer_id = format!("grant:signup:{user}");
        let mut own = wallet.clone();
        // One of them has a credit that nobody gave.
        (own.user_id, own.available, own.version) = (user.clone(), if number == 1500 { 6 } else { 5 }, 1);
        keep(keys::wallet(&user, Asset::Credit), json!(own));
        keep(
            keys::transaction(&user, line),
            json!({ "transactionId": line, "type": "SIGNUP_GRANT", "asset": "CREDIT",
            "balance": "available", "amount": 5, "transferId": transfer_id, "createdAt": noon() }),
        );
        keep(
            keys::transfer_named(&transfer_id),
            json!({ "gsi2pk": keys::month_partition_of(noon(), &transfer_id), "gsi2sk": transfer_id, "transferId": transfer_id, "kind": "SIGNUP_GRANT", "asset": "CREDIT",
            "amount": 5, "from": "platform/issued", "to": format!("user/{user}/available"), "toLine": line,
            "createdAt": noon() }),
        );
    }
    let as_stored = |item| serde_json::to_value(serde_dynamo::to_item::<_, serde_dynamo::Item>(item).unwrap()).unwrap();
    world.fill(stored.into_iter().map(|item: Value| serde_json::from_value(as_stored(item)).unwrap()).collect());
    let limits = Limits { rows: 500, pages: 3, ..LIMITS };
    let mut runs = 0;
    let end = loop {
        runs += 1;
        let round = reconcile(&world.app, false, &limits).await.unwrap();
        if round["complete"] == true {
            break round;
        }
    };
    assert_eq!(runs, 5, "6000 items are 12 pages, the 13th is empty, and the month is one");
    let all = [&end["wallets"], &end["lines"], &end["transfers"]].map(|n| n.as_u64().unwrap());
    assert_eq!((all, &end["drifted"]), ([PEOPLE; 3], &json!(1)));
}

#[tokio::test]
async fn a_finished_month_is_summed_by_its_rows_which_say_what_its_transfers_say() {
    let world = world().await;
    // The month of what is given here is not over.
    world.app.clock.advance(SignedDuration::from_hours(24 * 12));
    world.give_credits("cara", 11).await;
    assert_eq!(found(&world).await, (0, 0));
    let round = ledger::round(&world.app.table, noon()).await.unwrap().unwrap();
    assert_eq!((round.summed.month.as_str(), &round.summed.totals), ("2026-11", &round.scanned));
    let given = round.summed.totals.of_kind("CREDIT", "ADMIN_ADJUST");
    assert_eq!((given.transfers, given.amount), (3, 137));
    assert_eq!(round.summed.totals.growth("CREDIT", "user/available"), 137);
    assert_eq!(round.summed.totals.growth("CREDIT", "platform/issued"), -137);

    // A run stops where the month begins, and the rows have another sum than the transfers that were looked at.
    let limits = Limits { pages: 1, ..LIMITS };
    assert_eq!(reconcile(&world.app, true, &limits).await.unwrap()["complete"], false);
    spoil(&world, "RECONCILER", |round| {
        round["scanned"]["CREDIT ADMIN_ADJUST platform/issued user/available"]["amount"] = json!(136);
    })
    .await;
    let end = reconcile(&world.app, false, &limits).await.unwrap();
    assert_eq!((&end["complete"], &end["drifted"]), (&json!(true), &json!(1)));
}

#[tokio::test]
async fn a_transfer_that_its_month_does_not_find_is_told() {
    let world = world().await;
    for (name, value) in [("gsi2pk", json!("MONTH#2026-10#0")), ("gsi2sk", json!("other")), ("gsi2pk", Value::Null)] {
        let (key, whole) = items(&world, "TRANSFER#").pop().unwrap();
        let mut transfer = whole.clone();
        match value {
            Value::Null => drop(transfer.as_object_mut().unwrap().remove(name)),
            value => transfer[name] = value,
        }
        put(&world, key.clone(), &transfer).await;
        assert_eq!(found(&world).await, (0, 1), "{name}");
        put(&world, key, &whole).await;
    }
}
