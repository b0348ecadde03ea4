//! All emulators in one process: binds their ports, serves them, and stops them together. It knows the
//! emulators and nothing else; the model behind Vertex AI is passed in.

mod objects;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use windtunnel_bigquery::BigQueryEmulator;
use windtunnel_pubsub::PubsubEmulator;
use windtunnel_storage::{Notifications, StorageEmulator};
use windtunnel_vertex::{Model, VertexEmulator};

/// Where to serve.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// Pub/Sub; 0 is any free port, here as below.
    pub pubsub: u16,
    /// Cloud Storage.
    pub storage: u16,
    /// BigQuery.
    pub bigquery: u16,
    /// Vertex AI.
    pub vertex: u16,
}

impl Ports {
    /// Any free ports.
    pub const ANY: Self = Self { pubsub: 0, storage: 0, bigquery: 0, vertex: 0 };
}

/// Why the emulators cannot be served.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot serve {service} on port {port}: {source}; stop what listens there, or pass {flag} 0 for any \
     free port"
)]
pub struct StartError {
    service: &'static str,
    port: u16,
    flag: &'static str,
    source: std::io::Error,
}

/// The running emulators.
#[derive(Debug)]
pub struct Suite {
    /// Where Pub/Sub listens.
    pub pubsub_address: SocketAddr,
    /// Where Cloud Storage listens.
    pub storage_address: SocketAddr,
    /// Where BigQuery listens.
    pub bigquery_address: SocketAddr,
    /// Where Vertex AI listens.
    pub vertex_address: SocketAddr,
    /// For seeding and inspection.
    pub pubsub: PubsubEmulator,
    /// For seeding and inspection.
    pub storage: StorageEmulator,
    /// For seeding and inspection.
    pub bigquery: BigQueryEmulator,
    stop: CancellationToken,
    servers: JoinSet<()>,
}

impl Suite {
    /// Binds all ports on the loopback address and serves. When this returns, every service answers.
    ///
    /// # Errors
    /// A port cannot be bound; the error says which, and what to pass.
    pub async fn start(ports: Ports, model: Model) -> Result<Self, StartError> {
        let (pubsub_port, pubsub_address) = bind("Pub/Sub", "--pubsub-port", ports.pubsub).await?;
        let (storage_port, storage_address) =
            bind("Cloud Storage", "--storage-port", ports.storage).await?;
        let (bigquery_port, bigquery_address) =
            bind("BigQuery", "--bigquery-port", ports.bigquery).await?;
        let (vertex_port, vertex_address) =
            bind("Vertex AI", "--vertex-port", ports.vertex).await?;
        let pubsub = PubsubEmulator::start();
        let storage = StorageEmulator::new(&format!("http://{storage_address}"));
        let buckets = objects::Buckets(storage.clone());
        let bigquery = BigQueryEmulator::with_objects(Arc::new(buckets));
        let vertex = VertexEmulator::new(model);
        let stop = CancellationToken::new();
        let mut servers = JoinSet::new();
        for (listener, router) in [
            (pubsub_port, pubsub.router()),
            (storage_port, storage.router()),
            (bigquery_port, bigquery.router()),
            (vertex_port, vertex.router()),
        ] {
            servers.spawn(serve(listener, router, stop.clone()));
        }
        let notifications = storage.notifications();
        servers.spawn(publish(notifications, pubsub.clone(), stop.clone()));
        Ok(Self {
            pubsub_address,
            storage_address,
            bigquery_address,
            vertex_address,
            pubsub,
            storage,
            bigquery,
            stop,
            servers,
        })
    }

    /// Stops serving; open streams are cut.
    pub async fn shutdown(mut self) {
        self.pubsub.stop();
        self.stop.cancel();
        while self.servers.join_next().await.is_some() {}
    }
}

async fn bind(
    service: &'static str,
    flag: &'static str,
    port: u16,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound.await.map_err(|source| StartError { service, port, flag, source })
}

/// Publishes what Cloud Storage notifies of. A topic that does not exist gets nothing, as in the cloud.
async fn publish(
    mut notifications: Notifications,
    pubsub: PubsubEmulator,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            taken = notifications.next() => {
                for it in taken {
                    let _no_topic = pubsub.publish(&it.topic, it.data, it.attributes);
                }
            }
            () = stop.cancelled() => return,
        }
    }
}

async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    use axum::serve::ListenerExt;
    // Small messages go out at once: latency is measured here.
    let listener = listener.tap_io(|socket| {
        let _slower_without = socket.set_nodelay(true);
    });
    tokio::select! {
        // Serving on a bound listener ends only when it is dropped.
        _ended = axum::serve(listener, router).into_future() => {}
        () = stop.cancelled() => {}
    }
}
