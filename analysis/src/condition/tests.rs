use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

const TEMPLATES: &str = include_str!("golden/templates.txt");
const LANGUAGE: &str = include_str!("golden/language.txt");

/// Typical measured values: scalars, vectors, texts, nothing, JSON documents.
fn results() -> Vec<Value> {
    let document = json!({
        "ok": true, "successPercent": 0.95, "latency": 300, "errorRate": 0.01, "requestCount": 500,
        "status": "200", "code": 204, "major": "1", "successRate": 0.99, "decision": "PROMOTE", "variant": "blue",
        "exitCode": 0, "service_apdex": {"values": {"values": [{"value": "9950"}, {"value": 9990}]}},
        "list": [1, 2], "strs": ["a", "b"], "str": "ab", "num": 2, "obj": {"ok": null}, "in": 1, "x-y": 2,
    });
    vec![
        Value::Float(0.97),
        Value::Float(0.0),
        Value::Float(f64::NAN),
        Value::Float(f64::INFINITY),
        Value::Floats(vec![]),
        Value::Floats(vec![0.97]),
        Value::Floats(vec![0.01, 600.0]),
        Value::Floats(vec![2.0]),
        Value::Floats(vec![f64::NAN]),
        Value::Floats(vec![f64::INFINITY]),
        Value::Bool(true),
        Value::String("true".into()),
        Value::String(String::new()),
        Value::Nil,
        Value::from_json(&document),
        Value::from_json(&json!([1, "2", null, true])),
    ]
}

fn letter(outcome: &Result<bool, ConditionError>) -> char {
    match outcome {
        Ok(true) => 'T',
        Ok(false) => 'F',
        Err(_) => 'E',
    }
}

#[rstest]
#[case::of_public_templates(TEMPLATES, 53)]
#[case::of_the_language(LANGUAGE, 250)]
fn agrees_with_the_reference(#[case] golden: &str, #[case] at_least: usize) {
    let lines: Vec<&str> = golden.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(lines.len() >= at_least, "{} lines", lines.len());
    for line in lines {
        let (expected, expression) = line.split_once("  ").unwrap();
        let found: String = results().iter().map(|result| letter(&evaluate(expression, result))).collect();
        assert_eq!(found, expected, "{expression}");
    }
}

/// What the reference answers and Linnet refuses to: never the other way round, and never with another answer.
#[rstest]
#[case::slice("result[0:1] == [2]", "at character 9: a slice is not supported; take the elements one by one")]
#[case::pipe(
    "result | len() == 1",
    "at character 8: the pipe `|` is not supported; call the function, as in `len(result)`"
)]
#[case::map_literal(
    "{'a': 1}.a == 1",
    "at character 1: a map literal is not supported; compare the fields one by one"
)]
#[case::declaration(
    "let x = 1; x == 1",
    "at character 1: `let` is not supported; write the value where it is used"
)]
#[case::sequence("true; true", "at character 5: `;` is not supported; write one expression")]
#[case::named_pointer(
    "all(result, #index > 0)",
    "at character 14: a named `#` pointer is not supported; use `#` for the element"
)]
#[case::platform_dependent_cast(
    "asInt(0/0) == 0",
    "at character 1: asInt() cannot convert \"NaN\": it is not an integer of at most 64 bits"
)]
fn refuses(#[case] expression: &str, #[case] message: &str) {
    assert_eq!(evaluate(expression, &Value::Floats(vec![2.0])).unwrap_err().to_string(), message);
}

#[rstest]
#[case::empty("", "at character 1: expected a value, found the end of the expression")]
#[case::single_equals("result = 1", "at character 8: expected `==`, another operator or the end, found `=`")]
#[case::missing_operand("result >= ", "at character 11: expected a value, found the end of the expression")]
#[case::missing_bracket("result[0 >= 1", "at character 14: expected `]`, found the end of the expression")]
#[case::scalar_is_no_vector(
    "result == 'true'",
    "at character 8: `==` cannot be applied to list of float and string"
)]
#[case::out_of_range("result[1] > 0", "at character 7: index 1 is out of range: the list has 1 element")]
#[case::field_of_list(
    "result.ok",
    "at character 8: list of float has no field `ok`; take an element first, as in `result[0].field`"
)]
#[case::no_bool(
    "result[0]",
    "at character 7: a condition must be a bool, found float; compare the value, as in `result[0] >= 0.95`"
)]
#[case::unknown_name(
    "results[0] > 1",
    "at character 1: unknown name `results`; the measured value is called `result`"
)]
#[case::unknown_function(
    "foo(1)",
    "at character 1: unknown name `foo`; the measured value is called `result`"
)]
#[case::conversion(
    "asInt('1.1') == 1",
    "at character 1: asInt() cannot convert \"1.1\": it is not an integer of at most 64 bits"
)]
#[case::predicate(
    "all(result, # + 1)",
    "at character 15: the predicate of all() must be a bool, found float"
)]
#[case::pointer_outside(
    "# > 1",
    "at character 1: expected a value; `#` and a leading `.field` belong into the predicate of all(), any(), …, found `#`"
)]
#[case::mixed_coalesce(
    "nil ?? 1 == 1",
    "at character 10: `==` and `??` cannot be mixed; wrap one of them in parentheses"
)]
#[case::zero("7 % 0 == 1", "at character 3: integer division by zero")]
#[case::unterminated("'a", "at character 1: the string does not end")]
#[case::characters_are_counted_not_bytes(
    "'é' == @",
    "at character 8: expected a number, string, name or operator, found the character '@'"
)]
#[case::pattern(
    "'a' matches '('",
    "at character 5: the pattern after `matches` is not a regular expression: unclosed group"
)]
fn says_what_is_wrong(#[case] expression: &str, #[case] message: &str) {
    assert_eq!(evaluate(expression, &Value::Floats(vec![2.0])).unwrap_err().to_string(), message);
}

#[rstest]
#[case::scalar(
    "result[0] > 1",
    Value::Float(1.0),
    "float cannot be indexed; the query returned a scalar, so write `result` in place of `result[0]`"
)]
#[case::empty_vector("result[0] > 1", Value::Floats(vec![]), "index 0 is out of range: the list has no elements; guard it, as in `len(result) == 0 || …`")]
#[case::nothing(
    "result[0] > 1",
    Value::Nil,
    "nil cannot be indexed; the query returned nothing, guard it with `result != nil && …`"
)]
fn says_how_to_guard(#[case] expression: &str, #[case] result: Value, #[case] message: &str) {
    assert_eq!(evaluate(expression, &result).unwrap_err().problem.to_string(), message);
}

#[rstest]
#[case::parentheses("(".repeat(5_000), "nests deeper")]
#[case::signs("-".repeat(5_000), "nests deeper")]
#[case::negations(format!("{}true", "!".repeat(5_000)), "nests deeper")]
#[case::indexes(format!("result{}", "[result".repeat(2_000)), "nests deeper")]
#[case::sums(format!("1{} > 1", "+1".repeat(5_000)), "nests deeper")]
#[case::fields(format!("result{}", ".a".repeat(5_000)), "nests deeper")]
#[case::choices(format!("true{}", " ?: true".repeat(1_500)), "nests deeper")]
#[case::powers(format!("1{} > 1", "**1".repeat(5_000)), "nests deeper")]
#[case::length("1 ".repeat(50_000), "at most 16384")]
#[case::range("len(1..9223372036854775807) > 1".to_owned(), "more than 2000000 steps")]
#[case::loops("all(1..5000, all(1..5000, all(1..5000, true)))".to_owned(), "more than 2000000 steps")]
#[case::memory(growing_text(), "more than 2000000 steps")]
#[case::pattern(r"'a' matches '(a{1000}){1000}'".to_owned(), "not a regular expression")]
fn hostile_text_is_cut_short(#[case] expression: String, #[case] message: &str) {
    let error = evaluate(&expression, &Value::Floats(vec![1.0])).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

/// A text that would grow eightfold at each of ten levels.
fn growing_text() -> String {
    let sum = ["#"; 8].join(" + ");
    (0..10).fold("'aaaa'".to_owned(), |inner, _| format!("map([{inner}], {sum})[0]")) + " == ''"
}

#[test]
fn long_comparison_chains_do_not_multiply() {
    let nested = (0..30).fold("1".to_owned(), |inner, _| format!("sum([0, {inner}]) < 2 < 3 ? 1 : 0"));
    assert_eq!(evaluate(&format!("({nested}) == 1"), &Value::Nil), Ok(true));
}

#[test]
fn two_hundred_alternatives_are_not_too_deep() {
    let chain = vec!["result[0] == 7"; 200].join(" || ");
    assert_eq!(evaluate(&chain, &Value::Floats(vec![1.0])), Ok(false));
}

#[test]
fn a_condition_is_checked_where_it_is_never_evaluated() {
    let error = evaluate("true || result == 'x'", &Value::Float(1.0)).unwrap_err();
    assert_eq!(error.to_string(), "at character 16: `==` cannot be applied to float and string");
}

fn leaf() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "result",
        "result[0]",
        "result.ok",
        "result.list",
        "result[-1]",
        "1",
        "0",
        "2.5",
        "'ab'",
        "'2'",
        "nil",
        "true",
        "[]",
        "[1, 'a', nil]",
        "1..3",
        "9223372036854775807",
        "-0.0",
        "asFloat('NaN')",
    ])
    .prop_map(str::to_owned)
}

fn expression() -> impl Strategy<Value = String> {
    leaf().prop_recursive(6, 48, 4, |inner| {
        let operator = prop::sample::select(vec![
            "==",
            "!=",
            "<",
            "<=",
            ">",
            ">=",
            "+",
            "-",
            "*",
            "/",
            "%",
            "**",
            "..",
            "??",
            "&&",
            "||",
            "and",
            "or",
            "in",
            "not in",
            "contains",
            "startsWith",
            "endsWith",
            "matches",
            "not contains",
        ]);
        let function = prop::sample::select(vec![
            "len", "max", "min", "mean", "median", "sum", "asInt", "asFloat", "isNaN", "isInf", "isNil",
            "abs", "ceil", "floor", "round", "first", "last", "keys", "values", "int", "float", "string",
            "upper", "lower", "trim", "count", "!", "-", "+", "not ",
        ]);
        let walk =
            prop::sample::select(vec!["all", "any", "none", "one", "filter", "map", "count", "sum", "find"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            (function, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (walk, inner.clone(), inner.clone()).prop_map(|(f, a, p)| format!("{f}({a}, {{# == 1 || {p}}})")),
            (walk_map(), inner.clone()).prop_map(|(f, a)| format!("{f}({a}, .value)")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a}) ? ({b}) : ({c})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("default({a}, {b})")),
        ]
    })
}

fn walk_map() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["map", "filter", "all"])
}

proptest! {
    #[test]
    fn parsing_any_text_ends(text in "\\PC{0,200}") {
        let _ = Condition::parse(&text);
    }

    #[test]
    fn parsing_any_words_ends(words in prop::collection::vec(prop::sample::select(vec![
        "result", "[", "]", "(", ")", "{", "}", "#", ".", "?.", ",", "0", "1.", "..", "'a'", "not", "in", "and", "||",
        "==", "<", "?", ":", "??", "-", "all", "len", "x", "|", "**", "nil", "true", "matches", "\\", "`", "/*",
    ]), 0..40)) {
        let text = words.join(" ");
        for result in results() {
            // An outcome, whichever, and an error that points into the text.
            if let Err(error) = evaluate(&text, &result) {
                prop_assert!(error.position <= text.chars().count() + 1, "{error}");
            }
        }
    }

    #[test]
    fn evaluating_any_tree_ends_and_repeats_itself(text in expression()) {
        let condition = Condition::parse(&text);
        for result in results() {
            if let Ok(condition) = &condition {
                let outcome = condition.evaluate(&result);
                prop_assert_eq!(&outcome, &condition.evaluate(&result));
            }
        }
    }
}
