//! What stands after a table's name in REST: `$20240115` names a partition, `@1704067200000` a time.

use super::{PartitionKey, Partitioning, Table};

/// The parts of a name after the table's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decorator {
    /// After `$`.
    pub partition: Option<String>,
    /// After `@`, in milliseconds since the epoch; negative is before now.
    pub at_millis: Option<i64>,
}

impl Decorator {
    /// The bare name and what stands after it; nothing when that is malformed.
    #[must_use]
    pub fn split(name: &str) -> Option<(&str, Self)> {
        let (name, at) = match name.split_once('@') {
            Some((name, at)) => (name, Some(at.parse::<i64>().ok()?)),
            None => (name, None),
        };
        let (name, partition) = match name.split_once('$') {
            Some((name, partition)) => (name, Some(partition.to_owned())),
            None => (name, None),
        };
        Some((name, Self { partition, at_millis: at }))
    }

    /// Whether it names the list of partitions instead of one of them.
    #[must_use]
    pub fn is_summary(&self) -> bool {
        self.partition.as_deref() == Some("__PARTITIONS_SUMMARY__")
    }

    /// The partition that is named, of a table.
    ///
    /// # Errors
    /// The table is not partitioned, or not so.
    pub fn key(&self, table: &Table) -> Result<Option<PartitionKey>, String> {
        let Some(partition) = &self.partition else { return Ok(None) };
        if table.partitioning == Partitioning::None {
            return Err(format!(
                "Cannot read partition information from a table that is not partitioned: \
                 {}${partition}",
                table.id
            ));
        }
        let key = table.partitioning.parse_id(partition);
        key.map(Some)
            .ok_or_else(|| format!("Invalid partition id \"{partition}\" of table {}", table.id))
    }

    /// The time that is named, in microseconds.
    #[must_use]
    pub fn at(&self, now: i64) -> Option<i64> {
        let millis = self.at_millis?;
        let micros = millis.saturating_mul(1_000);
        Some(if millis < 0 { now.saturating_add(micros) } else { micros })
    }
}
