//! The outbox: effects that must follow a commit. A row is written by the same transaction as the change that asks for it;
//! the relay carries it from the table's stream to its queue, and rows the stream has lost are found by the index they
//! stay in until they are relayed.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{BookingId, UserId};
use domain::patience::Patience;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::{StoreError, from_sdk};
use crate::item::Item;
use crate::table::{Position, key_attributes};
use crate::{Key, Page, Query, Table, Tx, keys, origin};

/// How long a relayed row is kept for operators.
pub const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Where an effect is carried out. Rows name it by [`Queue::name`], and so does the relay, which knows none of these: a row of
/// a newer version finds its way as soon as its queue has an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Model calls: minutes long, few at a time.
    Generation,
    /// Short calls to Stream.
    Stream,
    /// Copying media from a provider to our bucket.
    Media,
    /// Bookings that end without anybody asking, and the credits they hold.
    Settlement,
}

impl Queue {
    /// Every queue.
    pub const ALL: [Self; 4] = [Self::Generation, Self::Stream, Self::Media, Self::Settlement];

    /// What rows call it, and `QUEUES` in `template.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generation => "generation",
            Self::Stream => "stream",
            Self::Media => "media",
            Self::Settlement => "settlement",
        }
    }

    /// How long its work is waited for.
    pub fn patience(self) -> Patience {
        match self {
            Self::Generation => Patience::Generation,
            Self::Stream => Patience::Stream,
            Self::Media => Patience::Media,
            Self::Settlement => Patience::Settlement,
        }
    }
}

/// A file that Stream announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamFile {
    /// The call session it belongs to.
    pub session_id: String,
    /// Its name at Stream.
    pub filename: String,
    /// Where it can be fetched, for a while.
    pub url: String,
    /// When it begins.
    pub start_time: Timestamp,
    /// When it ends.
    pub end_time: Timestamp,
}

/// What must follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Effect {
    /// Create the call at Stream.
    CreateCall {
        /// Whose.
        booking_id: BookingId,
    },
    /// Make recording and transcription at Stream follow the current consents.
    MatchRecording {
        /// Of which booking.
        booking_id: BookingId,
        /// What gave cause: the consent's number or the session.
        cause: String,
    },
    /// Tell Stream the new start of a call.
    MoveCall {
        /// Of which booking.
        booking_id: BookingId,
        /// Which move gave cause.
        cause: String,
    },
    /// End the call at Stream for everybody.
    EndCall {
        /// Of which booking.
        booking_id: BookingId,
    },
    /// Cancel the coming bookings of a person whom nobody can meet: their account was deleted, or they are shut out.
    CancelBookings {
        /// Whose.
        user_id: UserId,
        /// What gave cause: the deletion, or the word of Clerk. Whoever is shut out again has a cause of its own.
        #[serde(default)]
        cause: String,
    },
    /// End a person's lock when its time is over, since Clerk does not tell that.
    LiftLock {
        /// Whose.
        user_id: UserId,
        /// The word of Clerk that told of the lock.
        cause: String,
    },
    /// Settle a booking that is due, or look after one that is paid.
    SettleBooking {
        /// Which.
        booking_id: BookingId,
        /// When it was to be looked at.
        due_at: Timestamp,
        /// Since when its row has been lying aside, where an operator has asked for another try.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        aside_since: Option<Timestamp>,
    },
    /// Copy a recording to our bucket, or delete it at Stream where consent is missing.
    CopyRecording {
        /// Of which booking.
        booking_id: BookingId,
        /// Which file.
        file: StreamFile,
    },
    /// Copy a transcript to our bucket, or delete it at Stream where consent is missing.
    CopyTranscript {
        /// Of which booking.
        booking_id: BookingId,
        /// Which file.
        file: StreamFile,
    },
    /// Write the feedback of a booking.
    Feedback {
        /// Of which booking.
        booking_id: BookingId,
        /// What gave cause: the transcript's digest.
        cause: String,
    },
}

impl Effect {
    /// The id, derived from the cause: the same cause never makes a second row.
    pub fn outbox_id(&self) -> String {
        match self {
            Self::CreateCall { booking_id } => format!("create_call:{booking_id}"),
            Self::MatchRecording { booking_id, cause } => format!("match_recording:{booking_id}:{cause}"),
            Self::MoveCall { booking_id, cause } => format!("move_call:{booking_id}:{cause}"),
            Self::EndCall { booking_id } => format!("end_call:{booking_id}"),
            Self::CancelBookings { user_id, cause } => format!("cancel_bookings:{user_id}:{cause}"),
            Self::LiftLock { user_id, cause } => format!("lift_lock:{user_id}:{cause}"),
            Self::SettleBooking { booking_id, due_at, aside_since: None } => {
                format!("settle_booking:{booking_id}:{due_at}")
            }
            Self::SettleBooking { booking_id, due_at, aside_since: Some(since) } => {
                format!("settle_booking:{booking_id}:{due_at}:aside:{since}")
            }
            Self::CopyRecording { booking_id, file } => {
                format!("copy_recording:{booking_id}:{}", crate::media::digest(&file.session_id, &file.filename))
            }
            Self::CopyTranscript { booking_id, file } => {
                format!("copy_transcript:{booking_id}:{}", crate::media::digest(&file.session_id, &file.filename))
            }
            Self::Feedback { booking_id, cause } => format!("feedback:{booking_id}:{cause}"),
        }
    }

    /// Where it is carried out.
    pub fn queue(&self) -> Queue {
        match self {
            Self::CreateCall { .. } | Self::MatchRecording { .. } | Self::MoveCall { .. } | Self::EndCall { .. } => {
                Queue::Stream
            }
            Self::CancelBookings { .. } | Self::LiftLock { .. } | Self::SettleBooking { .. } => Queue::Settlement,
            Self::CopyRecording { .. } | Self::CopyTranscript { .. } => Queue::Media,
            Self::Feedback { .. } => Queue::Generation,
        }
    }
}

/// What a queue carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The outbox row it stems from.
    pub outbox_id: String,
    /// The request, or the schedule's run, that it goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What to do.
    #[serde(flatten)]
    pub effect: Effect,
}

/// A row as the relay sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Its id.
    pub outbox_id: String,
    /// The name of the queue it goes to, which this version need not know.
    pub queue: String,
    /// The message, JSON.
    pub message: String,
    /// When it was committed.
    pub created_at: Timestamp,
    /// The request, or the schedule's run, that it goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

fn row(effect: &Effect, outbox_id: String, now: Timestamp) -> Result<Item, StoreError> {
    let origin = origin::current();
    let message = Message { outbox_id: outbox_id.clone(), origin: origin.clone(), effect: effect.clone() };
    let message = serde_json::to_string(&message).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    let key = keys::outbox(&outbox_id);
    let row = Row { outbox_id, queue: effect.queue().name().to_owned(), message, created_at: now, origin };
    Ok(Item::new(key, "OutboxRow", &row)?
        .index1(keys::outbox_waiting_of(&row.outbox_id), format!("{now:.3}#{}", row.outbox_id)))
}

/// Asks for an effect together with the change that needs it. The change must be one that can commit only once.
pub fn write(tx: &mut Tx, effect: &Effect, now: Timestamp) -> Result<(), StoreError> {
    tx.create(row(effect, effect.outbox_id(), now)?);
    Ok(())
}

/// Asks for the next step of an effect that takes several messages. `step` says how far it has come: the same step is asked for
/// once, however often that is said.
pub async fn write_step(table: &Table, effect: &Effect, step: &str, now: Timestamp) -> Result<(), StoreError> {
    let outbox_id = format!("{}:{step}", effect.outbox_id());
    if table.get::<serde_json::Value>(&keys::outbox(&outbox_id)).await?.is_some() {
        return Ok(());
    }
    let mut tx = Tx::new();
    tx.create(row(effect, outbox_id, now)?);
    tx.commit(table).await
}

/// Asks for those of the effects that nobody has asked for before, and says how many that were. An effect is known for as long
/// as its row is kept. No two of them are the same.
pub async fn write_once(table: &Table, effects: &[Effect], now: Timestamp) -> Result<usize, StoreError> {
    let keys: Vec<Key> = effects.iter().map(|effect| keys::outbox(&effect.outbox_id())).collect();
    let known = table.batch_get(&keys).await?;
    let unknown: Vec<&Effect> =
        effects.iter().zip(&keys).filter(|(_, key)| !known.contains(key)).map(|(effect, _)| effect).collect();
    let mut asked = 0;
    for effects in unknown.chunks(ROWS_AT_ONCE) {
        if write_rows(table, effects, now).await? {
            asked += effects.len();
            continue;
        }
        // Another run was faster with one of them, or an attempt whose answer was lost: each by itself.
        for effect in effects {
            asked += usize::from(write_rows(table, &[effect], now).await?);
        }
    }
    Ok(asked)
}

/// How many rows one transaction writes where each is for itself.
const ROWS_AT_ONCE: usize = 50;

/// Writes all of these rows, or none where one of them is there.
async fn write_rows(table: &Table, effects: &[&Effect], now: Timestamp) -> Result<bool, StoreError> {
    let mut tx = Tx::new();
    for effect in effects {
        write(&mut tx, effect, now)?;
    }
    match tx.commit(table).await {
        Ok(()) => Ok(true),
        Err(StoreError::Contended) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Marks a row as relayed: it leaves the index and expires in a week. [`StoreError::Contended`] where a rival's transaction
/// was in the way.
pub async fn mark_relayed(table: &Table, outbox_id: &str, now: Timestamp) -> Result<(), StoreError> {
    let expires = AttributeValue::N((now + KEPT).as_second().to_string());
    let request = table
        .client
        .update_item()
        .table_name(&table.name)
        .set_key(Some(key_attributes(&keys::outbox(outbox_id))))
        // A row that TTL has removed must not come back as a husk.
        .condition_expression("attribute_exists(pk)")
        .update_expression("SET expiresAt = :expires REMOVE gsi1pk, gsi1sk")
        .set_expression_attribute_values(Some(HashMap::from([(":expires".to_owned(), expires)])));
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) => {
            Ok(())
        }
        Err(error) => Err(from_sdk(error)),
    }
}

/// A row, for as long as it is kept, and whether it was relayed.
pub async fn find(table: &Table, outbox_id: &str) -> Result<Option<(Row, bool)>, StoreError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kept {
        #[serde(flatten)]
        row: Row,
        /// Set by [`mark_relayed`].
        #[serde(default)]
        expires_at: Option<i64>,
    }
    let found: Option<Kept> = table.get(&keys::outbox(outbox_id)).await?;
    Ok(found.map(|kept| (kept.row, kept.expires_at.is_some())))
}

/// A place among the rows that wait: which of the shards, and where in it.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The shard where the reading began.
    first: u8,
    /// How many shards are behind it.
    passed: u8,
    after: Option<Position>,
}

impl Place {
    /// The beginning, in one or another shard: where more wait than are read at once, each shard has its turn.
    pub fn any(number: u64) -> Self {
        let first = u8::try_from(number % u64::from(keys::OUTBOX_SHARDS)).unwrap_or(0);
        Self { first, ..Self::default() }
    }
}

/// Some of the rows that wait to be relayed.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Those that can be read: shard by shard, in each the oldest first.
    pub rows: Vec<Row>,
    /// How many more there were that this version cannot read.
    pub unreadable: usize,
    /// Where the rest begins.
    pub next: Option<Place>,
}

/// Up to `limit` of the rows that wait to be relayed and were committed before `before`, from `from` on. A row that this version
/// cannot read, such as one of a newer version that was rolled back, is told and left out: it must not keep the others waiting.
pub async fn waiting(
    table: &Table,
    before: Timestamp,
    limit: usize,
    from: Option<&Place>,
) -> Result<Waiting, StoreError> {
    let mut place = from.cloned().unwrap_or_default();
    let mut waiting = Waiting::default();
    while place.passed < keys::OUTBOX_SHARDS {
        let left = limit.saturating_sub(waiting.rows.len() + waiting.unreadable);
        if left == 0 {
            waiting.next = Some(place);
            break;
        }
        let partition = keys::outbox_waiting((place.first + place.passed) % keys::OUTBOX_SHARDS);
        let mut query = Query::index("gsi1", partition).between("0", format!("{before:.3}")).limit(left);
        if let Some(position) = &place.after {
            query = query.after(&position.key, position.index_sort.as_deref());
        }
        let page: Page<serde_json::Value> = table.query(query).await?;
        page.items.into_iter().for_each(|row| waiting.add(row));
        place.passed += u8::from(page.next.is_none());
        place.after = page.next;
    }
    Ok(waiting)
}

impl Waiting {
    fn add(&mut self, row: serde_json::Value) {
        let id = row["pk"].as_str().unwrap_or_default().to_owned();
        match serde_json::from_value::<Row>(row) {
            Ok(row) => self.rows.push(row),
            Err(error) => {
                self.unreadable += 1;
                let error = domain::reading::of_serde(&error);
                tracing::warn!(outbox.key = id, %error, "an outbox row cannot be read and is left where it is");
            }
        }
    }
}
