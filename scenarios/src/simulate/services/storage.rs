//! Cloud Storage around its broker: one bucket of dead letters.

use bytes::Bytes;
use tonic::Status;
use windtunnel_storage::broker::{
    Broker, BrokerError, Bucket, ListQuery, ObjectSpec, Preconditions,
};

use super::super::call::Answer;
use super::{FAILED_EVENTS, PROJECT};

#[derive(Debug)]
pub(in super::super) struct Storage {
    broker: Broker,
}

impl Storage {
    pub(in super::super) fn new(now: i64) -> Self {
        let mut broker = Broker::default();
        let bucket = Bucket::new(PROJECT, FAILED_EVENTS, now);
        broker.create_bucket(bucket).expect("the name is valid and new");
        Self { broker }
    }

    pub(in super::super) fn put(
        &mut self,
        name: &str,
        content: &Bytes,
        now: i64,
    ) -> Result<Answer, Status> {
        let spec = ObjectSpec { name: name.to_owned(), ..ObjectSpec::default() };
        let none = Preconditions::default();
        let put = self.broker.put(FAILED_EVENTS, spec, content.clone().into(), none, now);
        put.map(|_| Answer::Done).map_err(|error| match error {
            BrokerError::BucketNotFound => Status::not_found(error.to_string()),
            _ => Status::invalid_argument(error.to_string()),
        })
    }

    /// All dead letters: names and contents of the objects, in the order of their names.
    pub(in super::super) fn letters(&self, now: i64) -> Vec<(String, Bytes)> {
        let mut letters = Vec::new();
        let mut query = ListQuery { prefix: "failed_events/".to_owned(), ..ListQuery::default() };
        loop {
            let Ok(page) = self.broker.list(FAILED_EVENTS, &query, now) else { return letters };
            let found = page.objects.iter().map(|it| (it.name.clone(), it.content.clone()));
            letters.extend(found);
            if page.next_page_token.is_empty() {
                return letters;
            }
            query.page_token = page.next_page_token;
        }
    }
}
