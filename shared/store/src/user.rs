//! People, what of them every booking checks, and the verifications that wait for an admin.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::bookable::Bookable;
use domain::ids::UserId;
use domain::problem::ValidationError;
use domain::user::{User, Verification};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::item::Item;
use crate::table::Position;
use crate::{BoxFuture, Key, Page, Query, Table, Tx, cursor, directory, keys};

/// A person, if we know them.
pub fn get<'a>(table: &'a Table, user: &'a UserId) -> BoxFuture<'a, Result<Option<User>, StoreError>> {
    Box::pin(async move { table.get(&keys::profile(user)).await })
}

/// Writes a person over what was read before, and everything that follows from them: directory cards and what bookings
/// check.
pub fn write(tx: &mut Tx, before: Option<&User>, after: &User) -> Result<(), StoreError> {
    let read_version = before.map_or(0, |u| u.version);
    let stored = User { version: read_version + 1, ..after.clone() };
    tx.replace(Item::new(keys::profile(&stored.user_id), "User", &stored)?, read_version);
    directory::write(tx, before, &stored)?;
    if let Some((listed, credit_rate)) = Bookable::change(before, &stored) {
        tx.update(
            keys::bookable(&stored.user_id),
            "SET listed = :listed, creditRate = :rate ADD version :one",
            vec![
                (":listed", AttributeValue::Bool(listed)),
                (":rate", AttributeValue::N(credit_rate.to_string())),
                (":one", AttributeValue::N("1".to_owned())),
            ],
        );
    }
    Ok(())
}

/// A verification that an interviewer asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationRequest {
    /// Who asks.
    pub interviewer_id: UserId,
    /// Their profile elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linkedin_url: Option<String>,
    /// Their address at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_email: Option<String>,
    /// What they say.
    pub notes: String,
    /// Where it stands.
    pub status: Verification,
    /// When it was asked for.
    pub submitted_at: Timestamp,
    /// Why it was decided so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_reason: Option<String>,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<UserId>,
}

fn waiting_since(request: &VerificationRequest) -> String {
    format!("{:.3}#{}", request.submitted_at, request.interviewer_id)
}

/// Writes a verification. The version of the person guards it; it is in the admins' list while undecided.
pub fn write_verification(tx: &mut Tx, request: &VerificationRequest) -> Result<(), StoreError> {
    let mut item = Item::new(keys::verification(&request.interviewer_id), "Verification", request)?;
    if request.status == Verification::Submitted {
        item = item.index1(keys::VERIFICATIONS, waiting_since(request));
    }
    tx.put(item);
    Ok(())
}

/// One page of the undecided verifications, oldest first, and the cursor of the next.
pub async fn undecided(
    table: &Table,
    limit: usize,
    after: Option<(Key, String)>,
) -> Result<(Vec<VerificationRequest>, Option<String>), StoreError> {
    let mut query = Query::index("gsi1", keys::VERIFICATIONS).limit(limit);
    if let Some((key, sort)) = &after {
        query = query.after(key, Some(sort));
    }
    let page: Page<VerificationRequest> = table.query(query).await?;
    let next = page.next.and_then(|Position { index_sort, .. }| index_sort);
    Ok((page.items, next.map(|sort| cursor::encode(&sort))))
}

/// The place that a cursor of [`undecided`] stands for.
pub fn undecided_cursor(text: &str) -> Result<(Key, String), ValidationError> {
    let sort = cursor::decode(text)?;
    let (since, user) = sort.split_once('#').ok_or_else(cursor::invalid)?;
    since.parse::<Timestamp>().map_err(|_| cursor::invalid())?;
    let user: UserId = user.parse().map_err(|_| cursor::invalid())?;
    Ok((keys::verification(&user), sort.clone()))
}
