//! Expressions: literals, operators, conditions, constructors and subqueries. Calls are in `call.rs`.

use std::sync::Arc;

use super::coercion::{coerce_to, common_type, distance};
use super::signature::Spelling;
use super::{Analyzer, literal_to};
use crate::ast::{
    self, BinaryOperator, InSource, IsWhat, LikeQuantifier, LiteralKind, SubqueryKind,
};
use crate::error::{Offset, Result, SqlError};
use crate::resolved::{Comparison, Expr, ExprKind, Patterns, Subquery};
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
            ast::ExprKind::Float(text) => {
                let value = text.parse().map_err(|_| {
                    SqlError::at(at, format!("Invalid floating point literal: {text}"))
                })?;
                Ok(Expr::literal(Value::Float64(value), Type::Float64, at))
            }
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
            ast::ExprKind::Binary { operator, left, right, .. } => {
                self.binary(*operator, left, right, at)
            }
            ast::ExprKind::Like { not, operand, quantifier } => {
                let like = self.like(operand, quantifier, at)?;
                Ok(negated(like, *not))
            }
            ast::ExprKind::In { not, operand, source } => {
                let found = self.membership(operand, source, at)?;
                Ok(negated(found, *not))
            }
            ast::ExprKind::Between { not, operand, low, high } => {
                let between = self.between(operand, low, high, at)?;
                Ok(negated(between, *not))
            }
            ast::ExprKind::Is { not, operand, what } => {
                let is = self.is(operand, *what, at)?;
                Ok(negated(is, *not))
            }
            ast::ExprKind::IsDistinct { not, left, right } => {
                let (left, right) = (self.resolve(left)?, self.resolve(right)?);
                let (left, right) = self.alike(left, right, "IS DISTINCT FROM")?;
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
                let kind = ExprKind::Literal { value: Value::json(value), coercible: false };
                return Ok(Expr { kind, expr_type: Type::Json, at });
            }
        };
        self.text_literal(text, to, at)
    }

    fn text_literal(&mut self, text: &str, to: Type, at: Offset) -> Result<Expr> {
        let value = crate::cast::cast(self.session, &Value::string(text), &Type::String, &to)
            .map_err(|_| SqlError::at(at, format!("Invalid {to} literal")))?;
        let kind = ExprKind::Literal { value, coercible: false };
        Ok(Expr { kind, expr_type: to, at })
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
        let kind = ExprKind::Literal { value: parameter.value.clone(), coercible: true };
        Ok(Expr { kind: firm_null(kind), expr_type: parameter.value_type.clone(), at })
    }

    fn positional_parameter(&mut self, index: usize, at: Offset) -> Result<Expr> {
        let Some(parameter) = self.bindings.positional.get(index) else {
            let text = format!("Query parameter number {} is not defined", index + 1);
            return Err(SqlError::at(at, text));
        };
        let kind = ExprKind::Literal { value: parameter.value.clone(), coercible: true };
        Ok(Expr { kind: firm_null(kind), expr_type: parameter.value_type.clone(), at })
    }

    fn system_variable(&mut self, name: &str, at: Offset) -> Result<Expr> {
        let known = self.bindings.system.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((_, variable)) = known else {
            return Err(SqlError::at(at, format!("Unrecognized name: @@{name}")));
        };
        let kind = ExprKind::Literal { value: variable.value.clone(), coercible: false };
        Ok(Expr { kind, expr_type: variable.value_type.clone(), at })
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
            let operand = self.condition(operand, "Operand of NOT")?;
            return Ok(Expr { kind: ExprKind::Not(Box::new(operand)), expr_type: Type::Bool, at });
        }
        // The smallest INT64 has no positive counterpart: the sign belongs to the literal.
        if let (ast::UnaryOperator::Minus, ast::ExprKind::Integer(text)) = (operator, &operand.kind)
            && !text.starts_with('-')
        {
            return integer(&format!("-{text}"), at);
        }
        if let (ast::UnaryOperator::Minus, ast::ExprKind::Float(text)) = (operator, &operand.kind)
            && let Ok(value) = text.parse::<f64>()
        {
            return Ok(Expr::literal(Value::Float64(-value), Type::Float64, at));
        }
        let operand = self.resolve(operand)?;
        let (name, sign) = match operator {
            ast::UnaryOperator::Minus => ("$unary_minus", "-"),
            ast::UnaryOperator::Plus => ("$unary_plus", "+"),
            ast::UnaryOperator::BitNot => ("$bitwise_not", "~"),
            ast::UnaryOperator::Not => unreachable!("handled above"),
        };
        self.builtin(name, &Spelling::Operator(sign), vec![operand], at)
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        left: &ast::Expr,
        right: &ast::Expr,
        at: Offset,
    ) -> Result<Expr> {
        if let BinaryOperator::And | BinaryOperator::Or = operator {
            return self.connective(operator, left, right, at);
        }
        let (left, right) = (self.resolve(left)?, self.resolve(right)?);
        let (name, sign) = match operator {
            BinaryOperator::Equal => return self.compare(Comparison::Equal, left, right, "=", at),
            BinaryOperator::NotEqual => {
                return self.compare(Comparison::NotEqual, left, right, "!=", at);
            }
            BinaryOperator::Less => return self.compare(Comparison::Less, left, right, "<", at),
            BinaryOperator::LessOrEqual => {
                return self.compare(Comparison::LessOrEqual, left, right, "<=", at);
            }
            BinaryOperator::Greater => {
                return self.compare(Comparison::Greater, left, right, ">", at);
            }
            BinaryOperator::GreaterOrEqual => {
                return self.compare(Comparison::GreaterOrEqual, left, right, ">=", at);
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
        self.builtin(name, &Spelling::Operator(sign), vec![left, right], at)
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
                _ => sides.push(self.condition(side, "Operand of AND or OR")?),
            }
        }
        let kind = match operator {
            BinaryOperator::And => ExprKind::And(sides),
            _ => ExprKind::Or(sides),
        };
        Ok(Expr { kind, expr_type: Type::Bool, at })
    }

    /// Both sides as their common type.
    pub(super) fn alike(&mut self, left: Expr, right: Expr, sign: &str) -> Result<(Expr, Expr)> {
        // A literal that cannot be read as the other side's type says so itself.
        let common = common_type([&left, &right]);
        let Some(common) = common.filter(Type::is_comparable) else {
            let types = format!("{}, {}", left.expr_type, right.expr_type);
            let text = format!(
                "No matching signature for operator {sign}\n  Argument types: {types}\n  Signature: T1 {sign} T1\n    \
                 Unable to find common supertype for templated argument <T1>\n      \
                 Input types for <T1>: {{{types}}}"
            );
            return Err(SqlError::at(left.at, text));
        };
        let mut left = coerce_to(self.session, left, &common)?;
        let mut right = coerce_to(self.session, right, &common)?;
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
        sign: &str,
        at: Offset,
    ) -> Result<Expr> {
        let (left, right) = self.alike(left, right, sign)?;
        let is_order = !matches!(operator, Comparison::Equal | Comparison::NotEqual);
        if is_order && !left.expr_type.is_orderable() {
            let text = format!(
                "{} is not defined for arguments of type {}",
                order_name(operator),
                left.expr_type
            );
            return Err(SqlError::at(at, text));
        }
        let kind = ExprKind::Compare { operator, left: Box::new(left), right: Box::new(right) };
        Ok(Expr { kind, expr_type: Type::Bool, at })
    }

    fn between(
        &mut self,
        operand: &ast::Expr,
        low: &ast::Expr,
        high: &ast::Expr,
        at: Offset,
    ) -> Result<Expr> {
        let (operand, low, high) =
            (self.resolve(operand)?, self.resolve(low)?, self.resolve(high)?);
        let low = self.compare(Comparison::GreaterOrEqual, operand.clone(), low, "BETWEEN", at)?;
        let high = self.compare(Comparison::LessOrEqual, operand, high, "BETWEEN", at)?;
        Ok(Expr { kind: ExprKind::And(vec![low, high]), expr_type: Type::Bool, at })
    }

    fn is(&mut self, operand: &ast::Expr, what: IsWhat, at: Offset) -> Result<Expr> {
        let operand = Box::new(match what {
            IsWhat::Null => self.resolve(operand)?,
            _ => self.condition(operand, "Operand of IS")?,
        });
        let kind = match what {
            IsWhat::Null | IsWhat::Unknown => ExprKind::IsNull(operand),
            IsWhat::True => ExprKind::IsBool { operand, expected: true },
            IsWhat::False => ExprKind::IsBool { operand, expected: false },
        };
        Ok(Expr { kind, expr_type: Type::Bool, at })
    }

    fn membership(&mut self, operand: &ast::Expr, source: &InSource, at: Offset) -> Result<Expr> {
        let operand = self.resolve(operand)?;
        let kind = match source {
            InSource::List(list) => {
                let list =
                    list.iter().map(|item| self.resolve(item)).collect::<Result<Vec<_>>>()?;
                let common = common_type(std::iter::once(&operand).chain(&list))
                    .filter(Type::is_comparable)
                    .ok_or_else(|| no_common("IN", &operand, list.first()))?;
                let operand = Box::new(coerce_to(self.session, operand, &common)?);
                let list = list
                    .into_iter()
                    .map(|item| coerce_to(self.session, item, &common))
                    .collect::<Result<Vec<_>>>()?;
                ExprKind::In { operand, list }
            }
            InSource::Unnest(array) => {
                let array = self.resolve(array)?;
                let Some(element) = array.expr_type.element().cloned() else {
                    let text = format!(
                        "Second argument of IN UNNEST must be an array but was {}",
                        array.expr_type
                    );
                    return Err(SqlError::at(array.at, text));
                };
                let sample = Expr {
                    kind: ExprKind::Column(crate::resolved::ColumnId(u32::MAX)),
                    expr_type: element,
                    at: array.at,
                };
                let common = common_type([&operand, &sample])
                    .ok_or_else(|| no_common("IN UNNEST", &operand, Some(&sample)))?;
                let operand = Box::new(coerce_to(self.session, operand, &common)?);
                let array = Box::new(coerce_to(self.session, array, &Type::array_of(common))?);
                ExprKind::InArray { operand, array }
            }
            InSource::Subquery(query) => {
                let (subquery, columns) = self.subquery(query)?;
                let [column] = &columns[..] else {
                    let text = "Subquery of type IN must have only one output column";
                    return Err(SqlError::at(query.at, text));
                };
                let sample = Expr::column(column.id, column.column_type.clone(), query.at);
                let common = common_type([&operand, &sample])
                    .filter(Type::is_comparable)
                    .ok_or_else(|| no_common("IN", &operand, Some(&sample)))?;
                let operand = Box::new(coerce_to(self.session, operand, &common)?);
                let subquery = self.subquery_as(subquery, &sample, &common)?;
                ExprKind::InSubquery { operand, subquery }
            }
        };
        Ok(Expr { kind, expr_type: Type::Bool, at })
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

    fn like(
        &mut self,
        operand: &ast::Expr,
        quantifier: &LikeQuantifier,
        at: Offset,
    ) -> Result<Expr> {
        let (source, all) = match quantifier {
            LikeQuantifier::One(pattern) => {
                let args = vec![self.resolve(operand)?, self.resolve(pattern)?];
                return self.builtin("$like", &Spelling::Operator("LIKE"), args, at);
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

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        branches: &[ast::CaseBranch],
        otherwise: Option<&ast::Expr>,
        at: Offset,
    ) -> Result<Expr> {
        let operand = operand.map(|operand| self.resolve(operand)).transpose()?;
        let mut whens = Vec::with_capacity(branches.len());
        let mut thens = Vec::with_capacity(branches.len() + 1);
        for branch in branches {
            whens.push(match &operand {
                None => self.condition(&branch.when, "WHEN clause")?,
                Some(operand) => {
                    let value = self.resolve(&branch.when)?;
                    self.compare(Comparison::Equal, operand.clone(), value, "=", at)?
                }
            });
            thens.push(self.resolve(&branch.then)?);
        }
        thens.push(match otherwise {
            Some(otherwise) => self.resolve(otherwise)?,
            None => Expr::literal(Value::Null, Type::Int64, at),
        });
        let (mut thens, expr_type) = self.unify(thens, "CASE", at)?;
        let otherwise = Box::new(thens.pop().expect("the else branch was pushed"));
        let branches = whens.into_iter().zip(thens).collect();
        Ok(Expr { kind: ExprKind::Case { branches, otherwise }, expr_type, at })
    }

    /// Expressions as their common type.
    pub(super) fn unify(
        &mut self,
        exprs: Vec<Expr>,
        what: &str,
        at: Offset,
    ) -> Result<(Vec<Expr>, Type)> {
        let Some(common) = common_type(&exprs) else {
            let mut types: Vec<String> = exprs
                .iter()
                .filter(|expr| !expr.is_untyped_null())
                .map(|expr| expr.expr_type.to_string())
                .collect();
            types.dedup();
            let text = format!(
                "No matching signature for {what}\n  Argument types: {}\n  \
                 Unable to find common supertype for templated argument <T1>",
                types.join(", ")
            );
            return Err(SqlError::at(at, text));
        };
        let exprs = exprs
            .into_iter()
            .map(|expr| coerce_to(self.session, expr, &common))
            .collect::<Result<Vec<_>>>()?;
        Ok((exprs, common))
    }

    fn cast_expr(
        &mut self,
        safe: bool,
        operand: &ast::Expr,
        target: &ast::TypeExpr,
        format: Option<&ast::Expr>,
        zone: Option<&ast::Expr>,
        at: Offset,
    ) -> Result<Expr> {
        let to = self.written_type(target)?;
        let operand = self.resolve(operand)?;
        let kind = if let Some(format) = format {
            let format = Box::new(self.resolve_as(format, &Type::String, "FORMAT clause")?);
            let zone = zone
                .map(|zone| {
                    self.resolve_as(zone, &Type::String, "AT TIME ZONE clause").map(Box::new)
                })
                .transpose()?;
            ExprKind::FormatCast { operand: Box::new(operand), safe, format, zone }
        } else {
            let is_empty = matches!(&operand.kind, ExprKind::Array(list) if list.is_empty());
            if operand.is_untyped_null() || is_empty && matches!(to, Type::Array(_)) {
                // NULL and [] have no type of their own.
                let kind = match operand.kind {
                    ExprKind::Array(list) => ExprKind::Array(list),
                    _ => ExprKind::Literal { value: Value::Null, coercible: false },
                };
                return Ok(Expr { kind, expr_type: to, at });
            }
            if !crate::cast::is_castable(&operand.expr_type, &to) {
                let text = format!("Invalid cast from {} to {to}", operand.expr_type);
                return Err(SqlError::at(operand.at, text));
            }
            let is_literal = operand.is_coercible_literal() && !safe;
            if is_literal
                && let Some(value) = operand.as_literal()
                && target.parameters.is_empty()
                && operand.expr_type == Type::String
            {
                let value = literal_to(self.session, value, &operand.expr_type, &to);
                if let Ok(value) = value {
                    let kind = ExprKind::Literal { value, coercible: false };
                    return Ok(Expr { kind, expr_type: to, at });
                }
            }
            ExprKind::Cast {
                operand: Box::new(operand),
                safe,
                parameters: target.parameters.clone(),
            }
        };
        Ok(Expr { kind, expr_type: to, at })
    }

    fn extract(
        &mut self,
        part: &str,
        operand: &ast::Expr,
        zone: Option<&ast::Expr>,
        at: Offset,
    ) -> Result<Expr> {
        let operand = self.resolve(operand)?;
        let name = match part {
            "DATE" => "$extract_date",
            "TIME" => "$extract_time",
            "DATETIME" => "$extract_datetime",
            _ => "$extract",
        };
        let mut args = vec![Expr::literal(Value::string(part), Type::String, at), operand];
        if let Some(zone) = zone {
            args.push(self.resolve(zone)?);
        }
        self.builtin(name, &Spelling::Function("EXTRACT"), args, at)
    }

    fn array(
        &mut self,
        element: Option<&ast::TypeExpr>,
        elements: &[ast::Expr],
        at: Offset,
    ) -> Result<Expr> {
        let element = element.map(|element| self.written_type(element)).transpose()?;
        let elements =
            elements.iter().map(|value| self.resolve(value)).collect::<Result<Vec<_>>>()?;
        let (elements, element) = match element {
            Some(Type::Array(element)) => {
                let what = "Array element";
                let elements = elements
                    .into_iter()
                    .map(|value| self.coerce(value, &element, what))
                    .collect::<Result<Vec<_>>>()?;
                (elements, (*element).clone())
            }
            Some(element) => {
                let elements = elements
                    .into_iter()
                    .map(|value| self.coerce(value, &element, "Array element"))
                    .collect::<Result<Vec<_>>>()?;
                (elements, element)
            }
            None if elements.is_empty() => (elements, Type::Int64),
            None => {
                let types: Vec<String> =
                    elements.iter().map(|value| value.expr_type.to_string()).collect();
                self.unify(elements, "array", at).map_err(|_| {
                    let text = format!(
                        "Array elements of types {{{}}} do not have a common supertype",
                        types.join(", ")
                    );
                    SqlError::at(at, text)
                })?
            }
        };
        if matches!(element, Type::Array(_)) {
            let text = "Cannot construct array with element type ARRAY because nested arrays are not supported";
            return Err(SqlError::at(at, text));
        }
        Ok(Expr { kind: ExprKind::Array(elements), expr_type: Type::array_of(element), at })
    }

    fn structure(
        &mut self,
        target: Option<&ast::TypeExpr>,
        items: &[ast::StructItem],
        at: Offset,
    ) -> Result<Expr> {
        let values =
            items.iter().map(|item| self.resolve(&item.value)).collect::<Result<Vec<_>>>()?;
        if let Some(target) = target {
            let to = self.written_type(target)?;
            let fields = to.fields().unwrap_or_default();
            if fields.len() != values.len() {
                let text = format!(
                    "STRUCT type has {} fields but constructor call has {} fields",
                    fields.len(),
                    values.len()
                );
                return Err(SqlError::at(at, text));
            }
            let values = values
                .into_iter()
                .zip(fields)
                .map(|(value, field)| self.coerce(value, &field.field_type, "Struct field"))
                .collect::<Result<Vec<_>>>()?;
            return Ok(Expr { kind: ExprKind::Struct(values), expr_type: to, at });
        }
        let fields = items.iter().zip(&values).map(|(item, value)| {
            let name = match &item.alias {
                Some(alias) => alias.name.as_str(),
                None => implied_name(&item.value).unwrap_or_default(),
            };
            StructField::new(name, value.expr_type.clone())
        });
        let expr_type = Type::struct_of(fields);
        Ok(Expr { kind: ExprKind::Struct(values), expr_type, at })
    }

    fn subquery_expr(
        &mut self,
        kind: SubqueryKind,
        query: &ast::Query,
        at: Offset,
    ) -> Result<Expr> {
        let (subquery, columns) = self.subquery(query)?;
        let one = |what: &str| match &columns[..] {
            [column] => Ok(column.column_type.clone()),
            _ => {
                let hint = match what {
                    "ARRAY" => {
                        "ARRAY subquery cannot have more than one column unless using SELECT AS STRUCT to build STRUCT values"
                    }
                    _ => {
                        "Scalar subquery cannot have more than one column unless using SELECT AS STRUCT to build STRUCT values"
                    }
                };
                Err(SqlError::at(at, hint))
            }
        };
        let (kind, expr_type) = match kind {
            SubqueryKind::Exists => (ExprKind::Exists(subquery), Type::Bool),
            SubqueryKind::Scalar => {
                let expr_type = one("scalar")?;
                (ExprKind::ScalarSubquery(subquery), expr_type)
            }
            SubqueryKind::Array => {
                let element = one("ARRAY")?;
                if matches!(element, Type::Array(_)) {
                    let text = "Cannot use array subquery with column of type ARRAY because nested arrays are not supported";
                    return Err(SqlError::at(at, text));
                }
                (ExprKind::ArraySubquery(subquery), Type::array_of(element))
            }
        };
        Ok(Expr { kind, expr_type, at })
    }

    fn with_expr(
        &mut self,
        bindings: &[(ast::Ident, ast::Expr)],
        result: &ast::Expr,
        at: Offset,
    ) -> Result<Expr> {
        let depth = self.arguments.len();
        let mut bound = Vec::with_capacity(bindings.len());
        for (name, value) in bindings {
            let value = self.resolve(value)?;
            let id = self.new_column();
            let column = Expr::column(id, value.expr_type.clone(), name.at);
            self.arguments.push((name.name.clone(), column));
            bound.push((id, value));
        }
        // Bound names go before columns: they are looked up as aliases of a level of their own.
        let aliases = self.arguments[depth..]
            .iter()
            .map(|(name, value)| (Arc::from(name.as_str()), value.clone()))
            .collect();
        let names = super::Names { aliases, ..super::Names::default() };
        let body = self.with_names(names, |this| this.resolve(result));
        self.arguments.truncate(depth);
        let body = body?;
        let expr_type = body.expr_type.clone();
        Ok(Expr { kind: ExprKind::Let { bindings: bound, body: Box::new(body) }, expr_type, at })
    }
}

/// `COLLATE(value, 'und:ci')`
fn is_collated(expr: &Expr) -> bool {
    let ExprKind::Call { function, args, .. } = &expr.kind else { return false };
    function.function.name == "COLLATE"
        && args.get(1).and_then(Expr::as_literal).and_then(Value::as_str) == Some("und:ci")
}

fn no_common(operator: &str, left: &Expr, right: Option<&Expr>) -> SqlError {
    let types = match right {
        Some(right) => format!("{}, {}", left.expr_type, right.expr_type),
        None => left.expr_type.to_string(),
    };
    let text = format!(
        "No matching signature for operator {operator} for argument types {} and {{{}}}",
        left.expr_type,
        right.map(|right| right.expr_type.to_string()).unwrap_or(types)
    );
    SqlError::at(left.at, text)
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

fn negated(expr: Expr, not: bool) -> Expr {
    if !not {
        return expr;
    }
    let at = expr.at;
    Expr { kind: ExprKind::Not(Box::new(expr)), expr_type: Type::Bool, at }
}

/// A parameter's NULL keeps its type.
fn firm_null(kind: ExprKind) -> ExprKind {
    match kind {
        ExprKind::Literal { value: Value::Null, .. } => {
            ExprKind::Literal { value: Value::Null, coercible: false }
        }
        kind => kind,
    }
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
