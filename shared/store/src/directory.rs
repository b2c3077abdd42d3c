//! The directory: a card per interviewer, copied into the partition of each of their categories and into that of all, so
//! that a list is one query of one partition.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::card::Card;
use domain::ids::UserId;
use domain::problem::ValidationError;
use domain::user::{Category, User};

use crate::error::StoreError;
use crate::item::Item;
use crate::{BoxFuture, Page, Query, Table, Tx, cursor, keys};

/// The partitions that hold a copy: that of all, and one for each category.
fn partitions(card: Option<&Card>) -> Vec<Option<Category>> {
    card.map_or_else(Vec::new, |card| {
        std::iter::once(None).chain(card.profile.categories.iter().copied().map(Some)).collect()
    })
}

/// Brings the copies in step with a person who changes from `before` to `after`. The version of the person guards it.
pub(crate) fn write(tx: &mut Tx, before: Option<&User>, after: &User) -> Result<(), StoreError> {
    let (old, new) = (before.and_then(Card::listed), Card::listed(after));
    if old == new {
        return Ok(());
    }
    let wanted = partitions(new.as_ref());
    for gone in partitions(old.as_ref()).into_iter().filter(|p| !wanted.contains(p)) {
        tx.delete(keys::directory_card(gone, &after.user_id));
    }
    if let Some(card) = &new {
        for partition in wanted {
            tx.put(Item::new(keys::directory_card(partition, &after.user_id), "Card", card)?);
        }
    }
    Ok(())
}

/// The card of an interviewer who is listed.
pub fn get<'a>(table: &'a Table, interviewer: &'a UserId) -> BoxFuture<'a, Result<Option<Card>, StoreError>> {
    Box::pin(async move { table.get(&keys::directory_card(None, interviewer)).await })
}

/// What candidates look for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Who interviews about this.
    pub category: Option<Category>,
    /// Who has at least so many years of experience.
    pub min_years: Option<u32>,
    /// Who takes at most so many credits per hour.
    pub max_rate: Option<u32>,
}

/// How many pages one request reads at most while it looks for cards that a filter keeps.
const PAGES_AT_MOST: usize = 10;

/// One page of the directory and the cursor of the next.
pub async fn page(
    table: &Table,
    wanted: &Wanted,
    limit: usize,
    after: Option<UserId>,
) -> Result<(Vec<Card>, Option<String>), StoreError> {
    let number = |n: u32| AttributeValue::N(n.to_string());
    let mut filters = Vec::new();
    let mut values = Vec::new();
    let mut names = Vec::new();
    if let Some(years) = wanted.min_years {
        filters.push("#yearsExp >= :years");
        names.push("yearsExp");
        values.push((":years", number(years)));
    }
    if let Some(rate) = wanted.max_rate {
        filters.push("#creditRate <= :rate");
        names.push("creditRate");
        values.push((":rate", number(rate)));
    }
    let mut after = after;
    let mut cards = Vec::new();
    for _ in 0..PAGES_AT_MOST {
        let mut query = Query::partition(keys::directory_partition(wanted.category)).limit(limit - cards.len());
        if !filters.is_empty() {
            query = query.filter(filters.join(" AND "), &names, values.clone());
        }
        if let Some(user) = &after {
            query = query.after(&keys::directory_card(wanted.category, user), None);
        }
        let page: Page<Card> = table.query(query).await?;
        cards.extend(page.items);
        let Some(position) = page.next else { return Ok((cards, None)) };
        after = position.key.sk.parse().ok();
        if cards.len() >= limit {
            break;
        }
    }
    Ok((cards, after.map(|user| cursor::encode(user.as_str()))))
}

/// The place that a directory's cursor stands for.
pub fn page_cursor(text: &str) -> Result<UserId, ValidationError> {
    cursor::decode(text)?.parse().map_err(|_| cursor::invalid())
}
