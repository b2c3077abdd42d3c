//! Bookings and what belongs to them: call, attendance, feedback, review.

use domain::attendance::{Attendance, CallSession, Told};
use domain::availability::LONGEST_SESSION;
use domain::booking::Booking;
use domain::feedback::FeedbackRecord;
use domain::ids::{BookingId, UserId};
use domain::ledger::utc_month;
use domain::party::Party;
use domain::problem::ValidationError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::item::Item;
use crate::media::digest;
use crate::{BoxFuture, Items, Key, Page, Query, Table, Tx, cursor, keys};

/// A booking, if there is one.
pub fn get(table: &Table, id: BookingId) -> BoxFuture<'_, Result<Option<Booking>, StoreError>> {
    Box::pin(async move { table.get(&keys::booking(id)).await })
}

fn item(booking: &Booking) -> Result<Item, StoreError> {
    let by_start = keys::by_start(booking.start_time, booking.booking_id);
    let item = Item::new(keys::booking(booking.booking_id), "Booking", booking)?;
    let [candidate, interviewer] = [Party::Interviewee, Party::Interviewer].map(|side| side_of(side, booking));
    Ok(item.index1(candidate, by_start.clone()).index2(interviewer, by_start))
}

/// The index partition of one side in which a booking is found.
fn side_of(side: Party, booking: &Booking) -> String {
    match (side, booking.is_cancelled()) {
        (Party::Interviewee, false) => keys::candidate_bookings(&booking.interviewee_id),
        (Party::Interviewee, true) => keys::candidate_cancelled(&booking.interviewee_id),
        (Party::Interviewer, false) => keys::interviewer_bookings(&booking.interviewer_id),
        (Party::Interviewer, true) => keys::interviewer_cancelled(&booking.interviewer_id),
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pointer {
    booking_id: BookingId,
}

/// The row by which the sweep finds a booking. It says when that is due, so that what is not is left alone unread.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Due {
    booking_id: BookingId,
    due_at: Timestamp,
}

fn due_row(at: Timestamp, booking_id: BookingId) -> Result<Item, StoreError> {
    Item::new(keys::due(at, booking_id), "Due", &Due { booking_id, due_at: at })
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pair {
    interviewer_id: UserId,
}

/// Writes a new booking, its row in the list of all, that its parties know each other, and the row by which the sweep finds it.
pub fn create(tx: &mut Tx, booking: &Booking) -> Result<(), StoreError> {
    let pointer = Pointer { booking_id: booking.booking_id };
    tx.create(item(&Booking { version: 1, ..booking.clone() })?);
    let month = utc_month(booking.created_at);
    tx.create(Item::new(keys::booking_row(&month, booking.booking_id), "BookingRow", &pointer)?);
    let pair = Pair { interviewer_id: booking.interviewer_id.clone() };
    tx.put(Item::new(keys::booked(&booking.interviewee_id, &booking.interviewer_id), "Booked", &pair)?);
    if let Some(at) = booking.due_at {
        tx.create(due_row(at, booking.booking_id)?);
    }
    Ok(())
}

/// Writes a changed booking over the version it was read at. The row by which the sweep finds it follows: it moves when
/// the sweep is to look at another time, and goes when it need not look any more.
pub fn replace(tx: &mut Tx, before: &Booking, after: &Booking) -> Result<(), StoreError> {
    tx.replace(item(&Booking { version: before.version + 1, ..after.clone() })?, before.version);
    if before.due_at != after.due_at {
        let key = |b: &Booking| b.due_at.map(|at| keys::due(at, b.booking_id));
        if let Some(old) = key(before).filter(|old| Some(old) != key(after).as_ref()) {
            tx.delete(old);
        }
        if let Some(at) = after.due_at {
            tx.put(due_row(at, after.booking_id)?);
        }
    }
    Ok(())
}

/// All bookings of a person that end after `now` and were not cancelled, as far as the indexes know: they lag, so that what
/// was booked a moment ago may be missing, and what is found may have changed.
pub async fn unfinished(table: &Table, person: &UserId, now: Timestamp) -> Result<Vec<Booking>, StoreError> {
    let mut found: Vec<Booking> = Vec::new();
    for (index, partition) in [("gsi1", keys::candidate_bookings(person)), ("gsi2", keys::interviewer_bookings(person))]
    {
        let query = Query::index(index, partition).between(format!("{:.0}", now - LONGEST_SESSION), "9");
        found.extend(table.query_all::<Booking>(query, 10_000).await?);
    }
    found.retain(|booking| !booking.is_cancelled() && booking.end_time > now);
    Ok(found)
}

/// How many months one request looks through at most.
const MONTHS_AT_MOST: usize = 24;
/// There are no bookings of before this year.
const FIRST_YEAR: u16 = 2026;

/// A place in the list of all bookings: a month, and the last booking that was seen in it.
#[derive(Debug, Clone)]
pub struct MonthPlace {
    month: String,
    last: Option<BookingId>,
}

impl MonthPlace {
    /// The newest booking.
    pub fn newest(now: Timestamp) -> Self {
        Self { month: utc_month(now), last: None }
    }

    /// The place that a cursor of [`all`] stands for.
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        let place = cursor::decode(text)?;
        let (month, last) = place.split_once('#').ok_or_else(cursor::invalid)?;
        let valid = read_month(month).is_some();
        let last = if last.is_empty() { None } else { Some(last.parse().map_err(|_| cursor::invalid())?) };
        if valid { Ok(Self { month: month.to_owned(), last }) } else { Err(cursor::invalid()) }
    }

    fn cursor(&self) -> String {
        cursor::encode(&format!("{}#{}", self.month, self.last.map_or_else(String::new, |id| id.to_string())))
    }
}

/// Year and month of `yyyy-mm`, where there may be bookings of it.
fn read_month(text: &str) -> Option<(u16, u8)> {
    let (year, month) = text.split_once('-')?;
    let (year, month): (u16, u8) = (year.parse().ok()?, month.parse().ok()?);
    let may_have_bookings = (FIRST_YEAR..=9999).contains(&year) && (1..=12).contains(&month);
    (may_have_bookings && text == format!("{year:04}-{month:02}")).then_some((year, month))
}

fn month_before(text: &str) -> Option<String> {
    let before = match read_month(text)? {
        (year, 1) => format!("{:04}-12", year - 1),
        (year, month) => format!("{year:04}-{:02}", month - 1),
    };
    read_month(&before).map(|_| before)
}

/// One page of all bookings, newest first, and the cursor of the next.
pub async fn all(table: &Table, from: MonthPlace, limit: usize) -> Result<(Vec<Booking>, Option<String>), StoreError> {
    let mut place = from;
    let mut ids: Vec<BookingId> = Vec::new();
    let mut is_end = false;
    for _ in 0..MONTHS_AT_MOST {
        let mut query = Query::partition(keys::bookings_of_month(&place.month)).newest_first();
        query = query.limit(limit - ids.len());
        if let Some(last) = place.last {
            query = query.after(&keys::booking_row(&place.month, last), None);
        }
        let page: Page<Pointer> = table.query(query).await?;
        ids.extend(page.items.iter().map(|p| p.booking_id));
        if page.next.is_some() {
            place.last = ids.last().copied();
        } else {
            let Some(before) = month_before(&place.month) else {
                is_end = true;
                break;
            };
            place = MonthPlace { month: before, last: None };
        }
        if ids.len() >= limit {
            break;
        }
    }
    let wanted: Vec<Key> = ids.iter().map(|id| keys::booking(*id)).collect();
    let items = table.batch_get(&wanted).await?;
    let mut bookings = Vec::with_capacity(wanted.len());
    for key in &wanted {
        bookings.extend(items.get::<Booking>(key)?);
    }
    let next = (!is_end).then(|| place.cursor());
    Ok((bookings, next))
}

/// How far the sweep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepPosition {
    /// The oldest hour that may still hold due rows.
    pub hour: Timestamp,
    /// The hour before which a run stopped for want of time: the next goes on there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Timestamp>,
}

/// How far the sweep has come.
pub async fn sweep_position(table: &Table) -> Result<Option<SweepPosition>, StoreError> {
    table.get(&keys::sweep_position()).await
}

/// Remembers how far the sweep has come. A lost update costs the next sweep a few empty reads.
pub async fn write_sweep_position(table: &Table, position: SweepPosition) -> Result<(), StoreError> {
    let mut tx = Tx::new();
    tx.put(Item::new(keys::sweep_position(), "SweepPosition", &position)?);
    tx.commit(table).await
}

/// What is known of a booking's call at Stream, from events that may come in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Whether it was created.
    #[serde(default)]
    pub created: bool,
    /// Whether it is being recorded, as of `recording_changed_at`.
    #[serde(default)]
    pub recording: bool,
    /// When recording last started or stopped, as Stream says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_changed_at: Option<Timestamp>,
    /// When the call was ended for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The last failure of recording or transcription that Stream told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// How often it was written; 0 where it is not stored yet.
    #[serde(default)]
    pub version: u64,
}

/// Writes what is known of a call over the version it was read at.
pub fn write_call(tx: &mut Tx, booking: BookingId, call: &Call) -> Result<(), StoreError> {
    let next = Call { version: call.version + 1, ..call.clone() };
    tx.replace(Item::new(keys::call(booking), "Call", &next)?, call.version);
    Ok(())
}

/// Writes what was told of a session. Safe in any order and number: the key of a fact is made of what it says.
pub fn write_session(tx: &mut Tx, booking: BookingId, session: &CallSession) -> Result<(), StoreError> {
    let says = format!("{:?} {:?}", session.started_at, session.ended_at);
    tx.put(Item::new(keys::call_session(booking, &digest(&session.session_id, &says)), "CallSession", session)?);
    Ok(())
}

/// Writes what was told of a connection. Safe in any order and number, like [`write_session`].
pub fn write_told(tx: &mut Tx, booking: BookingId, told: &Told) -> Result<(), StoreError> {
    let Told { party, connection, joined_at, left_at, duration_seconds, .. } = told;
    let says = format!("{party:?} {joined_at:?} {left_at:?} {duration_seconds:?} {connection}");
    tx.put(Item::new(keys::visit(booking, &digest(&told.session_id, &says)), "Told", told)?);
    Ok(())
}

#[derive(Deserialize)]
#[serde(tag = "entity")]
enum StoredFact {
    Told(Told),
    CallSession(CallSession),
}

/// How many facts of a call are read. A call has a handful; who makes this many by joining and leaving has done nothing else
/// for hours.
const FACTS_AT_MOST: usize = 40_000;

/// Who was there, as far as Stream has told.
pub fn attendance(table: &Table, booking: BookingId) -> BoxFuture<'_, Result<Attendance, StoreError>> {
    Box::pin(async move {
        let query = Query::partition(keys::booking_partition(booking)).prefix(keys::ATTENDANCE_PREFIX);
        let (mut told, mut sessions) = (Vec::new(), Vec::new());
        for fact in table.query_all::<StoredFact>(query, FACTS_AT_MOST).await? {
            match fact {
                StoredFact::Told(fact) => told.push(fact),
                StoredFact::CallSession(fact) => sessions.push(fact),
            }
        }
        Ok(Attendance::of(&told, &sessions))
    })
}

/// The stored feedback of a booking, whatever its status.
pub fn feedback(table: &Table, booking: BookingId) -> BoxFuture<'_, Result<Option<FeedbackRecord>, StoreError>> {
    Box::pin(async move { table.get(&keys::feedback(booking)).await })
}

/// Writes a feedback. The version of the booking guards it.
pub fn write_feedback(tx: &mut Tx, booking: BookingId, feedback: &FeedbackRecord) -> Result<(), StoreError> {
    tx.put(Item::new(keys::feedback(booking), "Feedback", feedback)?);
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lease {
    holder: String,
    #[serde(default)]
    version: u64,
    #[serde(rename = "expiresAt")]
    expires_at: i64,
}

/// Takes the right to generate a booking's feedback until `until`. [`StoreError::Contended`] where somebody has it. `number`
/// is any number but 0 that nobody else has: by it the right is told from one that a rival took when this one had ended.
pub async fn take_lease(
    table: &Table,
    booking: BookingId,
    holder: &str,
    number: u64,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), StoreError> {
    let lease = Lease { holder: holder.to_owned(), version: number, expires_at: until.as_second() };
    let mut tx = Tx::new();
    tx.create_unless_live(Item::new(keys::lease(booking), "Lease", &lease)?, now.as_second());
    tx.commit(table).await
}

/// Gives the right back together with other writes, if `items`, which were read for that, show that it is still held.
pub fn end_lease(tx: &mut Tx, items: &Items, booking: BookingId, number: u64) -> Result<(), StoreError> {
    let key = keys::lease(booking);
    if items.get::<Lease>(&key)?.is_some_and(|lease| lease.version == number) {
        tx.delete_at(key, number);
    }
    Ok(())
}

/// Gives the right back, so that a retry need not wait for its end. What a rival has taken since stays theirs.
pub async fn release_lease(table: &Table, booking: BookingId, number: u64) -> Result<(), StoreError> {
    let mut tx = Tx::new();
    tx.delete_at(keys::lease(booking), number);
    match tx.commit(table).await {
        Err(StoreError::Contended) => Ok(()),
        outcome => outcome,
    }
}
