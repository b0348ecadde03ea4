//! Goal: a value that goes into a column comes out unchanged, and as JSON goes in and out unchanged.
//! Method: random schemas of any nesting with random values of them, through Arrow and back.

use super::*;
use crate::rows::from_json::row_cells;
use crate::rows::to_json::row_to_json;
use crate::rows::values::strategies::table;
use proptest::prelude::*;
use serde_json::json;

/// A row of REST's JSON as `insertAll` takes it.
fn as_input(fields: &[Field], cells: &serde_json::Value) -> serde_json::Value {
    let cells = cells["f"].as_array().unwrap();
    let pairs = fields.iter().zip(cells).map(|(field, cell)| {
        let scalar = |value: &serde_json::Value| match &field.field_type {
            FieldType::Record(inner) if !value.is_null() => as_input(inner, value),
            _ => value.clone(),
        };
        let value = match field.mode {
            Mode::Repeated => {
                cell["v"].as_array().unwrap().iter().map(|item| scalar(&item["v"])).collect()
            }
            _ => scalar(&cell["v"]),
        };
        (field.name.clone(), value)
    });
    serde_json::Value::Object(pairs.collect())
}

proptest! {
    #[test]
    fn values_survive_arrow_and_json((schema, rows) in table()) {
        let batch = batch_of_rows(&schema, &rows).unwrap();
        let columns: Vec<usize> = (0..schema.fields.len()).collect();
        prop_assert_eq!(rows_of(&batch, &schema, &columns).unwrap(), rows);
        let mut again = BatchBuilder::new(&schema);
        let inputs: Vec<serde_json::Value> = (0..batch.num_rows())
            .map(|row| as_input(&schema.fields, &row_to_json(&batch, &schema.fields, row, false)))
            .collect();
        for input in &inputs {
            let cells = row_cells(&schema.fields, input.as_object().unwrap(), false);
            prop_assert!(cells.is_ok(), "{:?}: {}", cells, input);
            again.push(&cells.unwrap());
        }
        prop_assert_eq!(again.finish().unwrap(), batch);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let check = |field: Field, value: Value, expected: &str| {
        let schema = TableSchema { fields: vec![field] };
        let refused = batch_of_rows(&schema, [[value]]).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    };
    let required = Field::new("a", FieldType::Int64).with_mode(Mode::Required);
    check(required, Value::Null, "Required field a cannot be null");
    let repeated = Field::new("a", FieldType::Int64).with_mode(Mode::Repeated);
    check(repeated, Value::array([Value::Null]), "null element");
    check(Field::new("a", FieldType::Int64), Value::Bool(true), "not of type INT64");
    let schema = json!({ "fields": [{ "name": "a", "type": "NUMERIC", "precision": 2 }] });
    let field = TableSchema::from_json(&schema).unwrap().fields.remove(0);
    let hundred = Value::Numeric(Numeric::from_scaled(100_000_000_000).unwrap());
    check(field, hundred, "not in range of [-99, 99]");
}
