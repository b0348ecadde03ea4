//! Goal: the offset rules, exactly. Method: a table of calls with their answers for each rule, and random
//! calls on a BUFFERED stream against a vector with two cursors.

use super::*;
use crate::schema::TableSchema;
use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use proptest::prelude::*;
use serde_json::{Map, json};
use std::sync::Arc;

fn world() -> (Catalog, WriteStreams, TableId) {
    let mut catalog = Catalog::default();
    catalog.create_dataset("p", "d", "US", Map::new(), 0).unwrap();
    let id = TableId::new("p", "d", "t");
    let schema = json!({ "fields": [{ "name": "n", "type": "INTEGER" }] });
    catalog
        .create_table(id.clone(), TableSchema::from_json(&schema).unwrap(), Map::new(), 0)
        .unwrap();
    (catalog, WriteStreams::default(), id)
}

fn batch(catalog: &Catalog, id: &TableId, numbers: std::ops::Range<i64>) -> RecordBatch {
    let schema = Arc::clone(&catalog.table(id).unwrap().arrow);
    RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from_iter_values(numbers))]).unwrap()
}

fn visible(catalog: &Catalog, id: &TableId) -> Vec<i64> {
    let table = catalog.table(id).unwrap();
    let values =
        |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    table.segments().iter().flat_map(|segment| values(&segment.batch)).collect()
}

#[test]
fn offsets_below_and_beyond_the_end_are_refused_with_the_end() {
    let (mut catalog, mut streams, id) = world();
    let name = streams.create(&catalog, &id, StreamKind::Buffered, 0).unwrap().name.clone();
    let mut append = |offset, numbers| {
        let batch = batch(&catalog, &id, numbers);
        streams.append(&mut catalog, &name, offset, batch, 0)
    };
    assert_eq!(append(Some(0), 0..3), Ok(Some(0)));
    let refused = append(Some(0), 0..3);
    assert!(matches!(refused, Err(StreamError::AlreadyExists { expected: 3, received: 0, .. })));
    let refused = append(Some(2), 0..3);
    assert!(matches!(refused, Err(StreamError::AlreadyExists { expected: 3, received: 2, .. })));
    let refused = append(Some(4), 0..3);
    assert!(matches!(refused, Err(StreamError::OutOfRange { expected: 3, received: 4, .. })));
    assert_eq!(append(None, 3..5), Ok(Some(3)));
    assert_eq!(append(Some(5), 5..6), Ok(Some(5)));
    assert_eq!(streams.finalize(&name), Ok(6));
    let batch = batch(&catalog, &id, 6..7);
    let refused = streams.append(&mut catalog, &name, Some(6), batch, 0);
    assert!(matches!(refused, Err(StreamError::Finalized(_))));
    assert_eq!(visible(&catalog, &id), Vec::<i64>::new());
    assert_eq!(
        streams.flush(&mut catalog, &name, 5, 0),
        Ok(5),
        "a finalized stream can be flushed"
    );
    assert_eq!(visible(&catalog, &id), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn committed_and_default_rows_are_visible_at_once() {
    let (mut catalog, mut streams, id) = world();
    let name = streams.create(&catalog, &id, StreamKind::Committed, 0).unwrap().name.clone();
    let rows = batch(&catalog, &id, 0..2);
    streams.append(&mut catalog, &name, Some(0), rows, 0).unwrap();
    let default = format!("{}/streams/_default", table_path(&id));
    let rows = batch(&catalog, &id, 2..3);
    assert_eq!(streams.append(&mut catalog, &default, None, rows, 0), Ok(None));
    assert_eq!(visible(&catalog, &id), [0, 1, 2]);
    let rows = batch(&catalog, &id, 3..4);
    let refused = streams.append(&mut catalog, &default, Some(0), rows, 0);
    assert!(matches!(refused, Err(StreamError::Invalid(_))));
    assert!(matches!(streams.flush(&mut catalog, &name, 0, 0), Err(StreamError::Invalid(_))));
}

#[test]
fn pending_streams_are_committed_together_and_once() {
    let (mut catalog, mut streams, id) = world();
    let names: Vec<String> = (0..2)
        .map(|_| streams.create(&catalog, &id, StreamKind::Pending, 0).unwrap().name.clone())
        .collect();
    for (position, name) in names.iter().enumerate() {
        let from = position as i64 * 10;
        let rows = batch(&catalog, &id, from..from + 2);
        streams.append(&mut catalog, name, Some(0), rows, 0).unwrap();
    }
    streams.finalize(&names[0]).unwrap();
    let refused = streams.commit(&mut catalog, &id, &names, 1).unwrap();
    assert_eq!(refused, Err(vec![(names[1].clone(), CommitProblem::NotFinalized)]));
    assert_eq!(visible(&catalog, &id), Vec::<i64>::new());
    streams.finalize(&names[1]).unwrap();
    assert_eq!(streams.commit(&mut catalog, &id, &names, 1).unwrap(), Ok(()));
    assert_eq!(visible(&catalog, &id), [0, 1, 10, 11]);
    let again = streams.commit(&mut catalog, &id, &names[..1], 1).unwrap();
    assert_eq!(again, Err(vec![(names[0].clone(), CommitProblem::AlreadyCommitted)]));
}

#[test]
fn a_table_that_was_made_again_does_not_take_the_old_streams_rows() {
    let (mut catalog, mut streams, id) = world();
    let name = streams.create(&catalog, &id, StreamKind::Buffered, 0).unwrap().name.clone();
    let rows = batch(&catalog, &id, 0..1);
    let schema = TableSchema::clone(&catalog.table(&id).unwrap().schema);
    catalog.delete_table(&id).unwrap();
    catalog.create_table(id.clone(), schema, Map::new(), 0).unwrap();
    let refused = streams.append(&mut catalog, &name, Some(0), rows, 0);
    assert!(matches!(refused, Err(StreamError::NotFound(_))));
}

proptest! {
    #[test]
    fn a_buffered_stream_is_a_vector_with_a_cursor(
        calls in proptest::collection::vec((any::<bool>(), 0_u64..12, 0_i64..4), 1..60)
    ) {
        let (mut catalog, mut streams, id) = world();
        let name = streams.create(&catalog, &id, StreamKind::Buffered, 0).unwrap().name.clone();
        let (mut end, mut flushed) = (0_u64, 0_u64);
        for (is_append, offset, count) in calls {
            if is_append {
                let rows = batch(&catalog, &id, end as i64..end as i64 + count);
                let answer = streams.append(&mut catalog, &name, Some(offset), rows, 0);
                prop_assert_eq!(answer.is_ok(), offset == end);
                if answer.is_ok() {
                    end += count as u64;
                }
            } else {
                let answer = streams.flush(&mut catalog, &name, offset, 0);
                prop_assert_eq!(answer.is_ok(), offset < end);
                if answer.is_ok() {
                    flushed = flushed.max(offset + 1);
                }
            }
            let expected: Vec<i64> = (0..flushed as i64).collect();
            prop_assert_eq!(visible(&catalog, &id), expected);
        }
    }
}
