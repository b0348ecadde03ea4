//! Set operations: `UNION`, `INTERSECT` and `EXCEPT`, by place or by name, and common types of columns.

use super::Analyzer;
use super::coercion::{coerce_to, supertype};
use super::select::Relation;
use crate::ast::{self, QueryBody, SetOperator};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{Column, ColumnId, Expr, Plan, SetOperation};
use crate::sql_type::Type;
use crate::value::Value;
use std::sync::Arc;

impl Analyzer<'_> {
    /// A relation's columns cast to types.
    pub(super) fn as_types(
        &mut self,
        relation: Relation,
        types: &[Type],
        at: Offset,
    ) -> Result<(Plan, Vec<ColumnId>)> {
        let Relation { mut plan, columns, .. } = relation;
        let mut computed = Vec::new();
        let mut ids = Vec::with_capacity(columns.len());
        for (column, to) in columns.iter().zip(types) {
            if column.column_type == *to {
                ids.push(column.id);
                continue;
            }
            let value = literal_of(&plan, column)
                .unwrap_or_else(|| Expr::column(column.id, column.column_type.clone(), at));
            let id = self.new_column();
            computed.push((id, coerce_to(self.session, value, to)?));
            ids.push(id);
        }
        if !computed.is_empty() {
            plan = Plan::Project { input: Box::new(plan), computed };
        }
        Ok((plan, ids))
    }

    pub(super) fn set_operation(&mut self, operation: &ast::SetOperation) -> Result<Relation> {
        // Chains lean left: the same operator all along is one node.
        let mut bodies = vec![&operation.right];
        let mut left = &operation.left;
        while let QueryBody::SetOperation(inner) = left {
            let is_same = inner.operator == operation.operator
                && inner.distinct == operation.distinct
                && inner.by_name == operation.by_name
                && operation.operator != SetOperator::Except
                && inner.mode.is_none()
                && operation.mode.is_none();
            if !is_same {
                break;
            }
            bodies.push(&inner.right);
            left = &inner.left;
        }
        bodies.push(left);
        bodies.reverse();
        let places: Vec<Offset> = bodies.iter().map(|body| place_of(body)).collect();
        let relations = bodies
            .into_iter()
            .map(|body| self.with_fresh_collector(|this| this.resolve_body(body)))
            .collect::<Result<Vec<_>>>()?;
        let relations = match operation.by_name {
            true => {
                let mode = operation.mode.as_deref();
                self.match_by_name(relations, mode, &operation.by_columns, operation.at)?
            }
            false => relations,
        };
        self.combine(relations, operation.operator, operation.distinct, &places)
    }

    /// Puts the columns of several relations, which stand at `places`, under each other.
    pub(super) fn combine(
        &mut self,
        relations: Vec<Relation>,
        operator: SetOperator,
        distinct: bool,
        places: &[Offset],
    ) -> Result<Relation> {
        let name = operator_name(operator, distinct);
        let name = name.as_str();
        let at = places[0];
        let width = relations[0].columns.len();
        for (index, relation) in relations.iter().enumerate() {
            if relation.columns.len() != width {
                let text = format!(
                    "Queries in {name} have mismatched column count; query 1 has {width} column{}, query {} has {} column{}",
                    plural(width),
                    index + 1,
                    relation.columns.len(),
                    plural(relation.columns.len())
                );
                return Err(SqlError::at(places[index], text));
            }
        }
        let mut types = Vec::with_capacity(width);
        for index in 0..width {
            types.push(column_type(&relations, index, name, places)?);
        }
        let is_value_table = relations[0].is_value_table;
        let columns: Vec<Column> = relations[0]
            .columns
            .iter()
            .zip(&types)
            .map(|(column, column_type)| Column {
                id: ColumnId(0),
                name: Arc::clone(&column.name),
                column_type: column_type.clone(),
            })
            .collect();
        let columns: Vec<Column> =
            columns.into_iter().map(|column| Column { id: self.new_column(), ..column }).collect();
        if distinct || operator != SetOperator::Union {
            for (index, column) in columns.iter().enumerate() {
                if !column.column_type.is_groupable() {
                    let text = format!(
                        "Column {} in {name} has type that does not support set operation comparisons: {}",
                        index + 1,
                        column.column_type
                    );
                    return Err(SqlError::at(at, text));
                }
            }
        }
        let inputs = relations
            .into_iter()
            .map(|relation| self.as_types(relation, &types, at))
            .collect::<Result<Vec<_>>>()?;
        let ids = columns.iter().map(|column| column.id).collect();
        let plan =
            Plan::SetOperation(Box::new(SetOperation { operator, distinct, inputs, columns: ids }));
        Ok(Relation { plan, columns, is_value_table })
    }

    /// `BY NAME`: columns go where their names are.
    pub(super) fn match_by_name(
        &mut self,
        relations: Vec<Relation>,
        mode: Option<&str>,
        by_columns: &[ast::Ident],
        at: Offset,
    ) -> Result<Vec<Relation>> {
        let has = |relation: &Relation, name: &str| {
            relation.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name))
        };
        let mut names: Vec<Arc<str>> = Vec::new();
        if mode == Some("STRICT") && by_columns.is_empty() {
            check_same_names(&relations, at)?;
        }
        for (index, relation) in relations.iter().enumerate() {
            for column in &relation.columns {
                let wanted = match mode {
                    Some("FULL") => true,
                    Some("LEFT") => index == 0,
                    _ => relations.iter().all(|relation| has(relation, &column.name)),
                };
                if wanted && !names.iter().any(|name| name.eq_ignore_ascii_case(&column.name)) {
                    names.push(Arc::clone(&column.name));
                }
            }
        }
        if names.is_empty() {
            let text = "BY NAME requires the input queries to have at least one column in common";
            return Err(SqlError::at(at, text));
        }
        if !by_columns.is_empty() {
            names = by_columns.iter().map(|name| name.name.as_str().into()).collect();
        }
        relations
            .into_iter()
            .map(|relation| {
                let mut computed = Vec::new();
                let mut columns = Vec::with_capacity(names.len());
                for name in &names {
                    let found = relation
                        .columns
                        .iter()
                        .find(|column| column.name.eq_ignore_ascii_case(name));
                    columns.push(match found {
                        Some(column) => Column { name: Arc::clone(name), ..column.clone() },
                        None => {
                            let column = self.named_column(name, Type::Int64);
                            computed.push((column.id, Expr::literal(Value::Null, Type::Int64, at)));
                            column
                        }
                    });
                }
                let plan = match computed.is_empty() {
                    true => relation.plan,
                    false => Plan::Project { input: Box::new(relation.plan), computed },
                };
                Ok(Relation { plan, columns, is_value_table: false })
            })
            .collect()
    }
}

/// The literal that a plan computes for a column, if it is one: it coerces like a literal.
pub(super) fn literal_of(plan: &Plan, column: &Column) -> Option<Expr> {
    let Plan::Project { computed, .. } = plan else { return None };
    let (_, value) = computed.iter().find(|(id, _)| *id == column.id)?;
    (value.is_coercible_literal()
        || matches!(&value.kind, crate::resolved::ExprKind::Array(list) if list.is_empty()))
    .then(|| value.clone())
}

/// `BY NAME` without a word before it: the same names everywhere.
fn check_same_names(relations: &[Relation], at: Offset) -> Result<()> {
    let sorted = |relation: &Relation| {
        let names = relation.columns.iter().map(|column| column.name.to_ascii_lowercase());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let list = |relation: &Relation| {
        let names: Vec<&str> = relation.columns.iter().map(|column| &*column.name).collect();
        names.join(", ")
    };
    let first = sorted(&relations[0]);
    match relations.iter().position(|relation| sorted(relation) != first) {
        None => Ok(()),
        Some(index) => {
            let text = format!(
                "BY NAME requires all input queries to have identical column names, but query 1 has [{}] and query {} has [{}]",
                list(&relations[0]),
                index + 1,
                list(&relations[index])
            );
            Err(SqlError::at(at, text))
        }
    }
}

/// Where a side of a set operation begins.
pub(super) fn place_of(body: &QueryBody) -> Offset {
    match body {
        QueryBody::Select(select) => select.at,
        QueryBody::SetOperation(operation) => place_of(&operation.left),
        QueryBody::Parenthesised(query) => query.at,
        QueryBody::From(from) => from.at,
    }
}

/// The type of a column over all sides of an operation.
fn column_type(
    relations: &[Relation],
    index: usize,
    name: &str,
    places: &[Offset],
) -> Result<Type> {
    let at = places.get(1).copied().unwrap_or_default();
    let mut common: Option<Type> = None;
    let mut literals = Vec::new();
    for relation in relations {
        let column = &relation.columns[index];
        match literal_of(&relation.plan, column) {
            Some(literal) => literals.push(literal),
            None => {
                common = Some(match common {
                    None => column.column_type.clone(),
                    Some(common) => supertype(&common, &column.column_type)
                        .ok_or_else(|| mismatch(relations, index, name, at))?,
                });
            }
        }
    }
    let sample = common.map(|common| Expr::column(ColumnId(u32::MAX), common, at));
    super::coercion::common_type(sample.iter().chain(&literals))
        .ok_or_else(|| mismatch(relations, index, name, at))
}

fn mismatch(relations: &[Relation], index: usize, name: &str, at: Offset) -> SqlError {
    let types: Vec<String> =
        relations.iter().map(|relation| relation.columns[index].column_type.to_string()).collect();
    let text =
        format!("Column {} in {name} has incompatible types: {}", index + 1, types.join(", "));
    SqlError::at(at, text)
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn operator_name(operator: SetOperator, distinct: bool) -> String {
    let operator = match operator {
        SetOperator::Union => "UNION",
        SetOperator::Intersect => "INTERSECT",
        SetOperator::Except => "EXCEPT",
    };
    format!("{operator} {}", if distinct { "DISTINCT" } else { "ALL" })
}
