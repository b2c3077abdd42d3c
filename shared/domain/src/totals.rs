//! What many transfers moved together: what a month is proved by, and what its revenue is read from.
//!
//! As in the proof, assets, kinds and balances are words and no closed lists.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::proof::Moved;

/// What transfers of one asset and kind moved between accounts of the same names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// How many they are.
    pub transfers: u64,
    /// How much they moved.
    pub amount: u64,
}

/// Sums of transfers by asset, kind and accounts. People count together: `user/available` is that balance of all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Totals(BTreeMap<String, Total>);

/// The account without the person whose it is.
fn shared_name(account: &str) -> String {
    match account.strip_prefix("user/").and_then(|rest| rest.rsplit_once('/')) {
        Some((_, balance)) => format!("user/{balance}"),
        None => account.to_owned(),
    }
}

impl Totals {
    /// Counts a transfer in. A sum beyond what can be counted stays at the end.
    pub fn add(&mut self, moved: &Moved) {
        let [from, to] = [&moved.from, &moved.to].map(|account| shared_name(account));
        let total = self.0.entry(format!("{} {} {from} {to}", moved.asset, moved.kind)).or_default();
        total.transfers = total.transfers.saturating_add(1);
        total.amount = total.amount.saturating_add(moved.amount);
    }

    /// Each sum: asset, kind, from which account, to which.
    pub fn all(&self) -> impl Iterator<Item = ([&str; 4], &Total)> {
        self.0.iter().filter_map(|(name, total)| {
            let words: Vec<&str> = name.split(' ').collect();
            Some((words.try_into().ok()?, total))
        })
    }

    /// What transfers of one kind moved of an asset.
    pub fn of_kind(&self, asset: &str, kind: &str) -> Total {
        let mut sum = Total::default();
        for (_, total) in self.all().filter(|(words, _)| words[..2] == [asset, kind]) {
            sum.transfers = sum.transfers.saturating_add(total.transfers);
            sum.amount = sum.amount.saturating_add(total.amount);
        }
        sum
    }

    /// By how much an account has grown: `platform/revenue`, or `user/held` for that balance of all people. With `user` for all
    /// their balances, it is what the platform's accounts have lost together; a debt is below 0.
    pub fn growth(&self, asset: &str, account: &str) -> i128 {
        let is_meant =
            |name: &str| name == account || name.strip_prefix(account).is_some_and(|rest| rest.starts_with('/'));
        let sum = |(words, total): ([&str; 4], &Total)| {
            let side = |name: &str| i128::from(is_meant(name));
            i128::from(total.amount) * (side(words[3]) - side(words[2]))
        };
        self.all().filter(|(words, _)| words[0] == asset).map(sum).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ACCOUNTS: [&str; 7] = [
        "user/cara/available",
        "user/a/b/held",
        "user/ivy/owed",
        "platform/issued",
        "platform/revenue",
        "platform/paid-out",
        "platform/burnt",
    ];

    fn moved((from, to, asset, amount): (usize, usize, bool, u64)) -> Moved {
        let names = [from, to].map(|n| ACCOUNTS[n].to_owned());
        let [from, to] = names;
        let asset = if asset { "CREDIT" } else { "COPILOT_MINUTE" }.to_owned();
        Moved { asset, kind: format!("KIND_{}", amount % 3), from, to, amount, ..Moved::default() }
    }

    proptest! {
        #[test]
        fn what_people_gain_the_platform_has_given_and_the_order_does_not_matter(
            drawn in proptest::collection::vec((0usize..7, 0usize..7, any::<bool>(), 1u64..1000), 0..40),
        ) {
            let (mut one, mut other) = (Totals::default(), Totals::default());
            for drawn in &drawn {
                one.add(&moved(*drawn));
            }
            drawn.iter().rev().for_each(|drawn| other.add(&moved(*drawn)));
            prop_assert_eq!(&one, &other);
            for asset in ["CREDIT", "COPILOT_MINUTE"] {
                prop_assert_eq!(one.growth(asset, "user"), -one.growth(asset, "platform"));
                let balances = ["user/available", "user/held", "user/owed"].map(|account| one.growth(asset, account));
                prop_assert_eq!(one.growth(asset, "user"), balances.iter().sum::<i128>());
                let of_kinds: u64 = (0..3).map(|n| one.of_kind(asset, &format!("KIND_{n}")).amount).sum();
                let is_of = |(_, _, credit, _): &&(usize, usize, bool, u64)| *credit == (asset == "CREDIT");
                prop_assert_eq!(of_kinds, drawn.iter().filter(is_of).map(|drawn| drawn.3).sum::<u64>());
            }
            let stored = serde_json::to_value(&one).unwrap();
            prop_assert_eq!(serde_json::from_value::<Totals>(stored).unwrap(), one);
        }
    }
}
