//! Dead-letter queues: messages that were tried eight times and set aside.

use std::collections::{HashSet, VecDeque};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use store::outbox::Queue;

use crate::refused::{Outcome, refuse};
use crate::shown::{say, show};
use crate::stack::Stack;

/// What the relay could not send is noted here; the rows themselves are in the table.
const RELAY: &str = "relay";
/// SQS gives out no more messages at once.
const BATCH: i32 = 10;

#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// Show how many messages each dead-letter queue holds, and what they are about
    List {
        /// Only this one
        #[arg(value_parser = names())]
        queue: Option<String>,
        /// How many messages to show of each
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Give a queue its messages back, once the cause is mended
    Redrive {
        #[arg(value_parser = names())]
        queue: String,
    },
    /// Delete messages for good, for example what the relay noted
    Discard {
        #[arg(value_parser = names())]
        queue: String,
        /// Only the message with this id
        #[arg(long, value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
        message: Option<String>,
        /// Everything in it
        #[arg(long)]
        all: bool,
    },
}

fn all_names() -> impl Iterator<Item = &'static str> {
    Queue::ALL.into_iter().map(Queue::name).chain([RELAY])
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(all_names())
}

/// A name as it stands in the names of the stack's outputs.
fn title(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// Where messages of a queue go that failed for the last time.
async fn dead_letters<'a>(stack: &'a Stack, name: &str) -> Outcome<&'a str> {
    if name == RELAY {
        return stack.output("RelayFailureQueueUrl").await;
    }
    stack.output(&format!("{}DeadLetterQueueUrl", title(name))).await
}

/// The messages of a queue, each once, until it seems empty. They stay hidden from others for a minute.
struct Messages<'a> {
    sqs: &'a aws_sdk_sqs::Client,
    url: &'a str,
    seen: HashSet<String>,
    fetched: VecDeque<Message>,
    misses: u32,
}

impl<'a> Messages<'a> {
    fn of(sqs: &'a aws_sdk_sqs::Client, url: &'a str) -> Self {
        Self { sqs, url, seen: HashSet::new(), fetched: VecDeque::new(), misses: 0 }
    }

    async fn next(&mut self) -> Outcome<Option<Message>> {
        // SQS asks some of its servers only, so one empty answer proves nothing.
        while self.fetched.is_empty() && self.misses < 2 {
            let asked = self.sqs.receive_message().queue_url(self.url).max_number_of_messages(BATCH);
            let asked = asked.visibility_timeout(60).wait_time_seconds(1);
            let answer = asked.message_system_attribute_names(MessageSystemAttributeName::All).send().await?;
            let fresh = answer.messages.unwrap_or_default().into_iter();
            let fresh = fresh.filter(|message| self.seen.insert(id(message).to_owned()));
            self.fetched.extend(fresh);
            self.misses = if self.fetched.is_empty() { self.misses + 1 } else { 0 };
        }
        Ok(self.fetched.pop_front())
    }
}

fn id(message: &Message) -> &str {
    message.message_id().unwrap_or_default()
}

/// What a message is about, without links, which let their reader fetch a recording.
fn about(message: &Message) -> Value {
    const TOLD: [&str; 8] =
        ["outboxId", "effect", "bookingId", "userId", "cause", "origin", "requestContext", "DDBStreamBatchInfo"];
    let sent = message.attributes().and_then(|all| all.get(&MessageSystemAttributeName::SentTimestamp));
    let sent = sent.and_then(|text| Timestamp::from_millisecond(text.parse().ok()?).ok());
    let mut shown = Map::from_iter([("messageId".to_owned(), json!(id(message)))]);
    shown.extend(sent.map(|at| ("sentAt".to_owned(), json!(format!("{at:.0}")))));
    let body = message.body().unwrap_or_default();
    match serde_json::from_str(body) {
        Ok(Value::Object(members)) => {
            shown.extend(members.into_iter().filter(|(name, _)| TOLD.contains(&name.as_str())));
        }
        Ok(_) => drop(shown.insert("body".to_owned(), json!("not an object"))),
        Err(_) => {
            let told = format!("{} characters that are not JSON", body.chars().count());
            shown.insert("body".to_owned(), json!(told));
        }
    }
    Value::Object(shown)
}

/// Looking must not keep messages from the one who redrives. Done at the end, or the queue would give the same ones again.
async fn put_back(sqs: &aws_sdk_sqs::Client, url: &str, messages: &[Message]) -> Outcome {
    for message in messages {
        let asked = sqs.change_message_visibility().queue_url(url).visibility_timeout(0);
        asked.set_receipt_handle(message.receipt_handle.clone()).send().await?;
    }
    Ok(())
}

async fn delete(sqs: &aws_sdk_sqs::Client, url: &str, message: &Message) -> Outcome {
    let asked = sqs.delete_message().queue_url(url);
    asked.set_receipt_handle(message.receipt_handle.clone()).send().await?;
    Ok(())
}

pub async fn run(stack: &Stack, command: DeadLetters) -> Outcome {
    match command {
        DeadLetters::List { queue, limit } => list(stack, queue.as_deref(), limit).await,
        DeadLetters::Redrive { queue } => redrive(stack, &queue).await,
        DeadLetters::Discard { queue, message, .. } => discard(stack, &queue, message.as_deref()).await,
    }
}

async fn list(stack: &Stack, only: Option<&str>, limit: u32) -> Outcome {
    let sqs = stack.sqs();
    let mut found = Map::new();
    for name in all_names().filter(|name| only.is_none_or(|only| only == *name)) {
        let url = dead_letters(stack, name).await?;
        let wanted = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let asked = sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(wanted.to_vec()));
        let answer = asked.send().await?.attributes.unwrap_or_default();
        let [waiting, hidden] = wanted.map(|name| answer.get(&name).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0));
        let mut about_queue = json!({ "messages": waiting, "held": hidden });
        if only.is_some() || waiting > 0 {
            let (mut messages, mut shown) = (Messages::of(&sqs, url), Vec::new());
            while shown.len() < limit as usize {
                let Some(message) = messages.next().await? else { break };
                shown.push(message);
            }
            // Those that came with the last batch and are not shown are held back too.
            let told: Vec<Value> = shown.iter().map(about).collect();
            shown.extend(messages.fetched);
            put_back(&sqs, url, &shown).await?;
            about_queue["shown"] = json!(told);
        }
        found.insert(name.to_owned(), about_queue);
    }
    show(&Value::Object(found));
    Ok(())
}

async fn redrive(stack: &Stack, name: &str) -> Outcome {
    if name == RELAY {
        return refuse(
            "rows the relay gave up on are still in the table: `ops outbox redrive` sends them, then `ops dlq discard relay --all`",
        );
    }
    let (source, target) = (dead_letters(stack, name).await?, stack.output(&format!("{}QueueUrl", title(name))).await?);
    let sqs = stack.sqs();
    let (mut messages, mut given_back) = (Messages::of(&sqs, source), HashSet::new());
    let mut moved = 0;
    while let Some(message) = messages.next().await? {
        if given_back.contains(id(&message)) {
            say("messages come back as they are given back: the cause is not mended");
            break;
        }
        // First sent, then deleted: a stop in between sends it twice, which every worker bears.
        let sent = sqs.send_message().queue_url(target).set_message_body(message.body.clone()).send().await?;
        given_back.extend(sent.message_id);
        delete(&sqs, source, &message).await?;
        moved += 1;
    }
    show(&json!({ "queue": name, "redriven": moved }));
    Ok(())
}

async fn discard(stack: &Stack, name: &str, only: Option<&str>) -> Outcome {
    let sqs = stack.sqs();
    let url = dead_letters(stack, name).await?;
    let (mut messages, mut gone, mut others) = (Messages::of(&sqs, url), Vec::new(), Vec::new());
    while let Some(message) = messages.next().await? {
        if only.is_some_and(|only| only != id(&message)) {
            others.push(message);
            continue;
        }
        delete(&sqs, url, &message).await?;
        gone.push(about(&message));
        if only.is_some() {
            break;
        }
    }
    others.extend(messages.fetched);
    put_back(&sqs, url, &others).await?;
    match only {
        Some(wanted) if gone.is_empty() => refuse(format!("there is no message {wanted} in {name}")),
        _ => {
            show(&json!({ "queue": name, "discarded": gone }));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Message {
        let sent = (MessageSystemAttributeName::SentTimestamp, "1795168800000".to_owned());
        Message::builder().message_id("m-1").body(body).set_attributes(Some([sent].into())).build()
    }

    #[test]
    fn a_message_is_shown_without_links_and_without_what_people_wrote() {
        let body = json!({ "outboxId": "end_call:bkg_1", "effect": "end_call", "url": "https://example.test/secret",
            "notes": "personal" });
        let shown = about(&message(&body.to_string()));
        let wanted = json!({ "messageId": "m-1", "sentAt": "2026-11-20T10:00:00Z", "outboxId": "end_call:bkg_1",
            "effect": "end_call" });
        assert_eq!(shown, wanted);
        assert_eq!(about(&message("[1]"))["body"], "not an object");
        assert_eq!(about(&message("oops"))["body"], "4 characters that are not JSON");
    }

    #[test]
    fn outputs_are_called_after_their_queues() {
        assert_eq!(title("generation"), "Generation");
        assert_eq!(all_names().last(), Some(RELAY));
    }
}
