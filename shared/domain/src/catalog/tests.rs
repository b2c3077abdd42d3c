use proptest::prelude::*;
use ulid::Ulid;

use super::*;

const FLOOR: PriceFloor =
    PriceFloor { credit_payout: Money { amount_minor: 40, currency: Currency::Usd }, inr_per_usd: 83 };

fn money(amount_minor: u64, currency: Currency) -> Money {
    Money { amount_minor, currency }
}

fn pack(units: u64, prices: Vec<Money>) -> Pack {
    let pack_id = PackId::new(Ulid(77));
    Pack { pack_id, version: 0, title: "A pack".to_owned(), asset: Asset::Credit, units, prices, active: true }
}

fn fields(error: &CatalogError) -> Vec<&str> {
    error.fields().iter().map(|field| &*field.field).collect()
}

#[test]
fn the_defaults_keep_their_own_rules() {
    let catalog = Catalog::default();
    let mut again = Catalog { packs: Vec::new(), plans: Vec::new(), ..catalog.clone() };
    for pack in &catalog.packs {
        again.add_pack(pack.clone(), FLOOR).unwrap();
    }
    for plan in &catalog.plans {
        again.add_plan(plan.clone()).unwrap();
    }
    assert_eq!(again, catalog);
    assert_eq!(catalog.free_plan(Audience::Interviewee).unwrap().title, "Free");
    assert_eq!(catalog.free_plan(Audience::Interviewer).unwrap().title, "Basic");
}

#[test]
fn no_credit_is_sold_for_less_than_it_is_paid_out_for() {
    let mut catalog = Catalog::default();
    for (units, prices, is_fine) in [
        (10, vec![money(400, Currency::Usd)], true),
        (10, vec![money(399, Currency::Usd)], false),
        (10, vec![money(33_200, Currency::Inr)], true),
        (10, vec![money(33_199, Currency::Inr)], false),
        (10, vec![money(400, Currency::Usd), money(33_199, Currency::Inr)], false),
    ] {
        let added = catalog.add_pack(pack(units, prices.clone()), FLOOR).map(|_| ());
        let expected = if is_fine { Ok(()) } else { Err(CatalogError::BelowPayout(FLOOR.credit_payout)) };
        assert_eq!(added, expected, "{units} for {prices:?}");
    }
    // Minutes are never paid out.
    let minutes = Pack { asset: Asset::CopilotMinute, ..pack(1000, vec![money(50, Currency::Usd)]) };
    catalog.add_pack(minutes, FLOOR).unwrap();
}

#[test]
fn what_cannot_be_sold_is_refused_by_name() {
    let mut catalog = Catalog::default();
    let usd = |amount| money(amount, Currency::Usd);
    for (pack, field) in [
        (Pack { title: String::new(), ..pack(1, vec![usd(50)]) }, "title"),
        (pack(0, vec![usd(50)]), "units"),
        (pack(1, vec![]), "prices"),
        (pack(1, vec![usd(49)]), "prices"),
        (pack(1, vec![usd(50), usd(60)]), "prices"),
        (pack(1, vec![usd(HIGHEST_PRICE + 1)]), "prices"),
    ] {
        let refused = catalog.add_pack(pack.clone(), FLOOR).unwrap_err();
        assert_eq!(fields(&refused), [field], "{pack:?}");
    }
    let plan = |audience, prices, entitlements| Plan {
        plan_id: PlanId::new(Ulid(77)),
        version: 0,
        audience,
        title: "A plan".to_owned(),
        prices,
        entitlements,
        active: true,
    };
    let fee = Entitlements { platform_fee_percent: Some(101), ..Entitlements::default() };
    let credits = Entitlements { monthly_credits: 1, ..Entitlements::default() };
    for (plan, field) in [
        (plan(Audience::Interviewer, vec![usd(100)], fee), "platformFeePercent"),
        (
            plan(Audience::Interviewee, vec![usd(100)], Entitlements { platform_fee_percent: Some(1), ..credits }),
            "platformFeePercent",
        ),
        (plan(Audience::Interviewer, vec![usd(100)], credits), "monthlyCredits"),
        (plan(Audience::Interviewee, vec![usd(100), money(0, Currency::Inr)], credits), "prices"),
    ] {
        let refused = catalog.add_plan(plan.clone()).unwrap_err();
        assert_eq!(fields(&refused), [field], "{plan:?}");
    }
}

#[test]
fn a_change_needs_the_version_that_was_read_and_one_that_changes_nothing_keeps_it() {
    let mut catalog = Catalog::default();
    let id = catalog.packs[0].pack_id;
    let renamed = || PackChange { title: Some("Ten".to_owned()), ..PackChange::default() };
    assert_eq!(catalog.change_pack(id, 1, renamed(), FLOOR).unwrap().version, 2);
    assert_eq!(catalog.change_pack(id, 2, renamed(), FLOOR).unwrap().version, 2);
    assert_eq!(catalog.change_pack(id, 1, renamed(), FLOOR), Err(CatalogError::VersionConflict(2)));
    assert_eq!(catalog.change_pack(PackId::new(Ulid(99)), 1, renamed(), FLOOR), Err(CatalogError::NotFound("pack")));
    let plan = catalog.plans[4].plan_id;
    let retired = PlanChange { active: Some(false), ..PlanChange::default() };
    assert_eq!(catalog.change_plan(plan, 1, retired).unwrap().version, 2);
    assert_eq!(catalog.free_plan(Audience::Interviewer), None, "an admin can retire Basic");
}

#[test]
fn a_pack_below_a_floor_that_has_risen_can_still_be_taken_from_sale() {
    let mut catalog = Catalog::default();
    let id = catalog.packs[0].pack_id;
    let risen = PriceFloor { credit_payout: Money { amount_minor: 100, ..FLOOR.credit_payout }, ..FLOOR };
    let title = PackChange { title: Some("Ten".to_owned()), ..PackChange::default() };
    assert!(matches!(catalog.change_pack(id, 1, title, risen), Err(CatalogError::BelowPayout(_))));
    let retired = PackChange { active: Some(false), ..PackChange::default() };
    catalog.change_pack(id, 1, retired, risen).unwrap();
}

proptest! {
    #[test]
    fn the_floor_is_exact(units in 1_u64..=MOST_UNITS, payout in 1_u64..1000, inr in 1_u32..200) {
        let floor = PriceFloor { credit_payout: money(payout, Currency::Usd), inr_per_usd: inr };
        for (currency, least) in [(Currency::Usd, payout * units), (Currency::Inr, payout * units * u64::from(inr))] {
            prop_assert!(floor.holds(money(least, currency), units));
            prop_assert!(!floor.holds(money(least - 1, currency), units));
        }
    }
}
