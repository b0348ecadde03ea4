//! How a table's rows are divided: by ingestion time, by a column's date or time, or by ranges of an
//! integer column. A partition's id is what stands after `$` and in `INFORMATION_SCHEMA.PARTITIONS`.

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike};
use serde_json::{Map, Value};

use super::Segment;
use crate::schema::{FieldType, TableSchema};

const DAY_MICROS: i64 = 86_400_000_000;

/// The width of time partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// `2024011512`.
    Hour,
    /// `20240115`.
    Day,
    /// `202401`.
    Month,
    /// `2024`.
    Year,
}

/// A table's division.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Partitioning {
    /// One whole.
    None,
    /// By the time at which rows came; `_PARTITIONTIME` shows it.
    Ingestion(Granularity),
    /// By a DATE, DATETIME or TIMESTAMP column.
    Time {
        /// Its place.
        column: usize,
        /// The width.
        granularity: Granularity,
    },
    /// By ranges of an INTEGER column.
    Range {
        /// Its place.
        column: usize,
        /// The first value inside.
        start: i64,
        /// The first value beyond.
        end: i64,
        /// The width.
        interval: i64,
    },
}

/// One partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartitionKey {
    /// A time partition's first microsecond.
    Time(i64),
    /// A range's first value.
    Range(i64),
    /// The column is NULL.
    Null,
    /// The column's value is outside all ranges, or there are no partitions.
    Unpartitioned,
}

impl Granularity {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_uppercase().as_str() {
            "HOUR" => Self::Hour,
            "DAY" => Self::Day,
            "MONTH" => Self::Month,
            "YEAR" => Self::Year,
            _ => return None,
        })
    }

    /// The first microsecond of the partition of a time.
    #[must_use]
    pub fn truncate(self, micros: i64) -> i64 {
        match self {
            Self::Hour => micros.div_euclid(3_600_000_000) * 3_600_000_000,
            Self::Day => micros.div_euclid(DAY_MICROS) * DAY_MICROS,
            Self::Month | Self::Year => {
                let time = DateTime::from_timestamp_micros(micros).unwrap_or_default();
                let month = if self == Self::Month { time.month() } else { 1 };
                let first = NaiveDate::from_ymd_opt(time.year(), month, 1).unwrap_or_default();
                first.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros()
            }
        }
    }

    fn id(self, micros: i64) -> String {
        let time = DateTime::from_timestamp_micros(micros).unwrap_or_default();
        let (year, month, day) = (time.year(), time.month(), time.day());
        match self {
            Self::Hour => format!("{year:04}{month:02}{day:02}{:02}", time.hour()),
            Self::Day => format!("{year:04}{month:02}{day:02}"),
            Self::Month => format!("{year:04}{month:02}"),
            Self::Year => format!("{year:04}"),
        }
    }

    fn parse_id(self, id: &str) -> Option<i64> {
        let (length, rest) = match self {
            Self::Hour => (10, "0000"),
            Self::Day => (8, "000000"),
            Self::Month => (6, "01000000"),
            Self::Year => (4, "0101000000"),
        };
        if id.len() != length || !id.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let time = NaiveDateTime::parse_from_str(&format!("{id}{rest}"), "%Y%m%d%H%M%S").ok()?;
        Some(time.and_utc().timestamp_micros())
    }
}

impl Partitioning {
    /// What `timePartitioning` or `rangePartitioning` say.
    ///
    /// # Errors
    /// A column that is missing or of another type, or ranges that are none.
    pub fn of(settings: &Map<String, Value>, schema: &TableSchema) -> Result<Self, String> {
        if let Some(range) = settings.get("rangePartitioning").filter(|value| !value.is_null()) {
            return Self::of_range(range, schema);
        }
        let Some(time) = settings.get("timePartitioning").filter(|value| !value.is_null()) else {
            return Ok(Self::None);
        };
        let of = time["type"].as_str().unwrap_or("DAY");
        let granularity = Granularity::parse(of)
            .ok_or_else(|| format!("Invalid time partitioning type: {of}"))?;
        let Some(name) = time["field"].as_str() else { return Ok(Self::Ingestion(granularity)) };
        let column = find(schema, name)?;
        match schema.fields[column].field_type {
            FieldType::Timestamp | FieldType::Datetime => {}
            FieldType::Date if granularity != Granularity::Hour => {}
            _ => {
                return Err(format!(
                    "The field specified for time partitioning can only be of type TIMESTAMP, DATE or \
                     DATETIME. The type found is: {}.",
                    schema.fields[column].field_type.name()
                ));
            }
        }
        Ok(Self::Time { column, granularity })
    }

    fn of_range(range: &Value, schema: &TableSchema) -> Result<Self, String> {
        let column = find(schema, range["field"].as_str().unwrap_or_default())?;
        if schema.fields[column].field_type != FieldType::Int64 {
            return Err(format!(
                "The field specified for range partitioning can only be of type INTEGER. The type \
                 found is: {}.",
                schema.fields[column].field_type.name()
            ));
        }
        let number = |key: &str| {
            let value = &range["range"][key];
            value.as_i64().or_else(|| value.as_str()?.parse().ok())
        };
        match (number("start"), number("end"), number("interval")) {
            (Some(start), Some(end), Some(interval)) if start < end && interval > 0 => {
                Ok(Self::Range { column, start, end, interval })
            }
            _ => Err("Range partitioning needs a start below its end and an interval".to_owned()),
        }
    }

    /// `_PARTITIONTIME` of rows that come now, or into a partition that is named.
    pub(super) fn partition_time(&self, named: Option<i64>, now: i64) -> Option<i64> {
        match self {
            Self::Ingestion(granularity) => Some(granularity.truncate(named.unwrap_or(now))),
            _ => None,
        }
    }

    /// The id of a partition.
    #[must_use]
    pub fn id(&self, key: PartitionKey) -> String {
        match (key, self) {
            (
                PartitionKey::Time(micros),
                Self::Ingestion(granularity) | Self::Time { granularity, .. },
            ) => granularity.id(micros),
            (PartitionKey::Range(start), _) => start.to_string(),
            (PartitionKey::Null, _) => "__NULL__".to_owned(),
            (PartitionKey::Time(_) | PartitionKey::Unpartitioned, _) => {
                "__UNPARTITIONED__".to_owned()
            }
        }
    }

    /// The partition of an id; nothing when the table has no such.
    #[must_use]
    pub fn parse_id(&self, id: &str) -> Option<PartitionKey> {
        match (id, self) {
            ("__NULL__", _) => Some(PartitionKey::Null),
            ("__UNPARTITIONED__", _) => Some(PartitionKey::Unpartitioned),
            (id, Self::Ingestion(granularity) | Self::Time { granularity, .. }) => {
                granularity.parse_id(id).map(PartitionKey::Time)
            }
            (id, Self::Range { start, end, interval, .. }) => {
                let value: i64 = id.parse().ok()?;
                let inside = (*start..*end).contains(&value)
                    && value.checked_sub(*start)?.rem_euclid(*interval) == 0;
                inside.then_some(PartitionKey::Range(value))
            }
            (_, Self::None) => None,
        }
    }

    /// The partition of a row.
    #[must_use]
    pub fn key(&self, segment: &Segment, row: usize) -> PartitionKey {
        match self {
            Self::None => PartitionKey::Unpartitioned,
            Self::Ingestion(_) => {
                segment.partition_time.map_or(PartitionKey::Unpartitioned, PartitionKey::Time)
            }
            Self::Time { column, granularity } => {
                let column = segment.batch.column(*column);
                if column.is_null(row) {
                    return PartitionKey::Null;
                }
                let micros = match column.as_primitive_opt::<Date32Type>() {
                    Some(days) => i64::from(days.value(row)) * DAY_MICROS,
                    None => column.as_primitive::<TimestampMicrosecondType>().value(row),
                };
                PartitionKey::Time(granularity.truncate(micros))
            }
            Self::Range { column, start, end, interval } => {
                let column = segment.batch.column(*column).as_primitive::<Int64Type>();
                if column.is_null(row) {
                    return PartitionKey::Null;
                }
                let value = column.value(row);
                if !(*start..*end).contains(&value) {
                    return PartitionKey::Unpartitioned;
                }
                // In 128 bits: the ends of the range may be far apart.
                let offset = (i128::from(value) - i128::from(*start)) / i128::from(*interval);
                let first = i128::from(*start) + offset * i128::from(*interval);
                PartitionKey::Range(i64::try_from(first).unwrap_or(value))
            }
        }
    }

    /// The rows of a segment by partition.
    #[must_use]
    pub fn split(&self, segment: &Segment) -> Vec<(PartitionKey, RecordBatch)> {
        let rows = segment.batch.num_rows();
        match self {
            Self::None | Self::Ingestion(_) if rows > 0 => {
                return vec![(self.key(segment, 0), segment.batch.clone())];
            }
            _ => {}
        }
        let keys: Vec<PartitionKey> = (0..rows).map(|row| self.key(segment, row)).collect();
        let mut distinct = keys.clone();
        distinct.sort_unstable();
        distinct.dedup();
        distinct.into_iter().map(|key| (key, select(segment, &keys, |it| it == key))).collect()
    }

    /// The rows of one partition, or of all others.
    #[must_use]
    pub fn filter(&self, segments: &[Segment], wanted: PartitionKey, inside: bool) -> Vec<Segment> {
        let filtered = segments.iter().map(|segment| {
            let keys: Vec<_> =
                (0..segment.batch.num_rows()).map(|row| self.key(segment, row)).collect();
            let batch = select(segment, &keys, |key| (key == wanted) == inside);
            Segment { batch, partition_time: segment.partition_time }
        });
        filtered.filter(|segment| segment.batch.num_rows() > 0).collect()
    }
}

fn find(schema: &TableSchema, name: &str) -> Result<usize, String> {
    schema.index_of(name).ok_or_else(|| {
        format!("The field specified for partitioning cannot be found in the schema: {name}")
    })
}

fn select(
    segment: &Segment,
    keys: &[PartitionKey],
    wanted: impl Fn(PartitionKey) -> bool,
) -> RecordBatch {
    let mask: BooleanArray = keys.iter().map(|key| Some(wanted(*key))).collect();
    filter_record_batch(&segment.batch, &mask).expect("the mask is as long as the batch")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_time_partitions() {
        let micros = 1_705_321_296_000_000; // 2024-01-15 12:21:36
        let cases = [
            (Granularity::Hour, "2024011512", 1_705_320_000_000_000),
            (Granularity::Day, "20240115", 1_705_276_800_000_000),
            (Granularity::Month, "202401", 1_704_067_200_000_000),
            (Granularity::Year, "2024", 1_704_067_200_000_000),
        ];
        for (granularity, id, first) in cases {
            assert_eq!(granularity.truncate(micros), first);
            assert_eq!(granularity.id(first), id);
            assert_eq!(granularity.parse_id(id), Some(first));
            assert_eq!(granularity.parse_id("2024x"), None);
        }
    }

    #[test]
    fn ids_of_ranges() {
        let range = Partitioning::Range { column: 0, start: 0, end: 100, interval: 10 };
        assert_eq!(range.parse_id("20"), Some(PartitionKey::Range(20)));
        assert_eq!(range.parse_id("25"), None);
        assert_eq!(range.parse_id("100"), None);
        assert_eq!(range.parse_id("__NULL__"), Some(PartitionKey::Null));
    }
}
