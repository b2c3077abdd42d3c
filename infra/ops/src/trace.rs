//! The story of one request or booking: what was logged, what followed by the outbox, which credits moved, which events came.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::operation::start_query::StartQueryError;
use aws_sdk_cloudwatchlogs::types::QueryStatus;
use clap::Args;
use domain::ids::BookingId;
use domain::ledger::TransferId;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::{Key, Query, Table, keys, outbox};

use crate::now;
use crate::refused::{Outcome, refuse};
use crate::shown::{say, show};
use crate::stack::Stack;
use crate::story::{self, Line};
use crate::webhooks::Sender;

/// Logs Insights returns no more.
const LINES_AT_MOST: i32 = 10_000;
/// A request that has to do with more bookings is a run of a schedule: it is told by its own lines.
const BOOKINGS_AT_MOST: usize = 3;

#[derive(Debug, Args)]
pub struct Options {
    /// The requestId of an answer, the origin of a log line or a booking's id
    #[arg(value_name = "REQUEST|BOOKING")]
    what: String,
    /// How far back the logs are searched
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    days: u16,
}

struct Logs<'a> {
    stack: &'a Stack,
    days: u16,
}

impl Logs<'_> {
    fn since(&self) -> jiff::Timestamp {
        now() - SignedDuration::from_hours(24 * i64::from(self.days))
    }

    /// Time and text of the log lines that hold any of these ids.
    async fn query(&self, group: &str, ids: &BTreeSet<String>) -> Outcome<Vec<(String, String)>> {
        let logs = self.stack.logs();
        let text = format!(
            "fields @timestamp, @message | filter @message like /{}/ | sort @timestamp asc | limit {LINES_AT_MOST}",
            story::pattern(ids)
        );
        let asked = logs.start_query().log_group_name(group).query_string(text).limit(LINES_AT_MOST);
        let asked = asked.start_time(self.since().as_second()).end_time(now().as_second() + 60);
        let started = match asked.send().await {
            Ok(started) => started.query_id.unwrap_or_default(),
            Err(error) if error.as_service_error().is_some_and(StartQueryError::is_resource_not_found_exception) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error.into()),
        };
        let answer = loop {
            let answer = logs.get_query_results().query_id(&started).send().await?;
            match answer.status() {
                Some(QueryStatus::Complete) => break answer,
                Some(QueryStatus::Scheduled | QueryStatus::Running | QueryStatus::UnknownValue) => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                other => {
                    let ended = other.map_or("nothing", QueryStatus::as_str);
                    return refuse(format!("the query of {group} ended as {ended}: try again, or with fewer --days"));
                }
            }
        };
        if answer.results().len() >= LINES_AT_MOST as usize {
            say(&format!("{group} has more lines than a query returns: use fewer --days"));
        }
        let row = |fields: &Vec<aws_sdk_cloudwatchlogs::types::ResultField>| {
            let value = |name: &str| {
                let found = fields.iter().find(|field| field.field() == Some(name));
                found.and_then(|field| field.value()).unwrap_or_default().to_owned()
            };
            (value("@timestamp"), value("@message"))
        };
        Ok(answer.results().iter().map(row).collect())
    }

    async fn functions(&self, ids: &BTreeSet<String>) -> Outcome<Vec<Line>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.query(&format!("/{}/functions", self.stack.name), ids).await?;
        Ok(story::parsed(found.into_iter().map(|(_, text)| text)))
    }

    async fn gateway(&self, ids: &BTreeSet<String>) -> Outcome<Vec<(String, Line)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.query(&format!("/aws/vendedlogs/{}/requests", self.stack.name), ids).await?;
        // Insights writes `2026-11-20 10:00:00.000`, in UTC.
        let line = |(at, text): (String, String)| {
            let line = story::parsed([text]).pop()?;
            Some((at.replace(' ', "T") + "Z", line))
        };
        Ok(found.into_iter().filter_map(line).collect())
    }
}

/// The items under these keys that are there.
async fn items(table: &Table, wanted: impl IntoIterator<Item = Key>) -> Outcome<Vec<Value>> {
    let wanted: Vec<Key> = wanted.into_iter().collect();
    let found = table.batch_get(&wanted).await?;
    let mut items = Vec::new();
    for key in &wanted {
        items.extend(found.get(key)?);
    }
    Ok(items)
}

pub async fn run(stack: &Stack, options: Options) -> Outcome {
    let Options { what, days } = options;
    if !story::is_id(&what) {
        return refuse(format!(
            "{what} is neither a booking's id nor that of a request: those have 8 characters or more"
        ));
    }
    let logs = Logs { stack, days };
    let named = BTreeSet::from([what.clone()]);
    let lines = logs.functions(&named).await?;
    let (whole, asked, lines) = if let Ok(booking) = what.parse::<BookingId>() {
        let asked = story::origins(&lines);
        let lines = story::each_once([lines, logs.functions(&asked).await?]);
        (vec![booking], asked, story::concerning(lines, booking))
    } else {
        let about = story::bookings(&lines);
        let whole: Vec<BookingId> =
            if about.len() <= BOOKINGS_AT_MOST { about.into_iter().collect() } else { Vec::new() };
        let ids = whole.iter().map(ToString::to_string).collect();
        let lines = story::each_once([lines, logs.functions(&ids).await?]);
        (whole, named, lines)
    };

    let table = stack.table().await?;
    let mut rows = Vec::new();
    for id in story::named(&lines, "outbox.id") {
        rows.extend(outbox::find(&table, &id).await?);
    }
    let transfers = whole.iter().flat_map(|id| [TransferId::hold(*id), TransferId::settle(*id)]);
    let transfers = items(&table, transfers.map(|id| keys::transfer(&id))).await?;
    let digests = story::named(&lines, "event.sha256");
    let events = digests.iter().flat_map(|digest| Sender::ALL.map(|sender| sender.event(digest)));
    let events = items(&table, events).await?;
    let mut facts = Vec::new();
    for booking in &whole {
        facts.extend(table.query_all(Query::partition(keys::booking_partition(*booking)), usize::MAX).await?);
    }
    let origins = story::origins(&lines);
    let told = story::told([
        story::of_lines(lines),
        story::of_gateway(logs.gateway(&asked).await?),
        story::of_outbox(rows),
        story::of_transfers(&transfers),
        story::of_events(&events),
        story::of_booking(&facts),
    ]);
    if told.is_empty() {
        let since = logs.since().strftime("%Y-%m-%d").to_string();
        return refuse(format!(
            "nothing of {what} since {since}; lines come up to a minute late, and are kept for LogRetentionDays"
        ));
    }
    show(&json!({ "of": what, "bookings": whole, "origins": origins, "story": told }));
    Ok(())
}
