//! Reading the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use serde::de::DeserializeOwned;

use crate::BoxFuture;
use crate::error::{StoreError, from_sdk};
use crate::keys::Key;

pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// The one table. Reads are strongly consistent wherever DynamoDB offers it.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
}

/// Items that were read by key.
#[derive(Debug, Default)]
pub struct Items(HashMap<Key, Attributes>);

impl Items {
    /// Whether there was an item under `key`.
    pub fn contains(&self, key: &Key) -> bool {
        self.0.contains_key(key)
    }

    /// The item under `key`, if there was one. It stays available.
    pub fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, StoreError> {
        self.0.get(key).map(|attributes| decode(attributes.clone())).transpose()
    }
}

/// A query of one partition of the table or of one of its indexes.
#[derive(Debug, Clone)]
pub struct Query {
    index: Option<&'static str>,
    partition: String,
    sort: Sort,
    newest_first: bool,
    limit: i32,
    after: Option<Attributes>,
    filter: Option<(String, Attributes)>,
    names: HashMap<String, String>,
}

#[derive(Debug, Clone)]
enum Sort {
    Any,
    Prefix(String),
    Between(String, String),
}

impl Query {
    /// All of a partition of the table.
    pub fn partition(partition: impl Into<String>) -> Self {
        Self {
            index: None,
            partition: partition.into(),
            sort: Sort::Any,
            newest_first: false,
            limit: 100,
            after: None,
            filter: None,
            names: HashMap::new(),
        }
    }
    /// All of a partition of `gsi1` or `gsi2`. Indexes are read eventually consistently: DynamoDB offers nothing else.
    pub fn index(index: &'static str, partition: impl Into<String>) -> Self {
        Self { index: Some(index), ..Self::partition(partition) }
    }
    /// Only sort keys that begin with this.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { sort: Sort::Prefix(prefix.into()), ..self }
    }
    /// Only sort keys from `first` to `last`, both included.
    #[must_use]
    pub fn between(self, first: impl Into<String>, last: impl Into<String>) -> Self {
        Self { sort: Sort::Between(first.into(), last.into()), ..self }
    }
    /// From the end.
    #[must_use]
    pub fn newest_first(self) -> Self {
        Self { newest_first: true, ..self }
    }
    /// At most this many are read.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Self { limit: i32::try_from(limit).unwrap_or(i32::MAX), ..self }
    }
    /// Goes on after this item. `index_sort` is its sort key in the index that is queried, if one is.
    #[must_use]
    pub fn after(mut self, key: &Key, index_sort: Option<&str>) -> Self {
        let text = |s: &str| AttributeValue::S(s.to_owned());
        let mut start: Attributes = HashMap::from([("pk".to_owned(), text(&key.pk)), ("sk".to_owned(), text(&key.sk))]);
        if let (Some(index), Some(sort)) = (self.index, index_sort) {
            start.insert(format!("{index}pk"), text(&self.partition));
            start.insert(format!("{index}sk"), text(sort));
        }
        self.after = Some(start);
        self
    }
    /// Keeps only items that fulfil this; what it leaves out was read all the same. Names in the expression are
    /// written `#name`.
    #[must_use]
    pub fn filter(
        mut self,
        expression: impl Into<String>,
        names: &[&str],
        values: Vec<(&str, AttributeValue)>,
    ) -> Self {
        let values = values.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        self.filter = Some((expression.into(), values));
        self.names.extend(names.iter().map(|n| (format!("#{n}"), (*n).to_owned())));
        self
    }
}

/// One page of a query.
#[derive(Debug)]
pub struct Page<T> {
    /// What was found.
    pub items: Vec<T>,
    /// Whether there is more. The position is the last item that was read, which a filter may have left out.
    pub next: Option<Position>,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The key of the last item that was read.
    pub key: Key,
    /// Its sort key in the index that was queried, if one was.
    pub index_sort: Option<String>,
}

type Rows = (Vec<Attributes>, Option<Position>);

/// Items that a scan found, or why they cannot be decoded, and where the rest begins.
type Scanned = (Vec<(Key, Result<serde_json::Value, String>)>, Option<Key>);

pub(crate) fn decode<T: DeserializeOwned>(attributes: Attributes) -> Result<T, StoreError> {
    Ok(serde_dynamo::from_item(attributes)?)
}

pub(crate) fn key_attributes(key: &Key) -> Attributes {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(key.pk.clone())),
        ("sk".to_owned(), AttributeValue::S(key.sk.clone())),
    ])
}

fn text(attributes: &Attributes, name: &str) -> Option<String> {
    attributes.get(name).and_then(|v| v.as_s().ok()).cloned()
}

impl Table {
    /// The table `name`, reached through `client`.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    /// Opens the connection with one cheap read, so that the first request does not pay for the handshake.
    pub fn warm(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let key = Key { pk: "WARM".to_owned(), sk: "WARM".to_owned() };
            self.read(&key).await.map(|_| ())
        })
    }

    async fn read(&self, key: &Key) -> Result<Option<Attributes>, StoreError> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key_attributes(key)));
        let answer = request.consistent_read(true).send().await.map_err(from_sdk)?;
        Ok(answer.item)
    }

    /// The item under `key`.
    pub fn get<'a, T: DeserializeOwned + Send + 'a>(
        &'a self,
        key: &'a Key,
    ) -> BoxFuture<'a, Result<Option<T>, StoreError>> {
        Box::pin(async move { self.read(key).await?.map(decode).transpose() })
    }

    /// The items under these keys, in one round trip for up to 100 of them. Keys that repeat are read once.
    pub fn batch_get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Items, StoreError>> {
        Box::pin(async move {
            let mut wanted: Vec<&Key> = keys.iter().collect();
            wanted.sort();
            wanted.dedup();
            let mut found = HashMap::with_capacity(wanted.len());
            for chunk in wanted.chunks(100) {
                let mut pending: Vec<Attributes> = chunk.iter().map(|k| key_attributes(k)).collect();
                // DynamoDB may answer a part; a handful of turns is more than a healthy table takes.
                for turn in 0..8 {
                    if turn > 0 {
                        tokio::time::sleep(crate::contention::pause(turn, crate::contention::any_number())).await;
                    }
                    let request = KeysAndAttributes::builder().set_keys(Some(pending)).consistent_read(true).build();
                    let request = request.map_err(|e| StoreError::Corrupt(e.to_string()))?;
                    let send = self.client.batch_get_item().request_items(&self.name, request).send();
                    let answer = send.await.map_err(from_sdk)?;
                    let items = answer.responses.unwrap_or_default().remove(&self.name).unwrap_or_default();
                    for item in items {
                        if let (Some(pk), Some(sk)) = (text(&item, "pk"), text(&item, "sk")) {
                            found.insert(Key { pk, sk }, item);
                        }
                    }
                    let rest = answer.unprocessed_keys.unwrap_or_default().remove(&self.name);
                    pending = rest.map(|r| r.keys).unwrap_or_default();
                    if pending.is_empty() {
                        break;
                    }
                }
                if !pending.is_empty() {
                    return Err(StoreError::Unavailable("a batch read stayed incomplete".to_owned()));
                }
            }
            Ok(Items(found))
        })
    }

    /// One page of a query.
    pub fn query<'a, T: DeserializeOwned + Send + 'a>(
        &'a self,
        query: Query,
    ) -> BoxFuture<'a, Result<Page<T>, StoreError>> {
        Box::pin(async move {
            let (rows, next) = self.query_rows(query).await?;
            let items = rows.into_iter().map(decode).collect::<Result<_, _>>()?;
            Ok(Page { items, next })
        })
    }

    fn query_rows(&self, query: Query) -> BoxFuture<'_, Result<Rows, StoreError>> {
        Box::pin(async move {
            let (pk, sk) = query.index.map_or_else(
                || ("pk".to_owned(), "sk".to_owned()),
                |index| (format!("{index}pk"), format!("{index}sk")),
            );
            let mut names = query.names;
            names.insert("#partition".to_owned(), pk);
            let mut request = self
                .client
                .query()
                .table_name(&self.name)
                .set_index_name(query.index.map(str::to_owned))
                .limit(query.limit)
                .scan_index_forward(!query.newest_first)
                .consistent_read(query.index.is_none())
                .set_exclusive_start_key(query.after)
                .expression_attribute_values(":partition", AttributeValue::S(query.partition));
            let condition = match query.sort {
                Sort::Any => "#partition = :partition",
                Sort::Prefix(prefix) => {
                    names.insert("#sort".to_owned(), sk.clone());
                    request = request.expression_attribute_values(":prefix", AttributeValue::S(prefix));
                    "#partition = :partition AND begins_with(#sort, :prefix)"
                }
                Sort::Between(first, last) => {
                    names.insert("#sort".to_owned(), sk.clone());
                    request = request
                        .expression_attribute_values(":first", AttributeValue::S(first))
                        .expression_attribute_values(":last", AttributeValue::S(last));
                    "#partition = :partition AND #sort BETWEEN :first AND :last"
                }
            };
            if let Some((expression, values)) = query.filter {
                request = request.filter_expression(expression);
                for (name, value) in values {
                    request = request.expression_attribute_values(name, value);
                }
            }
            let request = request.key_condition_expression(condition).set_expression_attribute_names(Some(names));
            let answer = request.send().await.map_err(from_sdk)?;
            let next = answer.last_evaluated_key.as_ref().and_then(|last| {
                let index_sort = query.index.and_then(|index| text(last, &format!("{index}sk")));
                Some(Position { key: Key { pk: text(last, "pk")?, sk: text(last, "sk")? }, index_sort })
            });
            Ok((answer.items.unwrap_or_default(), next))
        })
    }

    /// All items that a query finds, page after page, up to `most`. For partitions whose size our own rules bound.
    pub fn query_all<'a, T: DeserializeOwned + Send + 'a>(
        &'a self,
        query: Query,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<T>, StoreError>> {
        Box::pin(async move {
            let mut found = Vec::new();
            let mut query = query;
            loop {
                let (rows, next) = self.query_rows(query.clone()).await?;
                for row in rows {
                    found.push(decode(row)?);
                }
                match next {
                    Some(position) if found.len() < most => {
                        query = query.after(&position.key, position.index_sort.as_deref());
                    }
                    _ => return Ok(found),
                }
            }
        })
    }

    /// A page of the whole table: of the next `rows` items those that fulfil `filter`, in whose place `values` stand. Each is
    /// decoded by itself. For the reconciler, never for a request.
    pub(crate) async fn scan(
        &self,
        filter: &str,
        values: &[(&str, &str)],
        after: Option<&Key>,
        rows: usize,
    ) -> Result<Scanned, StoreError> {
        let mut request = self
            .client
            .scan()
            .table_name(&self.name)
            .consistent_read(true)
            .limit(i32::try_from(rows).unwrap_or(i32::MAX))
            .filter_expression(filter)
            .set_exclusive_start_key(after.map(key_attributes));
        for (name, value) in values {
            request = request.expression_attribute_values(*name, AttributeValue::S((*value).to_owned()));
        }
        let answer = request.send().await.map_err(from_sdk)?;
        let key = |attributes: &Attributes| Some(Key { pk: text(attributes, "pk")?, sk: text(attributes, "sk")? });
        let next = answer.last_evaluated_key.as_ref().and_then(key);
        let items = answer.items.unwrap_or_default().into_iter().filter_map(|item| {
            let key = key(&item)?;
            Some((key, serde_dynamo::from_item(item).map_err(|error| domain::reading::of_serde(&error).to_string())))
        });
        Ok((items.collect(), next))
    }
}
