//! What happens around a session by itself: its call at Stream, its files, its feedback and its settlement. Everything here may run
//! twice, late and in any order; each run reads the present state and acts on that.

mod at_stream;
mod feedback;
mod media;
pub mod run_generation;
pub mod run_media;
pub mod run_settlement;
pub mod run_stream;
mod settlement;
pub mod sweep_bookings;

#[cfg(test)]
mod stage;
#[cfg(test)]
mod traced;
#[cfg(test)]
mod unknown_words;

/// The functions of this area.
pub fn functions() -> Vec<kit::Function> {
    kit::functions![
        sweep_bookings::task(),
        run_stream::worker(),
        run_settlement::worker(),
        run_media::worker(),
        run_generation::worker(),
    ]
}
