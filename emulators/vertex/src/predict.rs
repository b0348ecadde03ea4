//! Prediction apart from the wire: instances in, predictions out, in their order. One instance that the
//! model refuses fails the whole call, as in the real service; the error names it.

use std::sync::Arc;

use serde_json::Value;

/// Scores one instance, or says why it cannot.
pub type Scorer = Arc<dyn Fn(&Value) -> Result<Value, String> + Send + Sync>;

/// What an endpoint serves.
#[derive(Clone)]
pub struct Model {
    /// Scores one instance.
    pub scorer: Scorer,
    /// The model's name, as answers show it.
    pub display_name: String,
    /// The model's version, as answers show it.
    pub version: String,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Model({} {})", self.display_name, self.version)
    }
}

/// Why a prediction failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredictError {
    /// The request has no instances.
    #[error("Instances must be a non-empty array.")]
    NoInstances,
    /// The model refuses an instance.
    #[error("Instance {index} is invalid: {reason}")]
    Instance {
        /// Its place in the request.
        index: usize,
        /// The model's words.
        reason: String,
    },
}

impl Model {
    /// Scores instances in order.
    ///
    /// # Errors
    /// [`PredictError`] for the first instance that the model refuses.
    pub fn predict(&self, instances: &[Value]) -> Result<Vec<Value>, PredictError> {
        if instances.is_empty() {
            return Err(PredictError::NoInstances);
        }
        instances
            .iter()
            .enumerate()
            .map(|(index, instance)| {
                (self.scorer)(instance).map_err(|reason| PredictError::Instance { index, reason })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn doubling() -> Model {
        let scorer: Scorer = Arc::new(|instance| {
            instance.as_f64().map(|it| json!(it * 2.0)).ok_or_else(|| "not a number".to_owned())
        });
        Model { scorer, display_name: "m".to_owned(), version: "1".to_owned() }
    }

    #[test]
    fn predictions_keep_the_order_and_one_bad_instance_fails_the_call() {
        let model = doubling();
        assert_eq!(model.predict(&[json!(1), json!(2)]), Ok(vec![json!(2.0), json!(4.0)]));
        let refused = model.predict(&[json!(1), json!("x")]);
        let reason = "not a number".to_owned();
        assert_eq!(refused, Err(PredictError::Instance { index: 1, reason }));
        assert_eq!(model.predict(&[]), Err(PredictError::NoInstances));
    }
}
