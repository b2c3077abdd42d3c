//! Files of a session on their way to our bucket.

pub mod bucket;
pub mod copying;

/// No transcript of ours is larger: that would be weeks of speech.
pub const TRANSCRIPT_LIMIT_BYTES: u64 = 8 * 1024 * 1024;
