//! What an expression speaks of: its numbers, its texts, the fields of the result and those of its elements.

use std::collections::BTreeSet;

/// A step from a value to a part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// A field of an object.
    Field(String),
    /// An element of a list.
    Index(usize),
}

/// The words of one or several expressions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Words {
    /// The numbers, in order of size, each once.
    pub numbers: Vec<f64>,
    /// The texts in quotes.
    pub texts: BTreeSet<String>,
    /// The ways from `result` to its parts; no way is the beginning of another.
    pub paths: Vec<Vec<Part>>,
    /// The fields of elements: a leading `.field` inside of a predicate.
    pub element_fields: BTreeSet<String>,
}

impl Words {
    /// Reads expressions. What cannot be read is passed over: the judge has the last word.
    pub(super) fn of(expressions: &[&str]) -> Self {
        let mut words = Self::default();
        let mut paths = BTreeSet::new();
        for expression in expressions {
            Reader { chars: expression.chars().collect(), at: 0 }.read(&mut words, &mut paths);
        }
        words.numbers.retain(|number| number.is_finite());
        words.numbers.sort_by(f64::total_cmp);
        words.numbers.dedup();
        words.paths = paths
            .iter()
            .filter(|path| {
                !path.is_empty() && !paths.iter().any(|other| other != *path && other.starts_with(path))
            })
            .cloned()
            .collect();
        words
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn read(&mut self, words: &mut Words, paths: &mut BTreeSet<Vec<Part>>) {
        // Whether a value has just ended: then a dot begins a field of it, else a field of the element.
        let mut after_value = false;
        while let Some(c) = self.peek(0) {
            let was_value = std::mem::replace(&mut after_value, false);
            match c {
                '\'' | '"' | '`' => {
                    words.texts.insert(self.quoted(c));
                    after_value = true;
                }
                _ if c.is_ascii_digit() => {
                    words.numbers.extend(self.number());
                    after_value = true;
                }
                _ if is_name_start(c) => {
                    if self.name() == "result" {
                        paths.insert(self.path());
                    }
                    after_value = true;
                }
                '.' if !was_value && self.peek(1).is_some_and(is_name_start) => {
                    self.at += 1;
                    words.element_fields.insert(self.name());
                    after_value = true;
                }
                '.' if was_value && self.peek(1).is_some_and(is_name_start) => {
                    self.at += 1;
                    self.name();
                    after_value = true;
                }
                '#' => {
                    self.at += 1;
                    words.element_fields.extend(self.path().into_iter().next().and_then(field));
                    after_value = true;
                }
                _ => {
                    after_value = matches!(c, ')' | ']') || (was_value && c == '?');
                    self.at += 1;
                }
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let taken: String = self.chars.iter().skip(self.at).copied().take_while(|c| wanted(*c)).collect();
        self.at += taken.chars().count();
        taken
    }

    fn name(&mut self) -> String {
        self.take_while(|c| is_name_start(c) || c.is_ascii_digit())
    }

    fn quoted(&mut self, quote: char) -> String {
        self.at += 1;
        let text = self.take_while(|c| c != quote);
        self.at += 1;
        text
    }

    fn number(&mut self) -> Option<f64> {
        let mut text = self.take_while(|c| c.is_ascii_digit() || c == '_');
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            text = format!("{text}.{}", self.take_while(|c| c.is_ascii_digit()));
        }
        let exponent = usize::from(matches!(self.peek(1), Some('-' | '+'))) + 1;
        if matches!(self.peek(0), Some('e' | 'E')) && self.peek(exponent).is_some_and(|c| c.is_ascii_digit())
        {
            self.at += 1;
            text = format!("{text}e{}", self.take_while(|c| c.is_ascii_digit() || matches!(c, '-' | '+')));
        }
        text.replace('_', "").parse().ok()
    }

    /// The parts that follow a value: `.a.b`, `?.a`, `['a']`, `[0]`.
    fn path(&mut self) -> Vec<Part> {
        let mut path = Vec::new();
        while let Some(part) = self.part() {
            path.push(part);
        }
        path
    }

    fn part(&mut self) -> Option<Part> {
        let start = self.at;
        if self.peek(0) == Some('?') && self.peek(1) == Some('.') {
            self.at += 1;
        }
        let part = match self.peek(0) {
            Some('.') if self.peek(1).is_some_and(is_name_start) => {
                self.at += 1;
                Some(Part::Field(self.name()))
            }
            Some('[') => self.key(),
            _ => None,
        };
        if part.is_none() {
            self.at = start;
        }
        part
    }

    fn key(&mut self) -> Option<Part> {
        self.at += 1;
        self.take_while(char::is_whitespace);
        let part = match self.peek(0)? {
            quote @ ('\'' | '"') => Part::Field(self.quoted(quote)),
            _ => Part::Index(self.take_while(|c| c.is_ascii_digit()).parse().ok()?),
        };
        self.take_while(char::is_whitespace);
        if self.peek(0) != Some(']') {
            return None;
        }
        self.at += 1;
        Some(part)
    }
}

fn field(part: Part) -> Option<String> {
    match part {
        Part::Field(name) => Some(name),
        Part::Index(_) => None,
    }
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_texts_and_fields_are_found() {
        let words = Words::of(&[
            "result.ok == 'yes 7' && result['b c'][1] < 5e-1 and all(result.list, {.value >= 1_000 || #.other > 2})",
            "result.ok.deep > 0.5",
        ]);
        assert_eq!(words.numbers, [0.5, 2.0, 1000.0]);
        assert_eq!(words.texts.into_iter().collect::<Vec<_>>(), ["yes 7"]);
        assert_eq!(words.element_fields.into_iter().collect::<Vec<_>>(), ["other", "value"]);
        let field = |name: &str| Part::Field(name.to_owned());
        assert_eq!(
            words.paths,
            [vec![field("b c"), Part::Index(1)], vec![field("list")], vec![field("ok"), field("deep")]]
        );
    }

    #[test]
    fn broken_expressions_end() {
        for text in [
            "'",
            "result[",
            "result['a",
            "1.",
            "..",
            "#",
            "result?.",
            "1e",
            "\"",
            "result[99999999999999999999]",
        ] {
            assert!(Words::of(&[text]).paths.len() <= 1, "{text}");
        }
    }
}
