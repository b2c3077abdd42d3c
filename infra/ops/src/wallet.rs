//! A person's balances, computed again from the lines of their statement. Nothing here changes a balance.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Subcommand;
use domain::ids::UserId;
use domain::ledger::{Balance, TransactionLine, Wallet};
use domain::money::Asset;
use domain::word::Word;
use serde_json::{Value, json};
use store::{Query, Table, keys, wallet};

use crate::refused::{Outcome, Refused, refuse};
use crate::shown::{say, show};
use crate::stack::Stack;

/// How often everything is read again where a transfer came in between.
const ATTEMPTS: u32 = 5;

#[derive(Debug, Subcommand)]
pub enum Balances {
    /// Recompute a person's balances from their transactions; changes nothing
    Check {
        /// Full user id
        user: String,
    },
    /// Check the whole ledger now, in a new round of what the schedule does every day
    Reconcile,
}

pub async fn run(stack: &Stack, command: Balances) -> Outcome {
    match command {
        Balances::Check { user } => check(stack, &user).await,
        Balances::Reconcile => reconcile(stack).await,
    }
}

/// Wallets and lines of one moment: no transfer came between the reads, or everything is read again.
async fn read(table: &Table, user: &UserId) -> Outcome<([Wallet; 2], Vec<TransactionLine>)> {
    for _ in 0..ATTEMPTS {
        let before = wallet::of_user(table, user).await?;
        let query = Query::partition(keys::user_partition(user)).prefix(keys::TRANSACTION_PREFIX).limit(1000);
        let lines = table.query_all(query, usize::MAX).await?;
        let after = wallet::of_user(table, user).await?;
        if before.each_ref().map(|wallet| wallet.version) == after.each_ref().map(|wallet| wallet.version) {
            return Ok((after, lines));
        }
    }
    refuse("their balances change faster than they can be read: try again")
}

type Numbers = BTreeMap<String, i64>;

/// What of an asset is stored, what its lines come to, and where the two differ.
fn compare(stored: Option<&Wallet>, sums: &Numbers) -> (Value, bool) {
    let kept: Numbers = Balance::ALL
        .into_iter()
        .map(|balance| {
            let amount = stored.map_or(0, |wallet| wallet.balance(balance));
            (balance.name().to_owned(), i64::try_from(amount).unwrap_or(i64::MAX))
        })
        .collect();
    let of = |numbers: &Numbers, name: &String| numbers.get(name).copied().unwrap_or(0);
    let names = kept.keys().chain(sums.keys().filter(|name| !kept.contains_key(*name)));
    let drift: Numbers = names
        .map(|name| (name.clone(), of(&kept, name) - of(sums, name)))
        .filter(|(_, difference)| *difference != 0)
        .collect();
    let drifted = !drift.is_empty();
    (json!({ "stored": kept, "fromLines": sums, "drift": drift }), drifted)
}

fn report(wallets: &[Wallet], lines: &[TransactionLine]) -> (Value, bool) {
    let mut sums: BTreeMap<String, Numbers> = BTreeMap::new();
    for wallet in wallets.iter().filter(|wallet| wallet.version > 0) {
        sums.entry(wallet.asset.name().to_owned()).or_default();
    }
    for line in lines {
        let balances = sums.entry(name(&line.asset, Asset::name)).or_default();
        let sum: &mut i64 = balances.entry(name(&line.balance, Balance::name)).or_default();
        *sum = sum.saturating_add(line.amount);
    }
    let mut drifted = false;
    let assets: BTreeMap<&String, Value> = sums
        .iter()
        .map(|(asset, sums)| {
            let stored = wallets.iter().find(|wallet| wallet.asset.name() == asset);
            let (told, differs) = compare(stored, sums);
            drifted |= differs;
            (asset, told)
        })
        .collect();
    (json!(assets), drifted)
}

fn name<T: Copy>(word: &Word<T>, known: fn(T) -> &'static str) -> String {
    match word {
        Word::Known(word) => known(*word).to_owned(),
        Word::Unknown(text) => text.clone(),
    }
}

async fn check(stack: &Stack, name: &str) -> Outcome {
    let table = stack.table().await?;
    let unknown = || Refused::new(format!("there is no user {name}: give the full id"));
    let id: UserId = name.parse().map_err(|_| unknown())?;
    // Any profile will do: what cannot be read of a person says nothing about their balances.
    table.get::<Value>(&keys::profile(&id)).await?.ok_or_else(unknown)?;
    let (wallets, lines) = read(&table, &id).await?;
    let (assets, drifted) = report(&wallets, &lines);
    show(&json!({ "userId": id, "lines": lines.len(), "assets": assets, "drift": drifted }));
    if drifted {
        return refuse("the stored balances are not the sums of the lines: infra/RUNBOOK.md, LedgerDriftAlarm");
    }
    Ok(())
}

/// Begins a new round over the whole ledger and goes on with it until it is complete.
async fn reconcile(stack: &Stack) -> Outcome {
    let (mut event, mut began) = (json!({ "newRound": true }), Value::Null);
    let round = loop {
        let answer = stack.invoke("ReconcileLedgerFunction", &event).await?;
        let round = answer.map_err(|failure| {
            Refused::new(format!(
                "the reconciler failed, its log says why, and the schedule goes on where it stopped: {failure}"
            ))
        })?;
        if round["complete"] == true {
            break round;
        }
        if round["beganAt"] != began {
            began = round["beganAt"].clone();
            say(&format!("the round of {} is under way", began.as_str().unwrap_or_default()));
        }
        // Where the schedule runs at the same time one of the two stops; this one does not hurry.
        tokio::time::sleep(Duration::from_secs(1)).await;
        event = json!({});
    };
    show(&round);
    if [&round["drifted"], &round["unreadable"]].iter().any(|count| count.as_u64() != Some(0)) {
        return refuse(
            "the ledger does not fit; the function's log names what: infra/RUNBOOK.md, LedgerDriftAlarm and LedgerUnreadableAlarm",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(balance: &str, amount: i64) -> TransactionLine {
        serde_json::from_value(json!({ "transactionId": "txn_00000000000000000000000001", "type": "ADMIN_ADJUST",
            "asset": "CREDIT", "balance": balance, "amount": amount, "transferId": "adjust:a:b:c",
            "createdAt": "2026-11-20T10:00:00Z" }))
        .unwrap()
    }

    #[test]
    fn balances_are_compared_with_the_sums_of_their_lines() {
        let user: UserId = "user_1".parse().unwrap();
        let empty = Wallet::empty(user.clone(), Asset::CopilotMinute);
        let wallet = Wallet { available: 30, held: 20, version: 2, ..Wallet::empty(user, Asset::Credit) };
        let lines = [line("available", 50), line("available", -20), line("held", 20)];
        let (sound, drifted) = report(&[wallet.clone(), empty.clone()], &lines);
        assert!(!drifted, "{sound}");
        assert_eq!(sound["CREDIT"]["fromLines"], json!({ "available": 30, "held": 20 }));
        assert_eq!(sound.as_object().unwrap().len(), 1, "an asset they never had is left out");
        let (told, drifted) = report(&[Wallet { earned: 5, ..wallet }, empty], &lines);
        assert!(drifted);
        assert_eq!(told["CREDIT"]["drift"], json!({ "earned": 5 }));
    }

    #[test]
    fn a_balance_that_only_a_newer_version_knows_is_drift() {
        let wallet = Wallet { version: 1, ..Wallet::empty("user_1".parse().unwrap(), Asset::Credit) };
        let (told, drifted) = report(&[wallet], &[line("frozen", 7)]);
        assert!(drifted);
        assert_eq!(told["CREDIT"]["drift"], json!({ "frozen": -7 }));
    }
}
