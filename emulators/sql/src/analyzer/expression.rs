//! Expressions: literals, operators, conditions, constructors and subqueries. Calls are in `call.rs`.

use std::sync::Arc;

use super::coercion::{coerce_to, distance};
use super::overload::Spelling;
use super::{Analyzer, TypedValue};
use crate::ast::{self, BinaryOperator, LiteralKind};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{Comparison, Expr, ExprKind, Origin};
use crate::sql_type::{StructField, Type};
use crate::value::Value;

impl Analyzer<'_> {
    /// An expression with its type.
    pub(super) fn resolve(&mut self, expr: &ast::Expr) -> Result<Expr> {
        let at = expr.at;
        match &expr.kind {
            ast::ExprKind::Null => Ok(Expr::literal(Value::Null, Type::Int64, at)),
            ast::ExprKind::Bool(value) => Ok(Expr::literal(Value::Bool(*value), Type::Bool, at)),
            ast::ExprKind::Integer(text) => integer(text, at),
            ast::ExprKind::Float(text) => decimal(text, at),
            ast::ExprKind::String(text) => Ok(Expr::literal(Value::string(text), Type::String, at)),
            ast::ExprKind::Bytes(bytes) => Ok(Expr::literal(Value::bytes(bytes), Type::Bytes, at)),
            ast::ExprKind::Literal { kind, text } => self.typed_literal(*kind, text, at),
            ast::ExprKind::RangeLiteral { element, text } => {
                let to = Type::Range(Arc::new(self.written_type(element)?));
                self.text_literal(text, to, at)
            }
            ast::ExprKind::Interval { value, from, to } => {
                self.interval(value, from, to.as_deref(), at)
            }
            ast::ExprKind::Path(path) => self.resolve_path(path),
            ast::ExprKind::NamedParameter(name) => self.named_parameter(name, at),
            ast::ExprKind::PositionalParameter(index) => self.positional_parameter(*index, at),
            ast::ExprKind::SystemVariable(name) => self.system_variable(name, at),
            ast::ExprKind::Field { base, field } => {
                let base = self.resolve(base)?;
                self.field(base, field)
            }
            ast::ExprKind::Subscript { base, index } => self.subscript(base, index, at),
            ast::ExprKind::Unary { operator, operand } => self.unary(*operator, operand, at),
            ast::ExprKind::Binary { operator, left, right, operator_at } => {
                self.binary(*operator, left, right, *operator_at, at)
            }
            ast::ExprKind::Like { not, operand, quantifier } => {
                let like = self.like(operand, quantifier, at)?;
                Ok(negated(like, *not))
            }
            ast::ExprKind::In { not, operand, source, operator_at } => {
                let found = self.membership(operand, source, *operator_at, at)?;
                Ok(negated(found, *not))
            }
            ast::ExprKind::Between { not, operand, low, high, operator_at } => {
                let between = self.between(operand, low, high, *operator_at, at)?;
                Ok(negated(between, *not))
            }
            ast::ExprKind::Is { not, operand, what } => {
                let is = self.is(operand, *what, at)?;
                Ok(negated(is, *not))
            }
            ast::ExprKind::IsDistinct { not, left, right } => {
                let sign = if *not { "IS NOT DISTINCT FROM" } else { "IS DISTINCT FROM" };
                let (left, right) = (self.resolve(left)?, self.resolve(right)?);
                let (left, right) = self.alike(left, right, &Spelling::Operator(sign))?;
                let kind = ExprKind::IsDistinct {
                    not: *not,
                    left: Box::new(left),
                    right: Box::new(right),
                };
                Ok(Expr { kind, expr_type: Type::Bool, at })
            }
            ast::ExprKind::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref(), at)
            }
            ast::ExprKind::Cast { safe, operand, target, format, zone } => {
                self.cast_expr(*safe, operand, target, format.as_deref(), zone.as_deref(), at)
            }
            ast::ExprKind::Extract { part, operand, zone } => {
                self.extract(part, operand, zone.as_deref(), at)
            }
            ast::ExprKind::Array { element, elements: ast::ArrayElements::List(elements) } => {
                self.array(element.as_ref(), elements, at)
            }
            ast::ExprKind::Struct { target, items } => self.structure(target.as_ref(), items, at),
            ast::ExprKind::Tuple(values) => {
                let values =
                    values.iter().map(|value| self.resolve(value)).collect::<Result<Vec<_>>>()?;
                let fields =
                    values.iter().map(|value| StructField::new("", value.expr_type.clone()));
                let expr_type = Type::struct_of(fields);
                Ok(Expr { kind: ExprKind::Struct(values), expr_type, at })
            }
            ast::ExprKind::Subquery { kind, query } => self.subquery_expr(*kind, query, at),
            ast::ExprKind::Call(call) => self.call(call, at),
            ast::ExprKind::With { bindings, result } => self.with_expr(bindings, result, at),
            ast::ExprKind::Lambda { .. } => {
                Err(SqlError::at(at, "Lambda is not supported outside of an argument"))
            }
            ast::ExprKind::Star => Err(SqlError::at(at, "Argument * can only be used in COUNT(*)")),
            ast::ExprKind::Default => Err(SqlError::at(at, "Unexpected keyword DEFAULT")),
        }
    }

    /// A condition.
    pub(super) fn condition(&mut self, expr: &ast::Expr, clause: &str) -> Result<Expr> {
        let resolved = self.resolve(expr)?;
        if distance(&resolved, &Type::Bool).is_none() {
            let text =
                format!("{clause} should return type BOOL, but returns {}", resolved.expr_type);
            return Err(SqlError::at(resolved.at, text));
        }
        coerce_to(self.session, resolved, &Type::Bool)
    }

    /// An expression as a type.
    pub(super) fn resolve_as(&mut self, expr: &ast::Expr, to: &Type, what: &str) -> Result<Expr> {
        let resolved = self.resolve(expr)?;
        self.coerce(resolved, to, what)
    }

    pub(super) fn coerce(&self, expr: Expr, to: &Type, what: &str) -> Result<Expr> {
        if distance(&expr, to).is_none() {
            let text =
                format!("{what} has type {} which cannot be coerced to type {to}", expr.expr_type);
            return Err(SqlError::at(expr.at, text));
        }
        coerce_to(self.session, expr, to)
    }

    fn typed_literal(&mut self, kind: LiteralKind, text: &str, at: Offset) -> Result<Expr> {
        let to = match kind {
            LiteralKind::Date => Type::Date,
            LiteralKind::Time => Type::Time,
            LiteralKind::Datetime => Type::Datetime,
            LiteralKind::Timestamp => Type::Timestamp,
            LiteralKind::Numeric => Type::Numeric,
            LiteralKind::BigNumeric => Type::BigNumeric,
            LiteralKind::Json => {
                let value =
                    crate::json::parse(text, crate::json::WideNumbers::Exact).map_err(|error| {
                        SqlError::at(at, format!("Invalid JSON literal: {}", error.message))
                    })?;
                return Ok(Expr::firm(Value::json(value), Type::Json, at));
            }
        };
        self.text_literal(text, to, at)
    }

    fn text_literal(&mut self, text: &str, to: Type, at: Offset) -> Result<Expr> {
        let value = crate::cast::cast(self.session, &Value::string(text), &Type::String, &to)
            .map_err(|_| SqlError::at(at, format!("Invalid {to} literal")))?;
        Ok(Expr::firm(value, to, at))
    }

    fn interval(
        &mut self,
        value: &ast::Expr,
        from: &str,
        to: Option<&str>,
        at: Offset,
    ) -> Result<Expr> {
        let mut args =
            vec![self.resolve(value)?, Expr::literal(Value::string(from), Type::String, at)];
        args.extend(to.map(|to| Expr::literal(Value::string(to), Type::String, at)));
        self.builtin("$interval", &Spelling::Function("INTERVAL"), args, at)
    }

    fn named_parameter(&mut self, name: &str, at: Offset) -> Result<Expr> {
        let known = self.bindings.named.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((_, parameter)) = known else {
            return Err(SqlError::at(at, format!("Query parameter '{name}' not found")));
        };
        Ok(parameter_value(parameter, at))
    }

    fn positional_parameter(&mut self, index: usize, at: Offset) -> Result<Expr> {
        let Some(parameter) = self.bindings.positional.get(index) else {
            let text = format!("Query parameter number {} is not defined", index + 1);
            return Err(SqlError::at(at, text));
        };
        Ok(parameter_value(parameter, at))
    }

    fn system_variable(&mut self, name: &str, at: Offset) -> Result<Expr> {
        let known = self.bindings.system.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((_, variable)) = known else {
            return Err(SqlError::at(at, format!("Unrecognized name: @@{name}")));
        };
        Ok(Expr::firm(variable.value.clone(), variable.value_type.clone(), at))
    }

    fn subscript(&mut self, base: &ast::Expr, index: &ast::Expr, at: Offset) -> Result<Expr> {
        let base = self.resolve(base)?;
        let (mode, index) = match &index.kind {
            ast::ExprKind::Call(call) if call.args.len() == 1 && call.name.parts.len() == 1 => {
                match call.name.parts[0].name.to_ascii_uppercase().as_str() {
                    mode @ ("OFFSET" | "ORDINAL" | "SAFE_OFFSET" | "SAFE_ORDINAL" | "KEY"
                    | "SAFE_KEY") => (mode.to_owned(), &call.args[0].value),
                    _ => ("OFFSET".to_owned(), index),
                }
            }
            _ => ("OFFSET".to_owned(), index),
        };
        let index = self.resolve(index)?;
        if base.expr_type == Type::Json {
            return self.json_subscript(base, index);
        }
        if let (Type::Struct(fields), Some(Value::Int64(position))) =
            (&base.expr_type, index.as_literal())
        {
            let place = if mode == "ORDINAL" { position - 1 } else { *position };
            let place = usize::try_from(place).ok().filter(|place| *place < fields.len());
            let Some(place) = place else {
                return Err(SqlError::at(index.at, "Field ordinal number is out of bounds"));
            };
            let expr_type = fields[place].field_type.clone();
            let kind = ExprKind::Field { base: Box::new(base), index: place };
            return Ok(Expr { kind, expr_type, at });
        }
        let name = match mode.as_str() {
            "OFFSET" => "$array_at_offset",
            "ORDINAL" => "$array_at_ordinal",
            "SAFE_OFFSET" => "$safe_array_at_offset",
            "SAFE_ORDINAL" => "$safe_array_at_ordinal",
            _ => {
                return Err(SqlError::at(
                    at,
                    format!(
                        "Subscript access using [{mode}()] is not supported on values of type {}",
                        base.expr_type
                    ),
                ));
            }
        };
        if base.expr_type.element().is_none() {
            let text = format!(
                "Subscript access using [INT64] is not supported on values of type {}",
                base.expr_type
            );
            return Err(SqlError::at(at, text));
        }
        self.builtin(name, &Spelling::Operator("[]"), vec![base, index], at)
    }

    fn json_subscript(&mut self, base: Expr, index: Expr) -> Result<Expr> {
        let at = base.at;
        let name = if index.expr_type == Type::String { "$json_field" } else { "$json_index" };
        self.builtin(name, &Spelling::Operator("[]"), vec![base, index], at)
    }

    fn unary(
        &mut self,
        operator: ast::UnaryOperator,
        operand: &ast::Expr,
        at: Offset,
    ) -> Result<Expr> {
        if operator == ast::UnaryOperator::Not {
            let args = vec![self.resolve(operand)?];
            let (mut args, _) = self.form(&Spelling::Prefix("NOT"), "(BOOL) -> BOOL", args, at)?;
            let operand = Box::new(args.pop().expect("one operand"));
            return Ok(Expr { kind: ExprKind::Not(operand), expr_type: Type::Bool, at });
        }
        // The smallest INT64 has no positive counterpart: the sign belongs to the literal.
        if let (ast::UnaryOperator::Minus, ast::ExprKind::Integer(text)) = (operator, &operand.kind)
            && !text.starts_with('-')
        {
            return integer(&format!("-{text}"), at);
        }
        if let (ast::UnaryOperator::Minus, ast::ExprKind::Float(text)) = (operator, &operand.kind)
            && !text.starts_with('-')
        {
            return decimal(&format!("-{text}"), at);
        }
        let operand = self.resolve(operand)?;
        let (name, sign) = match operator {
            ast::UnaryOperator::Minus => ("$unary_minus", "-"),
            ast::UnaryOperator::Plus => ("$unary_plus", "+"),
            _ => ("$bitwise_not", "~"),
        };
        no_null_operand(sign, [&operand])?;
        if operator == ast::UnaryOperator::Plus && !operand.expr_type.is_numeric() {
            let text = format!("Operands of + must be numeric type but was {}", operand.expr_type);
            return Err(SqlError::at(operand.at, text));
        }
        self.builtin(name, &Spelling::Prefix(sign), vec![operand], at)
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        left: &ast::Expr,
        right: &ast::Expr,
        operator_at: Offset,
        at: Offset,
    ) -> Result<Expr> {
        if let BinaryOperator::And | BinaryOperator::Or = operator {
            return self.connective(operator, left, right, at);
        }
        let (left, right) = (self.resolve(left)?, self.resolve(right)?);
        let (name, sign) = match operator {
            BinaryOperator::Equal => return self.compare(Comparison::Equal, left, right, at),
            BinaryOperator::NotEqual => return self.compare(Comparison::NotEqual, left, right, at),
            BinaryOperator::Less => return self.compare(Comparison::Less, left, right, at),
            BinaryOperator::LessOrEqual => {
                return self.compare(Comparison::LessOrEqual, left, right, at);
            }
            BinaryOperator::Greater => return self.compare(Comparison::Greater, left, right, at),
            BinaryOperator::GreaterOrEqual => {
                return self.compare(Comparison::GreaterOrEqual, left, right, at);
            }
            BinaryOperator::Add => ("$add", "+"),
            BinaryOperator::Subtract => ("$subtract", "-"),
            BinaryOperator::Multiply => ("$multiply", "*"),
            BinaryOperator::Divide => ("$divide", "/"),
            BinaryOperator::Concat => ("$concat", "||"),
            BinaryOperator::BitAnd => ("$bitwise_and", "&"),
            BinaryOperator::BitOr => ("$bitwise_or", "|"),
            BinaryOperator::BitXor => ("$bitwise_xor", "^"),
            BinaryOperator::ShiftLeft => ("$shift_left", "<<"),
            BinaryOperator::ShiftRight => ("$shift_right", ">>"),
            BinaryOperator::And | BinaryOperator::Or => unreachable!("handled above"),
        };
        let place = match sign {
            "&" | "|" | "^" => check_bits(sign, &left, &right, at).map(|()| at)?,
            "<<" | ">>" => check_shift(sign, &left, operator_at).map(|()| operator_at)?,
            _ => at,
        };
        let spelling = if sign == "||" { Spelling::Concat } else { Spelling::Operator(sign) };
        let nulls = match sign {
            "+" | "-" | "*" | "/" | "||" => no_null_operand(sign, [&left, &right]),
            _ => Ok(()),
        };
        let result = self.builtin(name, &spelling, vec![left, right], place)?;
        nulls.map(|()| result)
    }

    /// `a AND b AND c` as one node, however it leans.
    fn connective(
        &mut self,
        operator: BinaryOperator,
        left: &ast::Expr,
        right: &ast::Expr,
        at: Offset,
    ) -> Result<Expr> {
        let mut sides = Vec::new();
        let mut pending = vec![right, left];
        while let Some(side) = pending.pop() {
            match &side.kind {
                ast::ExprKind::Binary { operator: inner, left, right, .. }
                    if *inner == operator =>
                {
                    pending.push(right);
                    pending.push(left);
                }
                _ => sides.push(self.resolve(side)?),
            }
        }
        let word = if operator == BinaryOperator::And { "AND" } else { "OR" };
        let signature = "(BOOL, [BOOL, ...]) -> BOOL";
        let (sides, _) = self.form(&Spelling::Chain(word), signature, sides, at)?;
        let kind = match operator {
            BinaryOperator::And => ExprKind::And(sides),
            _ => ExprKind::Or(sides),
        };
        Ok(Expr { kind, expr_type: Type::Bool, at })
    }
}

/// A literal NULL says nothing about what an operator should do.
pub(super) fn no_null_operand<'e>(
    sign: &str,
    operands: impl IntoIterator<Item = &'e Expr>,
) -> Result<()> {
    match operands.into_iter().find(|operand| operand.is_untyped_null()) {
        None => Ok(()),
        Some(null) => {
            Err(SqlError::at(null.at, format!("Operands of {sign} cannot be literal NULL")))
        }
    }
}

fn check_bits(sign: &str, left: &Expr, right: &Expr, at: Offset) -> Result<()> {
    let (left_type, right_type) = (&left.expr_type, &right.expr_type);
    let is_null = left.is_untyped_null() || right.is_untyped_null();
    let has_bits = |bits: &Type| matches!(bits, Type::Int64 | Type::Bytes);
    if has_bits(left_type) && has_bits(right_type) && (left_type == right_type || is_null) {
        return Ok(());
    }
    let text = format!(
        "Bitwise operator {sign} requires two integer/BYTES arguments of the same type, but saw {left_type} and {right_type}"
    );
    Err(SqlError::at(at, text))
}

fn check_shift(sign: &str, left: &Expr, at: Offset) -> Result<()> {
    match &left.expr_type {
        Type::Int64 | Type::Bytes => Ok(()),
        other => {
            let text = format!(
                "The first argument to bitwise operator {sign} must be an integer or BYTES but saw {other}"
            );
            Err(SqlError::at(at, text))
        }
    }
}

pub(super) fn negated(expr: Expr, not: bool) -> Expr {
    if !not {
        return expr;
    }
    let at = expr.at;
    Expr { kind: ExprKind::Not(Box::new(expr)), expr_type: Type::Bool, at }
}

/// A parameter coerces as a literal does, but its NULL keeps its type.
fn parameter_value(parameter: &TypedValue, at: Offset) -> Expr {
    let (value, value_type) = (parameter.value.clone(), parameter.value_type.clone());
    match value {
        Value::Null => Expr::firm(value, value_type, at),
        value => Expr::literal(value, value_type, at),
    }
}

/// A decimal number with its digits.
fn decimal(text: &str, at: Offset) -> Result<Expr> {
    let value = text
        .parse()
        .map_err(|_| SqlError::at(at, format!("Invalid floating point literal: {text}")))?;
    let kind =
        ExprKind::Literal { value: Value::Float64(value), origin: Origin::Decimal(text.into()) };
    Ok(Expr { kind, expr_type: Type::Float64, at })
}

/// The name that an expression gives to a column when there is no alias: the last part of a path.
pub(super) fn implied_name(expr: &ast::Expr) -> Option<&str> {
    match &expr.kind {
        ast::ExprKind::Path(path) => path.parts.last().map(|part| part.name.as_str()),
        ast::ExprKind::Field { field, .. } => Some(&field.name),
        _ => None,
    }
}

fn integer(text: &str, at: Offset) -> Result<Expr> {
    let digits = text.trim_start_matches('-');
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => match (u64::from_str_radix(hex, 16), text.starts_with('-')) {
            // Hexadecimal literals are bit patterns.
            (Ok(bits), false) => Some(bits.cast_signed()),
            (Ok(bits), true) => bits.cast_signed().checked_neg(),
            (Err(_), _) => None,
        },
        None => text.parse::<i64>().ok(),
    };
    match value {
        Some(value) => Ok(Expr::literal(Value::Int64(value), Type::Int64, at)),
        None => Err(SqlError::at(at, format!("Invalid integer literal: {digits}"))),
    }
}
