//! Names: columns, rows, aliases, variables, and fields of what they are.

use super::scope::{Found, RangeVariable};
use super::window::as_column;
use super::{Analyzer, type_of};
use crate::ast::{self, Ident};
use crate::error::{Offset, Result, SqlError};
use crate::functions;
use crate::resolved::{Expr, ExprKind, Function, visit_expr_mut};
use crate::sql_type::Type;
use crate::value::Value;

impl Analyzer<'_> {
    /// A dotted name in an expression.
    pub(super) fn resolve_path(&mut self, path: &ast::Path) -> Result<Expr> {
        let [first, rest @ ..] = &path.parts[..] else {
            return Err(SqlError::at(path.at, "Syntax error: Unexpected empty name"));
        };
        let Some(found) = self.find(&first.name, first.at)? else {
            return self.resolve_outside(path);
        };
        let (base, rest) = match (found, rest) {
            (Found::Column(column), rest) => {
                (Expr::column(column.id, column.column_type, first.at), rest)
            }
            (Found::Alias(value), rest) => (Expr { at: first.at, ..value }, rest),
            (Found::Row(variable), [field, rest @ ..]) => {
                self.dotted.insert(first.at, format!("{}.{}", first.name, field.name));
                (row_field(&variable, field, first.at)?, rest)
            }
            (Found::Row(variable), []) => (variable.row(first.at), rest),
        };
        rest.iter().try_fold(base, |base, field| self.field(base, field))
    }

    /// What a first identifier is, from the innermost query outwards.
    fn find(&mut self, name: &str, at: Offset) -> Result<Option<Found>> {
        for level in (0..self.levels.len()).rev() {
            let Some(found) = self.levels[level].names.find(name, at)? else { continue };
            match &found {
                Found::Column(column) => self.note_outer(level, &[column.id]),
                Found::Row(variable) => self.note_outer(level, &variable.ids()),
                Found::Alias(value) => {
                    if let ExprKind::Column(id) = value.kind {
                        self.note_outer(level, &[id]);
                    }
                }
            }
            return Ok(Some(found));
        }
        Ok(None)
    }

    /// A name that no relation has: an argument of a function, a variable.
    fn resolve_outside(&mut self, path: &ast::Path) -> Result<Expr> {
        let first = &path.parts[0];
        let same = |known: &str| known.eq_ignore_ascii_case(&first.name);
        let argument = self.arguments.iter().rev().find(|(name, _)| same(name));
        let base = match argument.map(|(_, value)| value.clone()) {
            Some(value) => {
                // Subqueries of a function's body depend on its arguments.
                let mut read = Vec::new();
                visit_expr_mut(&mut value.clone(), &mut |part| {
                    read.extend(as_column(part));
                    true
                });
                self.levels.iter_mut().filter_map(|level| level.outer.as_mut()).for_each(|outer| {
                    outer.extend(&read);
                });
                Expr { at: first.at, ..value }
            }
            None => match self.bindings.variables.iter().rev().find(|(name, _)| same(name)) {
                Some((_, variable)) => {
                    Expr::firm(variable.value.clone(), variable.value_type.clone(), first.at)
                }
                None => return Err(self.unrecognized(path)),
            },
        };
        path.parts[1..].iter().try_fold(base, |base, field| self.field(base, field))
    }

    fn unrecognized(&self, path: &ast::Path) -> SqlError {
        let first = &path.parts[0];
        let known = self.levels.iter().flat_map(|level| {
            let variables = level.names.variables.iter();
            variables.flat_map(|variable| {
                let columns = variable.columns.iter().map(|column| &*column.column.name);
                columns.chain([&*variable.name])
            })
        });
        let nearest = nearest(&first.name, known);
        let hint = nearest.map(|name| format!("; Did you mean {name}?")).unwrap_or_default();
        SqlError::at(first.at, format!("Unrecognized name: {}{hint}", first.name))
    }

    /// `base.field`
    pub(super) fn field(&mut self, base: Expr, field: &Ident) -> Result<Expr> {
        match &base.expr_type {
            Type::Struct(fields) => {
                let same = |index: &usize| fields[*index].name.eq_ignore_ascii_case(&field.name);
                let mut places = (0..fields.len()).filter(same);
                let Some(index) = places.next() else {
                    return Err(SqlError::at(
                        field.at,
                        format!("Field name {} does not exist in {}", field.name, base.expr_type),
                    ));
                };
                if places.next().is_some() {
                    let text = format!("Struct field name {} is ambiguous", field.name);
                    return Err(SqlError::at(field.at, text));
                }
                let expr_type = fields[index].field_type.clone();
                let at = base.at;
                if let ExprKind::Struct(mut values) = base.kind {
                    return Ok(values.swap_remove(index));
                }
                Ok(Expr { kind: ExprKind::Field { base: Box::new(base), index }, expr_type, at })
            }
            Type::Json => {
                self.json_access("$json_field", base, Value::string(&field.name), Type::String)
            }
            other => {
                let text =
                    format!("Cannot access field {} on a value with type {other}", field.name);
                Err(SqlError::at(field.at, text))
            }
        }
    }

    pub(super) fn json_access(
        &mut self,
        name: &str,
        base: Expr,
        key: Value,
        key_type: Type,
    ) -> Result<Expr> {
        let at = base.at;
        let key = Expr::literal(key, key_type, at);
        let Some(function) = functions::scalar(name).first() else {
            return Err(SqlError::not_implemented("access to fields of JSON").or_at(at));
        };
        let function = Function { function, signature: 0 };
        let types = [Type::Json, key.expr_type.clone()].into();
        let kind = ExprKind::Call { function, args: vec![base, key], types, safe: false };
        Ok(Expr { kind, expr_type: Type::Json, at })
    }

    /// The struct type as which a written type reads.
    pub(super) fn written_type(&self, written: &ast::TypeExpr) -> Result<Type> {
        type_of(written)
    }
}

/// `variable.field`, which begins at `at`.
fn row_field(variable: &RangeVariable, field: &Ident, at: Offset) -> Result<Expr> {
    let same = |name: &str| name.eq_ignore_ascii_case(&field.name);
    let mut columns = variable.columns.iter().filter(|column| same(&column.column.name));
    match (columns.next(), columns.next()) {
        (Some(column), None) => {
            let column = &column.column;
            Ok(Expr::column(column.id, column.column_type.clone(), at))
        }
        (Some(_), Some(_)) => {
            Err(SqlError::at(field.at, format!("Column name {} is ambiguous", field.name)))
        }
        (None, _) => match &variable.value {
            Some(value) if value.column_type.fields().is_none() => {
                let text = format!(
                    "Cannot access field {} on a value with type {}",
                    field.name, value.column_type
                );
                Err(SqlError::at(field.at, text))
            }
            _ => {
                let text = format!("Name {} not found inside {}", field.name, variable.name);
                Err(SqlError::at(field.at, text))
            }
        },
    }
}

/// The known name that is nearest to a wrong one, if one is near.
pub(super) fn nearest<'n>(wrong: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    let limit = match wrong.chars().count() {
        0..=2 => 0,
        3 => 1,
        4..=5 => 2,
        6..=8 => 3,
        9..=13 => 4,
        14..=19 => 5,
        _ => 6,
    };
    known
        .filter(|name| !name.is_empty())
        .map(|name| (edit_distance(wrong, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name.to_owned())
}

/// The number of letters to insert, delete or change (Levenshtein 1966).
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in right.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}
