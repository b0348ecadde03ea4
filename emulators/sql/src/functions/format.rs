//! FORMAT: C's `printf` with `%t` and `%T` for values of any type, `%p` and `%P` for JSON, and `'` for digits
//! in groups. The whole pattern is checked against the arguments' types before anything is written.

mod directive;
mod number;

use self::directive::{Amount, Directive, Flags, Piece, pieces};
use self::number::{Number, grouped_integer, integer, real};
use super::arguments::{OUTPUT_BYTES_MAX, passing_nulls, text};
use crate::error::{Result, SqlError};
use crate::functions::{Call, ScalarFunction};
use crate::json::{compact, pretty};
use crate::sql_type::Type;
use crate::value::{Value, display, literal};

/// The functions of this module.
pub(crate) const FUNCTIONS: &[ScalarFunction] =
    &[passing_nulls("FORMAT", &["(STRING, [ANY, ...]) -> STRING"], format)];

/// Digits after the point that a double can have.
const FRACTION_DIGITS_MAX: usize = 1074;

fn too_long() -> SqlError {
    SqlError::evaluation(format!(
        "Output string too long while evaluating FORMAT; limit {OUTPUT_BYTES_MAX}"
    ))
}

fn format(call: &Call<'_>, args: &[Value]) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let pattern = text(args, 0);
    if pattern.len() > OUTPUT_BYTES_MAX {
        return Err(too_long());
    }
    let pieces = pieces(pattern, &call.args[1..])?;
    let mut output = String::new();
    for piece in &pieces {
        match piece {
            Piece::Text(text) => output.push_str(text),
            Piece::Directive(directive) => {
                let Some(text) = write(directive, call, args)? else { return Ok(Value::Null) };
                output.push_str(&text);
            }
        }
        if output.len() > OUTPUT_BYTES_MAX {
            return Err(too_long());
        }
    }
    Ok(Value::from(output))
}

/// A directive with its width and precision known.
struct Layout {
    flags: Flags,
    width: usize,
    precision: Option<usize>,
}

/// The text of a directive; `None` makes the whole NULL.
fn write(directive: &Directive, call: &Call<'_>, args: &[Value]) -> Result<Option<String>> {
    // Arguments are counted behind the pattern.
    let argument = |index: usize| &args[index + 1];
    let Some(layout) = layout(directive, args)? else { return Ok(None) };
    let (value, value_type) = (argument(directive.argument), &call.args[directive.argument + 1]);
    if value.is_null() && !matches!(directive.specifier, 't' | 'T') {
        return Ok(None);
    }
    Ok(Some(match directive.specifier {
        't' => match value {
            Value::Json(json) => padded(&compact(json), &layout),
            _ => padded(&display(value, value_type, call.session), &layout),
        },
        'T' => padded(&literal(value, value_type, call.session), &layout),
        'p' | 'P' => match value {
            Value::Json(json) if directive.specifier == 'p' => padded(&compact(json), &layout),
            Value::Json(json) => padded(&pretty(json), &layout),
            _ => return Ok(None),
        },
        's' => {
            // C ends a text at its first NUL.
            let text = value.as_str().unwrap_or("");
            padded(text.split('\0').next().unwrap_or(""), &layout)
        }
        specifier @ ('d' | 'i') if !layout.flags.grouping => {
            integer(value.as_int64().unwrap_or(0), specifier, &layout)
        }
        specifier @ ('d' | 'i' | 'o' | 'x' | 'X') => {
            grouped_integer(value.as_int64().unwrap_or(0), specifier, &layout)
        }
        specifier => real(&Number::of(value), specifier, &layout),
    }))
}

/// Width and precision; `None` when one of them is a NULL argument.
fn layout(directive: &Directive, args: &[Value]) -> Result<Option<Layout>> {
    let mut layout = Layout { flags: directive.flags, width: 0, precision: None };
    match directive.width {
        Amount::None => {}
        Amount::Fixed(width) => layout.width = width,
        Amount::Argument(index) => {
            let Some(width) = args[index + 1].as_int64() else { return Ok(None) };
            layout.flags.left |= width < 0;
            layout.width = usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX);
            if layout.width > OUTPUT_BYTES_MAX {
                return Err(too_long());
            }
        }
    }
    match directive.precision {
        Amount::None => {}
        Amount::Fixed(precision) => layout.precision = Some(precision),
        Amount::Argument(index) => {
            let Some(precision) = args[index + 1].as_int64() else { return Ok(None) };
            // A negative precision is none.
            layout.precision = usize::try_from(precision).ok();
        }
    }
    if let Some(precision) = layout.precision {
        layout.precision = Some(bounded_precision(precision, directive.specifier)?);
    }
    Ok(Some(layout))
}

/// A precision that the specifier takes.
fn bounded_precision(precision: usize, specifier: char) -> Result<usize> {
    let max = match specifier {
        'e' | 'E' | 'f' | 'F' => FRACTION_DIGITS_MAX,
        // What is beyond are zeros, which are not written.
        'g' | 'G' => return Ok(precision.min(FRACTION_DIGITS_MAX)),
        _ => OUTPUT_BYTES_MAX,
    };
    if precision > max {
        return Err(SqlError::evaluation(format!("Precision value is too big{max}")));
    }
    Ok(precision)
}

/// A text cut to the precision and padded to the width, both in characters.
fn padded(text: &str, layout: &Layout) -> String {
    let cut = match layout.precision {
        Some(precision) => {
            text.char_indices().nth(precision).map_or(text, |(offset, _)| &text[..offset])
        }
        None => text,
    };
    let missing = match layout.width {
        0 => 0,
        width => width.saturating_sub(cut.chars().count()),
    };
    let padding = " ".repeat(missing);
    if layout.flags.left { format!("{cut}{padding}") } else { format!("{padding}{cut}") }
}

/// Whether a type is what a specifier takes; if not, what it expects.
fn expected_type(specifier: char, value_type: &Type) -> Option<&'static str> {
    let (fits, expected) = match specifier {
        'd' | 'i' | 'o' | 'x' | 'X' => (*value_type == Type::Int64, "integer"),
        // No type of BigQuery is unsigned.
        'u' => (false, "UINT"),
        'f' | 'F' | 'e' | 'E' | 'g' | 'G' => {
            (value_type.is_numeric() && *value_type != Type::Int64, "FLOAT64")
        }
        's' => (*value_type == Type::String, "STRING"),
        'p' | 'P' => (*value_type == Type::Json, "PROTO or JSON"),
        _ => (true, ""),
    };
    (!fits).then_some(expected)
}

#[cfg(test)]
mod tests;
