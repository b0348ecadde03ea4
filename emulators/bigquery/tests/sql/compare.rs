//! What a query answered against what was recorded: schema, rows, statistics, errors. Rows were recorded
//! through Google's Python client, so its forms are compared with REST's.

use serde_json::Value;

use super::service::{Answer, fill};

pub(crate) fn check(answer: &Answer, expected: &Value, query: &str) -> Result<(), String> {
    let error = &expected["error"];
    match (answer, error.is_null()) {
        (Answer::Refused(found), false) => check_error(found, error),
        (Answer::Refused(found), true) => Err(format!("refused: {found}")),
        (Answer::Done { .. }, false) => {
            Err(format!("no error; wanted {}", error["message_sample"]))
        }
        (Answer::Done { job, result }, true) => {
            if !job["status"]["errorResult"].is_null() {
                return Err(format!("failed: {}", job["status"]["errorResult"]));
            }
            check_schema(&result["schema"]["fields"], &expected["schema"], "schema")?;
            check_rows(result, expected, query)?;
            check_metadata(job, &expected["job_metadata"])
        }
    }
}

fn check_error(found: &Value, expected: &Value) -> Result<(), String> {
    let first = &found["errors"][0];
    let pattern = unescaped(expected["message_pattern"].as_str().unwrap_or_default());
    let pattern = regex::Regex::new(&pattern).map_err(|error| error.to_string())?;
    let message = found["message"].as_str().unwrap_or_default();
    if !pattern.is_match(message) {
        return Err(format!("message {message:?}, wanted {}", expected["message_sample"]));
    }
    for (name, found, wanted) in [
        ("status", &found["code"], &expected["http_status"]),
        ("reason", &first["reason"], &expected["reason"]),
        ("location", &first["location"], &expected["location"]),
    ] {
        if found != wanted && !(name == "location" && found == "" && wanted.is_null()) {
            return Err(format!("{name} {found}, wanted {wanted}"));
        }
    }
    Ok(())
}

/// Patterns were escaped for Python, which escapes more than Rust's `regex` takes.
fn unescaped(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some(next) if next.is_alphanumeric() || ".+*?()|[]{}^$\\#&-~".contains(next) => {
                out.push('\\');
                out.push(next);
            }
            Some(next) => out.push(next),
            None => out.push('\\'),
        }
    }
    out
}

fn check_schema(found: &Value, expected: &Value, path: &str) -> Result<(), String> {
    let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
    let expected = expected.as_array().map(Vec::as_slice).unwrap_or_default();
    if found.len() != expected.len() {
        return Err(format!(
            "{path} has {} fields, wanted {}: {found:?}",
            found.len(),
            expected.len()
        ));
    }
    for (found, wanted) in found.iter().zip(expected) {
        for key in ["name", "type", "mode"] {
            let shown = match (&found[key], key) {
                (Value::Null, "mode") => "NULLABLE",
                (value, _) => value.as_str().unwrap_or_default(),
            };
            if shown != wanted[key].as_str().unwrap_or_default() {
                return Err(format!("{path}: {key} {shown}, wanted {wanted}"));
            }
        }
        check_schema(
            &found["fields"],
            &wanted["fields"],
            wanted["name"].as_str().unwrap_or_default(),
        )?;
    }
    Ok(())
}

fn check_rows(result: &Value, expected: &Value, query: &str) -> Result<(), String> {
    let fields = expected["schema"].as_array().cloned().unwrap_or_default();
    let wanted = expected["rows"].as_array().cloned().unwrap_or_default();
    let found = result["rows"].as_array().cloned().unwrap_or_default();
    if found.len() != wanted.len() {
        return Err(format!("{} rows, wanted {}: {found:?}", found.len(), wanted.len()));
    }
    let same = |row: &Value, wanted: &Value| {
        fields.iter().enumerate().all(|(index, field)| {
            let name = field["name"].as_str().unwrap_or_default();
            is_same(&row["f"][index]["v"], &wanted[name], field)
        })
    };
    let is_ordered = query.to_ascii_uppercase().contains("ORDER BY");
    let mut left: Vec<&Value> = wanted.iter().collect();
    for (index, row) in found.iter().enumerate() {
        let place = match is_ordered {
            true => same(row, &wanted[index]).then_some(0),
            false => left.iter().position(|wanted| same(row, wanted)),
        };
        match place {
            Some(place) => drop(left.remove(place.min(left.len() - 1))),
            None => return Err(format!("row {row}, wanted {}", wanted[index])),
        }
    }
    Ok(())
}

fn is_same(found: &Value, wanted: &Value, field: &Value) -> bool {
    if field["mode"] == "REPEATED" {
        let one = without_mode(field);
        let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
        let wanted = wanted.as_array().map(Vec::as_slice).unwrap_or_default();
        return found.len() == wanted.len()
            && found.iter().zip(wanted).all(|(found, wanted)| is_same(&found["v"], wanted, &one));
    }
    if found.is_null() || wanted.is_null() {
        return found.is_null() == wanted.is_null();
    }
    if field["type"] == "RECORD" {
        let fields = field["fields"].as_array().cloned().unwrap_or_default();
        return fields.iter().enumerate().all(|(index, field)| {
            let name = field["name"].as_str().unwrap_or_default();
            is_same(&found["f"][index]["v"], &wanted[name], field)
        });
    }
    scalar(found.as_str().unwrap_or_default(), wanted, field["type"].as_str().unwrap_or_default())
}

fn without_mode(field: &Value) -> Value {
    let mut one = field.clone();
    one["mode"] = Value::from("NULLABLE");
    one
}

fn scalar(found: &str, wanted: &Value, of: &str) -> bool {
    let text = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
    match of {
        "INTEGER" => found == text,
        "BOOLEAN" => found == text,
        "FLOAT" => {
            let number = |text: &str| match text {
                "Infinity" | "inf" | "+inf" => f64::INFINITY,
                "-Infinity" | "-inf" => f64::NEG_INFINITY,
                other => other.parse().unwrap_or(f64::NAN),
            };
            let (found, wanted) = (number(found), number(&text));
            found == wanted
                || found.is_nan() && wanted.is_nan()
                || (found - wanted).abs() <= 1e-12 * wanted.abs() + 1e-15
        }
        "NUMERIC" | "BIGNUMERIC" => decimal(found) == decimal(&text),
        "TIMESTAMP" => match (found.parse::<f64>(), chrono::DateTime::parse_from_rfc3339(&text)) {
            (Ok(seconds), Ok(wanted)) => {
                (seconds - wanted.timestamp_micros() as f64 / 1e6).abs() <= 2e-6
            }
            _ => false,
        },
        "DATETIME" => moment(found) == moment(&text),
        "TIME" => {
            found.trim_end_matches('0').trim_end_matches('.')
                == text.trim_end_matches('0').trim_end_matches('.')
                || found == text
        }
        "INTERVAL" => interval(found) == python_interval(&text),
        "JSON" => {
            let parsed = |text: &str| {
                serde_json::from_str::<Value>(text).unwrap_or_else(|_| Value::from(text))
            };
            parsed(found) == *wanted || parsed(found) == parsed(&text)
        }
        "RANGE" => {
            let inner = found.trim_start_matches('[').trim_end_matches(')');
            let (start, end) = inner.split_once(", ").unwrap_or((inner, ""));
            range_end(start, &wanted["start"]) && range_end(end, &wanted["end"])
        }
        "GEOGRAPHY" => found.replace(", ", ",") == text.replace(", ", ","),
        _ => fill(&text) == found || text == found,
    }
}

fn range_end(found: &str, wanted: &Value) -> bool {
    match wanted.as_str() {
        None => found == "UNBOUNDED" || found == "NULL",
        Some(wanted) => {
            if let (Ok(seconds), Ok(wanted)) =
                (found.parse::<f64>(), chrono::DateTime::parse_from_rfc3339(wanted))
            {
                return (seconds * 1.0 - wanted.timestamp_micros() as f64 / 1e6).abs() <= 2e-6
                    || (seconds / 1e6 - wanted.timestamp_micros() as f64 / 1e6).abs() <= 2e-6;
            }
            moment(found) == moment(wanted)
        }
    }
}

fn decimal(text: &str) -> (bool, String, String) {
    let digits = text.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0').to_owned();
    (text.starts_with('-'), whole, fraction.trim_end_matches('0').to_owned())
}

fn moment(text: &str) -> String {
    let text = text.replace('T', " ");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Months, days and microseconds of `Y-M D H:M:S.f`.
fn interval(text: &str) -> Option<(i64, i64, i64)> {
    let mut parts = text.split(' ');
    let (months, days, time) = (parts.next()?, parts.next()?, parts.next()?);
    let sign = |text: &str| if text.starts_with('-') { -1 } else { 1 };
    let (years, rest) = months.trim_start_matches('-').split_once('-')?;
    let months = sign(months) * (years.parse::<i64>().ok()? * 12 + rest.parse::<i64>().ok()?);
    let mut units = time.trim_start_matches('-').split(':');
    let (hours, minutes, seconds) = (units.next()?, units.next()?, units.next()?);
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let whole = hours.parse::<i64>().ok()? * 3600
        + minutes.parse::<i64>().ok()? * 60
        + seconds.parse::<i64>().ok()?;
    Some((months, days.parse().ok()?, sign(time) * (whole * 1_000_000 + micros)))
}

/// The same of `relativedelta(years=+1, …)`.
fn python_interval(text: &str) -> Option<(i64, i64, i64)> {
    let inner = text.trim_start_matches("relativedelta(").trim_end_matches(')');
    let (mut months, mut days, mut micros) = (0, 0, 0);
    for part in inner.split(',').filter(|part| !part.trim().is_empty()) {
        let (unit, number) = part.trim().split_once('=')?;
        let number: i64 = number.trim_start_matches('+').parse().ok()?;
        match unit {
            "years" => months += number * 12,
            "months" => months += number,
            "days" => days += number,
            "hours" => micros += number * 3_600_000_000,
            "minutes" => micros += number * 60_000_000,
            "seconds" => micros += number * 1_000_000,
            "microseconds" => micros += number,
            _ => return None,
        }
    }
    Some((months, days, micros))
}

fn check_metadata(job: &Value, expected: &Value) -> Result<(), String> {
    let statistics = &job["statistics"]["query"];
    for (name, wanted) in expected.as_object().into_iter().flatten() {
        let found = match name.as_str() {
            "statement_type" => statistics["statementType"].clone(),
            "cache_hit" => statistics["cacheHit"].clone(),
            "num_dml_affected_rows" => {
                let text = statistics["numDmlAffectedRows"].as_str().unwrap_or_default();
                text.parse::<i64>().map_or(Value::Null, Value::from)
            }
            "ddl_operation_performed" => statistics["ddlOperationPerformed"].clone(),
            "labels" => job["configuration"]["labels"].clone(),
            _ => continue,
        };
        if found != *wanted {
            return Err(format!("{name} {found}, wanted {wanted}"));
        }
    }
    Ok(())
}
