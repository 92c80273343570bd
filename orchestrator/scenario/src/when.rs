//! Whether a step runs: `always`, `drill`, `recovery`, or a small expression over what earlier steps gave.
//!
//! `${restore.blocked} == 0 && ${inputs.cutover}`: comparisons, `&&`, `||`, `!`, parentheses; nothing else.
//! It cannot call anything, loop or change anything.

use std::cmp::Ordering;

use serde_json::Value;

use crate::format::RunKind;
use crate::template::Reference;

#[derive(Debug, Clone, PartialEq, Default)]
pub enum When {
    #[default]
    Always,
    Only(RunKind),
    Expression(Expression),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    pub text: String,
    term: Term,
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    Literal(Value),
    Reference(Reference),
    Not(Box<Term>),
    And(Box<Term>, Box<Term>),
    Or(Box<Term>, Box<Term>),
    Compare(Box<Term>, Comparison, Box<Term>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Nesting deeper than this is refused: nobody can read it, and reading it recurses.
const MAX_DEPTH: usize = 32;
const MAX_LENGTH: usize = 2048;

impl When {
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "always" => Ok(Self::Always),
            "drill" => Ok(Self::Only(RunKind::Drill)),
            "recovery" => Ok(Self::Only(RunKind::Recovery)),
            other => Expression::parse(other).map(Self::Expression),
        }
    }

    pub fn references(&self) -> Vec<Reference> {
        match self {
            Self::Always | Self::Only(_) => Vec::new(),
            Self::Expression(expression) => expression.references(),
        }
    }
}

impl Expression {
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("the expression has {} characters; at most {MAX_LENGTH} make sense", text.len()));
        }
        let mut parser = Parser { rest: text, depth: 0 };
        let term = parser.or()?;
        parser.space();
        if !parser.rest.is_empty() {
            return Err(format!("cannot read {:?} in the expression {text:?}", parser.rest));
        }
        Ok(Self { text: text.to_owned(), term })
    }

    pub fn references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        self.term.references(&mut found);
        found
    }

    /// The expression must come out as a boolean: a missing or other value is an error, never "false".
    pub fn holds(&self, lookup: &dyn Fn(&Reference) -> Result<Value, String>) -> Result<bool, String> {
        match self.term.value(lookup)? {
            Value::Bool(value) => Ok(value),
            other => Err(format!("the expression {:?} gives {other}, which is neither true nor false", self.text)),
        }
    }
}

impl Term {
    fn references(&self, found: &mut Vec<Reference>) {
        match self {
            Self::Literal(_) => {}
            Self::Reference(reference) => found.push(reference.clone()),
            Self::Not(term) => term.references(found),
            Self::And(left, right) | Self::Or(left, right) | Self::Compare(left, _, right) => {
                left.references(found);
                right.references(found);
            }
        }
    }

    fn value(&self, lookup: &dyn Fn(&Reference) -> Result<Value, String>) -> Result<Value, String> {
        let boolean = |term: &Term| match term.value(lookup)? {
            Value::Bool(value) => Ok(value),
            other => Err(format!("{other} is neither true nor false")),
        };
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Reference(reference) => lookup(reference)?,
            Self::Not(term) => Value::Bool(!boolean(term)?),
            Self::And(left, right) => Value::Bool(boolean(left)? && boolean(right)?),
            Self::Or(left, right) => Value::Bool(boolean(left)? || boolean(right)?),
            Self::Compare(left, comparison, right) => {
                Value::Bool(comparison.holds(&left.value(lookup)?, &right.value(lookup)?)?)
            }
        })
    }
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> Result<bool, String> {
        let order = match (left, right) {
            (Value::Number(a), Value::Number(b)) => a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b)),
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            _ if left == right => Some(Ordering::Equal),
            _ => None,
        };
        match (self, order) {
            (Self::Equal, order) => Ok(order == Some(Ordering::Equal)),
            (Self::NotEqual, order) => Ok(order != Some(Ordering::Equal)),
            (_, None) => Err(format!("cannot order {left} and {right}")),
            (Self::Less, Some(order)) => Ok(order.is_lt()),
            (Self::LessOrEqual, Some(order)) => Ok(order.is_le()),
            (Self::Greater, Some(order)) => Ok(order.is_gt()),
            (Self::GreaterOrEqual, Some(order)) => Ok(order.is_ge()),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn or(&mut self) -> Result<Term, String> {
        let mut left = self.and()?;
        while self.take("||") {
            left = Term::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Term, String> {
        let mut left = self.comparison()?;
        while self.take("&&") {
            left = Term::And(Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Term, String> {
        let left = self.operand()?;
        for (token, comparison) in [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ] {
            if self.take(token) {
                return Ok(Term::Compare(Box::new(left), comparison, Box::new(self.operand()?)));
            }
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Term, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("the expression is nested too deeply".to_owned());
        }
        let term = self.operand_inside()?;
        self.depth -= 1;
        Ok(term)
    }

    fn operand_inside(&mut self) -> Result<Term, String> {
        if self.take("(") {
            let inside = self.or()?;
            return if self.take(")") { Ok(inside) } else { Err("a parenthesis never closes".to_owned()) };
        }
        if self.take("!") {
            return Ok(Term::Not(Box::new(self.operand()?)));
        }
        if self.take("${") {
            let (inside, after) = self.rest.split_once('}').ok_or("a \"${\" never closes")?;
            self.rest = after;
            return Reference::parse(inside).map(Term::Reference);
        }
        for quote in ["\"", "'"] {
            if self.take(quote) {
                let (inside, after) = self.rest.split_once(quote).ok_or("a quote never closes")?;
                self.rest = after;
                return Ok(Term::Literal(Value::String(inside.to_owned())));
            }
        }
        self.word()
    }

    fn word(&mut self) -> Result<Term, String> {
        self.space();
        let rest: &'a str = self.rest;
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '_' || c == '+'))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        let value = match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => match word.parse::<serde_json::Number>() {
                Ok(number) => Value::Number(number),
                Err(_) if word.is_empty() => return Err(format!("cannot read an expression at {rest:?}")),
                Err(_) => {
                    return Err(format!(
                        "unknown word {word:?}; write always, drill, recovery or an expression such as \
                         \"${{step.output}} == 'text'\""
                    ));
                }
            },
        };
        self.rest = after;
        Ok(Term::Literal(value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(text: &str) -> Result<bool, String> {
        let world = json!({"restore": {"blocked": 2, "phase": "Completed"}, "inputs": {"cutover": false}});
        Expression::parse(text)?.holds(&|reference| {
            let root = world.get(&reference.root).ok_or("no such step")?;
            reference.walk(root).cloned().ok_or_else(|| format!("{reference} is missing"))
        })
    }

    #[test]
    fn expressions_compare_and_combine() {
        for (text, expected) in [
            ("${restore.blocked} == 2", true),
            ("${restore.blocked} > 1.5 && ${restore.phase} == 'Completed'", true),
            ("!${inputs.cutover}", true),
            ("${inputs.cutover} || (${restore.blocked} <= 2 && true)", true),
            ("${restore.phase} != \"Completed\"", false),
            ("${restore.phase} == 2", false),
            ("-1 < 0", true),
        ] {
            assert_eq!(holds(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_decided_is_an_error() {
        for text in ["${restore.phase}", "${nowhere.x}", "${restore.phase} < 3", "${restore.gone} == 1", "1", "!1"] {
            holds(text).unwrap_err();
        }
        for text in [
            "drlil",
            "",
            "(true",
            "${a",
            "true true",
            "'x",
            "1 == ",
            &"(".repeat(1000),
            &"!".repeat(1000),
            &"true&&".repeat(10_000),
        ] {
            Expression::parse(text).unwrap_err();
        }
        assert_eq!(When::parse(" recovery "), Ok(When::Only(RunKind::Recovery)));
    }
}
