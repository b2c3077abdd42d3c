//! The outbox, and feedback that is to be generated again.

use clap::Subcommand;
use domain::booking::FeedbackState;
use domain::ids::BookingId;
use jiff::SignedDuration;
use serde_json::json;
use store::media::{self, MediaKind, StoredFile};
use store::outbox::{Effect, Message};
use store::{booking, outbox};

use crate::now;
use crate::refused::{Outcome, Refused, refuse};
use crate::shown::{say, show};
use crate::stack::Stack;

/// What one run of RedriveOutboxFunction sends at most.
const ROWS_PER_RUN: u64 = 500;

#[derive(Debug, Subcommand)]
pub enum Outbox {
    /// Show the rows that wait, oldest first
    List {
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Send the rows that wait, without waiting for the schedule
    Redrive {
        /// Only rows that are at least this old
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        older_than: u64,
    },
}

#[derive(Debug, Subcommand)]
pub enum Feedback {
    /// Generate a feedback again that failed
    Rerun {
        /// Booking id
        booking: String,
    },
}

pub async fn run(stack: &Stack, command: Outbox) -> Outcome {
    match command {
        Outbox::List { limit } => list(stack, limit).await,
        Outbox::Redrive { older_than } => redrive(stack, older_than).await,
    }
}

async fn list(stack: &Stack, limit: u32) -> Outcome {
    let table = stack.table().await?;
    // Clocks differ; nothing is written tomorrow.
    let waiting = outbox::waiting(&table, now() + SignedDuration::from_hours(24), limit as usize, None).await?;
    let rows = waiting.rows.iter();
    let rows: Vec<_> =
        rows.map(|row| json!({ "outboxId": row.outbox_id, "queue": row.queue, "createdAt": row.created_at })).collect();
    show(&json!(rows));
    if waiting.unreadable > 0 {
        say(&format!("{} more cannot be read by this version", waiting.unreadable));
    }
    if waiting.next.is_some() {
        say("there may be more: --limit");
    }
    Ok(())
}

async fn redrive(stack: &Stack, older_than: u64) -> Outcome {
    let mut total = 0;
    loop {
        let event = json!({ "olderThanSeconds": older_than });
        let answer = stack.invoke("RedriveOutboxFunction", &event).await?;
        let answer = answer.map_err(|failure| {
            Refused::new(format!("after {total} rows the function failed, its log says why: {failure}"))
        })?;
        let sent = answer["redriven"].as_u64().unwrap_or(0);
        total += sent;
        // A run that sent less than it may has seen everything.
        if sent < ROWS_PER_RUN {
            show(&json!({ "redriven": total }));
            return Ok(());
        }
    }
}

pub async fn feedback(stack: &Stack, command: Feedback) -> Outcome {
    let Feedback::Rerun { booking: name } = command;
    let Ok(id) = name.parse::<BookingId>() else {
        return refuse(format!("{name} is not a booking id: they look like bkg_01J…"));
    };
    let table = stack.table().await?;
    let Some(booking) = booking::get(&table, id).await? else { return refuse(format!("there is no booking {id}")) };
    if booking.is_cancelled() {
        return refuse("a cancelled booking gets no feedback");
    }
    if booking.feedback == Some(FeedbackState::Complete) {
        return refuse("its feedback is complete and is never written again");
    }
    if let Some(why) = lacks_transcript(&media::list(&table, id, MediaKind::Transcript).await?) {
        return refuse(why);
    }
    let cause = format!("operator-{}", now().as_second());
    let effect = Effect::Feedback { booking_id: id, cause: cause.clone() };
    let message = json!(Message { outbox_id: effect.outbox_id(), origin: Some(cause), effect });
    let asked = stack.sqs().send_message().queue_url(stack.output("GenerationQueueUrl").await?);
    let sent = asked.message_body(message.to_string()).send().await?;
    show(&json!({ "bookingId": id, "feedbackBefore": booking.feedback, "messageId": sent.message_id }));
    Ok(())
}

/// Why no feedback can be made from these transcripts.
fn lacks_transcript(files: &[StoredFile]) -> Option<&'static str> {
    match files {
        [] => {
            Some("it has no transcript yet, which feedback is made from: `ops webhook show` tells what Stream told us")
        }
        files if files.iter().all(|file| file.object_key.is_none()) => {
            Some("its transcript is gone: it was discarded for want of consent, or Stream said that there is none")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_that_is_gone_is_told_from_one_that_has_not_come() {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let file = |key: Option<&str>| StoredFile {
            session_id: "s".into(),
            filename: "f".into(),
            object_key: key.map(str::to_owned),
            start_time: at,
            end_time: at,
            bytes: 0,
        };
        assert!(lacks_transcript(&[]).unwrap().contains("no transcript yet"));
        assert!(lacks_transcript(&[file(None)]).unwrap().contains("is gone"));
        assert_eq!(lacks_transcript(&[file(None), file(Some("transcripts/1"))]), None);
    }
}
