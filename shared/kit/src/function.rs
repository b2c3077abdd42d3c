//! A function: one Lambda, whatever starts it. Each area lists its own.

use crate::needs::{Given, Needs};
use crate::task::{Task, Trigger};
use crate::{Route, Who, Worker};

/// One Lambda.
#[derive(Clone)]
pub enum Function {
    /// Serves a route.
    Route(Box<Route>),
    /// Works off a queue.
    Worker(Worker),
    /// Runs by schedule, or over the table's stream.
    Task(Task),
    /// Answers every address that no route has.
    UnknownAddress,
}

/// A list of functions, each given by its route, worker or task.
#[macro_export]
macro_rules! functions {
    ($($function:expr),* $(,)?) => { vec![$($crate::Function::from($function)),*] };
}

impl From<Route> for Function {
    fn from(route: Route) -> Self {
        Self::Route(Box::new(route))
    }
}

impl From<Worker> for Function {
    fn from(worker: Worker) -> Self {
        Self::Worker(worker)
    }
}

impl From<Task> for Function {
    fn from(task: Task) -> Self {
        Self::Task(task)
    }
}

impl Function {
    /// The name of its file and binary.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Route(route) => route.name,
            Self::Worker(worker) => worker.name,
            Self::Task(task) => task.name,
            Self::UnknownAddress => "unknown_address",
        }
    }

    /// What it needs.
    pub fn needs(&self) -> Needs {
        match self {
            Self::Route(route) => route.needs,
            Self::Worker(worker) => worker.needs,
            Self::Task(task) => task.needs,
            Self::UnknownAddress => Needs::NOTHING.memory_mb(128),
        }
    }

    /// What it is given.
    pub fn given(&self) -> Given {
        match self {
            Self::Route(route) => route.given(),
            Self::Worker(worker) => worker.given(),
            Self::Task(task) => task.given(),
            Self::UnknownAddress => self.needs().given(None),
        }
    }

    /// Whether a new version is given its traffic gradually: where a bad one costs money, or loses what is told once.
    pub fn is_shifted_gradually(&self) -> bool {
        let told_once = match self {
            Self::Route(route) => route.who == Who::Signed,
            Self::Worker(_) => true,
            Self::Task(task) => task.trigger == Trigger::OutboxRows,
            Self::UnknownAddress => false,
        };
        told_once || self.needs().gradual
    }

    /// The route that it serves.
    pub fn route(self) -> Option<Route> {
        if let Self::Route(route) = self { Some(*route) } else { None }
    }

    /// The queue that it works off.
    pub fn worker(self) -> Option<Worker> {
        if let Self::Worker(worker) = self { Some(worker) } else { None }
    }
}
