//! The basics of the XML API, path-style: objects are read, written (in parts as well), copied and
//! deleted at `/BUCKET/OBJECT`, and listed at `/BUCKET`. What is asked for by a subresource, a signature or a header
//! that is not known here is refused by name.

mod list;
mod parts;
mod text;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use percent_encoding::percent_decode_str;

use super::reply::{Reply, status_of, unsatisfied};
use super::request::Call;
use super::{Shared, download, upload};
use crate::broker::{
    Attributes, BrokerError, Bucket, Checksums, Destination, Object, ObjectSpec, Preconditions,
    Selector, Source, from_rfc3339, rfc3339,
};
use text::element;

/// Answers a call of the XML API.
pub(super) fn answer(shared: &Shared, call: &Call) -> Reply {
    let reply = handle(shared, call).unwrap_or_else(|error| refusal(&error));
    if call.method == "HEAD" {
        // The length is that of the content, which is not sent.
        let length = reply.body.len().to_string();
        return Reply { body: bytes::Bytes::new(), ..reply.with("content-length", &length) };
    }
    reply
}

fn handle(shared: &Shared, call: &Call) -> Result<Reply, BrokerError> {
    refuse_unknown(call)?;
    let path = call.path.trim_start_matches('/');
    let (bucket, name) = path.split_once('/').unwrap_or((path, ""));
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (bucket, name) = (decode(bucket), decode(name));
    if call.query.names().any(|name| matches!(name, "uploads" | "uploadId")) {
        return parts::handle(shared, call, &bucket, &name);
    }
    match (call.method.as_str(), bucket.as_str(), name.as_str()) {
        (_, "", _) => Err(call.unknown()),
        ("GET", bucket, "") => list::handle(shared, call, bucket),
        ("HEAD", bucket, "") => {
            shared.broker(call.now).bucket(bucket, Preconditions::default())?;
            Ok(Reply::empty(StatusCode::OK))
        }
        ("PUT", bucket, "") => create_bucket(shared, call, bucket),
        ("DELETE", bucket, "") => {
            shared.broker(call.now).delete_bucket(bucket, Preconditions::default())?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("GET" | "HEAD", bucket, name) => get(shared, call, bucket, name),
        ("PUT", bucket, name) if call.header("x-goog-copy-source").is_some() => {
            copy(shared, call, bucket, name)
        }
        ("PUT", bucket, name) => put(shared, call, bucket, name),
        ("DELETE", bucket, name) => {
            let (generation, conditions) = (call.query.int("generation")?, conditions(call)?);
            shared.broker(call.now).delete(bucket, name, generation, conditions, call.now)?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(call.unknown()),
    }
}

/// Refuses by name every parameter that is not understood, signatures among them: without the signer's
/// key nobody can tell whether a signature is right.
fn refuse_unknown(call: &Call) -> Result<(), BrokerError> {
    call.refuse_settings()?;
    let signatures = ["X-Goog-Signature", "X-Goog-Algorithm", "Signature", "GoogleAccessId"];
    if call.query.names().any(|name| signatures.contains(&name)) {
        return Err(BrokerError::Unimplemented("a signed URL".to_owned()));
    }
    const KNOWN: [&str; 16] = [
        "generation",
        "prefix",
        "delimiter",
        "marker",
        "max-keys",
        "list-type",
        "continuation-token",
        "start-after",
        "encoding-type",
        "fetch-owner",
        "uploads",
        "uploadId",
        "partNumber",
        "userProject",
        "prettyPrint",
        "alt",
    ];
    match call.query.names().find(|name| !KNOWN.contains(name)) {
        None => Ok(()),
        Some(name) => Err(BrokerError::Unimplemented(format!(
            "{} {}?{name} of the XML API",
            call.method, call.path
        ))),
    }
}

/// The broker's errors as the XML API words them.
fn refusal(error: &BrokerError) -> Reply {
    let (status, _) = status_of(error);
    if status == StatusCode::NOT_MODIFIED {
        return Reply::empty(status);
    }
    let code = match error {
        BrokerError::BucketNotFound => "NoSuchBucket",
        BrokerError::ObjectNotFound(_) => "NoSuchKey",
        BrokerError::BucketExists => "BucketAlreadyOwnedByYou",
        BrokerError::BucketNotEmpty => "BucketNotEmpty",
        BrokerError::Precondition => "PreconditionFailed",
        BrokerError::UploadNotFound => "NoSuchUpload",
        BrokerError::OutOfRange { .. } => "InvalidRange",
        BrokerError::Invalid(_) | BrokerError::Required(_) => "InvalidArgument",
        BrokerError::Unimplemented(_) => "NotImplemented",
        BrokerError::Overloaded => "SlowDown",
        _ => "AccessDenied",
    };
    let inner = format!("{}{}", element("Code", code), element("Message", &error.to_string()));
    let reply = document(status, &format!("<Error>{inner}</Error>"));
    reply.with_some("content-range", unsatisfied(error).as_deref())
}

fn document(status: StatusCode, xml: &str) -> Reply {
    let text = format!("<?xml version='1.0' encoding='UTF-8'?>{xml}");
    Reply::new(status, text).with("content-type", "application/xml; charset=UTF-8")
}

/// `x-goog-if-generation-match` and `x-goog-if-metageneration-match`.
fn conditions(call: &Call) -> Result<Preconditions, BrokerError> {
    let int = |name: &str| {
        let text = call.header(name);
        let invalid = |_| BrokerError::Invalid(format!("Invalid value for {name}"));
        text.map(|text| text.parse().map_err(invalid)).transpose()
    };
    Ok(Preconditions {
        generation_match: int("x-goog-if-generation-match")?,
        metageneration_match: int("x-goog-if-metageneration-match")?,
        ..Preconditions::default()
    })
}

/// The MD5 of the content in hexadecimal digits; composed objects have their generation instead.
fn etag(object: &Object) -> String {
    match object.checksums.md5 {
        None => format!("\"-{}\"", super::json::etag(object)),
        Some(md5) => {
            let digits: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("\"{digits}\"")
        }
    }
}

fn get(shared: &Shared, call: &Call, bucket: &str, name: &str) -> Result<Reply, BrokerError> {
    let selector = Selector::of(call.query.int("generation")?);
    let broker = shared.broker(call.now);
    let view = broker.get(bucket, name, selector, conditions(call)?, call.now)?;
    let object = view.object.clone();
    drop(broker);
    let etag = etag(&object);
    super::objects::check_etag(call, etag.trim_matches('"'))?;
    let mut reply = download::content(call, &object)?
        .with("etag", &etag)
        .with_some("x-goog-custom-time", object.attributes.custom_time.map(rfc3339).as_deref());
    for (key, value) in &object.attributes.metadata {
        reply = reply.with(&format!("x-goog-meta-{}", key.to_ascii_lowercase()), value);
    }
    Ok(reply)
}

/// What the headers say of an object.
fn attributes(call: &Call) -> Result<Attributes, BrokerError> {
    let header = |name: &str| call.header(name).map(str::to_owned);
    let mut metadata = BTreeMap::new();
    for (name, value) in &call.headers {
        if let (Some(key), Ok(value)) = (name.as_str().strip_prefix("x-goog-meta-"), value.to_str())
        {
            metadata.insert(key.to_owned(), value.to_owned());
        }
    }
    if call.header("x-goog-acl").is_some() {
        return Err(BrokerError::Unimplemented("the header x-goog-acl".to_owned()));
    }
    let invalid = || BrokerError::Invalid("Invalid value for x-goog-custom-time".to_owned());
    let custom_time = header("x-goog-custom-time");
    Ok(Attributes {
        content_type: header("content-type"),
        content_encoding: header("content-encoding"),
        content_disposition: header("content-disposition"),
        content_language: header("content-language"),
        cache_control: header("cache-control"),
        metadata,
        custom_time: custom_time.map(|text| from_rfc3339(&text).ok_or_else(invalid)).transpose()?,
        storage_class: header("x-goog-storage-class"),
        ..Attributes::default()
    })
}

fn put(shared: &Shared, call: &Call, bucket: &str, name: &str) -> Result<Reply, BrokerError> {
    let (crc32c, md5) = upload::hashes(call);
    let spec = ObjectSpec { name: name.to_owned(), attributes: attributes(call)?, crc32c, md5 };
    let content = call.body.clone().into();
    let mut broker = shared.broker(call.now);
    let object = broker.put(bucket, spec, content, conditions(call)?, call.now)?.object;
    Ok(written(object))
}

fn written(object: &Object) -> Reply {
    let Checksums { crc32c, .. } = object.checksums;
    Reply::empty(StatusCode::OK)
        .with("etag", &etag(object))
        .with("x-goog-generation", &object.generation.to_string())
        .with("x-goog-metageneration", &object.metageneration.to_string())
        .with("x-goog-hash", &format!("crc32c={}", super::json::crc32c(crc32c)))
        .with("x-goog-stored-content-length", &object.size().to_string())
}

/// `x-goog-copy-source: /BUCKET/OBJECT`, percent-encoded.
fn copy(shared: &Shared, call: &Call, bucket: &str, name: &str) -> Result<Reply, BrokerError> {
    let source = call.header("x-goog-copy-source").unwrap_or_default();
    let source = percent_decode_str(source.trim_start_matches('/')).decode_utf8_lossy();
    let invalid = || BrokerError::Invalid("Invalid value for x-goog-copy-source".to_owned());
    let (from_bucket, from_name) = source.split_once('/').ok_or_else(invalid)?;
    let generation = call.header("x-goog-copy-source-generation").map(str::parse).transpose();
    let source = Source {
        bucket: from_bucket.to_owned(),
        name: from_name.to_owned(),
        generation: generation.map_err(|_| invalid())?,
        conditions: Preconditions::default(),
    };
    let replaces = call.header("x-goog-metadata-directive") == Some("REPLACE");
    let destination = Destination {
        bucket: bucket.to_owned(),
        name: name.to_owned(),
        attributes: replaces.then(|| attributes(call)).transpose()?,
        conditions: conditions(call)?,
    };
    let mut broker = shared.broker(call.now);
    let object = broker.copy(&source, destination, call.now)?.object;
    let inner =
        [element("LastModified", &rfc3339(object.updated_at)), element("ETag", &etag(object))];
    let result = format!("<CopyObjectResult>{}</CopyObjectResult>", inner.concat());
    Ok(document(StatusCode::OK, &result).with("x-goog-generation", &object.generation.to_string()))
}

fn create_bucket(shared: &Shared, call: &Call, name: &str) -> Result<Reply, BrokerError> {
    if !call.body.is_empty() {
        return Err(BrokerError::Unimplemented("a configuration for PUT bucket".to_owned()));
    }
    let project = call.header("x-goog-project-id").unwrap_or_default();
    let bucket = Bucket::new(project, name, call.now);
    shared.broker(call.now).create_bucket(bucket)?;
    Ok(Reply::empty(StatusCode::OK))
}
