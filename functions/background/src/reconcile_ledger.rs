//! The schedule that proves that nothing leaked: every balance is recomputed from its statement lines alone (README, I1). A
//! difference raises an alarm; nothing is corrected by itself, since a correction is a transfer that somebody must answer for.

use domain::ledger::{Balance, Wallet};
use jiff::SignedDuration;
use kit::error::Error;
use kit::telemetry::{Metric, count};
use kit::{App, BoxFuture};
use serde_json::{Value, json};
use store::StoreError;
use store::wallet::{every_wallet, recomputed, reconciled_to, write_reconciled_to};

/// When a run stops and leaves the rest to the next, well before Lambda would stop it.
const BUDGET: SignedDuration = SignedDuration::from_secs(200);
/// How often a wallet that is written meanwhile is looked at again.
const LOOKS_AT_MOST: usize = 4;

/// Checks wallets from where the last run stopped.
pub fn reconcile_ledger(app: App, _: Value) -> BoxFuture<'static, Result<Value, Error>> {
    Box::pin(async move {
        let began = app.now();
        let mut at = reconciled_to(&app.table).await?;
        let (mut checked, mut drifted) = (0_u64, 0_u64);
        loop {
            let (wallets, next) = every_wallet(&app.table, at).await?;
            for wallet in wallets {
                checked += 1;
                if drifts(&app, wallet).await? {
                    drifted += 1;
                    // Told at once: what follows may fail.
                    count(Metric::LedgerDrift, 1, app.now());
                }
            }
            at = next;
            if at.is_none() || app.now().duration_since(began) > BUDGET {
                break;
            }
        }
        write_reconciled_to(&app.table, at.as_ref()).await?;
        // That all were looked at and are well is told too: silence must not look like health.
        if at.is_none() && drifted == 0 {
            count(Metric::LedgerDrift, 0, app.now());
        }
        tracing::info!(wallets = checked, drifted, complete = at.is_none(), "ledger reconciled");
        Ok(json!({ "checked": checked, "drifted": drifted, "complete": at.is_none() }))
    })
}

/// Whether a wallet differs from its lines. One that is being written is read again until both are of one moment.
async fn drifts(app: &App, first: Wallet) -> Result<bool, StoreError> {
    let (user, asset) = (first.user_id.clone(), first.asset);
    let mut wallet = first;
    for _ in 0..LOOKS_AT_MOST {
        let sums = recomputed(&app.table, &user).await?;
        let balances =
            [(Balance::Available, wallet.available), (Balance::Held, wallet.held), (Balance::Earned, wallet.earned)];
        let differs = balances
            .iter()
            .any(|(balance, kept)| sums.get(&(asset, *balance)).copied().unwrap_or(0) != i128::from(*kept));
        if !differs {
            return Ok(false);
        }
        let key = store::keys::wallet(&user, asset);
        let again: Option<Wallet> = app.table.get(&key).await?;
        match again {
            Some(again) if again.version != wallet.version => wallet = again,
            _ => {
                tracing::error!(user.id = %user, asset = asset.name(), "a balance differs from its statement lines");
                return Ok(true);
            }
        }
    }
    // It never stood still; the next run will find it at rest.
    Ok(false)
}

#[cfg(test)]
mod tests {
    use domain::money::Asset;
    use serde_json::{Value, json};
    use store::Tx;
    use testing::World;

    use super::reconcile_ledger;

    #[tokio::test]
    async fn balances_that_their_lines_bear_out_are_no_drift_and_a_changed_one_is() {
        let world = World::new(&[]).await;
        for (user, credits) in [("cara", 100), ("dan", 7)] {
            world.add_candidate(user, credits).await;
        }
        let run = || reconcile_ledger(world.app.clone(), Value::Null);
        assert_eq!(run().await.unwrap(), json!({ "checked": 2, "drifted": 0, "complete": true }));
        let cara = "cara".parse().unwrap();
        let items = world.app.table.batch_get(&[store::keys::wallet(&cara, Asset::Credit)]).await.unwrap();
        let mut wallet = store::wallet::wallet(&items, &cara, Asset::Credit).unwrap();
        wallet.available += 1;
        let mut tx = Tx::new();
        tx.put(store::Item::new(store::keys::wallet(&cara, Asset::Credit), "Wallet", &wallet).unwrap());
        tx.commit(&world.app.table).await.unwrap();
        assert_eq!(run().await.unwrap(), json!({ "checked": 2, "drifted": 1, "complete": true }));
    }
}
