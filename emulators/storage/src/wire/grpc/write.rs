//! Writes on gRPC. A write in one stream and a resumable one are both uploads of the broker; the only
//! difference is what becomes of a stream that ends before it is finished: the first is given up, the
//! second goes on in another stream.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use windtunnel_protos::storage::{
    BidiWriteObjectRequest, BidiWriteObjectResponse, ChecksummedData, Object, ObjectChecksums,
    QueryWriteStatusRequest, QueryWriteStatusResponse, StartResumableWriteRequest,
    StartResumableWriteResponse, WriteObjectRequest, WriteObjectResponse, WriteObjectSpec,
    bidi_write_object_request as bidi_request, bidi_write_object_response as bidi_response,
    query_write_status_response as query_response, write_object_request as request,
    write_object_response as response,
};

use super::{Messages, bucket_id, object, preconditions, refuse, refuse_keys, status_of};
use crate::broker::{BrokerError, ChunkOutcome, ObjectSpec, Preconditions, UploadId};
use crate::clock::now_micros;
use crate::limits::STREAM_MESSAGES_MAX;
use crate::wire::Shared;

/// What begins a stream.
enum First {
    Upload(String),
    Object(Box<WriteObjectSpec>),
}

/// One message of a stream, of either kind of call.
struct Step {
    first: Option<First>,
    offset: i64,
    data: Option<ChecksummedData>,
    checksums: Option<ObjectChecksums>,
    finishes: bool,
}

/// How far a write is.
enum Progress {
    Persisted(i64),
    Written(Box<Object>),
}

/// A stream that writes one object.
struct Session {
    id: UploadId,
    /// Given up when the stream ends before it is finished.
    is_only_stream: bool,
    size: Option<i64>,
    trailing: ObjectSpec,
}

impl Session {
    fn begin(shared: &Shared, first: First) -> Result<Self, BrokerError> {
        let trailing = ObjectSpec::default();
        match first {
            First::Upload(id) => {
                let id = upload_id(&id)?;
                Ok(Self { id, is_only_stream: false, size: None, trailing })
            }
            First::Object(spec) => {
                let size = spec.object_size;
                let id = begin_upload(shared, *spec, None)?;
                Ok(Self { id, is_only_stream: true, size, trailing })
            }
        }
    }

    /// Takes one message.
    fn step(&mut self, shared: &Shared, step: Step) -> Result<Progress, BrokerError> {
        let now = now_micros();
        let mut broker = shared.broker(now);
        if let Some(data) = step.data {
            let calculated = crc32c::crc32c(&data.content);
            if data.crc32c.is_some_and(|stated| stated != calculated) {
                let text = format!("Provided CRC32C does not match the calculated {calculated}.");
                return Err(BrokerError::Invalid(text));
            }
            let offset = usize::try_from(step.offset)
                .map_err(|_| BrokerError::Invalid("Invalid write_offset.".to_owned()))?;
            broker.append_upload(self.id, offset, &data.content)?;
        }
        if step.checksums.is_some() {
            let (crc32c, md5) = object::stated(step.checksums.as_ref());
            self.trailing = ObjectSpec { crc32c, md5, ..ObjectSpec::default() };
        }
        let persisted = match broker.upload_status(self.id)? {
            ChunkOutcome::Finished(view) => {
                return Ok(Progress::Written(Box::new(object::resource(view))));
            }
            ChunkOutcome::Incomplete(taken) => i64::try_from(taken).unwrap_or(i64::MAX),
        };
        if !step.finishes {
            return Ok(Progress::Persisted(persisted));
        }
        if self.size.is_some_and(|size| size != persisted) {
            let size = usize::try_from(persisted).unwrap_or_default();
            return Err(BrokerError::OutOfRange { size });
        }
        let view = broker.finish_upload(self.id, &self.trailing, now)?;
        Ok(Progress::Written(Box::new(object::resource(view))))
    }

    /// A stream that ended before it was finished.
    fn abandon(&self, shared: &Shared) {
        if self.is_only_stream {
            // It may be over already.
            let _gone = shared.broker(now_micros()).cancel_upload(self.id);
        }
    }
}

fn begin_upload(
    shared: &Shared,
    spec: WriteObjectSpec,
    checksums: Option<&ObjectChecksums>,
) -> Result<UploadId, BrokerError> {
    refuse(&[("WriteObjectSpec.predefined_acl", &spec.predefined_acl)])?;
    if spec.appendable == Some(true) {
        return Err(BrokerError::Unimplemented("WriteObjectSpec.appendable".to_owned()));
    }
    let resource = spec.resource.as_ref().ok_or(BrokerError::Required("resource"))?;
    let bucket = bucket_id(&resource.bucket)?;
    let upload = object::spec_from(resource, checksums)?;
    shared.broker(now_micros()).start_upload(bucket, upload, preconditions!(spec))
}

pub(super) fn upload_id(text: &str) -> Result<UploadId, BrokerError> {
    u64::from_str_radix(text, 16).map(UploadId).map_err(|_| BrokerError::UploadNotFound)
}

pub(super) fn start(
    shared: &Shared,
    request: StartResumableWriteRequest,
) -> Result<StartResumableWriteResponse, BrokerError> {
    refuse_keys(request.common_object_request_params.as_ref())?;
    let spec = request.write_object_spec.ok_or(BrokerError::Required("write_object_spec"))?;
    let UploadId(id) = begin_upload(shared, spec, request.object_checksums.as_ref())?;
    Ok(StartResumableWriteResponse { upload_id: format!("{id:016x}") })
}

pub(super) fn status(
    shared: &Shared,
    request: &QueryWriteStatusRequest,
) -> Result<QueryWriteStatusResponse, BrokerError> {
    let broker = shared.broker(now_micros());
    let status = match broker.upload_status(upload_id(&request.upload_id)?)? {
        ChunkOutcome::Incomplete(taken) => {
            let taken = i64::try_from(taken).unwrap_or(i64::MAX);
            query_response::WriteStatus::PersistedSize(taken)
        }
        ChunkOutcome::Finished(view) => {
            query_response::WriteStatus::Resource(object::resource(view))
        }
    };
    Ok(QueryWriteStatusResponse { write_status: Some(status) })
}

pub(super) async fn write_object(
    shared: &Shared,
    mut requests: Streaming<WriteObjectRequest>,
) -> Result<WriteObjectResponse, Status> {
    let mut session = None;
    let written = write_all(shared, &mut requests, &mut session).await;
    if let Some(session) = &session
        && !matches!(written, Ok(Progress::Written(_)))
    {
        session.abandon(shared);
    }
    let status = match written? {
        Progress::Written(object) => response::WriteStatus::Resource(*object),
        Progress::Persisted(_) if session.is_none_or(|session| session.is_only_stream) => {
            return Err(Status::invalid_argument("the stream ended without finish_write"));
        }
        Progress::Persisted(bytes) => response::WriteStatus::PersistedSize(bytes),
    };
    Ok(WriteObjectResponse { write_status: Some(status) })
}

async fn write_all(
    shared: &Shared,
    requests: &mut Streaming<WriteObjectRequest>,
    session: &mut Option<Session>,
) -> Result<Progress, Status> {
    let mut progress = Progress::Persisted(0);
    while let Some(message) = requests.message().await? {
        refuse_keys(message.common_object_request_params.as_ref()).map_err(status_of)?;
        progress = step(shared, session, message.into()).map_err(status_of)?;
        if matches!(progress, Progress::Written(_)) {
            break;
        }
    }
    Ok(progress)
}

fn step(
    shared: &Shared,
    session: &mut Option<Session>,
    mut step: Step,
) -> Result<Progress, BrokerError> {
    let session = match (session, step.first.take()) {
        (Some(_), Some(_)) => {
            let text = "Only the first message of a stream names what is written.".to_owned();
            return Err(BrokerError::Invalid(text));
        }
        (Some(session), None) => session,
        (session, Some(first)) => session.insert(Session::begin(shared, first)?),
        (None, None) => {
            let text = "The first message of a stream names what is written.".to_owned();
            return Err(BrokerError::Invalid(text));
        }
    };
    session.step(shared, step)
}

pub(super) fn bidi_write_object(
    shared: Arc<Shared>,
    requests: Streaming<BidiWriteObjectRequest>,
) -> Messages<BidiWriteObjectResponse> {
    let (tx, rx) = mpsc::channel(STREAM_MESSAGES_MAX);
    tokio::spawn(async move {
        let mut session = None;
        let written = bidi_write_all(&shared, requests, &mut session, &tx).await;
        if let Some(session) = &session
            && !matches!(written, Ok(true))
        {
            session.abandon(&shared);
        }
        if let Err(status) = written {
            // Nobody is left to hear it when this fails.
            let _gone = tx.send(Err(status)).await;
        }
    });
    Box::pin(ReceiverStream::new(rx))
}

/// Whether the object was written.
async fn bidi_write_all(
    shared: &Shared,
    mut requests: Streaming<BidiWriteObjectRequest>,
    session: &mut Option<Session>,
    tx: &mpsc::Sender<Result<BidiWriteObjectResponse, Status>>,
) -> Result<bool, Status> {
    while let Some(message) = requests.message().await? {
        refuse_keys(message.common_object_request_params.as_ref()).map_err(status_of)?;
        let asks = message.state_lookup || message.flush;
        let next = bidi_step(message).map_err(status_of)?;
        let progress = step(shared, session, next).map_err(status_of)?;
        let is_written = matches!(progress, Progress::Written(_));
        let status = match progress {
            Progress::Written(object) => bidi_response::WriteStatus::Resource(*object),
            Progress::Persisted(bytes) => bidi_response::WriteStatus::PersistedSize(bytes),
        };
        if asks || is_written {
            let reply = BidiWriteObjectResponse { write_handle: None, write_status: Some(status) };
            if tx.send(Ok(reply)).await.is_err() || is_written {
                return Ok(is_written);
            }
        }
    }
    Ok(false)
}

impl From<WriteObjectRequest> for Step {
    fn from(message: WriteObjectRequest) -> Self {
        let first = message.first_message.map(|first| match first {
            request::FirstMessage::UploadId(id) => First::Upload(id),
            request::FirstMessage::WriteObjectSpec(spec) => First::Object(Box::new(spec)),
        });
        Self {
            first,
            offset: message.write_offset,
            data: message.data.map(|request::Data::ChecksummedData(data)| data),
            checksums: message.object_checksums,
            finishes: message.finish_write,
        }
    }
}

fn bidi_step(message: BidiWriteObjectRequest) -> Result<Step, BrokerError> {
    let first = match message.first_message {
        None => None,
        Some(bidi_request::FirstMessage::UploadId(id)) => Some(First::Upload(id)),
        Some(bidi_request::FirstMessage::WriteObjectSpec(spec)) => {
            Some(First::Object(Box::new(spec)))
        }
        Some(bidi_request::FirstMessage::AppendObjectSpec(_)) => {
            return Err(BrokerError::Unimplemented("AppendObjectSpec".to_owned()));
        }
    };
    Ok(Step {
        first,
        offset: message.write_offset,
        data: message.data.map(|bidi_request::Data::ChecksummedData(data)| data),
        checksums: message.object_checksums,
        finishes: message.finish_write,
    })
}
