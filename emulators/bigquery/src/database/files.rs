//! `EXPORT DATA` and `LOAD DATA`: files of the connected object store, through extract's and load's own
//! readers and writers.

use serde_json::{Map, Value as Json, json};
use windtunnel_sql::{ExportSpec, LoadSpec, Reason, Result, SqlError, Value};

use super::options::{schema_of, set_layout, set_options};
use super::{SqlDatabase, id_of};
use crate::files::Format;
use crate::jobs::{ExportCounts, JobError, Output, export, load_into};
use crate::rows::values::batch_of_rows;
use crate::schema::TableSchema;

impl SqlDatabase<'_> {
    pub(super) fn export_rows(&mut self, spec: ExportSpec) -> Result<()> {
        let option = |name: &str| {
            spec.options.iter().find(|(known, _)| known == name).map(|(_, value)| value)
        };
        let text = |name: &str| option(name).and_then(Value::as_str);
        let name = text("format").unwrap_or("CSV");
        let Some(format) =
            Format::parse(name).or_else(|| (name == "JSON").then_some(Format::JsonLines))
        else {
            let text = format!(
                "'{name}' is not a valid value; failed to set 'format' in EXPORT DATA OPTIONS"
            );
            return Err(SqlError::evaluation(text));
        };
        for (name, _) in &spec.options {
            let is_known = matches!(
                name.as_str(),
                "uri"
                    | "format"
                    | "overwrite"
                    | "compression"
                    | "header"
                    | "field_delimiter"
                    | "use_avro_logical_types"
            );
            if !is_known {
                return Err(SqlError::new(Reason::InvalidQuery, format!("Unknown option: {name}")));
            }
        }
        let output = Output {
            format,
            compression: text("compression").unwrap_or("NONE").to_ascii_uppercase(),
            delimiter: text("field_delimiter").and_then(|text| text.chars().next()).unwrap_or(','),
            header: option("header").and_then(Value::as_bool).unwrap_or(true),
        };
        let columns = spec.columns.iter().map(|(name, of)| (name.as_str(), of));
        let schema = TableSchema::of_sql_columns(columns)
            .map_err(|error| SqlError::evaluation(error.to_string()))?;
        let batch = batch_of_rows(&schema, &spec.rows)
            .map_err(|error| SqlError::evaluation(error.to_string()))?;
        let uri = text("uri").unwrap_or_default();
        let overwrite = option("overwrite").and_then(Value::as_bool).unwrap_or(false);
        if !overwrite {
            self.check_nothing_there(uri)?;
        }
        let written = export(self.shared, &schema, &[batch], uri, &output).map_err(sql_error_of)?;
        self.exported = Some(ExportCounts { files: written.files, rows: written.rows });
        Ok(())
    }

    /// Without `overwrite` no file of the pattern may be there.
    fn check_nothing_there(&self, uri: &str) -> Result<()> {
        let Some((bucket, pattern)) = crate::objects::parse_uri(uri) else { return Ok(()) };
        let Some(store) = &self.shared.objects else { return Ok(()) };
        let prefix = pattern.split('*').next().unwrap_or(pattern);
        match store.list(bucket, prefix) {
            Ok(names) if !names.is_empty() => {
                let text = format!(
                    "Invalid destination URI {uri}: files are there already. Set the option overwrite=true to \
                     replace them"
                );
                Err(SqlError::evaluation(text))
            }
            _ => Ok(()),
        }
    }

    /// A load job in SQL's words.
    pub(super) fn load_files(&mut self, spec: LoadSpec) -> Result<u64> {
        let id = id_of(&spec.name);
        let mut load = Map::new();
        let reference =
            json!({ "projectId": id.project, "datasetId": id.dataset, "tableId": id.table });
        load.insert("destinationTable".to_owned(), reference);
        let write = if spec.overwrite { "WRITE_TRUNCATE" } else { "WRITE_APPEND" };
        load.insert("writeDisposition".to_owned(), json!(write));
        for (name, value) in &spec.files {
            let (key, written) = file_option(name, value)?;
            load.insert(key.to_owned(), written);
        }
        if !spec.columns.is_empty() {
            load.insert("schema".to_owned(), schema_of(&spec.columns)?.to_json());
        } else if !load.contains_key("autodetect") {
            load.insert("autodetect".to_owned(), json!(true));
        }
        let mut settings = Map::new();
        set_layout(&mut settings, spec.partitioning.as_ref(), &spec.clustering);
        set_options(&mut settings, &spec.options)?;
        load.extend(settings);
        let configuration = json!({ "load": load });
        load_into(self.shared, &id.project, configuration, self.caller.clone(), self.now)
            .map_err(sql_error_of)
    }
}

/// An option of `FROM FILES` as a load job's setting.
fn file_option(name: &str, value: &Value) -> Result<(&'static str, Json)> {
    let text = || value.as_str().map_or(Json::Null, |text| json!(text));
    let flag = || value.as_bool().map_or(Json::Null, |flag| json!(flag));
    let number = || value.as_int64().map_or(Json::Null, |number| json!(number.to_string()));
    Ok(match name {
        "format" => {
            let format = value.as_str().unwrap_or_default();
            (
                "sourceFormat",
                json!(if format.eq_ignore_ascii_case("JSON") {
                    "NEWLINE_DELIMITED_JSON"
                } else {
                    format
                }),
            )
        }
        "uris" => {
            let uris = value.as_array().unwrap_or_default().iter().filter_map(Value::as_str);
            ("sourceUris", uris.map(|uri| json!(uri)).collect())
        }
        "field_delimiter" => ("fieldDelimiter", text()),
        "quote" => ("quote", text()),
        "null_marker" => ("nullMarker", text()),
        "encoding" => ("encoding", text()),
        "skip_leading_rows" => ("skipLeadingRows", number()),
        "max_bad_records" => ("maxBadRecords", number()),
        "allow_quoted_newlines" => ("allowQuotedNewlines", flag()),
        "allow_jagged_rows" => ("allowJaggedRows", flag()),
        "ignore_unknown_values" => ("ignoreUnknownValues", flag()),
        other => return Err(SqlError::not_implemented(format!("LOAD DATA option {other}"))),
    })
}

fn sql_error_of(error: JobError) -> SqlError {
    let reason = match error.reason {
        "notFound" => Reason::NotFound,
        "notImplemented" => Reason::NotImplemented,
        "duplicate" => Reason::Duplicate,
        "invalid" => Reason::Invalid,
        _ => Reason::InvalidQuery,
    };
    SqlError::new(reason, error.message)
}
