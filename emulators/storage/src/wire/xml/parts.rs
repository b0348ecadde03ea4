//! Uploads in parts: begun with `?uploads`, parts and the rest by `?uploadId=`.

use axum::http::StatusCode;

use super::text::{element, elements, text_of};
use super::{attributes, conditions, document, etag};
use crate::broker::{BrokerError, Checksums, ObjectSpec, PartsId, rfc3339};
use crate::wire::reply::Reply;
use crate::wire::request::Call;
use crate::wire::{Shared, upload};

pub(super) fn handle(
    shared: &Shared,
    call: &Call,
    bucket: &str,
    name: &str,
) -> Result<Reply, BrokerError> {
    let Some(id) = call.query.get("uploadId") else {
        return match (call.method.as_str(), name) {
            ("GET", "") => list(shared, call, bucket),
            ("POST", name) => start(shared, call, bucket, name),
            _ => Err(call.unknown()),
        };
    };
    let id = u64::from_str_radix(id, 16).map_err(|_| BrokerError::UploadNotFound)?;
    let target = PartsId { bucket, name, id };
    match call.method.as_str() {
        "PUT" => put(shared, call, target),
        "GET" => list_parts(shared, call, target),
        "POST" => complete(shared, call, target),
        "DELETE" => {
            shared.broker(call.now).abort_parts(target)?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(call.unknown()),
    }
}

fn result(name: &str, inner: &str) -> Reply {
    let namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
    document(StatusCode::OK, &format!("<{name} xmlns='{namespace}'>{inner}</{name}>"))
}

fn start(shared: &Shared, call: &Call, bucket: &str, name: &str) -> Result<Reply, BrokerError> {
    let attributes = attributes(call)?;
    let spec = ObjectSpec { name: name.to_owned(), attributes, ..ObjectSpec::default() };
    let id = shared.broker(call.now).start_parts(bucket, spec, call.now)?;
    let inner = [
        element("Bucket", bucket),
        element("Key", name),
        element("UploadId", &format!("{id:016x}")),
    ];
    Ok(result("InitiateMultipartUploadResult", &inner.concat()))
}

fn put(shared: &Shared, call: &Call, target: PartsId<'_>) -> Result<Reply, BrokerError> {
    let number = call.query.int("partNumber")?.ok_or(BrokerError::Required("partNumber"))?;
    let number = usize::try_from(number).unwrap_or_default();
    let (crc32c, md5) = upload::hashes(call);
    let stated = ObjectSpec { crc32c, md5, ..ObjectSpec::default() };
    let content = call.body.clone().into();
    let mut broker = shared.broker(call.now);
    let part = broker.put_part(target, number, &stated, content, call.now)?;
    let crc32c = crate::wire::json::crc32c(part.checksums.crc32c);
    Ok(Reply::empty(StatusCode::OK)
        .with("etag", &part_etag(part.checksums))
        .with("x-goog-hash", &format!("crc32c={crc32c}")))
}

fn part_etag(checksums: Checksums) -> String {
    let md5 = checksums.md5.unwrap_or_default();
    let digits: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

fn complete(shared: &Shared, call: &Call, target: PartsId<'_>) -> Result<Reply, BrokerError> {
    let malformed = || BrokerError::Invalid("Malformed list of parts.".to_owned());
    let body = std::str::from_utf8(&call.body).map_err(|_| malformed())?;
    let part = |part: &&str| {
        let number = text_of("PartNumber", part)?.parse().ok()?;
        let etag = text_of("ETag", part)?;
        let digits = etag.trim_matches('"');
        let pairs = (0..digits.len()).step_by(2).map(|at| digits.get(at..at + 2));
        let md5: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
        Some((number, md5?))
    };
    let named: Option<Vec<_>> = elements("Part", body).iter().map(part).collect();
    let named = named.ok_or_else(malformed)?;
    let mut broker = shared.broker(call.now);
    let conditions = conditions(call)?;
    let view = broker.complete_parts(target, &named, conditions, call.now)?;
    let PartsId { bucket, name, .. } = target;
    let inner = [
        element("Location", &format!("{}/{bucket}/{name}", shared.base_url)),
        element("Bucket", bucket),
        element("Key", name),
        element("ETag", &etag(view.object)),
    ];
    Ok(result("CompleteMultipartUploadResult", &inner.concat())
        .with("x-goog-generation", &view.object.generation.to_string()))
}

fn list_parts(shared: &Shared, call: &Call, target: PartsId<'_>) -> Result<Reply, BrokerError> {
    let broker = shared.broker(call.now);
    let upload = broker.parts_upload(target)?;
    let PartsId { bucket, name, id } = target;
    let mut inner = element("Bucket", bucket)
        + &element("Key", name)
        + &element("UploadId", &format!("{id:016x}"))
        + &element("IsTruncated", "false");
    for (number, part) in &upload.parts {
        let part = [
            element("PartNumber", &number.to_string()),
            element("LastModified", &rfc3339(part.updated_at)),
            element("ETag", &part_etag(part.checksums)),
            element("Size", &part.content.len().to_string()),
        ];
        inner += &format!("<Part>{}</Part>", part.concat());
    }
    Ok(result("ListPartsResult", &inner))
}

fn list(shared: &Shared, call: &Call, bucket: &str) -> Result<Reply, BrokerError> {
    let (broker, prefix) = (shared.broker(call.now), call.query.text("prefix"));
    let mut inner = element("Bucket", bucket) + &element("IsTruncated", "false");
    let uploads = broker.parts_uploads(bucket)?;
    for (id, upload) in uploads.filter(|(_, upload)| upload.spec.name.starts_with(&prefix)) {
        let upload = [
            element("Key", &upload.spec.name),
            element("UploadId", &format!("{id:016x}")),
            element("Initiated", &rfc3339(upload.started_at)),
        ];
        inner += &format!("<Upload>{}</Upload>", upload.concat());
    }
    Ok(result("ListMultipartUploadsResult", &inner))
}
