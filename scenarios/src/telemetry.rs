//! Logs and traces: text or JSON lines on standard error, and, where it is asked for and built in
//! (feature `otlp`), spans to an OpenTelemetry collector. Spans are those of calls and checkpoints, never
//! of single events.

use anyhow::Context;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line: timestamp, level, target, message and fields.
    Json,
}

/// What the command line says of logs and traces; the same for every command.
#[derive(Debug, clap::Args)]
pub struct TelemetryArguments {
    /// How logs are written to standard error; WINDTUNNEL_LOG says which (default: error)
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Send traces to this OpenTelemetry collector over gRPC, as http://127.0.0.1:4317
    #[arg(long, global = true, value_name = "URL")]
    otlp_endpoint: Option<String>,
}

/// What must be ended before the process.
#[derive(Debug, Default)]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logs and traces for the life of the process.
///
/// # Errors
/// The collector's address is none, or this build has no OpenTelemetry.
pub fn start(arguments: &TelemetryArguments) -> anyhow::Result<Telemetry> {
    let filter =
        EnvFilter::try_from_env("WINDTUNNEL_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: BoxedLayer = match arguments.log_format {
        LogFormat::Text => lines.with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let mut layers = vec![lines];
    let telemetry = match &arguments.otlp_endpoint {
        None => Telemetry::default(),
        Some(endpoint) => trace(endpoint, &mut layers)?,
    };
    tracing_subscriber::registry().with(layers).try_init().context("logging is set up twice")?;
    Ok(telemetry)
}

#[cfg(not(feature = "otlp"))]
fn trace(_: &str, _: &mut Vec<BoxedLayer>) -> anyhow::Result<Telemetry> {
    anyhow::bail!("--otlp-endpoint: this build has no OpenTelemetry; build with --features otlp")
}

#[cfg(feature = "otlp")]
fn trace(endpoint: &str, layers: &mut Vec<BoxedLayer>) -> anyhow::Result<Telemetry> {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_otlp::WithExportConfig as _;
    use tracing::Level;
    use tracing_subscriber::filter::Targets;

    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .with_context(|| format!("--otlp-endpoint {endpoint}"))?;
    let resource = opentelemetry_sdk::Resource::builder().with_service_name("windtunnel").build();
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build();
    // The exporter's own calls are no spans of ours, or it would never be done.
    let ours = Targets::new().with_target("windtunnel", Level::INFO);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("windtunnel"));
    layers.push(layer.with_filter(ours).boxed());
    Ok(Telemetry { provider: Some(provider) })
}

impl Telemetry {
    /// Sends what is left of the traces.
    pub fn end(self) {
        #[cfg(feature = "otlp")]
        if let Some(Err(error)) = self.provider.map(|provider| provider.shutdown()) {
            eprintln!("warning: the last traces were not sent: {error}");
        }
    }
}
