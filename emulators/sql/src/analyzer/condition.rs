//! Conditions: comparisons and what both sides must have in common, `IN`, `BETWEEN`, `IS`, `LIKE`.

use super::Analyzer;
use super::coercion::{coerce_to, common_type};
use super::signature::Spelling;
use crate::ast::{self, InSource, IsWhat, LikeQuantifier};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{Comparison, Expr, ExprKind, Patterns, Subquery};
use crate::sql_type::Type;
use crate::value::Value;

impl Analyzer<'_> {
    /// Both sides as their common type.
    pub(super) fn alike(&mut self, left: Expr, right: Expr, sign: &str) -> Result<(Expr, Expr)> {
        // A literal that cannot be read as the other side's type says so itself.
        let common = common_type([&left, &right]);
        let Some(common) = common.filter(Type::is_comparable) else {
            let types = format!("{}, {}", left.expr_type, right.expr_type);
            let text = format!(
                "No matching signature for operator {sign}\n  Argument types: {types}\n  Signature: T1 {sign} T1\n    \
                 Unable to find common supertype for templated argument <T1>\n      \
                 Input types for <T1>: {{{types}}}"
            );
            return Err(SqlError::at(left.at, text));
        };
        let mut left = coerce_to(self.session, left, &common)?;
        let mut right = coerce_to(self.session, right, &common)?;
        if common == Type::String && (is_collated(&left) || is_collated(&right)) {
            left = self.collation_key(left)?;
            right = self.collation_key(right)?;
        }
        Ok((left, right))
    }

    /// A string as it compares without regard to case.
    fn collation_key(&mut self, value: Expr) -> Result<Expr> {
        let at = value.at;
        self.builtin("$collation_key", &Spelling::Function("COLLATE"), vec![value], at)
    }

    pub(super) fn compare(
        &mut self,
        operator: Comparison,
        left: Expr,
        right: Expr,
        sign: &str,
        at: Offset,
    ) -> Result<Expr> {
        let (left, right) = self.alike(left, right, sign)?;
        let is_order = !matches!(operator, Comparison::Equal | Comparison::NotEqual);
        if is_order && !left.expr_type.is_orderable() {
            let text = format!(
                "{} is not defined for arguments of type {}",
                order_name(operator),
                left.expr_type
            );
            return Err(SqlError::at(at, text));
        }
        let kind = ExprKind::Compare { operator, left: Box::new(left), right: Box::new(right) };
        Ok(Expr { kind, expr_type: Type::Bool, at })
    }

    pub(super) fn between(
        &mut self,
        operand: &ast::Expr,
        low: &ast::Expr,
        high: &ast::Expr,
        at: Offset,
    ) -> Result<Expr> {
        let (operand, low, high) =
            (self.resolve(operand)?, self.resolve(low)?, self.resolve(high)?);
        let low = self.compare(Comparison::GreaterOrEqual, operand.clone(), low, "BETWEEN", at)?;
        let high = self.compare(Comparison::LessOrEqual, operand, high, "BETWEEN", at)?;
        Ok(Expr { kind: ExprKind::And(vec![low, high]), expr_type: Type::Bool, at })
    }

    pub(super) fn is(&mut self, operand: &ast::Expr, what: IsWhat, at: Offset) -> Result<Expr> {
        let operand = Box::new(match what {
            IsWhat::Null => self.resolve(operand)?,
            _ => self.condition(operand, "Operand of IS")?,
        });
        let kind = match what {
            IsWhat::Null | IsWhat::Unknown => ExprKind::IsNull(operand),
            IsWhat::True => ExprKind::IsBool { operand, expected: true },
            IsWhat::False => ExprKind::IsBool { operand, expected: false },
        };
        Ok(Expr { kind, expr_type: Type::Bool, at })
    }

    pub(super) fn membership(
        &mut self,
        operand: &ast::Expr,
        source: &InSource,
        at: Offset,
    ) -> Result<Expr> {
        let operand = self.resolve(operand)?;
        let kind = match source {
            InSource::List(list) => {
                let list =
                    list.iter().map(|item| self.resolve(item)).collect::<Result<Vec<_>>>()?;
                let common = common_type(std::iter::once(&operand).chain(&list))
                    .filter(Type::is_comparable)
                    .ok_or_else(|| no_common("IN", &operand, list.first()))?;
                let operand = Box::new(coerce_to(self.session, operand, &common)?);
                let list = list
                    .into_iter()
                    .map(|item| coerce_to(self.session, item, &common))
                    .collect::<Result<Vec<_>>>()?;
                ExprKind::In { operand, list }
            }
            InSource::Unnest(array) => {
                let array = self.resolve(array)?;
                let Some(element) = array.expr_type.element().cloned() else {
                    let text = format!(
                        "Second argument of IN UNNEST must be an array but was {}",
                        array.expr_type
                    );
                    return Err(SqlError::at(array.at, text));
                };
                let sample = Expr {
                    kind: ExprKind::Column(crate::resolved::ColumnId(u32::MAX)),
                    expr_type: element,
                    at: array.at,
                };
                let common = common_type([&operand, &sample])
                    .ok_or_else(|| no_common("IN UNNEST", &operand, Some(&sample)))?;
                let operand = Box::new(coerce_to(self.session, operand, &common)?);
                let array = Box::new(coerce_to(self.session, array, &Type::array_of(common))?);
                ExprKind::InArray { operand, array }
            }
            InSource::Subquery(query) => {
                let (subquery, columns) = self.subquery(query)?;
                let [column] = &columns[..] else {
                    let text = "Subquery of type IN must have only one output column";
                    return Err(SqlError::at(query.at, text));
                };
                let sample = Expr::column(column.id, column.column_type.clone(), query.at);
                let common = common_type([&operand, &sample])
                    .filter(Type::is_comparable)
                    .ok_or_else(|| no_common("IN", &operand, Some(&sample)))?;
                let operand = Box::new(coerce_to(self.session, operand, &common)?);
                let subquery = self.subquery_as(subquery, &sample, &common)?;
                ExprKind::InSubquery { operand, subquery }
            }
        };
        Ok(Expr { kind, expr_type: Type::Bool, at })
    }

    /// A subquery of one column with that column as another type.
    fn subquery_as(&mut self, subquery: Subquery, column: &Expr, to: &Type) -> Result<Subquery> {
        if column.expr_type == *to {
            return Ok(subquery);
        }
        let id = self.new_column();
        let value = coerce_to(self.session, column.clone(), to)?;
        let plan =
            crate::resolved::Plan::Project { input: subquery.plan, computed: vec![(id, value)] };
        Ok(Subquery { plan: Box::new(plan), columns: vec![id], ..subquery })
    }

    pub(super) fn like(
        &mut self,
        operand: &ast::Expr,
        quantifier: &LikeQuantifier,
        at: Offset,
    ) -> Result<Expr> {
        let (source, all) = match quantifier {
            LikeQuantifier::One(pattern) => {
                let args = vec![self.resolve(operand)?, self.resolve(pattern)?];
                return self.builtin("$like", &Spelling::Operator("LIKE"), args, at);
            }
            LikeQuantifier::Any(source) => (source, false),
            LikeQuantifier::All(source) => (source, true),
        };
        let operand = Box::new(self.resolve_as(operand, &Type::String, "Operand of LIKE")?);
        let patterns = match source {
            InSource::List(list) => Patterns::List(
                list.iter()
                    .map(|item| self.resolve_as(item, &Type::String, "Pattern of LIKE"))
                    .collect::<Result<Vec<_>>>()?,
            ),
            InSource::Unnest(array) => {
                let to = Type::array_of(Type::String);
                Patterns::Array(Box::new(self.resolve_as(array, &to, "Patterns of LIKE")?))
            }
            InSource::Subquery(query) => Patterns::Subquery(self.subquery(query)?.0),
        };
        let kind = ExprKind::LikeMany { operand, patterns, all };
        Ok(Expr { kind, expr_type: Type::Bool, at })
    }
}

/// `COLLATE(value, 'und:ci')`
fn is_collated(expr: &Expr) -> bool {
    let ExprKind::Call { function, args, .. } = &expr.kind else { return false };
    function.function.name == "COLLATE"
        && args.get(1).and_then(Expr::as_literal).and_then(Value::as_str) == Some("und:ci")
}

fn no_common(operator: &str, left: &Expr, right: Option<&Expr>) -> SqlError {
    let types = match right {
        Some(right) => format!("{}, {}", left.expr_type, right.expr_type),
        None => left.expr_type.to_string(),
    };
    let text = format!(
        "No matching signature for operator {operator} for argument types {} and {{{}}}",
        left.expr_type,
        right.map(|right| right.expr_type.to_string()).unwrap_or(types)
    );
    SqlError::at(left.at, text)
}

fn order_name(operator: Comparison) -> &'static str {
    match operator {
        Comparison::Less => "Less than",
        Comparison::LessOrEqual => "Less than or equal",
        Comparison::Greater => "Greater than",
        Comparison::GreaterOrEqual => "Greater than or equal",
        Comparison::Equal | Comparison::NotEqual => "Equality",
    }
}
