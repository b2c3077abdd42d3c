//! What holds of the stored world once everything has come to rest (README, I1 to I4 and I7).

use std::collections::{BTreeMap, BTreeSet};

use domain::ledger::Balance;
use serde_json::Value;
use tests::stage::second;

/// Checks these items.
pub fn hold(items: Vec<Value>) -> Result<(), String> {
    let demand = |held: bool, why: String| if held { Ok(()) } else { Err(why) };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut moved: BTreeMap<String, i64> = BTreeMap::new();
    let mut told: BTreeMap<String, i64> = BTreeMap::new();
    let mut kept: BTreeMap<String, i64> = BTreeMap::new();
    let mut transfers: BTreeMap<String, String> = BTreeMap::new();
    let mut calendars: BTreeSet<(String, i64)> = BTreeSet::new();
    let mut taken: BTreeSet<(String, i64)> = BTreeSet::new();
    let mut bookings = Vec::new();
    for item in &items {
        let (pk, sk) = (text(&item["pk"]), text(&item["sk"]));
        let (kind, id) = pk.split_once('#').unwrap_or((&pk, ""));
        match (kind, sk.as_str()) {
            ("USER", "WALLET#CREDIT") => {
                for balance in Balance::ALL {
                    let (name, sign) = (balance.name(), if balance.is_debt() { -1 } else { 1 });
                    let amount = item[name].as_i64().ok_or_else(|| format!("{item}"))?;
                    demand(amount >= 0, format!("I2: {name} of {id} is {amount}"))?;
                    kept.insert(format!("user/{id}/{name}"), sign * amount);
                }
            }
            ("USER", sk) if sk.starts_with("TX#") => {
                let balance = text(&item["balance"]);
                let is_debt = Balance::ALL.iter().any(|known| known.is_debt() && known.name() == balance);
                let amount = item["amount"].as_i64().unwrap_or_default();
                *told.entry(format!("user/{id}/{balance}")).or_default() += if is_debt { -amount } else { amount };
            }
            ("TRANSFER", _) => {
                let amount = item["amount"].as_i64().unwrap_or_default();
                *moved.entry(text(&item["from"])).or_default() -= amount;
                *moved.entry(text(&item["to"])).or_default() += amount;
                transfers.insert(id.to_owned(), text(&item["kind"]));
            }
            ("BOOKING", "BOOKING") => bookings.push(item),
            ("BOOKING", "LEASE") => return Err(format!("a lease is left: {item}")),
            ("CAL", sk) => {
                let day: jiff::civil::Date = sk.trim_start_matches("DAY#").parse().map_err(|e| format!("{e}"))?;
                let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|e| format!("{e}"))?;
                let first = midnight.timestamp().as_second() / 900;
                let bits = u128::from_str_radix(&text(&item["taken"]), 16).map_err(|e| format!("{e}"))?;
                calendars.extend(
                    (0..96).filter(|q| bits >> (95 - q) & 1 == 1).map(|q| (id.to_owned(), first + i64::from(q))),
                );
            }
            _ => {}
        }
        demand(!tests::stage::waits(item), format!("I7: a row still waits: {item}"))?;
    }
    moved.retain(|account, sum| account.starts_with("user/") && *sum != 0);
    told.retain(|_, sum| *sum != 0);
    kept.retain(|_, sum| *sum != 0);
    demand(moved == kept, format!("I1: wallets hold {kept:?}, transfers add up to {moved:?}"))?;
    demand(told == kept, format!("I1: wallets hold {kept:?}, statements add up to {told:?}"))?;
    for booking in bookings {
        let id = text(&booking["bookingId"]);
        let settled = transfers.remove(&format!("settle:{id}")).unwrap_or_default();
        demand(transfers.remove(&format!("hold:{id}")).is_some(), format!("I3: {id} has no hold"))?;
        let wanted = match booking["status"].as_str() {
            Some("COMPLETED") => "BOOKING_CAPTURE",
            Some("CANCELLED") => "BOOKING_RELEASE",
            _ => return Err(format!("nobody settles {booking}")),
        };
        demand(settled == wanted, format!("I3: {booking} was settled by {settled:?}"))?;
        if wanted == "BOOKING_CAPTURE" {
            for party in ["intervieweeId", "interviewerId"] {
                for quarter in second(&booking["startTime"]) / 900..second(&booking["endTime"]) / 900 {
                    let is_free = taken.insert((text(&booking[party]), quarter));
                    demand(is_free, format!("I4: somebody is in two places, one of them {id}"))?;
                }
            }
        }
    }
    let left = transfers.keys().find(|id| id.starts_with("hold:") || id.starts_with("settle:"));
    demand(left.is_none(), format!("I3: {left:?} is of no booking"))?;
    demand(calendars == taken, format!("I4: calendars {calendars:?} are not what bookings take: {taken:?}"))
}
