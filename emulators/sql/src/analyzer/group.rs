//! Grouping: what stands after `GROUP BY` may name keys and aggregates alone. Expressions were resolved over
//! the ungrouped rows; here every part that equals a key becomes that key's column.

use std::collections::{BTreeSet, HashMap};

use super::Analyzer;
use super::window::as_column;
use crate::ast;
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{ColumnId, Expr, ExprKind, Subquery, visit_expr_mut, visit_plan_mut};

/// How an item of `GROUP BY` becomes an expression.
type ResolveItem<'f, T> = dyn FnMut(&mut T, &ast::Expr) -> Result<Expr> + 'f;

/// The keys of a grouping.
#[derive(Debug, Default)]
pub(super) struct Grouping {
    pub(super) keys: Vec<(ColumnId, Expr)>,
    /// For each grouping set the keys that count; `None` is the plain grouping.
    pub(super) sets: Option<Vec<Vec<usize>>>,
}

/// The columns of the rows before grouping, for messages.
pub(super) struct Ungrouped<'a> {
    pub(super) names: HashMap<ColumnId, String>,
    /// Dotted names as written, by their places.
    pub(super) dotted: &'a HashMap<Offset, String>,
}

impl Analyzer<'_> {
    /// Resolves `GROUP BY`. `resolve_item` turns an item into an expression (ordinals and aliases count).
    pub(super) fn grouping(
        &mut self,
        group_by: &ast::GroupBy,
        resolve_item: &mut ResolveItem<'_, Self>,
    ) -> Result<Grouping> {
        let mut grouping = Grouping::default();
        // Sets of each item; a query's sets are one of each item, joined.
        let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
        let mut is_plain = true;
        for item in &group_by.items {
            let item_sets = self.grouping_item(item, &mut grouping.keys, resolve_item)?;
            is_plain &= matches!(item, ast::GroupingItem::Expr { .. });
            let mut joined = Vec::new();
            for set in &sets {
                for other in &item_sets {
                    let mut both = set.clone();
                    both.extend(other.iter().filter(|key| !set.contains(key)));
                    joined.push(both);
                }
            }
            if joined.len() > crate::limits::GROUPING_SETS_MAX {
                return Err(SqlError::at(group_by.at, "Too many grouping sets"));
            }
            sets = joined;
        }
        grouping.sets = (!is_plain).then_some(sets);
        Ok(grouping)
    }

    fn key(
        &mut self,
        expr: &ast::Expr,
        keys: &mut Vec<(ColumnId, Expr)>,
        resolve_item: &mut ResolveItem<'_, Self>,
    ) -> Result<usize> {
        let value = resolve_item(self, expr)?;
        if !value.expr_type.is_groupable() {
            let text =
                format!("Grouping by expressions of type {} is not allowed", value.expr_type);
            return Err(SqlError::at(expr.at, text));
        }
        if let Some(index) = keys.iter().position(|(_, known)| *known == value) {
            return Ok(index);
        }
        keys.push((self.new_column(), value));
        Ok(keys.len() - 1)
    }

    fn grouping_item(
        &mut self,
        item: &ast::GroupingItem,
        keys: &mut Vec<(ColumnId, Expr)>,
        resolve_item: &mut ResolveItem<'_, Self>,
    ) -> Result<Vec<Vec<usize>>> {
        Ok(match item {
            ast::GroupingItem::Expr { value, .. } => {
                vec![vec![self.key(value, keys, resolve_item)?]]
            }
            ast::GroupingItem::Empty => vec![Vec::new()],
            ast::GroupingItem::Rollup(elements) => {
                let mut sets = vec![Vec::new()];
                let mut set: Vec<usize> = Vec::new();
                for element in elements {
                    for expr in element {
                        set.push(self.key(expr, keys, resolve_item)?);
                    }
                    sets.push(set.clone());
                }
                sets.reverse();
                sets
            }
            ast::GroupingItem::Cube(elements) => {
                let mut groups = Vec::with_capacity(elements.len());
                for element in elements {
                    let group = element
                        .iter()
                        .map(|expr| self.key(expr, keys, resolve_item))
                        .collect::<Result<Vec<_>>>()?;
                    groups.push(group);
                }
                if groups.len() > 12 {
                    return Err(SqlError::evaluation("CUBE has too many elements"));
                }
                (0..1_usize << groups.len())
                    .rev()
                    .map(|bits| {
                        let chosen =
                            groups.iter().enumerate().filter(|(index, _)| bits >> index & 1 == 1);
                        chosen.flat_map(|(_, group)| group.iter().copied()).collect()
                    })
                    .collect()
            }
            ast::GroupingItem::Sets(items) => {
                let mut sets = Vec::new();
                for item in items {
                    // A parenthesised list is one set, as the only element of a rollup is.
                    if let ast::GroupingItem::Expr {
                        value: ast::Expr { kind: ast::ExprKind::Tuple(values), .. },
                        ..
                    } = item
                    {
                        sets.push(
                            values
                                .iter()
                                .map(|value| self.key(value, keys, resolve_item))
                                .collect::<Result<Vec<_>>>()?,
                        );
                    } else {
                        sets.extend(self.grouping_item(item, keys, resolve_item)?);
                        continue;
                    }
                }
                sets
            }
        })
    }
}

/// Replaces whatever equals a key by the key's column.
///
/// # Errors
/// A column of the ungrouped rows is left: it is neither grouped nor aggregated.
pub(super) fn over_groups(
    expr: &mut Expr,
    keys: &[(ColumnId, Expr)],
    ungrouped: &Ungrouped<'_>,
    clause: &str,
) -> Result<()> {
    let mut left: Option<(ColumnId, Offset)> = None;
    visit_expr_mut(expr, &mut |part| {
        if let Some((id, key)) = keys.iter().find(|(_, key)| key == part) {
            part.kind = ExprKind::Column(*id);
            debug_assert_eq!(part.expr_type, key.expr_type);
            return false;
        }
        if let Some(id) = as_column(part)
            && ungrouped.names.contains_key(&id)
        {
            left.get_or_insert((id, part.at));
        }
        true
    });
    mend_outer(expr, keys, ungrouped);
    match left {
        None => Ok(()),
        Some((id, at)) => {
            let name = match ungrouped.dotted.get(&at) {
                Some(dotted) => dotted.clone(),
                None => format!("column {}", ungrouped.names[&id]),
            };
            let text = format!(
                "{clause} expression references {name} which is neither grouped nor aggregated"
            );
            Err(SqlError::at(at, text))
        }
    }
}

/// Subqueries in an expression now read keys instead of the ungrouped columns.
fn mend_outer(expr: &mut Expr, keys: &[(ColumnId, Expr)], ungrouped: &Ungrouped<'_>) {
    let mend = |subquery: &mut Subquery| {
        if !subquery.outer.iter().any(|id| ungrouped.names.contains_key(id)) {
            return;
        }
        let mut read = BTreeSet::new();
        visit_plan_mut(&mut subquery.plan, &mut |part| {
            if let Some(id) = as_column(part)
                && keys.iter().any(|(key, _)| *key == id)
            {
                read.insert(id);
            }
            true
        });
        subquery.outer.retain(|id| !ungrouped.names.contains_key(id));
        subquery.outer.extend(read);
    };
    visit_expr_mut(expr, &mut |part| {
        match &mut part.kind {
            ExprKind::ScalarSubquery(subquery)
            | ExprKind::ArraySubquery(subquery)
            | ExprKind::Exists(subquery)
            | ExprKind::InSubquery { subquery, .. } => mend(subquery),
            _ => {}
        }
        true
    });
}

/// Replaces whatever equals a known expression by its column; the rest stays.
pub(super) fn replace_known(expr: &mut Expr, known: &[(ColumnId, Expr)]) {
    visit_expr_mut(expr, &mut |part| {
        if let Some((id, _)) = known.iter().find(|(_, known)| known == part) {
            part.kind = ExprKind::Column(*id);
            return false;
        }
        true
    });
}
