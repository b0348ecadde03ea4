//! What a REST request says: its path, query parameters, body, caller and conditions.

use std::io::Read;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::{CONTENT_ENCODING, HOST, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::Shared;
use super::error::RestError;
use crate::jobs::Caller;
use crate::limits::{PAGE_ROWS_MAX, REQUEST_BYTES_MAX};
use crate::table::{Decorator, TableId};

/// The header that names who calls, as `user:someone@example.com`.
const CALLER: &str = "x-windtunnel-caller";
/// The header that names the caller's groups, as `group:a@example.com,group:b@example.com`.
const GROUPS: &str = "x-windtunnel-groups";

/// A request.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) method: Method,
    /// The decoded segments of the path.
    pub(crate) path: Vec<String>,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) now: i64,
}

impl Call {
    pub(super) fn new(
        shared: Arc<Shared>,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
        now: i64,
    ) -> Self {
        let path = uri.path().trim_start_matches('/').trim_end_matches('/');
        let path = path.split('/').map(decode_segment).collect();
        let query = Query::parse(uri.query().unwrap_or_default());
        Self { shared, method, path, query, headers, body, now }
    }

    /// The body as JSON, unpacked where it is gzip.
    pub(crate) fn json(&self) -> Result<Value, RestError> {
        let body = self.plain_body()?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body)
            .map_err(|error| RestError::invalid(format!("Invalid JSON payload received. {error}")))
    }

    /// The body, unpacked where it is gzip.
    pub(crate) fn plain_body(&self) -> Result<Bytes, RestError> {
        let is_gzip = self.headers.get(CONTENT_ENCODING).is_some_and(|value| value == "gzip");
        if !is_gzip {
            return Ok(self.body.clone());
        }
        let mut plain = Vec::new();
        // The limit holds for the unpacked body, too.
        let limit = REQUEST_BYTES_MAX as u64;
        flate2::read::GzDecoder::new(&self.body[..])
            .take(limit)
            .read_to_end(&mut plain)
            .map_err(|error| RestError::invalid(format!("Invalid gzip body: {error}")))?;
        Ok(plain.into())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Who calls: by header, for row access policies and `SESSION_USER()`.
    pub(crate) fn caller(&self) -> Caller {
        caller_of(&self.headers)
    }

    /// Where a resource is: `http://host/bigquery/v2/` and its path.
    pub(crate) fn link(&self, path: &str) -> String {
        format!("{}/bigquery/v2/{path}", self.base_url())
    }

    /// `http://host`, as the client names this server.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.header(HOST.as_str()).unwrap_or("localhost"))
    }

    /// Refuses a change whose `If-Match` is not the resource's etag, or whose `If-None-Match` is.
    pub(crate) fn check_etag(&self, etag: &str) -> Result<(), RestError> {
        let same = |header: &str| header == "*" || header.trim_matches('"') == etag;
        let matches = self.header(IF_MATCH.as_str()).is_none_or(same)
            && !self.header(IF_NONE_MATCH.as_str()).is_some_and(same);
        if matches { Ok(()) } else { Err(crate::catalog::CatalogError::Precondition.into()) }
    }
}

/// Who calls, by the headers of a request.
pub(super) fn caller_of(headers: &HeaderMap) -> Caller {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let groups = text(GROUPS).unwrap_or_default();
    let groups = groups.split(',').map(str::trim).filter(|group| !group.is_empty());
    Caller {
        principal: text(CALLER).unwrap_or("user:user@example.com").to_owned(),
        groups: groups.map(str::to_owned).collect(),
    }
}

fn decode_segment(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// A table's name in a path, with its decorators.
pub(crate) fn table_id(
    project: &str,
    dataset: &str,
    name: &str,
) -> Result<(TableId, Decorator), RestError> {
    let (name, decorator) = Decorator::split(name)
        .ok_or_else(|| RestError::invalid(format!("Invalid table ID \"{name}\".")))?;
    Ok((TableId::new(project, dataset, name), decorator))
}

/// Decoded query parameters, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: &str) -> Self {
        let decode = |text: &str| decode_segment(&text.replace('+', " "));
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    /// A parameter that is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that may repeat.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, RestError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let parsed = text.parse().map(Some);
        parsed.map_err(|_| RestError::invalid(format!("Invalid value for {name}: {text}")))
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Cuts a page out of a list: `maxResults` from `pageToken` on, which is the place in the list.
    pub(crate) fn page<T>(&self, items: Vec<T>) -> Result<(Vec<T>, Option<String>), RestError> {
        let size = self.number("maxResults")?.unwrap_or(PAGE_ROWS_MAX).min(PAGE_ROWS_MAX);
        let from = match self.get("pageToken") {
            None => 0,
            Some(token) => token
                .parse::<usize>()
                .map_err(|_| RestError::invalid(format!("Invalid page token {token}")))?,
        };
        let end = from.saturating_add(size);
        let next = (end < items.len() && size > 0).then(|| end.to_string());
        Ok((items.into_iter().skip(from).take(size).collect(), next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_a_list_once() {
        let page = |query: &str| {
            let (items, next) = Query::parse(query).page(vec![1, 2, 3, 4, 5]).unwrap();
            (items, next.unwrap_or_default())
        };
        assert_eq!(page(""), (vec![1, 2, 3, 4, 5], String::new()));
        assert_eq!(page("maxResults=2"), (vec![1, 2], "2".to_owned()));
        assert_eq!(page("maxResults=2&pageToken=4"), (vec![5], String::new()));
        assert_eq!(page("maxResults=0"), (vec![], String::new()));
        assert!(Query::parse("pageToken=x").page(vec![1]).is_err());
    }
}
