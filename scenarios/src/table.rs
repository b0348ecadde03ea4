//! Reads a table through BigQuery's REST, page by page, as the service answers: texts in cells.

use gcp_bigquery_client::Client;
use gcp_bigquery_client::error::BQError;
use gcp_bigquery_client::model::table_row::TableRow;
use gcp_bigquery_client::tabledata::ListQueryParameters;
use serde_json::Value;

/// Rows of a page: a few megabytes of JSON, so that reading a table costs no memory to speak of.
const PAGE_ROWS: u32 = 5_000;

/// A table to read.
#[derive(Clone)]
pub struct TableReader {
    client: Client,
    project: String,
    dataset: String,
    table: String,
    fields: Option<String>,
}

impl TableReader {
    /// Reads the named fields of a table, or all of them.
    #[must_use]
    pub fn new(
        client: Client,
        project: &str,
        dataset: &str,
        table: &str,
        fields: Option<&str>,
    ) -> Self {
        Self {
            client,
            project: project.to_owned(),
            dataset: dataset.to_owned(),
            table: table.to_owned(),
            fields: fields.map(str::to_owned),
        }
    }

    /// One page of rows from a position on.
    ///
    /// # Errors
    /// As the service answers.
    pub async fn page(&self, from: u64) -> Result<Vec<Vec<Value>>, BQError> {
        let parameters = ListQueryParameters {
            start_index: Some(from.to_string()),
            max_results: Some(PAGE_ROWS),
            selected_fields: self.fields.clone(),
            page_token: None,
            format_options: None,
        };
        let page = self
            .client
            .tabledata()
            .list(&self.project, &self.dataset, &self.table, parameters)
            .await?;
        Ok(page.rows.unwrap_or_default().into_iter().map(cells).collect())
    }

    /// All rows, handed over page by page.
    ///
    /// # Errors
    /// As the service answers.
    pub async fn read(&self, mut take: impl FnMut(Vec<Vec<Value>>)) -> Result<u64, BQError> {
        let mut from = 0;
        loop {
            let rows = self.page(from).await?;
            if rows.is_empty() {
                return Ok(from);
            }
            from += rows.len() as u64;
            take(rows);
        }
    }
}

fn cells(row: TableRow) -> Vec<Value> {
    let columns = row.columns.unwrap_or_default();
    columns.into_iter().map(|cell| cell.value.unwrap_or(Value::Null)).collect()
}

/// A cell's text.
#[must_use]
pub fn text(cell: &Value) -> Option<&str> {
    cell.as_str()
}

/// A cell's number.
#[must_use]
pub fn number(cell: &Value) -> Option<f64> {
    cell.as_str()?.parse().ok()
}

/// A TIMESTAMP cell (`1704110400.123456`, or in exponent form) in microseconds.
#[must_use]
pub fn micros(cell: &Value) -> Option<i64> {
    let text = cell.as_str()?;
    if text.contains(['e', 'E']) {
        return Some((text.parse::<f64>().ok()? * 1e6).round() as i64);
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Some(sign * (seconds.parse::<i64>().ok()?.checked_mul(1_000_000)? + fraction))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn timestamps_as_the_service_writes_them() {
        let cases = [
            ("1704110400.123456", Some(1_704_110_400_123_456)),
            ("1704110400.5", Some(1_704_110_400_500_000)),
            ("1704110400", Some(1_704_110_400_000_000)),
            ("-1.5", Some(-1_500_000)),
            ("1.7041104E9", Some(1_704_110_400_000_000)),
            ("noon", None),
        ];
        for (text, expected) in cases {
            assert_eq!(micros(&json!(text)), expected, "{text}");
        }
    }
}
