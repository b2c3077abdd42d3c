//! Tasks: functions that neither a request nor a queue starts, but a schedule or the table's stream.

use serde_json::Value;

use crate::needs::{Given, Needs};
use crate::{App, BoxFuture, Error};

/// What starts a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Outbox rows that the table's stream shows.
    OutboxRows,
    /// A schedule: its name, and when it runs as EventBridge writes it.
    Schedule(&'static str, &'static str),
}

/// What a task does with one event.
pub type Handler = fn(App, Value) -> BoxFuture<'static, Result<Value, Error>>;

/// One task.
#[derive(Debug, Clone, Copy)]
pub struct Task {
    /// The name of its file, function and binary.
    pub name: &'static str,
    /// When it runs and what it does, for people.
    pub about: &'static str,
    /// What starts it.
    pub trigger: Trigger,
    /// What it does.
    pub handler: Handler,
    /// What it needs.
    pub needs: Needs,
}

impl Task {
    /// What it is given.
    pub fn given(&self) -> Given {
        self.needs.given(None)
    }

    /// Runs it once for `app`, with what it is given alone.
    pub fn run(&self, app: &App, event: Value) -> BoxFuture<'static, Result<Value, Error>> {
        (self.handler)(app.only(&self.given()), event)
    }
}
