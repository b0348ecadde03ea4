//! Signatures as text, as BigQuery's own messages write them, and which of them a call fits.
//!
//! `(STRING, INT64, [INT64]) -> STRING`: brackets are optional, `[X, ...]` repeats, `T1` is a type that is
//! the same wherever it stands, `ANY` is any, `PRINTABLE` is what becomes text by itself, `name => X` is given by
//! name alone, `name: X` by name or place (`name: X = 0` where it counts as 0 when left out), and a word ending in `_PART`, `_MODE` is one of a set of words.

use super::coercion::{common_type, distance, supertype};
use super::overload::{is_printable, type_set};
use crate::error::Result;
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
    /// Whether it has no place of its own.
    pub(super) by_name_only: bool,
    /// What it is when a later one is given by name and it is not; NULL otherwise.
    default: Option<i64>,
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
    /// What becomes text where text is put together: not bytes, arrays, structs, JSON.
    Printable,
    /// A word: `DAY`, `NFKC`.
    Word,
    /// A function, of a lambda; those calls are resolved apart.
    Lambda,
}

/// How far an argument is from a parameter of any type.
const ANY_DISTANCE: u32 = 100;

/// An argument: its name, where it has one, and its value.
pub(super) type Arg = (Option<String>, Expr);

/// A call's fit: the arguments in their places, what each becomes, and how far that is.
#[derive(Debug)]
pub(super) struct Fit {
    pub(super) args: Vec<Expr>,
    pub(super) targets: Vec<Type>,
    pub(super) result: Type,
    pub(super) distance: u32,
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
        let mut placed = self.params.iter().filter(|param| !param.by_name_only);
        let first = self.params.iter().position(|param| param.repeated);
        if first.is_none_or(|first| position < first) {
            return placed.nth(position);
        }
        // Parameters that repeat do so together, in turn.
        let first = first?;
        let turns: Vec<&Param> = placed.filter(|param| param.repeated).collect();
        turns.get((position - first) % turns.len()).copied()
    }

    pub(super) fn shape(&self) -> String {
        let end = self.text.rfind("->").unwrap_or(self.text.len());
        let mut shape = self.text[..end].trim_end().replace("PRINTABLE", "STRING");
        for param in self.params.iter().filter(|param| !param.by_name_only) {
            if let Some(name) = &param.name {
                shape = shape.replace(&format!("{name}: "), "");
            }
            if let Some(default) = param.default {
                shape = shape.replace(&format!(" = {default}"), "");
            }
        }
        // Pairs that repeat are shown as such.
        shape.replace("[STRING, ...], [ANY, ...]", "[[STRING, ANY], ...]")
    }

    /// Tries the arguments; the reason when they do not fit, in BigQuery's words.
    pub(super) fn fit(&self, args: &[Arg]) -> Result<Fit, String> {
        self.check_count(args)?;
        let placed = self.arrange(args)?;
        let args: Vec<(&Param, Expr)> = placed;
        let templates = self.templates(&args)?;
        let mut targets = Vec::with_capacity(args.len());
        let mut sum: u32 = 0;
        for (position, (param, arg)) in args.iter().enumerate() {
            let (target, penalty) = match &param.pattern {
                // Whatever names a type goes before what takes any.
                Pattern::Any => (arg.expr_type.clone(), ANY_DISTANCE),
                Pattern::Lambda => (arg.expr_type.clone(), 0),
                Pattern::Printable if arg.is_untyped_null() || arg.expr_type == Type::String => {
                    (Type::String, 0)
                }
                Pattern::Printable if is_printable(&arg.expr_type) => {
                    (arg.expr_type.clone(), ANY_DISTANCE)
                }
                Pattern::Printable => return Err(unable(position, &arg.expr_type, "STRING")),
                Pattern::Word => match arg.kind {
                    ExprKind::Literal { .. } if arg.expr_type == Type::String => (Type::String, 0),
                    _ => return Err(unable(position, &arg.expr_type, "DATE_TIME_PART")),
                },
                pattern => {
                    (pattern.resolve(&templates).unwrap_or_else(|| arg.expr_type.clone()), 0)
                }
            };
            match distance(arg, &target) {
                Some(step) => sum = sum.saturating_add(step).saturating_add(penalty),
                None => return Err(unable(position, &arg.expr_type, &target.to_string())),
            }
            targets.push(target);
        }
        if let (Pattern::Template(name), []) = (&self.result, &args[..]) {
            return Err(format!(
                "Unable to determine type for function return type of kind {name}"
            ));
        }
        let result = self.result.resolve(&templates).unwrap_or(Type::Int64);
        let args = args.into_iter().map(|(_, arg)| arg).collect();
        Ok(Fit { args, targets, result, distance: sum })
    }

    fn check_count(&self, args: &[Arg]) -> Result<(), String> {
        let least = self.params.iter().filter(|param| !param.optional && !param.repeated).count();
        let most = self.params.len();
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let found = format!("found {} argument{}", args.len(), plural(args.len()));
        if args.len() < least {
            return Err(format!(
                "Signature requires at least {least} argument{}, {found}",
                plural(least)
            ));
        }
        let turns = self.params.iter().filter(|param| param.repeated).count();
        if turns == 0 && args.len() > most {
            return Err(format!(
                "Signature accepts at most {most} argument{}, {found}",
                plural(most)
            ));
        }
        let placed = args.iter().filter(|(name, _)| name.is_none()).count();
        let repeated = placed.saturating_sub(least);
        if turns > 1 && !repeated.is_multiple_of(turns) {
            return Err(format!(
                "Wrong number of repeated arguments provided. Expected a multiple of {turns} but got {repeated} repeated argument{}",
                plural(repeated)
            ));
        }
        Ok(())
    }

    /// Arguments with their parameters, in the order of the parameters; what is left out before one that is
    /// given by name is NULL.
    fn arrange(&self, args: &[Arg]) -> Result<Vec<(&Param, Expr)>, String> {
        let named: Vec<&Param> = self.params.iter().filter(|param| param.by_name_only).collect();
        let mut placed = Vec::with_capacity(args.len());
        let mut by_name: Vec<(&Param, &Expr)> = Vec::new();
        for (position, (name, value)) in args.iter().enumerate() {
            let Some(name) = name else {
                match (self.param(position), named.first()) {
                    (Some(param), _) => placed.push((param, value.clone())),
                    (None, Some(param)) => {
                        return Err(format!(
                            "Positional argument at {} is invalid because argument `{}` can only be referred to by name",
                            position + 1,
                            param.name.as_deref().unwrap_or_default()
                        ));
                    }
                    (None, None) => {}
                }
                continue;
            };
            let same = |param: &&Param| {
                param.name.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(name))
            };
            match self.params.iter().find(same) {
                Some(param) => by_name.push((param, value)),
                None => return Err(format!("Named argument `{name}` does not exist in signature")),
            }
        }
        if by_name.is_empty() {
            return Ok(placed);
        }
        let given = |param: &Param| {
            by_name.iter().find(|(known, _)| std::ptr::eq(*known, param)).map(|(_, value)| *value)
        };
        let is_open = self.params.iter().any(|param| param.repeated);
        let rest: Vec<&Param> = match is_open {
            true => named,
            false => self.params.iter().skip(placed.len()).collect(),
        };
        let last = rest.iter().rposition(|param| given(param).is_some()).map_or(0, |last| last + 1);
        placed.extend(rest.into_iter().take(last).map(|param| {
            let missing = || Expr::literal(param.default.into(), Type::Int64, 0);
            (param, given(param).cloned().unwrap_or_else(missing))
        }));
        Ok(placed)
    }

    fn templates(&self, args: &[(&Param, Expr)]) -> Result<Vec<(String, Type)>, String> {
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
            for (position, (param, arg)) in args.iter().enumerate() {
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
                    (Pattern::ArrayOf(_), found) => {
                        return Err(format!(
                            "Argument {}: expected array type but found {found}",
                            position + 1
                        ));
                    }
                    (Pattern::RangeOf(_), found) => {
                        return Err(format!(
                            "Argument {}: expected range type but found {found}",
                            position + 1
                        ));
                    }
                    (pattern, found) => return Err(unable(position, found, &pattern.text())),
                }
            }
            let types = direct
                .iter()
                .filter(|expr| !expr.is_untyped_null())
                .map(|expr| &expr.expr_type)
                .chain(&inner);
            let found = type_set(types);
            let no_common = || {
                format!(
                    "Unable to find common supertype for templated argument <{name}>\n      \
                     Input types for <{name}>: {{{found}}}"
                )
            };
            let mut common = match direct.is_empty() {
                true => None,
                false => Some(common_type(direct.iter().copied()).ok_or_else(no_common)?),
            };
            let untyped = direct.iter().all(|expr| expr.is_untyped_null());
            for element in &inner {
                common = Some(match common {
                    Some(common) if !untyped => {
                        supertype(&common, element).ok_or_else(no_common)?
                    }
                    _ => element.clone(),
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
        let by_name_only = text.contains("=>");
        let (name, pattern) = match text.split_once("=>").or_else(|| text.split_once(':')) {
            Some((name, pattern)) => (Some(name.trim().to_owned()), pattern.trim()),
            None => (None, text),
        };
        let (pattern, default) = match pattern.split_once(" = ") {
            Some((pattern, default)) => (pattern.trim(), default.trim().parse().ok()),
            None => (pattern, None),
        };
        let (pattern, repeated) = match pattern.strip_suffix("...") {
            Some(pattern) => (pattern.trim(), true),
            None => (pattern, false),
        };
        let pattern = Pattern::parse(pattern);
        vec![Self { name, by_name_only, default, pattern, optional: repeated, repeated }]
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
        if text == "PRINTABLE" {
            return Self::Printable;
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
            Self::Any | Self::Printable | Self::Word | Self::Lambda => None,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Exact(exact) => exact.to_string(),
            Self::Template(name) => name.clone(),
            Self::ArrayOf(inner) => format!("ARRAY<{}>", inner.text()),
            Self::RangeOf(inner) => format!("RANGE<{}>", inner.text()),
            Self::Any | Self::Lambda => "ANY".to_owned(),
            Self::Printable => "STRING".to_owned(),
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
