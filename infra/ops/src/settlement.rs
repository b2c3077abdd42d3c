//! Due bookings that the sweep has set aside, because what is stored of them cannot be settled before somebody has mended it.

use clap::Subcommand;
use domain::ids::BookingId;
use serde_json::{Value, json};
use store::due::{self, LyingAside};
use store::{Table, keys};

use crate::refused::{Outcome, refuse};
use crate::shown::{say, show};
use crate::stack::Stack;

#[derive(Debug, Subcommand)]
pub enum Settlement {
    /// Show which lie aside, and why
    Aside,
    /// Let the next sweep try again, once the cause is mended
    Retry {
        /// Booking id
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        booking: Option<String>,
        /// Everything that lies aside
        #[arg(long)]
        all: bool,
    },
    /// Remove what is of no booking, for good
    Discard {
        /// As `settlement aside` shows it
        key: String,
    },
}

pub async fn run(stack: &Stack, command: Settlement) -> Outcome {
    let table = stack.table().await?;
    match command {
        Settlement::Aside => aside(&table).await,
        Settlement::Retry { booking, .. } => retry(&table, booking.as_deref()).await,
        Settlement::Discard { key } => discard(&table, &key).await,
    }
}

/// Those of one booking, or the one under this key.
async fn named(table: &Table, name: &str) -> Outcome<Vec<LyingAside>> {
    let all = due::all_aside(table).await?;
    let found: Vec<_> = all.into_iter().filter(|lying| lying.key.sk == name || lying.sort() == name).collect();
    if found.is_empty() { refuse(format!("{name} does not lie aside: see `settlement aside`")) } else { Ok(found) }
}

fn sort_keys(rows: &[LyingAside]) -> Vec<&str> {
    rows.iter().map(|lying| lying.key.sk.as_str()).collect()
}

async fn aside(table: &Table) -> Outcome {
    let rows: Vec<Value> = due::all_aside(table).await?.iter().map(shown).collect();
    show(&json!({ "count": rows.len(), "aside": rows }));
    Ok(())
}

fn shown(lying: &LyingAside) -> Value {
    match &lying.row {
        Some(row) => json!({ "key": lying.key.sk, "why": row.why, "at": row.at, "again": row.again }),
        None => json!({ "key": lying.key.sk, "why": "what is noted of it cannot be read" }),
    }
}

async fn retry(table: &Table, booking: Option<&str>) -> Outcome {
    let rows = match booking {
        Some(name) => named(table, name).await?,
        None => due::all_aside(table).await?,
    };
    let mut retried = Vec::new();
    for lying in &rows {
        match &lying.row {
            Some(row) => {
                due::try_again(table, row).await?;
                retried.push(&lying.key.sk);
            }
            None => say(&format!("{} cannot be read, and so not be tried again: discard it", lying.key.sk)),
        }
    }
    show(&json!({ "retried": retried }));
    Ok(())
}

async fn discard(table: &Table, key: &str) -> Outcome {
    let rows = named(table, key).await?;
    for lying in &rows {
        if let Ok(id) = lying.sort().parse::<BookingId>()
            && table.get::<Value>(&keys::booking(id)).await?.is_some()
        {
            return refuse(format!("{id} is a booking, and would never be settled: mend it and retry"));
        }
    }
    for lying in &rows {
        due::discard_aside(table, lying.key.clone()).await?;
    }
    show(&json!({ "discarded": sort_keys(&rows) }));
    Ok(())
}
