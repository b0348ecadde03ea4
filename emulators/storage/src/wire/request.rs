//! What a REST request says: method, path, query parameters, headers and body.

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::broker::{BrokerError, Preconditions};

/// One request, at one time.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// As it was sent: not decoded.
    pub(super) path: String,
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) now: i64,
}

impl Call {
    pub(super) fn unknown(&self) -> BrokerError {
        BrokerError::Unimplemented(format!("{} {}", self.method, self.path))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON; an empty one is an empty object.
    pub(super) fn json(&self) -> Result<Value, BrokerError> {
        json_of(&self.body)
    }

    /// Refuses by name what would change the answer and is not there: keys, and access lists.
    pub(super) fn refuse_settings(&self) -> Result<(), BrokerError> {
        const PARAMETERS: [&str; 7] = [
            "kmsKeyName",
            "destinationKmsKeyName",
            "predefinedAcl",
            "destinationPredefinedAcl",
            "predefinedDefaultObjectAcl",
            "filter",
            "restoreToken",
        ];
        if let Some(name) = PARAMETERS.iter().find(|name| self.query.get(name).is_some()) {
            return Err(BrokerError::Unimplemented(format!("the parameter {name}")));
        }
        if self.query.flag("copySourceAcl") {
            return Err(BrokerError::Unimplemented("the parameter copySourceAcl".to_owned()));
        }
        let is_key = |name: &str| {
            let name = name.strip_prefix("x-goog-copy-source").unwrap_or(name);
            name.ends_with("encryption-key") || name.ends_with("encryption-kms-key-name")
        };
        match self.headers.keys().find(|name| is_key(name.as_str())) {
            None => Ok(()),
            Some(name) => Err(BrokerError::Unimplemented(format!("the header {name}"))),
        }
    }
}

pub(super) fn json_of(body: &[u8]) -> Result<Value, BrokerError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| BrokerError::Invalid(format!("Invalid JSON: {error}")))?;
    match value {
        Value::Object(_) => Ok(value),
        _ => Err(BrokerError::Invalid("Invalid JSON: an object is expected.".to_owned())),
    }
}

/// Decoded query parameters, in order.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let decode = |text: &str| {
            percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that may be repeated.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The names of the parameters.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// `true` in any case, as the clients' languages write it.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, BrokerError> {
        match self.get(name) {
            None | Some("") => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| BrokerError::Invalid(format!("Invalid value for {name}: {text}"))),
        }
    }

    /// `maxResults`, where 0 and nothing are the service's own size.
    pub(super) fn page_size(&self, name: &str) -> Result<usize, BrokerError> {
        let size = self.int(name)?.unwrap_or_default();
        usize::try_from(size)
            .map_err(|_| BrokerError::Invalid(format!("Invalid value for {name}: {size}")))
    }

    pub(super) fn preconditions(&self) -> Result<Preconditions, BrokerError> {
        self.preconditions_of("if")
    }

    /// The conditions whose names begin so: `if`, or `ifSource`.
    pub(super) fn preconditions_of(&self, prefix: &str) -> Result<Preconditions, BrokerError> {
        let int = |name: &str| self.int(&format!("{prefix}{name}"));
        Ok(Preconditions {
            generation_match: int("GenerationMatch")?,
            generation_not_match: int("GenerationNotMatch")?,
            metageneration_match: int("MetagenerationMatch")?,
            metageneration_not_match: int("MetagenerationNotMatch")?,
        })
    }
}

/// The segments of a path, each decoded.
pub(super) fn segments(path: &str) -> Vec<String> {
    path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let query = Query::parse("a=1&b=x%2Fy+z&c&a=2&d=True&ifSourceGenerationMatch=0");
        assert_eq!(query.int("a"), Ok(Some(1)));
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(query.get("b"), Some("x/y z"));
        assert_eq!((query.get("c"), query.flag("d"), query.flag("c")), (Some(""), true, false));
        assert!(query.int("b").is_err());
        assert_eq!(query.preconditions_of("ifSource").unwrap().generation_match, Some(0));
        assert_eq!(query.preconditions().unwrap(), Preconditions::default());
    }

    #[test]
    fn bodies_are_objects_or_nothing() {
        for (body, valid) in [("", true), (" \n", true), ("{}", true), ("[]", false), ("{", false)]
        {
            assert_eq!(json_of(body.as_bytes()).is_ok(), valid, "{body}");
        }
    }
}
