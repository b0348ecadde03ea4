//! Evaluates statements over tables in memory, for differential tests: each line of standard input is
//! `{"setup": "…", "sql": "…"}` (both scripts; a setup stays until the next one), each line of standard
//! output the last result, `{"columns": [[name, type], …], "rows": [[value, …], …]}`, or `{"error": "…"}`.
//! Values are written so that types stay apart: see `written`. Each statement has a fresh session.

#[path = "../tests/support/memory.rs"]
mod memory;

use std::io::{BufRead as _, Write as _};
use std::time::Instant;

use base64::Engine as _;
use memory::Memory;
use serde_json::{Value as Json, json};
use windtunnel_sql::{
    Parameters, ResultSet, ScriptOutcome, ScriptState, Session, Type, Value, execute,
};

fn main() {
    let mut database = Memory::default();
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("standard input is text");
        let case: Json = serde_json::from_str(&line).expect("a line is JSON");
        if let Some(setup) = case["setup"].as_str() {
            database = Memory::default();
            if let Some(error) = run(setup, &mut database).error {
                eprintln!("setup: {}", error.text(setup));
            }
        }
        let sql = case["sql"].as_str().unwrap_or_default();
        #[expect(clippy::disallowed_methods, reason = "slow statements are what one looks for")]
        let start = Instant::now();
        let outcome = run(sql, &mut database);
        let mut answer = match outcome.error {
            Some(error) => json!({"error": error.text(sql)}),
            None => {
                let last = outcome.results.into_iter().rev().find_map(|result| result.result);
                result(&last.unwrap_or_default())
            }
        };
        answer["ms"] = json!(start.elapsed().as_millis() as u64);
        writeln!(output, "{answer}").expect("standard output is open");
    }
}

fn run(sql: &str, database: &mut Memory) -> ScriptOutcome {
    let mut session = Session::new("project", 1_700_000_000_000_000, 1);
    session.default_dataset = Some(("project".to_owned(), "dataset".to_owned()));
    let mut state = ScriptState::default();
    let temporary = ("project".to_owned(), "_temporary".to_owned());
    execute(sql, &Parameters::default(), &mut session, &mut state, database, temporary)
}

fn result(set: &ResultSet) -> Json {
    let columns: Vec<Json> = set
        .columns
        .iter()
        .map(|column| json!([column.name, column.column_type.to_string()]))
        .collect();
    let rows: Vec<Vec<Json>> = set
        .rows
        .iter()
        .map(|row| {
            row.iter()
                .zip(&set.columns)
                .map(|(value, column)| written(value, &column.column_type))
                .collect()
        })
        .collect();
    json!({"columns": columns, "rows": rows})
}

/// A value: text and booleans as they are, integers as text, everything else under a name of its type.
fn written(value: &Value, value_type: &Type) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int64(value) => json!(value.to_string()),
        Value::Float64(value) if value.is_nan() => json!("NaN"),
        Value::Float64(value) if value.is_infinite() => {
            json!(if *value > 0.0 { "Infinity" } else { "-Infinity" })
        }
        Value::Float64(value) => json!({ "f": value }),
        Value::Numeric(number) => json!({"n": number.to_string()}),
        Value::BigNumeric(number) => json!({"n": number.to_string()}),
        Value::String(text) => json!(**text),
        Value::Bytes(bytes) => {
            json!({"b": base64::engine::general_purpose::STANDARD.encode(bytes)})
        }
        Value::Date(days) => json!({ "date": days }),
        Value::Time(micros) => json!({ "t": micros }),
        Value::Datetime(micros) => json!({ "dt": micros }),
        Value::Timestamp(micros) => json!({ "ts": micros }),
        Value::Interval(interval) => {
            json!({"i": [interval.months, interval.days, interval.nanos as i64]})
        }
        Value::Json(value) => json!({"j": value.to_string()}),
        Value::Geography(_) => json!({"g": "geography"}),
        Value::Range(ends) => {
            let Type::Range(element) = value_type else { return Json::Null };
            json!({"r": [written(&ends[0], element), written(&ends[1], element)]})
        }
        Value::Array(elements) => {
            let Some(element) = value_type.element() else { return Json::Null };
            elements.iter().map(|value| written(value, element)).collect()
        }
        Value::Struct(values) => {
            let Some(fields) = value_type.fields() else { return Json::Null };
            let values: Vec<Json> = values
                .iter()
                .zip(fields)
                .map(|(value, field)| written(value, &field.field_type))
                .collect();
            json!({ "s": values })
        }
    }
}
