//! Where the services are and who asks: the whole difference between emulators and Google Cloud.

use std::sync::Arc;
use std::time::Duration;

use gcp_bigquery_client::auth::Authenticator;
use gcp_bigquery_client::error::BQError;
use google_cloud_auth::credentials::{self, AccessTokenCredentials, Credentials, anonymous};
use google_cloud_pubsub::client::{Publisher, Subscriber, SubscriptionAdmin, TopicAdmin};
use google_cloud_storage::client::{Storage, StorageControl};
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::transport::{Channel, ClientTlsConfig};
use tonic::{Request, Status};

use crate::limits::PUBLISH_LINGER;

/// Where the services are; URLs with scheme, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Pub/Sub, gRPC and REST.
    pub pubsub: String,
    /// Cloud Storage, gRPC and REST.
    pub storage: String,
    /// BigQuery's REST.
    pub bigquery: String,
    /// BigQuery's Storage Write API.
    pub bigquery_write: String,
    /// Vertex AI.
    pub vertex: String,
    /// Who asks.
    pub credentials: CredentialMode,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialMode {
    /// Nobody: emulators. Clients without credentials would ask a metadata server and hang.
    Anonymous,
    /// Application default credentials.
    ApplicationDefault,
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach {service}: {reason}")]
pub struct ConnectError {
    service: &'static str,
    reason: String,
}

/// No application default credentials.
#[derive(Debug, thiserror::Error)]
#[error(
    "no application default credentials: {0}; run `gcloud auth application-default login`, or set \
     GOOGLE_APPLICATION_CREDENTIALS to a service account's key file"
)]
pub struct CredentialError(String);

fn failed<E: std::fmt::Display>(service: &'static str) -> impl Fn(E) -> ConnectError {
    move |error| ConnectError { service, reason: error.to_string() }
}

impl Endpoints {
    /// Google's own endpoints, Vertex AI's in a region.
    #[must_use]
    pub fn google(region: &str) -> Self {
        Self {
            pubsub: "https://pubsub.googleapis.com".to_owned(),
            storage: "https://storage.googleapis.com".to_owned(),
            bigquery: "https://bigquery.googleapis.com".to_owned(),
            bigquery_write: "https://bigquerystorage.googleapis.com".to_owned(),
            vertex: format!("https://{region}-aiplatform.googleapis.com"),
            credentials: CredentialMode::ApplicationDefault,
        }
    }

    fn credentials(&self, service: &'static str) -> Result<Credentials, ConnectError> {
        match self.credentials {
            CredentialMode::Anonymous => Ok(anonymous::Builder::new().build()),
            CredentialMode::ApplicationDefault => {
                credentials::Builder::default().build().map_err(failed(service))
            }
        }
    }

    fn tokens(
        &self,
        service: &'static str,
    ) -> Result<Option<AccessTokenCredentials>, ConnectError> {
        match self.credentials {
            CredentialMode::Anonymous => Ok(None),
            CredentialMode::ApplicationDefault => credentials::Builder::default()
                .build_access_token_credentials()
                .map(Some)
                .map_err(failed(service)),
        }
    }

    /// A publisher to a topic, by its resource name.
    ///
    /// # Errors
    /// [`ConnectError`], as for all clients below.
    pub async fn publisher(&self, topic: &str) -> Result<Publisher, ConnectError> {
        Publisher::builder(topic)
            .with_endpoint(&self.pubsub)
            .with_credentials(self.credentials("Pub/Sub")?)
            .set_message_count_threshold(1_000)
            .set_delay_threshold(PUBLISH_LINGER)
            .build()
            .await
            .map_err(failed("Pub/Sub"))
    }

    /// A subscriber.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn subscriber(&self) -> Result<Subscriber, ConnectError> {
        Subscriber::builder()
            .with_endpoint(&self.pubsub)
            .with_credentials(self.credentials("Pub/Sub")?)
            .build()
            .await
            .map_err(failed("Pub/Sub"))
    }

    /// Pub/Sub's admin clients.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn pubsub_admin(&self) -> Result<(TopicAdmin, SubscriptionAdmin), ConnectError> {
        let topics = TopicAdmin::builder()
            .with_endpoint(&self.pubsub)
            .with_credentials(self.credentials("Pub/Sub")?)
            .build()
            .await
            .map_err(failed("Pub/Sub"))?;
        let subscriptions = SubscriptionAdmin::builder()
            .with_endpoint(&self.pubsub)
            .with_credentials(self.credentials("Pub/Sub")?)
            .build()
            .await
            .map_err(failed("Pub/Sub"))?;
        Ok((topics, subscriptions))
    }

    /// Cloud Storage's data client.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn storage(&self) -> Result<Storage, ConnectError> {
        Storage::builder()
            .with_endpoint(&self.storage)
            .with_credentials(self.credentials("Cloud Storage")?)
            .build()
            .await
            .map_err(failed("Cloud Storage"))
    }

    /// Cloud Storage's metadata client.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn storage_control(&self) -> Result<StorageControl, ConnectError> {
        StorageControl::builder()
            .with_endpoint(&self.storage)
            .with_credentials(self.credentials("Cloud Storage")?)
            .build()
            .await
            .map_err(failed("Cloud Storage"))
    }

    /// BigQuery's REST client.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn bigquery(&self) -> Result<gcp_bigquery_client::Client, ConnectError> {
        let tokens = Tokens(self.tokens("BigQuery")?);
        gcp_bigquery_client::client_builder::ClientBuilder::new()
            .with_v2_base_url(format!("{}/bigquery/v2", self.bigquery))
            .build_from_authenticator(Arc::new(tokens))
            .await
            .map_err(failed("BigQuery"))
    }

    /// A channel to the Storage Write API; it connects when it is first used, and again after a loss.
    pub(crate) fn write_channel(&self) -> Result<Channel, ConnectError> {
        let service = "BigQuery Storage Write";
        let mut endpoint = Channel::from_shared(self.bigquery_write.clone())
            .map_err(failed(service))?
            .tcp_nodelay(true);
        if self.bigquery_write.starts_with("https://") {
            let tls = ClientTlsConfig::new().with_enabled_roots();
            endpoint = endpoint.tls_config(tls).map_err(failed(service))?;
        }
        Ok(endpoint.connect_lazy())
    }

    /// What the Storage Write API and Vertex AI are asked with.
    pub(crate) fn bearer(&self, service: &'static str) -> Result<Bearer, ConnectError> {
        Ok(Bearer { tokens: Tokens(self.tokens(service)?), token: None })
    }
}

/// Checks that application default credentials exist and give a token, within a time.
///
/// # Errors
/// [`CredentialError`] says what to run.
pub async fn probe_credentials(within: Duration) -> Result<(), CredentialError> {
    let credentials = credentials::Builder::default()
        .build_access_token_credentials()
        .map_err(|error| CredentialError(error.to_string()))?;
    match tokio::time::timeout(within, credentials.access_token()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(CredentialError(error.to_string())),
        Err(_) => Err(CredentialError(format!("no token within {} s", within.as_secs()))),
    }
}

/// Access tokens, or none for emulators.
#[derive(Clone)]
pub(crate) struct Tokens(Option<AccessTokenCredentials>);

impl Tokens {
    pub(crate) async fn get(&self) -> Result<Option<String>, String> {
        match &self.0 {
            None => Ok(None),
            Some(credentials) => credentials
                .access_token()
                .await
                .map(|token| Some(token.token))
                .map_err(|error| error.to_string()),
        }
    }
}

#[tonic::async_trait]
impl Authenticator for Tokens {
    async fn access_token(&self) -> Result<String, BQError> {
        match self.get().await {
            Ok(token) => Ok(token.unwrap_or_default()),
            Err(_) => Err(BQError::NoToken),
        }
    }
}

/// Puts the token into gRPC metadata; [`Bearer::refresh`] before a call, since an interceptor cannot wait.
#[derive(Clone)]
pub(crate) struct Bearer {
    pub(crate) tokens: Tokens,
    token: Option<String>,
}

impl Bearer {
    pub(crate) async fn refresh(&mut self) -> Result<(), Status> {
        self.token = self.tokens.get().await.map_err(Status::unauthenticated)?;
        Ok(())
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.token {
            let value = MetadataValue::try_from(format!("Bearer {token}"))
                .map_err(|_| Status::unauthenticated("the token cannot be sent"))?;
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}
