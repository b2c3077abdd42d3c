//! A person's bookings by start: what is still to be held, and everything else.
//!
//! What was over before its time (cancelled, or completed before its start) has an index partition of its own, so that a coming
//! session is never looked for among such, and the list of the others is merged from two partitions, of which each is in order.

use domain::availability::LONGEST_SESSION;
use domain::booking::Booking;
use domain::ids::{BookingId, UserId};
use domain::party::Party;
use domain::problem::ValidationError;
use futures_util::future::try_join_all;
use jiff::Timestamp;

use crate::error::StoreError;
use crate::{Key, Page, Query, Table, cursor, keys};

/// Which of a person's bookings are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those that are scheduled and have not ended, soonest first.
    Upcoming,
    /// All others, latest first.
    Past,
}

/// How many bookings of one person can begin within the longest session before now: of these the index alone does not say
/// whether they are over. Nobody has two sessions at once, and the shortest takes half an hour.
const DOUBTFUL: usize = 4;

/// A place in a list of bookings by start.
#[derive(Debug, Clone)]
pub struct BookingPlace {
    key: Key,
    sort: String,
}

/// The place that a cursor of [`of_person`] stands for.
pub fn place(text: &str) -> Result<BookingPlace, ValidationError> {
    let sort = cursor::decode(text)?;
    let (start, id) = sort.split_once('#').ok_or_else(cursor::invalid)?;
    let start: Timestamp = start.parse().map_err(|_| cursor::invalid())?;
    let id: BookingId = id.parse().map_err(|_| cursor::invalid())?;
    // Places are compared as text, so only our own spelling of one counts; years before 0 have none.
    if sort != keys::by_start(start, id) || !sort.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(cursor::invalid());
    }
    Ok(BookingPlace { key: keys::booking(id), sort })
}

/// One page of a person's bookings by start, and the cursor of the next.
pub async fn of_person(
    table: &Table,
    person: &UserId,
    side: Party,
    scope: Scope,
    now: Timestamp,
    limit: usize,
    after: Option<BookingPlace>,
) -> Result<(Vec<Booking>, Option<String>), StoreError> {
    let (index, kept, over) = match side {
        Party::Interviewee => ("gsi1", keys::candidate_bookings(person), keys::candidate_over(person)),
        Party::Interviewer => ("gsi2", keys::interviewer_bookings(person), keys::interviewer_over(person)),
    };
    let at = |time: Timestamp| format!("{time:.0}");
    let after = after.as_ref();
    let wanted = |booking: &Booking| booking.is_upcoming(now) == (scope == Scope::Upcoming);
    let stretches = match scope {
        Scope::Upcoming => {
            let range = (at(now - LONGEST_SESSION), END.to_owned());
            vec![stretch(table, Query::index(index, kept).limit(limit + DOUBTFUL), range, after).await?]
        }
        Scope::Past => {
            let until_now = ("0".to_owned(), format!("{}~", at(now)));
            let kept = Query::index(index, kept).newest_first().limit(limit + DOUBTFUL);
            let over = Query::index(index, over).newest_first().limit(limit);
            let (kept, over) = tokio::join!(
                stretch(table, kept, until_now, after),
                stretch(table, over, ("0".to_owned(), END.to_owned()), after),
            );
            vec![kept?, over?]
        }
    };
    let (found, next) = merge(stretches, scope == Scope::Past, limit, wanted);
    Ok((found, next.map(|sort| cursor::encode(&sort))))
}

/// After every sort key.
const END: &str = "9~";

/// What one partition has next, in order.
struct Stretch {
    found: std::iter::Peekable<std::vec::IntoIter<(String, Booking)>>,
    has_more: bool,
}

async fn stretch(
    table: &Table,
    query: Query,
    (first, last): (String, String),
    after: Option<&BookingPlace>,
) -> Result<Stretch, StoreError> {
    // DynamoDB refuses to go on from outside of what is asked for. A place can come to lie there, because time moves on
    // between two pages and partitions have other bounds, and then everything asked for comes after it.
    let after = after.filter(|place| first <= place.sort && place.sort <= last);
    let query = query.between(first, last);
    let query = match after {
        Some(place) => query.after(&place.key, Some(&place.sort)),
        None => query,
    };
    let page: Page<Booking> = table.query(query).await?;
    let sorted = |b: Booking| (keys::by_start(b.start_time, b.booking_id), b);
    let found: Vec<(String, Booking)> = page.items.into_iter().map(sorted).collect();
    Ok(Stretch { found: found.into_iter().peekable(), has_more: page.next.is_some() })
}

/// The first `limit` bookings of all stretches together that are wanted, and the place of the last that was looked at where
/// there is more.
fn merge(
    mut stretches: Vec<Stretch>,
    newest_first: bool,
    limit: usize,
    wanted: impl Fn(&Booking) -> bool,
) -> (Vec<Booking>, Option<String>) {
    let mut found = Vec::with_capacity(limit);
    let mut last = None;
    // Beyond the end of a stretch that goes on nothing is known to be the next.
    while found.len() < limit && !stretches.iter_mut().any(|s| s.has_more && s.found.peek().is_none()) {
        let heads = stretches.iter_mut().filter_map(|s| s.found.peek().is_some().then_some(s));
        let next = heads.reduce(|a, b| {
            let is_first = (a.found.peek().map(|x| &x.0) < b.found.peek().map(|x| &x.0)) != newest_first;
            if is_first { a } else { b }
        });
        let Some((sort, booking)) = next.and_then(|stretch| stretch.found.next()) else { return (found, None) };
        last = Some(sort);
        if wanted(&booking) {
            found.push(booking);
        }
    }
    let has_more = stretches.iter_mut().any(|s| s.has_more || s.found.any(|(_, booking)| wanted(&booking)));
    (found, last.filter(|_| has_more))
}

/// All bookings of a person that end after `now` and were not cancelled, as far as the indexes know: they lag, so that what
/// was booked a moment ago may be missing, and what is found may have changed.
pub async fn unfinished(table: &Table, person: &UserId, now: Timestamp) -> Result<Vec<Booking>, StoreError> {
    let partitions = [
        ("gsi1", keys::candidate_bookings(person)),
        ("gsi1", keys::candidate_over(person)),
        ("gsi2", keys::interviewer_bookings(person)),
        ("gsi2", keys::interviewer_over(person)),
    ];
    let first = format!("{:.0}", now - LONGEST_SESSION);
    let all = |(index, partition)| table.query_all(Query::index(index, partition).between(&first, "9"), 10_000);
    let mut found: Vec<Booking> = try_join_all(partitions.map(all)).await?.concat();
    found.retain(|booking| !booking.is_cancelled() && booking.end_time > now);
    Ok(found)
}
