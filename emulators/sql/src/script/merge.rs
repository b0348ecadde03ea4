//! MERGE: every pair of a target's and a source's row meets the first clause that fits it.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::dml::{
    AssignedValue, Assignment, assign, assignment, by_row, current, evaluated, full_row,
    insert_columns, needed, row_number,
};
use super::{DmlCounts, Runner};
use crate::analyzer::{Analyzer, MergeInput, MergeSide, Target};
use crate::ast::{self, InsertSource, MergeAction, MergeMatch, Statement};
use crate::database::RowChange;
use crate::error::{Result, SqlError};
use crate::evaluate::{Evaluator, Registers};
use crate::optimize::{columns_in, optimize_plan};
use crate::resolved::{ColumnId, Expr};
use crate::value::Value;

/// A row as it is, the clause that changes it, and that clause's values.
type Updated = (Vec<Value>, usize, Vec<Option<Value>>);

struct Clause {
    matched: MergeMatch,
    condition: Option<Expr>,
    action: Action,
}

enum Action {
    Insert { columns: Vec<usize>, values: Vec<AssignedValue> },
    Update(Vec<Assignment>),
    Delete,
}

impl Runner<'_> {
    pub(super) fn merge(&mut self, statement: &Statement, merge: &ast::Merge) -> Result<()> {
        let catalog = self.database.as_catalog();
        let mut analyzer = Analyzer::new(catalog, self.session, &self.state.bindings);
        let target = analyzer.target(&merge.table, merge.alias.as_ref())?;
        let input = analyzer.merge_input(&target, &merge.source, &merge.on)?;
        let alias = match &merge.alias {
            Some(alias) => alias.name.clone(),
            None => merge.table.names().pop().unwrap_or_default(),
        };
        let clauses = merge
            .whens
            .iter()
            .map(|when| clause(&mut analyzer, &target, &input, &alias, when))
            .collect::<Result<Vec<_>>>()?;
        let mut read: Vec<ColumnId> = needed(&target, std::iter::empty());
        read.push(input.marker);
        clauses.iter().for_each(|clause| clause.note_reads(&mut read));
        let plan = optimize_plan(input.plan.clone(), read);
        let evaluator = Evaluator::new(self.session, catalog, analyzer.common_table_count());
        let mut registers = Registers::new(analyzer.register_count());
        let mut deletes: HashMap<u64, ()> = HashMap::new();
        let mut updates: HashMap<u64, Updated> = HashMap::new();
        let mut inserts: Vec<(usize, Vec<Option<Value>>)> = Vec::new();
        let _flow = evaluator.run(&plan, &mut registers, &mut |row| {
            let number = row_number(row, target.row_number);
            let has_source = row.get(input.marker).is_true();
            let matched = match (number, has_source) {
                (Some(_), true) => MergeMatch::Matched,
                (None, _) => MergeMatch::NotMatchedByTarget,
                (Some(_), false) => MergeMatch::NotMatchedBySource,
            };
            for (index, clause) in
                clauses.iter().enumerate().filter(|(_, clause)| clause.matched == matched)
            {
                if let Some(condition) = &clause.condition
                    && !evaluator.eval(condition, row)?.is_true()
                {
                    continue;
                }
                let touched = number.unwrap_or_default();
                if number.is_some()
                    && (deletes.contains_key(&touched) || updates.contains_key(&touched))
                {
                    return Err(SqlError::evaluation(
                        "UPDATE/MERGE must match at most one source row for each target row",
                    ));
                }
                match &clause.action {
                    Action::Delete => drop(deletes.insert(touched, ())),
                    Action::Update(assignments) => {
                        let values = evaluated(&evaluator, assignments, row)?;
                        updates.insert(touched, (current(&target, row), index, values));
                    }
                    Action::Insert { values, .. } => {
                        let values = values
                            .iter()
                            .map(|value| match value {
                                AssignedValue::Expr(value) => evaluator.eval(value, row).map(Some),
                                AssignedValue::Default => Ok(None),
                            })
                            .collect::<Result<Vec<_>>>()?;
                        inserts.push((index, values));
                    }
                }
                break;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let tables = std::mem::take(&mut analyzer.tables);
        let description = target.description;
        let defaults = self.defaults(&description)?;
        let counts = DmlCounts {
            inserted: inserts.len() as u64,
            updated: updates.len() as u64,
            deleted: deletes.len() as u64,
        };
        let mut changes: HashMap<u64, RowChange> =
            deletes.into_keys().map(|number| (number, RowChange::Delete)).collect();
        for (number, (row, index, values)) in updates {
            let Action::Update(assignments) = &clauses[index].action else { continue };
            let row = assign(row, assignments, values, &defaults, &description)?;
            changes.insert(number, RowChange::Replace(row));
        }
        let mut appended = Vec::with_capacity(inserts.len());
        for (index, values) in inserts {
            let Action::Insert { columns, .. } = &clauses[index].action else { continue };
            appended.push(full_row(&description, columns, values, &defaults)?);
        }
        self.database.rewrite(&description.name, by_row(changes), appended)?;
        self.changed("MERGE", statement, description.name, counts, tables);
        Ok(())
    }
}

fn clause(
    analyzer: &mut Analyzer<'_>,
    target: &Target,
    input: &MergeInput,
    alias: &str,
    when: &ast::MergeWhen,
) -> Result<Clause> {
    let side = match when.matched {
        MergeMatch::Matched => MergeSide::Both,
        MergeMatch::NotMatchedByTarget => MergeSide::Source,
        MergeMatch::NotMatchedBySource => MergeSide::Target,
    };
    let condition = when
        .condition
        .as_ref()
        .map(|condition| analyzer.merge_condition(input, side, condition))
        .transpose()?;
    let action = match &when.action {
        MergeAction::Delete => Action::Delete,
        MergeAction::Update(items) => {
            let mut assignments = Vec::with_capacity(items.len());
            for item in items {
                assignments.push(assignment(
                    &target.description,
                    &item.target,
                    alias,
                    |column, to| {
                        Ok(match item.value.kind {
                            ast::ExprKind::Default => AssignedValue::Default,
                            _ => AssignedValue::Expr(analyzer.merge_value(
                                input,
                                side,
                                &item.value,
                                column,
                                to,
                            )?),
                        })
                    },
                )?);
            }
            Action::Update(assignments)
        }
        MergeAction::Insert { columns, source } => {
            let columns = insert_columns(&target.description, columns)?;
            let values = inserted(analyzer, target, input, side, &columns, source)?;
            Action::Insert { columns, values }
        }
    };
    Ok(Clause { matched: when.matched, condition, action })
}

fn inserted(
    analyzer: &mut Analyzer<'_>,
    target: &Target,
    input: &MergeInput,
    side: MergeSide,
    columns: &[usize],
    source: &InsertSource,
) -> Result<Vec<AssignedValue>> {
    let wrong_count = |found: usize, at| {
        let text =
            format!("Inserted row has wrong column count; Has {found}, expected {}", columns.len());
        SqlError::at(at, text)
    };
    match source {
        InsertSource::Row => {
            let row = analyzer.merge_row(input, 0);
            if row.len() != columns.len() {
                return Err(wrong_count(row.len(), 0));
            }
            row.into_iter()
                .zip(columns)
                .map(|(value, column)| {
                    let to = &target.description.columns[*column].column_type;
                    Ok(AssignedValue::Expr(analyzer.assigned(value, to, "Column of INSERT ROW")?))
                })
                .collect()
        }
        InsertSource::Values(rows) => {
            let row = rows.first().map(Vec::as_slice).unwrap_or_default();
            if row.len() != columns.len() {
                return Err(wrong_count(row.len(), row.first().map_or(0, |value| value.at)));
            }
            row.iter()
                .zip(columns)
                .map(|(value, column)| {
                    let column = &target.description.columns[*column];
                    Ok(match value.kind {
                        ast::ExprKind::Default => AssignedValue::Default,
                        _ => AssignedValue::Expr(analyzer.merge_value(
                            input,
                            side,
                            value,
                            &column.name,
                            &column.column_type,
                        )?),
                    })
                })
                .collect()
        }
        InsertSource::Query(query) => {
            Err(SqlError::at(query.at, "INSERT of a query cannot stand in MERGE"))
        }
    }
}

impl Clause {
    /// The columns that it reads.
    pub(super) fn note_reads(&self, read: &mut Vec<ColumnId>) {
        let mut note = |value: &AssignedValue| {
            if let AssignedValue::Expr(value) = value {
                read.extend(columns_in(value));
            }
        };
        match &self.action {
            Action::Delete => {}
            Action::Update(assignments) => {
                assignments.iter().for_each(|assignment| note(&assignment.value))
            }
            Action::Insert { values, .. } => values.iter().for_each(note),
        }
        if let Some(condition) = &self.condition {
            read.extend(columns_in(condition));
        }
    }
}
