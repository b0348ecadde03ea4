//! Values to JavaScript and back. Numbers travel as numbers where a double holds them exactly and as text
//! otherwise, bytes as base64, dates and timestamps as `Date`, structs as objects, NULL as `null`.
//! Invariant: a result has exactly one value of the SQL type, or it is an error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rquickjs::{Array, Ctx, Function, Object, Value as Script};

use crate::calendar::{MICROS_PER_DAY, Zone, datetime_text, time_text, timestamp_to_date};
use crate::cast::cast;
use crate::error::{Result, SqlError};
use crate::session::Session;
use crate::sql_type::Type;
use crate::value::Value;

/// Integers up to here are exact as doubles.
const EXACT_MAX: i64 = 1 << 53;

/// What the prelude gave.
pub(super) struct Helpers<'js> {
    date: Option<Function<'js>>,
    time: Option<Function<'js>>,
}

impl<'js> Helpers<'js> {
    pub(super) fn new(object: rquickjs::Result<Object<'js>>) -> Self {
        let get = |name: &str| object.as_ref().ok().and_then(|object| object.get(name).ok());
        Self { date: get("date"), time: get("time") }
    }

    fn date(&self, milliseconds: f64) -> rquickjs::Result<Script<'js>> {
        match &self.date {
            Some(date) => date.call((milliseconds,)),
            None => Err(rquickjs::Error::Unknown),
        }
    }

    /// The milliseconds of a `Date`.
    fn time(&self, value: &Script<'js>) -> Option<f64> {
        value.as_object()?;
        let time: Script<'js> = self.time.as_ref()?.call((value.clone(),)).ok()?;
        time.as_number()
    }
}

/// The next state of a sequence and a number of `[0, 1)` (SplitMix64, Steele et al. 2014).
pub(super) fn unit(state: u64) -> (u64, f64) {
    let next = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = next;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    #[expect(clippy::cast_precision_loss, reason = "53 bits of it")]
    let drawn = (bits >> 11) as f64 / (1_u64 << 53) as f64;
    (next, drawn)
}

/// A value as an argument.
pub(super) fn to_javascript<'js>(
    ctx: &Ctx<'js>,
    helpers: &Helpers<'js>,
    value: &Value,
    value_type: &Type,
) -> rquickjs::Result<Script<'js>> {
    let text = |text: &str| -> rquickjs::Result<Script<'js>> {
        rquickjs::String::from_str(ctx.clone(), text).map(rquickjs::String::into_value)
    };
    let number = |number: f64| Ok(Script::new_number(ctx.clone(), number));
    let digits = |digits: String| match digits.parse().ok().and_then(exact) {
        Some(exact) => number(exact),
        None => text(&digits),
    };
    match value {
        Value::Null => Ok(Script::new_null(ctx.clone())),
        Value::Bool(value) => Ok(Script::new_bool(ctx.clone(), *value)),
        Value::Int64(value) => digits(value.to_string()),
        Value::Float64(value) => number(*value),
        Value::Numeric(value) => digits(value.to_string()),
        Value::BigNumeric(value) => digits(value.to_string()),
        Value::String(value) => text(value),
        Value::Bytes(bytes) => text(&STANDARD.encode(bytes)),
        Value::Date(days) => helpers.date(f64::from(*days) * 86_400_000.0),
        #[expect(clippy::cast_precision_loss, reason = "the calendar fits 53 bits of milliseconds")]
        Value::Timestamp(micros) => helpers.date(*micros as f64 / 1000.0),
        Value::Time(micros) => text(&time_text(*micros)),
        Value::Datetime(micros) => text(&datetime_text(*micros)),
        Value::Json(json) => ctx.json_parse(json.to_string()),
        Value::Array(elements) => {
            let array = Array::new(ctx.clone())?;
            let element_type = value_type.element().unwrap_or(value_type);
            for (index, element) in elements.iter().enumerate() {
                array.set(index, to_javascript(ctx, helpers, element, element_type)?)?;
            }
            Ok(array.into_value())
        }
        Value::Struct(values) => {
            let object = Object::new(ctx.clone())?;
            let fields = value_type.fields().unwrap_or_default();
            for (value, field) in values.iter().zip(fields) {
                let member = to_javascript(ctx, helpers, value, &field.field_type)?;
                object.set(&*field.name, member)?;
            }
            Ok(object.into_value())
        }
        Value::Interval(_) | Value::Geography(_) | Value::Range(_) => Err(rquickjs::Error::Unknown),
    }
}

#[expect(clippy::cast_precision_loss, reason = "within the bounds nothing is lost")]
fn exact(value: i64) -> Option<f64> {
    (-EXACT_MAX..=EXACT_MAX).contains(&value).then_some(value as f64)
}

/// A result as a value of a type.
pub(super) fn from_javascript<'js>(
    ctx: &Ctx<'js>,
    helpers: &Helpers<'js>,
    result: &Script<'js>,
    to: &Type,
) -> Result<Value> {
    if result.is_null() || result.is_undefined() {
        return Ok(Value::Null);
    }
    let refused = || {
        let shown = printed(ctx, result);
        SqlError::evaluation(format!("Failed to coerce output value {shown} to type {to}"))
    };
    let value = match to {
        Type::Bool => result.as_bool().map(Value::Bool),
        Type::Int64 => integer(ctx, result).map(Value::Int64),
        Type::Float64 if result.is_number() => result.as_number().map(Value::Float64),
        Type::String => Some(Value::from(printed(ctx, result))),
        Type::Bytes => {
            let text = result.as_string().and_then(|text| text.to_string().ok());
            text.and_then(|text| STANDARD.decode(text).ok()).map(Value::bytes)
        }
        Type::Date | Type::Timestamp | Type::Datetime => match helpers.time(result) {
            Some(milliseconds) => moment(milliseconds, to),
            None => from_text(ctx, result, to),
        },
        Type::Json => {
            let text = ctx.json_stringify(result.clone()).ok().flatten();
            let text = text.and_then(|text| text.to_string().ok()).ok_or_else(refused)?;
            return crate::json::parse(&text, crate::json::WideNumbers::Round).map(Value::json);
        }
        Type::Array(element) => {
            let array = result.as_array().ok_or_else(refused)?;
            let mut elements = Vec::with_capacity(array.len());
            for member in array.iter::<Script<'js>>() {
                let member = member.map_err(|_| refused())?;
                elements.push(from_javascript(ctx, helpers, &member, element)?);
            }
            Some(Value::array(elements))
        }
        Type::Struct(fields) => {
            let object = result.as_object().ok_or_else(refused)?;
            let members = fields.iter().map(|field| {
                let member: Script<'js> = object.get(&*field.name).map_err(|_| refused())?;
                from_javascript(ctx, helpers, &member, &field.field_type)
            });
            Some(Value::structure(members.collect::<Result<Vec<_>>>()?))
        }
        _ => from_text(ctx, result, to),
    };
    value.ok_or_else(refused)
}

/// An integer, as a number, a BigInt or digits.
fn integer<'js>(ctx: &Ctx<'js>, result: &Script<'js>) -> Option<i64> {
    match result.as_number() {
        #[expect(clippy::cast_possible_truncation, reason = "it is an integer in range")]
        Some(number) if number.fract() == 0.0 && number.abs() < 9.3e18 => {
            (number.abs() <= 9_223_372_036_854_774_784.0).then_some(number as i64)
        }
        Some(_) => None,
        None if result.is_string() || result.is_big_int() => printed(ctx, result).parse().ok(),
        None => None,
    }
}

/// A value by its text, as a cast reads it.
fn from_text<'js>(ctx: &Ctx<'js>, result: &Script<'js>, to: &Type) -> Option<Value> {
    if !result.is_string() && !result.is_number() {
        return None;
    }
    let session = Session::new("", 0, 0);
    cast(&session, &Value::from(printed(ctx, result)), &Type::String, to).ok()
}

/// A `Date` as a value of the calendar's years.
fn moment(milliseconds: f64, to: &Type) -> Option<Value> {
    if !milliseconds.is_finite() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and that is no year")]
    let micros = (milliseconds * 1000.0).round() as i64;
    let zone = Zone::Iana(Session::new("", 0, 0).time_zone);
    timestamp_to_date(micros, &zone).ok()?;
    Some(match to {
        Type::Date => Value::Date(i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok()?),
        Type::Datetime => Value::Datetime(micros),
        _ => Value::Timestamp(micros),
    })
}

/// A value as JavaScript prints it.
pub(super) fn printed<'js>(ctx: &Ctx<'js>, value: &Script<'js>) -> String {
    let text = ctx.globals().get::<_, Function<'js>>("String");
    let text = text.and_then(|text| text.call::<_, rquickjs::String<'js>>((value.clone(),)));
    text.and_then(|text| text.to_string()).unwrap_or_default()
}
