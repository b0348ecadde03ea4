//! Lists of the XML API: version 1 goes on by a name (`marker`), version 2 by a token.

use axum::http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::text::element;
use super::{document, etag};
use crate::broker::{BrokerError, ListQuery, Listing, Object, rfc3339};
use crate::wire::Shared;
use crate::wire::reply::Reply;
use crate::wire::request::Call;

pub(super) fn handle(shared: &Shared, call: &Call, bucket: &str) -> Result<Reply, BrokerError> {
    let query = &call.query;
    let is_second = match query.get("list-type") {
        None | Some("1") => false,
        Some("2") => true,
        Some(other) => return Err(BrokerError::Invalid(format!("Invalid list-type: {other}"))),
    };
    let list = ListQuery {
        prefix: query.text("prefix"),
        delimiter: query.text("delimiter"),
        page_size: query.page_size("max-keys")?,
        page_token: if is_second { query.text("continuation-token") } else { String::new() },
        after: query.text(if is_second { "start-after" } else { "marker" }),
        ..ListQuery::default()
    };
    let broker = shared.broker(call.now);
    let page = broker.list(bucket, &list, call.now)?;
    let encodes = query.get("encoding-type") == Some("url");
    let key = |name: &str| {
        if encodes {
            utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
        } else {
            name.to_owned()
        }
    };
    let mut out = element("Name", bucket) + &element("Prefix", &key(&list.prefix));
    if !list.delimiter.is_empty() {
        out += &element("Delimiter", &key(&list.delimiter));
    }
    if encodes {
        out += &element("EncodingType", "url");
    }
    if query.get("max-keys").is_some() {
        out += &element("MaxKeys", &list.page_size.to_string());
    }
    out += &position(&page, &list, is_second, &key);
    for object in &page.objects {
        out += &contents(object, &key);
    }
    for prefix in &page.prefixes {
        out += &format!("<CommonPrefixes>{}</CommonPrefixes>", element("Prefix", &key(prefix)));
    }
    let namespace = "http://doc.s3.amazonaws.com/2006-03-01";
    let result = format!("<ListBucketResult xmlns='{namespace}'>{out}</ListBucketResult>");
    Ok(document(StatusCode::OK, &result))
}

/// Where the page begins and where the next one does.
fn position(
    page: &Listing<'_>,
    list: &ListQuery,
    is_second: bool,
    key: &dyn Fn(&str) -> String,
) -> String {
    let is_truncated = !page.next_page_token.is_empty();
    let mut out = element("IsTruncated", if is_truncated { "true" } else { "false" });
    if is_second {
        out += &element("KeyCount", &(page.objects.len() + page.prefixes.len()).to_string());
        if !list.page_token.is_empty() {
            out += &element("ContinuationToken", &list.page_token);
        }
        if !list.after.is_empty() {
            out += &element("StartAfter", &key(&list.after));
        }
        if is_truncated {
            out += &element("NextContinuationToken", &page.next_page_token);
        }
        return out;
    }
    out += &element("Marker", &key(&list.after));
    if is_truncated {
        let last_object = page.objects.last().map(|object| object.name.as_str());
        let last = last_object.max(page.prefixes.last().map(String::as_str));
        out += &element("NextMarker", &key(last.unwrap_or_default()));
    }
    out
}

fn contents(object: &Object, key: &dyn Fn(&str) -> String) -> String {
    let inner = [
        element("Key", &key(&object.name)),
        element("Generation", &object.generation.to_string()),
        element("MetaGeneration", &object.metageneration.to_string()),
        element("LastModified", &rfc3339(object.updated_at)),
        element("ETag", &etag(object)),
        element("Size", &object.size().to_string()),
        element("StorageClass", object.storage_class()),
    ]
    .concat();
    format!("<Contents>{inner}</Contents>")
}
