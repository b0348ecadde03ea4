//! Goal: a value that goes into a column comes out unchanged, and as JSON goes in and out unchanged.
//! Method: random schemas of any nesting with random values of them, through Arrow and back.

use super::*;
use crate::rows::from_json::row_cells;
use crate::rows::to_json::row_to_json;
use crate::schema::RangeElement;
use proptest::prelude::*;
use serde_json::json;
use windtunnel_sql::Interval;

const LEAVES: &[FieldType] = &[
    FieldType::String,
    FieldType::Bytes,
    FieldType::Int64,
    FieldType::Float64,
    FieldType::Numeric,
    FieldType::BigNumeric,
    FieldType::Bool,
    FieldType::Timestamp,
    FieldType::Date,
    FieldType::Time,
    FieldType::Datetime,
    FieldType::Interval,
    FieldType::Json,
    FieldType::Range(RangeElement::Date),
    FieldType::Range(RangeElement::Datetime),
    FieldType::Range(RangeElement::Timestamp),
];

const DAYS: std::ops::Range<i32> = -719_162..2_932_896;

fn micros() -> impl Strategy<Value = i64> {
    (i64::from(DAYS.start) * 86_400_000_000)..(i64::from(DAYS.end) * 86_400_000_000)
}

fn field_type() -> impl Strategy<Value = FieldType> {
    proptest::sample::select(LEAVES).prop_recursive(3, 12, 3, |inner| {
        proptest::collection::vec((inner, mode()), 1..4).prop_map(|fields| {
            let fields = fields.into_iter().enumerate();
            let field = |(index, (of, mode))| Field::new(&format!("f{index}"), of).with_mode(mode);
            FieldType::Record(fields.map(field).collect())
        })
    })
}

fn mode() -> impl Strategy<Value = Mode> {
    proptest::sample::select(&[Mode::Nullable, Mode::Required, Mode::Repeated][..])
}

fn present(of: &FieldType) -> BoxedStrategy<Value> {
    match of {
        FieldType::String => "\\PC{0,6}".prop_map(Value::string).boxed(),
        FieldType::Bytes => any::<Vec<u8>>().prop_map(Value::bytes).boxed(),
        FieldType::Int64 => any::<i64>().prop_map(Value::Int64).boxed(),
        FieldType::Float64 => (-1e300_f64..1e300).prop_map(Value::Float64).boxed(),
        FieldType::Numeric => (-(10_i128.pow(38) - 1)..10_i128.pow(38))
            .prop_map(|scaled| Value::Numeric(Numeric::from_scaled(scaled).unwrap()))
            .boxed(),
        FieldType::BigNumeric => any::<[u8; 31]>()
            .prop_map(|bytes| {
                let scaled = num_bigint::BigInt::from_signed_bytes_le(&bytes);
                Value::big_numeric(BigNumeric::from_scaled(scaled).unwrap())
            })
            .boxed(),
        FieldType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        FieldType::Timestamp => micros().prop_map(Value::Timestamp).boxed(),
        FieldType::Date => DAYS.prop_map(Value::Date).boxed(),
        FieldType::Time => (0..86_400_000_000_i64).prop_map(Value::Time).boxed(),
        FieldType::Datetime => micros().prop_map(Value::Datetime).boxed(),
        FieldType::Interval => (-120_000_i64..120_000, -9_999_i64..9_999, any::<i64>())
            .prop_map(|(months, days, nanos)| {
                Value::interval(Interval { months, days, nanos: i128::from(nanos) })
            })
            .boxed(),
        FieldType::Json => proptest::sample::select(&["null", "1", "[1,\"a\"]", "{\"b\":{}}"][..])
            .prop_map(|text| Value::json(serde_json::from_str(text).unwrap()))
            .boxed(),
        FieldType::Geography => Just(Value::Null).boxed(),
        FieldType::Range(element) => {
            let bound = nullable(&element.field_type());
            (bound.clone(), bound).prop_map(|(a, b)| Value::Range(Arc::new([a, b]))).boxed()
        }
        FieldType::Record(fields) => {
            fields.iter().map(value).collect::<Vec<_>>().prop_map(Value::structure).boxed()
        }
    }
}

fn nullable(of: &FieldType) -> BoxedStrategy<Value> {
    proptest::option::of(present(of)).prop_map(Option::unwrap_or_default).boxed()
}

fn value(field: &Field) -> BoxedStrategy<Value> {
    match field.mode {
        Mode::Nullable => nullable(&field.field_type),
        Mode::Required => present(&field.field_type),
        Mode::Repeated => proptest::collection::vec(present(&field.field_type), 0..3)
            .prop_map(Value::array)
            .boxed(),
    }
}

fn table() -> impl Strategy<Value = (TableSchema, Vec<Vec<Value>>)> {
    proptest::collection::vec((field_type(), mode()), 1..5).prop_flat_map(|columns| {
        let columns = columns.into_iter().enumerate();
        let field = |(index, (of, mode))| Field::new(&format!("c{index}"), of).with_mode(mode);
        let fields: Vec<Field> = columns.map(field).collect();
        let row: Vec<_> = fields.iter().map(value).collect();
        (Just(TableSchema { fields }), proptest::collection::vec(row, 0..4))
    })
}

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
