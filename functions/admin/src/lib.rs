//! What admins do: verify interviewers, adjust credits, watch bookings and people.

pub mod adjust_credits;
pub mod decide_verification;
pub mod get_user;
pub mod list_all_bookings;
pub mod list_verifications;

#[cfg(test)]
mod test_requests;

/// The functions of this area.
pub fn functions() -> Vec<kit::Function> {
    kit::functions![
        list_verifications::route(),
        decide_verification::route(),
        adjust_credits::route(),
        list_all_bookings::route(),
        get_user::route(),
    ]
}
