//! Goal: the embedded model can be read, and scores as it was trained to.

use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn an_anomaly_scores_above_an_ordinary_reading() {
    let model = Model::embedded();
    let score = |temperature: f64, humidity: f64| {
        let instance = json!({
            "event_type": "telemetry", "hour_of_day": 12.0, "temperature": temperature,
            "humidity": humidity, "battery": 80.0,
        });
        model.score(&Instance::from_json(&instance).unwrap())
    };
    let (ordinary, anomaly) = (score(20.0, 65.0), score(58.0, 65.0));
    assert!(ordinary < 0.1 && anomaly > 0.5, "ordinary {ordinary}, anomaly {anomaly}");
}

#[test]
fn a_filled_cart_scores_above_a_view() {
    let model = Model::embedded();
    let score = |event_type: &str| {
        let instance = json!({ "event_type": event_type, "hour_of_day": 12.0 });
        model.score(&Instance::from_json(&instance).unwrap())
    };
    assert!(score("add_to_cart") > 2.0 * score("view"));
}

#[test]
fn a_wrong_instance_is_refused_with_its_field() {
    let refused = Instance::from_json(&json!({ "event_type": "view", "hour_of_day": "noon" }));
    assert!(refused.unwrap_err().contains("noon"));
    let refused =
        Instance::from_json(&json!({ "event_type": "view", "hour_of_day": 1, "mood": 2 }));
    assert!(refused.unwrap_err().contains("mood"));
}

proptest! {
    /// Any instance has a score between 0 and 1, and the same one every time.
    #[test]
    fn scores_are_probabilities(temperature in any::<f64>(), hour in 0.0..24.0) {
        let instance = Instance {
            event_type: "telemetry".to_owned(), hour_of_day: hour, value: None,
            temperature: temperature.is_finite().then_some(temperature), humidity: Some(50.0),
            battery: None, is_known_user: false, has_referrer: false,
        };
        let model = Model::embedded();
        let score = model.score(&instance);
        prop_assert!((0.0..=1.0).contains(&score));
        prop_assert_eq!(score, model.score(&instance));
    }
}
