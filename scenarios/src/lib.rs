//! windtunnel: a wind tunnel for GCP data pipelines.
