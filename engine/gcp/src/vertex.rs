//! Vertex AI as the scorer: micro-batches, a concurrency limit that adapts, retries by class, bisection
//! to the instance that the model refuses, a circuit breaker, a deadline for each batch. Whatever
//! happens, every event gets an outcome: a score, or degraded.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use windtunnel_runtime::command::{Input, ScoreCommand, ScoreOutcome};
use windtunnel_stages::score::Instance;

use crate::endpoints::Tokens;
use crate::limits::{
    BACKOFF, BREAKER_FAILURES, BREAKER_PAUSE, INSTANCES_MAX, PREDICTION_DEADLINE,
    PREDICTIONS_IN_FLIGHT_MAX, PREDICTIONS_IN_FLIGHT_START,
};
use crate::prediction_stats::{PredictionStats, model_time};

/// How to reach an endpoint.
pub(crate) struct Vertex {
    pub(crate) http: reqwest::Client,
    /// `…/v1/projects/P/locations/L/endpoints/E:predict`.
    pub(crate) url: String,
    pub(crate) tokens: Tokens,
    pub(crate) stats: PredictionStats,
}

struct Shared {
    vertex: Vertex,
    room: Arc<Semaphore>,
    limit: AtomicU32,
    /// Failures in a row, and when the breaker opened.
    breaker: Mutex<(u32, Option<Instant>)>,
}

/// Why a request has no predictions.
enum Refused {
    /// The service or the network; worth another try.
    Transient(String),
    /// The instances; bisect.
    Instances(String),
    /// The caller (wrong endpoint, permission); no use in trying again.
    Final(String),
}

/// Carries commands out until their channel closes.
pub(crate) async fn run(
    vertex: Vertex,
    mut commands: mpsc::Receiver<ScoreCommand>,
    inputs: mpsc::Sender<Input>,
) {
    let shared = Arc::new(Shared {
        vertex,
        room: Arc::new(Semaphore::new(PREDICTIONS_IN_FLIGHT_START)),
        limit: AtomicU32::new(PREDICTIONS_IN_FLIGHT_START as u32),
        breaker: Mutex::new((0, None)),
    });
    let mut batches = JoinSet::new();
    while let Some(ScoreCommand { score, batch }) = commands.recv().await {
        while batches.try_join_next().is_some() {}
        let (shared, inputs) = (Arc::clone(&shared), inputs.clone());
        batches.spawn(async move {
            let instances: Vec<Instance> =
                batch.events.iter().map(|event| Instance::of_event(&batch, event)).collect();
            // Let go of the batch before answering, so that the coordinator need not copy it.
            drop(batch);
            let (outcomes, model_version) = score_all(shared, instances).await;
            let _ended = inputs.send(Input::Scored { score, outcomes, model_version }).await;
        });
    }
    while batches.join_next().await.is_some() {}
}

async fn score_all(shared: Arc<Shared>, instances: Vec<Instance>) -> (Vec<ScoreOutcome>, String) {
    let deadline = Instant::now() + PREDICTION_DEADLINE;
    let mut outcomes = vec![ScoreOutcome::Degraded; instances.len()];
    let mut model_version = String::new();
    let mut requests = JoinSet::new();
    for (index, chunk) in instances.chunks(INSTANCES_MAX).enumerate() {
        let (shared, chunk) = (Arc::clone(&shared), chunk.to_vec());
        requests.spawn(async move {
            let answer = timeout_at(deadline, shared.score_chunk(&chunk)).await;
            (index, answer.unwrap_or_default())
        });
    }
    while let Some(Ok((index, (scores, version)))) = requests.join_next().await {
        let from = index * INSTANCES_MAX;
        outcomes[from..from + scores.len()].copy_from_slice(&scores);
        if !version.is_empty() {
            model_version = version;
        }
    }
    (outcomes, model_version)
}

impl Shared {
    /// Scores a chunk, halving it around instances that the model refuses.
    async fn score_chunk(&self, instances: &[Instance]) -> (Vec<ScoreOutcome>, String) {
        let mut outcomes = vec![ScoreOutcome::Degraded; instances.len()];
        let mut version = String::new();
        let mut waiting = Vec::from([Range { start: 0, end: instances.len() }]);
        while let Some(range) = waiting.pop() {
            match self.persist(&instances[range.clone()]).await {
                Ok((scores, answered_by)) => {
                    outcomes[range].copy_from_slice(&scores);
                    version = answered_by;
                }
                Err(Refused::Instances(reason)) if range.len() == 1 => {
                    tracing::warn!("the model refuses an instance: {reason}");
                }
                Err(Refused::Instances(_)) => {
                    let middle = range.start + range.len() / 2;
                    waiting.extend([range.start..middle, middle..range.end]);
                }
                Err(Refused::Final(reason) | Refused::Transient(reason)) => {
                    tracing::warn!("predictions are degraded: {reason}");
                }
            }
        }
        (outcomes, version)
    }

    /// Tries a request again while its failure is transient; the caller's deadline ends it.
    async fn persist(
        &self,
        instances: &[Instance],
    ) -> Result<(Vec<ScoreOutcome>, String), Refused> {
        let mut pause = BACKOFF;
        loop {
            if self.is_open() {
                return Err(Refused::Transient("the circuit breaker is open".to_owned()));
            }
            let waited = Instant::now();
            let Ok(permit) = self.room.acquire().await else {
                return Err(Refused::Final("the scorer has ended".to_owned()));
            };
            let begun = Instant::now();
            let mut model = None;
            let answer = self.request(instances, &mut model).await;
            self.vertex.stats.record(begun - waited, begun.elapsed(), model);
            drop(permit);
            self.book(!matches!(answer, Err(Refused::Transient(_))));
            match answer {
                Err(Refused::Transient(_)) => {
                    sleep(pause).await;
                    pause *= 2;
                }
                answer => return answer,
            }
        }
    }

    #[tracing::instrument(name = "predict", skip_all, fields(instances = instances.len()))]
    async fn request(
        &self,
        instances: &[Instance],
        model: &mut Option<Duration>,
    ) -> Result<(Vec<ScoreOutcome>, String), Refused> {
        let transient = |error: reqwest::Error| Refused::Transient(error.to_string());
        let mut request =
            self.vertex.http.post(&self.vertex.url).json(&json!({ "instances": instances }));
        if let Some(token) = self.vertex.tokens.get().await.map_err(Refused::Final)? {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(transient)?;
        let timing = response.headers().get("server-timing").and_then(|it| it.to_str().ok());
        *model = timing.and_then(model_time);
        let status = response.status().as_u16();
        if status != 200 {
            let text = response.text().await.map_err(transient)?;
            return Err(match status {
                400 => Refused::Instances(text),
                429 | 500..=599 => Refused::Transient(text),
                _ => Refused::Final(format!("{}: {status} {text}", self.vertex.url)),
            });
        }
        let answer: Value = response.json().await.map_err(transient)?;
        let version = answer["modelVersionId"].as_str().unwrap_or_default().to_owned();
        let predictions = answer["predictions"].as_array().map(Vec::as_slice).unwrap_or_default();
        if predictions.len() != instances.len() {
            let text =
                format!("{} predictions for {} instances", predictions.len(), instances.len());
            return Err(Refused::Final(text));
        }
        let outcome = |prediction: &Value| {
            let score = prediction.as_f64().or_else(|| prediction["score"].as_f64());
            score.map_or(ScoreOutcome::Degraded, ScoreOutcome::Value)
        };
        Ok((predictions.iter().map(outcome).collect(), version))
    }

    /// Whether requests are held back; after a pause one is let through to try.
    fn is_open(&self) -> bool {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut breaker.1 {
            None => false,
            Some(since) if since.elapsed() < BREAKER_PAUSE => true,
            Some(since) => {
                *since = Instant::now();
                false
            }
        }
    }

    /// Books a success or a failure: moves the breaker, and the number of requests under way (one more
    /// after a success, half after a failure).
    fn book(&self, is_success: bool) {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = self.limit.load(Ordering::Relaxed);
        if is_success {
            *breaker = (0, None);
            if limit < PREDICTIONS_IN_FLIGHT_MAX as u32 {
                self.limit.store(limit + 1, Ordering::Relaxed);
                self.room.add_permits(1);
            }
            return;
        }
        breaker.0 += 1;
        if breaker.0 >= BREAKER_FAILURES && breaker.1.is_none() {
            breaker.1 = Some(Instant::now());
        }
        let fewer = limit - (limit / 2).max(1);
        let taken = self.room.forget_permits((limit - fewer.max(1)) as usize);
        self.limit.store(limit - taken as u32, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
