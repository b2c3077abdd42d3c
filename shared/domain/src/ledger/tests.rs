use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use ulid::Ulid;

use super::*;
use crate::ids::{BookingId, TransactionId, UserId};
use crate::money::Asset;

fn user(name: &str) -> UserId {
    name.parse().unwrap()
}
fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
fn booking(n: u128) -> BookingId {
    BookingId::new(Ulid(n))
}
fn wallet(name: &str) -> Wallet {
    Wallet::empty(user(name), Asset::Credit)
}
/// Ids that are never drawn in order.
fn ids() -> impl FnMut() -> TransactionId {
    let mut n = 0_u128;
    move || {
        n += 1;
        TransactionId::new(Ulid(n ^ 1))
    }
}
fn of(name: &str, balance: Balance) -> Account {
    Account::User(user(name), balance)
}

/// A movement of any amount between any accounts.
fn moved(n: usize, from: Account, to: Account, amount: u64, now: Timestamp) -> Transfer {
    let template = Transfer::hold(booking(1), &user("cara"), amount, now);
    let transfer_id = serde_json::from_value(format!("t{n}").into()).unwrap();
    Transfer { transfer_id, kind: TransferKind::AdminAdjust, booking_id: None, from, to, ..template }
}

fn lines(posted: Vec<Posted<'_>>) -> Vec<TransactionLine> {
    posted.into_iter().flat_map(|posted| [posted.from_line, posted.to_line]).flatten().collect()
}

/// Applies transfers and answers the lines as balance and change.
fn changes(transfers: &[Transfer], wallets: &mut [&mut Wallet]) -> Result<Vec<(Balance, i64)>, WalletError> {
    let posted = apply(transfers, wallets, ids())?;
    let known = |line: &TransactionLine| Balance::ALL.into_iter().find(|balance| line.balance == *balance).unwrap();
    Ok(lines(posted).into_iter().map(|line| (known(&line), line.amount)).collect())
}

#[test]
fn a_hold_that_is_captured_moves_from_candidate_to_interviewer() {
    let now = at("2026-11-20T10:00:00Z");
    let (cara, ivy) = (user("cara"), user("ivy"));
    let (mut candidate, mut interviewer) = (wallet("cara"), wallet("ivy"));
    changes(&[Transfer::signup_grant(&cara, 50, now)], &mut [&mut candidate]).unwrap();
    let held = changes(&[Transfer::hold(booking(1), &cara, 30, now)], &mut [&mut candidate]).unwrap();
    assert_eq!(held, [(Balance::Available, -30), (Balance::Held, 30)]);
    let capture = [Transfer::capture(booking(1), &cara, &ivy, 30, now)];
    let posted = apply(&capture, &mut [&mut interviewer, &mut candidate], ids()).unwrap();
    let (paid, earned) = (posted[0].from_line.clone().unwrap(), posted[0].to_line.clone().unwrap());
    assert_eq!((paid.kind, paid.amount), (TransactionType::BookingDeduct.into(), -30));
    assert_eq!((earned.kind, earned.amount), (TransactionType::BookingEarning.into(), 30));
    assert_eq!((candidate.available, candidate.held), (20, 0));
    assert_eq!(candidate.this_month(now), (30, 0));
    assert_eq!(interviewer.this_month(now), (0, 30));
    assert_eq!(interviewer.this_month(at("2026-12-01T00:00:00Z")), (0, 0));
}

#[test]
fn a_transfer_of_last_month_that_commits_late_leaves_the_sums_of_this_month() {
    let (november, december) = (at("2026-11-30T23:59:59Z"), at("2026-12-01T00:00:01Z"));
    let (mut cara, mut ivy) = (Wallet { held: 50, ..wallet("cara") }, wallet("ivy"));
    for (n, now) in [(1, december), (2, november), (3, december)] {
        let capture = Transfer::capture(booking(n), &user("cara"), &user("ivy"), 10, now);
        changes(&[capture], &mut [&mut cara, &mut ivy]).unwrap();
    }
    assert_eq!((cara.this_month(december), ivy.this_month(december)), ((20, 0), (0, 20)));
    assert_eq!((cara.this_month(november), cara.held), ((0, 0), 20));
}

#[test]
fn lines_stand_in_the_order_of_their_transfers_however_their_ids_were_drawn() {
    let now = at("2026-11-20T10:00:00Z");
    let mut cara = Wallet { available: 30, ..wallet("cara") };
    let transfers =
        [Transfer::hold(booking(1), &user("cara"), 30, now), Transfer::release(booking(2), &user("cara"), 10, now)];
    let shown = lines(apply(&transfers, &mut [&mut cara], ids()).unwrap());
    assert!(shown.windows(2).all(|pair| pair[0].transaction_id < pair[1].transaction_id), "{shown:?}");
    let amounts: Vec<i64> = shown.iter().map(|line| line.amount).collect();
    assert_eq!(amounts, [-30, 30, -10, 10]);
}

#[test]
fn a_grant_pays_first_what_is_owed() {
    let now = at("2026-11-20T10:00:00Z");
    let mut cara = Wallet { available: 20, ..wallet("cara") };
    let issued = || Account::Platform(Platform::Issued);
    // A purchase of 50 is taken back, of which 30 are spent.
    let refund = [
        moved(1, of("cara", Balance::Available), issued(), 20, now),
        moved(2, of("cara", Balance::Owed), issued(), 30, now),
    ];
    assert_eq!(
        changes(&refund, &mut [&mut cara]).unwrap(),
        [(Balance::Available, -20), (Balance::Owed, 30)],
        "more is owed"
    );
    let grant = [
        moved(3, issued(), of("cara", Balance::Available), 100, now),
        moved(4, of("cara", Balance::Available), of("cara", Balance::Owed), 30, now),
    ];
    assert_eq!(
        changes(&grant, &mut [&mut cara]).unwrap(),
        [(Balance::Available, 100), (Balance::Available, -30), (Balance::Owed, -30)]
    );
    assert_eq!((cara.available, cara.owed), (70, 0));
    let too_much = [moved(5, of("cara", Balance::Available), of("cara", Balance::Owed), 1, now)];
    assert_eq!(
        changes(&too_much, &mut [&mut cara]),
        Err(WalletError::Insufficient { needed: 1, available: 0 }),
        "nobody pays more than they owe"
    );
}

#[test]
fn a_payout_and_its_fee_are_one_change_of_the_wallet() {
    let now = at("2026-11-20T10:00:00Z");
    let mut ivy = Wallet { earned: 1500, ..wallet("ivy") };
    changes(&[moved(1, of("ivy", Balance::Earned), of("ivy", Balance::Payout), 1000, now)], &mut [&mut ivy]).unwrap();
    let paid = [
        moved(2, of("ivy", Balance::Payout), Account::Platform(Platform::PaidOut), 800, now),
        moved(3, of("ivy", Balance::Payout), Account::Platform(Platform::Revenue), 200, now),
    ];
    assert_eq!(changes(&paid, &mut [&mut ivy]).unwrap(), [(Balance::Payout, -800), (Balance::Payout, -200)]);
    assert_eq!((ivy.earned, ivy.payout), (500, 0));
    assert!(changes(&paid, &mut [&mut ivy]).is_err(), "there is nothing left to pay out");
}

#[test]
fn a_refusal_of_the_last_of_several_transfers_changes_nothing() {
    let now = at("2026-11-20T10:00:00Z");
    let (mut cara, mut ivy) = (Wallet { available: 30, ..wallet("cara") }, wallet("ivy"));
    let before = (cara.clone(), ivy.clone());
    let transfers = [
        moved(1, of("cara", Balance::Available), of("ivy", Balance::Available), 30, now),
        moved(2, of("cara", Balance::Available), of("ivy", Balance::Available), 1, now),
    ];
    let refusal = changes(&transfers, &mut [&mut cara, &mut ivy]).unwrap_err();
    assert_eq!((refusal, (cara, ivy)), (WalletError::Insufficient { needed: 1, available: 0 }, before));
}

#[test]
fn no_balance_passes_the_largest() {
    let now = at("2026-11-20T10:00:00Z");
    for balance in Balance::ALL {
        let (outside, own) = (Account::Platform(Platform::Issued), of("cara", balance));
        let (from, to) = if balance.is_debt() { (own, outside) } else { (outside, own) };
        let mut cara = wallet("cara");
        changes(&[moved(1, from.clone(), to.clone(), MAX_BALANCE, now)], &mut [&mut cara]).unwrap();
        assert_eq!(cara.balance(balance), MAX_BALANCE);
        let one_more = changes(&[moved(2, from, to, 1, now)], &mut [&mut cara]);
        assert_eq!((one_more, cara.balance(balance)), (Err(WalletError::Overflow), MAX_BALANCE));
    }
}

#[test]
#[should_panic(expected = "the wallet of each user of a transfer is at hand")]
fn a_transfer_whose_wallet_was_not_read_is_a_defect() {
    let grant = [Transfer::signup_grant(&user("cara"), 1, at("2026-11-20T10:00:00Z"))];
    let _ = apply(&grant, &mut [&mut wallet("ivy"), &mut Wallet::empty(user("cara"), Asset::CopilotMinute)], ids());
}

#[test]
fn capture_and_release_share_one_id_and_are_not_the_same_movement() {
    let now = at("2026-11-20T10:00:00Z");
    let release = Transfer::release(booking(1), &user("cara"), 30, now);
    let capture = Transfer::capture(booking(1), &user("cara"), &user("ivy"), 30, now);
    assert_eq!(release.transfer_id, capture.transfer_id);
    assert!(!release.same_movement(&capture));
    assert!(release.same_movement(&Transfer::release(booking(1), &user("cara"), 30, at("2026-11-21T10:00:00Z"))));
}

#[test]
fn accounts_survive_their_text() {
    for account in Platform::ALL.map(Account::Platform) {
        assert_eq!(account.to_string().parse(), Ok(account));
    }
    for balance in Balance::ALL {
        let account = of("a@b", balance);
        assert_eq!(account.to_string().parse(), Ok(account));
        assert_eq!(serde_json::to_value(balance).unwrap(), balance.name());
    }
    for strange in ["user/x/loans", "platform/loans", "bank/x", "user/available"] {
        assert!(strange.parse::<Account>().is_err(), "{strange}");
    }
}

const PEOPLE: [&str; 2] = ["cara", "ivy"];

/// The users' accounts in both assets, and the platform's.
fn account() -> impl Strategy<Value = Account> {
    prop_oneof![
        4 => (0..PEOPLE.len(), 0..Balance::ALL.len())
            .prop_map(|(person, balance)| of(PEOPLE[person], Balance::ALL[balance])),
        1 => (0..Platform::ALL.len()).prop_map(|n| Account::Platform(Platform::ALL[n])),
    ]
}

#[derive(Debug, Clone)]
enum Op {
    Any(Account, Account, u64),
    Hold(u64),
    Capture(u64),
}

/// Movements of any kind at some second around the end of a month, in either asset. Most are small, one in ten fills a balance.
fn op() -> impl Strategy<Value = (Op, i64, bool)> {
    let amount = prop_oneof![9 => 1_u64..500, 1 => MAX_BALANCE - 200..=MAX_BALANCE];
    let op = prop_oneof![
        3 => (account(), account(), amount).prop_map(|(from, to, amount)| Op::Any(from, to, amount)),
        1 => (1_u64..200).prop_map(Op::Hold),
        1 => (1_u64..200).prop_map(Op::Capture),
    ];
    (op, -40_i64..40, prop::bool::weighted(0.2))
}

fn transfer((n, (op, seconds, in_minutes)): (usize, (Op, i64, bool))) -> Transfer {
    let now = at("2026-12-01T00:00:00Z") + jiff::SignedDuration::from_secs(seconds);
    let transfer = match op {
        Op::Any(from, to, amount) => moved(n, from, to, amount, now),
        Op::Hold(amount) => Transfer::hold(booking(n as u128), &user("cara"), amount, now),
        Op::Capture(amount) => Transfer::capture(booking(n as u128), &user("cara"), &user("ivy"), amount, now),
    };
    if in_minutes { Transfer { asset: Asset::CopilotMinute, ..transfer } } else { transfer }
}

fn all_wallets() -> Vec<Wallet> {
    PEOPLE.iter().flat_map(|name| Asset::ALL.map(|asset| Wallet::empty(user(name), asset))).collect()
}

fn apply_to<'a>(transfers: &'a [Transfer], wallets: &mut [Wallet]) -> Result<Vec<Posted<'a>>, WalletError> {
    apply(transfers, &mut wallets.iter_mut().collect::<Vec<_>>(), ids())
}

/// What all users have in an asset, less what they owe.
fn had(wallets: &[Wallet], asset: Asset) -> i128 {
    let of_asset = wallets.iter().filter(|wallet| wallet.asset == asset);
    let signed = |wallet: &Wallet, balance: Balance| {
        let amount = i128::from(wallet.balance(balance));
        if balance.is_debt() { -amount } else { amount }
    };
    of_asset.flat_map(|wallet| Balance::ALL.map(|balance| signed(wallet, balance))).sum()
}

proptest! {
    /// I1 and I2: however transfers are bundled into transactions, each bundle happens whole or not at all and leaves what its
    /// transfers leave one by one; value is only moved; no balance leaves its range; lines add up to balances; and the sums of
    /// the month are those of its captures.
    #[test]
    fn several_transfers_at_once_are_the_same_as_one_after_the_other(
        bundles in proptest::collection::vec(proptest::collection::vec(op(), 1..6), 0..25),
    ) {
        let (mut wallets, mut applied) = (all_wallets(), Vec::<Transfer>::new());
        let mut told: BTreeMap<(String, Asset), i64> = BTreeMap::new();
        let mut number = 0;
        for bundle in bundles {
            let bundle: Vec<Transfer> = bundle.into_iter().map(|op| { number += 1; transfer((number, op)) }).collect();
            let (before, mut one_by_one) = (wallets.clone(), wallets.clone());
            let singly: Result<Vec<_>, WalletError> =
                bundle.iter().map(|one| apply_to(std::slice::from_ref(one), &mut one_by_one).map(drop)).collect();
            match apply_to(&bundle, &mut wallets) {
                Ok(now) => {
                    prop_assert!(singly.is_ok());
                    prop_assert_eq!(&wallets, &one_by_one);
                    for Posted { transfer, from_line, to_line } in now {
                        for (account, line) in [(&transfer.from, from_line), (&transfer.to, to_line)] {
                            *told.entry((account.to_string(), transfer.asset)).or_default() += line.map_or(0, |l| l.amount);
                        }
                    }
                    applied.extend(bundle);
                }
                Err(refusal) => {
                    prop_assert_eq!(singly, Err(refusal));
                    prop_assert_eq!(&wallets, &before);
                }
            }
        }
        for asset in Asset::ALL {
            let of_asset = || applied.iter().filter(|transfer| transfer.asset == asset);
            let into = |account: &Account, amount: u64| match account {
                Account::Platform(_) => i128::from(amount),
                Account::User(..) => 0,
            };
            let platform: i128 = of_asset().map(|t| into(&t.to, t.amount) - into(&t.from, t.amount)).sum();
            prop_assert_eq!(had(&wallets, asset), -platform);
        }
        for wallet in &wallets {
            for balance in Balance::ALL {
                prop_assert!(wallet.balance(balance) <= MAX_BALANCE);
                let account = of(wallet.user_id.as_str(), balance);
                let told = told.get(&(account.to_string(), wallet.asset)).copied().unwrap_or(0);
                prop_assert_eq!(i128::from(told), i128::from(wallet.balance(balance)), "{}", account);
            }
            let captures = |month: &str, side: fn(&Transfer) -> &Account| {
                let of_month = applied.iter().filter(|t| t.kind == TransferKind::BookingCapture && t.asset == wallet.asset);
                let mine = of_month.filter(|t| matches!(side(t), Account::User(user, _) if *user == wallet.user_id));
                mine.filter(|t| utc_month(t.created_at) == month).map(|t| t.amount).sum::<u64>()
            };
            // Of the month in which it was last counted: what committed late is of the one before.
            if wallet.month == "2026-12" {
                let spent_and_earned = (captures("2026-12", |t| &t.from), captures("2026-12", |t| &t.to));
                prop_assert_eq!((wallet.spent_in_month, wallet.earned_in_month), spent_and_earned);
            }
        }
    }
}
