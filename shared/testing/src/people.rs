//! People and rules that tests need again and again.

use serde_json::{Value, json};

/// The onboarding request of an interviewer who takes 20 credits per hour.
pub fn interviewer_profile() -> Value {
    json!({
        "role": "INTERVIEWER", "title": "Staff Engineer", "company": "Acme", "yearsExp": 12,
        "bio": "Backend and distributed systems.", "categories": ["backend", "system-design"],
        "creditRate": 20, "timezone": "UTC",
    })
}

/// An availability rule for every hour of every day.
pub fn availability_all_day(session_minutes: u32) -> Value {
    json!({
        "kind": "WEEKLY", "weekdays": ["MO", "TU", "WE", "TH", "FR", "SA", "SU"], "startLocal": "00:00",
        "endLocal": "24:00", "timezone": "UTC", "from": "2026-11-01", "sessionMinutes": session_minutes,
    })
}
