//! Where value sits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{IdError, UserId};

/// The balances of one user's wallet. Each is a ledger account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Balance {
    /// Available to spend.
    Available,
    /// Reserved for a booking until it is settled.
    Held,
    /// Earned by conducting sessions.
    Earned,
    /// Owed after a reversed purchase. Spending is blocked until it is repaid.
    Owed,
    /// Reserved for a payout request that is still pending.
    Payout,
}

impl Balance {
    /// Every balance, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Available, Self::Held, Self::Earned, Self::Owed, Self::Payout];

    /// The name used in accounts, items and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Held => "held",
            Self::Earned => "earned",
            Self::Owed => "owed",
            Self::Payout => "payout",
        }
    }

    /// Whether it counts what its user owes. Such a balance grows by what is moved from its account and shrinks by what is moved
    /// to it, and where all that users have is summed it counts against the others.
    pub fn is_debt(self) -> bool {
        self == Self::Owed
    }
}

/// The platform's own accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Platform {
    /// Where credits come from and return to.
    Issued,
    /// What users have paid to the platform.
    Revenue,
    /// What has left as money.
    PaidOut,
}

impl Platform {
    /// Every account of the platform.
    pub const ALL: [Self; 3] = [Self::Issued, Self::Revenue, Self::PaidOut];

    fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Revenue => "revenue",
            Self::PaidOut => "paid-out",
        }
    }
}

/// Where value sits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Account {
    /// One balance of one user.
    User(UserId, Balance),
    /// One of the platform's.
    Platform(Platform),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user, balance) => write!(f, "user/{user}/{}", balance.name()),
            Self::Platform(account) => write!(f, "platform/{}", account.name()),
        }
    }
}

impl FromStr for Account {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let refused = || IdError { kind: "account" };
        if let Some(name) = text.strip_prefix("platform/") {
            let account = Platform::ALL.into_iter().find(|account| account.name() == name).ok_or_else(refused)?;
            return Ok(Self::Platform(account));
        }
        let (user, name) = text.strip_prefix("user/").and_then(|rest| rest.rsplit_once('/')).ok_or_else(refused)?;
        let balance = Balance::ALL.into_iter().find(|balance| balance.name() == name).ok_or_else(refused)?;
        Ok(Self::User(user.parse()?, balance))
    }
}

impl Serialize for Account {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
