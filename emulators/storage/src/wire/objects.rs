//! The JSON API's calls on objects, without uploads and downloads.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::reply::Reply;
use super::request::Call;
use super::{Shared, json as resource};
use crate::broker::{
    BrokerError, Destination, Glob, ListQuery, ListScope, ObjectSpec, ObjectView, Preconditions,
    RewriteProgress, Selector, Source, Target,
};

/// Calls under `/storage/v1/b/BUCKET/o`.
pub(super) fn handle(
    shared: &Shared,
    call: &Call,
    bucket: &str,
    path: &[&str],
) -> Result<Reply, BrokerError> {
    match (call.method.as_str(), path) {
        ("GET", []) => list(shared, call, bucket),
        ("GET", [name]) => get(shared, call, bucket, name),
        ("PATCH" | "PUT", [name]) => update(shared, call, bucket, name),
        ("DELETE", [name]) => {
            let (generation, conditions) =
                (call.query.int("generation")?, call.query.preconditions()?);
            shared.broker(call.now).delete(bucket, name, generation, conditions, call.now)?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("POST", [name, "compose"]) => compose(shared, call, bucket, name),
        ("POST", [name, "copyTo", "b", to_bucket, "o", to_name]) => {
            let (source, destination) = copy_of(call, (bucket, name), (to_bucket, to_name))?;
            let mut broker = shared.broker(call.now);
            Ok(reply(shared, broker.copy(&source, destination, call.now)?))
        }
        ("POST", [name, "rewriteTo", "b", to_bucket, "o", to_name]) => {
            rewrite(shared, call, (bucket, name), (to_bucket, to_name))
        }
        ("POST", [name, "moveTo", "o", to_name]) => {
            let source = source_of(call, bucket, name)?;
            let conditions = call.query.preconditions()?;
            let mut broker = shared.broker(call.now);
            Ok(reply(shared, broker.move_object(&source, to_name, conditions, call.now)?))
        }
        ("POST", [name, "restore"]) => {
            let generation =
                call.query.int("generation")?.ok_or(BrokerError::Required("generation"))?;
            let conditions = call.query.preconditions()?;
            let mut broker = shared.broker(call.now);
            Ok(reply(shared, broker.restore(bucket, name, generation, conditions, call.now)?))
        }
        _ => Err(call.unknown()),
    }
}

pub(super) fn reply(shared: &Shared, view: ObjectView<'_>) -> Reply {
    Reply::json(&resource::object(view, &shared.base_url))
}

/// Which generation a read asks for.
pub(super) fn selector(call: &Call) -> Result<Selector, BrokerError> {
    let generation = call.query.int("generation")?;
    Ok(Selector { generation, soft_deleted: call.query.flag("softDeleted") })
}

/// `If-Match` and `If-None-Match` of a read.
pub(super) fn check_etag(call: &Call, etag: &str) -> Result<(), BrokerError> {
    let names = |header: &str| {
        let mut tags = header.split(',').map(|tag| tag.trim().trim_matches('"'));
        tags.any(|tag| tag == "*" || tag == etag)
    };
    if call.header("if-match").is_some_and(|header| !names(header)) {
        return Err(BrokerError::Precondition);
    }
    if call.header("if-none-match").is_some_and(names) {
        return Err(BrokerError::NotModified);
    }
    Ok(())
}

fn get(shared: &Shared, call: &Call, bucket: &str, name: &str) -> Result<Reply, BrokerError> {
    let (selector, conditions) = (selector(call)?, call.query.preconditions()?);
    let broker = shared.broker(call.now);
    let view = broker.get(bucket, name, selector, conditions, call.now)?;
    let etag = resource::etag(view.object);
    check_etag(call, &etag)?;
    Ok(reply(shared, view).with("etag", &etag))
}

fn list(shared: &Shared, call: &Call, bucket: &str) -> Result<Reply, BrokerError> {
    let query = &call.query;
    let scope = match (query.flag("versions"), query.flag("softDeleted")) {
        (false, false) => ListScope::Live,
        (true, false) => ListScope::Versions,
        (false, true) => ListScope::SoftDeleted,
        (true, true) => {
            let text = "versions and softDeleted cannot both be true.".to_owned();
            return Err(BrokerError::Invalid(text));
        }
    };
    let glob = query.get("matchGlob").filter(|pattern| !pattern.is_empty());
    let list = ListQuery {
        scope,
        prefix: query.text("prefix"),
        delimiter: query.text("delimiter"),
        include_trailing_delimiter: query.flag("includeTrailingDelimiter"),
        page_token: query.text("pageToken"),
        page_size: query.page_size("maxResults")?,
        after: String::new(),
        start_offset: query.text("startOffset"),
        end_offset: query.text("endOffset"),
        glob: glob.map(Glob::new).transpose()?,
    };
    let broker = shared.broker(call.now);
    let page = broker.list(bucket, &list, call.now)?;
    Ok(Reply::json(&resource::listing(&page, &shared.base_url)))
}

fn update(shared: &Shared, call: &Call, bucket: &str, name: &str) -> Result<Reply, BrokerError> {
    let (query, body) = (&call.query, call.json()?);
    let is_patch = call.method == "PATCH";
    let change = |old: &_| {
        if is_patch {
            resource::patched_attributes(old, &body)
        } else {
            resource::attributes_from(&body)
        }
    };
    let mut broker = shared.broker(call.now);
    let (generation, conditions) = (query.int("generation")?, query.preconditions()?);
    let target = Target { bucket, name, generation, conditions };
    let overrides = query.flag("overrideUnlockedRetention");
    let view = broker.update_object(target, overrides, change, call.now)?;
    Ok(reply(shared, view))
}

fn compose(shared: &Shared, call: &Call, bucket: &str, name: &str) -> Result<Reply, BrokerError> {
    let body = call.json()?;
    let fields = resource::Fields::of("ComposeRequest", &body)?;
    fields.only(&[&["kind", "destination", "sourceObjects", "deleteSourceObjects"]])?;
    let source = |value: &Value| {
        let fields = resource::Fields::of("ComposeRequest.sourceObjects", value)?;
        fields.only(&[&["name", "generation", "objectPreconditions"]])?;
        let conditions = fields.inner("objectPreconditions", "objectPreconditions")?;
        let generation_match = match conditions {
            None => None,
            Some(conditions) => conditions.int("ifGenerationMatch")?,
        };
        Ok(Source {
            bucket: bucket.to_owned(),
            name: fields.text("name")?.ok_or(BrokerError::Required("sourceObjects.name"))?,
            generation: fields.int("generation")?,
            conditions: Preconditions { generation_match, ..Preconditions::default() },
        })
    };
    let sources = fields.list("sourceObjects")?.iter().map(source);
    let sources: Vec<Source> = sources.collect::<Result<_, BrokerError>>()?;
    // Clients send the first source's resource along, checksums and all: only what is said counts.
    let said = resource::attributes_from(fields.get("destination").unwrap_or(&Value::Null))?;
    let spec = ObjectSpec { name: name.to_owned(), attributes: said, ..ObjectSpec::default() };
    let deletes_sources = fields.flag("deleteSourceObjects")?.unwrap_or(false);
    let conditions = call.query.preconditions()?;
    let mut broker = shared.broker(call.now);
    let view = broker.compose(bucket, &sources, spec, conditions, deletes_sources, call.now)?;
    Ok(reply(shared, view))
}

fn source_of(call: &Call, bucket: &str, name: &str) -> Result<Source, BrokerError> {
    Ok(Source {
        bucket: bucket.to_owned(),
        name: name.to_owned(),
        generation: call.query.int("sourceGeneration")?,
        conditions: call.query.preconditions_of("ifSource")?,
    })
}

/// What is copied where, and what is said of the copy: a body that sets anything replaces what is said
/// of the source as a whole.
fn copy_of(
    call: &Call,
    (bucket, name): (&str, &str),
    (to_bucket, to_name): (&str, &str),
) -> Result<(Source, Destination), BrokerError> {
    let body = call.json()?;
    let said = resource::attributes_from(&body)?;
    let destination = Destination {
        bucket: to_bucket.to_owned(),
        name: to_name.to_owned(),
        attributes: resource::says_something(&body).then_some(said),
        conditions: call.query.preconditions()?,
    };
    Ok((source_of(call, bucket, name)?, destination))
}

fn rewrite(
    shared: &Shared,
    call: &Call,
    from: (&str, &str),
    to: (&str, &str),
) -> Result<Reply, BrokerError> {
    let (source, destination) = copy_of(call, from, to)?;
    let token = call.query.text("rewriteToken");
    let bytes_per_call = call.query.int("maxBytesRewrittenPerCall")?;
    let mut broker = shared.broker(call.now);
    let progress = broker.rewrite(&source, destination, &token, bytes_per_call, call.now)?;
    let kind = "storage#rewriteResponse";
    Ok(Reply::json(&match progress {
        RewriteProgress::Done(view) => json!({
            "kind": kind,
            "totalBytesRewritten": view.object.size().to_string(),
            "objectSize": view.object.size().to_string(),
            "done": true,
            "resource": resource::object(view, &shared.base_url),
        }),
        RewriteProgress::Ongoing { token, rewritten, size } => json!({
            "kind": kind,
            "totalBytesRewritten": rewritten.to_string(),
            "objectSize": size.to_string(),
            "done": false,
            "rewriteToken": token,
        }),
    }))
}
