//! Signatures as text, as BigQuery's own messages write them, and which of them a call fits.
//!
//! `(STRING, INT64, [INT64]) -> STRING`: brackets are optional, `[X, ...]` repeats, `T1` is a type that is
//! the same wherever it stands, `ANY` is any, `name => X` can be given by name, and a word ending in `_PART`,
//! `_MODE` is one of a set of words.

use super::coercion::{common_type, distance, supertype};
use crate::error::{Result, SqlError};
use crate::resolved::{Expr, ExprKind};
use crate::sql_type::{StructField, Type};

/// A signature, read.
#[derive(Debug, Clone)]
pub(super) struct Signature {
    pub(super) params: Vec<Param>,
    pub(super) result: Pattern,
    text: &'static str,
}

#[derive(Debug, Clone)]
pub(super) struct Param {
    pub(super) name: Option<String>,
    pub(super) pattern: Pattern,
    pub(super) optional: bool,
    pub(super) repeated: bool,
}

/// What an argument may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    Exact(Type),
    Template(String),
    ArrayOf(Box<Pattern>),
    RangeOf(Box<Pattern>),
    /// A struct with named fields; only results are.
    StructOf(Vec<(String, Pattern)>),
    Any,
    /// A word: `DAY`, `NFKC`.
    Word,
    /// A function, of a lambda; those calls are resolved apart.
    Lambda,
}

/// A call's fit: what each argument becomes, and how far that is.
#[derive(Debug)]
pub(super) struct Fit {
    pub(super) targets: Vec<Type>,
    pub(super) result: Type,
    distance: u32,
}

impl Signature {
    /// Reads a signature.
    pub(super) fn parse(text: &'static str) -> Self {
        let (params, result) = text.rsplit_once("->").unwrap_or((text, "ANY"));
        let params = params.trim().strip_prefix('(').unwrap_or(params);
        let params = params.trim_end().strip_suffix(')').unwrap_or(params);
        let params = split(params).into_iter().flat_map(Param::parse).collect();
        Self { params, result: Pattern::parse(result.trim()), text }
    }

    /// The parameter at a position of a call.
    pub(super) fn param(&self, position: usize) -> Option<&Param> {
        if let Some(param) = self.params.get(position) {
            return Some(param);
        }
        // Parameters that repeat do so together, in turn.
        let first = self.params.iter().position(|param| param.repeated)?;
        let turns: Vec<&Param> =
            self.params[first..].iter().filter(|param| param.repeated).collect();
        turns.get((position - first) % turns.len()).copied()
    }

    fn shape(&self) -> &'static str {
        let end = self.text.rfind("->").unwrap_or(self.text.len());
        self.text[..end].trim_end()
    }

    /// Tries the arguments; the reason when they do not fit, in BigQuery's words.
    fn fit(&self, args: &[Expr]) -> Result<Fit, String> {
        let least = self.params.iter().filter(|param| !param.optional && !param.repeated).count();
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        if args.len() < least {
            return Err(format!(
                "Signature requires at least {least} argument{}, found {} argument{}",
                plural(least),
                args.len(),
                plural(args.len())
            ));
        }
        let is_open = self.params.iter().any(|param| param.repeated);
        if args.len() > self.params.len() && !is_open {
            let most = self.params.len();
            return Err(format!(
                "Signature accepts at most {most} argument{}, found {} argument{}",
                plural(most),
                args.len(),
                plural(args.len())
            ));
        }
        let templates = self.templates(args)?;
        let mut targets = Vec::with_capacity(args.len());
        let mut sum: u32 = 0;
        for (position, arg) in args.iter().enumerate() {
            let Some(param) = self.param(position) else { continue };
            let target = match &param.pattern {
                Pattern::Any | Pattern::Lambda => arg.expr_type.clone(),
                Pattern::Word => match arg.kind {
                    ExprKind::Literal { .. } if arg.expr_type == Type::String => Type::String,
                    _ => return Err(unable(position, &arg.expr_type, "DATE_TIME_PART")),
                },
                pattern => pattern.resolve(&templates).unwrap_or_else(|| arg.expr_type.clone()),
            };
            match distance(arg, &target) {
                Some(step) => sum = sum.saturating_add(step),
                None => return Err(unable(position, &arg.expr_type, &target.to_string())),
            }
            targets.push(target);
        }
        let result = self.result.resolve(&templates).unwrap_or(Type::Int64);
        Ok(Fit { targets, result, distance: sum })
    }

    fn templates(&self, args: &[Expr]) -> Result<Vec<(String, Type)>, String> {
        let mut names: Vec<&str> = Vec::new();
        for param in &self.params {
            if let Some(name) = param.pattern.template()
                && !names.contains(&name)
            {
                names.push(name);
            }
        }
        let mut out = Vec::new();
        for name in names {
            let mut direct: Vec<&Expr> = Vec::new();
            let mut inner: Vec<Type> = Vec::new();
            for (position, arg) in args.iter().enumerate() {
                let Some(param) = self.param(position) else { continue };
                if param.pattern.template() != Some(name) {
                    continue;
                }
                match (&param.pattern, &arg.expr_type) {
                    (Pattern::Template(_), _) => direct.push(arg),
                    (Pattern::ArrayOf(_), Type::Array(element)) if !matches!(&arg.kind, ExprKind::Array(list) if list.is_empty()) =>
                    {
                        inner.push((**element).clone());
                    }
                    (Pattern::RangeOf(_), Type::Range(element)) => inner.push((**element).clone()),
                    (Pattern::ArrayOf(_), _) if arg.is_untyped_null() => {}
                    (Pattern::ArrayOf(_), Type::Array(_)) => {}
                    (pattern, found) => return Err(unable(position, found, &pattern.text())),
                }
            }
            let found: Vec<String> = direct
                .iter()
                .map(|expr| expr.expr_type.to_string())
                .chain(inner.iter().map(ToString::to_string))
                .collect();
            let no_common = || {
                format!(
                    "Unable to find common supertype for templated argument <{name}>\n      \
                     Input types for <{name}>: {{{}}}",
                    found.join(", ")
                )
            };
            let mut common = match direct.is_empty() {
                true => None,
                false => Some(common_type(direct.iter().copied()).ok_or_else(no_common)?),
            };
            let untyped = direct.iter().all(|expr| expr.is_untyped_null());
            for element in inner {
                common = Some(match common {
                    Some(common) if !untyped => {
                        supertype(&common, &element).ok_or_else(no_common)?
                    }
                    _ => element,
                });
            }
            out.push((name.to_owned(), common.unwrap_or(Type::Int64)));
        }
        Ok(out)
    }
}

fn unable(position: usize, found: &Type, wanted: &str) -> String {
    format!("Argument {}: Unable to coerce type {found} to expected type {wanted}", position + 1)
}

impl Param {
    fn parse(text: &str) -> Vec<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Vec::new();
        }
        if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            let parts = split(inner);
            let repeated = parts.last().is_some_and(|part| part.trim() == "...");
            let real = parts.iter().filter(|part| part.trim() != "...");
            return real
                .flat_map(|part| Self::parse(part))
                .map(|param| Self { optional: true, repeated: repeated || param.repeated, ..param })
                .collect();
        }
        let (name, pattern) = match text.split_once("=>") {
            Some((name, pattern)) => (Some(name.trim().to_owned()), pattern.trim()),
            None => (None, text),
        };
        let (pattern, repeated) = match pattern.strip_suffix("...") {
            Some(pattern) => (pattern.trim(), true),
            None => (pattern, false),
        };
        vec![Self { name, pattern: Pattern::parse(pattern), optional: repeated, repeated }]
    }
}

impl Pattern {
    fn parse(text: &str) -> Self {
        let inner = |prefix: &str| {
            let rest = text.strip_prefix(prefix)?.strip_suffix('>')?;
            Some(Box::new(Self::parse(rest.trim())))
        };
        if let Some(element) = inner("ARRAY<") {
            return match *element {
                Self::Exact(element) => Self::Exact(Type::array_of(element)),
                element => Self::ArrayOf(Box::new(element)),
            };
        }
        if let Some(element) = inner("RANGE<") {
            return match *element {
                Self::Exact(element) => Self::Exact(Type::Range(element.into())),
                element => Self::RangeOf(Box::new(element)),
            };
        }
        if let Some(fields) = text.strip_prefix("STRUCT<").and_then(|text| text.strip_suffix('>')) {
            let fields = split(fields).into_iter().map(|field| {
                let (name, pattern) = field.trim().split_once(' ').unwrap_or(("", field.trim()));
                (name.to_owned(), Self::parse(pattern.trim()))
            });
            return Self::StructOf(fields.collect());
        }
        if text == "ANY" {
            return Self::Any;
        }
        if text.starts_with("FUNCTION<") {
            return Self::Lambda;
        }
        if text.ends_with("_PART") || text.ends_with("_MODE") {
            return Self::Word;
        }
        match Type::simple(text) {
            Some(simple) => Self::Exact(simple),
            None => Self::Template(text.to_owned()),
        }
    }

    fn template(&self) -> Option<&str> {
        match self {
            Self::Template(name) => Some(name),
            Self::ArrayOf(inner) | Self::RangeOf(inner) => inner.template(),
            _ => None,
        }
    }

    fn resolve(&self, templates: &[(String, Type)]) -> Option<Type> {
        match self {
            Self::Exact(exact) => Some(exact.clone()),
            Self::Template(name) => {
                templates.iter().find(|(known, _)| known == name).map(|(_, found)| found.clone())
            }
            Self::ArrayOf(inner) => inner.resolve(templates).map(Type::array_of),
            Self::RangeOf(inner) => Some(Type::Range(inner.resolve(templates)?.into())),
            Self::StructOf(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, pattern)| {
                        Some(StructField::new(name, pattern.resolve(templates)?))
                    })
                    .collect::<Option<Vec<_>>>()?;
                Some(Type::struct_of(fields))
            }
            Self::Any | Self::Word | Self::Lambda => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Exact(exact) => exact.to_string(),
            Self::Template(name) => name.clone(),
            Self::ArrayOf(inner) => format!("ARRAY<{}>", inner.text()),
            Self::RangeOf(inner) => format!("RANGE<{}>", inner.text()),
            Self::Any | Self::Lambda => "ANY".to_owned(),
            Self::Word => "DATE_TIME_PART".to_owned(),
            Self::StructOf(_) => "STRUCT".to_owned(),
        }
    }
}

/// Splits at commas that stand outside all brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut out) = (0_i32, 0, Vec::new());
    for (index, letter) in text.char_indices() {
        match letter {
            '[' | '<' | '(' => depth += 1,
            ']' | ')' => depth -= 1,
            '>' if !text[..index].ends_with(['-', '=']) => depth -= 1,
            ',' if depth == 0 => {
                out.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    out
}

/// How a call is written in a message.
pub(super) enum Spelling<'a> {
    Function(&'a str),
    Operator(&'a str),
}

/// The nearest of the signatures, with its number.
///
/// # Errors
/// `No matching signature …`, with every signature and its reason.
pub(super) fn choose(
    spelling: &Spelling<'_>,
    signatures: &[Signature],
    args: &[Expr],
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

fn no_match(spelling: &Spelling<'_>, args: &[Expr], reasons: &[(&Signature, String)]) -> SqlError {
    let name = match spelling {
        Spelling::Function(name) => format!("function {name}"),
        Spelling::Operator(name) => format!("operator {name}"),
    };
    let mut text = format!("No matching signature for {name}");
    let types: Vec<String> = args
        .iter()
        .map(|arg| match arg.is_untyped_null() {
            true => "NULL".to_owned(),
            false => arg.expr_type.to_string(),
        })
        .collect();
    text += &match types.is_empty() {
        true => " with no arguments".to_owned(),
        false => format!("\n  Argument types: {}", types.join(", ")),
    };
    for (signature, reason) in reasons {
        let shape = match spelling {
            Spelling::Function(name) => format!("{name}{}", signature.shape()),
            Spelling::Operator(name) => {
                let sides: Vec<String> =
                    signature.params.iter().map(|param| param.pattern.text()).collect();
                match &sides[..] {
                    [operand] => format!("{name}{operand}"),
                    _ => sides.join(&format!(" {name} ")),
                }
            }
        };
        text += &format!("\n  Signature: {shape}\n    {reason}");
    }
    SqlError::evaluation(text)
}

/// Puts arguments given by name to their places; places left out in between become NULL.
pub(super) fn arrange(
    signatures: &[Signature],
    args: Vec<(Option<String>, Expr)>,
) -> Result<Vec<Expr>> {
    if args.iter().all(|(name, _)| name.is_none()) {
        return Ok(args.into_iter().map(|(_, value)| value).collect());
    }
    let mut places: Vec<Option<Expr>> = Vec::new();
    for (name, value) in args {
        let place = match name {
            None => places.len(),
            Some(name) => {
                let named = |param: &Param| {
                    param.name.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(&name))
                };
                let place =
                    signatures.iter().find_map(|signature| signature.params.iter().position(named));
                place.ok_or_else(|| {
                    SqlError::at(
                        value.at,
                        format!(
                            "Named argument {name} not found in signature for call to function"
                        ),
                    )
                })?
            }
        };
        if places.len() <= place {
            places.resize(place + 1, None);
        }
        if places[place].is_some() {
            return Err(SqlError::at(value.at, "Duplicate named argument"));
        }
        places[place] = Some(value);
    }
    Ok(places
        .into_iter()
        .map(|value| {
            value.unwrap_or_else(|| Expr::literal(crate::value::Value::Null, Type::Int64, 0))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_read() {
        let signature = Signature::parse("(STRING, INT64, [INT64]) -> ARRAY<STRING>");
        assert_eq!(signature.params.len(), 3);
        assert!(signature.params[2].optional);
        assert_eq!(signature.result, Pattern::Exact(Type::array_of(Type::String)));
        let repeated = Signature::parse("(T1, [T1, ...]) -> T1");
        assert!(repeated.params[1].repeated);
        let named = Signature::parse("(JSON, [stringify_wide_numbers => BOOL]) -> STRING");
        assert_eq!(named.params[1].name.as_deref(), Some("stringify_wide_numbers"));
        assert!(named.params[1].optional);
    }
}
