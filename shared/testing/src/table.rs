//! A fresh table on an embedded DynamoDB engine.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use serde_json::{Value, json};

/// The table's name; each test has an engine of its own.
pub const TABLE: &str = "greenroom-test";

/// Starts an engine, makes the table as `infra/state.yaml` defines it, and says where it is.
pub async fn dynamodb() -> String {
    engine().await.0
}

/// The same, and the engine itself.
pub(crate) async fn engine() -> (String, dynoxide::Database) {
    let engine = dynoxide::Database::memory().expect("the engine starts");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(dynoxide::server::serve_on(listener, engine.clone()));
    let url = crate::twin::compared(url).await;
    create_table(&kit::aws::Aws::at(&url).dynamodb()).await;
    (url, engine)
}

async fn create_table(client: &aws_sdk_dynamodb::Client) {
    let attribute = |name: &str| {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        attribute.attribute_type(ScalarAttributeType::S).build().expect("complete")
    };
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("complete")
    };
    let index = |name: &str| {
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(&format!("{name}pk"), KeyType::Hash))
            .key_schema(key(&format!("{name}sk"), KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::All).build())
            .build()
            .expect("complete")
    };
    let mut request = client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
    for name in ["pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk"] {
        request = request.attribute_definitions(attribute(name));
    }
    request = request.key_schema(key("pk", KeyType::Hash)).key_schema(key("sk", KeyType::Range));
    request = request.global_secondary_indexes(index("gsi1")).global_secondary_indexes(index("gsi2"));
    request.send().await.expect("the table is made");
}

/// The table as it is now, on an engine of its own.
pub(crate) fn copy(engine: &dynoxide::Database) -> dynoxide::Database {
    let copy = dynoxide::Database::memory().expect("the engine starts");
    let key = |name: &str| {
        json!([{ "AttributeName": format!("{name}pk"), "KeyType": "HASH" },
            { "AttributeName": format!("{name}sk"), "KeyType": "RANGE" }])
    };
    let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let index =
        |name: &str| json!({ "IndexName": name, "KeySchema": key(name), "Projection": { "ProjectionType": "ALL" } });
    let attributes = ["pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk"].map(attribute);
    let indexes = ["gsi1", "gsi2"].map(index);
    let table = json!({
        "TableName": TABLE, "BillingMode": "PAY_PER_REQUEST", "KeySchema": key(""),
        "AttributeDefinitions": attributes,
        "GlobalSecondaryIndexes": indexes,
    });
    copy.create_table(serde_json::from_value(table).expect("a table")).expect("the table is made");
    let mut request = json!({ "TableName": TABLE });
    loop {
        let (_, page) = crate::ask(engine, "Scan", request.to_string().as_bytes());
        let page: Value = serde_json::from_str(&page).expect("a page");
        let items: Vec<dynoxide::Item> = serde_json::from_value(page["Items"].clone()).expect("items");
        copy.import_items(TABLE, items, dynoxide::ImportOptions::default()).expect("items are stored");
        match page.get("LastEvaluatedKey") {
            Some(key) => request["ExclusiveStartKey"] = key.clone(),
            None => return copy,
        }
    }
}
