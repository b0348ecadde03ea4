//! Which columns a plan reads: what nobody reads is not computed, and a job says what it read.

use super::columns_of;
use crate::catalog::TableName;
use crate::resolved::{ColumnId, Expr, ExprKind, Plan, Scan, visit_expr_mut, visit_plan_mut};
use std::collections::HashSet;
/// Every column that something reads.
pub(super) fn note_reads(plan: &mut Plan, read: &mut HashSet<ColumnId>) {
    visit_plan_mut(plan, &mut |expr| {
        match &expr.kind {
            ExprKind::Column(id) => {
                read.insert(*id);
            }
            ExprKind::ScalarSubquery(subquery)
            | ExprKind::ArraySubquery(subquery)
            | ExprKind::Exists(subquery)
            | ExprKind::InSubquery { subquery, .. } => {
                read.extend(&subquery.columns);
                read.extend(&subquery.outer);
            }
            _ => {}
        }
        true
    });
    note_lists(plan, read);
    visit_subplans(plan, &mut |plan| note_lists(plan, read));
}

/// Columns that nodes name by themselves.
fn note_lists(plan: &mut Plan, read: &mut HashSet<ColumnId>) {
    match plan {
        Plan::Distinct { columns, .. } => read.extend(columns.iter()),
        Plan::With { tables, .. } => {
            for table in tables {
                read.extend(&table.columns);
                if let Some(recursion) = &table.recursion {
                    read.extend(&recursion.columns);
                }
            }
        }
        Plan::SetOperation(operation) => {
            operation.inputs.iter().for_each(|(_, ids)| read.extend(ids));
        }
        Plan::Sessionize(sessionize) => {
            read.extend(sessionize.columns.iter().map(|(from, _)| *from));
            read.extend(&sessionize.partition);
            read.insert(sessionize.range);
        }
        _ => {}
    }
    children(plan, &mut |child| note_lists(child, read));
}

/// Calls `visit` on the plans of all subqueries in expressions.
fn visit_subplans(plan: &mut Plan, visit: &mut dyn FnMut(&mut Plan)) {
    visit_plan_mut(plan, &mut |expr| {
        if let ExprKind::ScalarSubquery(subquery)
        | ExprKind::ArraySubquery(subquery)
        | ExprKind::Exists(subquery)
        | ExprKind::InSubquery { subquery, .. } = &mut expr.kind
        {
            visit(&mut subquery.plan);
        }
        true
    });
}

pub(super) fn prune(plan: &mut Plan, read: &HashSet<ColumnId>) {
    prune_one(plan, read);
    visit_subplans(plan, &mut |plan| prune_one(plan, read));
}

fn prune_one(plan: &mut Plan, read: &HashSet<ColumnId>) {
    match plan {
        Plan::Scan(scan) => scan.columns.retain(|(_, id)| read.contains(id)),
        Plan::Project { computed, .. } => computed.retain(|(id, _)| read.contains(id)),
        Plan::Unnest(unnest) => {
            unnest
                .arrays
                .iter_mut()
                .for_each(|array| array.fields.retain(|(_, id)| read.contains(id)));
        }
        _ => {}
    }
    children(plan, &mut |child| prune_one(child, read));
}

fn children(plan: &mut Plan, visit: &mut dyn FnMut(&mut Plan)) {
    match plan {
        Plan::OneRow | Plan::Scan(_) | Plan::CommonTable { .. } => {}
        Plan::With { tables, body } => {
            for table in tables {
                visit(&mut table.plan);
                if let Some(recursion) = &mut table.recursion {
                    visit(&mut recursion.plan);
                }
            }
            visit(body);
        }
        Plan::Filter { input, .. }
        | Plan::Project { input, .. }
        | Plan::Sort { input, .. }
        | Plan::Limit { input, .. }
        | Plan::Distinct { input, .. }
        | Plan::Sample { input, .. }
        | Plan::Assert { input, .. } => visit(input),
        Plan::Join(join) => {
            visit(&mut join.left);
            visit(&mut join.right);
        }
        Plan::Unnest(unnest) => visit(&mut unnest.input),
        Plan::Aggregate(aggregate) => visit(&mut aggregate.input),
        Plan::Window(window) => visit(&mut window.input),
        Plan::SetOperation(operation) => {
            operation.inputs.iter_mut().for_each(|(input, _)| visit(input))
        }
        Plan::Sessionize(sessionize) => visit(&mut sessionize.input),
    }
}

// ---- what is read ----

/// The tables of a plan and the columns that it reads of each.
pub(crate) fn columns_read(plan: &Plan) -> Vec<(TableName, Vec<usize>)> {
    let mut out: Vec<(TableName, Vec<usize>)> = Vec::new();
    visit_scans(&mut plan.clone(), &mut |scan, _| {
        let columns = scan.columns.iter().map(|(index, _)| *index);
        match out.iter_mut().find(|(table, _)| *table == scan.table) {
            Some((_, known)) => {
                known.extend(columns);
                known.sort_unstable();
                known.dedup();
            }
            None => out.push((scan.table.clone(), columns.collect())),
        }
    });
    out
}

/// Calls `visit` on every scan, with the table's columns that a condition right above it reads.
pub(crate) fn visit_scans(plan: &mut Plan, visit: &mut dyn FnMut(&Scan, &[usize])) {
    scans_of(plan, visit);
    visit_subplans(plan, &mut |plan| scans_of(plan, visit));
}

fn scans_of(plan: &mut Plan, visit: &mut dyn FnMut(&Scan, &[usize])) {
    match plan {
        Plan::Filter { input, predicate } if matches!(**input, Plan::Scan(_)) => {
            let Plan::Scan(scan) = &**input else { return };
            let read = columns_of(predicate);
            let filtered =
                scan.columns.iter().filter(|(_, id)| read.contains(id)).map(|(index, _)| *index);
            visit(scan, &filtered.collect::<Vec<_>>());
        }
        Plan::Scan(scan) => visit(scan, &[]),
        plan => children(plan, &mut |child| scans_of(child, visit)),
    }
}

/// Every column that an expression reads, those within its subqueries too.
pub(crate) fn columns_in(expr: &Expr) -> Vec<ColumnId> {
    let mut out = columns_of(expr);
    visit_expr_mut(&mut expr.clone(), &mut |part| {
        if let ExprKind::Column(id) = part.kind {
            out.push(id);
        }
        true
    });
    out
}
