//! `GET /api/wallet/transactions`: what moved the balances of the person who asks.

use axum::extract::State;
use domain::ids::{BookingId, TransactionId};
use domain::ledger::{Balance, TransactionLine, TransactionType};
use domain::money::Asset;
use domain::word::Word;
use jiff::Timestamp;
use kit::callers::Onboarded;
use kit::needs::Needs;
use kit::needs::Table::{Get, QueryTable};
use kit::read::meanwhile;
use kit::{App, Error, Json, Query, Read, Route, Who};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::wallet::{self, StatementFilter};
use views::List;

/// The route.
pub fn route() -> Route {
    Route::get("list_transactions", "/api/wallet/transactions", Who::Onboarded, list_transactions)
        .about(
            "List the caller's transactions, newest first. Each row is a change of one balance. A page may be short \
             or empty even if there is a next one.",
        )
        .query::<Filter>()
        .answers::<List<TransactionView>>(200)
        .needs(Needs::table(&[Get, QueryTable]))
}

/// What to list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only this asset.
    asset: Option<Asset>,
    /// Only transactions of this type.
    #[serde(rename = "type")]
    kind: Option<TransactionType>,
    /// The page size: 1 to 100, 20 by default.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// The `nextCursor` of the previous page.
    cursor: Option<String>,
}

/// A change of one balance.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Transaction")]
pub struct TransactionView {
    /// Identifies this row.
    transaction_id: TransactionId,
    /// The type of the transaction.
    #[serde(rename = "type")]
    kind: Word<TransactionType>,
    /// The asset.
    asset: Word<Asset>,
    /// Which balance changed.
    balance: Word<Balance>,
    /// The change; negative if the balance decreased.
    amount: i64,
    /// The booking it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    booking_id: Option<BookingId>,
    /// The reason an admin gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// When.
    created_at: Timestamp,
}

impl TransactionView {
    fn of(line: TransactionLine) -> Self {
        Self {
            transaction_id: line.transaction_id,
            kind: line.kind.shown(),
            asset: line.asset.shown(),
            balance: line.balance.shown(),
            amount: line.amount,
            booking_id: line.booking_id,
            note: line.note,
            created_at: line.created_at,
        }
    }
}

async fn list_transactions(
    State(app): State<App>,
    read: Read<Onboarded, Query<Filter>>,
) -> Result<Json<List<TransactionView>>, Error> {
    let Query(filter) = &read.asked;
    let (limit, after) = read.place(&app, filter.limit, filter.cursor.as_deref(), wallet::statement_cursor).await?;
    let wanted = StatementFilter { asset: filter.asset, kind: filter.kind };
    let statement = wallet::statement(&app.table, read.user_id(), &wanted, limit, after);
    let (_, (lines, next)) = meanwhile(read.caller(&app), statement).await?;
    Ok(read.page(lines.into_iter().map(TransactionView::of).collect(), next))
}

#[cfg(test)]
mod tests {
    use domain::ids::{BookingId, TransactionId, UserId};
    use domain::ledger::Transfer;
    use domain::money::Asset;
    use jiff::SignedDuration;
    use serde_json::{Value, json};
    use testing::World;

    const PATH: &str = "/api/wallet/transactions";

    /// A world in which `cara` was given 50 credits and 7 of them are held.
    async fn world() -> World {
        let world = World::new(&crate::functions()).await;
        world.add_candidate("cara", 50).await;
        world.app.clock.advance(SignedDuration::from_secs(60));
        let (cara, now): (UserId, _) = ("cara".parse().unwrap(), world.app.now());
        let hold = Transfer::hold(BookingId::new(world.app.ids.unique(now)), &cara, 7, now);
        let items = world.app.table.batch_get(&[store::keys::wallet(&cara, Asset::Credit)]).await.unwrap();
        let mut credit = store::wallet::wallet(&items, &cara, Asset::Credit).unwrap();
        let mut tx = store::Tx::new();
        let new_id = || TransactionId::new(world.app.ids.unique(now));
        store::wallet::write_transfer(&mut tx, &hold, &mut [&mut credit], new_id).unwrap();
        tx.commit(&world.app.table).await.unwrap();
        world
    }

    async fn list(world: &World, query: &str) -> Value {
        world.call("cara", "GET", &format!("{PATH}{query}"), Value::Null).await.expect(200)
    }

    fn amounts(list: &Value) -> Vec<i64> {
        list["items"].as_array().unwrap().iter().map(|row| row["amount"].as_i64().unwrap()).collect()
    }

    #[tokio::test]
    async fn each_changed_balance_is_a_row_and_the_newest_comes_first() {
        let world = world().await;
        let mut list = list(&world, "").await;
        assert_eq!(amounts(&list), [7, -7, 50]);
        let rows = list["items"].as_array_mut().unwrap();
        assert!(rows[0].as_object_mut().unwrap().remove("bookingId").unwrap().as_str().unwrap().starts_with("bkg_"));
        assert!(
            rows[0].as_object_mut().unwrap().remove("transactionId").unwrap().as_str().unwrap().starts_with("txn_")
        );
        assert_eq!(
            rows[0],
            json!({ "type": "BOOKING_HOLD", "asset": "CREDIT", "balance": "held", "amount": 7,
                "createdAt": "2026-11-20T12:01:00Z" })
        );
        assert_eq!((&rows[2]["type"], &rows[2]["note"]), (&json!("ADMIN_ADJUST"), &json!("for a test")));
    }

    #[tokio::test]
    async fn rows_are_chosen_by_asset_and_type() {
        let world = world().await;
        for (query, expected) in [
            ("?asset=CREDIT", vec![7, -7, 50]),
            ("?asset=COPILOT_MINUTE", vec![]),
            ("?type=ADMIN_ADJUST", vec![50]),
            ("?type=BOOKING_HOLD&asset=CREDIT&limit=1", vec![7]),
        ] {
            assert_eq!(amounts(&list(&world, query).await), expected, "{query}");
        }
    }

    #[tokio::test]
    async fn pages_follow_each_other_without_gap_or_repeat() {
        let world = world().await;
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let list = list(&world, &format!("?limit=1{cursor}")).await;
            seen.extend(amounts(&list));
            let Some(next) = list["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, [7, -7, 50]);
    }

    #[tokio::test]
    async fn a_row_of_a_type_that_is_not_known_here_is_shown_as_such_and_the_others_are_intact() {
        let world = world().await;
        let (cara, at): (UserId, _) = ("cara".parse().unwrap(), world.app.now());
        for (number, changed) in [("type", "X"), ("asset", "GOLD"), ("balance", "lent")].into_iter().enumerate() {
            let id = TransactionId::new(world.app.ids.unique(at + SignedDuration::from_secs(1)));
            let mut line = json!({ "transactionId": id, "type": "BOOKING_HOLD", "asset": "CREDIT", "balance": "held",
                "amount": number, "transferId": "x:1", "createdAt": at, "novel": { "member": true } });
            line[changed.0] = json!(changed.1);
            let mut tx = store::Tx::new();
            tx.create(store::Item::new(store::keys::transaction(&cara, id), "TransactionLine", &line).unwrap());
            tx.commit(&world.app.table).await.unwrap();
        }
        let all = list(&world, "").await;
        assert_eq!(amounts(&all)[3..], [7, -7, 50]);
        for (member, number) in [("type", 0), ("asset", 1), ("balance", 2)] {
            let rows = all["items"].as_array().unwrap();
            let row = rows[..3].iter().find(|row| row["amount"] == number).unwrap();
            assert_eq!(row[member], "UNKNOWN", "{row}");
        }
        assert_eq!(amounts(&list(&world, "?type=BOOKING_HOLD&asset=CREDIT&limit=3").await).len(), 3);
    }

    #[tokio::test]
    async fn another_person_sees_their_own_rows_only() {
        let world = world().await;
        world.add_candidate("max", 0).await;
        let list = world.call("max", "GET", PATH, Value::Null).await.expect(200);
        assert_eq!(list, json!({ "items": [], "nextCursor": null }));
        world.call("stranger", "GET", PATH, Value::Null).await.refused(403, "onboarding_required");
        world.send("GET", PATH, None, &[]).await.refused(401, "unauthenticated");
    }

    #[tokio::test]
    async fn nonsense_in_the_query_is_refused_by_name() {
        let world = world().await;
        for (query, field) in [
            ("asset=GOLD", "asset"),
            ("type=THEFT", "type"),
            ("limit=0", "limit"),
            ("cursor=abc", "cursor"),
            ("kind=ADMIN_ADJUST", "kind"),
        ] {
            let answer = world.call("cara", "GET", &format!("{PATH}?{query}"), Value::Null).await;
            answer.refused(422, "validation_failed");
            assert_eq!(answer.body["errors"][0]["field"], field, "{}", answer.body);
        }
    }
}
