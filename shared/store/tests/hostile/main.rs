//! The fuzz targets of this crate, on stable: over the corpora of `fuzz/` and over inputs made of them.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../../../fuzz/src/cursor.rs"]
mod cursor;
#[path = "../../../../fuzz/src/drive.rs"]
mod drive;

#[test]
fn no_cursor_leads_anywhere_but_to_its_place() {
    drive::run("cursor", cursor::hold, 20_000);
}
