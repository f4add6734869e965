//! Values that an expression may have been written for, the plainest first.

use std::collections::BTreeMap;

use analysis::Value;

use super::Shape;
use super::words::{Part, Words};

/// How long lists are made when an expression asks for more elements than it names.
const LONG: usize = 8;
/// The highest index that a made-up list is filled up to.
const MAX_INDEX: usize = 64;

/// The candidates, without an end to speak of: the caller takes as many as it likes.
pub(super) fn candidates(words: &Words, shape: Shape) -> Box<dyn Iterator<Item = Value>> {
    let numbers = numbers(words);
    let series = series(numbers.clone());
    match shape {
        Shape::Numbers => Box::new(series),
        // A condition on the fields of a document is not about numbers: those would only be tried in vain.
        Shape::Document if words.paths.iter().flatten().any(|part| matches!(part, Part::Field(_))) => {
            Box::new(documents(words, &numbers))
        }
        Shape::Document => {
            let scalars = scalars(words, &numbers);
            let lists = numbers.into_iter().map(|number| Value::List(vec![Value::Float(number)]));
            Box::new(scalars.into_iter().chain(lists).chain(documents(words, &[])).chain(series))
        }
    }
}

/// Numbers on, beside and between those of the expression, then ordinary ones, then those that are none.
fn numbers(words: &Words) -> Vec<f64> {
    let known = &words.numbers;
    let between = known.windows(2).filter_map(|pair| Some(f64::midpoint(*pair.first()?, *pair.last()?)));
    let beside = known.iter().flat_map(|number| {
        let far = number.abs().max(1.0);
        [*number, number * 0.5, number * 2.0, number - far, number + far, number + 0.01, number - 0.01]
    });
    let ordinary = [0.0, 1.0, 0.5, 0.99, 100.0, 200.0, -1.0, 1_000_000.0];
    let strange = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let mut all: Vec<f64> = Vec::new();
    for number in between.chain(beside).chain(ordinary).chain(strange) {
        if !all.iter().any(|other| other.total_cmp(&number).is_eq()) {
            all.push(number);
        }
    }
    all
}

/// What time series databases answer: one series, a scalar, none, two, many.
fn series(numbers: Vec<f64>) -> impl Iterator<Item = Value> {
    let one = numbers.clone().into_iter().map(|number| Value::Floats(vec![number]));
    let scalar = numbers.clone().into_iter().map(Value::Float);
    let many = numbers.clone().into_iter().map(|number| Value::Floats(vec![number; LONG]));
    let seconds = numbers.clone();
    let two = numbers.into_iter().flat_map(move |first| {
        let seconds = seconds.clone();
        seconds.into_iter().map(move |second| Value::Floats(vec![first, second]))
    });
    one.chain(scalar).chain(std::iter::once(Value::Floats(Vec::new()))).chain(two).chain(many)
}

/// Values without parts.
fn scalars(words: &Words, numbers: &[f64]) -> Vec<Value> {
    let mut all: Vec<Value> = words.texts.iter().cloned().map(Value::String).collect();
    let others = [Value::String("other".to_owned()), Value::String(String::new())];
    if !all.is_empty() {
        all.extend(others.clone());
    }
    all.extend([Value::Bool(true), Value::Bool(false)]);
    all.extend(numbers.iter().copied().map(Value::Float));
    all.extend(others);
    all.push(Value::Nil);
    all
}

/// Documents that have every part that the expression asks for: first the same leaf everywhere, then each part by
/// itself.
fn documents(words: &Words, numbers: &[f64]) -> impl Iterator<Item = Value> + use<> {
    let paths: Vec<Vec<Part>> = words.paths.clone();
    let leaves = leaves(words, numbers);
    let same: Vec<Value> = leaves
        .iter()
        .map(|leaf| document(&paths.iter().map(|path| (path.as_slice(), leaf)).collect::<Vec<_>>()))
        .collect();
    same.into_iter().chain(Mixture::new(paths, leaves))
}

/// What may stand at the end of a way: a value without parts, or a list of them, or of objects with the fields that
/// predicates ask for.
fn leaves(words: &Words, numbers: &[f64]) -> Vec<Value> {
    let scalars = scalars(words, numbers);
    let objects = scalars.iter().filter(|_| !words.element_fields.is_empty()).map(|leaf| {
        let fields = words.element_fields.iter().map(|name| (name.clone(), leaf.clone()));
        Value::List(vec![Value::Map(fields.collect())])
    });
    let lists = numbers.iter().map(|number| Value::List(vec![Value::Float(*number); LONG]));
    scalars.iter().cloned().chain(objects).chain(lists).collect()
}

/// The document with these values at the ends of these ways.
fn document(parts: &[(&[Part], &Value)]) -> Value {
    if let Some((_, leaf)) = parts.iter().find(|(path, _)| path.is_empty()) {
        return (*leaf).clone();
    }
    let mut fields: BTreeMap<&str, Vec<(&[Part], &Value)>> = BTreeMap::new();
    let mut elements: BTreeMap<usize, Vec<(&[Part], &Value)>> = BTreeMap::new();
    for (path, leaf) in parts {
        match path.split_first() {
            Some((Part::Field(name), rest)) => fields.entry(name).or_default().push((rest, leaf)),
            Some((Part::Index(index), rest)) => {
                elements.entry((*index).min(MAX_INDEX)).or_default().push((rest, leaf));
            }
            None => {}
        }
    }
    if fields.is_empty() {
        let last = elements.keys().next_back().copied().unwrap_or_default();
        let element = |index| elements.get(&index).map_or(Value::Nil, |parts| document(parts));
        return Value::List((0..=last).map(element).collect());
    }
    Value::Map(fields.into_iter().map(|(name, parts)| (name.to_owned(), document(&parts))).collect())
}

/// Every way with every leaf: the last way changes slowest, so that few tries cover many pairs.
struct Mixture {
    paths: Vec<Vec<Part>>,
    leaves: Vec<Value>,
    chosen: Vec<usize>,
    ended: bool,
}

impl Mixture {
    fn new(paths: Vec<Vec<Part>>, leaves: Vec<Value>) -> Self {
        let ended = paths.is_empty() || leaves.is_empty();
        Self { chosen: vec![0; paths.len()], paths, leaves, ended }
    }

    fn advance(&mut self) {
        for place in &mut self.chosen {
            *place += 1;
            if *place < self.leaves.len() {
                return;
            }
            *place = 0;
        }
        self.ended = true;
    }
}

impl Iterator for Mixture {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        if self.ended {
            return None;
        }
        let leaves = self.chosen.iter().filter_map(|place| self.leaves.get(*place));
        let parts: Vec<(&[Part], &Value)> = self.paths.iter().map(Vec::as_slice).zip(leaves).collect();
        let value = document(&parts);
        self.advance();
        Some(value)
    }
}
