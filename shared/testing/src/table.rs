//! A fresh table on an embedded DynamoDB engine, or a copy of one that was arranged before.

use dynoxide::{Database, ImportOptions, Item};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{World, ask, twin};

/// The table's name; each test has an engine of its own.
pub const TABLE: &str = "greenroom-test";

/// Starts an engine with the table as `infra/state.yaml` defines it, and says where it is.
pub async fn dynamodb() -> String {
    engine(None).await.0
}

/// The same, and the engine itself; with everything that is in the table of another.
pub(crate) async fn engine(from: Option<&Arrangement>) -> (String, Database) {
    let engine = Database::memory().expect("the engine starts");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(dynoxide::server::serve_on(listener, engine.clone()));
    match twin::compared(&url).await {
        None => {
            make_table(&engine);
            if let Some(Arrangement(from)) = from {
                import(from, &engine);
            }
            (url, engine)
        }
        // Both engines have to be told.
        Some(url) => {
            let http = crate::local_http();
            twin::tell(&http, &url, "CreateTable", &definition()).await;
            for item in from.map(|from| items(&from.0)).unwrap_or_default() {
                twin::tell(&http, &url, "PutItem", &json!({ "TableName": TABLE, "Item": item })).await;
            }
            (url, engine)
        }
    }
}

fn definition() -> Value {
    let key = |name: &str| {
        json!([{ "AttributeName": format!("{name}pk"), "KeyType": "HASH" },
            { "AttributeName": format!("{name}sk"), "KeyType": "RANGE" }])
    };
    let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let index =
        |name: &str| json!({ "IndexName": name, "KeySchema": key(name), "Projection": { "ProjectionType": "ALL" } });
    let attributes = ["pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk"].map(attribute);
    let indexes = ["gsi1", "gsi2"].map(index);
    json!({
        "TableName": TABLE, "BillingMode": "PAY_PER_REQUEST", "KeySchema": key(""),
        "AttributeDefinitions": attributes, "GlobalSecondaryIndexes": indexes,
    })
}

fn make_table(engine: &Database) {
    engine.create_table(serde_json::from_value(definition()).expect("a table")).expect("the table is made");
}

/// The table as it is now, on an engine of its own.
pub(crate) fn copy(engine: &Database) -> Database {
    let copy = Database::memory().expect("the engine starts");
    make_table(&copy);
    import(engine, &copy);
    copy
}

fn import(from: &Database, to: &Database) {
    let items: Vec<Item> = serde_json::from_value(items(from).into()).expect("items");
    to.import_items(TABLE, items, ImportOptions::default()).expect("items are stored");
}

/// Every item of the table as DynamoDB writes it, however many pages they take.
pub fn items(engine: &Database) -> Vec<Value> {
    let (mut all, mut request) = (Vec::new(), json!({ "TableName": TABLE, "ConsistentRead": true }));
    loop {
        let (_, page) = ask(engine, "Scan", request.to_string().as_bytes());
        let mut page: Value = serde_json::from_str(&page).expect("a page");
        all.append(page["Items"].as_array_mut().expect("items"));
        match page.get("LastEvaluatedKey") {
            Some(key) => request["ExclusiveStartKey"] = key.clone(),
            None => return all,
        }
    }
}

/// What many tests begin with: arranged once in a process, and copied for each of them, which takes a tenth of the time.
#[derive(Default)]
pub struct Beginning(OnceCell<Arrangement>);

/// A table as it was arranged, to be named in [`crate::Options`].
#[derive(Clone)]
pub struct Arrangement(Database);

impl std::fmt::Debug for Arrangement {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Arrangement")
    }
}

impl Beginning {
    /// For a `static`.
    pub const fn new() -> Self {
        Self(OnceCell::const_new())
    }

    /// The table as `arrange` leaves it, which is called the first time only.
    pub async fn table(&self, arrange: impl AsyncFnOnce(&World)) -> Arrangement {
        let arranged = async || {
            let world = World::new(&[]).await;
            arrange(&world).await;
            Arrangement(world.engine)
        };
        self.0.get_or_init(arranged).await.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[tokio::test]
    async fn a_table_of_many_pages_is_read_and_copied_whole_and_left_as_it_was() {
        let text = "x".repeat(10_000);
        let item =
            |n: u32| json!({ "pk": { "S": format!("THING#{n}") }, "sk": { "S": "THING" }, "text": { "S": text } });
        let many: Vec<Value> = (0..250).map(item).collect();
        let beginning = Beginning::new();
        let table = beginning.table(async |world| {
            world.fill(serde_json::from_value(many.clone().into()).expect("items"));
        });
        let options = Options { table: Some(table.await), ..Options::default() };
        let (one, other) = (World::with(&[], options.clone()).await, World::with(&[], options).await);
        assert_eq!(one.all_items().await.len(), 250);
        one.add_candidate("cara", 0).await;
        assert!(one.all_items().await.len() > 250);
        assert_eq!(other.all_items().await.len(), 250);
        let same = beginning.table(async |_| panic!("it is arranged a second time"));
        assert_eq!(
            World::with(&[], Options { table: Some(same.await), ..Options::default() }).await.all_items().await.len(),
            250
        );
    }
}
