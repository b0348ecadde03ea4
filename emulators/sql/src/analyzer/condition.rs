//! Conditions: comparisons and what both sides must have in common, `IN`, `BETWEEN`, `IS`, `LIKE`.

use super::Analyzer;
use super::coercion::{coerce_to, common_type, distance};
use super::expression::no_null_operand;
use super::overload::{Spelling, type_set, type_text};
use crate::ast::{self, InSource, IsWhat, LikeQuantifier};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{ColumnId, Comparison, Expr, ExprKind, Patterns, Subquery};
use crate::sql_type::Type;
use crate::value::Value;

impl Analyzer<'_> {
    /// Both sides as their common type.
    pub(super) fn alike(
        &mut self,
        left: Expr,
        right: Expr,
        spelling: &Spelling<'_>,
    ) -> Result<(Expr, Expr)> {
        let at = left.at;
        let (mut sides, common) = self.form(spelling, "(T1, T1) -> T1", vec![left, right], at)?;
        if !common.is_comparable() {
            let text = format!("Equality is not defined for arguments of type {common}");
            return Err(SqlError::at(at, text));
        }
        let (mut right, mut left) =
            (sides.pop().expect("two sides"), sides.pop().expect("two sides"));
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
        at: Offset,
    ) -> Result<Expr> {
        let sign = sign_of(operator);
        let nulls = no_null_operand(sign, [&left, &right]);
        let (left, right) = self.alike(left, right, &Spelling::Comparison(sign))?;
        nulls?;
        let is_order = !matches!(operator, Comparison::Equal | Comparison::NotEqual);
        if is_order && !left.expr_type.is_orderable() {
            let text = format!(
                "{} is not defined for arguments of type {}",
                order_name(operator),
                left.expr_type
            );
            return Err(SqlError::at(at, text));
        }
        Ok(comparison(operator, left, right, at))
    }

    pub(super) fn between(
        &mut self,
        operand: &ast::Expr,
        low: &ast::Expr,
        high: &ast::Expr,
        operator_at: Offset,
        at: Offset,
    ) -> Result<Expr> {
        let sides = vec![self.resolve(operand)?, self.resolve(low)?, self.resolve(high)?];
        let (mut sides, common) =
            self.form(&Spelling::Between, "(T1, T1, T1) -> T1", sides, operator_at)?;
        if !common.is_orderable() {
            let text = format!("BETWEEN is not defined for arguments of type {common}");
            return Err(SqlError::at(operator_at, text));
        }
        let (high, low) = (sides.pop().expect("three sides"), sides.pop().expect("three sides"));
        let operand = sides.pop().expect("three sides");
        let low = comparison(Comparison::GreaterOrEqual, operand.clone(), low, at);
        let high = comparison(Comparison::LessOrEqual, operand, high, at);
        Ok(Expr { kind: ExprKind::And(vec![low, high]), expr_type: Type::Bool, at })
    }

    pub(super) fn is(&mut self, operand: &ast::Expr, what: IsWhat, at: Offset) -> Result<Expr> {
        let operand = self.resolve(operand)?;
        let words = match what {
            IsWhat::Null => {
                let kind = ExprKind::IsNull(Box::new(operand));
                return Ok(Expr { kind, expr_type: Type::Bool, at });
            }
            IsWhat::Unknown if distance(&operand, &Type::Bool).is_none() => {
                let text = format!(
                    "Operand of IS UNKNOWN must be coercible to BOOL, but has type {}",
                    operand.expr_type
                );
                return Err(SqlError::at(operand.at, text));
            }
            IsWhat::Unknown => "IS UNKNOWN",
            IsWhat::True => "IS TRUE",
            IsWhat::False => "IS FALSE",
        };
        let (mut operands, _) =
            self.form(&Spelling::Postfix(words), "(BOOL) -> BOOL", vec![operand], at)?;
        let operand = Box::new(operands.pop().expect("one operand"));
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
        operator_at: Offset,
        at: Offset,
    ) -> Result<Expr> {
        let operand = self.resolve(operand)?;
        let kind = match source {
            InSource::List(list) => {
                let list =
                    list.iter().map(|item| self.resolve(item)).collect::<Result<Vec<_>>>()?;
                let common = common_type(std::iter::once(&operand).chain(&list))
                    .filter(Type::is_comparable)
                    .ok_or_else(|| no_list_match("IN", &operand, &list, operator_at))?;
                let operand = Box::new(coerce_to(self.session, operand, &common)?);
                let list = list
                    .into_iter()
                    .map(|item| coerce_to(self.session, item, &common))
                    .collect::<Result<Vec<_>>>()?;
                ExprKind::In { operand, list }
            }
            InSource::Unnest(array) => self.in_array(operand, array, operator_at)?,
            InSource::Subquery(query) => self.in_subquery(operand, query, at)?,
        };
        Ok(Expr { kind, expr_type: Type::Bool, at })
    }

    fn in_array(
        &mut self,
        operand: Expr,
        array: &ast::Expr,
        operator_at: Offset,
    ) -> Result<ExprKind> {
        let array = self.resolve(array)?;
        let null_array = array.is_untyped_null();
        let element = match &array.expr_type {
            Type::Array(element) => (**element).clone(),
            _ if null_array => operand.expr_type.clone(),
            other => {
                let text = format!("Second argument of IN UNNEST must be an array but was {other}");
                return Err(SqlError::at(array.at, text));
            }
        };
        // The elements of an array as written coerce like literals; an empty one has any type.
        let common = match &array.kind {
            ExprKind::Array(elements) => {
                common_type(std::iter::once(&operand).chain(elements.iter()))
            }
            _ if null_array => Some(element),
            _ => {
                let sample = Expr::column(ColumnId(u32::MAX), element, array.at);
                common_type([&operand, &sample])
            }
        };
        let Some(common) = common.filter(Type::is_comparable) else {
            let text = format!(
                "No matching signature for operator IN UNNEST for argument types: {}, {}",
                type_text(&operand),
                array.expr_type
            );
            return Err(SqlError::at(operator_at, text));
        };
        let operand = Box::new(coerce_to(self.session, operand, &common)?);
        let array = Box::new(coerce_to(self.session, array, &Type::array_of(common))?);
        Ok(ExprKind::InArray { operand, array })
    }

    fn in_subquery(&mut self, operand: Expr, query: &ast::Query, at: Offset) -> Result<ExprKind> {
        let (subquery, columns) = self.subquery(query)?;
        let [column] = &columns[..] else {
            let text = "Subquery of type IN must have only one output column";
            return Err(SqlError::at(query.at, text));
        };
        let sample = Expr::column(column.id, column.column_type.clone(), query.at);
        let common = common_type([&operand, &sample]).filter(Type::is_comparable);
        let Some(common) = common else {
            let text = format!(
                "Cannot execute IN subquery with uncomparable types {} and {}",
                operand.expr_type, column.column_type
            );
            return Err(SqlError::at(at, text));
        };
        let operand = Box::new(coerce_to(self.session, operand, &common)?);
        let subquery = self.subquery_as(subquery, &sample, &common)?;
        Ok(ExprKind::InSubquery { operand, subquery })
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
                let nulls = no_null_operand("LIKE", &args);
                let like = self.builtin("$like", &Spelling::Comparison("LIKE"), args, at)?;
                return nulls.map(|()| like);
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

/// `IN` over types that have nothing in common: every type of the list once.
fn no_list_match(operator: &str, operand: &Expr, list: &[Expr], at: Offset) -> SqlError {
    let typed = list.iter().filter(|item| !item.is_untyped_null());
    let types = type_set(typed.map(|item| &item.expr_type));
    let literal = if operand.is_coercible_literal() { "literal " } else { "" };
    let text = format!(
        "No matching signature for operator {operator} for argument types {literal}{} and {{{types}}}",
        operand.expr_type
    );
    SqlError::at(at, text)
}

pub(super) fn comparison(operator: Comparison, left: Expr, right: Expr, at: Offset) -> Expr {
    let kind = ExprKind::Compare { operator, left: Box::new(left), right: Box::new(right) };
    Expr { kind, expr_type: Type::Bool, at }
}

fn sign_of(operator: Comparison) -> &'static str {
    match operator {
        Comparison::Equal => "=",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
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
