//! How many calls to the table had to wait for one another, as the application's own client sees it: calls that are made at the
//! same time begin before any of them ends, however fast the table answers.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};

/// Notes when calls begin and end.
#[derive(Debug, Clone, Default)]
pub struct CallsInARow(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    /// What happened so far, counted.
    now: u64,
    /// When each call that is over began and ended.
    calls: Vec<(u64, u64)>,
}

#[derive(Debug)]
struct Began(u64);

impl Storable for Began {
    type Storer = StoreReplace<Self>;
}

impl CallsInARow {
    /// How many calls were in a row since the last time: the longest chain in which each began after the one before had ended.
    pub fn take(&self) -> usize {
        let mut calls = std::mem::take(&mut self.0.lock().unwrap().calls);
        calls.sort_by_key(|(_, ended)| *ended);
        let (mut chain, mut last) = (0, 0);
        for (began, ended) in calls {
            if began >= last {
                (chain, last) = (chain + 1, ended);
            }
        }
        chain
    }

    fn tick(&self) -> u64 {
        let mut noted = self.0.lock().unwrap();
        noted.now += 1;
        noted.now
    }
}

impl Intercept for CallsInARow {
    fn name(&self) -> &'static str {
        "CallsInARow"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(Began(self.tick()));
        Ok(())
    }

    fn read_after_execution(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let ended = self.tick();
        if let Some(Began(began)) = config.load::<Began>() {
            self.0.lock().unwrap().calls.push((*began, ended));
        }
        Ok(())
    }
}
