//! What is taken of people's days.

use domain::availability::{LONGEST_SESSION, bookable_until};
use domain::calendar::{DayCalendar, QuarterHours, UtcDay};
use domain::ids::UserId;
use jiff::{Timestamp, ToSpan};

use crate::error::StoreError;
use crate::item::Item;
use crate::{BoxFuture, Items, Key, Query, Table, Tx, keys};

/// The keys of a person's days.
pub fn keys_of<'a>(user: &'a UserId, hours: &'a [(UtcDay, QuarterHours)]) -> impl Iterator<Item = Key> + 'a {
    hours.iter().map(|(day, _)| keys::day(user, *day))
}

/// The days of a person that `hours` touch, as read with `items`.
pub fn days(items: &Items, user: &UserId, hours: &[(UtcDay, QuarterHours)]) -> Result<Vec<DayCalendar>, StoreError> {
    let day = |day: UtcDay| Ok(items.get(&keys::day(user, day))?.unwrap_or_else(|| DayCalendar::empty(day)));
    hours.iter().map(|(d, _)| day(*d)).collect()
}

/// Writes changed days over the versions they were read at.
pub fn write(tx: &mut Tx, user: &UserId, days: &[DayCalendar]) -> Result<(), StoreError> {
    for day in days {
        let next = DayCalendar { version: day.version + 1, ..day.clone() };
        tx.replace(Item::new(keys::day(user, day.day), "Day", &next)?, day.version);
    }
    Ok(())
}

/// A person's days from `first` to `last`, both included; days on which nothing is taken are left out.
pub fn between<'a>(
    table: &'a Table,
    user: &'a UserId,
    first: UtcDay,
    last: UtcDay,
) -> BoxFuture<'a, Result<Vec<DayCalendar>, StoreError>> {
    Box::pin(async move {
        let query =
            Query::partition(keys::calendar_partition(user)).between(keys::day_sort(first), keys::day_sort(last));
        let most = usize::try_from(first.date().until(last.date()).map_or(0, |span| span.get_days())).unwrap_or(0) + 2;
        table.query_all(query.limit(most.min(100)), most.min(400)).await
    })
}

/// The days of a person on which something is taken, from the day of `now` as far as bookings can lie ahead. Read from the table
/// itself: what was committed is there.
pub fn ahead<'a>(
    table: &'a Table,
    user: &'a UserId,
    now: Timestamp,
) -> BoxFuture<'a, Result<Vec<DayCalendar>, StoreError>> {
    // A session may begin on the last bookable day and end on the next.
    between(table, user, UtcDay::containing(now), UtcDay::containing(bookable_until(now) + LONGEST_SESSION))
}

/// The day before this one, for rules in zones ahead of UTC.
pub fn day_before(day: UtcDay) -> UtcDay {
    let date = day.date().checked_sub(1.day()).unwrap_or(day.date());
    UtcDay::from(date)
}
