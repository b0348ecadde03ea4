//! Makes a resolved plan cheap to run without changing what it gives: conditions go to where their columns
//! are known, inner joins are put into an order in which each is connected to the last by equal keys,
//! columns that nobody reads are not read, and tables learn the bounds of what matters.

mod columns;

use std::collections::HashSet;

pub(crate) use columns::{columns_in, columns_read, visit_scans};
use columns::{note_reads, prune};

use crate::resolved::{
    Bound, ColumnId, Comparison, Expr, ExprKind, Join, JoinType, Plan, ResolvedQuery, Scan, Unnest,
    visit_expr_mut, visit_plan_mut,
};
use crate::sql_type::Type;
use crate::value::{Value, compare};

/// The same query, cheaper.
pub(crate) fn optimize(mut query: ResolvedQuery) -> ResolvedQuery {
    optimize_subqueries(&mut query.plan);
    query.plan = push(query.plan, Vec::new());
    let mut read: HashSet<ColumnId> = query.columns.iter().map(|column| column.id).collect();
    note_reads(&mut query.plan, &mut read);
    prune(&mut query.plan, &read);
    query
}

/// A plan of DML, whose needed columns are known.
pub(crate) fn optimize_plan(mut plan: Plan, needed: impl IntoIterator<Item = ColumnId>) -> Plan {
    optimize_subqueries(&mut plan);
    let mut plan = push(plan, Vec::new());
    let mut read: HashSet<ColumnId> = needed.into_iter().collect();
    note_reads(&mut plan, &mut read);
    prune(&mut plan, &read);
    plan
}

/// The plans of subqueries in expressions, which `push` does not reach.
fn optimize_subqueries(plan: &mut Plan) {
    visit_plan_mut(plan, &mut |expr| {
        if let ExprKind::ScalarSubquery(subquery)
        | ExprKind::ArraySubquery(subquery)
        | ExprKind::Exists(subquery)
        | ExprKind::InSubquery { subquery, .. } = &mut expr.kind
        {
            let inner = std::mem::replace(&mut *subquery.plan, Plan::OneRow);
            *subquery.plan = push(inner, Vec::new());
        }
        true
    });
}

// ---- conditions ----

/// The plan under conditions that all must hold.
fn push(plan: Plan, mut conditions: Vec<Expr>) -> Plan {
    match plan {
        Plan::Filter { input, predicate } => {
            split(predicate, &mut conditions);
            push(*input, conditions)
        }
        Plan::Join(join) => match join.join_type {
            JoinType::Inner => push_inner(*join, conditions),
            _ => push_outer(*join, conditions),
        },
        Plan::Unnest(unnest) => push_unnest(*unnest, conditions),
        Plan::Project { input, computed } => {
            let known: HashSet<ColumnId> = input.outputs().into_iter().collect();
            let made: HashSet<ColumnId> = computed.iter().map(|(id, _)| *id).collect();
            let (below, above) = conditions.into_iter().partition(|condition| {
                let columns = columns_of(condition);
                columns.iter().all(|id| !made.contains(id))
                    && columns.iter().any(|id| known.contains(id))
            });
            filtered(Plan::Project { input: Box::new(push(*input, below)), computed }, above)
        }
        Plan::Scan(scan) => {
            let bounds = bounds(&scan, &conditions);
            filtered(Plan::Scan(Scan { bounds, ..scan }), conditions)
        }
        plan => filtered(push_below(plan), conditions),
    }
}

/// Nodes that conditions do not pass: only what lies below them changes.
fn push_below(plan: Plan) -> Plan {
    let inner = |input: Box<Plan>| Box::new(push(*input, Vec::new()));
    match plan {
        Plan::With { mut tables, body } => {
            for table in &mut tables {
                let plan = std::mem::replace(&mut table.plan, Plan::OneRow);
                table.plan = push(plan, Vec::new());
                if let Some(recursion) = &mut table.recursion {
                    let plan = std::mem::replace(&mut recursion.plan, Plan::OneRow);
                    recursion.plan = push(plan, Vec::new());
                }
            }
            Plan::With { tables, body: inner(body) }
        }
        Plan::Aggregate(mut aggregate) => {
            let input = std::mem::replace(&mut aggregate.input, Plan::OneRow);
            aggregate.input = push(input, Vec::new());
            Plan::Aggregate(aggregate)
        }
        Plan::Window(mut window) => {
            let input = std::mem::replace(&mut window.input, Plan::OneRow);
            window.input = push(input, Vec::new());
            Plan::Window(window)
        }
        Plan::Sort { input, items } => Plan::Sort { input: inner(input), items },
        Plan::Limit { input, limit, offset } => Plan::Limit { input: inner(input), limit, offset },
        Plan::Distinct { input, columns } => Plan::Distinct { input: inner(input), columns },
        Plan::SetOperation(mut operation) => {
            for (input, _) in &mut operation.inputs {
                let plan = std::mem::replace(input, Plan::OneRow);
                *input = push(plan, Vec::new());
            }
            Plan::SetOperation(operation)
        }
        Plan::Sample { input, percent } => Plan::Sample { input: inner(input), percent },
        Plan::Assert { input, condition, payload } => {
            Plan::Assert { input: inner(input), condition, payload }
        }
        Plan::Sessionize(mut sessionize) => {
            let input = std::mem::replace(&mut sessionize.input, Plan::OneRow);
            sessionize.input = push(input, Vec::new());
            Plan::Sessionize(sessionize)
        }
        plan => plan,
    }
}

/// A tree of inner joins: its leaves in an order in which equal keys connect each to those before.
fn push_inner(join: Join, mut conditions: Vec<Expr>) -> Plan {
    let mut leaves = Vec::new();
    flatten(Plan::Join(Box::new(join)), &mut leaves, &mut conditions);
    let columns: Vec<HashSet<ColumnId>> =
        leaves.iter().map(|leaf| leaf.outputs().into_iter().collect()).collect();
    let everything: HashSet<ColumnId> = columns.iter().flatten().copied().collect();
    // Conditions on one leaf go into it.
    let mut own: Vec<Vec<Expr>> = leaves.iter().map(|_| Vec::new()).collect();
    let mut shared = Vec::new();
    for condition in conditions {
        let read: Vec<ColumnId> =
            columns_of(&condition).into_iter().filter(|id| everything.contains(id)).collect();
        let home = columns
            .iter()
            .position(|leaf| !read.is_empty() && read.iter().all(|id| leaf.contains(id)));
        match home {
            Some(home) => own[home].push(condition),
            None => shared.push(condition),
        }
    }
    let mut waiting: Vec<(Plan, HashSet<ColumnId>)> = leaves
        .into_iter()
        .zip(own)
        .map(|(leaf, conditions)| push(leaf, conditions))
        .zip(columns)
        .collect();
    let (mut plan, mut known) = waiting.remove(0);
    while !waiting.is_empty() {
        let connected = waiting.iter().position(|(_, leaf)| {
            shared.iter().any(|condition| key_sides(condition, &known, leaf, &everything).is_some())
        });
        let (right, right_columns) = waiting.remove(connected.unwrap_or(0));
        let mut keys = Vec::new();
        let mut rest = Vec::new();
        for condition in shared {
            match key_sides(&condition, &known, &right_columns, &everything) {
                Some(pair) => keys.push(pair),
                None => rest.push(condition),
            }
        }
        known.extend(right_columns);
        // What the two sides decide together is decided here.
        let (here, later): (Vec<Expr>, Vec<Expr>) = rest.into_iter().partition(|condition| {
            columns_of(condition).iter().all(|id| known.contains(id) || !everything.contains(id))
        });
        shared = later;
        plan = Plan::Join(Box::new(Join {
            join_type: JoinType::Inner,
            left: plan,
            right,
            keys,
            condition: all_of(here),
            lateral: false,
        }));
    }
    filtered(plan, shared)
}

fn flatten(plan: Plan, leaves: &mut Vec<Plan>, conditions: &mut Vec<Expr>) {
    match plan {
        Plan::Join(join) if join.join_type == JoinType::Inner && !join.lateral => {
            let Join { left, right, condition, .. } = *join;
            flatten(left, leaves, conditions);
            flatten(right, leaves, conditions);
            if let Some(condition) = condition {
                split(condition, conditions);
            }
        }
        Plan::Filter { input, predicate } if matches!(*input, Plan::Join(_)) => {
            split(predicate, conditions);
            flatten(*input, leaves, conditions);
        }
        plan => leaves.push(plan),
    }
}

fn push_outer(join: Join, conditions: Vec<Expr>) -> Plan {
    let Join { join_type, left, right, condition, .. } = join;
    let left_columns: HashSet<ColumnId> = left.outputs().into_iter().collect();
    let right_columns: HashSet<ColumnId> = right.outputs().into_iter().collect();
    let both: HashSet<ColumnId> = left_columns.union(&right_columns).copied().collect();
    let within = |condition: &Expr, side: &HashSet<ColumnId>| {
        let read: Vec<ColumnId> =
            columns_of(condition).into_iter().filter(|id| both.contains(id)).collect();
        !read.is_empty() && read.iter().all(|id| side.contains(id))
    };
    // Conditions above pass to the side that keeps all its rows; those of the join to the other one.
    let (mut below_left, mut below_right, mut above) = (Vec::new(), Vec::new(), Vec::new());
    for condition in conditions {
        match join_type {
            JoinType::Left if within(&condition, &left_columns) => below_left.push(condition),
            JoinType::Right if within(&condition, &right_columns) => below_right.push(condition),
            _ => above.push(condition),
        }
    }
    let mut own = Vec::new();
    if let Some(condition) = condition {
        split(condition, &mut own);
    }
    let (mut keys, mut rest) = (Vec::new(), Vec::new());
    for condition in own {
        if let Some(pair) = key_sides(&condition, &left_columns, &right_columns, &both) {
            keys.push(pair);
        } else if join_type == JoinType::Left && within(&condition, &right_columns) {
            below_right.push(condition);
        } else if join_type == JoinType::Right && within(&condition, &left_columns) {
            below_left.push(condition);
        } else {
            rest.push(condition);
        }
    }
    let plan = Plan::Join(Box::new(Join {
        join_type,
        left: push(left, below_left),
        right: push(right, below_right),
        keys,
        condition: all_of(rest),
        lateral: false,
    }));
    filtered(plan, above)
}

fn push_unnest(unnest: Unnest, conditions: Vec<Expr>) -> Plan {
    let below: HashSet<ColumnId> = unnest.input.outputs().into_iter().collect();
    let made: HashSet<ColumnId> = unnest
        .arrays
        .iter()
        .flat_map(|array| array.fields.iter().map(|(_, id)| *id).chain([array.element]))
        .chain(unnest.offset)
        .collect();
    let (pushed, above) = conditions.into_iter().partition(|condition| {
        let columns = columns_of(condition);
        columns.iter().any(|id| below.contains(id)) && columns.iter().all(|id| !made.contains(id))
    });
    let plan = Plan::Unnest(Box::new(Unnest { input: push(unnest.input, pushed), ..unnest }));
    filtered(plan, above)
}

/// The two sides of an equality between a left and a right relation.
fn key_sides(
    condition: &Expr,
    left: &HashSet<ColumnId>,
    right: &HashSet<ColumnId>,
    everything: &HashSet<ColumnId>,
) -> Option<(Expr, Expr)> {
    let ExprKind::Compare { operator: Comparison::Equal, left: first, right: second } =
        &condition.kind
    else {
        return None;
    };
    // Arrays and structs with NULLs inside have an equality that no hash gives.
    if matches!(first.expr_type, Type::Struct(_) | Type::Array(_)) {
        return None;
    }
    let within = |expr: &Expr, side: &HashSet<ColumnId>| {
        let read: Vec<ColumnId> =
            columns_of(expr).into_iter().filter(|id| everything.contains(id)).collect();
        !read.is_empty() && read.iter().all(|id| side.contains(id))
    };
    if within(first, left) && within(second, right) {
        Some(((**first).clone(), (**second).clone()))
    } else if within(second, left) && within(first, right) {
        Some(((**second).clone(), (**first).clone()))
    } else {
        None
    }
}

/// `a AND b` taken apart.
fn split(condition: Expr, out: &mut Vec<Expr>) {
    match condition.kind {
        ExprKind::And(sides) => sides.into_iter().for_each(|side| split(side, out)),
        kind => out.push(Expr { kind, ..condition }),
    }
}

fn all_of(mut conditions: Vec<Expr>) -> Option<Expr> {
    match conditions.len() {
        0 => None,
        1 => conditions.pop(),
        _ => {
            let at = conditions[0].at;
            Some(Expr { kind: ExprKind::And(conditions), expr_type: Type::Bool, at })
        }
    }
}

fn filtered(plan: Plan, conditions: Vec<Expr>) -> Plan {
    match all_of(conditions) {
        None => plan,
        Some(predicate) => Plan::Filter { input: Box::new(plan), predicate },
    }
}

/// The columns that an expression reads; of a subquery those around it.
fn columns_of(expr: &Expr) -> Vec<ColumnId> {
    let mut out = Vec::new();
    visit_expr_mut(&mut expr.clone(), &mut |part| {
        match &part.kind {
            ExprKind::Column(id) => out.push(*id),
            ExprKind::ScalarSubquery(subquery)
            | ExprKind::ArraySubquery(subquery)
            | ExprKind::Exists(subquery) => {
                out.extend(&subquery.outer);
                return false;
            }
            ExprKind::InSubquery { operand, subquery } => {
                out.extend(&subquery.outer);
                out.extend(columns_of(operand));
                return false;
            }
            _ => {}
        }
        true
    });
    out
}

// ---- bounds ----

/// What comparisons with constants say about a table's columns.
fn bounds(scan: &Scan, conditions: &[Expr]) -> Vec<Bound> {
    let mut bounds: Vec<Bound> = Vec::new();
    for condition in conditions {
        let ExprKind::Compare { operator, left, right } = &condition.kind else { continue };
        let (column, value, operator) = match (&left.kind, &right.kind) {
            (ExprKind::Column(id), ExprKind::Literal { value, .. }) => (*id, value, *operator),
            (ExprKind::Literal { value, .. }, ExprKind::Column(id)) => {
                (*id, value, mirrored(*operator))
            }
            _ => continue,
        };
        let Some((column, _)) = scan.columns.iter().find(|(_, id)| *id == column) else { continue };
        if value.is_null() {
            continue;
        }
        let (low, high) = match operator {
            Comparison::Equal => (Some(value), Some(value)),
            Comparison::Greater | Comparison::GreaterOrEqual => (Some(value), None),
            Comparison::Less | Comparison::LessOrEqual => (None, Some(value)),
            Comparison::NotEqual => continue,
        };
        let known = match bounds.iter_mut().find(|bound| bound.column == *column) {
            Some(known) => known,
            None => {
                bounds.push(Bound { column: *column, low: None, high: None });
                bounds.last_mut().expect("just pushed")
            }
        };
        tighten(&mut known.low, low, |new, old| compare(new, old).is_gt());
        tighten(&mut known.high, high, |new, old| compare(new, old).is_lt());
    }
    bounds
}

fn tighten(
    known: &mut Option<Value>,
    new: Option<&Value>,
    is_tighter: impl Fn(&Value, &Value) -> bool,
) {
    if let Some(new) = new
        && known.as_ref().is_none_or(|old| is_tighter(new, old))
    {
        *known = Some(new.clone());
    }
}

fn mirrored(operator: Comparison) -> Comparison {
    match operator {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        operator => operator,
    }
}
