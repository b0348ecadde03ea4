//! Joins: of relations and of arrays, `ON` and `USING`.

use super::Analyzer;
use super::overload::Spelling;
use super::scope::{Names, ScopeColumn};
use crate::ast::{self, FromItem, Ident, JoinCondition, JoinKind};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{Column, Comparison, Expr, ExprKind, Join, JoinType, Plan, Unnest};
use crate::sql_type::Type;

impl Analyzer<'_> {
    pub(super) fn join(
        &mut self,
        kind: JoinKind,
        left: &FromItem,
        right: &FromItem,
        condition: &JoinCondition,
        at: Offset,
    ) -> Result<(Plan, Names)> {
        let (left_plan, left_names) = self.source(left, None)?;
        self.join_right(kind, left_plan, left_names, right, condition, at)
    }

    /// Joins what is there already with one more source.
    pub(super) fn join_right(
        &mut self,
        kind: JoinKind,
        left_plan: Plan,
        left_names: Names,
        right: &FromItem,
        condition: &JoinCondition,
        at: Offset,
    ) -> Result<(Plan, Names)> {
        let is_array = self.is_array(right, Some(&left_names));
        if is_array && !matches!(kind, JoinKind::Right | JoinKind::Full) {
            return self.array_join(kind, left_plan, left_names, right, condition, at);
        }
        check_condition(kind, condition, at)?;
        let (right_plan, right_names) = match is_array {
            // No row of the left side stands for what only the right side has.
            true => self.unnest(right, Plan::OneRow, &Names::default(), false, None)?,
            false => self.source(right, None)?,
        };
        let join_type = match kind {
            JoinKind::Cross | JoinKind::Comma | JoinKind::Inner => JoinType::Inner,
            JoinKind::Left => JoinType::Left,
            JoinKind::Right => JoinType::Right,
            JoinKind::Full => JoinType::Full,
        };
        let mut names = joined(&left_names, &right_names, alias_place(right))?;
        let mut merged = Vec::new();
        let condition = match condition {
            JoinCondition::None => None,
            JoinCondition::On(condition) => Some(self.with_names(names.clone(), |this| {
                this.in_clause("JOIN ON clause", |this| this.condition(condition, "JOIN ON clause"))
            })?),
            JoinCondition::Using(columns) => {
                let mut equal = Vec::with_capacity(columns.len());
                for column in columns {
                    let (condition, parts) = self.using(column, &left_names, &right_names)?;
                    equal.push(condition);
                    merged.push((column, parts));
                }
                Some(Expr { kind: ExprKind::And(equal), expr_type: Type::Bool, at })
            }
        };
        let mut plan = Plan::Join(Box::new(Join {
            join_type,
            left: left_plan,
            right: right_plan,
            keys: Vec::new(),
            condition,
            lateral: false,
        }));
        for (name, (left, right)) in merged {
            let (column, with) = self.merged_column(name, left, right, join_type, plan)?;
            plan = with;
            names.merged.retain(|known| !known.column.name.eq_ignore_ascii_case(&name.name));
            names.merged.push(ScopeColumn { column, pseudo: false });
        }
        Ok((plan, names))
    }

    /// The equality of one column of `USING`.
    fn using(
        &mut self,
        column: &Ident,
        left: &Names,
        right: &Names,
    ) -> Result<(Expr, (Expr, Expr))> {
        let path = ast::Path { parts: vec![column.clone()], at: column.at };
        let side = |this: &mut Self, names: &Names, side: &str| {
            let missing = || {
                let text = format!(
                    "Column {} in USING clause not found on {side} side of join",
                    column.name
                );
                SqlError::at(column.at, text)
            };
            if names.find(&column.name, column.at)?.is_none() {
                return Err(missing());
            }
            this.with_names(names.clone(), |this| this.resolve_path(&path))
        };
        let left = side(self, left, "left")?;
        let right = side(self, right, "right")?;
        let equal = self.compare(Comparison::Equal, left.clone(), right.clone(), column.at)?;
        Ok((equal, (left, right)))
    }

    fn merged_column(
        &mut self,
        name: &Ident,
        left: Expr,
        right: Expr,
        join_type: JoinType,
        plan: Plan,
    ) -> Result<(Column, Plan)> {
        let at = name.at;
        let one = match join_type {
            JoinType::Inner | JoinType::Left => left,
            JoinType::Right => right,
            JoinType::Full => {
                let (left, right) = self.alike(left, right, &Spelling::Comparison("="))?;
                let expr_type = left.expr_type.clone();
                let value = Expr {
                    kind: ExprKind::Coalesce(vec![left, right]),
                    expr_type: expr_type.clone(),
                    at,
                };
                let column = self.named_column(&name.name, expr_type);
                let plan =
                    Plan::Project { input: Box::new(plan), computed: vec![(column.id, value)] };
                return Ok((column, plan));
            }
        };
        match one.kind {
            ExprKind::Column(id) => {
                let column =
                    Column { id, name: name.name.as_str().into(), column_type: one.expr_type };
                Ok((column, plan))
            }
            _ => {
                let column = self.named_column(&name.name, one.expr_type.clone());
                let plan =
                    Plan::Project { input: Box::new(plan), computed: vec![(column.id, one)] };
                Ok((column, plan))
            }
        }
    }

    fn array_join(
        &mut self,
        kind: JoinKind,
        left_plan: Plan,
        left_names: Names,
        right: &FromItem,
        condition: &JoinCondition,
        at: Offset,
    ) -> Result<(Plan, Names)> {
        let outer = kind == JoinKind::Left;
        let (plan, array_names) = self.unnest(right, left_plan, &left_names, outer, None)?;
        let names = joined(&left_names, &array_names, alias_place(right))?;
        let condition = match condition {
            JoinCondition::None => None,
            JoinCondition::On(condition) => Some(self.with_names(names.clone(), |this| {
                this.in_clause("JOIN ON clause", |this| this.condition(condition, "JOIN ON clause"))
            })?),
            JoinCondition::Using(columns) => {
                let mut equal = Vec::with_capacity(columns.len());
                for column in columns {
                    equal.push(self.using(column, &left_names, &array_names)?.0);
                }
                Some(Expr { kind: ExprKind::And(equal), expr_type: Type::Bool, at })
            }
        };
        let plan = match plan {
            Plan::Unnest(unnest) => Plan::Unnest(Box::new(Unnest { condition, ..*unnest })),
            plan => plan,
        };
        Ok((plan, names))
    }
}

/// Where a source's alias stands, or the source itself when it has none.
fn alias_place(source: &FromItem) -> Offset {
    source.alias.as_ref().map_or(source.at, |alias| alias.at)
}

/// Every join but a cross join says what joins.
fn check_condition(kind: JoinKind, condition: &JoinCondition, at: Offset) -> Result<()> {
    let name = match kind {
        JoinKind::Cross | JoinKind::Comma => {
            let clause = match condition {
                JoinCondition::None => return Ok(()),
                JoinCondition::On(condition) => ("ON", condition.at),
                JoinCondition::Using(columns) => {
                    ("USING", columns.first().map_or(at, |column| column.at))
                }
            };
            let name = if kind == JoinKind::Cross { "CROSS JOIN" } else { "comma join" };
            let text = format!("{} clause cannot be used with {name}", clause.0);
            return Err(SqlError::at(clause.1, text));
        }
        JoinKind::Inner => "INNER JOIN",
        JoinKind::Left => "LEFT JOIN",
        JoinKind::Right => "RIGHT JOIN",
        JoinKind::Full => "FULL JOIN",
    };
    match condition {
        JoinCondition::None => {
            let text = format!("{name} must have an immediately following ON or USING clause");
            Err(SqlError::at(at, text))
        }
        _ => Ok(()),
    }
}

/// The names of both sides; an alias may stand only once.
fn joined(left: &Names, right: &Names, at: Offset) -> Result<Names> {
    for variable in &right.variables {
        if left.variable(&variable.name).is_some() {
            let text = format!("Duplicate table alias {} in the same FROM clause", variable.name);
            return Err(SqlError::at(at, text));
        }
    }
    let mut names = left.clone();
    names.variables.extend(right.variables.iter().cloned());
    names.merged.extend(right.merged.iter().cloned());
    Ok(names)
}
