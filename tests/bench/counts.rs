//! What every function asks of the table, beside few bookings and beside many.

use tests::story::{BOOKING_READ_UNITS, BOOKING_WRITE_UNITS, Step, Story, missed, most};

use crate::cost;
use crate::table::Table;

const FEW: usize = 10;

/// Tells the story twice, and what it costs.
pub async fn measure(many: usize, table: &mut Table) {
    let few_told = Story::beside(FEW).await;
    let many_told = Story::beside(many).await;
    for missed in missed(&few_told, &many_told) {
        table.miss(missed);
    }
    let (few, crowded) = (few_told.by_function(), many_told.by_function());
    let beside = format!("beside {FEW} / {} bookings", thousands(many));

    let book = |story: &std::collections::BTreeMap<&str, Vec<&Step>>| most(&story["create_booking"]);
    let (one, other) = (book(&few), book(&crowded));
    let what = format!("`POST /api/bookings`: calls to the table in a row, {beside}");
    table.count(
        &what,
        format!("{} / {}", one.calls_in_a_row, other.calls_in_a_row),
        "≤ 2",
        one.calls_in_a_row.max(other.calls_in_a_row) <= 2,
    );
    let what = format!("`POST /api/bookings`: read units, {beside}");
    let kept = one.reads.max(other.reads) <= BOOKING_READ_UNITS;
    table.count(&what, format!("{} / {}", one.reads, other.reads), "≤ 12, and the same", kept);
    let what = format!("`POST /api/bookings`: write units, {beside}");
    let kept = one.writes.max(other.writes) <= BOOKING_WRITE_UNITS;
    table.count(&what, format!("{} / {}", one.writes, other.writes), "≤ 40, and the same", kept);

    let things = few.iter().filter(|(name, _)| name.starts_with("get_"));
    let things: Vec<String> = things.map(|(name, steps)| format!("`{name}` {}", most(steps).calls_in_a_row)).collect();
    let what = "reading one thing: calls in a row, the caller's included";
    table.beside(what, things.join(", "), "1; 2 where the booking names who is shown with it");

    let same =
        few.keys().filter(|name| few[*name].iter().map(|s| s.cost()).eq(crowded[*name].iter().map(|s| s.cost())));
    let (same, all) = (same.count(), few.len());
    let what = format!(
        "functions whose calls and units are the same {beside} (all but the three schedules and `unknown_address`)"
    );
    table.count(&what, format!("{same} of {all}"), "all", same == all);
    let mut by_calls = std::collections::BTreeMap::<usize, Vec<String>>::new();
    for (name, steps) in &few {
        let most = most(steps);
        by_calls.entry(most.calls_in_a_row).or_default().push(format!("`{name}` {}/{}", most.reads, most.writes));
    }
    for (calls, functions) in by_calls {
        table.row(
            &format!("{calls} calls to the table in a row at most; read/write units at most"),
            functions.join(", "),
        );
    }
    cost::measure(&few_told, table);
}

fn thousands(number: usize) -> String {
    if number < 10_000 { number.to_string() } else { format!("{} {:03}", number / 1000, number % 1000) }
}
