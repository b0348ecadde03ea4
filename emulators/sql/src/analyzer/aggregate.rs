//! Aggregate calls. Each becomes a column that the query's grouping computes; the call itself is replaced by
//! that column. What may stand in its parentheses is checked here.

use super::overload::{Spelling, choose};
use super::signature::Signature;
use super::window::IN_AGGREGATE;
use super::{Analyzer, coerce_to};
use crate::ast::{self, Call, NullOrder, OrderItem};
use crate::error::{Offset, Result, SqlError};
use crate::functions;
use crate::resolved::{AggregateCall, AggregateKind, Expr, ExprKind, SortItem, visit_expr_mut};
use crate::sql_type::Type;
use crate::value::Value;

impl Analyzer<'_> {
    /// `ORDER BY` items within a call or a window.
    pub(super) fn sort_items(&mut self, items: &[OrderItem]) -> Result<Vec<SortItem>> {
        items
            .iter()
            .map(|item| {
                let value = self.resolve(&item.value)?;
                self.sort_item(value, item)
            })
            .collect()
    }

    pub(super) fn sort_item(&self, value: Expr, item: &OrderItem) -> Result<SortItem> {
        if !value.expr_type.is_orderable() {
            let text = format!("ORDER BY does not support expressions of type {}", value.expr_type);
            return Err(SqlError::at(value.at, text));
        }
        let nulls_first = match item.nulls {
            Some(NullOrder::First) => true,
            Some(NullOrder::Last) => false,
            None => !item.descending,
        };
        Ok(SortItem { value, descending: item.descending, nulls_first })
    }

    /// Resolves arguments and chooses an overload among the signatures of a list of functions.
    pub(super) fn arguments(
        &mut self,
        spelling: &Spelling<'_>,
        name: &str,
        signatures: &[Signature],
        call: &Call,
        at: Offset,
    ) -> Result<(usize, Vec<Expr>, Type)> {
        let mut args = Vec::with_capacity(call.args.len());
        let is_star = is_count_star(name, call);
        for arg in call.args.iter().filter(|_| !is_star) {
            args.push(self.resolve(&arg.value)?);
        }
        // `COUNT(*)` has a signature of its own, which nobody can write.
        let known: Vec<&Signature> = signatures
            .iter()
            .filter(|signature| is_star || name != "COUNT" || !signature.params.is_empty())
            .collect();
        let shown: Vec<Signature> = known.iter().map(|signature| (*signature).clone()).collect();
        let (place, fit) = choose(spelling, &shown, args).map_err(|error| error.or_at(at))?;
        let number = signatures
            .iter()
            .position(|signature| std::ptr::eq(signature, known[place]))
            .expect("it is one of them");
        let args = fit
            .args
            .into_iter()
            .zip(&fit.targets)
            .map(|(arg, target)| coerce_to(self.session, arg, target))
            .collect::<Result<Vec<_>>>()?;
        Ok((number, args, fit.result))
    }

    /// An aggregate call of the query's grouping.
    pub(super) fn aggregate_call(
        &mut self,
        name: &str,
        call: &Call,
        safe: bool,
        at: Offset,
    ) -> Result<Expr> {
        if let Some(clause) = self.collector.no_aggregates {
            let shown = if is_count_star(name, call) { "COUNT(*)" } else { name };
            let text = format!("Aggregate function {shown} not allowed in {clause}");
            return Err(SqlError::at(at, text));
        }
        if self.collector.in_aggregate {
            let text = "Aggregations of aggregations are not allowed";
            return Err(SqlError::at(at, text));
        }
        self.collector.in_aggregate = true;
        let windows = self.collector.no_windows.replace(IN_AGGREGATE);
        let resolved = self.aggregate(name, call, safe, at);
        self.collector.in_aggregate = false;
        self.collector.no_windows = windows;
        let aggregate = resolved?;
        let same = |known: &&AggregateCall| {
            AggregateCall { column: aggregate.column, at, ..(*known).clone() } == aggregate
        };
        let column = match self.collector.aggregates.iter().find(same) {
            Some(known) => known.column,
            None => {
                self.collector.aggregates.push(aggregate.clone());
                aggregate.column
            }
        };
        Ok(Expr::column(column, aggregate.result, at))
    }

    /// An aggregate call, resolved, with a column of its own.
    pub(super) fn aggregate(
        &mut self,
        name: &str,
        call: &Call,
        safe: bool,
        at: Offset,
    ) -> Result<AggregateCall> {
        let overloads = functions::aggregate(name);
        let signatures: Vec<Signature> = overloads
            .iter()
            .flat_map(|function| function.signatures.iter().map(|text| Signature::parse(text)))
            .collect();
        let rules = aggregate_rules(name);
        rules.check_modifiers(name, call, at)?;
        let (number, args, result) =
            self.arguments(&Spelling::Aggregate(name), name, &signatures, call, at)?;
        check_arguments(name, &args, call.distinct, at)?;
        check_constants(name, &args)?;
        let having = match &call.having {
            None => None,
            Some((is_max, value)) => {
                let value = self.resolve(value)?;
                if !value.expr_type.is_orderable() {
                    let text = format!(
                        "HAVING modifier does not support expressions of type {}",
                        value.expr_type
                    );
                    return Err(SqlError::at(value.at, text));
                }
                Some((*is_max, value))
            }
        };
        let order_by = self.sort_items(&call.order_by)?;
        if call.distinct
            && let Some(item) = order_by.iter().find(|item| !args.contains(&item.value))
        {
            let text = "An aggregate function that has both DISTINCT and ORDER BY arguments can only ORDER BY expressions that are arguments to the function";
            return Err(SqlError::at(item.value.at, text));
        }
        let limit = call.limit.as_ref().map(|limit| self.aggregate_limit(limit)).transpose()?;
        Ok(AggregateCall {
            column: self.new_column(),
            kind: aggregate_kind(overloads, number),
            result,
            args,
            distinct: call.distinct,
            ignore_nulls: call.nulls == Some(ast::NullTreatment::Ignore),
            having,
            order_by,
            limit,
            filter: None,
            safe,
            at,
        })
    }

    /// `GROUPING(key)`
    pub(super) fn grouping_call(&mut self, key: &ast::Expr, at: Offset) -> Result<Expr> {
        if let Some(clause) = self.collector.no_aggregates {
            return Err(SqlError::at(
                at,
                format!("Aggregate function GROUPING not allowed in {clause}"),
            ));
        }
        let key = self.resolve(key)?;
        let id = self.new_column();
        self.collector.grouping.push((id, key));
        Ok(Expr::column(id, Type::Int64, at))
    }

    fn aggregate_limit(&mut self, limit: &ast::Expr) -> Result<usize> {
        let value = self.resolve_as(limit, &Type::Int64, "LIMIT")?;
        if reads_rows(&value) {
            let text = "LIMIT in an aggregate function must be a constant";
            return Err(SqlError::at(limit.at, text));
        }
        match crate::evaluate::constant(self.session, &value)? {
            Value::Int64(count) if count >= 0 => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
            Value::Null => Err(SqlError::evaluation("Limit requires non-null count")),
            _ => Err(SqlError::evaluation("Limit requires non-negative count")),
        }
    }
}

/// What an aggregate's parentheses may say beside its arguments.
struct AggregateRules {
    ordered: bool,
    nulls: bool,
}

fn aggregate_rules(name: &str) -> AggregateRules {
    let ordered = matches!(name, "ARRAY_AGG" | "STRING_AGG" | "ARRAY_CONCAT_AGG");
    let nulls = matches!(name, "ARRAY_AGG" | "APPROX_QUANTILES");
    AggregateRules { ordered, nulls }
}

impl AggregateRules {
    fn check_modifiers(&self, name: &str, call: &Call, at: Offset) -> Result<()> {
        if call.distinct && is_count_star(name, call) {
            return Err(SqlError::at(at, "COUNT(*) cannot be used with DISTINCT"));
        }
        if let Some(item) = call.order_by.first().filter(|_| !self.ordered) {
            let text = format!("Aggregate function {name} does not support ORDER BY in arguments");
            return Err(SqlError::at(item.value.at, text));
        }
        if let Some(limit) = call.limit.as_ref().filter(|_| !self.ordered) {
            let text = format!("Aggregate function {name} does not support LIMIT in arguments");
            return Err(SqlError::at(limit.at, text));
        }
        if call.nulls.is_some() && !self.nulls {
            let text = format!(
                "IGNORE NULLS and RESPECT NULLS are not allowed for aggregate function {}",
                name.to_ascii_lowercase()
            );
            return Err(SqlError::at(at, text));
        }
        Ok(())
    }
}

/// What the types of arguments must be able to.
pub(super) fn check_arguments(name: &str, args: &[Expr], distinct: bool, at: Offset) -> Result<()> {
    let Some(first) = args.first() else { return Ok(()) };
    let first_type = &first.expr_type;
    if distinct && !first_type.is_groupable() {
        let text = format!(
            "Aggregate functions with DISTINCT cannot be used with arguments of type {first_type}"
        );
        return Err(SqlError::at(at, text));
    }
    let ordered = match name {
        "MIN" | "MAX" => Some(first),
        "MIN_BY" | "MAX_BY" => args.get(1),
        _ => None,
    };
    if let Some(ordered) = ordered.filter(|ordered| !ordered.expr_type.is_orderable()) {
        let text = format!("{name} is not defined for arguments of type {}", ordered.expr_type);
        return Err(SqlError::at(at, text));
    }
    let grouped = matches!(
        name,
        "APPROX_COUNT_DISTINCT" | "APPROX_TOP_COUNT" | "APPROX_TOP_SUM" | "APPROX_QUANTILES"
    );
    if grouped && !first_type.is_groupable() {
        let text = format!("{name} is not defined for arguments of type {first_type}");
        return Err(SqlError::at(at, text));
    }
    if name == "ARRAY_AGG" && matches!(first_type, Type::Array(_)) {
        let text =
            format!("The argument to ARRAY_AGG must not be an array type but was {first_type}");
        return Err(SqlError::at(at, text));
    }
    Ok(())
}

/// The argument of a function that must be known before it sees a row, and the least that it may be.
fn constant_argument(name: &str) -> Option<(usize, Option<i64>)> {
    Some(match name {
        "STRING_AGG" | "HLL_COUNT.INIT" | "PERCENTILE_CONT" | "PERCENTILE_DISC" => (1, None),
        "APPROX_QUANTILES" | "APPROX_TOP_COUNT" => (1, Some(1)),
        "APPROX_TOP_SUM" => (2, Some(1)),
        "LAG" | "LEAD" => (1, None),
        "NTILE" => (0, Some(1)),
        "NTH_VALUE" => (1, Some(1)),
        _ => return None,
    })
}

/// Refuses arguments that may not depend on the row, are NULL or too small.
pub(super) fn check_constants(name: &str, args: &[Expr]) -> Result<()> {
    let Some((place, least)) = constant_argument(name) else { return Ok(()) };
    let Some(arg) = args.get(place) else { return Ok(()) };
    let which = match args.len() {
        1 => "The argument".to_owned(),
        _ => format!("Argument {}", place + 1),
    };
    let refused =
        |reason: &str| Err(SqlError::at(arg.at, format!("{which} to {name} must be {reason}")));
    if reads_rows(arg) {
        return refused("a literal or query parameter");
    }
    match (arg.as_literal(), least) {
        (Some(Value::Null), _) => refused("non-NULL"),
        (Some(Value::Int64(value)), Some(least)) if *value < least => {
            refused(&format!("at least {least}"))
        }
        (Some(Value::Float64(value)), None) if !(0.0..=1.0).contains(value) => {
            refused("between 0 and 1")
        }
        _ => Ok(()),
    }
}

/// Whether an expression depends on the row in flight or on tables.
fn reads_rows(expr: &Expr) -> bool {
    let mut found = false;
    visit_expr_mut(&mut expr.clone(), &mut |part| {
        found |= matches!(
            part.kind,
            ExprKind::Column(_)
                | ExprKind::ScalarSubquery(_)
                | ExprKind::ArraySubquery(_)
                | ExprKind::Exists(_)
                | ExprKind::InSubquery { .. }
        );
        !found
    });
    found
}

fn is_count_star(name: &str, call: &Call) -> bool {
    name == "COUNT"
        && matches!(
            &call.args[..],
            [ast::Arg { value: ast::Expr { kind: ast::ExprKind::Star, .. }, .. }]
        )
}

pub(super) fn aggregate_kind(
    overloads: &[&'static functions::AggregateFunction],
    number: usize,
) -> AggregateKind {
    let mut signature = number;
    for function in overloads {
        if signature < function.signatures.len() {
            return AggregateKind::BuiltIn { function, signature };
        }
        signature -= function.signatures.len();
    }
    unreachable!("the number came from these signatures")
}
