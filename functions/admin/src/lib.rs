//! What admins do: verify interviewers, adjust credits, decide what is sold, watch bookings and people.

pub mod adjust_credits;
mod catalog;
pub mod create_pack;
pub mod create_plan;
pub mod decide_verification;
pub mod delete_pack;
pub mod delete_plan;
pub mod get_pack;
pub mod get_plan;
pub mod get_user;
pub mod list_all_bookings;
pub mod list_packs;
pub mod list_plans;
pub mod list_verifications;
pub mod update_pack;
pub mod update_plan;

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
        list_packs::route(),
        get_pack::route(),
        create_pack::route(),
        update_pack::route(),
        delete_pack::route(),
        list_plans::route(),
        get_plan::route(),
        create_plan::route(),
        update_plan::route(),
        delete_plan::route(),
    ]
}
