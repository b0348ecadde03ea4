//! The reference pipeline's names, and how its topics, subscriptions, buckets, dataset and tables are
//! made through the official clients. Making what exists is fine.

use gcp_bigquery_client::error::BQError;
use gcp_bigquery_client::model::dataset::Dataset;
use gcp_bigquery_client::model::table::Table;
use google_cloud_gax::error::rpc::Code;
use google_cloud_pubsub::model::PushConfig;
use google_cloud_storage::model::Bucket;
use serde_json::{Value, json};
use windtunnel_model::schema::{DATASET, EVENTS_TABLE, WINDOWS_TABLE, events_table, windows_table};

use crate::checkpoints::is;
use crate::endpoints::{ConnectError, Endpoints};

/// The names of the reference pipeline in one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceNames {
    /// The project.
    pub project: String,
}

/// Why the world cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A client cannot be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A resource cannot be made.
    #[error("cannot create {what}: {reason}")]
    Create {
        /// The resource.
        what: String,
        /// The service's words.
        reason: String,
    },
}

impl ReferenceNames {
    /// The names in a project.
    #[must_use]
    pub fn for_project(project: &str) -> Self {
        Self { project: project.to_owned() }
    }

    /// A topic's resource name; the topics are `iot-events`, `processed-events` and `predictions`.
    #[must_use]
    pub fn topic(&self, topic: &str) -> String {
        format!("projects/{}/topics/{topic}", self.project)
    }

    /// A subscription's resource name; the subscriptions are `iot-events-sub` and
    /// `processed-events-sub`.
    #[must_use]
    pub fn subscription(&self, subscription: &str) -> String {
        format!("projects/{}/subscriptions/{subscription}", self.project)
    }

    /// The bucket of the dead letters.
    #[must_use]
    pub fn failed_events_bucket(&self) -> String {
        format!("{}-failed-events", self.project)
    }

    /// The bucket of what comes in: files to read, and the archive of messages.
    #[must_use]
    pub fn raw_data_bucket(&self) -> String {
        format!("{}-raw-data", self.project)
    }

    /// The bucket of the archive of rows.
    #[must_use]
    pub fn processed_data_bucket(&self) -> String {
        format!("{}-processed-data", self.project)
    }

    /// All buckets.
    #[must_use]
    pub fn buckets(&self) -> [String; 3] {
        [self.raw_data_bucket(), self.processed_data_bucket(), self.failed_events_bucket()]
    }

    /// A table's resource name in the Storage Write API.
    #[must_use]
    pub fn table(&self, table: &str) -> String {
        format!("projects/{}/datasets/{DATASET}/tables/{table}", self.project)
    }

    /// Names and REST resources of the tables.
    #[must_use]
    pub fn tables(&self) -> [(&'static str, Value); 2] {
        [(EVENTS_TABLE, events_table()), (WINDOWS_TABLE, windows_table())]
    }
}

/// Makes everything. With a `push_endpoint` the raw topic's subscription delivers there.
///
/// # Errors
/// [`WorldError`] names the first resource that cannot be made.
pub async fn create(
    endpoints: &Endpoints,
    names: &ReferenceNames,
    push_endpoint: Option<&str>,
) -> Result<(), WorldError> {
    create_topics(endpoints, names, push_endpoint).await?;
    let storage = endpoints.storage_control().await?;
    for bucket in names.buckets() {
        let made = storage
            .create_bucket()
            .set_parent("projects/_")
            .set_bucket_id(&bucket)
            .set_bucket(Bucket::new().set_project(format!("projects/{}", names.project)))
            .send()
            .await;
        accept_existing(format!("bucket {bucket}"), made)?;
    }
    create_tables(endpoints, names).await
}

async fn create_topics(
    endpoints: &Endpoints,
    names: &ReferenceNames,
    push_endpoint: Option<&str>,
) -> Result<(), WorldError> {
    let (topics, subscriptions) = endpoints.pubsub_admin().await?;
    for topic in ["iot-events", "processed-events", "predictions"] {
        let made = topics.create_topic().set_name(names.topic(topic)).send().await;
        accept_existing(format!("topic {topic}"), made)?;
    }
    for (subscription, topic, push) in [
        ("iot-events-sub", "iot-events", push_endpoint),
        ("processed-events-sub", "processed-events", None),
    ] {
        let mut request = subscriptions
            .create_subscription()
            .set_name(names.subscription(subscription))
            .set_topic(names.topic(topic))
            .set_ack_deadline_seconds(60);
        if let Some(endpoint) = push {
            request = request.set_push_config(PushConfig::new().set_push_endpoint(endpoint));
        }
        accept_existing(format!("subscription {subscription}"), request.send().await)?;
        if let Some(endpoint) = push {
            // It may exist from an earlier run, with another endpoint.
            subscriptions
                .modify_push_config()
                .set_subscription(names.subscription(subscription))
                .set_push_config(PushConfig::new().set_push_endpoint(endpoint))
                .send()
                .await
                .map_err(|error| WorldError::Create {
                    what: format!("push endpoint of {subscription}"),
                    reason: error.to_string(),
                })?;
        }
    }
    Ok(())
}

async fn create_tables(endpoints: &Endpoints, names: &ReferenceNames) -> Result<(), WorldError> {
    let bigquery = endpoints.bigquery().await?;
    let made = bigquery.dataset().create(Dataset::new(&names.project, DATASET)).await;
    accept_existing_rest(format!("dataset {DATASET}"), made)?;
    for (name, mut resource) in names.tables() {
        resource["tableReference"] =
            json!({ "projectId": names.project, "datasetId": DATASET, "tableId": name });
        let what = format!("table {DATASET}.{name}");
        let table: Table = serde_json::from_value(resource).map_err(|error| {
            WorldError::Create { what: what.clone(), reason: error.to_string() }
        })?;
        accept_existing_rest(what, bigquery.table().create(table).await)?;
    }
    Ok(())
}

fn accept_existing<T>(
    what: String,
    made: Result<T, google_cloud_gax::error::Error>,
) -> Result<(), WorldError> {
    match made {
        Ok(_) => Ok(()),
        Err(error) if is(&error, 409, Code::AlreadyExists) => Ok(()),
        Err(error) => Err(WorldError::Create { what, reason: error.to_string() }),
    }
}

pub(crate) fn accept_existing_rest<T>(
    what: String,
    made: Result<T, BQError>,
) -> Result<(), WorldError> {
    match made {
        Ok(_) => Ok(()),
        Err(BQError::ResponseError { error }) if error.error.code == 409 => Ok(()),
        Err(error) => Err(WorldError::Create { what, reason: error.to_string() }),
    }
}
