//! `GET /api/wallet`: the balances of the person who asks.

use axum::extract::State;
use domain::money::Asset;
use kit::callers::Onboarded;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get};
use kit::{App, Error, Json, Read, Route, Who};
use schemars::JsonSchema;
use serde::Serialize;
use store::keys;
use store::wallet::wallet;
use views::AssetsView;

/// The route.
pub fn route() -> Route {
    Route::get("get_wallet", "/api/wallet", Who::Onboarded, get_wallet)
        .about("Get the caller's balances, and what they spent and earned this month.")
        .answers::<WalletView>(200)
        .needs(Needs::table(&[Get, BatchGet]))
}

/// The caller's balances.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Wallet")]
pub struct WalletView {
    /// The balances of each asset.
    assets: AssetsView,
    /// Credits paid for sessions this month (UTC).
    spent_this_month: u64,
    /// Credits earned by conducting sessions this month (UTC).
    earned_this_month: u64,
}

async fn get_wallet(State(app): State<App>, read: Read<Onboarded>) -> Result<Json<WalletView>, Error> {
    let wanted = Asset::ALL.map(|asset| keys::wallet(read.user_id(), asset));
    let (Onboarded(me), items) = read.with(&app, &wanted).await?;
    let [credit, minutes] = Asset::ALL.map(|asset| wallet(&items, &me.user_id, asset));
    let (credit, minutes) = (credit?, minutes?);
    let (spent_this_month, earned_this_month) = credit.this_month(app.now());
    let assets = AssetsView::of(&credit, &minutes, me.role);
    Ok(Json(WalletView { assets, spent_this_month, earned_this_month }))
}

#[cfg(test)]
mod tests {
    use domain::booking::Booking;
    use domain::ids::{BookingId, TransactionId, UserId};
    use domain::ledger::Transfer;
    use domain::money::Asset;
    use domain::user::Role;
    use jiff::SignedDuration;
    use serde_json::{Value, json};
    use testing::World;

    async fn world() -> World {
        World::new(&crate::functions()).await
    }

    /// Writes one movement between `cara` and `ivy`.
    async fn write(world: &World, transfer: &Transfer) {
        let (cara, ivy): (UserId, UserId) = ("cara".parse().unwrap(), "ivy".parse().unwrap());
        let keys = [&cara, &ivy].map(|user| store::keys::wallet(user, Asset::Credit));
        let items = world.app.table.batch_get(&keys).await.unwrap();
        let mut first = store::wallet::wallet(&items, &cara, Asset::Credit).unwrap();
        let mut second = store::wallet::wallet(&items, &ivy, Asset::Credit).unwrap();
        let mut tx = store::Tx::new();
        let new_id = || TransactionId::new(world.app.ids.unique(world.app.now()));
        store::wallet::write_transfer(&mut tx, transfer, &mut [&mut first, &mut second], new_id).unwrap();
        tx.commit(&world.app.table).await.unwrap();
    }

    #[tokio::test]
    async fn a_new_candidate_has_nothing() {
        let world = world().await;
        world.add_candidate("cara", 0).await;
        let wallet = world.call("cara", "GET", "/api/wallet", Value::Null).await.expect(200);
        let nothing = json!({ "available": 0, "held": 0, "owed": 0 });
        assert_eq!(
            wallet,
            json!({ "assets": { "CREDIT": nothing, "COPILOT_MINUTE": nothing }, "spentThisMonth": 0,
                "earnedThisMonth": 0 })
        );
    }

    #[tokio::test]
    async fn a_session_shows_as_held_then_as_spent_and_as_earned() {
        let world = world().await;
        world.add_candidate("cara", 50).await;
        world.add_interviewer("ivy").await;
        let (cara, ivy): (UserId, UserId) = ("cara".parse().unwrap(), "ivy".parse().unwrap());
        let now = world.app.now();
        let id = BookingId::new(world.app.ids.unique(now));
        let times = (now, now + SignedDuration::from_mins(60));
        let (_, hold) = Booking::schedule(id, &cara, &ivy, times, 20, now);
        write(&world, &hold).await;
        let wallet = world.call("cara", "GET", "/api/wallet", Value::Null).await.expect(200);
        assert_eq!(wallet["assets"]["CREDIT"], json!({ "available": 30, "held": 20, "owed": 0 }));
        write(&world, &Transfer::capture(id, &cara, &ivy, 20, now)).await;
        let wallet = world.call("cara", "GET", "/api/wallet", Value::Null).await.expect(200);
        assert_eq!(wallet["assets"]["CREDIT"], json!({ "available": 30, "held": 0, "owed": 0 }));
        assert_eq!((&wallet["spentThisMonth"], &wallet["earnedThisMonth"]), (&json!(20), &json!(0)));
        let wallet = world.call("ivy", "GET", "/api/wallet", Value::Null).await.expect(200);
        assert_eq!(wallet["assets"]["CREDIT"], json!({ "available": 0, "held": 0, "earned": 20, "owed": 0 }));
        assert_eq!((&wallet["spentThisMonth"], &wallet["earnedThisMonth"]), (&json!(0), &json!(20)));
        world.app.clock.advance(SignedDuration::from_hours(24 * 11));
        let wallet = world.call("ivy", "GET", "/api/wallet", Value::Null).await.expect(200);
        assert_eq!((&wallet["assets"]["CREDIT"]["earned"], &wallet["earnedThisMonth"]), (&json!(20), &json!(0)));
    }

    #[tokio::test]
    async fn everybody_with_a_role_has_a_wallet_and_nobody_else() {
        let world = world().await;
        world.add_person("user_admin", Role::Admin).await;
        world.add_person("newcomer", Role::Unassigned).await;
        world.call("user_admin", "GET", "/api/wallet", Value::Null).await.expect(200);
        for user in ["newcomer", "stranger"] {
            world.call(user, "GET", "/api/wallet", Value::Null).await.refused(403, "onboarding_required");
        }
        world.send("GET", "/api/wallet", None, &[]).await.refused(401, "unauthenticated");
    }
}
