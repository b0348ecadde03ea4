//! Goal: every event has an outcome whatever the service does. Method: a small server that refuses
//! instances of one kind, or fails always, or fails first.

use super::*;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use std::sync::atomic::AtomicUsize;

use crate::endpoints::{CredentialMode, Endpoints};

async fn shared(answer: fn(usize, &Value) -> (u16, Value)) -> (Arc<Shared>, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let app = axum::Router::new().route(
        "/predict",
        post(move |axum::Json(body): axum::Json<Value>| async move {
            let (status, body) = answer(counted.fetch_add(1, Ordering::SeqCst), &body);
            (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/predict", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut endpoints = Endpoints::google("r");
    endpoints.credentials = CredentialMode::Anonymous;
    let vertex = Vertex {
        http: reqwest::Client::new(),
        url,
        tokens: endpoints.bearer("Vertex AI").unwrap().tokens,
        stats: PredictionStats::default(),
    };
    let shared = Shared {
        vertex,
        room: Arc::new(Semaphore::new(2)),
        limit: AtomicU32::new(2),
        breaker: Mutex::new((0, None)),
    };
    (Arc::new(shared), calls)
}

fn instances(hours: impl IntoIterator<Item = f64>) -> Vec<Instance> {
    hours
        .into_iter()
        .map(|hour_of_day| Instance {
            event_type: "view".to_owned(),
            hour_of_day,
            value: None,
            temperature: None,
            humidity: None,
            battery: None,
            is_known_user: false,
            has_referrer: false,
        })
        .collect()
}

/// Answers each instance with its hour; hour 13 is poison.
fn echo(_: usize, body: &Value) -> (u16, Value) {
    let hours: Vec<f64> = body["instances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|instance| instance["hour_of_day"].as_f64().unwrap())
        .collect();
    if hours.contains(&13.0) {
        return (400, json!({ "error": { "message": "Instance is invalid" } }));
    }
    (200, json!({ "predictions": hours, "modelVersionId": "3" }))
}

#[tokio::test]
async fn a_poison_instance_is_found_and_the_others_are_scored() {
    let (shared, calls) = shared(echo).await;
    let (outcomes, version) =
        score_all(shared, instances((0..100).map(|it| f64::from(it % 24)))).await;
    assert_eq!(version, "3");
    for (index, outcome) in outcomes.into_iter().enumerate() {
        let hour = f64::from(u32::try_from(index % 24).unwrap());
        let expected =
            if hour == 13.0 { ScoreOutcome::Degraded } else { ScoreOutcome::Value(hour) };
        assert_eq!(outcome, expected, "instance {index}");
    }
    // Four poison instances in two requests of 64 and 36: a few dozen calls, not one an instance.
    let calls = calls.load(Ordering::SeqCst);
    assert!(calls < 60, "{calls} calls");
}

#[tokio::test]
async fn a_service_that_fails_first_is_asked_again() {
    let (shared, calls) = shared(|call, body| match call {
        0 => (503, json!({})),
        _ => echo(call, body),
    })
    .await;
    let (outcomes, _) = score_all(shared, instances([5.0])).await;
    assert_eq!(outcomes, [ScoreOutcome::Value(5.0)]);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_service_that_always_fails_opens_the_breaker_and_degrades() {
    let (shared, calls) = shared(|_, _| (503, json!({}))).await;
    let (outcomes, _) = score_all(Arc::clone(&shared), instances([5.0])).await;
    assert_eq!(outcomes, [ScoreOutcome::Degraded]);
    let before = calls.load(Ordering::SeqCst);
    let (outcomes, _) = score_all(Arc::clone(&shared), instances([5.0])).await;
    assert_eq!(outcomes, [ScoreOutcome::Degraded]);
    assert!(calls.load(Ordering::SeqCst) <= before + 1, "an open breaker lets one request through");
}
