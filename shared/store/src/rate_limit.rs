//! Rate buckets.

use domain::ids::UserId;
use domain::rate_limit::{RateRule, TokenBucket};
use jiff::Timestamp;

use crate::error::StoreError;
use crate::item::Item;
use crate::{Items, Table, Tx, keys};

/// The bucket that was read with `items`, or a full one.
pub fn bucket(items: &Items, rule: RateRule, user: &UserId, now: Timestamp) -> Result<TokenBucket, StoreError> {
    Ok(items.get(&keys::rate_limit(rule, user))?.unwrap_or_else(|| TokenBucket::full(rule, now)))
}

/// Writes a bucket from which a token was taken. It expires when it would be full again.
pub fn write(tx: &mut Tx, rule: RateRule, user: &UserId, bucket: &TokenBucket) -> Result<(), StoreError> {
    let next = TokenBucket { version: bucket.version + 1, ..*bucket };
    let full_again = bucket.updated_ms + i64::from(rule.limit().1);
    let item = Item::new(keys::rate_limit(rule, user), "RateBucket", &next)?.expires(full_again / 1000 + 60);
    tx.replace(item, bucket.version);
    Ok(())
}

/// Takes a token by one conditional write, for routes that call a provider and write nothing else.
pub async fn take(table: &Table, rule: RateRule, user: &UserId, bucket: &TokenBucket) -> Result<(), StoreError> {
    let mut tx = Tx::new();
    write(&mut tx, rule, user, bucket)?;
    tx.commit(table).await
}
