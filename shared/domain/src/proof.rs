//! The proof of the ledger (ARCHITECTURE.md, I1): what a transfer and the lines of statements must say of each other.
//!
//! Each transfer names the statement line it wrote for each person involved, and each line names its transfer. If every line is named by
//! its transfer, every line named by a transfer exists, and the two agree, then lines and transfers record the same movements, one
//! to one. So a balance that is the sum of its lines is also the sum of the transfers that touch it.
//!
//! Assets and balances are words here and no closed lists: what a newer version has added is proved like everything else. Of a
//! balance only this must be known, whether it is a debt and so grows by what is taken from it.

use jiff::Timestamp;
use serde::Deserialize;

use crate::ledger::Balance;

/// What a transfer says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// Its id.
    pub transfer_id: String,
    /// What it was for.
    pub kind: String,
    /// The asset.
    pub asset: String,
    /// How much.
    pub amount: u64,
    /// From which account.
    pub from: String,
    /// To which account.
    pub to: String,
    /// The id of the line it wrote for the person it took from.
    #[serde(default)]
    pub from_line: Option<String>,
    /// The id of the line it wrote for the person it gave to.
    #[serde(default)]
    pub to_line: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

/// What a line of a person's statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whose statement it is in.
    pub user: String,
    /// Its id.
    pub line_id: String,
    /// The transfer that it tells of.
    pub transfer_id: String,
    /// The asset.
    pub asset: String,
    /// Which balance changed.
    pub balance: String,
    /// By how much.
    pub amount: i128,
}

/// One side of a transfer that is a person's: what its line must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side<'a> {
    /// Whose.
    pub user: &'a str,
    /// The line that tells it. A transfer that names none is not told.
    pub line_id: Option<&'a str>,
    balance: &'a str,
    amount: i128,
    moved: &'a Moved,
}

impl Moved {
    /// The sides that belong to a person; `None` if this version does not know one of the accounts.
    pub fn sides(&self) -> Option<Vec<Side<'_>>> {
        let amount = i128::from(self.amount);
        let is_debt = |name: &str| Balance::ALL.iter().any(|balance| balance.is_debt() && balance.name() == name);
        let mut sides = Vec::new();
        for (account, line_id, amount) in [(&self.from, &self.from_line, -amount), (&self.to, &self.to_line, amount)] {
            if account.starts_with("platform/") {
                continue;
            }
            let (user, balance) = account.strip_prefix("user/")?.rsplit_once('/')?;
            let amount = if is_debt(balance) { -amount } else { amount };
            sides.push(Side { user, line_id: line_id.as_deref(), balance, amount, moved: self });
        }
        Some(sides)
    }

    /// Whether this is a line that the transfer wrote, and as it wrote it.
    pub fn bears_out(&self, line: &Line) -> bool {
        self.sides().is_some_and(|sides| sides.iter().any(|side| side.is_told_by(line)))
    }
}

impl Side<'_> {
    /// The asset.
    pub fn asset(&self) -> &str {
        &self.moved.asset
    }

    /// Whether this line is the one that tells it, and says what happened.
    pub fn is_told_by(&self, line: &Line) -> bool {
        self.line_id == Some(line.line_id.as_str())
            && line.user == self.user
            && line.balance == self.balance
            && line.amount == self.amount
            && line.asset == self.moved.asset
            && line.transfer_id == self.moved.transfer_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PEOPLE: [&str; 3] = ["cara", "ivy", "a/b"];

    fn account(number: usize) -> String {
        PEOPLE.get(number).map_or_else(|| "platform/issued".to_owned(), |user| format!("user/{user}/available"))
    }

    /// A transfer with its lines, as they are written.
    fn written(number: usize, from: usize, to: usize, amount: u64) -> (Moved, Vec<Line>) {
        let (transfer_id, asset) = (format!("t{number}"), "CREDIT".to_owned());
        let line = |side: &str, place: usize, amount: i128| {
            let (user, line_id) = ((*PEOPLE.get(place)?).to_owned(), format!("{number}{side}"));
            Some(Line {
                user,
                line_id,
                transfer_id: transfer_id.clone(),
                asset: asset.clone(),
                balance: "available".into(),
                amount,
            })
        };
        let (out, into) = (line("from", from, -i128::from(amount)), line("to", to, i128::from(amount)));
        let id = |line: &Option<Line>| line.as_ref().map(|line| line.line_id.clone());
        let moved = Moved {
            transfer_id: transfer_id.clone(),
            kind: "BOOKING_HOLD".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            asset: asset.clone(),
            amount,
            from: account(from),
            to: account(to),
            from_line: id(&out),
            to_line: id(&into),
        };
        (moved, out.into_iter().chain(into).collect())
    }

    /// What the reconciler asks of everything: each line is borne out, and each side told.
    fn proved(transfers: &[Moved], lines: &[Line]) -> bool {
        let of = |id: &str| transfers.iter().find(|moved| moved.transfer_id == id);
        let borne_out = |line: &Line| of(&line.transfer_id).is_some_and(|moved| moved.bears_out(line));
        let told = |side: &Side<'_>| lines.iter().any(|line| side.is_told_by(line));
        lines.iter().all(borne_out) && transfers.iter().all(|moved| moved.sides().unwrap().iter().all(told))
    }

    proptest! {
        #[test]
        fn a_changed_a_lost_and_a_second_line_or_transfer_is_found(
            drawn in proptest::collection::vec((0usize..4, 0usize..4, 1u64..50), 1..12),
            victim in any::<proptest::sample::Index>(),
        ) {
            let drawn: Vec<_> = drawn.into_iter().filter(|(from, to, _)| *from.min(to) < 3).collect();
            let all: Vec<_> = drawn.iter().enumerate().map(|(n, (from, to, amount))| written(n, *from, *to, *amount)).collect();
            let transfers: Vec<Moved> = all.iter().map(|(moved, _)| moved.clone()).collect();
            let lines: Vec<Line> = all.into_iter().flat_map(|(_, lines)| lines).collect();
            prop_assert!(proved(&transfers, &lines));
            if lines.is_empty() {
                return Ok(());
            }
            let (line, place) = (victim.index(lines.len()), victim.index(transfers.len()));
            for spoil in [
                |line: &mut Line| line.amount += 1,
                |line: &mut Line| line.balance = "held".to_owned(),
                |line: &mut Line| line.asset = "GOLD".to_owned(),
                |line: &mut Line| line.user = "max".to_owned(),
                |line: &mut Line| line.transfer_id = "none".to_owned(),
                |line: &mut Line| line.line_id = "another".to_owned(),
            ] {
                let mut spoilt = lines.clone();
                spoil(&mut spoilt[line]);
                prop_assert!(!proved(&transfers, &spoilt));
            }
            let mut fewer = lines.clone();
            fewer.remove(line);
            prop_assert!(!proved(&transfers, &fewer));
            let mut twice = lines.clone();
            twice.push(Line { line_id: "second".to_owned(), ..lines[line].clone() });
            prop_assert!(!proved(&transfers, &twice));
            let mut fewer = transfers.clone();
            fewer.remove(place);
            prop_assert!(!proved(&fewer, &lines));
            let mut other = transfers.clone();
            other[place].amount += 1;
            prop_assert!(!proved(&other, &lines));
        }
    }

    #[test]
    fn the_line_of_a_debt_says_more_where_the_transfer_takes_from_it() {
        let (mut moved, mut lines) = written(1, 0, 3, 5);
        for (balance, amount) in [("held", -5), ("owed", 5)] {
            moved.from = format!("user/cara/{balance}");
            lines[0].balance = balance.to_owned();
            for said in [-5, 5] {
                lines[0].amount = said;
                assert_eq!(moved.bears_out(&lines[0]), said == amount, "{balance}");
            }
        }
    }

    #[test]
    fn an_account_that_nobody_knows_bears_nothing_out() {
        let (moved, lines) = written(1, 0, 3, 5);
        assert!(moved.bears_out(&lines[0]));
        for account in ["bank/x", "user/cara", "cara/available"] {
            let strange = Moved { from: account.to_owned(), ..moved.clone() };
            assert!(strange.sides().is_none() && !strange.bears_out(&lines[0]), "{account}");
        }
    }
}
