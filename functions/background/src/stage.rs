//! For tests: an application with a table, S3, SQS and Secrets Manager of its own.

use kit::App;
use testing::{FakeAws, Options, World};

/// Everything that runs in the background may reach.
pub struct Stage {
    /// The application.
    pub app: App,
    /// The table's world.
    pub world: World,
    /// S3, SQS and Secrets Manager.
    pub aws: FakeAws,
}

impl Stage {
    /// A stage on which nothing has happened yet.
    pub async fn new() -> Self {
        let (world, app, aws) = World::beside_aws(Options::default()).await;
        Self { app, world, aws }
    }

    /// The ids of all outbox rows that wait to be relayed, sorted.
    pub async fn waiting(&self) -> Vec<String> {
        testing::waiting(&self.app).await
    }
}
