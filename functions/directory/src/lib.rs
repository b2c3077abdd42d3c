//! The directory of interviewers, their verification and their availability.

pub mod create_availability;
pub mod delete_availability;
pub mod get_interviewer;
mod known;
pub mod list_availability;
pub mod list_interviewers;
pub mod list_reviews;
pub mod list_slots;
pub mod submit_verification;
pub mod update_availability;
pub mod view;

#[cfg(test)]
mod test_requests;

/// The functions of this area.
pub fn functions() -> Vec<kit::Function> {
    kit::functions![
        list_interviewers::route(),
        get_interviewer::route(),
        list_reviews::route(),
        list_slots::route(),
        submit_verification::route(),
        create_availability::route(),
        list_availability::route(),
        update_availability::route(),
        delete_availability::route(),
    ]
}
