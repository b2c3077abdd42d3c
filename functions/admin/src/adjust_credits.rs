//! `POST /api/admin/users/{userId}/credits`: an admin corrects a balance.

use std::num::NonZeroI64;

use axum::extract::State;
use axum::response::Response;
use domain::ids::{TransactionId, UserId};
use domain::ledger::{Transfer, TransferId, Wallet};
use domain::money::Asset;
use domain::problem::{Checks, ValidationError};
use domain::rate_limit::RateRule;
use domain::user::{Role, User};
use http::StatusCode;
use jiff::Timestamp;
use kit::callers::Admin;
use kit::error::not_found;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put};
use kit::{App, Error, Path, Route, Who, Write};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::idempotency::KeyReused;
use store::{Tx, keys, wallet};
use views::BalancesView;

/// The largest adjustment in either direction (DECISIONS.md, "People").
const MOST: i64 = 1_000_000;

/// The route.
pub fn route() -> Route {
    Route::post("adjust_credits", "/api/admin/users/{userId}/credits", Who::Admin, adjust_credits)
        .about(
            "Adjust a user's balance of credits or minutes. Requires an Idempotency-Key: the same key never applies \
             an adjustment twice, even after 24 hours.",
        )
        .body::<Adjustment>()
        .example(r#"{ "amount": 5, "reason": "a gift" }"#)
        .answers::<AdjustedView>(200)
        .requires_key()
        .refuses(&[(402, "insufficient_credits"), (409, "balance_overflow")])
        .needs(Needs::table(&[Get, BatchGet, Put]).gradual())
}

/// A correction of a user's available balance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    /// The amount to add, or to remove if negative: 1 to 1000000 in either direction.
    #[schemars(range(min = -1_000_000, max = 1_000_000))]
    amount: i64,
    /// The asset; credits by default.
    asset: Option<Asset>,
    /// The reason, 3 to 500 characters; shown to the user.
    #[schemars(length(min = 3, max = 500))]
    reason: String,
}

impl RequestBody for Adjustment {}

/// The result of an adjustment.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdjustedView {
    /// The user whose balance was adjusted.
    user_id: UserId,
    /// The user's balances of this asset.
    wallet: BalancesView,
    /// The ledger transfer.
    #[schemars(with = "String")]
    transfer_id: TransferId,
}

impl AdjustedView {
    fn of(wallet: &Wallet, transfer_id: TransferId) -> Self {
        // Admins see every balance, whatever the person's role.
        Self { user_id: wallet.user_id.clone(), wallet: BalancesView::of(wallet, Role::Interviewer), transfer_id }
    }
}

impl Adjustment {
    fn asset(&self) -> Asset {
        self.asset.unwrap_or(Asset::Credit)
    }

    fn transfer(&self, id: TransferId, user: &UserId, now: Timestamp) -> Result<Transfer, ValidationError> {
        let reason = self.reason.trim().to_owned();
        let amount = NonZeroI64::new(self.amount).filter(|amount| (-MOST..=MOST).contains(&amount.get()));
        let mut checks = Checks::new();
        checks.require(amount.is_some(), "amount", format!("must be from 1 to {MOST}, or from -{MOST} to -1"));
        checks.text("reason", &reason, 3, 500);
        checks.finish()?;
        let refused = || ValidationError::field("amount", "must not be 0");
        Ok(Transfer::adjust(id, user, self.asset(), amount.ok_or_else(refused)?, reason, now))
    }
}

async fn adjust_credits(
    State(app): State<App>,
    Path(user): Path<UserId>,
    write: Write<Admin, Adjustment>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &user, &write)).await
}

async fn attempt(app: &App, user: &UserId, write: &Write<Admin, Adjustment>) -> Result<Response, Error> {
    let Some(key) = write.idempotency_key() else {
        // Who may not do this learns that first.
        write.begin(app, RateRule::Writes, &[]).await?;
        return Err(ValidationError::field("Idempotency-Key", "is required").into());
    };
    let (id, asset) = (TransferId::adjust(write.user_id(), user, key), write.body.asset());
    let wanted = [keys::profile(user), keys::wallet(user, asset), keys::transfer(&id)];
    let begun = write.begin(app, RateRule::Writes, &wanted).await?;
    let transfer = write.body.transfer(id.clone(), user, begun.now)?;
    let person: Option<User> = begun.items.get(&wanted[0])?;
    if person.is_none_or(|p| p.deleted_at.is_some()) {
        return Err(not_found("user"));
    }
    let mut balances = wallet::wallet(&begun.items, user, asset)?;
    // The ledger remembers a cause for good, the idempotency record for a day only.
    if let Some(done) = wallet::transfer(&begun.items, &id)? {
        let view = AdjustedView::of(&balances, id);
        return if done.same_movement(&transfer) { begun.unchanged(app, &view).await } else { Err(KeyReused.into()) };
    }
    let mut tx = Tx::new();
    let new_id = || TransactionId::new(app.ids.unique(begun.now));
    wallet::write_transfer(&mut tx, &transfer, &mut [&mut balances], new_id)?;
    let view = AdjustedView::of(&balances, id);
    begun.commit(app, tx, StatusCode::OK, &view).await
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{delete, is_for_admins, refused_fields, world};
    use jiff::SignedDuration;
    use serde_json::{Value, json};
    use testing::{Answer, World};

    const PATH: &str = "/api/admin/users/cara/credits";

    fn gift(amount: i64) -> Value {
        json!({ "amount": amount, "reason": "Goodwill" })
    }

    async fn adjust(world: &World, key: &str, body: Value) -> Answer {
        world.call_with("user_admin", "POST", PATH, body, &[("idempotency-key", key)]).await
    }

    async fn available(world: &World) -> u64 {
        store::wallet::of_user(&world.app.table, &"cara".parse().unwrap()).await.unwrap()[0].available
    }

    #[tokio::test]
    async fn credits_are_given_and_taken() {
        let world = world().await;
        let done = adjust(&world, "k1", gift(30)).await.expect(200);
        assert_eq!(
            done,
            json!({ "userId": "cara", "wallet": { "available": 30, "held": 0, "earned": 0, "owed": 0 },
                "transferId": "adjust:user_admin:cara:k1" })
        );
        let done = adjust(&world, "k2", gift(-30)).await.expect(200);
        assert_eq!(done["wallet"]["available"], 0);
    }

    #[tokio::test]
    async fn minutes_are_an_asset_of_their_own() {
        let world = world().await;
        let body = json!({ "amount": 120, "asset": "COPILOT_MINUTE", "reason": "Goodwill" });
        let done = adjust(&world, "k1", body).await.expect(200);
        assert_eq!((&done["wallet"]["available"], available(&world).await), (&json!(120), 0));
    }

    #[tokio::test]
    async fn no_more_is_taken_than_there_is() {
        let world = world().await;
        adjust(&world, "k1", gift(5)).await.expect(200);
        adjust(&world, "k2", gift(-6)).await.refused(402, "insufficient_credits");
        assert_eq!(available(&world).await, 5);
        adjust(&world, "k2", gift(-5)).await.expect(200);
    }

    #[tokio::test]
    async fn the_same_key_moves_nothing_twice_and_serves_no_other_body() {
        let world = world().await;
        let first = adjust(&world, "k1", gift(5)).await.expect(200);
        let again = adjust(&world, "k1", gift(5)).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(200), first);
        adjust(&world, "k1", gift(6)).await.refused(422, "idempotency_key_reused");
        assert_eq!(available(&world).await, 5);
    }

    #[tokio::test]
    async fn a_key_counts_even_after_its_record_has_expired() {
        let world = world().await;
        adjust(&world, "k1", gift(5)).await.expect(200);
        adjust(&world, "k2", gift(2)).await.expect(200);
        world.app.clock.advance(SignedDuration::from_hours(25));
        let again = adjust(&world, "k1", gift(5)).await.expect(200);
        assert_eq!(again["wallet"]["available"], 7);
        adjust(&world, "k1", gift(6)).await.refused(422, "idempotency_key_reused");
        adjust(&world, "k1", gift(-5)).await.refused(422, "idempotency_key_reused");
        assert_eq!(available(&world).await, 7);
    }

    #[tokio::test]
    async fn the_same_request_at_once_moves_once() {
        let world = world().await;
        let (one, two, three) =
            tokio::join!(adjust(&world, "k1", gift(5)), adjust(&world, "k1", gift(5)), adjust(&world, "k1", gift(5)),);
        assert_eq!([one.status, two.status, three.status], [200; 3]);
        assert_eq!((&one.body, &two.body, available(&world).await), (&two.body, &three.body, 5));
    }

    #[tokio::test]
    async fn a_key_is_required() {
        let world = world().await;
        let answer = world.call("user_admin", "POST", PATH, gift(5)).await;
        assert_eq!(refused_fields(&answer), ["Idempotency-Key"]);
        for key in ["", "a b", &"k".repeat(256)] {
            assert_eq!(refused_fields(&adjust(&world, key, gift(5)).await), ["Idempotency-Key"]);
        }
        world.call("cara", "POST", PATH, gift(5)).await.refused(403, "forbidden");
    }

    #[tokio::test]
    async fn who_is_unknown_or_deleted_is_not_found() {
        let world = world().await;
        delete(&world, "ivy").await;
        for id in ["nobody", "ivy", "a%20b"] {
            let path = format!("/api/admin/users/{id}/credits");
            let answer = world.call_with("user_admin", "POST", &path, gift(5), &[("idempotency-key", "k1")]).await;
            answer.refused(404, "not_found");
        }
    }

    #[tokio::test]
    async fn every_member_that_is_wrong_is_named() {
        let world = world().await;
        for (body, fields) in [
            (gift(0), vec!["amount"]),
            (gift(1_000_001), vec!["amount"]),
            (gift(i64::MIN), vec!["amount"]),
            (json!({ "amount": 1.5, "reason": "Goodwill" }), vec!["amount"]),
            (json!({ "amount": 1e300, "reason": "Goodwill" }), vec!["amount"]),
            (json!({ "amount": "5", "reason": "Goodwill" }), vec!["amount"]),
            (json!({ "reason": "Goodwill" }), vec!["amount"]),
            (json!({ "amount": 0, "reason": " no " }), vec!["amount", "reason"]),
            (json!({ "amount": 5, "reason": "x".repeat(501) }), vec!["reason"]),
            (json!({ "amount": 5, "reason": "Goodwill", "asset": "GOLD" }), vec!["asset"]),
            (json!({ "amount": 5, "reason": "Goodwill", "balance": "earned" }), vec!["balance"]),
        ] {
            let answer = adjust(&world, "k1", body).await;
            assert_eq!(refused_fields(&answer), fields, "{}", answer.body);
        }
        adjust(&world, "k1", Value::Null).await.refused(400, "malformed_request");
        assert_eq!(available(&world).await, 0);
    }

    #[tokio::test]
    async fn only_admins_adjust() {
        is_for_admins(&world().await, "POST", PATH, gift(5)).await;
    }
}
