//! Cursors: one spelling for each place, and nothing but an answer for everything else.

use store::{booking, cursor, directory, user, wallet};

/// Holds every reader of a cursor to its properties: the input as a cursor, and the input as a place of a list.
pub fn hold(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    hold_cursor(text);
    let own = cursor::encode(text);
    assert!(own.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{own}");
    if own.len() <= 512 {
        assert_eq!(cursor::decode(&own).as_deref(), Ok(text));
    } else {
        assert!(cursor::decode(&own).is_err());
    }
    hold_cursor(&own);
}

fn hold_cursor(text: &str) {
    let place = cursor::decode(text);
    if let Ok(place) = &place {
        assert_eq!(cursor::encode(place), text, "a place has two cursors");
    }
    // What a list takes as its own is a place, and names it in full.
    if let Ok(user) = directory::page_cursor(text) {
        assert_eq!(place.as_deref(), Ok(user.as_str()));
    }
    if let Ok(id) = wallet::statement_cursor(text) {
        assert_eq!(place.as_deref(), Ok(id.to_string().as_str()));
    }
    if let Ok((_, sort)) = user::undecided_cursor(text) {
        assert_eq!(place.as_ref(), Ok(&sort));
    }
    let (bookings, months) = (booking::place(text), booking::MonthPlace::parse(text));
    assert!(place.is_ok() || (bookings.is_err() && months.is_err()));
    assert!(bookings.is_err() || months.is_err(), "{place:?} is a place of two lists");
}
