//! What the BigQuery sink decides, apart from sockets and timers: how an append becomes requests, which
//! answer belongs to which append, when a stream is in doubt, which failure is worth another try. Pure.
//! Invariant: an append is reported once, as taken, as refused or as lost.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use prost_types::DescriptorProto;
use tonic::{Code, Status};
use windtunnel_protos::bigquery::append_rows_request::{ProtoData, Rows as ProtoRowsCase};
use windtunnel_protos::bigquery::append_rows_response::Response;
use windtunnel_protos::bigquery::{
    AppendRowsRequest, AppendRowsResponse, ProtoRows, ProtoSchema, RowError,
};
use windtunnel_runtime::command::{AppendError, AppendId, FatalError, Input, Rows};

use crate::limits::{APPEND_BYTES_MAX, APPENDS_IN_FLIGHT};
use crate::named_rows::{RowEncoder, Unfit};
use crate::rows::{
    encode_events, encode_windows, encoded_len, event_descriptor, window_descriptor,
};

/// What becomes of a call.
#[derive(Debug)]
pub enum Verdict<T> {
    /// It has its answer, or failed for good.
    Done(Result<T, FatalError>),
    /// Its failure is the service's or the network's: worth another try.
    Again(Status),
}

/// Judges the outcome of a call by its class.
pub fn judge<T>(what: &str, outcome: Result<T, Status>) -> Verdict<T> {
    match outcome {
        Ok(answer) => Verdict::Done(Ok(answer)),
        Err(status) if is_transient(&status) => Verdict::Again(status),
        Err(status) => {
            let message = format!("{what}: {} ({:?})", status.message(), status.code());
            Verdict::Done(Err(FatalError { service: "BigQuery", message }))
        }
    }
}

fn is_transient(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unknown
            | Code::Cancelled
    )
}

/// What no stream of the table will ever take, as an answer or the end of an append's connection says it.
#[must_use]
pub fn refusal(stream: &str, status: &Status) -> Option<FatalError> {
    matches!(
        status.code(),
        Code::InvalidArgument
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::Unimplemented
    )
    .then(|| FatalError {
        service: "BigQuery",
        message: format!("AppendRows to {stream}: {} ({:?})", status.message(), status.code()),
    })
}

/// The outcome of a FlushRows call for so many rows.
///
/// # Errors
/// The status, except for ALREADY_EXISTS: the rows were flushed by a call whose answer was lost.
pub fn flushed(rows: u64, outcome: Result<(), Status>) -> Result<u64, Status> {
    match outcome {
        Ok(()) => Ok(rows),
        Err(status) if status.code() == Code::AlreadyExists => Ok(rows),
        Err(status) if status.code() == Code::NotFound => Err(Status::not_found(format!(
            "{}; the stream is gone, with its table or because nobody used it for days; if the table was \
             deleted, begin a new job with another folder of checkpoints: what was not acknowledged comes again",
            status.message()
        ))),
        Err(status) => Err(status),
    }
}

/// The report of an append whose stream is given up.
#[must_use]
pub fn stream_lost(append: AppendId, reason: &str) -> Input {
    Input::Appended { append, result: Err(AppendError::StreamLost(reason.to_owned())) }
}

/// One append on its way to a connection.
#[derive(Debug)]
pub struct Append {
    /// Who asks.
    pub id: AppendId,
    /// The row offset in the stream.
    pub offset: u64,
    /// The rows.
    pub rows: Rows,
}

/// An append whose requests are sent, and how many answers it still waits for.
#[derive(Debug)]
struct Sent {
    id: AppendId,
    answers: usize,
    requests: usize,
}

/// An append that has its outcome.
#[derive(Debug)]
pub struct Settled {
    /// For the coordinator.
    pub input: Input,
    /// Why the stream is in doubt, where it is: nothing more may be sent.
    pub doubt: Option<String>,
}

/// The client's side of one AppendRows connection: requests go out in order and are answered in order.
#[derive(Debug)]
pub struct Conversation {
    name: Arc<str>,
    /// For rows of a table that the pipeline names.
    encoder: Option<Arc<RowEncoder>>,
    sent: VecDeque<Sent>,
    is_first: bool,
}

impl Conversation {
    /// A connection to a stream on which nothing was said yet.
    #[must_use]
    pub fn new(name: Arc<str>) -> Self {
        Self { name, encoder: None, sent: VecDeque::new(), is_first: true }
    }

    /// A connection to a stream of a table that the pipeline names.
    #[must_use]
    pub fn with_encoder(name: Arc<str>, encoder: Arc<RowEncoder>) -> Self {
        Self { encoder: Some(encoder), ..Self::new(name) }
    }

    /// Whether one more append may be under way.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.sent.len() < APPENDS_IN_FLIGHT
    }

    /// Appends under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.sent.len()
    }

    /// The requests of an append, to be sent in order.
    ///
    /// # Errors
    /// Why the rows are not sent; the stream is then given up, since later rows stand behind them.
    pub fn append(&mut self, append: &Append) -> Result<Vec<AppendRowsRequest>, Unfit> {
        let (rows, descriptor) = self.encode(&append.rows)?;
        let descriptor = self.is_first.then_some(descriptor);
        let requests = split(&self.name, append.offset, rows, descriptor);
        self.is_first = false;
        let count = requests.len();
        self.sent.push_back(Sent { id: append.id, answers: count, requests: count });
        Ok(requests)
    }

    /// Rows in the service's form, and what says which form that is.
    fn encode(&self, rows: &Rows) -> Result<(Vec<Bytes>, Descriptor<'_>), Unfit> {
        Ok(match (rows, &self.encoder) {
            (Rows::Events(batch), _) => (encode_events(batch), Box::new(event_descriptor)),
            (Rows::Windows(rows), _) => (encode_windows(rows), Box::new(window_descriptor)),
            (Rows::Named(rows), Some(encoder)) => {
                (encoder.encode(rows)?, Box::new(|| encoder.descriptor()))
            }
            (Rows::Named(rows), None) => {
                let reason = "the service has not said what columns the table has";
                let every = (0_u32..).take(rows.len());
                return Err(Unfit::Refused(every.map(|row| (row, reason.to_owned())).collect()));
            }
        })
    }

    /// Books one answer; none while its append waits for more of them.
    ///
    /// # Errors
    /// Why the stream is in doubt; then [`Conversation::lost`] reports everything under way.
    pub fn answered(&mut self, answer: AppendRowsResponse) -> Result<Option<Settled>, String> {
        let Some(front) = self.sent.front_mut() else {
            return Err("an answer without a request".to_owned());
        };
        if !answer.row_errors.is_empty() {
            // With several requests for one append, earlier ones are in the stream already: in doubt.
            if front.requests > 1 {
                return Err("rows were refused in a part of an append".to_owned());
            }
            return Ok(self.settle(Err(refused(answer.row_errors)), Some("rows were refused")));
        }
        match answer.response {
            Some(Response::AppendResult(_)) => {
                front.answers -= 1;
                if front.answers > 0 {
                    return Ok(None);
                }
                Ok(self.settle(Ok(()), None))
            }
            Some(Response::Error(status)) => {
                let status = Status::new(Code::from(status.code), status.message);
                let reason = format!("{} (code {})", status.message(), status.code() as i32);
                match refusal(&self.name, &status) {
                    Some(error) => Ok(self.settle(Err(AppendError::Refused(error)), Some(&reason))),
                    None => Err(reason),
                }
            }
            None => Err("an answer without content".to_owned()),
        }
    }

    /// The connection is over: everything under way is reported as lost.
    pub fn lost(self, reason: &str) -> impl Iterator<Item = Input> {
        self.sent.into_iter().map(move |append| stream_lost(append.id, reason))
    }

    fn settle(&mut self, result: Result<(), AppendError>, doubt: Option<&str>) -> Option<Settled> {
        let append = self.sent.pop_front()?.id;
        Some(Settled { input: Input::Appended { append, result }, doubt: doubt.map(str::to_owned) })
    }
}

fn refused(errors: Vec<RowError>) -> AppendError {
    let rows = errors
        .into_iter()
        .map(|error| (u32::try_from(error.index).unwrap_or(u32::MAX), error.message));
    AppendError::RowsRefused(rows.collect())
}

/// Makes the message type of rows where it is needed.
type Descriptor<'a> = Box<dyn Fn() -> DescriptorProto + 'a>;

/// Rows as requests of a size that the service takes; the first request of a connection says what they are.
fn split(
    name: &Arc<str>,
    offset: u64,
    rows: Vec<Bytes>,
    mut descriptor: Option<Descriptor<'_>>,
) -> Vec<AppendRowsRequest> {
    let mut requests: Vec<AppendRowsRequest> = Vec::with_capacity(1);
    let mut offset = i64::try_from(offset).unwrap_or(i64::MAX);
    let mut part: Vec<Bytes> = Vec::new();
    let mut bytes = 0;
    let mut close = |part: &mut Vec<Bytes>, offset: &mut i64| {
        let count = i64::try_from(part.len()).unwrap_or(i64::MAX);
        let descriptor = descriptor.take().map(|make| make());
        let says_what = descriptor.is_some();
        requests.push(AppendRowsRequest {
            write_stream: if says_what { name.to_string() } else { String::new() },
            offset: Some(*offset),
            rows: Some(ProtoRowsCase::ProtoRows(ProtoData {
                writer_schema: descriptor
                    .map(|descriptor| ProtoSchema { proto_descriptor: Some(descriptor) }),
                rows: Some(ProtoRows { serialized_rows: std::mem::take(part) }),
            })),
            trace_id: if says_what { "windtunnel".to_owned() } else { String::new() },
            ..AppendRowsRequest::default()
        });
        *offset += count;
    };
    for row in rows {
        let length = encoded_len(&row);
        if bytes + length > APPEND_BYTES_MAX && !part.is_empty() {
            close(&mut part, &mut offset);
            bytes = 0;
        }
        bytes += length;
        part.push(row);
    }
    close(&mut part, &mut offset);
    requests
}

#[cfg(test)]
mod tests {
    use super::*;
    use windtunnel_model::EventBatch;
    use windtunnel_protos::bigquery::append_rows_response::AppendResult;
    use windtunnel_protos::bigquery::rpc;

    fn append(id: u64) -> Append {
        let rows = Rows::Events(Arc::new(EventBatch::default()));
        Append { id: AppendId(id), offset: 0, rows }
    }

    fn answer(response: Response) -> AppendRowsResponse {
        AppendRowsResponse { response: Some(response), ..AppendRowsResponse::default() }
    }

    #[test]
    fn answers_belong_to_the_appends_in_their_order() {
        let mut conversation = Conversation::new("s".into());
        conversation.append(&append(1)).unwrap();
        conversation.append(&append(2)).unwrap();
        let taken = || answer(Response::AppendResult(AppendResult { offset: Some(0) }));
        let settled = conversation.answered(taken()).unwrap().unwrap();
        let is_first = |input: &Input| matches!(input, Input::Appended { append: AppendId(1), .. });
        assert!(is_first(&settled.input) && settled.doubt.is_none());
        let error = rpc::Status { code: 11, message: "beyond".to_owned(), details: Vec::new() };
        let doubt = conversation.answered(answer(Response::Error(error))).unwrap_err();
        assert_eq!(doubt, "beyond (code 11)");
        let lost: Vec<Input> = conversation.lost(&doubt).collect();
        assert!(matches!(lost[..], [Input::Appended { append: AppendId(2), result: Err(_) }]));
    }

    #[test]
    fn an_append_that_no_stream_would_take_ends_the_job() {
        let mut conversation = Conversation::new("s".into());
        conversation.append(&append(1)).unwrap();
        let message = "no such field: user_id".to_owned();
        let error = rpc::Status { code: 3, message, details: Vec::new() };
        let settled = conversation.answered(answer(Response::Error(error))).unwrap().unwrap();
        let Input::Appended { result: Err(AppendError::Refused(error)), .. } = settled.input else {
            panic!("{settled:?}")
        };
        assert_eq!(
            error.to_string(),
            "BigQuery: AppendRows to s: no such field: user_id (InvalidArgument)"
        );
        assert!(settled.doubt.is_some());
    }

    #[test]
    fn refused_rows_settle_their_append_and_end_the_stream() {
        let mut conversation = Conversation::new("s".into());
        conversation.append(&append(1)).unwrap();
        let row = RowError { index: 3, code: 1, message: "too long".to_owned() };
        let refused = AppendRowsResponse { row_errors: vec![row], ..Default::default() };
        let settled = conversation.answered(refused).unwrap().unwrap();
        let rows = vec![(3, "too long".to_owned())];
        let Input::Appended { result: Err(error), .. } = settled.input else { panic!() };
        assert_eq!(error, AppendError::RowsRefused(rows));
        assert!(settled.doubt.is_some());
        assert!(conversation.answered(AppendRowsResponse::default()).is_err());
    }

    #[test]
    fn failures_are_classified_once() {
        // The status of a call is tried again, or ends the job; that of an append leaves its stream in
        // doubt, or ends the job.
        for (code, is_tried_again, is_refused) in [
            (Code::Unavailable, true, false),
            (Code::ResourceExhausted, true, false),
            (Code::DeadlineExceeded, true, false),
            (Code::Aborted, true, false),
            (Code::Internal, true, false),
            (Code::Unknown, true, false),
            (Code::Cancelled, true, false),
            (Code::NotFound, false, false),
            (Code::AlreadyExists, false, false),
            (Code::OutOfRange, false, false),
            (Code::PermissionDenied, false, true),
            (Code::Unauthenticated, false, true),
            (Code::InvalidArgument, false, true),
            (Code::FailedPrecondition, false, false),
            (Code::Unimplemented, false, true),
        ] {
            let judged = judge::<()>("call", Err(Status::new(code, "x")));
            assert_eq!(matches!(judged, Verdict::Again(_)), is_tried_again, "{code:?}");
            assert_eq!(refusal("s", &Status::new(code, "x")).is_some(), is_refused, "{code:?}");
        }
        assert_eq!(flushed(7, Err(Status::already_exists("x"))).unwrap(), 7);
        assert!(flushed(7, Err(Status::out_of_range("x"))).is_err());
    }
}
