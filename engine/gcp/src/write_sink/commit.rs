//! PENDING streams: sealed one by one, committed together. Both calls are safe to repeat, because the names
//! are in a checkpoint before anything is committed and a stream can be committed only once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tonic::Status;
use windtunnel_protos::bigquery::storage_error::StorageErrorCode;
use windtunnel_protos::bigquery::{
    BatchCommitWriteStreamsRequest, BatchCommitWriteStreamsResponse, FinalizeWriteStreamRequest,
};
use windtunnel_runtime::command::{FatalError, Input};

use super::{WriteSink, persist};
use crate::limits::STREAMS_IN_COMMIT_MAX;

/// Lets a stream take no more rows and says how many it holds.
#[tracing::instrument(name = "finalize_write_stream", skip_all)]
pub(super) async fn seal(sink: Arc<WriteSink>, name: Arc<str>, inputs: mpsc::Sender<Input>) {
    let what = format!("FinalizeWriteStream of {name}");
    let result = persist(&what, || async {
        let request = FinalizeWriteStreamRequest { name: name.to_string() };
        let answer = sink.client().await?.finalize_write_stream(request).await?.into_inner();
        Ok(u64::try_from(answer.row_count).unwrap_or_default())
    });
    let result = result.await;
    let _ended = inputs.send(Input::Sealed { name, result }).await;
}

/// Commits sealed streams: those of a table in one request, unless they are very many.
#[tracing::instrument(name = "batch_commit_write_streams", skip_all, fields(streams = names.len()))]
pub(super) async fn commit(
    sink: Arc<WriteSink>,
    names: Vec<Arc<str>>,
    inputs: mpsc::Sender<Input>,
) {
    let result = commit_all(&sink, &names).await;
    let _ended = inputs.send(Input::Committed { result }).await;
}

async fn commit_all(sink: &WriteSink, names: &[Arc<str>]) -> Result<(), FatalError> {
    for (parent, names) in by_table(names) {
        for names in names.chunks(STREAMS_IN_COMMIT_MAX) {
            let what = format!("BatchCommitWriteStreams of {parent}");
            persist(&what, || commit_some(sink, &parent, names)).await?;
        }
    }
    Ok(())
}

/// Streams by the table that they belong to.
fn by_table(names: &[Arc<str>]) -> BTreeMap<String, Vec<Arc<str>>> {
    let mut tables: BTreeMap<String, Vec<Arc<str>>> = BTreeMap::new();
    for name in names {
        let parent = name.split_once("/streams/").map_or(&**name, |(parent, _)| parent);
        tables.entry(parent.to_owned()).or_default().push(Arc::clone(name));
    }
    tables
}

async fn commit_some(sink: &WriteSink, parent: &str, names: &[Arc<str>]) -> Result<(), Status> {
    let mut names: BTreeSet<String> = names.iter().map(|name| name.to_string()).collect();
    while !names.is_empty() {
        let request = BatchCommitWriteStreamsRequest {
            parent: parent.to_owned(),
            write_streams: names.iter().cloned().collect(),
        };
        let answer = sink.client().await?.batch_commit_write_streams(request).await?.into_inner();
        let before = names.len();
        if take_committed(&mut names, answer)? {
            return Ok(());
        }
        if names.len() == before {
            return Err(Status::failed_precondition("the service names streams that are not ours"));
        }
    }
    Ok(())
}

/// Whether an answer says that everything is committed. Streams that an earlier request committed, whose
/// answer was lost, are taken out of the names: the service then commits none of the others.
fn take_committed(
    names: &mut BTreeSet<String>,
    answer: BatchCommitWriteStreamsResponse,
) -> Result<bool, Status> {
    if answer.stream_errors.is_empty() {
        return Ok(true);
    }
    for error in answer.stream_errors {
        if error.code() != StorageErrorCode::StreamAlreadyCommitted {
            let (entity, message) = (error.entity, error.error_message);
            return Err(Status::failed_precondition(format!(
                "{entity}: {message}; the service keeps what was sealed for 4 hours: if it is gone, begin a new \
                 job with another folder of checkpoints"
            )));
        }
        names.remove(&error.entity);
    }
    Ok(names.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use windtunnel_protos::bigquery::StorageError;

    fn names() -> BTreeSet<String> {
        ["a", "b"].map(str::to_owned).into()
    }

    fn answer(errors: &[(&str, StorageErrorCode)]) -> BatchCommitWriteStreamsResponse {
        let error = |(entity, code): &(&str, StorageErrorCode)| StorageError {
            code: (*code).into(),
            entity: (*entity).to_owned(),
            error_message: "no".to_owned(),
        };
        let stream_errors = errors.iter().map(error).collect();
        BatchCommitWriteStreamsResponse { commit_time: None, stream_errors }
    }

    #[test]
    fn what_was_committed_before_is_left_out_and_other_errors_end_the_job() {
        use StorageErrorCode::{StreamAlreadyCommitted, StreamNotFound};
        let mut left = names();
        assert!(take_committed(&mut left, answer(&[])).unwrap());
        assert!(!take_committed(&mut left, answer(&[("a", StreamAlreadyCommitted)])).unwrap());
        assert_eq!(left.iter().collect::<Vec<_>>(), ["b"]);
        assert!(take_committed(&mut left, answer(&[("b", StreamAlreadyCommitted)])).unwrap());
        let refused = take_committed(&mut names(), answer(&[("a", StreamNotFound)])).unwrap_err();
        assert!(refused.message().starts_with("a: no"), "{refused}");
    }

    #[test]
    fn streams_are_committed_by_their_table() {
        let names = ["p/tables/a/streams/1", "p/tables/b/streams/2", "p/tables/a/streams/3"];
        let tables = by_table(&names.map(Arc::from));
        let counts: Vec<_> =
            tables.iter().map(|(table, names)| (table.as_str(), names.len())).collect();
        assert_eq!(counts, [("p/tables/a", 2), ("p/tables/b", 1)]);
    }
}
