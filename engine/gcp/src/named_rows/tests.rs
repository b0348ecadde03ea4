//! What becomes of rows: read back as messages, refused with their column, or asked for new columns.

use proptest::prelude::*;
use prost::Message as _;
use serde_json::json;

use super::*;

fn field(name: &str, of: Type, mode: Mode) -> TableFieldSchema {
    TableFieldSchema {
        name: name.to_owned(),
        r#type: of.into(),
        mode: mode.into(),
        ..TableFieldSchema::default()
    }
}

fn schema() -> TableSchema {
    let place = TableFieldSchema {
        fields: vec![
            field("city", Type::String, Mode::Required),
            field("position", Type::Double, Mode::Repeated),
        ],
        ..field("place", Type::Struct, Mode::Nullable)
    };
    TableSchema {
        fields: vec![
            field("id", Type::String, Mode::Required),
            field("count", Type::Int64, Mode::Nullable),
            field("tags", Type::String, Mode::Repeated),
            field("day", Type::Date, Mode::Nullable),
            place,
            field("price", Type::Numeric, Mode::Nullable),
            field("extra", Type::Json, Mode::Nullable),
            field("raw", Type::Bytes, Mode::Nullable),
            field("made", Type::Timestamp, Mode::Nullable),
        ],
    }
}

fn rows(values: &[Value]) -> TableRows {
    let mut rows = TableRows::default();
    for value in values {
        rows.push(value, None).unwrap();
    }
    rows
}

#[derive(Clone, PartialEq, prost::Message)]
struct Place {
    #[prost(string, tag = "1")]
    city: String,
    #[prost(double, repeated, packed = "false", tag = "2")]
    position: Vec<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Row {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(int64, optional, tag = "2")]
    count: Option<i64>,
    #[prost(string, repeated, tag = "3")]
    tags: Vec<String>,
    #[prost(int32, optional, tag = "4")]
    day: Option<i32>,
    #[prost(message, optional, tag = "5")]
    place: Option<Place>,
    #[prost(string, optional, tag = "6")]
    price: Option<String>,
    #[prost(string, optional, tag = "7")]
    extra: Option<String>,
    #[prost(bytes = "vec", optional, tag = "8")]
    raw: Option<Vec<u8>>,
    #[prost(int64, optional, tag = "9")]
    made: Option<i64>,
}

/// Goal: what is written here is what a reader of the descriptor reads. Method: a message with the same
/// numbers, decoded by prost.
#[test]
fn a_row_is_a_message_of_the_tables_schema() {
    let row = json!({
        "ID": "a", "count": -7, "tags": ["x", "y"], "day": "1969-12-31", "price": 1.25, "raw": "aGk=",
        "place": { "city": "Bern", "position": [46.9, 7.4] }, "extra": { "k": [1] }, "made": 1.5,
    });
    let encoder = RowEncoder::new(&schema(), UnknownFields::Reject);
    let encoded = encoder.encode(&rows(&[row, json!({ "id": "b", "count": null })])).unwrap();
    let read: Vec<Row> = encoded.into_iter().map(|row| Row::decode(row).unwrap()).collect();
    let whole = Row {
        id: "a".to_owned(),
        count: Some(-7),
        tags: vec!["x".to_owned(), "y".to_owned()],
        day: Some(-1),
        place: Some(Place { city: "Bern".to_owned(), position: vec![46.9, 7.4] }),
        price: Some("1.25".to_owned()),
        extra: Some("{\"k\":[1]}".to_owned()),
        raw: Some(b"hi".to_vec()),
        made: Some(1_500_000),
    };
    assert_eq!(read, [whole, Row { id: "b".to_owned(), ..Row::default() }]);
    let numbers: Vec<_> = encoder.descriptor().field.iter().map(|field| field.number()).collect();
    assert_eq!(numbers, (1..=9).collect::<Vec<_>>());
}

#[test]
fn a_row_that_does_not_fit_is_refused_with_its_column() {
    let encoder = RowEncoder::new(&schema(), UnknownFields::Reject);
    for (row, expected) in [
        (json!([1]), "a row is an object, not an array"),
        (json!({}), "id is REQUIRED and has no value"),
        (json!({ "id": null }), "id is REQUIRED and has no value"),
        (json!({ "id": 1 }), "id: expected a string, found an integer"),
        (json!({ "id": "a", "Id": "b" }), "id is given twice"),
        (json!({ "id": "a", "other": 1 }), "no such field: other"),
        (json!({ "id": "a", "tags": "x" }), "tags: expected an array, found a string"),
        (json!({ "id": "a", "tags": [null] }), "tags: an element is null"),
        (json!({ "id": "a", "place": {} }), "place.city is REQUIRED and has no value"),
        (
            json!({ "id": "a", "place": { "city": "x", "position": ["far"] } }),
            "place.position: expected a FLOAT64, found a string",
        ),
        (json!({ "id": "a", "day": "soon" }), "day: expected a date as YYYY-MM-DD, found a string"),
    ] {
        let refused = encoder.encode(&rows(&[json!({ "id": "good" }), row.clone()]));
        assert_eq!(refused, Err(Unfit::Refused(vec![(1, expected.to_owned())])), "{row}");
    }
}

#[test]
fn unknown_fields_are_what_the_job_says() {
    let row = json!({ "id": "a", "place": { "city": "x", "zip": 1 }, "speed": 1.5 });
    let encode = |unknown, row: &Value| {
        RowEncoder::new(&schema(), unknown).encode(&rows(std::slice::from_ref(row)))
    };
    let ignored = encode(UnknownFields::Ignore, &row).unwrap();
    assert_eq!(Row::decode(ignored[0].clone()).unwrap().place.unwrap().city, "x");
    let refused = encode(UnknownFields::Add, &row).unwrap_err();
    let reason = "no such field: place.zip; only whole columns are added to a table";
    assert_eq!(refused, Unfit::Refused(vec![(0, reason.to_owned())]));
    let Err(Unfit::NewColumns(columns)) =
        encode(UnknownFields::Add, &json!({ "id": "a", "speed": 1.5 }))
    else {
        panic!("a new column");
    };
    let expected = "ALTER TABLE `t` ADD COLUMN IF NOT EXISTS `speed` FLOAT64";
    assert_eq!(columns.statement("t"), expected);
}

proptest! {
    /// Goal: no row, whatever it holds, panics, and what is taken can be read.
    #[test]
    fn any_row_is_taken_or_refused(
        name in prop_oneof!["(id|count|tags|day|place|price|extra|raw|made)", "\\PC{0,4}"],
        text in "\\PC{0,12}", number in any::<f64>(), pick in 0_usize..6,
    ) {
        let value = [
            json!(text), json!(number), json!([text]), json!({ "city": text, "position": [number] }),
            json!(null), json!(true),
        ][pick].clone();
        for unknown in [UnknownFields::Reject, UnknownFields::Ignore, UnknownFields::Add] {
            let mut row = serde_json::Map::from_iter([("id".to_owned(), json!("a"))]);
            row.insert(name.clone(), value.clone());
            let encoder = RowEncoder::new(&schema(), unknown);
            if let Ok(encoded) = encoder.encode(&rows(&[Value::Object(row)])) {
                prop_assert!(Row::decode(encoded[0].clone()).is_ok());
            }
        }
    }
}
