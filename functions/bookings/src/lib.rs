//! Bookings and everything that happens to them: booking, cancelling, completing, reviewing, the call, feedback.

pub mod cancel_booking;
pub mod complete_booking;
pub mod create_booking;
pub mod get_booking;
pub mod get_call;
pub mod get_feedback;
pub mod get_recording;
pub mod give_consent;
pub mod list_appointments;
mod offer;
mod party;
pub mod reschedule_booking;
pub mod review_booking;
pub mod suggest_questions;

#[cfg(test)]
mod tests;

/// The functions of this area.
pub fn functions() -> Vec<kit::Function> {
    kit::functions![
        create_booking::route(),
        list_appointments::route(),
        get_booking::route(),
        cancel_booking::route(),
        reschedule_booking::route(),
        complete_booking::route(),
        review_booking::route(),
        get_feedback::route(),
        get_recording::route(),
        give_consent::route(),
        get_call::route(),
        suggest_questions::route(),
    ]
}
