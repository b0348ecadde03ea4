//! What a query's job shows of its statements: bytes and what they cost, rows that DML touched, what DDL
//! made, what was exported.

use serde_json::{Value, json};
use windtunnel_sql::{DdlTarget, StackFrame};

use super::query::{DmlCounts, StatementOutcome};
use crate::limits::BILLED_BYTES_MIN;
use crate::table::TableId;

/// Whole megabytes, and a minimum for each table that was read.
pub(super) fn billed(outcome: &StatementOutcome) -> u64 {
    if outcome.bytes_processed == 0 {
        return 0;
    }
    let megabytes = outcome.bytes_processed.div_ceil(1_048_576).saturating_mul(1_048_576);
    megabytes.max(BILLED_BYTES_MIN.saturating_mul(outcome.read.len().max(1) as u64))
}

pub(super) fn statistics_of(outcome: &StatementOutcome, cache_hit: bool) -> Value {
    let processed = outcome.bytes_processed.to_string();
    let reference = |id: &TableId| json!({ "projectId": id.project, "datasetId": id.dataset, "tableId": id.table });
    let mut query = json!({
        "queryPlan": [],
        "timeline": [],
        "estimatedBytesProcessed": processed,
        "totalPartitionsProcessed": "0",
        "totalBytesProcessed": processed,
        "totalBytesBilled": billed(outcome).to_string(),
        "billingTier": 1,
        "totalSlotMs": "1",
        "cacheHit": cache_hit,
        "statementType": outcome.statement_type,
    });
    if !outcome.read.is_empty() {
        query["referencedTables"] = outcome.read.iter().map(reference).collect();
    }
    if let Some(dml) = outcome.dml {
        query["numDmlAffectedRows"] = json!(dml.total().to_string());
        query["dmlStats"] = dml_json(dml);
    }
    if let Some((operation, target)) = &outcome.ddl {
        query["ddlOperationPerformed"] = json!(operation);
        let (key, of) = ddl_target(target);
        query[key] = of;
    }
    if let Some(export) = outcome.export {
        query["exportDataStatistics"] = json!({
            "fileCount": export.files.to_string(), "rowCount": export.rows.to_string(),
        });
        query["transferredBytes"] = json!("0");
    }
    json!({
        "query": query,
        "totalBytesProcessed": processed,
        "totalSlotMs": "1",
        "finalExecutionDurationMs": "1",
    })
}

/// Where a statement of a script stands.
pub(super) fn script_statistics(frames: &[StackFrame]) -> Value {
    let frame = |frame: &StackFrame| {
        let mut out = json!({
            "startLine": frame.start.0,
            "startColumn": frame.start.1,
            "endLine": frame.end.0,
            "endColumn": frame.end.1,
            "text": frame.text,
        });
        if let Some(procedure) = &frame.procedure {
            out["procedureId"] = json!(procedure);
        }
        out
    };
    let frames: Vec<Value> = frames.iter().map(frame).collect();
    json!({ "evaluationKind": "STATEMENT", "stackFrames": frames })
}

/// What DDL was about, and under which name the statistics say so.
fn ddl_target(target: &DdlTarget) -> (&'static str, Value) {
    let table = |name: &windtunnel_sql::TableName| json!({ "projectId": name.project, "datasetId": name.dataset, "tableId": name.table });
    match target {
        DdlTarget::Table(name) => ("ddlTargetTable", table(name)),
        DdlTarget::Schema(project, dataset) => {
            ("ddlTargetDataset", json!({ "projectId": project, "datasetId": dataset }))
        }
        DdlTarget::Routine(path) => {
            let part = |from_end: usize| {
                path.len().checked_sub(from_end).map(|index| path[index].as_str())
            };
            let of = json!({ "projectId": part(3), "datasetId": part(2), "routineId": part(1) });
            ("ddlTargetRoutine", of)
        }
        DdlTarget::RowAccessPolicy(table_name, policy) => {
            let mut of = table(table_name);
            of["policyId"] = json!(policy);
            ("ddlTargetRowAccessPolicy", of)
        }
    }
}

/// `dmlStats`: only what was done.
pub(crate) fn dml_json(dml: DmlCounts) -> Value {
    let counts = [
        ("insertedRowCount", dml.inserted),
        ("updatedRowCount", dml.updated),
        ("deletedRowCount", dml.deleted),
    ];
    let done = counts.into_iter().filter(|(_, count)| *count > 0);
    Value::Object(done.map(|(name, count)| (name.to_owned(), json!(count.to_string()))).collect())
}
