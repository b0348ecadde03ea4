//! The jobs that there are. Pure: `&mut self`, time as an argument. Invariant: a job that is done does not
//! change, and an id names one job of a project.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use serde_json::{Map, Value};

use super::{Caller, Finished, JobError, QueryResult};
use crate::limits::{JOBS_MAX, REQUEST_IDS_MAX, RESULT_BYTES_MAX};
use crate::table::TableId;

/// A job's name: project and id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct JobKey {
    pub(crate) project: String,
    pub(crate) id: String,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Running,
    Done,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Done => "DONE",
        }
    }
}

/// A job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) key: JobKey,
    pub(crate) configuration: Value,
    pub(crate) caller: Caller,
    pub(crate) state: State,
    pub(crate) created_at: i64,
    pub(crate) started_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    /// Its own part of the statistics.
    pub(crate) statistics: Value,
    pub(crate) error: Option<JobError>,
    pub(crate) errors: Vec<JobError>,
    pub(crate) result: Option<QueryResult>,
    pub(crate) parent: Option<String>,
    pub(crate) children: usize,
    /// Bytes that came with the job: an upload.
    content: Option<bytes::Bytes>,
    cancelled: Arc<AtomicBool>,
    /// Grows with every job: the order in which they are listed.
    sequence: u64,
}

/// What a job needs to run.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) key: JobKey,
    pub(crate) configuration: Value,
    pub(crate) caller: Caller,
    pub(crate) content: Option<bytes::Bytes>,
    pub(crate) now: i64,
    /// Set when somebody cancels the job.
    pub(crate) cancelled: Arc<AtomicBool>,
    /// A seed for what is random in a statement: another for every job.
    pub(crate) seed: u64,
}

impl Job {
    /// Changes when the job changes.
    pub(crate) fn etag(&self) -> String {
        format!("{:x}.{:x}", self.sequence, self.state as u8)
    }

    /// The table of a result that has no other: it goes with the job.
    fn anonymous_table(&self) -> Option<TableId> {
        let table = self.configuration.pointer("/query/destinationTable")?;
        let part = |name: &str| table[name].as_str();
        let dataset = part("datasetId").filter(|dataset| dataset.starts_with('_'))?;
        Some(TableId::new(part("projectId")?, dataset, part("tableId")?))
    }

    /// Bytes of a result that nothing else holds.
    fn result_bytes(&self) -> usize {
        let rows = self.result.as_ref().and_then(|result| result.rows.as_ref());
        match (rows, self.anonymous_table()) {
            (Some(rows), Some(_)) => rows.iter().map(RecordBatch::get_array_memory_size).sum(),
            _ => 0,
        }
    }
}

/// All jobs.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    jobs: HashMap<JobKey, Job>,
    order: BTreeMap<u64, JobKey>,
    next: u64,
    /// Jobs by the client's `requestId`, so that a query that is asked again is not run again.
    requests: BTreeMap<u64, (String, String)>,
    /// Bytes that the results of all jobs hold.
    result_bytes: usize,
    /// Anonymous results whose jobs are gone.
    orphans: Vec<TableId>,
    by_request: HashMap<(String, String), JobKey>,
}

impl Jobs {
    /// Makes a job that waits to be run; without an id it gets one.
    pub(crate) fn create(
        &mut self,
        project: &str,
        id: Option<&str>,
        configuration: Value,
        caller: Caller,
        content: Option<bytes::Bytes>,
        now: i64,
    ) -> Result<JobKey, JobError> {
        self.next += 1;
        let id = match id {
            Some(id) => id.to_owned(),
            None => format!("job_{}", scrambled(self.next)),
        };
        let is_valid = (1..=1024).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !is_valid {
            return Err(JobError::invalid(format!("Invalid job ID \"{id}\".")));
        }
        let key = JobKey { project: project.to_owned(), id };
        if self.jobs.contains_key(&key) {
            let text = format!("Already Exists: Job {project}:US.{}", key.id);
            return Err(JobError::new("duplicate", text));
        }
        let job = Job {
            key: key.clone(),
            configuration,
            caller,
            state: State::Pending,
            created_at: now,
            started_at: None,
            ended_at: None,
            statistics: Value::Object(Map::new()),
            error: None,
            errors: Vec::new(),
            result: None,
            parent: None,
            children: 0,
            content,
            cancelled: Arc::default(),
            sequence: self.next,
        };
        self.insert(job);
        Ok(key)
    }

    fn insert(&mut self, job: Job) {
        self.order.insert(job.sequence, job.key.clone());
        self.jobs.insert(job.key.clone(), job);
        self.make_room();
    }

    /// Takes away the oldest jobs that are done, while there are too many or their results too large; the
    /// newest stays whatever its size.
    fn make_room(&mut self) {
        while self.jobs.len() > JOBS_MAX || self.result_bytes > RESULT_BYTES_MAX {
            let is_done =
                |key: &&JobKey| self.jobs.get(*key).is_some_and(|it| it.state == State::Done);
            let mut oldest = self.order.values().filter(is_done);
            let (Some(key), Some(_newer)) = (oldest.next().cloned(), oldest.next()) else { return };
            self.remove(&key);
        }
    }

    /// The tables of results whose jobs are gone since the last time.
    pub(crate) fn take_orphans(&mut self) -> Vec<TableId> {
        std::mem::take(&mut self.orphans)
    }

    /// Begins to run a job; nothing when it is gone, was cancelled or runs already.
    pub(crate) fn start(&mut self, key: &JobKey, now: i64) -> Option<Task> {
        let job = self.jobs.get_mut(key).filter(|job| job.state == State::Pending)?;
        job.state = State::Running;
        job.started_at = Some(now);
        Some(Task {
            key: key.clone(),
            configuration: job.configuration.clone(),
            caller: job.caller.clone(),
            content: job.content.take(),
            now,
            cancelled: Arc::clone(&job.cancelled),
            seed: job.sequence ^ now.unsigned_abs(),
        })
    }

    /// Ends a job; one that was cancelled stays so.
    pub(crate) fn finish(&mut self, key: &JobKey, outcome: Result<Finished, JobError>, now: i64) {
        let Some(job) = self.jobs.get_mut(key).filter(|job| job.state != State::Done) else {
            return;
        };
        job.state = State::Done;
        job.ended_at = Some(now);
        match outcome {
            Err(error) => {
                job.errors = vec![error.clone()];
                job.error = Some(error);
            }
            Ok(finished) => {
                job.children = finished.children.len();
                let children = finished.children;
                merge(&mut job.statistics, finished.statistics);
                merge(&mut job.configuration, finished.configuration);
                job.errors = finished.errors;
                job.result = finished.result;
                self.result_bytes += job.result_bytes();
                let (parent, caller) = (job.key.clone(), job.caller.clone());
                let started = job.started_at.unwrap_or(now);
                for (index, child) in children.into_iter().enumerate() {
                    self.add_child(&parent, &caller, index, child, (started, now));
                }
            }
        }
        self.make_room();
    }

    /// A statement of a script, as a job that is done.
    fn add_child(
        &mut self,
        parent: &JobKey,
        caller: &Caller,
        index: usize,
        finished: Finished,
        (started, ended): (i64, i64),
    ) {
        self.next += 1;
        let id = format!("script_job_{}_{index}", scrambled(self.next));
        let key = JobKey { project: parent.project.clone(), id };
        // Clients put children in their order by these times, which are shown in milliseconds.
        let created = started.saturating_add(1_000 * index as i64);
        let job = Job {
            key,
            configuration: finished.configuration,
            caller: caller.clone(),
            state: State::Done,
            created_at: created,
            started_at: Some(created),
            ended_at: Some(ended.max(created)),
            statistics: finished.statistics,
            error: None,
            errors: finished.errors,
            result: finished.result,
            parent: Some(parent.id.clone()),
            children: 0,
            content: None,
            cancelled: Arc::default(),
            sequence: self.next,
        };
        self.insert(job);
    }

    /// A job.
    pub(crate) fn get(&self, key: &JobKey) -> Result<&Job, JobError> {
        self.jobs.get(key).ok_or_else(|| {
            JobError::new("notFound", format!("Not found: Job {}:US.{}", key.project, key.id))
        })
    }

    /// The jobs of a project, the newest first.
    pub(crate) fn list<'a>(&'a self, project: &'a str) -> impl Iterator<Item = &'a Job> {
        let mine = self.order.values().rev().filter(move |key| key.project == project);
        mine.filter_map(|key| self.jobs.get(key))
    }

    /// Asks a job to stop. One that waits is done at once; one that runs looks when it can.
    pub(crate) fn cancel(&mut self, key: &JobKey, now: i64) -> Result<&Job, JobError> {
        self.get(key)?;
        if let Some(job) = self.jobs.get_mut(key) {
            job.cancelled.store(true, Ordering::Relaxed);
            if job.state == State::Pending {
                let error = JobError::cancelled();
                job.state = State::Done;
                job.ended_at = Some(now);
                job.errors = vec![error.clone()];
                job.error = Some(error);
            }
        }
        self.get(key)
    }

    /// Forgets a job that is done.
    pub(crate) fn delete(&mut self, key: &JobKey) -> Result<(), JobError> {
        if self.get(key)?.state != State::Done {
            return Err(JobError::invalid(format!("Job {} is still running", key.id)));
        }
        self.remove(key);
        Ok(())
    }

    fn remove(&mut self, key: &JobKey) {
        let Some(job) = self.jobs.remove(key) else { return };
        self.order.remove(&job.sequence);
        self.result_bytes -= job.result_bytes().min(self.result_bytes);
        self.orphans.extend(job.anonymous_table());
    }

    /// The job that a request made before, where it carries the same id.
    pub(crate) fn by_request(&self, project: &str, request: &str) -> Option<JobKey> {
        let key = self.by_request.get(&(project.to_owned(), request.to_owned()))?;
        self.jobs.contains_key(key).then(|| key.clone())
    }

    /// Remembers the job of a request.
    pub(crate) fn remember_request(&mut self, project: &str, request: &str, key: JobKey) {
        let name = (project.to_owned(), request.to_owned());
        self.requests.insert(self.next, name.clone());
        self.by_request.insert(name, key);
        while self.requests.len() > REQUEST_IDS_MAX {
            if let Some((_, name)) = self.requests.pop_first() {
                self.by_request.remove(&name);
            }
        }
    }
}

/// Puts the fields of an object into another, records into records.
pub(super) fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (into, from) => *into = from,
    }
}

/// A number as an id that does not look like its neighbours (a bijection: ids stay distinct).
pub(crate) fn scrambled(number: u64) -> String {
    let mut bits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits ^= bits >> 32;
    bits = bits.wrapping_mul(0xd6e8_feb8_6659_fd93);
    bits ^= bits >> 32;
    format!("{bits:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn caller() -> Caller {
        Caller { principal: "user:a@b".to_owned(), groups: Vec::new() }
    }

    fn create(jobs: &mut Jobs, id: Option<&str>) -> Result<JobKey, JobError> {
        jobs.create("p", id, json!({ "query": { "query": "SELECT 1" } }), caller(), None, 5)
    }

    #[test]
    fn an_id_names_one_job() {
        let mut jobs = Jobs::default();
        create(&mut jobs, Some("a")).unwrap();
        let error = create(&mut jobs, Some("a")).unwrap_err();
        assert_eq!((error.reason, &*error.message), ("duplicate", "Already Exists: Job p:US.a"));
        assert!(create(&mut jobs, Some("no spaces")).is_err());
        let (first, second) = (create(&mut jobs, None).unwrap(), create(&mut jobs, None).unwrap());
        assert_ne!(first, second);
        let listed: Vec<&str> = jobs.list("p").map(|job| job.key.id.as_str()).collect();
        assert_eq!(listed, [&*second.id, &*first.id, "a"]);
    }

    #[test]
    fn a_job_runs_once_and_its_end_is_final() {
        let mut jobs = Jobs::default();
        let key = create(&mut jobs, None).unwrap();
        assert!(jobs.start(&key, 6).is_some());
        assert!(jobs.start(&key, 6).is_none());
        assert!(jobs.delete(&key).is_err(), "it runs");
        let finished = Finished {
            statistics: json!({ "query": { "statementType": "SELECT" } }),
            configuration: json!({ "query": { "priority": "INTERACTIVE" } }),
            ..Finished::default()
        };
        jobs.finish(&key, Ok(finished), 7);
        jobs.finish(&key, Err(JobError::invalid("late")), 8);
        let job = jobs.get(&key).unwrap();
        assert_eq!((job.state, job.ended_at, &job.error), (State::Done, Some(7), &None));
        let expected = json!({ "query": { "query": "SELECT 1", "priority": "INTERACTIVE" } });
        assert_eq!(job.configuration, expected);
        jobs.delete(&key).unwrap();
        assert!(jobs.get(&key).is_err());
    }

    #[test]
    fn a_job_that_waits_is_cancelled_at_once() {
        let mut jobs = Jobs::default();
        let key = create(&mut jobs, None).unwrap();
        assert_eq!(jobs.cancel(&key, 6).unwrap().state, State::Done);
        assert!(jobs.start(&key, 7).is_none());
    }

    #[test]
    fn old_jobs_make_room() {
        let mut jobs = Jobs::default();
        let first = create(&mut jobs, None).unwrap();
        let table = json!({ "projectId": "p", "datasetId": "_d", "tableId": "anon" });
        let configuration = json!({ "query": { "destinationTable": table } });
        for _ in 0..JOBS_MAX + 1 {
            let key = create(&mut jobs, None).unwrap();
            jobs.start(&key, 6);
            let configuration = configuration.clone();
            jobs.finish(&key, Ok(Finished { configuration, ..Finished::default() }), 7);
        }
        assert!(jobs.get(&first).is_ok(), "a job that waits stays");
        assert_eq!(jobs.list("p").count(), JOBS_MAX);
        let orphans = jobs.take_orphans();
        assert_eq!(orphans, [TableId::new("p", "_d", "anon"), TableId::new("p", "_d", "anon")]);
    }
}
