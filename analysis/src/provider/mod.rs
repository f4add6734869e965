//! The metric providers, each as a pure pair: what to ask, and what the answer means.
//!
//! [`ask`] turns a metric into an exchange, the shell carries it out, and [`answer`] turns its outcome into a value.
//! A new provider is one file, one field in `Provider::of` and one arm in the two matches.

mod address;
mod error;
mod exchange;
mod prometheus;

use std::collections::BTreeMap;

use crds::analysis::provider::{MetricProvider as Spec, PrometheusProvider};
use jiff::Timestamp;

pub use error::ProviderError;
pub use exchange::{Answer, Ask, HttpAsk, HttpMethod, TransportError};

use crate::value::Value;

/// How much of an answer is read unless a provider says otherwise, in bytes.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// What a question may depend on beside the metric.
#[derive(Debug, Clone, Copy)]
pub struct Environment<'a> {
    /// Where Prometheus is when the metric does not say.
    pub prometheus_address: Option<&'a str>,
    /// The time that is asked for.
    pub now: Timestamp,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The value that conditions see as `result`.
    pub value: Value,
    /// What the backend remarked, such as that a result is partial.
    pub warnings: Vec<String>,
}

impl Reading {
    /// The metadata of the measurement: the warnings, quoted, under `warnings`; empty without any.
    #[must_use]
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let quoted: Vec<String> = self.warnings.iter().map(|warning| format!("\"{warning}\"")).collect();
        let text = (!quoted.is_empty()).then(|| ("warnings".to_owned(), quoted.join(", ")));
        text.into_iter().collect()
    }
}

/// One provider: a question, and the meaning of its answer.
trait MetricProvider {
    /// What to send.
    fn ask(&self, environment: &Environment<'_>) -> Result<Ask, ProviderError>;

    /// What the answer says; a failed transport is the caller's.
    fn answer(&self, answer: &Answer, address: &str) -> Result<Reading, ProviderError>;

    /// Where the question goes, as messages show it.
    fn address(&self, environment: &Environment<'_>) -> String;

    /// What the metric's result says about the question, such as the query with its arguments filled in.
    fn metadata(&self) -> BTreeMap<String, String>;
}

/// The exchange that measures the metric whose provider is `provider`; arguments are substituted already.
///
/// # Errors
/// When the metric names no provider or several, one that is not supported, or fields that make no request.
pub fn ask(provider: &Spec, environment: &Environment<'_>) -> Result<Ask, ProviderError> {
    Provider::of(provider)?.get().ask(environment)
}

/// What the outcome of the exchange says.
///
/// # Errors
/// When there was no answer, or it is not one of the provider's API, too large, an error, or without a number.
pub fn answer(
    provider: &Spec,
    environment: &Environment<'_>,
    outcome: &Result<Answer, TransportError>,
) -> Result<Reading, ProviderError> {
    let provider = Provider::of(provider)?;
    let address = provider.get().address(environment);
    match outcome {
        Ok(answer) => provider.get().answer(answer, &address),
        Err(source) => Err(ProviderError::Transport { address, source: source.clone() }),
    }
}

/// Whether the metric names exactly one provider, and one that can be asked.
///
/// # Errors
/// When it names none, several, or one that is not supported.
pub fn supported(provider: &Spec) -> Result<(), ProviderError> {
    Provider::of(provider).map(|_| ())
}

/// What the metric's result says about the question under the reference's keys; empty where there is nothing to say.
#[must_use]
pub fn metadata(provider: &Spec) -> BTreeMap<String, String> {
    Provider::of(provider).map(|provider| provider.get().metadata()).unwrap_or_default()
}

/// The provider that a metric names.
enum Provider<'a> {
    Prometheus(&'a PrometheusProvider),
}

const SUPPORTED: &str = "provider.prometheus";

impl<'a> Provider<'a> {
    fn of(spec: &'a Spec) -> Result<Self, ProviderError> {
        let set = [
            ("provider.prometheus", spec.prometheus.is_some()),
            ("provider.kayenta", spec.kayenta.is_some()),
            ("provider.web", spec.web.is_some()),
            ("provider.datadog", spec.datadog.is_some()),
            ("provider.wavefront", spec.wavefront.is_some()),
            ("provider.newRelic", spec.new_relic.is_some()),
            ("provider.job", spec.job.is_some()),
            ("provider.cloudWatch", spec.cloud_watch.is_some()),
            ("provider.graphite", spec.graphite.is_some()),
            ("provider.influxdb", spec.influxdb.is_some()),
            ("provider.skywalking", spec.skywalking.is_some()),
            ("provider.plugin", !spec.plugin.is_empty()),
        ];
        let fields: Vec<&'static str> =
            set.into_iter().filter_map(|(field, set)| set.then_some(field)).collect();
        match (fields.as_slice(), &spec.prometheus) {
            ([], _) => Err(ProviderError::NoProvider),
            ([_], Some(prometheus)) => Ok(Self::Prometheus(prometheus)),
            ([field], None) => Err(ProviderError::NotSupported { field, supported: SUPPORTED }),
            _ => Err(ProviderError::SeveralProviders { fields }),
        }
    }

    fn get(&self) -> &dyn MetricProvider {
        match self {
            Self::Prometheus(prometheus) => *prometheus,
        }
    }
}
