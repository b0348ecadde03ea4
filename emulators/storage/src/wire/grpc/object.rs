//! Objects on gRPC: their resource, and the calls that are more than one line.

use windtunnel_protos::storage::object::{self as proto, retention::Mode};
use windtunnel_protos::storage::{
    ComposeObjectRequest, ListObjectsRequest, ListObjectsResponse, MoveObjectRequest, Object,
    ObjectChecksums, RewriteObjectRequest, RewriteResponse, UpdateObjectRequest,
};

use super::{bucket_id, generation, micros, preconditions, refuse, refuse_keys, timestamp};
use crate::broker::{
    Attributes, BrokerError, Destination, Glob, ListQuery, ListScope, ObjectSpec, ObjectView,
    Preconditions, Retention, RewriteProgress, Source, Target,
};
use crate::clock::now_micros;
use crate::wire::{Shared, json};

pub(super) fn resource(view: ObjectView<'_>) -> Object {
    let ObjectView { bucket, object } = view;
    let attributes = object.attributes.clone();
    let retention = |retention: Retention| proto::Retention {
        mode: i32::from(if retention.is_locked { Mode::Locked } else { Mode::Unlocked }),
        retain_until_time: timestamp(retention.until),
    };
    Object {
        name: object.name.clone(),
        bucket: format!("projects/_/buckets/{}", bucket.name),
        etag: json::etag(object),
        generation: object.generation,
        metageneration: object.metageneration,
        storage_class: object.storage_class().to_owned(),
        size: object.size(),
        content_encoding: attributes.content_encoding.unwrap_or_default(),
        content_disposition: attributes.content_disposition.unwrap_or_default(),
        cache_control: attributes.cache_control.unwrap_or_default(),
        content_language: attributes.content_language.unwrap_or_default(),
        delete_time: object.noncurrent_at.and_then(timestamp),
        finalize_time: timestamp(object.created_at),
        content_type: attributes.content_type.unwrap_or_default(),
        create_time: timestamp(object.created_at),
        component_count: object.component_count.unwrap_or_default(),
        checksums: Some(ObjectChecksums {
            crc32c: Some(object.checksums.crc32c),
            md5_hash: object.checksums.md5.map(|md5| md5.to_vec()).unwrap_or_default().into(),
        }),
        update_time: timestamp(object.updated_at),
        update_storage_class_time: timestamp(object.class_updated_at),
        temporary_hold: attributes.temporary_hold,
        retention_expire_time: bucket.retention_ends_at(object).and_then(timestamp),
        metadata: attributes.metadata.into_iter().collect(),
        event_based_hold: attributes.event_based_hold,
        custom_time: attributes.custom_time.and_then(timestamp),
        soft_delete_time: object.soft_deletion.and_then(|it| timestamp(it.deleted_at)),
        hard_delete_time: object.soft_deletion.and_then(|it| timestamp(it.gone_at)),
        retention: attributes.retention.map(retention),
        ..Object::default()
    }
}

/// What a client says of an object.
pub(super) fn attributes_from(object: &Object) -> Result<Attributes, BrokerError> {
    refuse(&[("Object.kms_key", &object.kms_key)])?;
    for (name, is_set) in [
        ("Object.acl", !object.acl.is_empty()),
        ("Object.contexts", object.contexts.is_some()),
        ("Object.customer_encryption", object.customer_encryption.is_some()),
    ] {
        if is_set {
            return Err(BrokerError::Unimplemented(name.to_owned()));
        }
    }
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let retention = match &object.retention {
        None => None,
        Some(retention) => {
            let until = retention.retain_until_time.map(micros);
            let until = until.ok_or(BrokerError::Required("retention.retain_until_time"))?;
            Some(Retention { is_locked: retention.mode == i32::from(Mode::Locked), until })
        }
    };
    Ok(Attributes {
        content_type: text(&object.content_type),
        content_encoding: text(&object.content_encoding),
        content_disposition: text(&object.content_disposition),
        content_language: text(&object.content_language),
        cache_control: text(&object.cache_control),
        metadata: object.metadata.clone().into_iter().collect(),
        custom_time: object.custom_time.map(micros),
        temporary_hold: object.temporary_hold,
        event_based_hold: object.event_based_hold,
        retention,
        storage_class: text(&object.storage_class),
    })
}

/// What holds after the fields of a mask have changed.
fn masked(old: &Attributes, new: &Attributes, mask: &[String]) -> Result<Attributes, BrokerError> {
    let mut out = old.clone();
    for path in mask {
        match path.as_str() {
            "*" => out = new.clone(),
            "content_type" => out.content_type.clone_from(&new.content_type),
            "content_encoding" => out.content_encoding.clone_from(&new.content_encoding),
            "content_disposition" => out.content_disposition.clone_from(&new.content_disposition),
            "content_language" => out.content_language.clone_from(&new.content_language),
            "cache_control" => out.cache_control.clone_from(&new.cache_control),
            "metadata" => out.metadata.clone_from(&new.metadata),
            "custom_time" => out.custom_time = new.custom_time,
            "temporary_hold" => out.temporary_hold = new.temporary_hold,
            "event_based_hold" => out.event_based_hold = new.event_based_hold,
            "retention" | "retention.mode" | "retention.retain_until_time" => {
                out.retention = new.retention;
            }
            "storage_class" => out.storage_class.clone_from(&new.storage_class),
            other => match other.strip_prefix("metadata.") {
                Some(key) => {
                    out.metadata.remove(key);
                    out.metadata
                        .extend(new.metadata.get(key).map(|it| (key.to_owned(), it.clone())));
                }
                None => {
                    return Err(BrokerError::Unimplemented(format!("update_mask Object.{other}")));
                }
            },
        }
    }
    Ok(out)
}

pub(super) fn spec_from(
    object: &Object,
    checksums: Option<&ObjectChecksums>,
) -> Result<ObjectSpec, BrokerError> {
    let (crc32c, md5) = stated(checksums);
    Ok(ObjectSpec { name: object.name.clone(), attributes: attributes_from(object)?, crc32c, md5 })
}

pub(super) fn stated(checksums: Option<&ObjectChecksums>) -> (Option<u32>, Option<Vec<u8>>) {
    let md5 = checksums.map(|it| it.md5_hash.to_vec()).filter(|md5| !md5.is_empty());
    (checksums.and_then(|it| it.crc32c), md5)
}

pub(super) fn list(
    shared: &Shared,
    request: ListObjectsRequest,
) -> Result<ListObjectsResponse, BrokerError> {
    refuse(&[("ListObjectsRequest.filter", &request.filter)])?;
    let scope = match (request.versions, request.soft_deleted) {
        (false, false) => ListScope::Live,
        (true, false) => ListScope::Versions,
        (false, true) => ListScope::SoftDeleted,
        (true, true) => {
            let text = "versions and soft_deleted cannot both be true.".to_owned();
            return Err(BrokerError::Invalid(text));
        }
    };
    let glob = (!request.match_glob.is_empty()).then(|| Glob::new(&request.match_glob));
    let query = ListQuery {
        scope,
        prefix: request.prefix,
        delimiter: request.delimiter,
        include_trailing_delimiter: request.include_trailing_delimiter,
        page_token: request.page_token,
        page_size: usize::try_from(request.page_size).unwrap_or_default(),
        after: String::new(),
        start_offset: request.lexicographic_start,
        end_offset: request.lexicographic_end,
        glob: glob.transpose()?,
    };
    let now = now_micros();
    let broker = shared.broker(now);
    let page = broker.list(bucket_id(&request.parent)?, &query, now)?;
    let view = |object| resource(ObjectView { bucket: page.bucket, object });
    Ok(ListObjectsResponse {
        objects: page.objects.iter().map(|object| view(object)).collect(),
        prefixes: page.prefixes,
        next_page_token: page.next_page_token,
    })
}

pub(super) fn update(shared: &Shared, request: UpdateObjectRequest) -> Result<Object, BrokerError> {
    refuse(&[("UpdateObjectRequest.predefined_acl", &request.predefined_acl)])?;
    let object = request.object.unwrap_or_default();
    let new = attributes_from(&object)?;
    let mask = request.update_mask.ok_or(BrokerError::Required("update_mask"))?.paths;
    let target = Target {
        bucket: bucket_id(&object.bucket)?,
        name: &object.name,
        generation: generation(object.generation),
        conditions: preconditions!(request),
    };
    let now = now_micros();
    let mut broker = shared.broker(now);
    let overrides = request.override_unlocked_retention;
    let view = broker.update_object(target, overrides, |old| masked(old, &new, &mask), now)?;
    Ok(resource(view))
}

pub(super) fn compose(
    shared: &Shared,
    request: ComposeObjectRequest,
) -> Result<Object, BrokerError> {
    refuse(&[
        ("ComposeObjectRequest.kms_key", &request.kms_key),
        ("ComposeObjectRequest.destination_predefined_acl", &request.destination_predefined_acl),
    ])?;
    refuse_keys(request.common_object_request_params.as_ref())?;
    let destination = request.destination.unwrap_or_default();
    let bucket = bucket_id(&destination.bucket)?;
    let sources: Vec<Source> = request
        .source_objects
        .into_iter()
        .map(|source| Source {
            bucket: bucket.to_owned(),
            name: source.name,
            generation: generation(source.generation),
            conditions: Preconditions {
                generation_match: source
                    .object_preconditions
                    .and_then(|conditions| conditions.if_generation_match),
                ..Preconditions::default()
            },
        })
        .collect();
    let spec = spec_from(&destination, request.object_checksums.as_ref())?;
    let conditions = Preconditions {
        generation_match: request.if_generation_match,
        metageneration_match: request.if_metageneration_match,
        ..Preconditions::default()
    };
    let deletes_sources = request.delete_source_objects.unwrap_or(false);
    let now = now_micros();
    let mut broker = shared.broker(now);
    broker.compose(bucket, &sources, spec, conditions, deletes_sources, now).map(resource)
}

pub(super) fn rewrite(
    shared: &Shared,
    request: RewriteObjectRequest,
) -> Result<RewriteResponse, BrokerError> {
    refuse(&[
        ("RewriteObjectRequest.destination_kms_key", &request.destination_kms_key),
        ("RewriteObjectRequest.destination_predefined_acl", &request.destination_predefined_acl),
        (
            "RewriteObjectRequest.copy_source_encryption_algorithm",
            &request.copy_source_encryption_algorithm,
        ),
    ])?;
    refuse_keys(request.common_object_request_params.as_ref())?;
    let source = Source {
        bucket: bucket_id(&request.source_bucket)?.to_owned(),
        name: request.source_object,
        generation: generation(request.source_generation),
        conditions: Preconditions {
            generation_match: request.if_source_generation_match,
            generation_not_match: request.if_source_generation_not_match,
            metageneration_match: request.if_source_metageneration_match,
            metageneration_not_match: request.if_source_metageneration_not_match,
        },
    };
    let said = request.destination.as_ref().map(attributes_from).transpose()?;
    let destination = Destination {
        bucket: bucket_id(&request.destination_bucket)?.to_owned(),
        name: request.destination_name,
        // A resource that says nothing takes over what is said of the source.
        attributes: said.filter(|said| *said != Attributes::default()),
        conditions: preconditions!(request),
    };
    let per_call = request.max_bytes_rewritten_per_call;
    let bytes_per_call = (per_call != 0).then_some(per_call);
    let now = now_micros();
    let mut broker = shared.broker(now);
    let token = &request.rewrite_token;
    Ok(match broker.rewrite(&source, destination, token, bytes_per_call, now)? {
        RewriteProgress::Done(view) => RewriteResponse {
            total_bytes_rewritten: view.object.size(),
            object_size: view.object.size(),
            done: true,
            rewrite_token: String::new(),
            resource: Some(resource(view)),
        },
        RewriteProgress::Ongoing { token, rewritten, size } => RewriteResponse {
            total_bytes_rewritten: rewritten,
            object_size: size,
            done: false,
            rewrite_token: token,
            resource: None,
        },
    })
}

pub(super) fn move_object(
    shared: &Shared,
    request: MoveObjectRequest,
) -> Result<Object, BrokerError> {
    let conditions = preconditions!(request);
    let source = Source {
        bucket: bucket_id(&request.bucket)?.to_owned(),
        name: request.source_object,
        generation: None,
        conditions: Preconditions {
            generation_match: request.if_source_generation_match,
            generation_not_match: request.if_source_generation_not_match,
            metageneration_match: request.if_source_metageneration_match,
            metageneration_not_match: request.if_source_metageneration_not_match,
        },
    };
    let now = now_micros();
    let mut broker = shared.broker(now);
    broker.move_object(&source, &request.destination_object, conditions, now).map(resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_change_what_they_name_alone() {
        let metadata = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let old = Attributes {
            content_type: Some("a".to_owned()),
            metadata: metadata(&[("k", "1"), ("l", "1")]),
            ..Attributes::default()
        };
        let new = Attributes { metadata: metadata(&[("k", "2")]), ..Attributes::default() };
        let cases: &[(&[&str], Attributes)] = &[
            (&[], old.clone()),
            (&["*"], new.clone()),
            (&["content_type"], Attributes { content_type: None, ..old.clone() }),
            (&["metadata"], Attributes { metadata: new.metadata.clone(), ..old.clone() }),
            (
                &["metadata.k", "metadata.l"],
                Attributes { metadata: new.metadata.clone(), ..old.clone() },
            ),
        ];
        for (mask, expected) in cases {
            let mask: Vec<String> = mask.iter().map(|path| (*path).to_owned()).collect();
            assert_eq!(&masked(&old, &new, &mask).unwrap(), expected, "{mask:?}");
        }
        let refused = masked(&old, &new, &["acl".to_owned()]);
        assert!(matches!(refused, Err(BrokerError::Unimplemented(_))));
    }
}
