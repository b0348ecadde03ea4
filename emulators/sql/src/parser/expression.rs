//! Expressions with operators, by precedence climbing. From loose to tight: `OR`, `AND`, `NOT`,
//! comparisons, `|`, `^`, `&`, shifts, `+` and `-`, `||`, `*` and `/`, unary operators, fields and
//! subscripts. Comparisons do not chain.

use super::Parser;
use crate::ast::{
    BinaryOperator, Expr, ExprKind, InSource, IsWhat, LikeQuantifier, SubqueryKind, UnaryOperator,
};
use crate::error::{Offset, Result, SqlError};
use crate::lexer::TokenKind;
use crate::limits;

/// How tightly an operator binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Or,
    And,
    Not,
    Comparison,
    BitOr,
    BitXor,
    BitAnd,
    Shift,
    Sum,
    Concat,
    Product,
    Unary,
}

impl Level {
    /// The next tighter level: that of an operator's right side.
    fn tighter(self) -> Self {
        match self {
            Self::Or => Self::And,
            Self::And => Self::Not,
            Self::Not => Self::Comparison,
            Self::Comparison => Self::BitOr,
            Self::BitOr => Self::BitXor,
            Self::BitXor => Self::BitAnd,
            Self::BitAnd => Self::Shift,
            Self::Shift => Self::Sum,
            Self::Sum => Self::Concat,
            Self::Concat => Self::Product,
            Self::Product | Self::Unary => Self::Unary,
        }
    }
}

/// How a comparison to the left ended, which decides what another one after it is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compared {
    No,
    /// It ended in an operand, as `a = b` does.
    Open,
    /// It ended in something else, as `a IS NULL` and `a IN (b)` do.
    Closed,
}

impl Parser<'_> {
    /// An expression of any kind.
    pub(super) fn expression(&mut self) -> Result<Expr> {
        self.expression_at(Level::Or)
    }

    /// An expression whose operators bind at least so tightly.
    pub(super) fn expression_at(&mut self, level: Level) -> Result<Expr> {
        self.nested(|parser| parser.expression_within(level))
    }

    /// An operand of `BETWEEN`, `LIKE` and their kind: no comparison.
    pub(super) fn operand(&mut self) -> Result<Expr> {
        self.expression_at(Level::BitOr)
    }

    fn expression_within(&mut self, level: Level) -> Result<Expr> {
        let negated = level <= Level::Not && self.is_word("NOT") && !self.is_comparison();
        let mut left = if negated { self.negation()? } else { self.unary()? };
        let mut compared = Compared::No;
        let mut length = 0;
        loop {
            if level <= Level::Comparison && self.is_comparison() {
                self.check_comparison(compared)?;
                (left, compared) = self.comparison(left)?;
                continue;
            }
            let Some((operator, found)) = self.binary_operator() else { return Ok(left) };
            if found < level {
                return Ok(left);
            }
            if matches!(found, Level::Or | Level::And | Level::Concat) {
                left = self.associative_chain(left, operator, found)?;
            } else {
                length += 1;
                self.check_chain(length)?;
                let operator_at = self.take().start;
                let right = self.operand_of(found)?;
                left = binary(operator, left, right, operator_at);
            }
        }
    }

    /// The right side of an operator.
    fn operand_of(&mut self, level: Level) -> Result<Expr> {
        self.expression_at(level.tighter())
    }

    fn negation(&mut self) -> Result<Expr> {
        let at = self.take().start;
        let operand = Box::new(self.expression_at(Level::Not)?);
        Ok(Expr { kind: ExprKind::Unary { operator: UnaryOperator::Not, operand }, at })
    }

    fn unary(&mut self) -> Result<Expr> {
        let operator = match self.peek().kind {
            TokenKind::Symbol("-") => UnaryOperator::Minus,
            TokenKind::Symbol("+") => UnaryOperator::Plus,
            TokenKind::Symbol("~") => UnaryOperator::BitNot,
            _ => return self.postfix(),
        };
        let at = self.take().start;
        let operand = Box::new(self.nested(Self::unary)?);
        Ok(Expr { kind: ExprKind::Unary { operator, operand }, at })
    }

    /// The operator that comes next, if it is one that neither compares nor negates.
    fn binary_operator(&mut self) -> Option<(BinaryOperator, Level)> {
        use BinaryOperator::{
            Add, And, BitAnd, BitOr, BitXor, Concat, Divide, Multiply, Or, ShiftLeft, ShiftRight,
            Subtract,
        };
        let token = self.peek();
        Some(match token.kind {
            TokenKind::Symbol(symbol) => match symbol {
                "+" => (Add, Level::Sum),
                "-" => (Subtract, Level::Sum),
                "*" => (Multiply, Level::Product),
                "/" => (Divide, Level::Product),
                "||" => (Concat, Level::Concat),
                "|" => (BitOr, Level::BitOr),
                "^" => (BitXor, Level::BitXor),
                "&" => (BitAnd, Level::BitAnd),
                "<<" => (ShiftLeft, Level::Shift),
                ">>" => (ShiftRight, Level::Shift),
                _ => return None,
            },
            TokenKind::Word if self.is_word("AND") => (And, Level::And),
            TokenKind::Word if self.is_word("OR") => (Or, Level::Or),
            _ => return None,
        })
    }

    /// `left AND b AND c …`: short ones lean left, long ones are balanced, which means the same.
    fn associative_chain(
        &mut self,
        left: Expr,
        operator: BinaryOperator,
        level: Level,
    ) -> Result<Expr> {
        let mut operands = vec![left];
        let mut places = Vec::new();
        while self.binary_operator().is_some_and(|(found, _)| found == operator) {
            places.push(self.take().start);
            operands.push(self.operand_of(level)?);
        }
        if operands.len() >= limits::BALANCED_FROM {
            return Ok(balanced(operator, operands, &places));
        }
        let mut operands = operands.into_iter();
        let first = operands.next().expect("the left side is there");
        Ok(operands
            .zip(places)
            .fold(first, |left, (right, place)| binary(operator, left, right, place)))
    }

    fn is_comparison(&mut self) -> bool {
        match self.peek().kind {
            TokenKind::Symbol(symbol) => comparison_operator(symbol).is_some(),
            TokenKind::Word => {
                let after = usize::from(self.is_word("NOT"));
                ["LIKE", "IN", "BETWEEN"].iter().any(|word| self.nth_is_word(after, word))
                    || self.is_word("IS")
            }
            _ => false,
        }
    }

    /// Comparisons do not chain: `a = b = c` is an error at the second one.
    fn check_comparison(&mut self, compared: Compared) -> Result<()> {
        match compared {
            Compared::No => Ok(()),
            Compared::Open => self.unexpected(),
            Compared::Closed => {
                let after = usize::from(self.is_word("NOT"));
                let what = ["IS", "IN", "LIKE", "BETWEEN"]
                    .into_iter()
                    .find(|word| self.nth_is_word(after, word))
                    .unwrap_or("comparison");
                self.fail(&format!(
                    "Syntax error: Expression to the left of {what} must be parenthesized"
                ))
            }
        }
    }

    /// One comparison, whose left side has been read.
    fn comparison(&mut self, left: Expr) -> Result<(Expr, Compared)> {
        let at = left.at;
        if let TokenKind::Symbol(symbol) = self.peek().kind {
            let operator = comparison_operator(symbol).expect("it was looked at");
            let operator_at = self.take().start;
            let right = self.operand()?;
            return Ok((binary(operator, left, right, operator_at), Compared::Open));
        }
        let not = self.eat_word("NOT");
        let operand = Box::new(left);
        let operator_at = self.peek().start;
        let mut compared = Compared::Open;
        let kind = if self.eat_word("IS") {
            let not = self.eat_word("NOT");
            if self.eat_word("DISTINCT") {
                if !self.eat_word("FROM") {
                    return self.unexpected();
                }
                let right = Box::new(self.operand()?);
                ExprKind::IsDistinct { not, left: operand, right }
            } else {
                compared = Compared::Closed;
                ExprKind::Is { not, operand, what: self.is_what()? }
            }
        } else if self.eat_word("IN") {
            compared = Compared::Closed;
            ExprKind::In { not, operand, source: self.in_source()?, operator_at }
        } else if self.eat_word("BETWEEN") {
            let low = Box::new(self.operand()?);
            if self.is_comparison() || self.is_word("OR") {
                let message = "Syntax error: Expression in BETWEEN must be parenthesized";
                return Err(SqlError::at(low.at, message));
            }
            if !self.eat_word("AND") {
                return self.unexpected();
            }
            let high = Box::new(self.operand()?);
            ExprKind::Between { not, operand, low, high, operator_at }
        } else {
            self.expect_word("LIKE")?;
            let quantifier = self.like_quantifier()?;
            if !matches!(quantifier, LikeQuantifier::One(_)) {
                compared = Compared::Closed;
            }
            ExprKind::Like { not, operand, quantifier }
        };
        Ok((Expr { kind, at }, compared))
    }

    fn is_what(&mut self) -> Result<IsWhat> {
        let what = [
            ("NULL", IsWhat::Null),
            ("TRUE", IsWhat::True),
            ("FALSE", IsWhat::False),
            ("UNKNOWN", IsWhat::Unknown),
        ]
        .into_iter()
        .find(|(word, _)| self.is_word(word));
        let Some((_, what)) = what else {
            return self
                .expected("keyword FALSE or keyword NULL or keyword TRUE or keyword UNKNOWN");
        };
        self.take();
        Ok(what)
    }

    fn like_quantifier(&mut self) -> Result<LikeQuantifier> {
        if self.eat_word("ANY") || self.eat_word("SOME") {
            self.skip_hint()?;
            return Ok(LikeQuantifier::Any(self.in_source()?));
        }
        if self.eat_word("ALL") {
            self.skip_hint()?;
            return Ok(LikeQuantifier::All(self.in_source()?));
        }
        Ok(LikeQuantifier::One(Box::new(self.operand()?)))
    }

    /// What follows `IN`: a list, a subquery, or `UNNEST(array)`.
    fn in_source(&mut self) -> Result<InSource> {
        self.skip_hint()?;
        if self.eat_word("UNNEST") {
            self.expect_symbol("(")?;
            let array = self.expression()?;
            self.expect_symbol(")")?;
            return Ok(InSource::Unnest(Box::new(array)));
        }
        if !self.is_symbol("(") {
            return self.unexpected();
        }
        let mut inside = self.parenthesised()?;
        match inside.pop() {
            Some(Expr {
                kind: ExprKind::Subquery { kind: SubqueryKind::Scalar, query }, ..
            }) if inside.is_empty() => Ok(InSource::Subquery(query)),
            Some(last) => {
                inside.push(last);
                Ok(InSource::List(inside))
            }
            None => self.unexpected(),
        }
    }
}

/// `left operator right`
fn binary(operator: BinaryOperator, left: Expr, right: Expr, operator_at: Offset) -> Expr {
    let at = left.at;
    let (left, right) = (Box::new(left), Box::new(right));
    Expr { kind: ExprKind::Binary { operator, left, right, operator_at }, at }
}

/// A tree over operands in their order, as low as can be.
fn balanced(operator: BinaryOperator, mut operands: Vec<Expr>, places: &[Offset]) -> Expr {
    if operands.len() == 1 {
        return operands.pop().expect("there is one");
    }
    let middle = operands.len() / 2;
    let right = operands.split_off(middle);
    let left = balanced(operator, operands, &places[..middle - 1]);
    let right = balanced(operator, right, &places[middle..]);
    binary(operator, left, right, places[middle - 1])
}

fn comparison_operator(symbol: &str) -> Option<BinaryOperator> {
    Some(match symbol {
        "=" => BinaryOperator::Equal,
        "!=" | "<>" => BinaryOperator::NotEqual,
        "<" => BinaryOperator::Less,
        "<=" => BinaryOperator::LessOrEqual,
        ">" => BinaryOperator::Greater,
        ">=" => BinaryOperator::GreaterOrEqual,
        _ => return None,
    })
}
