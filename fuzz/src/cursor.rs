//! Cursors: one spelling for each place, and nothing but an answer for everything else.

use store::{all_bookings, appointments, cursor, directory, user, wallet};

/// Holds every reader of a cursor to its properties: the input as a cursor, and the input as a place of a list. Says
/// whether a list takes one of them, other than that of interviewers, which takes any name.
pub fn hold(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let is_taken = hold_cursor(text);
    let own = cursor::encode(text);
    assert!(own.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{own}");
    if own.len() <= 512 {
        assert_eq!(cursor::decode(&own).as_deref(), Ok(text));
    } else {
        assert!(cursor::decode(&own).is_err());
    }
    hold_cursor(&own) || is_taken
}

fn hold_cursor(text: &str) -> bool {
    let place = cursor::decode(text);
    if let Ok(place) = &place {
        assert_eq!(cursor::encode(place), text, "a place has two cursors");
    }
    // What a list takes as its own is a place, and names it in full.
    let (user, line) = (directory::page_cursor(text), wallet::statement_cursor(text));
    if let Ok(user) = &user {
        assert_eq!(place.as_deref(), Ok(user.as_str()));
    }
    if let Ok(id) = &line {
        assert_eq!(place.as_deref(), Ok(id.to_string().as_str()));
    }
    let undecided = user::undecided_cursor(text);
    if let Ok((_, sort)) = &undecided {
        assert_eq!(place.as_ref(), Ok(sort));
    }
    let (bookings, months) = (appointments::place(text), all_bookings::MonthPlace::parse(text));
    assert!(place.is_ok() || (bookings.is_err() && months.is_err()));
    assert!(bookings.is_err() || months.is_err(), "{place:?} is a place of two lists");
    [line.is_ok(), undecided.is_ok(), bookings.is_ok(), months.is_ok()].contains(&true)
}
