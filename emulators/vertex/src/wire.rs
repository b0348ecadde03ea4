//! REST and gRPC around the model, on one plain-HTTP port.

mod value;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response as HttpResponse};
use serde_json::{Value, json};
use tokio_stream::Empty;
use tonic::{Request, Response, Status, Streaming};
use windtunnel_protos::vertex::prediction_service_server::{
    PredictionService, PredictionServiceServer,
};
use windtunnel_protos::vertex::{
    DirectPredictRequest, DirectPredictResponse, ExplainRequest, ExplainResponse,
    GenerateContentRequest, GenerateContentResponse, PredictRequest, PredictResponse,
    StreamingPredictRequest, StreamingPredictResponse,
};

use crate::clock::Stopwatch;
use crate::limits::REQUEST_BYTES_MAX;
use crate::predict::Model;

/// The deployed model's id in every answer.
const DEPLOYED_MODEL_ID: &str = "1";

/// A running emulator; clones serve the same model.
#[derive(Clone, Debug)]
pub struct VertexEmulator {
    model: Model,
}

impl VertexEmulator {
    /// An emulator that serves one model at every endpoint.
    #[must_use]
    pub fn new(model: Model) -> Self {
        Self { model }
    }

    /// The routes of REST and gRPC, for one plain-HTTP port.
    pub fn router(&self) -> Router {
        Router::new()
            .route_service(
                "/google.cloud.aiplatform.v1.PredictionService/{method}",
                PredictionServiceServer::new(self.clone()),
            )
            .fallback(handle)
            // The limit is checked by hand, to answer with Google's envelope.
            .layer(DefaultBodyLimit::max(4 * REQUEST_BYTES_MAX))
            .with_state(self.clone())
    }
}

async fn handle(
    State(emulator): State<VertexEmulator>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> HttpResponse {
    let path = uri.path();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let ["v1" | "v1beta1", "projects", project, "locations", location, "endpoints", endpoint] =
        parts[..]
    else {
        return unknown(&method, path);
    };
    match (method.as_str(), endpoint.split_once(':')) {
        ("GET", None) => axum::Json(json!({
            "name": format!("projects/{project}/locations/{location}/endpoints/{endpoint}"),
            "displayName": emulator.model.display_name,
            "deployedModels": [{
                "id": DEPLOYED_MODEL_ID,
                "model": model_name(project, location, &emulator.model),
                "displayName": emulator.model.display_name,
                "modelVersionId": emulator.model.version,
            }],
        }))
        .into_response(),
        ("POST", Some((_, "predict"))) => predict(&emulator.model, project, location, &body),
        _ => unknown(&method, path),
    }
}

fn predict(model: &Model, project: &str, location: &str, body: &Bytes) -> HttpResponse {
    if body.len() > REQUEST_BYTES_MAX {
        let text = format!("Request size {} exceeds the limit of {REQUEST_BYTES_MAX}.", body.len());
        return refuse(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", &text);
    }
    let body: Value = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(error) => {
            let text = format!("Invalid JSON payload received. {error}");
            return refuse(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", &text);
        }
    };
    let empty = Vec::new();
    let instances = body["instances"].as_array().unwrap_or(&empty);
    let stopwatch = Stopwatch::start();
    let predicted = model.predict(instances);
    // As a serving container says how much of a request's time was the model's.
    let timing = format!("model;dur={:.3}", stopwatch.elapsed().as_secs_f64() * 1e3);
    match predicted {
        Ok(predictions) => {
            let answer = axum::Json(json!({
                "predictions": predictions,
                "deployedModelId": DEPLOYED_MODEL_ID,
                "model": model_name(project, location, model),
                "modelDisplayName": model.display_name,
                "modelVersionId": model.version,
            }));
            ([("server-timing", timing)], answer).into_response()
        }
        Err(error) => refuse(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", &error.to_string()),
    }
}

fn model_name(project: &str, location: &str, model: &Model) -> String {
    format!("projects/{project}/locations/{location}/models/{}", model.display_name)
}

fn unknown(method: &Method, path: &str) -> HttpResponse {
    let text = format!("{method} {path} is not implemented by this emulator");
    refuse(StatusCode::NOT_IMPLEMENTED, "UNIMPLEMENTED", &text)
}

fn refuse(code: StatusCode, status: &str, message: &str) -> HttpResponse {
    let error = json!({ "code": code.as_u16(), "message": message, "status": status });
    (code, axum::Json(json!({ "error": error }))).into_response()
}

#[tonic::async_trait]
impl PredictionService for VertexEmulator {
    type StreamingPredictStream = Empty<Result<StreamingPredictResponse, Status>>;

    async fn predict(
        &self,
        request: Request<PredictRequest>,
    ) -> Result<Response<PredictResponse>, Status> {
        let request = request.into_inner();
        let instances: Vec<Value> = request.instances.into_iter().map(value::to_json).collect();
        let predictions = self
            .model
            .predict(&instances)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let parts: Vec<&str> = request.endpoint.split('/').collect();
        let (project, location) = match parts[..] {
            ["projects", project, "locations", location, ..] => (project, location),
            _ => {
                return Err(Status::invalid_argument(format!(
                    "Invalid endpoint: {}",
                    request.endpoint
                )));
            }
        };
        Ok(Response::new(PredictResponse {
            predictions: predictions.into_iter().map(value::from_json).collect(),
            deployed_model_id: DEPLOYED_MODEL_ID.to_owned(),
            model: model_name(project, location, &self.model),
            model_version_id: self.model.version.clone(),
            model_display_name: self.model.display_name.clone(),
            ..PredictResponse::default()
        }))
    }

    async fn streaming_predict(
        &self,
        _: Request<Streaming<StreamingPredictRequest>>,
    ) -> Result<Response<Self::StreamingPredictStream>, Status> {
        Err(Status::unimplemented(
            "google.cloud.aiplatform.v1.PredictionService/StreamingPredict is not implemented by this \
             emulator",
        ))
    }

    windtunnel_protos::unimplemented_methods! { "google.cloud.aiplatform.v1.PredictionService":
        direct_predict(DirectPredictRequest) -> DirectPredictResponse = "DirectPredict";
        explain(ExplainRequest) -> ExplainResponse = "Explain";
        generate_content(GenerateContentRequest) -> GenerateContentResponse = "GenerateContent";
    }
}
