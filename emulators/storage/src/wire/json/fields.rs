//! Reads a JSON object field by field: a value of the wrong kind is an error that names it, and null is
//! the same as nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::broker::{BrokerError, from_rfc3339};

/// The fields of one resource.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) struct Fields<'a> {
    resource: &'static str,
    map: Option<&'a Map<String, Value>>,
}

impl<'a> Fields<'a> {
    pub(in crate::wire) fn of(
        resource: &'static str,
        value: &'a Value,
    ) -> Result<Self, BrokerError> {
        match value {
            Value::Null => Ok(Self { resource, map: None }),
            Value::Object(map) => Ok(Self { resource, map: Some(map) }),
            _ => Err(BrokerError::Invalid(format!("{resource} must be an object"))),
        }
    }

    pub(in crate::wire) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map?.get(name).filter(|value| !value.is_null())
    }

    fn invalid(&self, name: &str) -> BrokerError {
        BrokerError::Invalid(format!("Invalid value for {}.{name}", self.resource))
    }

    /// Refuses by name every field that is neither read nor one that the service sets itself.
    pub(in crate::wire) fn only(&self, known: &[&[&str]]) -> Result<(), BrokerError> {
        let mut names = self.map.into_iter().flatten().filter(|(_, value)| !value.is_null());
        match names.find(|(name, _)| !known.iter().any(|known| known.contains(&name.as_str()))) {
            None => Ok(()),
            Some((name, _)) => Err(self.refused(name)),
        }
    }

    pub(in crate::wire) fn refused(&self, name: &str) -> BrokerError {
        BrokerError::Unimplemented(format!("{}.{name}", self.resource))
    }

    pub(in crate::wire) fn text(&self, name: &str) -> Result<Option<String>, BrokerError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.invalid(name)),
        }
    }

    pub(in crate::wire) fn flag(&self, name: &str) -> Result<Option<bool>, BrokerError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.invalid(name)),
        }
    }

    /// A number, or a text that holds one.
    pub(in crate::wire) fn int(&self, name: &str) -> Result<Option<i64>, BrokerError> {
        let parsed = match self.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_i64(),
        };
        parsed.map(Some).ok_or_else(|| self.invalid(name))
    }

    pub(in crate::wire) fn int32(&self, name: &str) -> Result<Option<i32>, BrokerError> {
        let wide = self.int(name)?;
        wide.map(|wide| i32::try_from(wide).map_err(|_| self.invalid(name))).transpose()
    }

    pub(in crate::wire) fn time(&self, name: &str) -> Result<Option<i64>, BrokerError> {
        let text = self.text(name)?;
        text.map(|text| from_rfc3339(&text).ok_or_else(|| self.invalid(name))).transpose()
    }

    pub(in crate::wire) fn list(&self, name: &str) -> Result<&'a [Value], BrokerError> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(self.invalid(name)),
        }
    }

    pub(in crate::wire) fn texts(&self, name: &str) -> Result<Vec<String>, BrokerError> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let texts =
            self.list(name)?.iter().map(|value| text(value).ok_or_else(|| self.invalid(name)));
        texts.collect()
    }

    /// Texts by name; those that are null are left out.
    pub(in crate::wire) fn text_map(
        &self,
        name: &str,
    ) -> Result<BTreeMap<String, String>, BrokerError> {
        let map = match self.get(name) {
            None => return Ok(BTreeMap::new()),
            Some(Value::Object(map)) => map,
            Some(_) => return Err(self.invalid(name)),
        };
        map.iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| {
                let text = value.as_str().ok_or_else(|| self.invalid(name))?;
                Ok((key.clone(), text.to_owned()))
            })
            .collect()
    }

    /// The fields of a resource inside of this one.
    pub(in crate::wire) fn inner(
        &self,
        resource: &'static str,
        name: &str,
    ) -> Result<Option<Fields<'a>>, BrokerError> {
        self.get(name).map(|value| Fields::of(resource, value)).transpose()
    }
}
