//! The JSON API's calls on buckets: metadata, policies and notification configurations.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::reply::Reply;
use super::request::Call;
use super::{Shared, json as resource};
use crate::broker::{BrokerError, Bucket, Preconditions};
use crate::limits::LIST_PAGE_MAX;

/// Calls under `/storage/v1/b`, without objects.
pub(super) fn handle(shared: &Shared, call: &Call, path: &[&str]) -> Result<Reply, BrokerError> {
    let query = &call.query;
    let mut broker = shared.broker(call.now);
    let reply = |bucket: &Bucket| Reply::json(&resource::bucket(bucket, &shared.base_url));
    let done = Reply::empty(StatusCode::NO_CONTENT);
    match (call.method.as_str(), path) {
        ("POST", []) => {
            let project = query.get("project").ok_or(BrokerError::Required("project"))?;
            let retention = query.flag("enableObjectRetention");
            let bucket = resource::new_bucket(project, &call.json()?, retention, call.now)?;
            broker.create_bucket(bucket).map(reply)
        }
        ("GET", []) => {
            drop(broker);
            list(shared, call)
        }
        ("GET", [bucket]) => broker.bucket(bucket, query.preconditions()?).map(reply),
        ("PATCH", [bucket]) => {
            let patch = call.json()?;
            let change = |old: &_| resource::patched_settings(old, &patch);
            broker.update_bucket(bucket, query.preconditions()?, change, call.now).map(reply)
        }
        ("PUT", [bucket]) => {
            let new = call.json()?;
            let change = |old: &_| resource::replaced_settings(old, &new);
            broker.update_bucket(bucket, query.preconditions()?, change, call.now).map(reply)
        }
        ("DELETE", [bucket]) => broker.delete_bucket(bucket, query.preconditions()?).map(|()| done),
        ("POST", [bucket, "lockRetentionPolicy"]) => {
            let conditions = query.preconditions()?;
            if conditions.metageneration_match.is_none() {
                return Err(BrokerError::Required("ifMetagenerationMatch"));
            }
            broker.lock_retention_policy(bucket, conditions, call.now).map(reply)
        }
        ("GET", [bucket, "storageLayout"]) => {
            let bucket = broker.bucket(bucket, query.preconditions()?)?;
            Ok(Reply::json(&resource::storage_layout(bucket)))
        }
        ("GET", [bucket, kind @ ("managedFolders" | "folders" | "anywhereCaches")]) => {
            // None can be made here, so none is all there are.
            broker.bucket(bucket, Preconditions::default())?;
            Ok(Reply::json(&json!({ "kind": format!("storage#{kind}") })))
        }
        ("GET", [bucket, "iam"]) => {
            Ok(Reply::json(&resource::policy(broker.policy(bucket)?, bucket)))
        }
        ("PUT", [bucket, "iam"]) => {
            let policy = resource::policy_from(&call.json()?)?;
            Ok(Reply::json(&resource::policy(broker.set_policy(bucket, policy)?, bucket)))
        }
        ("GET", [bucket, "iam", "testPermissions"]) => {
            broker.policy(bucket)?;
            // Nothing is enforced: every caller has every permission.
            let permissions: Vec<&str> = query.all("permissions").collect();
            let kind = "storage#testIamPermissionsResponse";
            Ok(Reply::json(&json!({ "kind": kind, "permissions": permissions })))
        }
        (_, [bucket, "notificationConfigs", rest @ ..]) => {
            drop(broker);
            notifications(shared, call, bucket, rest)
        }
        _ => Err(call.unknown()),
    }
}

fn list(shared: &Shared, call: &Call) -> Result<Reply, BrokerError> {
    let query = &call.query;
    let project = query.get("project").ok_or(BrokerError::Required("project"))?;
    if query.flag("softDeleted") {
        return Err(BrokerError::Unimplemented("buckets.list softDeleted".to_owned()));
    }
    let size = match query.page_size("maxResults")? {
        0 => LIST_PAGE_MAX,
        size => size.min(LIST_PAGE_MAX),
    };
    let broker = shared.broker(call.now);
    // A token is the last name of its page.
    let (prefix, after) = (query.text("prefix"), query.text("pageToken"));
    let mut buckets = broker.buckets(project, &prefix, &after);
    let page: Vec<&Bucket> = buckets.by_ref().take(size).collect();
    let items: Vec<Value> =
        page.iter().map(|bucket| resource::bucket(bucket, &shared.base_url)).collect();
    let mut out = json!({ "kind": "storage#buckets", "items": items });
    if let (Some(last), Some(_)) = (page.last(), buckets.next()) {
        out["nextPageToken"] = json!(last.name);
    }
    Ok(Reply::json(&out))
}

fn notifications(
    shared: &Shared,
    call: &Call,
    bucket: &str,
    path: &[&str],
) -> Result<Reply, BrokerError> {
    let mut broker = shared.broker(call.now);
    let config = |config: &_| resource::notification(config, bucket, &shared.base_url);
    match (call.method.as_str(), path) {
        ("POST", []) => {
            if !shared.is_published() {
                let text = "a notification without a Pub/Sub to publish it".to_owned();
                return Err(BrokerError::Unimplemented(text));
            }
            let wanted = resource::notification_from(&call.json()?)?;
            Ok(Reply::json(&config(broker.create_notification(bucket, wanted)?)))
        }
        ("GET", []) => {
            let items: Vec<Value> = broker.notifications(bucket)?.map(config).collect();
            let mut out = json!({ "kind": "storage#notifications" });
            if !items.is_empty() {
                out["items"] = json!(items);
            }
            Ok(Reply::json(&out))
        }
        ("GET", [id]) => Ok(Reply::json(&config(broker.notification(bucket, id)?))),
        ("DELETE", [id]) => {
            broker.delete_notification(bucket, id)?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(call.unknown()),
    }
}
