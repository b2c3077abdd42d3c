//! The fuzz targets of this crate, on stable: over the corpora of `fuzz/` and over inputs made of them.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../../../fuzz/src/availability.rs"]
mod availability;
#[path = "../../../../fuzz/src/drive.rs"]
mod drive;
#[path = "../../../../fuzz/src/evidence.rs"]
mod evidence;
#[path = "../../../../fuzz/src/transcript.rs"]
mod transcript;

#[test]
fn no_request_for_availability_breaks_a_promise() {
    drive::run("availability", availability::hold, 6_000);
}

#[test]
fn no_quote_is_found_where_it_was_not_said() {
    drive::run("evidence", evidence::hold, 6_000);
}

#[test]
fn no_file_breaks_the_transcript_or_its_fence() {
    drive::run("transcript", transcript::hold, 6_000);
}
