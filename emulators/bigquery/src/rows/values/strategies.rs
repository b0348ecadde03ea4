//! Random schemas of any nesting, and random rows of them, for property tests.

use std::sync::Arc;

use proptest::prelude::*;
use windtunnel_sql::{BigNumeric, Geography, Interval, Numeric, Value};

use crate::schema::{Field, FieldType, Mode, RangeElement, TableSchema};

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
    FieldType::Geography,
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
        FieldType::Geography => (-180_i32..180, -90_i32..=90)
            .prop_map(|(x, y)| {
                let point = Geography::restore(&format!("POINT({x} {y})")).unwrap();
                Value::Geography(Arc::new(point))
            })
            .boxed(),
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

/// A schema with rows.
pub(crate) fn table() -> impl Strategy<Value = (TableSchema, Vec<Vec<Value>>)> {
    proptest::collection::vec((field_type(), mode()), 1..5).prop_flat_map(|columns| {
        let columns = columns.into_iter().enumerate();
        let field = |(index, (of, mode))| Field::new(&format!("c{index}"), of).with_mode(mode);
        let fields: Vec<Field> = columns.map(field).collect();
        let row: Vec<_> = fields.iter().map(value).collect();
        (Just(TableSchema { fields }), proptest::collection::vec(row, 0..4))
    })
}
