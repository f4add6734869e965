//! The words of a condition.

use super::error::{ConditionError, Problem};

/// A word and where it begins, in characters from 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) at: usize,
}

/// What a word is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    Int(i64),
    Float(f64),
    String(String),
    Name(String),
    /// An operator, a bracket or punctuation, also the operators that are words (`and`, `in`, …).
    Symbol(&'static str),
    End,
}

impl Token {
    /// How an error message names the word.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            TokenKind::Int(value) => format!("the number {value}"),
            TokenKind::Float(value) => format!("the number {value}"),
            TokenKind::String(_) => "a string".to_owned(),
            TokenKind::Name(name) => format!("`{name}`"),
            TokenKind::Symbol(symbol) => format!("`{symbol}`"),
            TokenKind::End => "the end of the expression".to_owned(),
        }
    }

    pub(super) fn is(&self, symbol: &str) -> bool {
        matches!(&self.kind, TokenKind::Symbol(found) if *found == symbol)
    }
}

/// Longest first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 36] = [
    "**", "==", "!=", "<=", ">=", "&&", "||", "..", "?.", "??", "::", "<", ">", "+", "-", "*", "/", "%", "^",
    "!", "?", ":", ".", ",", ";", "(", ")", "[", "]", "{", "}", "#", "|", "&", "=", "~",
];

const WORDS: [&str; 12] =
    ["and", "or", "not", "in", "contains", "startsWith", "endsWith", "matches", "let", "if", "else", "nil"];

/// The words of `text`, ended by [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ConditionError> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let token = lexer.next(tokens.last())?;
        let ended = token.kind == TokenKind::End;
        tokens.push(token);
        if ended {
            return Ok(tokens);
        }
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at.saturating_add(ahead)).copied()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let taken: String = self.chars.iter().skip(self.at).copied().take_while(|c| wanted(*c)).collect();
        self.at += taken.chars().count();
        taken
    }

    fn rest_starts_with(&self, symbol: &str) -> bool {
        symbol.chars().enumerate().all(|(index, c)| self.peek(index) == Some(c))
    }

    fn skip_blanks(&mut self) -> Result<(), ConditionError> {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest_starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest_starts_with("/*") {
                self.skip_block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    fn skip_block_comment(&mut self) -> Result<(), ConditionError> {
        let start = self.at;
        self.at += 2;
        while !self.rest_starts_with("*/") {
            if self.peek(0).is_none() {
                return Err(ConditionError::at(
                    start,
                    Problem::StringLiteral { why: "the comment does not end" },
                ));
            }
            self.at += 1;
        }
        self.at += 2;
        Ok(())
    }

    fn next(&mut self, previous: Option<&Token>) -> Result<Token, ConditionError> {
        let at = self.at;
        let kind = match self.peek(0) {
            None => TokenKind::End,
            Some(c) if c.is_ascii_digit() => self.number()?,
            Some('.') if self.peek(1).is_some_and(|c| c.is_ascii_digit()) => self.number()?,
            Some(quote @ ('"' | '\'')) => TokenKind::String(self.quoted(quote)?),
            Some('`') => TokenKind::String(self.raw()?),
            Some(c) if is_name_start(c) => self.name(previous),
            Some(c) => TokenKind::Symbol(self.symbol(c)?),
        };
        Ok(Token { kind, at })
    }

    fn symbol(&mut self, found: char) -> Result<&'static str, ConditionError> {
        let symbol = SYMBOLS.into_iter().find(|symbol| self.rest_starts_with(symbol)).ok_or_else(|| {
            let found = format!("the character {found:?}");
            ConditionError::at(
                self.at,
                Problem::Syntax { expected: "a number, string, name or operator", found },
            )
        })?;
        self.at += symbol.len();
        Ok(symbol)
    }

    /// A name, or an operator that is a word; after a dot every word is a field's name.
    fn name(&mut self, previous: Option<&Token>) -> TokenKind {
        let name = self.take_while(is_name_part);
        let is_field = previous.is_some_and(|token| token.is(".") || token.is("?."));
        match WORDS.into_iter().find(|word| *word == name) {
            Some(word) if !is_field => TokenKind::Symbol(word),
            _ => TokenKind::Name(name),
        }
    }

    fn number(&mut self) -> Result<TokenKind, ConditionError> {
        let start = self.at;
        let radix = match (self.peek(0), self.peek(1)) {
            (Some('0'), Some('x' | 'X')) => 16,
            (Some('0'), Some('b' | 'B')) => 2,
            (Some('0'), Some('o' | 'O')) => 8,
            _ => 10,
        };
        if radix != 10 {
            self.at += 2;
            let digits = self.take_while(is_name_part);
            return integer(&digits, radix, start);
        }
        let mut text = self.take_while(is_digit);
        let mut fraction = false;
        if self.peek(0) == Some('.') && self.peek(1) != Some('.') {
            fraction = true;
            self.at += 1;
            text.push('.');
            text.push_str(&self.take_while(is_digit));
        }
        if matches!(self.peek(0), Some('e' | 'E')) {
            fraction = true;
            text.push_str(&self.exponent());
        }
        if self.peek(0).is_some_and(is_name_part) {
            text.push_str(&self.take_while(is_name_part));
            return Err(number_error(&text, "a name cannot follow it directly", start));
        }
        if fraction { float(&text, start) } else { integer(&text, 10, start) }
    }

    fn exponent(&mut self) -> String {
        let mut text = self.take_while(|c| matches!(c, 'e' | 'E'));
        if let Some(sign @ ('+' | '-')) = self.peek(0) {
            self.at += 1;
            text.push(sign);
        }
        text + &self.take_while(is_digit)
    }

    fn raw(&mut self) -> Result<String, ConditionError> {
        let start = self.at;
        self.at += 1;
        let text = self.take_while(|c| c != '`');
        if self.peek(0).is_none() {
            return Err(ConditionError::at(start, Problem::StringLiteral { why: "the string does not end" }));
        }
        self.at += 1;
        Ok(text)
    }

    fn quoted(&mut self, quote: char) -> Result<String, ConditionError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek(0) {
                None | Some('\n') => {
                    return Err(ConditionError::at(
                        start,
                        Problem::StringLiteral { why: "the string does not end" },
                    ));
                }
                Some(c) if c == quote => {
                    self.at += 1;
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape()?),
                Some(c) => {
                    self.at += 1;
                    text.push(c);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, ConditionError> {
        let start = self.at;
        let named = self.peek(1);
        self.at += 2;
        let decoded = match named {
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('a') => Some('\u{7}'),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('v') => Some('\u{b}'),
            Some(c @ ('\\' | '"' | '\'' | '`')) => Some(c),
            Some('x') => self.code_point(2),
            Some('u') => self.code_point(4),
            Some('U') => self.code_point(8),
            _ => None,
        };
        let why = "the string has an unknown escape; write `\\\\` for a backslash";
        decoded.ok_or_else(|| ConditionError::at(start, Problem::StringLiteral { why }))
    }

    fn code_point(&mut self, digits: usize) -> Option<char> {
        let text: String = self.chars.iter().skip(self.at).take(digits).collect();
        let all_hex = text.len() == digits && text.chars().all(|c| c.is_ascii_hexdigit());
        self.at += digits;
        u32::from_str_radix(&text, 16).ok().filter(|_| all_hex).and_then(char::from_u32)
    }
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || c == '_'
}

fn is_name_start(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphabetic()
}

fn is_name_part(c: char) -> bool {
    is_name_start(c) || c.is_numeric()
}

fn integer(digits: &str, radix: u32, start: usize) -> Result<TokenKind, ConditionError> {
    let plain = digits.replace('_', "");
    i64::from_str_radix(&plain, radix)
        .map(TokenKind::Int)
        .map_err(|_| number_error(digits, "an integer of at most 64 bits was expected", start))
}

fn float(text: &str, start: usize) -> Result<TokenKind, ConditionError> {
    let value: Option<f64> = text.replace('_', "").parse().ok();
    value
        .filter(|value| value.is_finite())
        .map(TokenKind::Float)
        .ok_or_else(|| number_error(text, "a finite decimal number was expected", start))
}

fn number_error(text: &str, why: &'static str, start: usize) -> ConditionError {
    ConditionError::at(start, Problem::Number { text: text.chars().take(40).collect(), why })
}
