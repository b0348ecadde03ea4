//! What expressions read, and what a `SELECT` without `FROM` may not.

use super::window::as_column;
use crate::ast::{self, OrderItem};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{ColumnId, Expr, ExprKind};

/// Clauses that make no sense without rows.
pub(super) fn check_without_from(select: &ast::Select, order_by: &[OrderItem]) -> Result<()> {
    if select.from.is_some() {
        return Ok(());
    }
    let group_at = select.group_by.as_ref().map(|group_by| group_by.at);
    let clauses = [
        ("WHERE", select.filter.as_ref().map(|_| select.filter_at)),
        ("GROUP BY", group_at),
        ("HAVING", select.having.as_ref().map(|having| having.at)),
        ("QUALIFY", select.qualify.as_ref().map(|qualify| qualify.at)),
        ("ORDER BY", order_by.first().map(|item| item.value.at)),
    ];
    let found = clauses.into_iter().find_map(|(name, at)| Some((name, at?)));
    match found {
        None => Ok(()),
        Some((name, at)) => {
            let article = if name == "ORDER BY" { "an" } else { "a" };
            let text = format!("Query without FROM clause cannot have {article} {name} clause");
            Err(SqlError::at(at, text))
        }
    }
}

pub(super) fn reads_any(expr: &Expr, ids: &[ColumnId]) -> bool {
    let mut found = false;
    crate::resolved::visit_expr_mut(&mut expr.clone(), &mut |part| {
        found |= as_column(part).is_some_and(|id| ids.contains(&id));
        !found
    });
    found
}

/// The first column of an expression that is not among some.
pub(super) fn first_beside(expr: &Expr, ids: &[ColumnId]) -> Option<(ColumnId, Offset)> {
    let mut found = None;
    crate::resolved::visit_expr_mut(&mut expr.clone(), &mut |part| {
        if let Some(id) = as_column(part)
            && !ids.contains(&id)
        {
            found.get_or_insert((id, part.at));
        }
        true
    });
    found
}

pub(super) fn is_constant(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Literal { .. })
}
