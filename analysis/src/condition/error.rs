//! Why a condition has no answer.

/// Why a condition could not be parsed or evaluated, and where.
///
/// Such an outcome is neither true nor false: a measurement that ends in it is an error, so that a typing mistake
/// never looks like a bad version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: {problem}")]
pub struct ConditionError {
    /// The place in the expression, counted in characters from 1.
    pub position: usize,
    /// What is wrong there.
    pub problem: Problem,
}

impl ConditionError {
    /// The error `problem` at the token that begins after `offset` characters.
    pub(super) fn at(offset: usize, problem: Problem) -> Self {
        Self { position: offset.saturating_add(1), problem }
    }
}

/// What is wrong with a condition; types are named `nil`, `bool`, `int`, `float`, `string`, `list of …`, `map`, `any`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The text is longer than a condition may be.
    #[error("the expression has {length} characters, at most {limit} are allowed")]
    TooLong {
        /// Characters found.
        length: usize,
        /// Characters allowed.
        limit: usize,
    },
    /// The expression nests deeper than the evaluator follows.
    #[error("the expression nests deeper than {limit} levels; split it or drop parentheses")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
    },
    /// Evaluation took more work than a condition may take.
    #[error("evaluation takes more than {limit} steps; let the query return fewer or smaller results")]
    TooManySteps {
        /// Steps allowed.
        limit: u64,
    },
    /// Another token was expected.
    #[error("expected {expected}, found {found}")]
    Syntax {
        /// What may stand here.
        expected: &'static str,
        /// What stands here.
        found: String,
    },
    /// A number that is no number or too large.
    #[error("`{text}` is not a number: {why}")]
    Number {
        /// The text found.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A string literal that does not end or has a wrong escape.
    #[error("{why}")]
    StringLiteral {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A construct of the language that Linnet does not evaluate.
    #[error("{construct} is not supported; {instead}")]
    Unsupported {
        /// The construct.
        construct: &'static str,
        /// What to write in its place.
        instead: &'static str,
    },
    /// `??` beside another operator, whose order would be unclear.
    #[error("`{operator}` and `??` cannot be mixed; wrap one of them in parentheses")]
    MixedCoalesce {
        /// The other operator.
        operator: &'static str,
    },
    /// A name that is neither `result` nor a function.
    #[error("unknown name `{name}`; the measured value is called `result`")]
    UnknownName {
        /// The name found.
        name: String,
    },
    /// A binary operator with operands that it is not defined for.
    #[error("`{operator}` cannot be applied to {left} and {right}")]
    Operands {
        /// The operator.
        operator: &'static str,
        /// The type on its left.
        left: String,
        /// The type on its right.
        right: String,
    },
    /// A unary operator with an operand that it is not defined for.
    #[error("`{operator}` cannot be applied to {operand}")]
    Operand {
        /// The operator.
        operator: &'static str,
        /// The type found.
        operand: String,
    },
    /// An element that does not fit the list it is looked for in, or a key that does not fit the map.
    #[error("{needle} can never be in {haystack}")]
    NeverIn {
        /// The type looked for.
        needle: String,
        /// The type searched.
        haystack: String,
    },
    /// `.field` on something without fields.
    #[error("{container} has no field `{field}`{}", first_element_hint(container))]
    NoField {
        /// The type of the value.
        container: String,
        /// The field asked for.
        field: String,
    },
    /// `[…]` on something that is neither list nor map.
    #[error("{container} cannot be indexed{}", scalar_hint(container))]
    NoIndex {
        /// The type of the value.
        container: String,
    },
    /// A list index that is no integer.
    #[error("a list is indexed by an int, not by {index}")]
    ListIndex {
        /// The type found.
        index: String,
    },
    /// A map key that is no string.
    #[error("a map is indexed by a string, not by {index}")]
    MapKey {
        /// The type found.
        index: String,
    },
    /// An index outside of the list.
    #[error("index {index} is out of range: the list has {}", elements(*length))]
    OutOfRange {
        /// The index asked for.
        index: i64,
        /// The length of the list.
        length: usize,
    },
    /// A function that was given too few or too many arguments.
    #[error("{function}() takes {expected}, found {found}")]
    ArgumentCount {
        /// The function.
        function: &'static str,
        /// How many it takes.
        expected: &'static str,
        /// How many there are.
        found: usize,
    },
    /// An argument of a type that the function does not take.
    #[error("{function}() takes {expected}, found {found}")]
    Argument {
        /// The function.
        function: &'static str,
        /// What it takes.
        expected: &'static str,
        /// The type found.
        found: String,
    },
    /// A string that a function cannot convert.
    #[error("{function}() cannot convert {text:?}: it is not {expected}")]
    Conversion {
        /// The function.
        function: &'static str,
        /// The text given, cut after 40 characters.
        text: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// A predicate that is not a yes or no.
    #[error("the predicate of {function}() must be a bool, found {found}")]
    Predicate {
        /// The function.
        function: &'static str,
        /// The type found.
        found: String,
    },
    /// A condition of `? :` that is not a yes or no.
    #[error("what stands before `?` must be a bool, found {found}")]
    Choice {
        /// The type found.
        found: String,
    },
    /// A regular expression that does not compile.
    #[error("the pattern after `matches` is not a regular expression: {why}")]
    Pattern {
        /// What is wrong with it.
        why: String,
    },
    /// A remainder by zero.
    #[error("integer division by zero")]
    DivisionByZero,
    /// The whole expression is not a yes or no.
    #[error("a condition must be a bool, found {found}; compare the value, as in `result[0] >= 0.95`")]
    NotBool {
        /// The type found.
        found: String,
    },
}

fn first_element_hint(container: &str) -> &'static str {
    if container.starts_with("list") { "; take an element first, as in `result[0].field`" } else { "" }
}

fn scalar_hint(container: &str) -> &'static str {
    match container {
        "float" | "int" => "; the query returned a scalar, so write `result` in place of `result[0]`",
        "nil" => "; the query returned nothing, guard it with `result != nil && …`",
        _ => "",
    }
}

fn elements(length: usize) -> String {
    match length {
        0 => "no elements; guard it, as in `len(result) == 0 || …`".to_owned(),
        1 => "1 element".to_owned(),
        n => format!("{n} elements"),
    }
}
