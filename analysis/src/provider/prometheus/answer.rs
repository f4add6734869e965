//! What an answer of the query API means.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::provider::{Answer, MAX_ANSWER_BYTES, ProviderError, Reading};
use crate::value::Value;

/// Samples that a result may have, those of all series together.
const MAX_SAMPLES: usize = 20_000;
const MAX_WARNINGS: usize = 10;
const MAX_TEXT: usize = 300;
const NO_NUMBER: &str = "a sample is no number";

pub(super) fn reading(answer: &Answer, address: &str) -> Result<Reading, ProviderError> {
    if answer.truncated {
        return Err(ProviderError::TooLarge { address: address.to_owned(), limit_bytes: MAX_ANSWER_BYTES });
    }
    let envelope: Option<Envelope<'_>> = serde_json::from_slice(&answer.body).ok();
    match envelope {
        Some(envelope) if envelope.status == "error" => Err(rejected(answer, address, &envelope)),
        Some(envelope) if is_success(answer) && envelope.status == "success" => {
            let value = value(envelope.data.as_ref(), address)?;
            let warnings = envelope.warnings.iter().take(MAX_WARNINGS).map(|text| cut(text)).collect();
            Ok(Reading { value, warnings })
        }
        _ if is_success(answer) => Err(not_the_api(address, found(answer).to_owned())),
        _ => Err(status(answer, address)),
    }
}

fn is_success(answer: &Answer) -> bool {
    (200..300).contains(&answer.status)
}

/// The outer object of every answer of the API.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(rename = "errorType", default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(rename = "resultType", borrow)]
    result_type: Cow<'a, str>,
    #[serde(borrow)]
    result: &'a RawValue,
}

fn rejected(answer: &Answer, address: &str, envelope: &Envelope<'_>) -> ProviderError {
    ProviderError::Rejected {
        address: address.to_owned(),
        status: answer.status,
        error_type: if envelope.error_type.is_empty() {
            "error".to_owned()
        } else {
            cut(&envelope.error_type)
        },
        message: if envelope.error.is_empty() { "no reason given".to_owned() } else { cut(&envelope.error) },
    }
}

fn status(answer: &Answer, address: &str) -> ProviderError {
    let advice = match answer.status {
        300..=399 => "it redirects, which is not followed; set the address that it redirects to",
        401 | 403 => "it does not let us ask; check provider.prometheus.headers and authentication",
        404 => "there is no query API at this path; check the path of the address",
        405 => "it does not accept POST; let the proxy before it pass POST requests",
        408 | 504 => "it took too long; make the query cheaper or raise its timeout",
        413 | 414 => "the query is too long for it; move parts into a recording rule",
        429 => "too many requests; raise the interval of the metric",
        502 | 503 => "it is not available; check that it runs",
        500..=599 => "it failed; look into its log",
        _ => "it refused the query; check the address and the query",
    };
    ProviderError::Status { address: address.to_owned(), status: answer.status, advice }
}

fn not_the_api(address: &str, found: String) -> ProviderError {
    ProviderError::NotTheApi { address: address.to_owned(), found }
}

/// What a body that is no answer of the API is, in words.
fn found(answer: &Answer) -> &'static str {
    let kind = answer.content_type.as_deref().unwrap_or_default().to_ascii_lowercase();
    let start = answer.body.iter().find(|byte| !byte.is_ascii_whitespace());
    match start {
        None => "an empty body",
        Some(_) if kind.starts_with("text/html") => "an HTML page",
        Some(b'<') => "an HTML page",
        Some(b'{' | b'[') if serde_json::from_slice::<IgnoredAny>(&answer.body).is_err() => {
            "JSON that breaks off"
        }
        Some(b'{' | b'[') => "JSON that is no query result",
        Some(_) => "something that is no JSON",
    }
}

fn value(data: Option<&Data<'_>>, address: &str) -> Result<Value, ProviderError> {
    let Some(data) = data else { return Err(not_the_api(address, "a success without data".to_owned())) };
    let text = data.result.get();
    match &*data.result_type {
        "scalar" => {
            let Sample(value) =
                serde_json::from_str(text).map_err(|error| malformed(address, "scalar", &error))?;
            Ok(Value::Float(value))
        }
        "vector" | "matrix" => {
            let samples: Samples =
                serde_json::from_str(text).map_err(|error| malformed(address, &data.result_type, &error))?;
            if samples.too_many {
                return Err(ProviderError::TooManySamples { limit: MAX_SAMPLES });
            }
            if samples.histogram {
                let advice = "take a number from it, as in histogram_quantile(0.95, …) or histogram_count(…)";
                return Err(ProviderError::ResultType { found: "a native histogram".to_owned(), advice });
            }
            Ok(Value::Floats(samples.values))
        }
        other => {
            let advice = "let it return a scalar, an instant vector or a range";
            Err(ProviderError::ResultType { found: format!("a {}", cut(other)), advice })
        }
    }
}

fn malformed(address: &str, result_type: &str, error: &serde_json::Error) -> ProviderError {
    let what = if error.to_string().contains(NO_NUMBER) {
        "a sample that is no number"
    } else {
        "another form than the API's"
    };
    not_the_api(address, format!("a {result_type} with {what}"))
}

/// The first whole words of a text. A word is never split: a password that the backend repeats must be recognised by
/// whoever hides it.
fn cut(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(MAX_TEXT + 1).collect();
    match text.char_indices().nth(MAX_TEXT) {
        None => text,
        Some((end, _)) => {
            let start = text.get(..end).unwrap_or_default();
            let words = start.rsplit_once(' ').map_or("", |(words, _)| words);
            format!("{words} ...").trim_start().to_owned()
        }
    }
}

/// The number of a pair of time and number.
struct Sample(f64);

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (_, text): (IgnoredAny, Cow<'de, str>) = Deserialize::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| de::Error::custom(NO_NUMBER))
    }
}

/// One series: a sample in a vector, samples in a matrix.
#[derive(Deserialize)]
struct Series {
    value: Option<Sample>,
    #[serde(default)]
    values: Vec<Sample>,
    histogram: Option<IgnoredAny>,
    histograms: Option<IgnoredAny>,
}

/// The samples of all series, read one series after the other, so that labels are never kept.
struct Samples {
    values: Vec<f64>,
    histogram: bool,
    too_many: bool,
}

impl<'de> Deserialize<'de> for Samples {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(SamplesVisitor)
    }
}

struct SamplesVisitor;

impl<'de> Visitor<'de> for SamplesVisitor {
    type Value = Samples;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut series: A) -> Result<Samples, A::Error> {
        let mut samples = Samples { values: Vec::new(), histogram: false, too_many: false };
        while let Some(next) = series.next_element::<Series>()? {
            samples.histogram |= next.histogram.is_some() || next.histograms.is_some();
            samples.values.extend(next.value.into_iter().chain(next.values).map(|Sample(value)| value));
            if samples.values.len() > MAX_SAMPLES {
                samples.too_many = true;
                samples.values.clear();
            }
        }
        Ok(samples)
    }
}
