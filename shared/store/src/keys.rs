//! Every key of the table, and the access patterns that they serve.
//!
//! | what | pk | sk | index |
//! |---|---|---|---|
//! | a person | `USER#{id}` | `PROFILE` | |
//! | their wallet | `USER#{id}` | `WALLET#{asset}` | |
//! | their statement, newest first | `USER#{id}` | `TX#{transaction id}` | |
//! | their availability rules, one document | `USER#{id}` | `AVAIL` | |
//! | what every booking checks of an interviewer | `USER#{id}` | `BOOKABLE` | |
//! | a verification that was asked for | `USER#{id}` | `VERIFICATION` | gsi1 `VERIFICATIONS` by time, while undecided |
//! | the directory, per category and as a whole | `DIRECTORY#{category}` or `DIRECTORY#ALL` | `{user id}` | |
//! | what is taken of a person's UTC day | `CAL#{id}` | `DAY#{yyyy-mm-dd}` | |
//! | a transfer, once per cause | `TRANSFER#{id}` | `TRANSFER` | gsi2 `MONTH#{yyyy-mm}#{shard}` by id |
//! | a booking | `BOOKING#{id}` | `BOOKING` | gsi1 `CANDIDATE#{id}` and gsi2 `INTERVIEWER#{id}`, both by start |
//! | the same, over before its time | `BOOKING#{id}` | `BOOKING` | gsi1 `CANDIDATE_OVER#{id}` and gsi2 `INTERVIEWER_OVER#{id}`, both by start |
//! | that a candidate has booked an interviewer | `USER#{candidate}` | `BOOKED#{interviewer}` | |
//! | what candidates say of an interviewer, newest first | `REVIEWS#{interviewer}` | `{time}#{digest of the booking}` | |
//! | all bookings, newest first | | | by their holds among the transfers of a month |
//! | its call, feedback, review, lease | `BOOKING#{id}` | `CALL`, `FEEDBACK`, `REVIEW`, `LEASE` | |
//! | who was there | `BOOKING#{id}` | `ATTENDANCE#SESSION#…`, `ATTENDANCE#VISIT#…`, `ATTENDANCE#NEWS` | |
//! | its media | `BOOKING#{id}` | `MEDIA#RECORDING#…`, `MEDIA#TRANSCRIPT#…` | |
//! | how far a large file has been copied | `BOOKING#{id}` | `COPYING#…` | |
//! | what the sweep reads | `DUE#{yyyy-mm-ddThh}#{shard}` | `{booking id}` | |
//! | what no sweep can settle before it is mended | `DUE#ASIDE` | the hour and the booking id | |
//! | what is sold: packs, plans, prices | `CATALOG` | `CATALOG` | |
//! | how far the sweep, and the reconciler, have come | `SWEEP`, `RECONCILER` | `POSITION` | |
//! | an idempotency record | `IDEMPOTENCY#{user}#{method path}#{key}` | `REQUEST` | |
//! | a rate bucket | `RATE#{rule}#{user}` | `BUCKET` | |
//! | a webhook delivery that was seen | `WEBHOOK#{provider}#{sha-256 of the body}` | `EVENT` | |
//! | an effect that must follow | `OUTBOX#{id from its cause}` | `EFFECT` | gsi1 `OUTBOX#{shard}` by time, until relayed |
//!
//! A partition takes 1 000 write units a second, so what is written for every booking is spread over shards by a digest of its
//! name. `SCALE.md` beside this crate's README says which rate each shared partition bears.

use domain::calendar::UtcDay;
use domain::ids::{BookingId, TransactionId, UserId};
use domain::ledger::{TransferId, utc_month};
use domain::money::Asset;
use domain::rate_limit::RateRule;
use domain::user::Category;
use jiff::{Timestamp, tz::TimeZone};

/// The primary key of one item.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

fn key(pk: String, sk: impl Into<String>) -> Key {
    Key { pk, sk: sk.into() }
}

/// In which of so many partitions a row of this name lies: always in the same one. Their number divides 256, so that all are
/// equally full; another number would need rows of both to be read for as long as old ones live.
fn shard(name: &str, shards: u8) -> u8 {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, name.as_bytes());
    digest.as_ref().first().map_or(0, |byte| byte % shards)
}

/// What the partitions of people begin with.
pub const USER_PREFIX: &str = "USER#";
/// The partition of everything that belongs to one person.
pub fn user_partition(user: &UserId) -> String {
    format!("{USER_PREFIX}{user}")
}
/// A person.
pub fn profile(user: &UserId) -> Key {
    key(user_partition(user), "PROFILE")
}
/// What the sort keys of wallets begin with.
pub const WALLET_PREFIX: &str = "WALLET#";
/// Their wallet of one asset.
pub fn wallet(user: &UserId, asset: Asset) -> Key {
    wallet_named(user.as_str(), asset.name())
}
/// The same by names as they are stored, for the reconciler.
pub fn wallet_named(user: &str, asset: &str) -> Key {
    key(format!("{USER_PREFIX}{user}"), format!("{WALLET_PREFIX}{asset}"))
}
/// What the sort keys of statement lines begin with.
pub const TRANSACTION_PREFIX: &str = "TX#";
/// One line of their statement.
pub fn transaction(user: &UserId, id: TransactionId) -> Key {
    key(user_partition(user), format!("{TRANSACTION_PREFIX}{id}"))
}
/// The same by names as they are stored, for the reconciler.
pub fn line_named(user: &str, id: &str) -> Key {
    key(format!("{USER_PREFIX}{user}"), format!("{TRANSACTION_PREFIX}{id}"))
}
/// Their availability rules.
pub fn availability(user: &UserId) -> Key {
    key(user_partition(user), "AVAIL")
}
/// What every booking checks of an interviewer.
pub fn bookable(user: &UserId) -> Key {
    key(user_partition(user), "BOOKABLE")
}
/// The verification they asked for.
pub fn verification(user: &UserId) -> Key {
    key(user_partition(user), "VERIFICATION")
}
/// That a candidate has booked an interviewer, however it ended.
pub fn booked(candidate: &UserId, interviewer: &UserId) -> Key {
    key(user_partition(candidate), format!("BOOKED#{interviewer}"))
}
/// The partition of what candidates say of an interviewer.
pub fn reviews_of(interviewer: &UserId) -> String {
    format!("REVIEWS#{interviewer}")
}
/// What one candidate says of an interviewer. `place` is its time, and something that tells it from others.
pub fn review_of(interviewer: &UserId, place: &str) -> Key {
    key(reviews_of(interviewer), place)
}
/// The index partition of undecided verifications.
pub const VERIFICATIONS: &str = "VERIFICATIONS";

/// One partition of the directory: a category, or everybody.
pub fn directory_partition(category: Option<Category>) -> String {
    format!("DIRECTORY#{}", category.map_or("ALL", Category::name))
}
/// An interviewer's card in one partition of the directory.
pub fn directory_card(category: Option<Category>, user: &UserId) -> Key {
    key(directory_partition(category), user.as_str())
}

/// The partition of a person's calendar.
pub fn calendar_partition(user: &UserId) -> String {
    format!("CAL#{user}")
}
/// The sort key of one day of a calendar.
pub fn day_sort(day: UtcDay) -> String {
    format!("DAY#{day}")
}
/// What is taken of a person's UTC day.
pub fn day(user: &UserId, day: UtcDay) -> Key {
    key(calendar_partition(user), day_sort(day))
}

/// What the partitions of transfers begin with.
pub const TRANSFER_PREFIX: &str = "TRANSFER#";
/// A transfer.
pub fn transfer(id: &TransferId) -> Key {
    transfer_named(&id.to_string())
}
/// The same by its name as it is stored, for the reconciler.
pub fn transfer_named(id: &str) -> Key {
    key(format!("{TRANSFER_PREFIX}{id}"), "TRANSFER")
}
/// Over how many index partitions the transfers of a month are spread.
pub const MONTH_SHARDS: u8 = 8;
/// One index partition of the transfers of a UTC month, `yyyy-mm`.
pub fn month_partition(month: &str, shard: u8) -> String {
    format!("MONTH#{month}#{shard}")
}
/// The one in which this transfer is found.
pub fn month_partition_of(at: Timestamp, transfer_id: &str) -> String {
    month_partition(&utc_month(at), shard(transfer_id, MONTH_SHARDS))
}

/// The partition of everything that belongs to one booking.
pub fn booking_partition(booking: BookingId) -> String {
    format!("BOOKING#{booking}")
}
/// A booking.
pub fn booking(booking: BookingId) -> Key {
    key(booking_partition(booking), "BOOKING")
}
/// Its call at Stream.
pub fn call(booking: BookingId) -> Key {
    key(booking_partition(booking), "CALL")
}
/// Its feedback.
pub fn feedback(booking: BookingId) -> Key {
    key(booking_partition(booking), "FEEDBACK")
}
/// The candidate's review.
pub fn review(booking: BookingId) -> Key {
    key(booking_partition(booking), "REVIEW")
}
/// Who is generating its feedback now.
pub fn lease(booking: BookingId) -> Key {
    key(booking_partition(booking), "LEASE")
}
/// What the sort keys of attendance facts begin with.
pub const ATTENDANCE_PREFIX: &str = "ATTENDANCE#";
/// A session of its call. `digest` stands for the provider's id, whose form is not ours.
pub fn call_session(booking: BookingId, digest: &str) -> Key {
    key(booking_partition(booking), format!("{ATTENDANCE_PREFIX}SESSION#{digest}"))
}
/// A stay of one party in its call.
pub fn visit(booking: BookingId, digest: &str) -> Key {
    key(booking_partition(booking), format!("{ATTENDANCE_PREFIX}VISIT#{digest}"))
}
/// When asking Stream about its call last brought something new.
pub fn attendance_news(booking: BookingId) -> Key {
    key(booking_partition(booking), format!("{ATTENDANCE_PREFIX}NEWS"))
}
/// What the sort keys of recordings begin with.
pub const RECORDING_PREFIX: &str = "MEDIA#RECORDING#";
/// What the sort keys of transcripts begin with.
pub const TRANSCRIPT_PREFIX: &str = "MEDIA#TRANSCRIPT#";
/// A recording in our bucket.
pub fn recording(booking: BookingId, digest: &str) -> Key {
    key(booking_partition(booking), format!("{RECORDING_PREFIX}{digest}"))
}
/// A transcript in our bucket, or the fact that there will be none.
pub fn transcript(booking: BookingId, digest: &str) -> Key {
    key(booking_partition(booking), format!("{TRANSCRIPT_PREFIX}{digest}"))
}
/// How far a large file has been copied.
pub fn copying(booking: BookingId, digest: &str) -> Key {
    key(booking_partition(booking), format!("COPYING#{digest}"))
}
/// The index partition of a candidate's bookings, but for those that were over before their time.
pub fn candidate_bookings(user: &UserId) -> String {
    format!("CANDIDATE#{user}")
}
/// The index partition of an interviewer's bookings, but for those that were over before their time.
pub fn interviewer_bookings(user: &UserId) -> String {
    format!("INTERVIEWER#{user}")
}
/// The index partition of a candidate's bookings that were over before their time.
pub fn candidate_over(user: &UserId) -> String {
    format!("CANDIDATE_OVER#{user}")
}
/// The index partition of an interviewer's bookings that were over before their time.
pub fn interviewer_over(user: &UserId) -> String {
    format!("INTERVIEWER_OVER#{user}")
}
/// The index sort key of a booking: by start, then id.
pub fn by_start(start: Timestamp, booking: BookingId) -> String {
    format!("{start:.0}#{booking}")
}
fn due_hour(at: Timestamp) -> String {
    format!("DUE#{}", at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H"))
}
const DUE_SHARDS: u8 = 4;
/// The partitions of the bookings that are due in the UTC hour of this instant.
pub fn due_partitions(at: Timestamp) -> impl Iterator<Item = String> {
    let hour = due_hour(at);
    (0..DUE_SHARDS).map(move |shard| format!("{hour}#{shard}"))
}
/// The row by which the sweep finds a booking that is due in this UTC hour.
pub fn due(at: Timestamp, booking: BookingId) -> Key {
    due_row(at, &booking.to_string())
}
/// A row by which the sweep finds a booking, whatever its sort key says.
pub fn due_row(at: Timestamp, sort: &str) -> Key {
    key(format!("{}#{}", due_hour(at), shard(sort, DUE_SHARDS)), sort)
}
/// The partition of the due rows that were set aside.
pub const SET_ASIDE: &str = "DUE#ASIDE";
/// A due row that was set aside.
pub fn set_aside(at: Timestamp, sort: &str) -> Key {
    key(SET_ASIDE.to_owned(), format!("{}#{sort}", due_hour(at)))
}
/// What is sold.
pub fn catalog() -> Key {
    key("CATALOG".to_owned(), "CATALOG")
}
/// How far the reconciler of the ledger has come.
pub fn reconciled_to() -> Key {
    key("RECONCILER".to_owned(), "POSITION")
}
/// How far the sweep has come.
pub fn sweep_position() -> Key {
    key("SWEEP".to_owned(), "POSITION")
}

/// An idempotency record.
pub fn idempotency(user: &UserId, method: &str, path: &str, idempotency_key: &str) -> Key {
    key(format!("IDEMPOTENCY#{user}#{method} {path}#{idempotency_key}"), "REQUEST")
}
/// A rate bucket.
pub fn rate_limit(rule: RateRule, user: &UserId) -> Key {
    key(format!("RATE#{}#{user}", rule.name()), "BUCKET")
}
/// A webhook delivery.
pub fn webhook(provider: &str, body_sha256: &str) -> Key {
    key(format!("WEBHOOK#{provider}#{body_sha256}"), "EVENT")
}
/// What the partition keys of outbox rows begin with; the stream filter in `template.yaml` names it too.
pub const OUTBOX_PREFIX: &str = "OUTBOX#";
/// An outbox row.
pub fn outbox(id: &str) -> Key {
    key(format!("{OUTBOX_PREFIX}{id}"), "EFFECT")
}
/// Over how many index partitions the outbox rows are spread that were not relayed yet.
pub const OUTBOX_SHARDS: u8 = 64;
/// One of these partitions.
pub fn outbox_waiting(shard: u8) -> String {
    format!("{OUTBOX_PREFIX}{shard:02}")
}
/// The one in which this row waits.
pub fn outbox_waiting_of(id: &str) -> String {
    outbox_waiting(shard(id, OUTBOX_SHARDS))
}
