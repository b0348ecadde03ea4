//! Where a run goes: embedded emulators, what the standard variables name, or Google Cloud. Resolved
//! once, passed down; nothing else reads the environment.

use std::time::Duration;

use windtunnel_emulators::{Ports, StartError, Suite};
use windtunnel_gcp::endpoints::{CredentialError, CredentialMode, Endpoints, probe_credentials};

pub use crate::vertex_model::vertex_model;

/// How long the check for credentials may take: the promise is an answer within five seconds.
const CREDENTIAL_PROBE: Duration = Duration::from_secs(4);

/// How long an emulator may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// The choice on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// Emulators in this process.
    Embedded,
    /// Whatever PUBSUB_EMULATOR_HOST, STORAGE_EMULATOR_HOST, BIGQUERY_EMULATOR_HOST and
    /// VERTEX_EMULATOR_HOST name.
    Env,
    /// Google Cloud, with application default credentials.
    Gcp,
}

impl Target {
    /// The name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Env => "env",
            Self::Gcp => "gcp",
        }
    }
}

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The emulators cannot be served.
    #[error(transparent)]
    Start(#[from] StartError),
    /// No credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// A variable is missing.
    #[error(
        "--target env needs {0}; `windtunnel emulators` prints the lines to set, or pass --target embedded"
    )]
    MissingVariable(&'static str),
    /// Nothing listens where a variable points.
    #[error(
        "nothing answers at {url}: {reason}; is it running? `windtunnel emulators` starts them all"
    )]
    NoAnswer {
        /// Where.
        url: String,
        /// The system's words.
        reason: String,
    },
}

/// The services of a run; with the embedded target, the emulators themselves.
#[derive(Debug)]
pub struct Services {
    /// Where they are.
    pub endpoints: Endpoints,
    /// The emulators in this process, if there are any.
    pub suite: Option<Suite>,
}

/// Reaches a target.
///
/// # Errors
/// [`TargetError`] says what to do.
pub async fn reach(target: Target, region: &str) -> Result<Services, TargetError> {
    match target {
        Target::Embedded => {
            let suite = Suite::start(Ports::ANY, vertex_model()).await?;
            Ok(Services { endpoints: endpoints_of(&suite), suite: Some(suite) })
        }
        Target::Env => {
            let endpoints = from_environment()?;
            for url in
                [&endpoints.pubsub, &endpoints.storage, &endpoints.bigquery, &endpoints.vertex]
            {
                answers(url).await?;
            }
            Ok(Services { endpoints, suite: None })
        }
        Target::Gcp => {
            probe_credentials(CREDENTIAL_PROBE).await?;
            Ok(Services { endpoints: Endpoints::google(region), suite: None })
        }
    }
}

/// Where a suite listens.
#[must_use]
pub fn endpoints_of(suite: &Suite) -> Endpoints {
    Endpoints {
        pubsub: format!("http://{}", suite.pubsub_address),
        storage: format!("http://{}", suite.storage_address),
        bigquery: format!("http://{}", suite.bigquery_address),
        bigquery_write: format!("http://{}", suite.bigquery_address),
        vertex: format!("http://{}", suite.vertex_address),
        credentials: CredentialMode::Anonymous,
    }
}

/// Checks that something listens: the clients themselves would try again for a minute.
async fn answers(url: &str) -> Result<(), TargetError> {
    let no_answer = |reason: String| TargetError::NoAnswer { url: url.to_owned(), reason };
    let host = url.split("://").nth(1).unwrap_or(url).split('/').next().unwrap_or_default();
    let default_port = if url.starts_with("https://") { 443 } else { 80 };
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:{default_port}") };
    match tokio::time::timeout(CONNECT, tokio::net::TcpStream::connect(&host)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(no_answer(error.to_string())),
        Err(_) => Err(no_answer(format!("no connection within {} s", CONNECT.as_secs()))),
    }
}

fn from_environment() -> Result<Endpoints, TargetError> {
    let url = |name: &'static str| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty());
        let value = value.ok_or(TargetError::MissingVariable(name))?;
        let has_scheme = value.starts_with("http://") || value.starts_with("https://");
        let url = if has_scheme { value } else { format!("http://{value}") };
        Ok::<_, TargetError>(url.trim_end_matches('/').to_owned())
    };
    let bigquery = url("BIGQUERY_EMULATOR_HOST")?;
    Ok(Endpoints {
        pubsub: url("PUBSUB_EMULATOR_HOST")?,
        storage: url("STORAGE_EMULATOR_HOST")?,
        // Emulators with a port of its own for gRPC name it here.
        bigquery_write: url("BIGQUERY_STORAGE_EMULATOR_HOST").unwrap_or_else(|_| bigquery.clone()),
        bigquery,
        vertex: url("VERTEX_EMULATOR_HOST")?,
        credentials: CredentialMode::Anonymous,
    })
}
