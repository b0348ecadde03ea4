//! The select list: expressions with their names, and `*` with `EXCEPT` and `REPLACE` taken apart.

use super::Analyzer;
use super::expression::implied_name;
use super::select::Selected;
use crate::ast::{self, SelectItem};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{Expr, ExprKind};
use crate::sql_type::Type;
use std::sync::Arc;

impl Analyzer<'_> {
    /// The select list, stars taken apart.
    pub(super) fn select_items(
        &mut self,
        items: &[SelectItem],
        has_from: bool,
    ) -> Result<Vec<Selected>> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            match item {
                SelectItem::Star { of, except, replace, at } => {
                    if of.is_none() && !has_from {
                        return Err(SqlError::at(*at, "SELECT * must have a FROM clause"));
                    }
                    self.star(of.as_ref(), except, replace, *at, &mut out)?;
                }
                SelectItem::Expr { value, alias } => {
                    let resolved = self.resolve(value)?;
                    let name = match alias {
                        Some(alias) => alias.name.as_str(),
                        None => implied_name(value).unwrap_or_default(),
                    };
                    out.push(Selected { name: name.into(), value: resolved, is_star: false });
                }
            }
        }
        Ok(out)
    }

    fn star(
        &mut self,
        of: Option<&ast::Expr>,
        except: &[ast::Ident],
        replace: &[(ast::Expr, ast::Ident)],
        at: Offset,
        out: &mut Vec<Selected>,
    ) -> Result<()> {
        let columns: Vec<(Arc<str>, Expr)> = match of {
            None => {
                let level = self.levels.last().map(|level| level.names.star()).unwrap_or_default();
                level
                    .into_iter()
                    .map(|column| (column.name, Expr::column(column.id, column.column_type, at)))
                    .collect()
            }
            Some(of) => self.star_of(of)?,
        };
        let excepted: Vec<&ast::Ident> = except.iter().collect();
        no_duplicates(&excepted, "EXCEPT")?;
        let replacing: Vec<&ast::Ident> = replace.iter().map(|(_, name)| name).collect();
        no_duplicates(&replacing, "REPLACE")?;
        for name in except {
            if !columns.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name.name)) {
                let text = format!("Column {} in SELECT * EXCEPT list does not exist", name.name);
                return Err(SqlError::at(name.at, text));
            }
        }
        for (_, name) in replace {
            if !columns.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name.name)) {
                let text = format!("Column {} in SELECT * REPLACE list does not exist", name.name);
                return Err(SqlError::at(name.at, text));
            }
        }
        let before = out.len();
        for (name, value) in columns {
            if except.iter().any(|excluded| excluded.name.eq_ignore_ascii_case(&name)) {
                continue;
            }
            let replaced =
                replace.iter().find(|(_, replaced)| replaced.name.eq_ignore_ascii_case(&name));
            let value = match replaced {
                Some((expr, _)) => self.resolve(expr)?,
                None => value,
            };
            out.push(Selected { name, value, is_star: replaced.is_none() });
        }
        if out.len() == before && !except.is_empty() {
            return Err(SqlError::at(at, "SELECT * expands to zero columns after applying EXCEPT"));
        }
        Ok(())
    }

    /// `expression.*`: the columns of a range variable or the fields of a struct.
    fn star_of(&mut self, of: &ast::Expr) -> Result<Vec<(Arc<str>, Expr)>> {
        if let ast::ExprKind::Path(path) = &of.kind
            && let [name] = &path.parts[..]
        {
            let variable =
                self.levels.last().and_then(|level| level.names.variable(&name.name)).cloned();
            if let Some(variable) = variable
                && (variable.value.is_none() || !variable.columns.is_empty())
            {
                let columns = variable.columns.iter().filter(|column| !column.pseudo);
                return Ok(columns
                    .map(|column| {
                        let column = &column.column;
                        let value = Expr::column(column.id, column.column_type.clone(), of.at);
                        (Arc::clone(&column.name), value)
                    })
                    .collect());
            }
        }
        let base = self.resolve(of)?;
        let Type::Struct(fields) = &base.expr_type else {
            let text = format!("Dot-star is not supported for type {}", base.expr_type);
            return Err(SqlError::at(of.at, text));
        };
        Ok(fields
            .iter()
            .enumerate()
            .map(|(index, field)| {
                let kind = ExprKind::Field { base: Box::new(base.clone()), index };
                let value = Expr { kind, expr_type: field.field_type.clone(), at: of.at };
                (Arc::clone(&field.name), value)
            })
            .collect())
    }
}

fn no_duplicates(names: &[&ast::Ident], list: &str) -> Result<()> {
    for (index, name) in names.iter().enumerate() {
        if names[..index].iter().any(|known| known.name.eq_ignore_ascii_case(&name.name)) {
            let text = format!("Duplicate column {} in SELECT * {list} list", name.name);
            return Err(SqlError::at(name.at, text));
        }
    }
    Ok(())
}
