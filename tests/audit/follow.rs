//! What the schedules have sent is done, before anybody looks at what was seen.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use crate::stack::Stack;

#[tokio::test]
async fn everything_that_was_due_is_settled() {
    let stack = Stack::get();
    let (client, table) = (kit::aws::Aws::at(stack.ready("awsEndpoint")).dynamodb(), stack.ready("tableName"));
    #[expect(clippy::disallowed_methods, reason = "the stack lives by the real clock")]
    let begun = Timestamp::now();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    stack
        .wait("the settlement of what was due", || async {
            // A row that does not say when it is due lies aside.
            let rows = client.scan().table_name(table).filter_expression("begins_with(pk, :due) AND dueAt <= :begun");
            let rows = rows.expression_attribute_values(":due", text("DUE#"));
            let rows = rows.expression_attribute_values(":begun", text(&begun.to_string()));
            let mut pages = rows.into_paginator().items().send();
            pages.next().await.transpose().unwrap().is_none().then_some(())
        })
        .await;
}
