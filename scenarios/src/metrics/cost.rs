//! What a job's work would cost on Google's services, at list prices. An estimate: no free tier, no
//! commitments, no egress, and the engine's own CPU time in the place of Dataflow's workers.

/// When the prices were published.
pub(super) const PRICES_DATE: &str = "2025-06";
/// Where they hold.
pub(super) const PRICES_REGION: &str = "us-central1";

/// Dataflow, streaming worker: a vCPU for an hour (<https://cloud.google.com/dataflow/pricing>).
const VCPU_HOUR: f64 = 0.069;
/// Dataflow, streaming worker: a GB of memory for an hour.
const MEMORY_GB_HOUR: f64 = 0.003_557;
/// Pub/Sub: a TiB delivered (<https://cloud.google.com/pubsub/pricing>).
const PUBSUB_TIB: f64 = 40.0;
/// BigQuery: a GiB through the Storage Write API (<https://cloud.google.com/bigquery/pricing>).
const STORAGE_WRITE_GIB: f64 = 0.025;

/// What Pub/Sub counts for a message beside its payload: its time, its id and its attributes, about.
const MESSAGE_OVERHEAD_BYTES: u64 = 100;

/// What was used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) vcpu_seconds: f64,
    pub(super) memory_byte_seconds: f64,
    pub(super) messages: u64,
    pub(super) payload_bytes: u64,
}

impl Usage {
    /// US dollars by service.
    pub(super) fn dollars(&self) -> [(&'static str, f64); 3] {
        let memory_gb_hours = self.memory_byte_seconds / f64::from(1 << 30) / 3_600.0;
        let delivered = self.payload_bytes + self.messages * MESSAGE_OVERHEAD_BYTES;
        let tib = f64::from(1 << 20) * f64::from(1 << 20);
        [
            (
                "dataflow",
                self.vcpu_seconds / 3_600.0 * VCPU_HOUR + memory_gb_hours * MEMORY_GB_HOUR,
            ),
            ("pubsub", delivered as f64 / tib * PUBSUB_TIB),
            // Rows are about as long as the payloads that they come from.
            ("bigquery", self.payload_bytes as f64 / f64::from(1 << 30) * STORAGE_WRITE_GIB),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_and_a_gibibyte_cost_what_the_lists_say() {
        let usage = Usage {
            vcpu_seconds: 3_600.0,
            memory_byte_seconds: 3_600.0 * f64::from(1 << 30),
            messages: 0,
            payload_bytes: 1 << 30,
        };
        let [(_, dataflow), (_, pubsub), (_, bigquery)] = usage.dollars();
        assert!((dataflow - 0.072_557).abs() < 1e-9, "{dataflow}");
        assert!((pubsub - 40.0 / 1_024.0).abs() < 1e-9, "{pubsub}");
        assert!((bigquery - 0.025).abs() < 1e-9, "{bigquery}");
    }
}
