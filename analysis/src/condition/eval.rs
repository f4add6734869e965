//! Evaluation of a condition that passed the check.

use super::ast::{Access, BinaryOp, Comparison, Iterate, Iteration, Kind, Node};
use super::datum::Datum;
use super::error::{ConditionError, Problem};
use super::number::int_of;
use super::{functions, operators};

/// Steps that one evaluation may take; a node, an element and a character of a new string are one step each.
pub(super) const MAX_STEPS: u64 = 2_000_000;

pub(super) type Evaluated = Result<Datum, ConditionError>;

/// One evaluation of one condition.
pub(super) struct Machine {
    pub(super) result: Datum,
    /// The elements that the enclosing predicates look at, the innermost last.
    elements: Vec<Datum>,
    steps: u64,
}

impl Machine {
    pub(super) fn new(result: Datum) -> Self {
        Self { result, elements: Vec::new(), steps: 0 }
    }

    /// Accounts for work of `cost` steps before it is done.
    pub(super) fn spend(&mut self, cost: usize, at: usize) -> Result<(), ConditionError> {
        self.steps = self.steps.saturating_add(u64::try_from(cost).unwrap_or(u64::MAX));
        if self.steps > MAX_STEPS {
            return Err(ConditionError::at(at, Problem::TooManySteps { limit: MAX_STEPS }));
        }
        Ok(())
    }

    pub(super) fn node(&mut self, node: &Node) -> Evaluated {
        self.spend(1, node.at)?;
        match &node.kind {
            Kind::Nil => Ok(Datum::Nil),
            Kind::Bool(value) => Ok(Datum::Bool(*value)),
            Kind::Int(value) => Ok(Datum::Int(*value)),
            Kind::Float(value) => Ok(Datum::Float(*value)),
            Kind::String(text) => Ok(Datum::String(text.clone())),
            Kind::Result => Ok(self.result.clone()),
            Kind::Element => Ok(self.elements.last().cloned().unwrap_or(Datum::Nil)),
            Kind::List(items) => {
                let items: Result<Vec<Datum>, _> = items.iter().map(|item| self.node(item)).collect();
                Ok(Datum::List(items?.into()))
            }
            Kind::Unary(operator, operand) => {
                let operand = self.node(operand)?;
                operators::unary(*operator, &operand).map_err(|problem| ConditionError::at(node.at, problem))
            }
            Kind::Binary(operator, left, right) => self.binary(*operator, left, right, node.at),
            Kind::Comparisons(first, rest) => self.comparisons(first, rest),
            Kind::Choice(choice) => match (self.node(&choice.condition)?, &choice.then) {
                (Datum::Bool(true), Some(then)) => self.node(then),
                (Datum::Bool(true), None) => Ok(Datum::Bool(true)),
                (Datum::Bool(false), _) => self.node(&choice.otherwise),
                (other, _) => {
                    let problem = Problem::Choice { found: other.kind().to_string() };
                    Err(ConditionError::at(choice.condition.at, problem))
                }
            },
            Kind::Access(access) => Ok(self.access(access, node.at)?.unwrap_or(Datum::Nil)),
            Kind::Call(function, arguments) => {
                let values: Result<Vec<Datum>, _> =
                    arguments.iter().map(|argument| self.node(argument)).collect();
                functions::call(self, *function, &values?, node.at)
            }
            Kind::Iterate(iterate) => self.iterate(iterate, node.at),
        }
    }

    fn binary(&mut self, operator: BinaryOp, left: &Node, right: &Node, at: usize) -> Evaluated {
        let first = self.node(left)?;
        match (operator, &first) {
            (BinaryOp::Coalesce, Datum::Nil) => return self.node(right),
            (BinaryOp::And, Datum::Bool(false))
            | (BinaryOp::Or, Datum::Bool(true))
            | (BinaryOp::Coalesce, _) => {
                return Ok(first);
            }
            _ => {}
        }
        let second = self.node(right)?;
        self.spend(operators::cost(operator, &first, &second), at)?;
        operators::binary(operator, &first, &second).map_err(|problem| ConditionError::at(at, problem))
    }

    fn comparisons(&mut self, first: &Node, rest: &[Comparison]) -> Evaluated {
        let mut left = self.node(first)?;
        for comparison in rest {
            let right = self.node(&comparison.right)?;
            self.spend(operators::cost(comparison.operator, &left, &right), comparison.at)?;
            let holds = operators::binary(comparison.operator, &left, &right)
                .map_err(|problem| ConditionError::at(comparison.at, problem))?;
            if !matches!(holds, Datum::Bool(true)) {
                return Ok(holds);
            }
            left = right;
        }
        Ok(Datum::Bool(true))
    }

    /// The accessed value; nothing where a `?.` of the chain met nil.
    fn access(&mut self, access: &Access, at: usize) -> Result<Option<Datum>, ConditionError> {
        let base = match &access.base.kind {
            Kind::Access(inner) if access.chained => {
                self.spend(1, access.base.at)?;
                let Some(base) = self.access(inner, access.base.at)? else { return Ok(None) };
                base
            }
            _ => self.node(&access.base)?,
        };
        if access.optional && matches!(base, Datum::Nil) {
            return Ok(None);
        }
        let key = self.node(&access.key)?;
        operators::access(&base, &key).map(Some).map_err(|problem| {
            let key_is_wrong = matches!(problem, Problem::ListIndex { .. } | Problem::MapKey { .. });
            ConditionError::at(if key_is_wrong { access.key.at } else { at }, problem)
        })
    }

    fn iterate(&mut self, iterate: &Iterate, at: usize) -> Evaluated {
        let function = iterate.function;
        let items = match self.node(&iterate.list)? {
            Datum::List(items) => items,
            other => {
                let found = other.kind().to_string();
                let problem = Problem::Argument { function: function.name(), expected: "a list", found };
                return Err(ConditionError::at(iterate.list.at, problem));
            }
        };
        let mut fold = Fold::new(function);
        for item in items.iter() {
            self.spend(1, at)?;
            let said = match &iterate.predicate {
                None => item.clone(),
                Some(predicate) => {
                    self.elements.push(item.clone());
                    let said = self.node(predicate);
                    self.elements.pop();
                    said?
                }
            };
            let place = iterate.predicate.as_ref().map_or(at, |predicate| predicate.at);
            if fold.next(item, said).map_err(|problem| ConditionError::at(place, problem))? {
                break;
            }
        }
        Ok(fold.end())
    }
}

/// What a walk over a list has found so far.
struct Fold {
    function: Iteration,
    matched: usize,
    missed: usize,
    kept: Vec<Datum>,
    sum: Datum,
}

impl Fold {
    fn new(function: Iteration) -> Self {
        Self { function, matched: 0, missed: 0, kept: Vec::new(), sum: Datum::Int(0) }
    }

    /// Takes what the predicate said about `item`; true when the rest of the list cannot matter.
    fn next(&mut self, item: &Datum, said: Datum) -> Result<bool, Problem> {
        let function = self.function;
        match (function, said) {
            (Iteration::Map, said) => self.kept.push(said),
            (Iteration::Sum, said) if said.number().is_some() => {
                self.sum = operators::binary(BinaryOp::Add, &self.sum, &said)?;
            }
            (Iteration::Sum, said) => {
                let found = said.kind().to_string();
                return Err(Problem::Argument { function: "sum", expected: "numbers", found });
            }
            (_, Datum::Bool(true)) => self.matched += 1,
            (_, Datum::Bool(false)) => self.missed += 1,
            (_, said) => {
                return Err(Problem::Predicate { function: function.name(), found: said.kind().to_string() });
            }
        }
        let matched_now = self.matched > 0 && matches!(function, Iteration::Filter | Iteration::Find);
        if matched_now {
            self.matched = 0;
            self.kept.push(item.clone());
        }
        Ok(match function {
            Iteration::All => self.missed > 0,
            Iteration::None | Iteration::Any => self.matched > 0,
            Iteration::Find => matched_now,
            _ => false,
        })
    }

    fn end(self) -> Datum {
        match self.function {
            Iteration::All => Datum::Bool(self.missed == 0),
            Iteration::None => Datum::Bool(self.matched == 0),
            Iteration::Any => Datum::Bool(self.matched > 0),
            Iteration::One => Datum::Bool(self.matched == 1),
            Iteration::Filter | Iteration::Map => Datum::List(self.kept.into()),
            Iteration::Count => Datum::Int(int_of(self.matched)),
            Iteration::Sum => self.sum,
            Iteration::Find => self.kept.into_iter().next().unwrap_or(Datum::Nil),
        }
    }
}
