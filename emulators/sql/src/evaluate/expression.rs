//! Expressions over the registers. Conditions evaluate only what they need; a failed part that is not
//! needed does not fail the whole.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::rc::Rc;

use super::{Evaluator, Registers, Remembered};
use crate::cast::{apply_parameters, cast, cast_with_format};
use crate::error::{Result, SqlError};
use crate::functions::{Call, Nulls};
use crate::resolved::{ArrayLambda, Comparison, Expr, ExprKind, Function, Patterns, Subquery};
use crate::sql_type::Type;
use crate::value::{GroupKey, Value, compare, equals};

impl<'p> Evaluator<'p> {
    /// An expression's value for the row in flight.
    pub(crate) fn eval(&self, expr: &'p Expr, row: &mut Registers) -> Result<Value> {
        Ok(match &expr.kind {
            ExprKind::Literal { value, .. } => value.clone(),
            ExprKind::Column(id) => row.get(*id).clone(),
            ExprKind::Call { function, args, types, safe } => {
                let result = self.call(*function, args, types, row);
                match result {
                    Err(_) if *safe => Value::Null,
                    result => result?,
                }
            }
            ExprKind::Foreign { function, args } => {
                let values =
                    args.iter().map(|arg| self.eval(arg, row)).collect::<Result<Vec<_>>>()?;
                let types: Vec<&Type> = args.iter().map(|arg| &arg.expr_type).collect();
                return self.javascript()?.call(function, &values, &types);
            }
            ExprKind::Cast { operand, safe, parameters } => {
                let value = self.eval(operand, row)?;
                let done = cast(self.session, &value, &operand.expr_type, &expr.expr_type)
                    .and_then(|value| match parameters.is_empty() {
                        true => Ok(value),
                        false => apply_parameters(&value, &expr.expr_type, parameters),
                    });
                match done {
                    Err(_) if *safe => Value::Null,
                    done => done?,
                }
            }
            ExprKind::FormatCast { operand, safe, format, zone } => {
                let value = self.eval(operand, row)?;
                let format = self.eval(format, row)?;
                let zone = zone.as_ref().map(|zone| self.eval(zone, row)).transpose()?;
                let (Some(format), false) = (format.as_str(), value.is_null()) else {
                    return Ok(Value::Null);
                };
                let zone = zone.as_ref().and_then(Value::as_str);
                let (from, to) = (&operand.expr_type, &expr.expr_type);
                let done = cast_with_format(self.session, &value, from, to, format, zone);
                match done {
                    Err(_) if *safe => Value::Null,
                    done => done?,
                }
            }
            ExprKind::Field { base, index } => match self.eval(base, row)? {
                Value::Struct(fields) => fields.get(*index).cloned().unwrap_or_default(),
                _ => Value::Null,
            },
            ExprKind::Not(operand) => match self.eval(operand, row)? {
                Value::Bool(value) => Value::Bool(!value),
                _ => Value::Null,
            },
            ExprKind::And(sides) => self.connective(sides, false, row)?,
            ExprKind::Or(sides) => self.connective(sides, true, row)?,
            ExprKind::Compare { operator, left, right } => {
                let (left, right) = (self.eval(left, row)?, self.eval(right, row)?);
                compared(*operator, &left, &right).into()
            }
            ExprKind::IsDistinct { not, left, right } => {
                let (left, right) = (self.eval(left, row)?, self.eval(right, row)?);
                Value::Bool(compare(&left, &right).is_eq() == *not)
            }
            ExprKind::IsNull(operand) => Value::Bool(self.eval(operand, row)?.is_null()),
            ExprKind::IsBool { operand, expected } => {
                Value::Bool(self.eval(operand, row)? == Value::Bool(*expected))
            }
            ExprKind::In { operand, list } => {
                let operand = self.eval(operand, row)?;
                let mut found = Membership::new(&operand);
                for item in list {
                    if found.meets(&self.eval(item, row)?) {
                        break;
                    }
                }
                found.result(list.is_empty())
            }
            ExprKind::InArray { operand, array } => {
                let (operand, array) = (self.eval(operand, row)?, self.eval(array, row)?);
                let elements = array.as_array().unwrap_or_default();
                let mut found = Membership::new(&operand);
                let _found = elements.iter().any(|element| found.meets(element));
                found.result(elements.is_empty())
            }
            ExprKind::InSubquery { operand, subquery } => {
                let operand = self.eval(operand, row)?;
                self.in_subquery(operand, subquery, row)?
            }
            ExprKind::LikeMany { operand, patterns, all } => {
                self.like_many(operand, patterns, *all, row)?
            }
            ExprKind::Case { branches, otherwise } => {
                for (when, then) in branches {
                    if self.eval(when, row)?.is_true() {
                        return self.eval(then, row);
                    }
                }
                self.eval(otherwise, row)?
            }
            ExprKind::Coalesce(values) => {
                for value in values {
                    let value = self.eval(value, row)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Value::Null
            }
            ExprKind::NullIf { left, right } => {
                let (left, right) = (self.eval(left, row)?, self.eval(right, row)?);
                match equals(&left, &right) {
                    Some(true) => Value::Null,
                    _ => left,
                }
            }
            ExprKind::IfError { operand, instead } => match (self.eval(operand, row), instead) {
                (Ok(value), _) => value,
                (Err(_), Some(instead)) => self.eval(instead, row)?,
                (Err(_), None) => Value::Null,
            },
            ExprKind::IsError(operand) => Value::Bool(self.eval(operand, row).is_err()),
            ExprKind::Struct(values) => Value::Struct(
                values.iter().map(|value| self.eval(value, row)).collect::<Result<_>>()?,
            ),
            ExprKind::Array(values) => Value::Array(
                values.iter().map(|value| self.eval(value, row)).collect::<Result<_>>()?,
            ),
            ExprKind::ScalarSubquery(subquery) => {
                self.remember(subquery, row, |this, row| this.scalar_subquery(subquery, row))?
            }
            ExprKind::ArraySubquery(subquery) => self.remember(subquery, row, |this, row| {
                let rows = this.collect(&subquery.plan, row, &subquery.columns)?;
                Ok(Value::array(rows.into_iter().filter_map(|row| row.into_iter().next())))
            })?,
            ExprKind::Exists(subquery) => self.remember(subquery, row, |this, row| {
                let mut found = false;
                let _flow = this.run(&subquery.plan, row, &mut |_| {
                    found = true;
                    Ok(ControlFlow::Break(()))
                })?;
                Ok(Value::Bool(found))
            })?,
            ExprKind::Let { bindings, body } => {
                for (id, value) in bindings {
                    let value = self.eval(value, row)?;
                    row.set(*id, value);
                }
                self.eval(body, row)?
            }
            ExprKind::ArrayLambda { kind, array, element, offset, body } => {
                let Value::Array(elements) = self.eval(array, row)? else { return Ok(Value::Null) };
                let mut results = Vec::with_capacity(elements.len());
                for (index, value) in elements.iter().enumerate() {
                    row.set(*element, value.clone());
                    if let Some(offset) = offset {
                        row.set(*offset, Value::Int64(i64::try_from(index).unwrap_or(i64::MAX)));
                    }
                    results.push(self.eval(body, row)?);
                }
                lambda_result(*kind, &elements, results)
            }
        })
    }

    pub(super) fn call(
        &self,
        function: Function,
        args: &'p [Expr],
        types: &[Type],
        row: &mut Registers,
    ) -> Result<Value> {
        let call = Call { session: self.session, args: types };
        let propagates = function.function.nulls == Nulls::Propagate;
        let run = |values: &[Value]| match propagates && values.iter().any(Value::is_null) {
            true => Ok(Value::Null),
            false => (function.function.call)(&call, values),
        };
        // The usual numbers of arguments need no memory of their own.
        match args {
            [] => run(&[]),
            [one] => run(&[self.eval(one, row)?]),
            [one, two] => run(&[self.eval(one, row)?, self.eval(two, row)?]),
            [one, two, three] => {
                run(&[self.eval(one, row)?, self.eval(two, row)?, self.eval(three, row)?])
            }
            _ => run(&args.iter().map(|arg| self.eval(arg, row)).collect::<Result<Vec<_>>>()?),
        }
    }

    /// AND and OR: decided by the first side that is `decisive`; an error of a side that is not needed does
    /// not count.
    fn connective(&self, sides: &'p [Expr], decisive: bool, row: &mut Registers) -> Result<Value> {
        let mut unknown = false;
        for side in sides {
            match self.eval(side, row)? {
                Value::Bool(value) if value == decisive => return Ok(Value::Bool(decisive)),
                Value::Bool(_) => {}
                _ => unknown = true,
            }
        }
        Ok(if unknown { Value::Null } else { Value::Bool(!decisive) })
    }

    fn scalar_subquery(&self, subquery: &'p Subquery, row: &mut Registers) -> Result<Value> {
        let mut found: Option<Value> = None;
        let _flow = self.run(&subquery.plan, row, &mut |row| {
            if found.is_some() {
                return Err(SqlError::evaluation("Scalar subquery produced more than one element"));
            }
            found = subquery.columns.first().map(|id| row.get(*id).clone());
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found.unwrap_or_default())
    }

    /// A subquery's result, once for the same values of the columns that it reads around it.
    fn remember(
        &self,
        subquery: &'p Subquery,
        row: &mut Registers,
        run: impl FnOnce(&Self, &mut Registers) -> Result<Value>,
    ) -> Result<Value> {
        let key = memory_key(subquery, row);
        if let Some(Remembered::Value(value)) = self.remembered.borrow().get(&key) {
            return Ok(value.clone());
        }
        let value = run(self, row)?;
        let mut remembered = self.remembered.borrow_mut();
        if remembered.len() < crate::limits::REMEMBERED_SUBQUERIES_MAX {
            remembered.insert(key, Remembered::Value(value.clone()));
        }
        Ok(value)
    }

    fn in_subquery(
        &self,
        operand: Value,
        subquery: &'p Subquery,
        row: &mut Registers,
    ) -> Result<Value> {
        let key = memory_key(subquery, row);
        let known = match self.remembered.borrow().get(&key) {
            Some(Remembered::Set(values, has_null)) => Some((Rc::clone(values), *has_null)),
            _ => None,
        };
        let (values, has_null) = match known {
            Some(known) => known,
            None => {
                let mut values = HashSet::new();
                let mut has_null = false;
                let _flow = self.run(&subquery.plan, row, &mut |row| {
                    let value =
                        subquery.columns.first().map(|id| row.get(*id).clone()).unwrap_or_default();
                    match value.is_null() {
                        true => has_null = true,
                        false => drop(values.insert(GroupKey(value))),
                    }
                    Ok(ControlFlow::Continue(()))
                })?;
                let values = Rc::new(values);
                let mut remembered = self.remembered.borrow_mut();
                if remembered.len() < crate::limits::REMEMBERED_SUBQUERIES_MAX {
                    remembered.insert(key, Remembered::Set(Rc::clone(&values), has_null));
                }
                (values, has_null)
            }
        };
        if values.is_empty() && !has_null {
            return Ok(Value::Bool(false));
        }
        if operand.is_null() {
            return Ok(Value::Null);
        }
        let is_nan = operand.as_float64().is_some_and(f64::is_nan);
        Ok(match values.contains(&GroupKey(operand)) && !is_nan {
            true => Value::Bool(true),
            false if has_null => Value::Null,
            false => Value::Bool(false),
        })
    }

    fn like_many(
        &self,
        operand: &'p Expr,
        patterns: &'p Patterns,
        all: bool,
        row: &mut Registers,
    ) -> Result<Value> {
        let text = self.eval(operand, row)?;
        let patterns = match patterns {
            Patterns::List(list) => {
                list.iter().map(|item| self.eval(item, row)).collect::<Result<Vec<_>>>()?
            }
            Patterns::Array(array) => {
                self.eval(array, row)?.as_array().unwrap_or_default().to_vec()
            }
            Patterns::Subquery(subquery) => {
                let rows = self.collect(&subquery.plan, row, &subquery.columns)?;
                rows.into_iter().filter_map(|row| row.into_iter().next()).collect()
            }
        };
        let mut unknown = false;
        for pattern in &patterns {
            let (Some(text), Some(pattern)) = (text.as_str(), pattern.as_str()) else {
                unknown = true;
                continue;
            };
            if crate::functions::like(text, pattern)? != all {
                return Ok(Value::Bool(!all));
            }
        }
        Ok(if unknown { Value::Null } else { Value::Bool(all) })
    }
}

fn memory_key(subquery: &Subquery, row: &Registers) -> (usize, Vec<GroupKey>) {
    let outer = subquery.outer.iter().map(|id| GroupKey(row.get(*id).clone())).collect();
    (subquery.number, outer)
}

/// `IN` as it goes along: found, or a NULL met on the way.
struct Membership<'a> {
    operand: &'a Value,
    found: bool,
    unknown: bool,
}

impl<'a> Membership<'a> {
    fn new(operand: &'a Value) -> Self {
        Self { operand, found: false, unknown: false }
    }

    fn meets(&mut self, item: &Value) -> bool {
        match equals(self.operand, item) {
            Some(true) => self.found = true,
            Some(false) => {}
            None => self.unknown = true,
        }
        self.found
    }

    fn result(&self, is_empty: bool) -> Value {
        match (self.found, self.unknown) {
            (true, _) => Value::Bool(true),
            (false, true) if !is_empty => Value::Null,
            _ => Value::Bool(false),
        }
    }
}

pub(crate) fn compared(operator: Comparison, left: &Value, right: &Value) -> Option<bool> {
    if let Comparison::Equal | Comparison::NotEqual = operator {
        return equals(left, right).map(|equal| equal == (operator == Comparison::Equal));
    }
    if left.is_null() || right.is_null() {
        return None;
    }
    if let (Value::Float64(left), Value::Float64(right)) = (left, right)
        && (left.is_nan() || right.is_nan())
    {
        return Some(false);
    }
    let order = compare(left, right);
    Some(match operator {
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
        Comparison::Equal | Comparison::NotEqual => unreachable!("handled above"),
    })
}

fn lambda_result(kind: ArrayLambda, elements: &[Value], results: Vec<Value>) -> Value {
    let kept = || {
        elements
            .iter()
            .zip(&results)
            .filter(|(_, result)| result.is_true())
            .map(|(value, _)| value.clone())
    };
    let places = || {
        let found = results.iter().enumerate().filter(|(_, result)| result.is_true());
        found.map(|(index, _)| Value::Int64(i64::try_from(index).unwrap_or(i64::MAX)))
    };
    match kind {
        ArrayLambda::Filter | ArrayLambda::FindAll => Value::array(kept()),
        ArrayLambda::Transform => Value::array(results),
        ArrayLambda::Includes => Value::Bool(results.iter().any(Value::is_true)),
        ArrayLambda::Find => kept().next().unwrap_or_default(),
        ArrayLambda::Offset => places().next().unwrap_or_default(),
        ArrayLambda::OffsetsAll => Value::array(places()),
    }
}
