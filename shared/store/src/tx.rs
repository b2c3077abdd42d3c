//! Writing the table: one operation, one transaction.
//!
//! Every condition is on what was read. So a condition that fails means one thing only, whatever the reason was: what was
//! read has changed. The caller reads again and decides again, and that second decision finds the words for it: the slot
//! is taken, the credits are spent, the key was used, or it is done already.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};

use crate::BoxFuture;
use crate::error::{StoreError, from_sdk};
use crate::item::Item;
use crate::keys::Key;
use crate::table::{Attributes, Table, key_attributes};

/// The operations of one transaction, each on another item.
#[derive(Debug, Default)]
pub struct Tx {
    operations: Vec<(Key, Operation)>,
}

#[derive(Debug)]
enum Operation {
    Put { item: Attributes, condition: Condition },
    Update { expression: &'static str, values: Attributes },
    Delete { condition: Condition },
    Check { condition: Condition },
}

#[derive(Debug)]
enum Condition {
    None,
    Absent,
    Version(u64),
    AbsentOrExpired { now_seconds: i64 },
}

impl Condition {
    fn at_version(version: u64) -> Self {
        if version == 0 { Self::Absent } else { Self::Version(version) }
    }

    fn parts(&self) -> (Option<String>, Option<(String, AttributeValue)>) {
        let number = |n: i128| AttributeValue::N(n.to_string());
        match self {
            Self::None => (None, None),
            Self::Absent => (Some("attribute_not_exists(pk)".to_owned()), None),
            Self::Version(v) => (Some("version = :read".to_owned()), Some((":read".to_owned(), number((*v).into())))),
            Self::AbsentOrExpired { now_seconds } => (
                Some("attribute_not_exists(pk) OR expiresAt <= :now".to_owned()),
                Some((":now".to_owned(), number((*now_seconds).into()))),
            ),
        }
    }
}

impl Tx {
    /// A transaction without operations.
    pub fn new() -> Self {
        Self::default()
    }

    fn add(&mut self, key: Key, operation: Operation) {
        self.operations.push((key, operation));
    }

    /// Writes an item that must not exist.
    pub fn create(&mut self, item: Item) {
        self.add(item.key, Operation::Put { item: item.attributes, condition: Condition::Absent });
    }

    /// Writes an item over the version that was read; 0 where none was found. `item` carries the next version.
    pub fn replace(&mut self, item: Item, read_version: u64) {
        let condition = Condition::at_version(read_version);
        self.add(item.key, Operation::Put { item: item.attributes, condition });
    }

    /// Writes an item that must not exist, or whose time is over.
    pub fn create_unless_live(&mut self, item: Item, now_seconds: i64) {
        let condition = Condition::AbsentOrExpired { now_seconds };
        self.add(item.key, Operation::Put { item: item.attributes, condition });
    }

    /// Writes an item whatever is there: a copy that another operation of this transaction guards.
    pub fn put(&mut self, item: Item) {
        self.add(item.key, Operation::Put { item: item.attributes, condition: Condition::None });
    }

    /// Changes some attributes whatever is there.
    pub fn update(&mut self, key: Key, expression: &'static str, values: Vec<(&str, AttributeValue)>) {
        let values = values.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        self.add(key, Operation::Update { expression, values });
    }

    /// Removes an item, if it is there.
    pub fn delete(&mut self, key: Key) {
        self.add(key, Operation::Delete { condition: Condition::None });
    }

    /// Removes an item that is still at the version that was read.
    pub fn delete_at(&mut self, key: Key, read_version: u64) {
        self.add(key, Operation::Delete { condition: Condition::at_version(read_version) });
    }

    /// Demands that an item is still at the version that was read; 0 where none was found.
    pub fn check(&mut self, key: Key, read_version: u64) {
        self.add(key, Operation::Check { condition: Condition::at_version(read_version) });
    }

    /// Whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Commits everything or nothing. Safe against lost answers: the SDK sends one request token with each attempt of
    /// a call, so what took effect is not applied again.
    pub fn commit(self, table: &Table) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            if self.operations.is_empty() {
                return Ok(());
            }
            self.assert_well_formed();
            let items = self
                .operations
                .into_iter()
                .map(|(key, operation)| operation.into_request(&key, &table.name))
                .collect::<Result<Vec<_>, _>>()?;
            let sent = table.client.transact_write_items().set_transact_items(Some(items)).send().await;
            sent.map(|_| ()).map_err(|error| match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    cancellation(cancelled.cancellation_reasons())
                }
                Some(TransactWriteItemsError::TransactionInProgressException(_)) => StoreError::Contended,
                _ => from_sdk(error),
            })
        })
    }

    /// No input can reach these: they are promises of the code that builds transactions.
    fn assert_well_formed(&self) {
        assert!(self.operations.len() <= 100, "a transaction has at most 100 operations");
        let mut keys: Vec<&Key> = self.operations.iter().map(|(key, _)| key).collect();
        keys.sort();
        assert!(keys.windows(2).all(|w| w[0] != w[1]), "a transaction touches each item once");
    }
}

fn cancellation(reasons: &[aws_sdk_dynamodb::types::CancellationReason]) -> StoreError {
    let codes: Vec<&str> = reasons.iter().filter_map(|r| r.code()).filter(|c| *c != "None").collect();
    let contended = |code: &&str| matches!(*code, "ConditionalCheckFailed" | "TransactionConflict");
    let busy = |code: &&str| matches!(*code, "ProvisionedThroughputExceeded" | "ThrottlingError");
    if let Some(code) = codes.iter().find(|c| !contended(c) && !busy(c)) {
        let why = reasons.iter().find(|r| r.code() == Some(code)).and_then(|r| r.message());
        return StoreError::Corrupt(format!("{code}: {}", why.unwrap_or("no message")));
    }
    if codes.iter().any(contended) {
        StoreError::Contended
    } else {
        StoreError::Unavailable(format!("cancelled: {}", codes.join(", ")))
    }
}

impl Operation {
    fn into_request(self, key: &Key, table: &str) -> Result<TransactWriteItem, StoreError> {
        let defect = |e: aws_sdk_dynamodb::error::BuildError| StoreError::Corrupt(e.to_string());
        let item = TransactWriteItem::builder();
        Ok(match self {
            Self::Put { item: attributes, condition } => {
                let (expression, value) = condition.parts();
                let put = Put::builder().table_name(table).set_item(Some(attributes));
                let put = put.set_condition_expression(expression).set_expression_attribute_values(values(value));
                item.put(put.build().map_err(defect)?).build()
            }
            Self::Update { expression, values } => {
                let update = Update::builder().table_name(table).set_key(Some(key_attributes(key)));
                let update = update.update_expression(expression).set_expression_attribute_values(Some(values));
                item.update(update.build().map_err(defect)?).build()
            }
            Self::Delete { condition } => {
                let (expression, value) = condition.parts();
                let delete = Delete::builder().table_name(table).set_key(Some(key_attributes(key)));
                let delete = delete.set_condition_expression(expression).set_expression_attribute_values(values(value));
                item.delete(delete.build().map_err(defect)?).build()
            }
            Self::Check { condition } => {
                let (expression, value) = condition.parts();
                let check = ConditionCheck::builder().table_name(table).set_key(Some(key_attributes(key)));
                let check = check.set_condition_expression(expression).set_expression_attribute_values(values(value));
                item.condition_check(check.build().map_err(defect)?).build()
            }
        })
    }
}

fn values(value: Option<(String, AttributeValue)>) -> Option<Attributes> {
    value.map(|v| Attributes::from([v]))
}
