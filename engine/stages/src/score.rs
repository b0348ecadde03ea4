//! The model behind the predictions: for telemetry the probability of an anomaly, for web events the
//! probability of a purchase. A logistic model over features of one event, read from a versioned JSON
//! file; the same code serves the embedded Vertex AI and a custom container, so scores can be compared.
//! Invariant: a score is a function of the instance and the model file alone, between 0 and 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use windtunnel_model::{Event, EventBatch};

/// The model that this build carries; `deploy/vertex/README.md` says how it was trained.
const EMBEDDED: &[u8] = include_bytes!("score/model.json");

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Not the JSON of a model.
    #[error("model file cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// Written for another version of this code.
    #[error("model file has format {found}, this build reads format 1")]
    Format {
        /// The format found.
        found: u32,
    },
}

/// What is told to the model about one event: the shape of an instance of a Vertex AI request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The event's type.
    pub event_type: String,
    /// Hour of the day of the event's time, 0 to 24, UTC.
    pub hour_of_day: f64,
    /// `properties.value`.
    #[serde(default)]
    pub value: Option<f64>,
    /// `properties.temperature`.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// `properties.humidity`.
    #[serde(default)]
    pub humidity: Option<f64>,
    /// `properties.battery`.
    #[serde(default)]
    pub battery: Option<f64>,
    /// Whether the user is known.
    #[serde(default)]
    pub is_known_user: bool,
    /// Whether the visitor came from elsewhere.
    #[serde(default)]
    pub has_referrer: bool,
}

impl Instance {
    /// What is told about an event of a batch.
    #[must_use]
    pub fn of_event(batch: &EventBatch, event: &Event) -> Self {
        let day_micros = event.event_time.0.rem_euclid(86_400_000_000);
        Self {
            event_type: batch.text(event.event_type).to_owned(),
            hour_of_day: day_micros as f64 / 3_600_000_000.0,
            value: event.value,
            temperature: event.temperature,
            humidity: event.humidity,
            battery: event.battery,
            is_known_user: event.user_id.is_some(),
            has_referrer: event.referrer.is_some(),
        }
    }

    /// Reads an instance of a request.
    ///
    /// # Errors
    /// What is wrong with it, for the caller.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        Self::deserialize(value).map_err(|error| error.to_string())
    }
}

/// A model: which part answers for an event, by its type.
#[derive(Debug, Clone, Deserialize)]
pub struct Model {
    format: u32,
    version: String,
    parts: BTreeMap<String, Part>,
}

/// One logistic model.
#[derive(Debug, Clone, Deserialize)]
struct Part {
    bias: f64,
    weights: BTreeMap<String, Weight>,
}

/// How a feature counts: `weight * (feature - mean) / scale`.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Weight {
    mean: f64,
    scale: f64,
    weight: f64,
}

impl Model {
    /// The model that this build carries.
    ///
    /// # Panics
    /// Never: a test reads it.
    #[must_use]
    pub fn embedded() -> Self {
        Self::from_json(EMBEDDED).expect("the embedded model is read by a test")
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, ModelError> {
        let model: Self = serde_json::from_slice(bytes)?;
        if model.format != 1 {
            return Err(ModelError::Format { found: model.format });
        }
        Ok(model)
    }

    /// The model's version, stored with every score.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The score of an instance.
    #[must_use]
    pub fn score(&self, instance: &Instance) -> f64 {
        let name = if instance.event_type == "telemetry" { "telemetry" } else { "web" };
        let Some(part) = self.parts.get(name) else { return 0.5 };
        let mut sum = part.bias;
        for (feature, weight) in &part.weights {
            // A missing value counts as the mean: it says nothing.
            let value = instance.feature(feature).unwrap_or(weight.mean);
            sum += weight.weight * (value - weight.mean) / weight.scale;
        }
        1.0 / (1.0 + (-sum).exp())
    }
}

impl Instance {
    fn feature(&self, name: &str) -> Option<f64> {
        let flag = |flag: bool| Some(if flag { 1.0 } else { 0.0 });
        match name {
            "value" => self.value,
            "temperature" => self.temperature,
            "humidity" => self.humidity,
            "battery" => self.battery,
            // Dry air is warm air: an anomaly breaks this line, in either direction.
            "climate_residual" => Some((self.humidity? - (95.0 - 1.5 * self.temperature?)).abs()),
            "temperature_distance" => Some((self.temperature? - 19.0).abs()),
            "hour_of_day" => Some(self.hour_of_day),
            "is_known_user" => flag(self.is_known_user),
            "has_referrer" => flag(self.has_referrer),
            "is_add_to_cart" => flag(self.event_type == "add_to_cart"),
            "is_click" => flag(self.event_type == "click"),
            "is_view" => flag(self.event_type == "view"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
