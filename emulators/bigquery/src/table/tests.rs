//! Goal: merging loses and reorders nothing, and the past is what it was. Method: random appends and
//! replacements against vectors of numbers.

use super::*;
use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use proptest::prelude::*;
use serde_json::json;

fn table(settings: Value) -> Table {
    let schema = json!({ "fields": [{ "name": "n", "type": "INTEGER" }] });
    let schema = TableSchema::from_json(&schema).unwrap();
    let settings = settings.as_object().unwrap().clone();
    Table::new(TableId::new("p", "d", "t"), TableKind::Table, schema, settings, 0).unwrap()
}

fn batch(table: &Table, numbers: impl IntoIterator<Item = i64>) -> RecordBatch {
    let numbers = Int64Array::from_iter_values(numbers);
    RecordBatch::try_new(Arc::clone(&table.arrow), vec![Arc::new(numbers)]).unwrap()
}

fn numbers(batches: &[RecordBatch]) -> Vec<i64> {
    let values =
        |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    batches.iter().flat_map(values).collect()
}

proptest! {
    #[test]
    fn slices_are_those_of_the_sequence(
        sizes in proptest::collection::vec(0_i64..30, 0..60),
        from in 0_usize..900, count in 0_usize..900
    ) {
        let mut table = table(json!({}));
        let mut next = 0;
        for size in &sizes {
            let rows = batch(&table, next..next + size);
            table.append(rows, None, 0);
            next += size;
        }
        // Fewer than 900 rows: four orders of magnitude, seven segments of each.
        prop_assert!(table.segments().len() <= 28, "{} segments", table.segments().len());
        let expected: Vec<i64> = (0..next).skip(from).take(count).collect();
        prop_assert_eq!(numbers(&table.slice(from, count)), expected);
    }

    #[test]
    fn the_past_is_what_it_was(
        steps in proptest::collection::vec((any::<bool>(), 0_i64..5, 1_i64..4), 1..40)
    ) {
        let mut table = table(json!({}));
        let mut now = 0;
        let mut states: Vec<(i64, Vec<i64>)> = vec![(0, Vec::new())];
        for (is_append, count, pause) in steps {
            now += pause;
            let mut state = states.last().unwrap().1.clone();
            if is_append {
                let from = state.len() as i64;
                let rows = batch(&table, from..from + count);
                table.append(rows, None, now);
                state.extend(from..from + count);
            } else {
                let seen = table.snapshot();
                let batch = batch(&table, 0..count);
                table.replace(&seen, vec![Segment { batch, partition_time: None }], now).unwrap();
                state = (0..count).collect();
            }
            states.push((now, state));
        }
        for (at, state) in states {
            let snapshot = table.snapshot_at(at).unwrap();
            prop_assert_eq!(numbers(&snapshot.slice(0, usize::MAX)), state, "at {}", at);
        }
        prop_assert!(table.snapshot_at(-1).is_err());
    }
}

#[test]
fn rows_that_came_after_a_statement_began_stay() {
    let mut table = table(json!({}));
    table.append(batch(&table, 0..3), None, 1);
    let seen = table.snapshot();
    table.append(batch(&table, 3..5), None, 2);
    let rewritten = vec![Segment { batch: batch(&table, [10]), partition_time: None }];
    table.replace(&seen, rewritten.clone(), 3).unwrap();
    assert_eq!(numbers(&table.slice(0, 10)), [10, 3, 4]);
    assert_eq!(table.replace(&seen, rewritten, 4), Err(ReplaceError));
}

#[test]
fn other_columns_keep_the_values_of_those_that_stay() {
    let mut table = table(json!({}));
    table.append(batch(&table, 0..2), None, 1);
    let wider = json!({ "fields": [
        { "name": "tags", "type": "STRING", "mode": "REPEATED" },
        { "name": "N", "type": "INTEGER" },
        { "name": "r", "type": "RECORD", "fields": [{ "name": "x", "type": "DATE" }] },
    ] });
    table.set_schema(TableSchema::from_json(&wider).unwrap(), 2).unwrap();
    let rows = &table.slice(0, 10)[0];
    assert_eq!(rows.column(1).as_primitive::<Int64Type>().values(), &[0, 1]);
    assert_eq!(rows.column(0).as_list::<i32>().value(1).len(), 0);
    assert_eq!(rows.column(2).null_count(), 2);
    assert_eq!(numbers(&table.snapshot_at(1).unwrap().slice(0, 10)), [0, 1]);
}

#[test]
fn rows_by_partition() {
    let day = 86_400_000_000;
    let mut ingested = table(json!({ "timePartitioning": { "type": "DAY" } }));
    ingested.append(batch(&ingested, 0..2), None, day + 5);
    ingested.append(batch(&ingested, 2..3), Some(0), day + 6);
    let ids: Vec<(String, usize)> = ingested
        .partitions()
        .into_iter()
        .map(|(key, (rows, _))| (ingested.partitioning.id(key), rows))
        .collect();
    assert_eq!(ids, [("19700101".to_owned(), 1), ("19700102".to_owned(), 2)]);
    let range = json!({ "start": "0", "end": "100", "interval": "10" });
    let mut ranged = table(json!({ "rangePartitioning": { "field": "n", "range": range } }));
    ranged.append(batch(&ranged, [5, 25, 27, 100, -1]), None, 1);
    let counts: Vec<usize> = ranged.partitions().values().map(|(rows, _)| *rows).collect();
    assert_eq!(counts, [1, 2, 2]);
    let twenties = ranged.partitioning.filter(ranged.segments(), PartitionKey::Range(20), true);
    assert_eq!(numbers(&[twenties[0].batch.clone()]), [25, 27]);
    assert_eq!(ranged.byte_count(), 40);
}
