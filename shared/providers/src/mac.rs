//! HMAC-SHA256, which all webhook signatures and Stream's tokens are made with.

use aws_lc_rs::{constant_time, hmac};

use crate::delivery::SignatureError;
use crate::secret::Secret;

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

/// Checks signatures in hexadecimal over `parts`: any of them may fit any of the secrets, whose text is the key.
pub fn check_hex<'a>(
    secrets: &[Secret],
    parts: &[&[u8]],
    claimed: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(), SignatureError> {
    let claimed: Vec<Vec<u8>> = claimed.into_iter().filter_map(|signature| hex::decode(signature).ok()).collect();
    // An empty secret would let anyone sign.
    let keys = secrets.iter().map(Secret::expose).filter(|secret| !secret.is_empty());
    let mut tags = keys.map(|key| hmac_sha256(key.as_bytes(), parts));
    let fits = tags.any(|tag| claimed.iter().any(|signature| matches(&tag, signature)));
    if fits { Ok(()) } else { Err(SignatureError::NoMatch) }
}
