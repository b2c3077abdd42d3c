//! What follows commits: the relay from the table's stream to the queues, the schedule behind it, and one worker per queue.
//! Everything here may run twice, late and in any order; each run reads the present state and acts on that.

mod absence;
mod ask_stream;
mod at_stream;
mod bucket;
pub mod check_secrets;
mod copying;
mod drafting;
mod feedback_prompt;
mod queues;
pub mod reconcile_ledger;
pub mod redrive_outbox;
pub mod relay_outbox;
pub mod run_generation;
pub mod run_media;
pub mod run_settlement;
pub mod run_stream;
mod settling;
pub mod sweep_bookings;
#[cfg(test)]
mod traced;

#[cfg(test)]
mod fake_aws;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod unknown_words;
