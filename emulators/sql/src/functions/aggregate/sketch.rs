//! `HLL_COUNT`: HyperLogLog++ sketches (Heule, Nunkesser, Hall 2013) in the bytes that BigQuery and
//! zetasketch share. Sketches of integers, strings and bytes are theirs to the bit; how BigQuery
//! marks sketches of decimals is not published, so those merge with ours alone.

mod estimate;
mod fingerprint;
mod hashed;
mod sparse;
mod state;
mod wire;

pub(super) use hashed::Hashed;
pub(super) use state::Sketch;

use crate::error::{Result, SqlError};
use crate::functions::{
    Accumulator, AggregateFunction, AggregateNulls, Call, Nulls, ScalarFunction,
};
use crate::value::Value;

/// The precision of a sketch that names none: 32,768 registers.
pub(super) const PRECISION_DEFAULT: u8 = 15;
const PRECISION_MIN: u8 = 10;
const PRECISION_MAX: u8 = 24;

pub(super) const FUNCTIONS: &[AggregateFunction] = &[
    AggregateFunction {
        name: "HLL_COUNT.INIT",
        signatures: &[
            "(INT64, [INT64]) -> BYTES",
            "(NUMERIC, [INT64]) -> BYTES",
            "(BIGNUMERIC, [INT64]) -> BYTES",
            "(STRING, [INT64]) -> BYTES",
            "(BYTES, [INT64]) -> BYTES",
        ],
        nulls: AggregateNulls::Skipped,
        make: |_| Box::new(Init { sketch: None, scratch: Vec::new() }),
    },
    AggregateFunction {
        name: "HLL_COUNT.MERGE",
        signatures: &["(BYTES) -> INT64"],
        nulls: AggregateNulls::Skipped,
        make: |_| Box::new(Merge { sketch: None, partial: false }),
    },
    AggregateFunction {
        name: "HLL_COUNT.MERGE_PARTIAL",
        signatures: &["(BYTES) -> BYTES"],
        nulls: AggregateNulls::Skipped,
        make: |_| Box::new(Merge { sketch: None, partial: true }),
    },
];

pub(super) const SCALAR: &[ScalarFunction] = &[ScalarFunction {
    name: "HLL_COUNT.EXTRACT",
    signatures: &["(BYTES) -> INT64"],
    nulls: Nulls::Passed,
    call: extract,
}];

struct Init {
    sketch: Option<Sketch>,
    scratch: Vec<u8>,
}

impl Accumulator for Init {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        let Some(value) = args.first() else { return Ok(()) };
        let hashed = Hashed::of(value, &mut self.scratch);
        let sketch = match &mut self.sketch {
            Some(sketch) => sketch,
            None => self.sketch.insert(Sketch::new(hashed.value_type, precision(args.get(1))?)),
        };
        sketch.add_hash(hashed.hash);
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(self.sketch.as_ref().map_or(Value::Null, |sketch| Value::bytes(wire::encode(sketch))))
    }
}

fn precision(value: Option<&Value>) -> Result<u8> {
    let Some(value) = value else { return Ok(PRECISION_DEFAULT) };
    let refused = || {
        SqlError::evaluation(format!(
            "Argument 2 to HLL_COUNT.INIT must be between {PRECISION_MIN} and {PRECISION_MAX}"
        ))
    };
    value
        .as_int64()
        .and_then(|precision| u8::try_from(precision).ok())
        .filter(|precision| (PRECISION_MIN..=PRECISION_MAX).contains(precision))
        .ok_or_else(refused)
}

struct Merge {
    sketch: Option<Sketch>,
    partial: bool,
}

impl Accumulator for Merge {
    fn add(&mut self, _: &Call<'_>, args: &[Value]) -> Result<()> {
        let Some(bytes) = args.first().and_then(Value::as_bytes) else { return Ok(()) };
        let merged = wire::decode(bytes).and_then(|other| match self.sketch.take() {
            None => Some(other),
            Some(sketch) => sketch.merged(other),
        });
        let name = if self.partial { "MERGE_PARTIAL" } else { "MERGE" };
        self.sketch = Some(merged.ok_or_else(|| {
            SqlError::evaluation(format!("Invalid or incompatible sketch in HLL_COUNT.{name}"))
        })?);
        Ok(())
    }

    fn result(&self, _: &Call<'_>) -> Result<Value> {
        Ok(match (&self.sketch, self.partial) {
            (None, true) => Value::Null,
            (None, false) => Value::Int64(0),
            (Some(sketch), true) => Value::bytes(wire::encode(sketch)),
            (Some(sketch), false) => Value::Int64(sketch.estimate()),
        })
    }
}

fn extract(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let Some(bytes) = args.first().and_then(Value::as_bytes) else { return Ok(Value::Int64(0)) };
    let invalid = || SqlError::evaluation("Invalid sketch in HLL_COUNT.EXTRACT");
    wire::decode(bytes).map(|sketch| Value::Int64(sketch.estimate())).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::aggregate::fixture::{aggregate, pairs, rows};
    use crate::session::Session;
    use crate::sql_type::Type;

    fn init(rows: &[Vec<Value>]) -> Value {
        aggregate("HLL_COUNT.INIT", &[Type::Int64], rows).unwrap()
    }

    fn hex(value: &Value) -> String {
        value.as_bytes().unwrap().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn extracted(sketch: Value) -> Result<Value> {
        let session = Session::new("project", 0, 0);
        let call = Call { session: &session, args: &[Type::Bytes] };
        extract(&call, &[sketch])
    }

    #[test]
    fn the_bytes_of_sketches() {
        let three = init(&rows(&[1, 2, 3]));
        let expected = "08701003180220088207121003180f2014320aacfc20eaa60debfea101";
        assert_eq!(hex(&three), expected);
        let sketches = [vec![three], vec![init(&rows(&[4, 5, 6]))], vec![Value::Null]];
        let merged = aggregate("HLL_COUNT.MERGE_PARTIAL", &[Type::Bytes], &sketches).unwrap();
        let expected = "087010061802200882071a1006180f20143212a3a605c1d102c88419e2af0c8877ebfea101";
        assert_eq!(hex(&merged), expected);
    }

    #[test]
    fn counts_of_sketches() {
        assert_eq!(extracted(init(&rows(&[1, 2, 3, 1]))), Ok(Value::Int64(3)));
        assert_eq!(extracted(init(&rows(&["foo", "bar"]))), Ok(Value::Int64(2)));
        assert_eq!(extracted(Value::Null), Ok(Value::Int64(0)));
        assert_eq!(init(&rows(&[None::<i64>])), Value::Null);
        let merge = |rows: &[Vec<Value>]| aggregate("HLL_COUNT.MERGE", &[Type::Bytes], rows);
        let precise = |values: &[i64], precision: i64| {
            let values: Vec<_> = values.iter().map(|value| (*value, precision)).collect();
            vec![init(&pairs(&values))]
        };
        let mixed = [
            precise(&[1, 2, 3, 4, 5], 16),
            precise(&[4, 5, 6], 15),
            precise(&[6, 7, 8, 9, 10], 24),
        ];
        assert_eq!(merge(&mixed), Ok(Value::Int64(10)));
        assert_eq!(merge(&[vec![Value::Null]]), Ok(Value::Int64(0)));
    }

    #[test]
    fn what_is_refused() {
        let message = |result: Result<Value>| result.unwrap_err().message;
        let invalid = "Invalid or incompatible sketch in HLL_COUNT.MERGE";
        let merge = |rows: &[Vec<Value>]| aggregate("HLL_COUNT.MERGE", &[Type::Bytes], rows);
        assert_eq!(message(merge(&[vec![Value::bytes(b"")]])), invalid);
        let types = [vec![init(&rows(&[1]))], vec![init(&rows(&["a"]))]];
        assert_eq!(message(merge(&types)), invalid);
        let extract = message(extracted(Value::bytes(b"no sketch")));
        assert_eq!(extract, "Invalid sketch in HLL_COUNT.EXTRACT");
        for precision in [9, 25, -1] {
            let init = aggregate("HLL_COUNT.INIT", &[Type::Int64], &pairs(&[(1, precision)]));
            let expected = "Argument 2 to HLL_COUNT.INIT must be between 10 and 24";
            assert_eq!(message(init), expected);
        }
    }
}
