//! How a session ends without anybody asking: what the sweep finds, what Stream adds, and people who are gone.

pub mod absence;
pub mod ask_stream;
pub mod settling;
