//! Metric backends: what they answer, and how that can fail.

use std::time::Duration;

use analysis::provider::{Answer, Ask, HttpAsk, TransportError};
use jiff::Timestamp;

use crate::clock::{Chance, after_ms};
use crate::scenario::{MetricAnswer, MetricScript, Range};

/// The outcome of a question, as the engine takes it.
pub(crate) type Measured = Result<Answer, TransportError>;

/// What was asked last of one metric, for whoever checks the verdicts.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// When the answer arrives.
    pub(crate) at: Timestamp,
    /// What it is.
    pub(crate) outcome: Measured,
    /// Whether it holds a usable value.
    pub(crate) is_value: bool,
    /// Whether a fault had its hand in it: another answer, or a delay.
    pub(crate) harmed: Harmed,
}

/// How a fault changed an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Harmed {
    /// Another answer than the script's.
    pub(crate) answer: bool,
    /// A hang.
    pub(crate) delay: bool,
}

/// All metric backends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backend {
    /// How many questions each script has answered.
    counts: Vec<usize>,
    override_: Option<(MetricAnswer, u32)>,
    hang: Option<(u64, u32)>,
}

impl Backend {
    /// The next so many questions get this answer.
    pub(crate) fn replace(&mut self, answer: MetricAnswer, count: u32) {
        self.override_ = Some((answer, count));
    }

    /// The next so many questions are answered after so long.
    pub(crate) fn hang(&mut self, delay_ms: u64, count: u32) {
        self.hang = Some((delay_ms, count));
    }

    /// Answers a question.
    pub(crate) fn ask(
        &mut self,
        ask: &Ask,
        (scripts, acts): (&[MetricScript], usize),
        (now, range): (Timestamp, Range),
        chance: &mut Chance,
    ) -> Asked {
        let Ask::Http(http) = ask;
        let mut harmed = Harmed::default();
        let mut answer = self.scripted(http, scripts, acts);
        if let Some((other, left)) = &mut self.override_
            && *left > 0
        {
            *left -= 1;
            harmed.answer = *other != answer;
            answer = other.clone();
        }
        let mut at = chance.after(now, range);
        if let Some((delay, left)) = &mut self.hang
            && *left > 0
        {
            *left -= 1;
            harmed.delay = true;
            at = after_ms(now, *delay);
        }
        let deadline = now.saturating_add(http.timeout).unwrap_or(Timestamp::MAX);
        if at > deadline || answer == MetricAnswer::Timeout {
            let outcome = Err(TransportError::Timeout { seconds: http.timeout });
            return Asked { at: deadline, outcome, is_value: false, harmed };
        }
        Asked { at, is_value: is_value(&answer), outcome: outcome(&answer, http.timeout), harmed }
    }

    fn scripted(&mut self, http: &HttpAsk, scripts: &[MetricScript], acts: usize) -> MetricAnswer {
        let body = String::from_utf8_lossy(&http.body);
        let fits = |script: &MetricScript| {
            script.after_acts <= acts
                && (http.url.contains(&script.matching) || body.contains(&script.matching))
        };
        // The first one of those that ask for the same number of acts.
        let fitting = scripts.iter().enumerate().rev().filter(|(_, script)| fits(script));
        let Some((place, script)) = fitting.max_by_key(|(_, script)| script.after_acts) else {
            return MetricAnswer::Values(vec![0.0]);
        };
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        let count = self.counts.get_mut(place).map_or(0, |count| {
            *count += 1;
            *count - 1
        });
        let answer = script.answers.get(count).or(script.answers.last());
        answer.cloned().unwrap_or(MetricAnswer::Empty)
    }
}

/// Whether an answer holds a number that means something.
fn is_value(answer: &MetricAnswer) -> bool {
    match answer {
        MetricAnswer::Values(values) => !values.is_empty() && values.iter().all(|value| value.is_finite()),
        MetricAnswer::Scalar(value) => value.is_finite(),
        _ => false,
    }
}

fn outcome(answer: &MetricAnswer, timeout: Duration) -> Measured {
    let json = |status, body: String| {
        let content_type = Some("application/json".to_owned());
        Ok(Answer { status, content_type, body: body.into_bytes(), truncated: false })
    };
    let vector = |values: &[String]| {
        let elements: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(place, value)| {
                format!(r#"{{"metric":{{"place":"{place}"}},"value":[1795230000,"{value}"]}}"#)
            })
            .collect();
        let result = elements.join(",");
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{result}]}}}}"#)
    };
    match answer {
        MetricAnswer::Values(values) => {
            json(200, vector(&values.iter().map(ToString::to_string).collect::<Vec<_>>()))
        }
        MetricAnswer::Scalar(value) => json(
            200,
            format!(
                r#"{{"status":"success","data":{{"resultType":"scalar","result":[1795230000,"{value}"]}}}}"#
            ),
        ),
        MetricAnswer::NotANumber => json(200, vector(&["NaN".to_owned()])),
        MetricAnswer::Infinite => json(200, vector(&["+Inf".to_owned()])),
        MetricAnswer::Empty => json(200, vector(&[])),
        MetricAnswer::WrongType => json(
            200,
            r#"{"status":"success","data":{"resultType":"string","result":[1795230000,"up"]}}"#.to_owned(),
        ),
        MetricAnswer::Truncated => json(200, r#"{"status":"success","data":{"resultType":"vec"#.to_owned()),
        MetricAnswer::Html => Ok(Answer {
            status: 200,
            content_type: Some("text/html".to_owned()),
            body: b"<html><body>Sign in</body></html>".to_vec(),
            truncated: false,
        }),
        MetricAnswer::Status(status) => {
            json(*status, r#"{"status":"error","errorType":"internal","error":"no"}"#.to_owned())
        }
        MetricAnswer::Timeout => Err(TransportError::Timeout { seconds: timeout }),
        MetricAnswer::NoConnection => {
            Err(TransportError::Connection { message: "connection refused".to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use analysis::provider::HttpMethod;

    use super::*;

    #[test]
    fn a_script_counts_from_its_act_on() {
        let script = |after_acts: usize, values: &[f64]| MetricScript {
            after_acts,
            answers: values.iter().map(|value| MetricAnswer::Values(vec![*value])).collect(),
            ..MetricScript::default()
        };
        let scripts = [script(0, &[0.0]), script(2, &[0.1, 0.2]), script(3, &[0.3])];
        let ask = HttpAsk {
            method: HttpMethod::Get,
            url: "http://prometheus:9090".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(1),
            max_bytes: 100,
            insecure: false,
        };
        let mut backend = Backend::default();
        let mut found = Vec::new();
        for acts in [1, 2, 2, 2, 3] {
            found.push(backend.scripted(&ask, &scripts, acts));
        }
        assert_eq!(found, [0.0, 0.1, 0.2, 0.2, 0.3].map(|value| MetricAnswer::Values(vec![value])));
    }
}
