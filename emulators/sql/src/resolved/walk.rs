//! Walks over the resolved tree: every expression of an expression or a plan, those of subqueries too.

use super::{Aggregate, AggregateCall, Expr, ExprKind, Patterns, Plan, SortItem, Subquery, Window};

/// Calls `visit` on the expression and everything below, parents first. Where `visit` answers false, what
/// lies below is left alone.
pub(crate) fn visit_expr_mut(expr: &mut Expr, visit: &mut dyn FnMut(&mut Expr) -> bool) {
    if !visit(expr) {
        return;
    }
    match &mut expr.kind {
        ExprKind::Literal { .. } | ExprKind::Column(_) => {}
        ExprKind::Call { args, .. }
        | ExprKind::Foreign { args, .. }
        | ExprKind::And(args)
        | ExprKind::Or(args)
        | ExprKind::Coalesce(args)
        | ExprKind::Struct(args)
        | ExprKind::Array(args) => args.iter_mut().for_each(|arg| visit_expr_mut(arg, visit)),
        ExprKind::Cast { operand, .. }
        | ExprKind::Field { base: operand, .. }
        | ExprKind::Not(operand)
        | ExprKind::IsNull(operand)
        | ExprKind::IsError(operand)
        | ExprKind::IsBool { operand, .. } => visit_expr_mut(operand, visit),
        ExprKind::FormatCast { operand, format, zone, .. } => {
            visit_expr_mut(operand, visit);
            visit_expr_mut(format, visit);
            if let Some(zone) = zone {
                visit_expr_mut(zone, visit);
            }
        }
        ExprKind::Compare { left, right, .. }
        | ExprKind::IsDistinct { left, right, .. }
        | ExprKind::NullIf { left, right }
        | ExprKind::InArray { operand: left, array: right } => {
            visit_expr_mut(left, visit);
            visit_expr_mut(right, visit);
        }
        ExprKind::In { operand, list } => {
            visit_expr_mut(operand, visit);
            list.iter_mut().for_each(|item| visit_expr_mut(item, visit));
        }
        ExprKind::InSubquery { operand, subquery } => {
            visit_expr_mut(operand, visit);
            visit_subquery(subquery, visit);
        }
        ExprKind::LikeMany { operand, patterns, .. } => {
            visit_expr_mut(operand, visit);
            match patterns {
                Patterns::List(list) => {
                    list.iter_mut().for_each(|item| visit_expr_mut(item, visit))
                }
                Patterns::Array(array) => visit_expr_mut(array, visit),
                Patterns::Subquery(subquery) => visit_subquery(subquery, visit),
            }
        }
        ExprKind::Case { branches, otherwise } => {
            for (when, then) in branches {
                visit_expr_mut(when, visit);
                visit_expr_mut(then, visit);
            }
            visit_expr_mut(otherwise, visit);
        }
        ExprKind::IfError { operand, instead } => {
            visit_expr_mut(operand, visit);
            if let Some(instead) = instead {
                visit_expr_mut(instead, visit);
            }
        }
        ExprKind::ScalarSubquery(subquery)
        | ExprKind::ArraySubquery(subquery)
        | ExprKind::Exists(subquery) => visit_subquery(subquery, visit),
        ExprKind::Let { bindings, body } => {
            bindings.iter_mut().for_each(|(_, value)| visit_expr_mut(value, visit));
            visit_expr_mut(body, visit);
        }
        ExprKind::ArrayLambda { array, body, .. } => {
            visit_expr_mut(array, visit);
            visit_expr_mut(body, visit);
        }
    }
}

fn visit_subquery(subquery: &mut Subquery, visit: &mut dyn FnMut(&mut Expr) -> bool) {
    visit_plan_mut(&mut subquery.plan, visit);
}

fn visit_sort(items: &mut [SortItem], visit: &mut dyn FnMut(&mut Expr) -> bool) {
    items.iter_mut().for_each(|item| visit_expr_mut(&mut item.value, visit));
}

/// Calls `visit` on every expression of a plan, as [`visit_expr_mut`] does.
pub(crate) fn visit_plan_mut(plan: &mut Plan, visit: &mut dyn FnMut(&mut Expr) -> bool) {
    match plan {
        Plan::OneRow | Plan::Scan(_) | Plan::CommonTable { .. } => {}
        Plan::With { tables, body } => {
            for table in tables {
                visit_plan_mut(&mut table.plan, visit);
                if let Some(recursion) = &mut table.recursion {
                    visit_plan_mut(&mut recursion.plan, visit);
                }
            }
            visit_plan_mut(body, visit);
        }
        Plan::Filter { input, predicate } => {
            visit_plan_mut(input, visit);
            visit_expr_mut(predicate, visit);
        }
        Plan::Project { input, computed } => {
            visit_plan_mut(input, visit);
            computed.iter_mut().for_each(|(_, value)| visit_expr_mut(value, visit));
        }
        Plan::Join(join) => {
            visit_plan_mut(&mut join.left, visit);
            visit_plan_mut(&mut join.right, visit);
            for (left, right) in &mut join.keys {
                visit_expr_mut(left, visit);
                visit_expr_mut(right, visit);
            }
            if let Some(condition) = &mut join.condition {
                visit_expr_mut(condition, visit);
            }
        }
        Plan::Unnest(unnest) => {
            visit_plan_mut(&mut unnest.input, visit);
            unnest.arrays.iter_mut().for_each(|array| visit_expr_mut(&mut array.array, visit));
            if let Some(condition) = &mut unnest.condition {
                visit_expr_mut(condition, visit);
            }
        }
        Plan::Aggregate(aggregate) => visit_aggregate(aggregate, visit),
        Plan::Window(window) => visit_window(window, visit),
        Plan::Sort { input, items } => {
            visit_plan_mut(input, visit);
            visit_sort(items, visit);
        }
        Plan::Limit { input, limit, offset } => {
            visit_plan_mut(input, visit);
            limit.iter_mut().chain(offset).for_each(|count| visit_expr_mut(count, visit));
        }
        Plan::Distinct { input, .. } => visit_plan_mut(input, visit),
        Plan::SetOperation(operation) => {
            operation.inputs.iter_mut().for_each(|(input, _)| visit_plan_mut(input, visit));
        }
        Plan::Sample { input, percent } => {
            visit_plan_mut(input, visit);
            visit_expr_mut(percent, visit);
        }
        Plan::Assert { input, condition, payload } => {
            visit_plan_mut(input, visit);
            visit_expr_mut(condition, visit);
            payload.iter_mut().for_each(|value| visit_expr_mut(value, visit));
        }
        Plan::Sessionize(sessionize) => visit_plan_mut(&mut sessionize.input, visit),
    }
}

fn visit_aggregate(aggregate: &mut Aggregate, visit: &mut dyn FnMut(&mut Expr) -> bool) {
    visit_plan_mut(&mut aggregate.input, visit);
    aggregate.keys.iter_mut().for_each(|(_, key)| visit_expr_mut(key, visit));
    for AggregateCall { args, having, order_by, filter, .. } in &mut aggregate.calls {
        args.iter_mut().chain(filter).for_each(|arg| visit_expr_mut(arg, visit));
        if let Some((_, value)) = having {
            visit_expr_mut(value, visit);
        }
        visit_sort(order_by, visit);
    }
}

fn visit_window(window: &mut Window, visit: &mut dyn FnMut(&mut Expr) -> bool) {
    visit_plan_mut(&mut window.input, visit);
    window.partition_by.iter_mut().for_each(|value| visit_expr_mut(value, visit));
    visit_sort(&mut window.order_by, visit);
    for call in &mut window.calls {
        call.args.iter_mut().for_each(|arg| visit_expr_mut(arg, visit));
    }
}
