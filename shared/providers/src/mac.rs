//! HMAC-SHA256, which all webhook signatures and Stream's tokens are made with.

use aws_lc_rs::{constant_time, hmac};

/// The MAC of `parts`, one after the other.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    context.sign()
}

/// Whether `claimed` is `tag`, in a time that does not depend on where they differ.
pub fn matches(tag: &hmac::Tag, claimed: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(tag.as_ref(), claimed).is_ok()
}
