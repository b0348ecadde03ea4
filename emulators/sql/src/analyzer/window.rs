//! Aggregate and analytic calls. Each becomes a column that the query's grouping or a window computes; the
//! call itself is replaced by that column.

use super::signature::{Signature, Spelling, choose};
use super::{Analyzer, coerce_to};
use crate::ast::{
    self, Call, NullOrder, OrderItem, WindowFrameBound, WindowFrameUnit, WindowReference,
};
use crate::error::{Offset, Result, SqlError};
use crate::functions;
use crate::resolved::{
    AggregateCall, AggregateKind, ColumnId, Expr, ExprKind, Frame, FrameBound, FrameUnit, SortItem,
    WindowCall, WindowKind,
};
use crate::sql_type::Type;
use crate::value::Value;

/// A window and a call over it, before calls over the same window are put together.
#[derive(Debug, Clone)]
pub(super) struct PendingWindow {
    pub(super) partition_by: Vec<Expr>,
    pub(super) order_by: Vec<SortItem>,
    pub(super) call: WindowCall,
}

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
    fn arguments(
        &mut self,
        name: &str,
        signatures: &[Signature],
        call: &Call,
        at: Offset,
    ) -> Result<(usize, Vec<Expr>, Type)> {
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            if arg.value.kind == ast::ExprKind::Star && name == "COUNT" && call.args.len() == 1 {
                continue;
            }
            args.push(self.resolve(&arg.value)?);
        }
        let (number, fit) = choose(&Spelling::Function(name), signatures, &args)
            .map_err(|error| error.or_at(at))?;
        let args = args
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
            let text = format!("Aggregate function {name} not allowed in {clause}");
            return Err(SqlError::at(at, text));
        }
        if self.collector.in_aggregate {
            let text = "Aggregations of aggregations are not allowed";
            return Err(SqlError::at(at, text));
        }
        self.collector.in_aggregate = true;
        let windows = self.collector.no_windows.replace("arguments of an aggregate function");
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
        let (number, args, result) = self.arguments(name, &signatures, call, at)?;
        if call.distinct
            && let Some(arg) = args.first()
            && !arg.expr_type.is_groupable()
        {
            let text = format!(
                "Aggregate functions with DISTINCT cannot be used with arguments of type {}",
                arg.expr_type
            );
            return Err(SqlError::at(at, text));
        }
        let having = match &call.having {
            None => None,
            Some((is_max, value)) => Some((*is_max, self.resolve(value)?)),
        };
        let order_by = self.sort_items(&call.order_by)?;
        let limit = match &call.limit {
            None => None,
            Some(limit) => match self.resolve(limit)?.as_literal() {
                Some(Value::Int64(limit)) if *limit >= 0 => usize::try_from(*limit).ok(),
                _ => {
                    return Err(SqlError::at(
                        at,
                        "LIMIT of an aggregate function must be a non-negative integer",
                    ));
                }
            },
        };
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

    /// A call with `OVER`.
    pub(super) fn window_call(&mut self, name: &str, call: &Call, at: Offset) -> Result<Expr> {
        let Some(reference) = &call.over else {
            let text = format!("Analytic function {name} cannot be called without an OVER clause");
            return Err(SqlError::at(at, text));
        };
        if let Some(clause) = self.collector.no_windows {
            let text = format!("Analytic function not allowed in {clause}");
            return Err(SqlError::at(at, text));
        }
        let windows = self.collector.no_windows.replace("arguments of an analytic function");
        let resolved = self.pending_window(name, call, reference, at);
        self.collector.no_windows = windows;
        let pending = resolved?;
        let column = Expr::column(pending.call.column, pending.call.result.clone(), at);
        self.collector.windows.push(pending);
        Ok(column)
    }

    fn pending_window(
        &mut self,
        name: &str,
        call: &Call,
        reference: &WindowReference,
        at: Offset,
    ) -> Result<PendingWindow> {
        let analytic = functions::analytic(name);
        let (signatures, is_analytic): (Vec<Signature>, bool) = if analytic.is_empty() {
            let texts = functions::aggregate(name).iter().flat_map(|function| function.signatures);
            (texts.map(|text| Signature::parse(text)).collect(), false)
        } else {
            let texts = analytic.iter().flat_map(|function| function.signatures);
            (texts.map(|text| Signature::parse(text)).collect(), true)
        };
        if signatures.is_empty() {
            let text = match functions::scalar(name).is_empty() {
                true => format!("Function not found: {name}"),
                false => format!("Function {name} does not support an OVER clause"),
            };
            return Err(SqlError::at(at, text));
        }
        let (number, args, result) = self.arguments(name, &signatures, call, at)?;
        let kind = if is_analytic {
            let mut signature = number;
            let function = analytic
                .iter()
                .find(|function| {
                    let found = signature < function.signatures.len();
                    if !found {
                        signature -= function.signatures.len();
                    }
                    found
                })
                .expect("the number came from these signatures");
            WindowKind::Analytic { function, signature }
        } else {
            WindowKind::Aggregate(aggregate_kind(functions::aggregate(name), number))
        };
        let spec = self.window_spec(reference)?;
        let partition_by = spec
            .partition_by
            .iter()
            .map(|value| self.resolve(value))
            .collect::<Result<Vec<_>>>()?;
        if let Some(value) = partition_by.iter().find(|value| !value.expr_type.is_groupable()) {
            let text =
                format!("Partitioning by expressions of type {} is not allowed", value.expr_type);
            return Err(SqlError::at(value.at, text));
        }
        let order_by = self.sort_items(&spec.order_by)?;
        let needs_order =
            ["RANK", "DENSE_RANK", "PERCENT_RANK", "CUME_DIST", "NTILE", "LAG", "LEAD"];
        if needs_order.contains(&name) && order_by.is_empty() {
            let text = format!(
                "Window ORDER BY is required for analytic function {}",
                name.to_ascii_lowercase()
            );
            return Err(SqlError::at(at, text));
        }
        let frame = self.frame(spec.frame.as_ref(), &order_by)?;
        let call = WindowCall {
            column: self.new_column(),
            kind,
            result,
            args,
            frame,
            ignore_nulls: call.nulls == Some(ast::NullTreatment::Ignore),
            respect_nulls: call.nulls == Some(ast::NullTreatment::Respect),
            distinct: call.distinct,
            at,
        };
        Ok(PendingWindow { partition_by, order_by, call })
    }

    /// A window with everything that it takes from named windows.
    fn window_spec(&mut self, reference: &WindowReference) -> Result<ast::WindowSpec> {
        let mut spec = match reference {
            WindowReference::Spec(spec) => spec.clone(),
            WindowReference::Named(name) => ast::WindowSpec {
                base: Some(name.clone()),
                partition_by: Vec::new(),
                order_by: Vec::new(),
                frame: None,
                at: name.at,
            },
        };
        let mut steps = 0;
        while let Some(base) = spec.base.take() {
            let same =
                |(known, _): &&(String, ast::WindowSpec)| known.eq_ignore_ascii_case(&base.name);
            let Some((_, named)) = self.collector.named_windows.iter().find(same) else {
                return Err(SqlError::at(
                    base.at,
                    format!("Unrecognized window alias {}", base.name),
                ));
            };
            if spec.partition_by.is_empty() {
                spec.partition_by.clone_from(&named.partition_by);
            }
            if spec.order_by.is_empty() {
                spec.order_by.clone_from(&named.order_by);
            }
            if spec.frame.is_none() {
                spec.frame.clone_from(&named.frame);
            }
            spec.base.clone_from(&named.base);
            steps += 1;
            if steps > self.collector.named_windows.len() {
                return Err(SqlError::at(base.at, "Windows refer to each other in a circle"));
            }
        }
        Ok(spec)
    }

    fn frame(&mut self, frame: Option<&ast::WindowFrame>, order_by: &[SortItem]) -> Result<Frame> {
        let Some(frame) = frame else {
            let end = match order_by.is_empty() {
                true => FrameBound::UnboundedFollowing,
                false => FrameBound::CurrentRow,
            };
            return Ok(Frame {
                unit: FrameUnit::Range,
                start: FrameBound::UnboundedPreceding,
                end,
            });
        };
        let key = match (frame.unit, order_by) {
            (WindowFrameUnit::Range, [item]) => Some(item.value.expr_type.clone()),
            _ => None,
        };
        let start = self.bound(&frame.start, frame.unit, key.as_ref())?;
        let end = match &frame.end {
            Some(end) => self.bound(end, frame.unit, key.as_ref())?,
            None => FrameBound::CurrentRow,
        };
        let unit = match frame.unit {
            WindowFrameUnit::Rows => FrameUnit::Rows,
            WindowFrameUnit::Range => FrameUnit::Range,
        };
        Ok(Frame { unit, start, end })
    }

    fn bound(
        &mut self,
        bound: &WindowFrameBound,
        unit: WindowFrameUnit,
        key: Option<&Type>,
    ) -> Result<FrameBound> {
        let (value, make): (_, fn(Value) -> FrameBound) = match bound {
            WindowFrameBound::UnboundedPreceding => return Ok(FrameBound::UnboundedPreceding),
            WindowFrameBound::CurrentRow => return Ok(FrameBound::CurrentRow),
            WindowFrameBound::UnboundedFollowing => return Ok(FrameBound::UnboundedFollowing),
            WindowFrameBound::Preceding(value) => (value, FrameBound::Preceding),
            WindowFrameBound::Following(value) => (value, FrameBound::Following),
        };
        let to = match (unit, key) {
            (WindowFrameUnit::Rows, _) => Type::Int64,
            (WindowFrameUnit::Range, Some(key)) if key.is_numeric() => key.clone(),
            (WindowFrameUnit::Range, _) => {
                let text = "RANGE window frame with an offset needs exactly one numeric ORDER BY expression";
                return Err(SqlError::at(value.at, text));
            }
        };
        let at = value.at;
        let offset = self.resolve_as(value, &to, "Window frame offset")?;
        match offset.as_literal() {
            Some(Value::Int64(offset)) if *offset < 0 => {
                Err(SqlError::at(at, "Window frame offset must be non-negative"))
            }
            Some(Value::Null) | None => Err(SqlError::at(
                at,
                "Window framing expression must be a constant that is not NULL",
            )),
            Some(value) => Ok(make(value.clone())),
        }
    }
}

fn aggregate_kind(
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

/// The columns that the calls over windows fill.
pub(super) fn window_columns(windows: &[PendingWindow]) -> impl Iterator<Item = ColumnId> + '_ {
    windows.iter().map(|window| window.call.column)
}

/// Every expression of a pending window.
pub(super) fn window_exprs(window: &mut PendingWindow) -> impl Iterator<Item = &mut Expr> {
    window
        .partition_by
        .iter_mut()
        .chain(window.order_by.iter_mut().map(|item| &mut item.value))
        .chain(window.call.args.iter_mut())
}

/// Whether an expression is a plain column.
pub(super) fn as_column(expr: &Expr) -> Option<ColumnId> {
    match expr.kind {
        ExprKind::Column(id) => Some(id),
        _ => None,
    }
}
