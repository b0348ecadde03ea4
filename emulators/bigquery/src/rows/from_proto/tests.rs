//! Goal: what a client encodes is what the table holds. Method: rows encoded by prost from a derived
//! message type with the same fields, decoded here, compared as REST's JSON.

use super::*;
use crate::rows::to_json::row_to_json;
use proptest::prelude::*;
use prost::Message;
use prost_types::FieldDescriptorProto;
use serde_json::{Value, json};

#[derive(Clone, PartialEq, prost::Message)]
struct Row {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(sint64, optional, tag = "2")]
    number: Option<i64>,
    #[prost(double, optional, tag = "3")]
    ratio: Option<f64>,
    #[prost(int64, repeated, tag = "4")]
    items: Vec<i64>,
    #[prost(message, optional, tag = "5")]
    inner: Option<Inner>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Inner {
    #[prost(bool, optional, tag = "1")]
    flag: Option<bool>,
}

fn field(name: &str, number: i32, proto: Type, label: Label) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(label.into()),
        r#type: Some(proto.into()),
        type_name: (proto == Type::Message).then(|| "Inner".to_owned()),
        ..FieldDescriptorProto::default()
    }
}

fn descriptor() -> DescriptorProto {
    DescriptorProto {
        name: Some("Row".to_owned()),
        field: vec![
            field("id", 1, Type::String, Label::Required),
            field("number", 2, Type::Sint64, Label::Optional),
            field("ratio", 3, Type::Double, Label::Optional),
            field("items", 4, Type::Int64, Label::Repeated),
            field("inner", 5, Type::Message, Label::Optional),
        ],
        nested_type: vec![DescriptorProto {
            name: Some("Inner".to_owned()),
            field: vec![field("flag", 1, Type::Bool, Label::Optional)],
            ..DescriptorProto::default()
        }],
        ..DescriptorProto::default()
    }
}

fn schema() -> TableSchema {
    let schema = json!({ "fields": [
        { "name": "id", "type": "STRING", "mode": "REQUIRED" },
        { "name": "number", "type": "INTEGER" },
        { "name": "ratio", "type": "FLOAT" },
        { "name": "items", "type": "INTEGER", "mode": "REPEATED" },
        { "name": "inner", "type": "RECORD", "fields": [{ "name": "flag", "type": "BOOLEAN" }] },
    ] });
    TableSchema::from_json(&schema).unwrap()
}

fn expected(row: &Row) -> Value {
    let text = |value: Option<String>| json!({ "v": value });
    let items: Vec<Value> = row.items.iter().map(|it| text(Some(it.to_string()))).collect();
    let inner =
        row.inner.as_ref().map(|it| json!({ "f": [text(it.flag.map(|flag| flag.to_string()))] }));
    json!({ "f": [
        text(Some(row.id.clone())),
        text(row.number.map(|number| number.to_string())),
        text(row.ratio.map(|ratio| format!("{ratio:?}"))),
        { "v": items },
        { "v": inner },
    ] })
}

proptest! {
    #[test]
    fn rows_come_out_as_they_went_in(
        id in "\\PC{1,8}", number in any::<Option<i64>>(), ratio in proptest::option::of(-1e6_f64..1e6),
        items in proptest::collection::vec(any::<i64>(), 0..4),
        flag in any::<Option<Option<bool>>>(),
    ) {
        let row = Row { id, number, ratio, items, inner: flag.map(|flag| Inner { flag }) };
        let schema = schema();
        let decoder = Decoder::new(&descriptor(), &schema).unwrap();
        let batch = decoder.decode(&schema.to_arrow(), &[row.encode_to_vec()]).unwrap();
        let mut actual = row_to_json(&batch, &schema.fields, 0, true);
        // Floats are compared as numbers: their texts may differ in form.
        let ratio = actual["f"][2]["v"].take();
        let parsed = ratio.as_str().map(|text| text.parse::<f64>().unwrap());
        prop_assert_eq!(parsed, row.ratio);
        let mut wanted = expected(&row);
        wanted["f"][2]["v"].take();
        prop_assert_eq!(actual, wanted);
    }

    /// Any bytes are decoded or refused.
    #[test]
    fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let schema = schema();
        let decoder = Decoder::new(&descriptor(), &schema).unwrap();
        let _ = decoder.decode(&schema.to_arrow(), &[bytes]);
    }
}

#[test]
fn a_row_without_a_required_field_is_named_by_its_index() {
    let schema = schema();
    let decoder = Decoder::new(&descriptor(), &schema).unwrap();
    let good = Row { id: "a".to_owned(), ..Row::default() }.encode_to_vec();
    let errors = decoder.decode(&schema.to_arrow(), &[good, Vec::new()]).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].index, 1);
    assert_eq!(errors[0].error, CellError::MissingRequired("id".to_owned()));
}

#[test]
fn a_field_that_the_table_has_not_is_refused() {
    let schema = TableSchema::from_json(&json!({ "fields": [{ "name": "id", "type": "STRING" }] }));
    let refused = Decoder::new(&descriptor(), &schema.unwrap()).unwrap_err();
    assert_eq!(refused, CellError::UnknownField("number".to_owned()));
}

#[derive(Clone, PartialEq, prost::Message)]
struct Moments {
    #[prost(bytes = "vec", optional, tag = "1")]
    price: Option<Vec<u8>>,
    #[prost(string, optional, tag = "2")]
    cost: Option<String>,
    #[prost(int64, optional, tag = "3")]
    at: Option<i64>,
    #[prost(int64, optional, tag = "4")]
    civil: Option<i64>,
    #[prost(message, optional, tag = "5")]
    span: Option<Span>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Span {
    #[prost(int32, optional, tag = "1")]
    start: Option<i32>,
    #[prost(int32, optional, tag = "2")]
    end: Option<i32>,
}

/// Goal: the encodings of decimals, civil times and ranges are those of Google's own clients. Method: rows
/// whose packed fields are written out by hand from the documented bit positions.
#[test]
fn decimals_civil_times_and_ranges() {
    let mut descriptor = DescriptorProto {
        field: vec![
            field("price", 1, Type::Bytes, Label::Optional),
            field("cost", 2, Type::String, Label::Optional),
            field("at", 3, Type::Int64, Label::Optional),
            field("civil", 4, Type::Int64, Label::Optional),
            field("span", 5, Type::Message, Label::Optional),
        ],
        nested_type: vec![DescriptorProto {
            name: Some("Inner".to_owned()),
            field: vec![
                field("start", 1, Type::Int32, Label::Optional),
                field("end", 2, Type::Int32, Label::Optional),
            ],
            ..DescriptorProto::default()
        }],
        ..DescriptorProto::default()
    };
    let schema = json!({ "fields": [
        { "name": "price", "type": "NUMERIC" },
        { "name": "cost", "type": "BIGNUMERIC" },
        { "name": "at", "type": "TIME" },
        { "name": "civil", "type": "DATETIME" },
        { "name": "span", "type": "RANGE", "rangeElementType": { "type": "DATE" } },
    ] });
    let schema = TableSchema::from_json(&schema).unwrap();
    let time = (12_i64 << 32) | (34 << 26) | (56 << 20) | 789_000;
    let row = Moments {
        price: Some((-1_500_000_000_i64).to_le_bytes().to_vec()),
        cost: Some("0.25".to_owned()),
        at: Some(time),
        civil: Some((2024 << 46) | (1 << 42) | (31 << 37) | time),
        span: Some(Span { start: Some(1), end: None }),
    };
    let decoder = Decoder::new(&descriptor, &schema).unwrap();
    let batch = decoder.decode(&schema.to_arrow(), &[row.encode_to_vec()]).unwrap();
    let shown = row_to_json(&batch, &schema.fields, 0, false);
    let expected = json!({ "f": [
        { "v": "-1.5" }, { "v": "0.25" }, { "v": "12:34:56.789" },
        { "v": "2024-01-31T12:34:56.789" }, { "v": "[1970-01-02, UNBOUNDED)" },
    ] });
    assert_eq!(shown, expected);
    let wrong = Moments { at: Some(60 << 26), ..Moments::default() };
    assert!(decoder.decode(&schema.to_arrow(), &[wrong.encode_to_vec()]).is_err());
    descriptor.field.truncate(4);
    descriptor.field[3].set_type(Type::Bool);
    assert!(Decoder::new(&descriptor, &schema).is_err());
}
