//! From a measured value to the phase of its measurement.

use crds::analysis::AnalysisPhase;

use crate::condition::{self, ConditionError};
use crate::provider::{ProviderError, Reading};
use crate::value::Value;

/// Characters of a value that a measurement shows: ten measurements of each metric are kept in one object.
const MAX_VALUE: usize = 2_000;
/// Characters of a message.
const MAX_MESSAGE: usize = 1_000;
/// Characters of a condition that a message repeats.
const MAX_QUOTED: usize = 120;

/// How a measurement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Successful, Failed, Inconclusive or Error.
    pub phase: AnalysisPhase,
    /// Why, where the phase and the value alone do not tell; otherwise empty.
    pub message: String,
    /// The value as the measurement shows it, cut after 2000 characters; empty if there is none.
    pub value: String,
}

/// The conditions that a metric is judged by; empty ones are not set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conditions<'a> {
    /// What a good value fulfils.
    pub success: &'a str,
    /// What a bad value fulfils.
    pub failure: &'a str,
}

impl Conditions<'_> {
    /// How a measurement of `value` ends.
    ///
    /// With both conditions, failure comes before success and neither is Inconclusive; with one, the other outcome is
    /// its complement; with none, every value is good. A condition that cannot be evaluated is an Error, and so is one
    /// whose counterpart alone would decide.
    #[must_use]
    pub fn judge(&self, value: &Value) -> Verdict {
        let (phase, message) = match (self.holds(value, true), self.holds(value, false)) {
            (Err(message), _) | (_, Err(message)) => (AnalysisPhase::Error, message),
            (Ok(None), Ok(None)) => (AnalysisPhase::Successful, String::new()),
            (_, Ok(Some(true))) | (Ok(Some(false)), Ok(None)) => (AnalysisPhase::Failed, remark(value)),
            (Ok(Some(true)), _) | (Ok(None), Ok(Some(false))) => (AnalysisPhase::Successful, remark(value)),
            (Ok(Some(false)), Ok(Some(false))) => {
                let reason = "neither successCondition nor failureCondition holds";
                let remark = remark(value);
                let message =
                    if remark.is_empty() { reason.to_owned() } else { format!("{reason}: {remark}") };
                (AnalysisPhase::Inconclusive, message)
            }
        };
        Verdict { phase, message, value: cut(&value.to_string(), MAX_VALUE) }
    }

    /// Whether one of the conditions holds; nothing if it is not set.
    fn holds(&self, value: &Value, success: bool) -> Result<Option<bool>, String> {
        let (field, text) =
            if success { ("successCondition", self.success) } else { ("failureCondition", self.failure) };
        if text.is_empty() {
            return Ok(None);
        }
        let explain = |error: ConditionError| {
            format!("{field} `{}`: {}", cut(text, MAX_QUOTED), cut(&error.to_string(), MAX_MESSAGE))
        };
        condition::evaluate(text, value).map(Some).map_err(explain)
    }
}

/// How a measurement ends whose provider gave `reading`: an error of the provider is an Error.
#[must_use]
pub fn of_reading(reading: &Result<Reading, ProviderError>, conditions: &Conditions<'_>) -> Verdict {
    match reading {
        Ok(reading) => conditions.judge(&reading.value),
        Err(error) => {
            Verdict { phase: AnalysisPhase::Error, message: error.to_string(), value: String::new() }
        }
    }
}

/// The text up to `limit` characters.
fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// What is worth saying about a value that a reader of the phase would not expect; empty for ordinary ones.
fn remark(value: &Value) -> String {
    const NAN: &str = "the result is NaN, as 0 divided by 0 is when there were no requests; every comparison with it is \
                       false, and isNaN() tells it apart";
    const INFINITE: &str = "the result is infinite, as a number divided by 0 is; isInf() tells it apart";
    const EMPTY: &str = "the result is empty: no series matches the query; len(result) == 0 tells it apart";
    let has = |wanted: fn(f64) -> bool| match value {
        Value::Float(number) => wanted(*number),
        Value::Floats(numbers) => numbers.iter().any(|number| wanted(*number)),
        _ => false,
    };
    let text = match value {
        Value::Nil => "the result is nil: nothing was measured",
        Value::Floats(numbers) if numbers.is_empty() => EMPTY,
        _ if has(f64::is_nan) => NAN,
        _ if has(f64::is_infinite) => INFINITE,
        _ => "",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    use AnalysisPhase::{Error, Failed, Inconclusive, Successful};

    #[rstest]
    #[case::no_condition_is_successful("", "", 0.1, Successful)]
    #[case::success_holds("result > 0.5", "", 0.9, Successful)]
    #[case::success_fails("result > 0.5", "", 0.1, Failed)]
    #[case::failure_holds("", "result < 0.5", 0.1, Failed)]
    #[case::failure_fails("", "result < 0.5", 0.9, Successful)]
    #[case::both_success("result > 0.5", "result < 0.2", 0.9, Successful)]
    #[case::both_failure("result > 0.5", "result < 0.2", 0.1, Failed)]
    #[case::neither_holds("result > 0.5", "result < 0.2", 0.3, Inconclusive)]
    #[case::failure_wins("result > 0", "result > 0", 0.3, Failed)]
    #[case::error_of_success("result[0] > 0", "result > 0", 0.3, Error)]
    #[case::error_of_failure_beside_success("result > 0", "result[0] > 0", 0.3, Error)]
    #[case::error_without_bool("result", "", 0.3, Error)]
    fn phases(
        #[case] success: &str,
        #[case] failure: &str,
        #[case] value: f64,
        #[case] phase: AnalysisPhase,
    ) {
        let verdict = Conditions { success, failure }.judge(&Value::Float(value));
        assert_eq!((verdict.phase, verdict.value), (phase, value.to_string()));
    }

    #[rstest]
    #[case::plain_failure_needs_no_words("result > 1", "", Value::Float(0.5), "")]
    #[case::plain_success_needs_no_words("result > 0", "", Value::Float(0.5), "")]
    #[case::undecided(
        "result > 1",
        "result < 0",
        Value::Float(0.5),
        "neither successCondition nor failureCondition holds"
    )]
    fn messages(#[case] success: &str, #[case] failure: &str, #[case] value: Value, #[case] message: &str) {
        assert_eq!(Conditions { success, failure }.judge(&value).message, message);
    }

    /// The examples' own conditions on everything that Prometheus may answer.
    #[test]
    fn unusual_values_are_explained() {
        let conditions = Conditions {
            success: "len(result) == 1 && result[0] <= 0.05",
            failure: "len(result) == 1 && result[0] > 0.05",
        };
        let verdict = |numbers: &[f64]| conditions.judge(&Value::Floats(numbers.to_vec()));
        insta::assert_snapshot!(
            [verdict(&[]), verdict(&[f64::NAN]), verdict(&[f64::INFINITY]), verdict(&[0.5]), verdict(&[0.0])]
                .map(|verdict| format!("{} {} {:?}", verdict.phase, verdict.value, verdict.message))
                .join("\n"),
            @r#"
Inconclusive [] "neither successCondition nor failureCondition holds: the result is empty: no series matches the query; len(result) == 0 tells it apart"
Inconclusive [NaN] "neither successCondition nor failureCondition holds: the result is NaN, as 0 divided by 0 is when there were no requests; every comparison with it is false, and isNaN() tells it apart"
Failed [+Inf] "the result is infinite, as a number divided by 0 is; isInf() tells it apart"
Failed [0.5] ""
Successful [0] ""
"#
        );
    }

    #[test]
    fn the_commonest_condition_on_unusual_values() {
        let conditions = Conditions { success: "result[0] >= 0.95", failure: "" };
        let verdict = |value: Value| conditions.judge(&value);
        insta::assert_snapshot!(
            [
                verdict(Value::Floats(vec![])),
                verdict(Value::Floats(vec![f64::NAN])),
                verdict(Value::Float(1.0)),
                verdict(Value::Nil),
            ]
            .map(|verdict| format!("{} {} {:?}", verdict.phase, verdict.value, verdict.message))
            .join("\n"),
            @r#"
Error [] "successCondition `result[0] >= 0.95`: at character 7: index 0 is out of range: the list has no elements; guard it, as in `len(result) == 0 || …`"
Failed [NaN] "the result is NaN, as 0 divided by 0 is when there were no requests; every comparison with it is false, and isNaN() tells it apart"
Error 1 "successCondition `result[0] >= 0.95`: at character 7: float cannot be indexed; the query returned a scalar, so write `result` in place of `result[0]`"
Error null "successCondition `result[0] >= 0.95`: at character 7: nil cannot be indexed; the query returned nothing, guard it with `result != nil && …`"
"#
        );
    }

    #[test]
    fn long_values_and_conditions_do_not_fill_the_status() {
        let condition = format!("result.{}", "x".repeat(10_000));
        let verdict =
            Conditions { success: &condition, failure: "" }.judge(&Value::Floats(vec![0.25; 20_000]));
        assert_eq!((verdict.phase, verdict.value.chars().count()), (Error, MAX_VALUE + 1));
        assert!(verdict.message.chars().count() < MAX_MESSAGE + MAX_QUOTED + 40, "{}", verdict.message);
    }

    #[test]
    fn an_error_of_the_provider_is_an_error() {
        let verdict = of_reading(&Err(ProviderError::NoProvider), &Conditions::default());
        assert_eq!(verdict.phase, Error);
        assert_eq!(verdict.message, ProviderError::NoProvider.to_string());
    }
}
