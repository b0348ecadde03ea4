//! Which signature a call fits, and the words for one that fits none.

use super::signature::{Arg, Fit, Pattern, Signature};
use crate::error::{Result, SqlError};
use crate::resolved::Expr;
use crate::sql_type::Type;

/// How a call is written in a message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spelling<'a> {
    Function(&'a str),
    Aggregate(&'a str),
    Analytic(&'a str),
    /// `left + right`
    Operator(&'a str),
    /// `left = right`, whose types stand in the first line.
    Comparison(&'a str),
    /// `-operand`, `NOT operand`
    Prefix(&'a str),
    /// `operand IS TRUE`
    Postfix(&'a str),
    /// `a AND b AND c`
    Chain(&'a str),
    /// `a || b || c`
    Concat,
    Between,
}

impl Spelling<'_> {
    fn name(&self) -> String {
        match self {
            Self::Function(name) => format!("function {name}"),
            Self::Aggregate(name) => format!("aggregate function {name}"),
            Self::Analytic(name) => format!("analytic function {name}"),
            Self::Operator(sign)
            | Self::Comparison(sign)
            | Self::Prefix(sign)
            | Self::Postfix(sign)
            | Self::Chain(sign) => format!("operator {sign}"),
            Self::Concat => "operator ||".to_owned(),
            Self::Between => "operator BETWEEN".to_owned(),
        }
    }

    /// A signature as a call of this kind is written.
    fn shape(&self, signature: &Signature) -> String {
        let sides: Vec<String> =
            signature.params.iter().map(|param| param.pattern.text()).collect();
        match (self, &sides[..]) {
            (Self::Function(name) | Self::Aggregate(name) | Self::Analytic(name), _) => {
                format!("{name}{}", signature.shape())
            }
            (Self::Prefix(sign), [operand]) if sign.chars().all(char::is_alphabetic) => {
                format!("{sign} ({operand})")
            }
            (Self::Prefix(sign), [operand]) => format!("{sign}({operand})"),
            (Self::Postfix(words), [operand]) => format!("({operand}) {words}"),
            (Self::Chain(sign), [side, ..]) => format!("{side} {sign} ([{side}, ...])"),
            (Self::Concat, [side, ..]) if side.starts_with("ARRAY<") => {
                format!("({side}) || ([{side}, ...])")
            }
            (Self::Concat, [side, ..]) => format!("{side} || ([{side}, ...])"),
            (Self::Between, [operand, low, high]) => {
                format!("({operand}) BETWEEN ({low}) AND ({high})")
            }
            (Self::Operator(sign) | Self::Comparison(sign), sides) => {
                sides.join(&format!(" {sign} "))
            }
            (_, sides) => sides.join(" "),
        }
    }
}

/// The nearest of the signatures, with its number.
///
/// # Errors
/// `No matching signature …`, with every signature and its reason.
pub(super) fn choose(
    spelling: &Spelling<'_>,
    signatures: &[Signature],
    args: Vec<Expr>,
) -> Result<(usize, Fit)> {
    let args: Vec<Arg> = args.into_iter().map(|arg| (None, arg)).collect();
    choose_named(spelling, signatures, &args)
}

/// As [`choose`], of arguments that may have names.
pub(super) fn choose_named(
    spelling: &Spelling<'_>,
    signatures: &[Signature],
    args: &[Arg],
) -> Result<(usize, Fit)> {
    let mut best: Option<(usize, Fit)> = None;
    let mut reasons = Vec::new();
    for (number, signature) in signatures.iter().enumerate() {
        match signature.fit(args) {
            Ok(fit) => {
                if best.as_ref().is_none_or(|(_, best)| fit.distance < best.distance) {
                    best = Some((number, fit));
                }
            }
            Err(reason) => reasons.push((signature, reason)),
        }
    }
    best.ok_or_else(|| no_match(spelling, args, &reasons))
}

fn no_match(spelling: &Spelling<'_>, args: &[Arg], reasons: &[(&Signature, String)]) -> SqlError {
    let is_word = |position: usize| {
        reasons.iter().any(|(signature, _)| {
            signature.param(position).is_some_and(|param| param.pattern == Pattern::Word)
        })
    };
    let types: Vec<String> = args
        .iter()
        .enumerate()
        .map(|(position, (name, arg))| match name {
            Some(name) => format!("{name} => {}", type_text(arg)),
            None if is_word(position) && arg.as_literal().is_some() => "DATE_TIME_PART".to_owned(),
            None => type_text(arg),
        })
        .collect();
    let types = types.join(", ");
    let types = match (spelling, args) {
        (_, []) => " with no arguments".to_owned(),
        (Spelling::Comparison(_), _) => format!(" for argument types: {types}"),
        _ => format!("\n  Argument types: {types}"),
    };
    let mut text = format!("No matching signature for {}{types}", spelling.name());
    for (signature, reason) in reasons {
        text += &format!("\n  Signature: {}\n    {reason}", spelling.shape(signature));
    }
    SqlError::evaluation(text)
}

/// Types, each once, in the order in which messages list them.
pub(super) fn type_set<'t>(types: impl IntoIterator<Item = &'t Type>) -> String {
    let mut found: Vec<&Type> = Vec::new();
    for one in types {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found.sort_by_key(|one| place_in_lists(one));
    found.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn place_in_lists(one: &Type) -> u8 {
    match one {
        Type::Int64 => 0,
        Type::Bool => 1,
        Type::Float64 => 2,
        Type::String => 3,
        Type::Bytes => 4,
        Type::Date => 5,
        Type::Array(_) => 6,
        Type::Struct(_) => 7,
        Type::Timestamp => 8,
        Type::Time => 9,
        Type::Datetime => 10,
        Type::Geography => 11,
        Type::Numeric => 12,
        Type::BigNumeric => 13,
        Type::Json => 14,
        Type::Interval => 15,
        Type::Range(_) => 16,
    }
}

pub(super) fn is_printable(printed: &Type) -> bool {
    !matches!(
        printed,
        Type::Bytes
            | Type::Json
            | Type::Geography
            | Type::Range(_)
            | Type::Array(_)
            | Type::Struct(_)
    )
}

/// An argument's type as messages show it.
pub(super) fn type_text(arg: &Expr) -> String {
    match arg.is_untyped_null() {
        true => "NULL".to_owned(),
        false => arg.expr_type.to_string(),
    }
}
