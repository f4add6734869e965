//! Arguments and Secrets: what is needed to ask, and what people may read.

use std::collections::{BTreeMap, BTreeSet};

use analysis::arguments::{self, ArgumentError, InvalidAnalysis, ResolvedMetric};
use analysis::provider::{self, Ask};
use crds::analysis::{AnalysisRunSpec, SecretKeyRef};
use jiff::Timestamp;

use super::measure::environment;
use super::{SecretKey, Snapshot};

/// What stands in the place of a secret value wherever people can read it.
const HIDDEN: &str = "*****";

/// The metrics as they are asked for, with the values of Secrets in them.
#[derive(Debug)]
pub(super) struct Resolved {
    /// In the order of the spec.
    pub metrics: Vec<ResolvedMetric>,
    secrets: BTreeSet<String>,
}

impl Resolved {
    /// Fills in all arguments.
    ///
    /// # Errors
    /// What is wrong with the arguments or a Secret.
    pub(super) fn of(spec: &AnalysisRunSpec, snapshot: &Snapshot) -> Result<Self, InvalidAnalysis> {
        let values = arguments::values(&spec.args, |key| {
            let found = snapshot.secrets.get(&key_of(key)).cloned();
            found.unwrap_or_else(|| Err(format!("Secret {} was not read", key.name)))
        })?;
        let metrics = arguments::resolve_all(&spec.metrics, &values)?;
        let read = named(spec);
        let mut secrets: BTreeSet<String> =
            read.iter().filter_map(|key| snapshot.secrets.get(key)?.as_ref().ok()).cloned().collect();
        if !secrets.is_empty() {
            secrets.extend(metrics.iter().flat_map(|metric| encoded(metric, snapshot)));
        }
        Ok(Self { metrics, secrets })
    }

    /// The text without secret values: a backend's message may repeat the question.
    pub(super) fn hide(&self, text: String) -> String {
        let secrets = self.secrets.iter().filter(|secret| !secret.is_empty());
        secrets.fold(text, |text, secret| {
            if text.contains(secret.as_str()) { text.replace(secret.as_str(), HIDDEN) } else { text }
        })
    }
}

/// Users and passwords as the question for a metric holds them: in base 64, where nobody would find the password itself.
fn encoded(metric: &ResolvedMetric, snapshot: &Snapshot) -> Vec<String> {
    let asked = provider::ask(&metric.provider, &environment(snapshot, Timestamp::UNIX_EPOCH));
    let headers = asked.map(|Ask::Http(ask)| ask.headers).unwrap_or_default();
    headers.iter().filter_map(|(_, value)| value.strip_prefix("Basic ").map(str::to_owned)).collect()
}

/// The values of the arguments with asterisks in place of secret ones: enough for numbers, times and names.
///
/// # Errors
/// What is wrong with the arguments.
pub(super) fn masked(spec: &AnalysisRunSpec) -> Result<BTreeMap<String, String>, ArgumentError> {
    arguments::values(&spec.args, |_| Ok(HIDDEN.to_owned()))
}

/// The Secret keys that the arguments name and that have not been read.
pub(super) fn unread(spec: &AnalysisRunSpec, snapshot: &Snapshot) -> Vec<SecretKey> {
    named(spec).into_iter().filter(|key| !snapshot.secrets.contains_key(key)).collect()
}

fn named(spec: &AnalysisRunSpec) -> BTreeSet<SecretKey> {
    let keys = spec.args.iter().filter_map(|argument| argument.value_from.as_ref()?.secret_key_ref.as_ref());
    keys.map(key_of).collect()
}

fn key_of(key: &SecretKeyRef) -> SecretKey {
    SecretKey { secret: key.name.clone(), key: key.key.clone() }
}
