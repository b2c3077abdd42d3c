//! `GET /api/catalog`: what is sold, for anyone.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::catalog::{Catalog, Difficulty, Pack};
use domain::money::{Asset, Currency, Money};
use domain::plan::{Audience, Plan};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kit::config::{Sales, Setting};
use kit::needs::Needs;
use kit::needs::Table::Get;
use kit::{App, Error, Json, Route, Who};
use schemars::JsonSchema;
use serde::Serialize;
use views::{PackView, PlanView};

/// The route.
pub fn route() -> Route {
    Route::get("get_catalog", "/api/catalog", Who::Anyone, get_catalog)
        .about(
            "Get everything that is for sale: packs, plans and AI interviews with their prices, and the fees of payouts. \
             Send the ETag of an earlier answer as If-None-Match to get 304 while nothing has changed.",
        )
        .answers::<CatalogView>(200)
        .tagged()
        .needs(Needs::table(&[Get]).settings(&[Setting::Sales]))
}

/// Everything that is for sale.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Catalog")]
pub struct CatalogView {
    /// The currencies in which prices are shown, the default one first.
    currencies: Vec<Currency>,
    /// Packs of credits.
    credit_packs: Vec<PackView>,
    /// Packs of minutes of the live coach.
    minute_packs: Vec<PackView>,
    /// Plans of candidates.
    candidate_plans: Vec<PlanView>,
    /// Plans of interviewers.
    interviewer_plans: Vec<PlanView>,
    /// The prices of AI interviews.
    interviews: Vec<InterviewPriceView>,
    /// The fees of payouts.
    fees: FeesView,
}

/// The price of an AI interview.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "InterviewPrice")]
struct InterviewPriceView {
    /// The difficulty.
    difficulty: Difficulty,
    /// The price in credits.
    credits: u64,
    /// The price in money, in each currency.
    prices: Vec<Money>,
}

/// The fees of payouts.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Fees")]
struct FeesView {
    /// The platform's fee in percent of a payout, where an interviewer's plan has no other.
    platform_fee_percent: u8,
    /// The value of one earned credit before the fee.
    credit_payout: Money,
    /// The fewest credits of one payout.
    min_payout_credits: u64,
}

impl CatalogView {
    fn of(catalog: Catalog, sales: &Sales) -> Self {
        let shown = |prices: Vec<Money>| -> Vec<Money> {
            let of = |currency: &Currency| prices.iter().find(|price| price.currency == *currency).copied();
            sales.currencies.iter().filter_map(of).collect()
        };
        let packs = |asset: Asset| -> Vec<PackView> {
            let packs = catalog.packs.iter().filter(|pack| pack.active && pack.asset == asset).cloned();
            packs.map(|pack| Pack { prices: shown(pack.prices), ..pack }.into()).collect()
        };
        let plans = |audience: Audience| -> Vec<PlanView> {
            let plans = catalog.plans.iter().filter(|plan| plan.active && plan.audience == audience).cloned();
            plans.map(|plan| Plan { prices: shown(plan.prices), ..plan }.into()).collect()
        };
        Self {
            currencies: sales.currencies.clone(),
            credit_packs: packs(Asset::Credit),
            minute_packs: packs(Asset::CopilotMinute),
            candidate_plans: plans(Audience::Interviewee),
            interviewer_plans: plans(Audience::Interviewer),
            interviews: (catalog.interviews.iter().cloned())
                .map(|i| InterviewPriceView { difficulty: i.difficulty, credits: i.credits, prices: shown(i.prices) })
                .collect(),
            fees: FeesView {
                platform_fee_percent: sales.platform_fee_percent,
                credit_payout: sales.floor.credit_payout,
                min_payout_credits: sales.min_payout_credits,
            },
        }
    }
}

/// Browsers and caches between keep it for a minute.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=60");

async fn get_catalog(State(app): State<App>, headers: HeaderMap) -> Result<Response, Error> {
    let sales = app.config.sales()?;
    let catalog = store::catalog::get(&app.table).await?;
    // What is shown depends on what is stored, on the deployment's settings and on the code.
    let tag = format!(
        "\"{}-{}\"",
        catalog.version,
        kit::write::sha256_hex(format!("{sales:?}{}", app.config.version).as_bytes())
    );
    let tag = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""));
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // By weak comparison (RFC 9110, 13.1.2): caches mark what they compressed.
    let mut tags = known.flat_map(|list| list.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
    let mut response = if tags.any(|known| known == "*" || known.as_bytes() == tag.as_bytes()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(CatalogView::of(catalog, sales)).into_response()
    };
    response.headers_mut().insert(header::ETAG, tag);
    response.headers_mut().insert(header::CACHE_CONTROL, CACHED);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use store::Tx;
    use testing::World;

    const PATH: &str = "/api/catalog";

    async fn world() -> World {
        World::new(&crate::functions()).await
    }

    #[tokio::test]
    async fn before_anybody_changed_it_anyone_sees_the_defaults_in_every_currency() {
        let world = world().await;
        let answer = world.send("GET", PATH, None, &[]).await;
        assert_eq!(answer.headers["cache-control"], "public, max-age=60");
        let catalog = answer.expect(200);
        assert_eq!(catalog["currencies"], json!(["INR", "USD"]));
        assert_eq!(
            catalog["creditPacks"][0],
            json!({ "packId": "pck_00000000000000000000000001", "version": 1, "title": "10 credits", "asset": "CREDIT",
                "units": 10, "active": true, "prices": [
                    { "amountMinor": 49900, "currency": "INR" }, { "amountMinor": 600, "currency": "USD" } ] })
        );
        let titles = |list: &str| -> Vec<&str> {
            catalog[list].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap()).collect()
        };
        assert_eq!(titles("minutePacks"), ["120 coach minutes", "300 coach minutes"]);
        assert_eq!(titles("candidatePlans"), ["Free", "Starter", "Pro", "Premium"]);
        assert_eq!(titles("interviewerPlans"), ["Basic", "Pro"]);
        assert_eq!(catalog["interviews"][3]["credits"], 6);
        assert_eq!(
            catalog["fees"],
            json!({ "platformFeePercent": 20, "creditPayout": { "amountMinor": 40, "currency": "USD" },
                "minPayoutCredits": 50 })
        );
    }

    #[tokio::test]
    async fn a_reader_who_knows_it_is_told_only_when_it_has_changed() {
        let world = world().await;
        let tag = world.send("GET", PATH, None, &[]).await.headers["etag"].to_str().unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let answer = world.send("GET", PATH, None, &[("if-none-match", &known)]).await;
            assert_eq!((answer.status, &answer.body), (304, &Value::Null), "{known}");
            assert_eq!(answer.headers["etag"], *tag);
        }
        let mut changed = store::catalog::get(&world.app.table).await.unwrap();
        changed.packs[0].active = false;
        let mut tx = Tx::new();
        store::catalog::write(&mut tx, &changed).unwrap();
        tx.commit(&world.app.table).await.unwrap();
        let answer = world.send("GET", PATH, None, &[("if-none-match", &tag)]).await;
        assert_ne!(answer.headers["etag"], *tag);
        assert_eq!(answer.expect(200)["creditPacks"][0]["units"], 25, "what is not sold is not shown");
    }
}
