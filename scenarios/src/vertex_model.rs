//! The model behind the embedded Vertex AI, and the instances that its endpoint takes: more than the
//! pipeline's own, since any client may ask. Features that the model does not know are passed over, those
//! that are not said count as the mean; a value of the wrong type refuses the instance.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use windtunnel_stages::score::{Instance, Model};

/// The mean of `hour_of_day`: it says nothing.
const NOON: f64 = 12.0;
/// All features.
const FEATURES: [&str; 8] = [
    "event_type",
    "hour_of_day",
    "value",
    "temperature",
    "humidity",
    "battery",
    "is_known_user",
    "has_referrer",
];
/// The order of features in an instance that is an array of numbers.
const POSITIONS: [&str; 5] = ["hour_of_day", "value", "temperature", "humidity", "battery"];

/// The model: the same that a custom container would serve.
#[must_use]
pub fn vertex_model() -> windtunnel_vertex::Model {
    let model = Model::embedded();
    let version = model.version().to_owned();
    windtunnel_vertex::Model {
        scorer: Arc::new(move |instance| Ok(json!(model.score(&instance_of(instance)?)))),
        display_name: "windtunnel-events".to_owned(),
        version,
    }
}

/// Reads an instance: named features, or numbers in the order of [`POSITIONS`].
fn instance_of(value: &Value) -> Result<Instance, String> {
    let mut features = Map::new();
    features.insert("event_type".to_owned(), json!(""));
    features.insert("hour_of_day".to_owned(), json!(NOON));
    match value {
        Value::Object(given) => {
            let known = given.iter().filter(|(name, _)| FEATURES.contains(&name.as_str()));
            features.extend(known.map(|(name, value)| (name.clone(), value.clone())));
        }
        Value::Array(numbers) if numbers.len() <= POSITIONS.len() => {
            let named = POSITIONS.iter().zip(numbers);
            features.extend(named.map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        Value::Array(numbers) => {
            let (given, most) = (numbers.len(), POSITIONS.len());
            return Err(format!("{given} numbers, expected at most {most}: {POSITIONS:?}"));
        }
        _ => return Err("expected an object of features or an array of numbers".to_owned()),
    }
    Instance::from_json(&Value::Object(features))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_of_the_model_is_known() {
        let features = serde_json::to_value(instance_of(&json!({})).expect("an instance"));
        let features = features.expect("plain values");
        let mut known = FEATURES;
        known.sort_unstable();
        let features: Vec<&str> =
            features.as_object().expect("a record").keys().map(String::as_str).collect();
        assert_eq!(features, known);
    }

    #[test]
    fn an_instance_takes_what_the_model_knows() {
        let whole = json!({ "event_type": "telemetry", "hour_of_day": 12.0, "temperature": 30.0 });
        let more = json!({ "event_type": "telemetry", "temperature": 30, "device_id": "d" });
        let score =
            |value: &Value| Model::embedded().score(&instance_of(value).expect("an instance"));
        assert_eq!(score(&whole).to_bits(), score(&more).to_bits());
        assert!((0.0..=1.0).contains(&score(&json!({}))));
        assert_eq!(score(&json!([3])).to_bits(), score(&json!({ "hour_of_day": 3.0 })).to_bits());
        for refused in [json!({ "value": "much" }), json!("x"), json!(1), json!([1, 2, 3, 4, 5, 6])]
        {
            assert!(instance_of(&refused).is_err(), "{refused}");
        }
    }
}
