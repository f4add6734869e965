//! From words to a tree: operator precedence parsing.

use super::ast::{Access, BinaryOp, Choice, Comparison, Function, Iterate, Iteration, Kind, Node, UnaryOp};
use super::error::{ConditionError, Problem};
use super::number::float_of;
use super::token::{Token, TokenKind, tokens};

/// Characters that a condition may have.
pub(super) const MAX_LENGTH: usize = 16 * 1024;
/// Levels that a condition may nest: long chains of `&&` count one level per operator.
pub(super) const MAX_DEPTH: usize = 256;
/// How often the parser may call itself; each call costs several stack frames.
const MAX_NESTING: usize = 64;

const NOT: u16 = 50;
const SIGN: u16 = 90;
/// The power of what stands beside a comparison operator.
const COMPARED: u16 = 21;
const VALUE: &str = "a value";

/// The tree of `text`.
///
/// # Errors
/// When the text is too long, nests too deep, or is no expression of the language.
pub(super) fn parse(text: &str) -> Result<Node, ConditionError> {
    let length = text.chars().count();
    if length > MAX_LENGTH {
        return Err(ConditionError::at(MAX_LENGTH, Problem::TooLong { length, limit: MAX_LENGTH }));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, nesting: 0, predicates: 0 };
    let node = parser.expression(0)?;
    match &parser.current().kind {
        TokenKind::End => Ok(node),
        TokenKind::Symbol("|") => {
            Err(parser.unsupported("the pipe `|`", "call the function, as in `len(result)`"))
        }
        TokenKind::Symbol(";") => Err(parser.unsupported("`;`", "write one expression")),
        TokenKind::Symbol("=") => Err(parser.unexpected("`==`, another operator or the end")),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    nesting: usize,
    /// How many predicates enclose the current place: `#` and a leading `.field` need one.
    predicates: usize,
}

const END: Token = Token { kind: TokenKind::End, at: 0 };

impl Parser {
    fn current(&self) -> &Token {
        self.tokens.get(self.next).or_else(|| self.tokens.last()).unwrap_or(&END)
    }

    fn advance(&mut self) -> Token {
        let token = self.current().clone();
        self.next = self.next.saturating_add(1);
        token
    }

    fn accept(&mut self, symbol: &str) -> bool {
        let found = self.current().is(symbol);
        if found {
            self.next += 1;
        }
        found
    }

    fn expect(&mut self, symbol: &str, expected: &'static str) -> Result<(), ConditionError> {
        if self.accept(symbol) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn unexpected(&self, expected: &'static str) -> ConditionError {
        let token = self.current();
        ConditionError::at(token.at, Problem::Syntax { expected, found: token.describe() })
    }

    fn unsupported(&self, construct: &'static str, instead: &'static str) -> ConditionError {
        ConditionError::at(self.current().at, Problem::Unsupported { construct, instead })
    }

    /// An expression whose operators all bind at least as tightly as `power`.
    fn expression(&mut self, power: u16) -> Result<Node, ConditionError> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(ConditionError::at(self.current().at, Problem::TooDeep { limit: MAX_NESTING }));
        }
        let first = self.unary()?;
        let chain = self.binary(first, power)?;
        let node = if power == 0 { self.choice(chain)? } else { chain };
        self.nesting -= 1;
        Ok(node)
    }

    fn binary(&mut self, first: Node, power: u16) -> Result<Node, ConditionError> {
        let mut left = first;
        let mut after_coalesce = false;
        while let Some((operator, binds, negated)) = self.operator() {
            if binds < power {
                break;
            }
            if after_coalesce && operator != BinaryOp::Coalesce {
                let problem = Problem::MixedCoalesce { operator: operator.symbol() };
                return Err(ConditionError::at(self.current().at, problem));
            }
            after_coalesce = operator == BinaryOp::Coalesce;
            self.next += usize::from(negated);
            let at = self.advance().at;
            left = if operator.chains() {
                self.comparisons(left, operator, at)?
            } else {
                let right_power = if operator == BinaryOp::Power { binds } else { binds + 1 };
                let right = self.expression(right_power)?;
                join(operator, left, right, at)?
            };
            if negated {
                left = unary_node(UnaryOp::Not, left, at)?;
            }
        }
        Ok(left)
    }

    /// The operator that stands next, its power, and whether `not` stands before it.
    fn operator(&self) -> Option<(BinaryOp, u16, bool)> {
        let TokenKind::Symbol(symbol) = self.current().kind else { return None };
        if symbol == "not" {
            let TokenKind::Symbol(word) = self.tokens.get(self.next + 1)?.kind else { return None };
            let (operator, binds) = BinaryOp::of(word)?;
            return operator.takes_not().then_some((operator, binds, true));
        }
        BinaryOp::of(symbol).map(|(operator, binds)| (operator, binds, false))
    }

    /// `first < b <= c`; the first operator is taken already.
    fn comparisons(&mut self, first: Node, operator: BinaryOp, at: usize) -> Result<Node, ConditionError> {
        let start = at;
        let mut rest = vec![Comparison { operator, at, right: self.expression(COMPARED)? }];
        while let Some((operator, ..)) = self.operator().filter(|(next, ..)| next.chains()) {
            let at = self.advance().at;
            rest.push(Comparison { operator, at, right: self.expression(COMPARED)? });
        }
        let depth = rest.iter().map(|comparison| comparison.right.depth).max().unwrap_or(0).max(first.depth);
        node_over(Kind::Comparisons(Box::new(first), rest), start, depth)
    }

    fn choice(&mut self, condition: Node) -> Result<Node, ConditionError> {
        let mut node = condition;
        while self.current().is("?") {
            let at = self.advance().at;
            let then = if self.current().is(":") { None } else { Some(self.expression(0)?) };
            self.expect(":", "`:` and the value for false")?;
            let otherwise = self.expression(0)?;
            let depth = node.depth.max(otherwise.depth).max(then.as_ref().map_or(0, |then| then.depth));
            let choice = Choice { condition: node, then, otherwise };
            node = node_over(Kind::Choice(Box::new(choice)), at, depth)?;
        }
        Ok(node)
    }

    fn unary(&mut self) -> Result<Node, ConditionError> {
        let (operator, power) = match self.current().kind {
            TokenKind::Symbol("!" | "not") => (UnaryOp::Not, NOT),
            TokenKind::Symbol("-") => (UnaryOp::Minus, SIGN),
            TokenKind::Symbol("+") => (UnaryOp::Plus, SIGN),
            _ => return self.primary(),
        };
        let at = self.advance().at;
        let operand = self.expression(power)?;
        unary_node(operator, operand, at)
    }

    fn primary(&mut self) -> Result<Node, ConditionError> {
        let token = self.current().clone();
        let at = token.at;
        let leaf = match token.kind {
            TokenKind::Int(value) => Kind::Int(value),
            TokenKind::Float(value) => Kind::Float(value),
            TokenKind::Symbol("nil") => Kind::Nil,
            TokenKind::String(text) => {
                self.next += 1;
                return self.postfix(leaf(Kind::String(text.into()), at));
            }
            TokenKind::Name(name) => return self.name(&name, at),
            TokenKind::Symbol(symbol) => return self.bracketed(symbol, at),
            TokenKind::End => return Err(self.unexpected(VALUE)),
        };
        self.next += 1;
        Ok(Node { kind: leaf, at, depth: 1 })
    }

    fn bracketed(&mut self, symbol: &str, at: usize) -> Result<Node, ConditionError> {
        match symbol {
            "(" => {
                self.next += 1;
                let inner = self.expression(0)?;
                self.expect(")", "`)`")?;
                self.postfix(inner)
            }
            "[" => {
                self.next += 1;
                let items = self.items("]", "`,` or `]`")?;
                let depth = deepest(&items);
                let list = node_over(Kind::List(items), at, depth)?;
                self.postfix(list)
            }
            "#" | "." | "?." if self.predicates == 0 => {
                let expected =
                    "a value; `#` and a leading `.field` belong into the predicate of all(), any(), …";
                Err(self.unexpected(expected))
            }
            "#" => self.element(),
            "." | "?." => self.postfix(leaf(Kind::Element, at)),
            "{" => Err(self.unsupported("a map literal", "compare the fields one by one")),
            "let" => Err(self.unsupported("`let`", "write the value where it is used")),
            "if" => Err(self.unsupported("`if`", "write `condition ? a : b`")),
            _ => Err(self.unexpected(VALUE)),
        }
    }

    fn element(&mut self) -> Result<Node, ConditionError> {
        let at = self.advance().at;
        let touches = self.current().at == at + 1;
        if touches && matches!(self.current().kind, TokenKind::Name(_)) {
            return Err(self.unsupported("a named `#` pointer", "use `#` for the element"));
        }
        self.postfix(leaf(Kind::Element, at))
    }

    fn name(&mut self, name: &str, at: usize) -> Result<Node, ConditionError> {
        self.next += 1;
        let called = self.current().is("(");
        let constant = match name {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        if let Some(value) = constant {
            return Ok(leaf(Kind::Bool(value), at));
        }
        if called && let Some(function) = Iteration::of(name) {
            return self.iterate(function, at);
        }
        if called && let Some(function) = Function::of(name) {
            self.next += 1;
            let mut arguments = self.items(")", "`,` or `)`")?;
            if matches!(function, Function::IsNan | Function::IsInf) {
                arguments.iter_mut().for_each(literal_as_float);
            }
            let depth = deepest(&arguments);
            let call = node_over(Kind::Call(function, arguments), at, depth)?;
            return self.postfix(call);
        }
        if name == "result" && !called {
            return self.postfix(leaf(Kind::Result, at));
        }
        Err(ConditionError::at(at, Problem::UnknownName { name: name.chars().take(40).collect() }))
    }

    fn iterate(&mut self, function: Iteration, at: usize) -> Result<Node, ConditionError> {
        self.next += 1;
        let list = self.expression(0)?;
        let predicate = if self.accept(",") && !(function.predicate_is_optional() && self.current().is(")")) {
            Some(self.predicate()?)
        } else {
            None
        };
        self.accept(",");
        if predicate.is_none() && !function.predicate_is_optional() {
            return Err(self.unexpected("`,` and a predicate, as in `all(result, # < 1)`"));
        }
        self.expect(")", "`)`")?;
        let depth = list.depth.max(predicate.as_ref().map_or(0, |node| node.depth));
        let node = node_over(Kind::Iterate(Box::new(Iterate { function, list, predicate })), at, depth)?;
        self.postfix(node)
    }

    fn predicate(&mut self) -> Result<Node, ConditionError> {
        self.predicates += 1;
        let braces = self.accept("{");
        let node = self.expression(0)?;
        if braces {
            self.expect("}", "`}`")?;
        }
        self.predicates -= 1;
        Ok(node)
    }

    /// Expressions between commas up to `close`, which is taken; a trailing comma is allowed.
    fn items(&mut self, close: &str, expected: &'static str) -> Result<Vec<Node>, ConditionError> {
        let mut items = Vec::new();
        loop {
            if self.accept(close) {
                return Ok(items);
            }
            items.push(self.expression(0)?);
            if !self.accept(",") {
                self.expect(close, expected)?;
                return Ok(items);
            }
        }
    }

    /// `node` with the `.field`, `?.field` and `[key]` that follow it.
    fn postfix(&mut self, node: Node) -> Result<Node, ConditionError> {
        let mut node = node;
        let mut chained = false;
        loop {
            let token = self.current().clone();
            let TokenKind::Symbol(symbol @ ("." | "?." | "[")) = token.kind else { return Ok(node) };
            self.next += 1;
            let bracket = symbol == "[" || (symbol == "?." && self.accept("["));
            let (key, at) = if bracket { (self.key()?, token.at) } else { self.field()? };
            let depth = node.depth.max(key.depth);
            let access = Access { base: node, key, optional: symbol == "?.", chained };
            node = node_over(Kind::Access(Box::new(access)), at, depth)?;
            chained = true;
        }
    }

    fn key(&mut self) -> Result<Node, ConditionError> {
        if self.current().is(":") {
            return Err(self.unsupported("a slice", "take the elements one by one"));
        }
        let key = self.expression(0)?;
        if self.current().is(":") {
            return Err(self.unsupported("a slice", "take the elements one by one"));
        }
        self.expect("]", "`]`")?;
        Ok(key)
    }

    fn field(&mut self) -> Result<(Node, usize), ConditionError> {
        let TokenKind::Name(name) = &self.current().kind else {
            return Err(self.unexpected("the name of a field"));
        };
        let name: std::sync::Arc<str> = name.as_str().into();
        let at = self.advance().at;
        if self.current().is("(") {
            return Err(self.unsupported("a method call", "call the function, as in `len(result)`"));
        }
        Ok((leaf(Kind::String(name), at), at))
    }
}

fn leaf(kind: Kind, at: usize) -> Node {
    Node { kind, at, depth: 1 }
}

/// A node whose deepest child has `below` levels.
fn node_over(kind: Kind, at: usize, below: usize) -> Result<Node, ConditionError> {
    if below >= MAX_DEPTH {
        return Err(ConditionError::at(at, Problem::TooDeep { limit: MAX_DEPTH }));
    }
    Ok(Node { kind, at, depth: below + 1 })
}

fn join(operator: BinaryOp, left: Node, right: Node, at: usize) -> Result<Node, ConditionError> {
    let depth = left.depth.max(right.depth);
    node_over(Kind::Binary(operator, Box::new(left), Box::new(right)), at, depth)
}

fn unary_node(operator: UnaryOp, operand: Node, at: usize) -> Result<Node, ConditionError> {
    let depth = operand.depth;
    node_over(Kind::Unary(operator, Box::new(operand)), at, depth)
}

/// Functions of floats take the literal 1 for 1.0, but no other int.
fn literal_as_float(node: &mut Node) {
    match &mut node.kind {
        Kind::Unary(_, operand) => literal_as_float(operand),
        Kind::Int(value) => node.kind = Kind::Float(float_of(*value)),
        _ => {}
    }
}

fn deepest(nodes: &[Node]) -> usize {
    nodes.iter().map(|node| node.depth).max().unwrap_or(0)
}
