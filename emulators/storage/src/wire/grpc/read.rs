//! Reads on gRPC: one range by `ReadObject`, any number of ranges on one stream by `BidiReadObject`. The
//! content goes in slices of the stored bytes, each with its checksum.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use prost_types::Any;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use windtunnel_protos::storage::{
    BidiReadHandle, BidiReadObjectError, BidiReadObjectRequest, BidiReadObjectResponse,
    BidiReadObjectSpec, ChecksummedData, ContentRange, Object, ObjectRangeData, ReadObjectRequest,
    ReadObjectResponse, ReadRange, ReadRangeError, rpc,
};

use super::{Messages, bucket_id, generation, object, preconditions, refuse_keys, status_of};
use crate::broker::{BrokerError, Preconditions, Selector};
use crate::clock::now_micros;
use crate::limits::{READ_CHUNK_BYTES, STREAM_MESSAGES_MAX};
use crate::wire::Shared;

/// The bytes that an offset and a limit mean: a negative offset counts from the end, a limit of 0 is none.
fn range_of(offset: i64, limit: i64, size: usize) -> Result<Range<usize>, BrokerError> {
    let start = match usize::try_from(offset) {
        Ok(start) => start,
        Err(_) => {
            let back = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            size.saturating_sub(back)
        }
    };
    let limit = usize::try_from(limit).map_err(|_| BrokerError::OutOfRange { size })?;
    if start > size {
        return Err(BrokerError::OutOfRange { size });
    }
    let end = if limit == 0 { size } else { start.saturating_add(limit).min(size) };
    Ok(start..end)
}

/// A content in slices; an empty one is one empty slice.
fn chunks(content: Bytes, range: Range<usize>) -> impl Iterator<Item = (usize, ChecksummedData)> {
    let starts = (range.start..range.end.max(range.start + 1)).step_by(READ_CHUNK_BYTES);
    starts.map(move |start| {
        let end = start.saturating_add(READ_CHUNK_BYTES).min(range.end);
        let content = content.slice(start..end);
        let crc32c = Some(crc32c::crc32c(&content));
        (start, ChecksummedData { content, crc32c })
    })
}

pub(super) fn read_object(
    shared: &Shared,
    request: ReadObjectRequest,
) -> Result<Messages<ReadObjectResponse>, BrokerError> {
    refuse_keys(request.common_object_request_params.as_ref())?;
    let selector = Selector::of(generation(request.generation));
    let (conditions, now) = (preconditions!(request), now_micros());
    let broker = shared.broker(now);
    let bucket = bucket_id(&request.bucket)?;
    let view = broker.get(bucket, &request.object, selector, conditions, now)?;
    let (content, metadata) = (view.object.content.clone(), object::resource(view));
    drop(broker);
    let range = range_of(request.read_offset, request.read_limit, content.len())?;
    let int = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let mut first = Some(ReadObjectResponse {
        checksummed_data: None,
        object_checksums: metadata.checksums.clone(),
        content_range: Some(ContentRange {
            start: int(range.start),
            end: int(range.end),
            complete_length: int(content.len()),
        }),
        metadata: Some(metadata),
    });
    let messages = chunks(content, range).map(move |(_, data)| {
        // What describes the object comes with the first slice alone.
        let message = first.take().unwrap_or_default();
        Ok(ReadObjectResponse { checksummed_data: Some(data), ..message })
    });
    Ok(Box::pin(tokio_stream::iter(messages)))
}

pub(super) fn bidi_read_object(
    shared: Arc<Shared>,
    requests: Streaming<BidiReadObjectRequest>,
) -> Messages<BidiReadObjectResponse> {
    let (tx, rx) = mpsc::channel(STREAM_MESSAGES_MAX);
    tokio::spawn(async move {
        if let Err(status) = answer(&shared, requests, &tx).await {
            // Nobody is left to hear it when this fails.
            let _gone = tx.send(Err(status)).await;
        }
    });
    Box::pin(ReceiverStream::new(rx))
}

type Replies = mpsc::Sender<Result<BidiReadObjectResponse, Status>>;

async fn answer(
    shared: &Shared,
    mut requests: Streaming<BidiReadObjectRequest>,
    tx: &Replies,
) -> Result<(), Status> {
    let Some(first) = requests.message().await? else { return Ok(()) };
    let spec = first.read_object_spec.unwrap_or_default();
    let had_handle = spec.read_handle.is_some();
    let (content, metadata) = open(shared, spec).map_err(status_of)?;
    let handle = Bytes::from(metadata.generation.to_string());
    let opened = BidiReadObjectResponse {
        object_data_ranges: Vec::new(),
        metadata: (!had_handle).then_some(metadata),
        read_handle: Some(BidiReadHandle { handle }),
    };
    if tx.send(Ok(opened)).await.is_err() {
        return Ok(());
    }
    let mut ranges = first.read_ranges;
    loop {
        for range in ranges {
            if !send(&content, range, tx).await? {
                return Ok(());
            }
        }
        let Some(request) = requests.message().await? else { return Ok(()) };
        if request.read_object_spec.is_some() {
            let text = "read_object_spec belongs in the first message";
            return Err(Status::invalid_argument(text));
        }
        ranges = request.read_ranges;
    }
}

fn open(shared: &Shared, spec: BidiReadObjectSpec) -> Result<(Bytes, Object), BrokerError> {
    refuse_keys(spec.common_object_request_params.as_ref())?;
    let selector = Selector::of(generation(spec.generation));
    let (conditions, now) = (preconditions!(spec), now_micros());
    let broker = shared.broker(now);
    let view = broker.get(bucket_id(&spec.bucket)?, &spec.object, selector, conditions, now)?;
    Ok((view.object.content.clone(), object::resource(view)))
}

/// Sends one range; false when nobody listens any more.
async fn send(content: &Bytes, asked_for: ReadRange, tx: &Replies) -> Result<bool, Status> {
    let ReadRange { read_offset, read_length, read_id } = asked_for;
    let range = range_of(read_offset, read_length, content.len())
        .map_err(|error| range_error(read_id, error))?;
    let end = range.end;
    for (start, data) in chunks(content.clone(), range) {
        let length = data.content.len();
        let int = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        let read_range = ReadRange { read_offset: int(start), read_length: int(length), read_id };
        let object_data_ranges = vec![ObjectRangeData {
            checksummed_data: Some(data),
            read_range: Some(read_range),
            range_end: start + length == end,
        }];
        let message =
            BidiReadObjectResponse { object_data_ranges, ..BidiReadObjectResponse::default() };
        if tx.send(Ok(message)).await.is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Says which range failed.
fn range_error(read_id: i64, error: BrokerError) -> Status {
    let status = status_of(error);
    let code = i32::from(status.code());
    let failed = rpc::Status { code, message: status.message().to_owned(), details: Vec::new() };
    let error = BidiReadObjectError {
        read_range_errors: vec![ReadRangeError { read_id, status: Some(failed) }],
    };
    let detail = Any {
        type_url: "type.googleapis.com/google.storage.v2.BidiReadObjectError".to_owned(),
        value: error.encode_to_vec(),
    };
    let details = rpc::Status { code, message: status.message().to_owned(), details: vec![detail] };
    Status::with_details(Code::OutOfRange, status.message(), details.encode_to_vec().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (offset, limit, expected) in [
            (0, 0, Ok(0..10)),
            (2, 3, Ok(2..5)),
            (-5, 3, Ok(5..8)),
            (-50, 0, Ok(0..10)),
            (10, 0, Ok(10..10)),
            (11, 0, Err(BrokerError::OutOfRange { size: 10 })),
            (0, -1, Err(BrokerError::OutOfRange { size: 10 })),
            (8, i64::MAX, Ok(8..10)),
            (i64::MIN, 1, Ok(0..1)),
        ] {
            assert_eq!(range_of(offset, limit, 10), expected, "{offset} {limit}");
        }
    }

    #[test]
    fn slices_make_up_the_range() {
        let content = Bytes::from(vec![7; 2 * READ_CHUNK_BYTES + 5]);
        for range in [0..content.len(), 1..READ_CHUNK_BYTES + 1, 3..3] {
            let slices: Vec<_> = chunks(content.clone(), range.clone()).collect();
            let bytes: usize = slices.iter().map(|(_, data)| data.content.len()).sum();
            assert_eq!((bytes, slices[0].0), (range.len(), range.start));
        }
    }
}
