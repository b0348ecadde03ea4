//! Pub/Sub, Cloud Storage, BigQuery and Vertex connectors: the only production code that speaks GCP.
