//! Prometheus and everything that speaks its query API: Thanos, Mimir and others.

mod answer;
mod range;

use std::collections::BTreeMap;
use std::time::Duration;

use crds::analysis::provider::{Authentication, OAuth2, PrometheusProvider, Sigv4};

use super::address::{Address, basic, form, shown};
use super::{
    Answer, Ask, Environment, HttpAsk, HttpMethod, MAX_ANSWER_BYTES, MetricProvider, ProviderError, Reading,
};

const DEFAULT_TIMEOUT_SECONDS: u64 = 30;
const MAX_TIMEOUT_SECONDS: u64 = 3600;
const ADDRESS_FIELD: &str = "provider.prometheus.address";
const ADDRESS_VARIABLE: &str = "ARGO_ROLLOUTS_PROMETHEUS_ADDRESS";

impl MetricProvider for PrometheusProvider {
    /// A query as a form, which has no limit of length; every version of the API since 2.1 takes it.
    fn ask(&self, environment: &Environment<'_>) -> Result<Ask, ProviderError> {
        if self.query.trim().is_empty() {
            return Err(field("query", "it is empty; write a PromQL query".to_owned()));
        }
        let address = address(self, environment)?;
        let (path, body) = match &self.range_query {
            None => {
                let time = range::seconds(environment.now);
                ("/api/v1/query", form(&[("query", &self.query), ("time", &time)]))
            }
            Some(query) => {
                let range = range::resolve(query, environment.now)?;
                let pairs = [
                    ("query", &*self.query),
                    ("start", &range.start),
                    ("end", &range.end),
                    ("step", &range.step),
                ];
                ("/api/v1/query_range", form(&pairs))
            }
        };
        Ok(Ask::Http(HttpAsk {
            method: HttpMethod::Post,
            url: address.endpoint(path),
            headers: headers(self, &address)?,
            body: body.into_bytes(),
            timeout: timeout(self.timeout)?,
            max_bytes: MAX_ANSWER_BYTES,
            insecure: self.insecure,
        }))
    }

    fn answer(&self, answer: &Answer, address: &str) -> Result<Reading, ProviderError> {
        answer::reading(answer, address)
    }

    fn address(&self, environment: &Environment<'_>) -> String {
        shown(written_address(self, environment).unwrap_or_default().1)
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("ResolvedPrometheusQuery".to_owned(), self.query.clone())])
    }
}

/// The address and the field that it stands in; nothing if there is none.
fn written_address<'a>(
    provider: &'a PrometheusProvider,
    environment: &Environment<'a>,
) -> Option<(&'static str, &'a str)> {
    if provider.address.is_empty() {
        let fallback = environment.prometheus_address.filter(|address| !address.is_empty());
        return fallback.map(|address| (ADDRESS_VARIABLE, address));
    }
    Some((ADDRESS_FIELD, &provider.address))
}

fn address(provider: &PrometheusProvider, environment: &Environment<'_>) -> Result<Address, ProviderError> {
    let (field, written) = written_address(provider, environment).ok_or(ProviderError::NoAddress)?;
    Address::parse(written).map_err(|why| ProviderError::Address { field, address: shown(written), why })
}

fn field(name: &str, why: String) -> ProviderError {
    ProviderError::Field { field: format!("provider.prometheus.{name}"), why }
}

fn timeout(seconds: Option<i64>) -> Result<Duration, ProviderError> {
    let seconds = match seconds {
        None | Some(0) => return Ok(Duration::from_secs(DEFAULT_TIMEOUT_SECONDS)),
        Some(seconds) => u64::try_from(seconds).ok().filter(|seconds| *seconds <= MAX_TIMEOUT_SECONDS),
    };
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| field("timeout", format!("it must be between 0 and {MAX_TIMEOUT_SECONDS} seconds")))
}

fn headers(provider: &PrometheusProvider, address: &Address) -> Result<Vec<(String, String)>, ProviderError> {
    let mut headers = vec![
        ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ("Accept".to_owned(), "application/json".to_owned()),
    ];
    for (index, header) in provider.headers.iter().enumerate() {
        if header.key.is_empty() || !header.key.bytes().all(is_token) {
            let why = format!("{:?} is no name of a header", header.key);
            return Err(field(&format!("headers[{index}].key"), why));
        }
        if header.value.chars().any(|c| c.is_control() && c != '\t') {
            let why = format!("the value of {} holds a line break or another control character", header.key);
            return Err(field(&format!("headers[{index}].value"), why));
        }
        headers.push((header.key.clone(), header.value.trim().to_owned()));
    }
    let named = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    match (authorization(provider.authentication.as_ref())?, named) {
        (Some(_), true) => {
            let why = "it is set, and so is a header Authorization; keep one of them".to_owned();
            return Err(field("authentication.basic", why));
        }
        (Some(value), false) => headers.push(("Authorization".to_owned(), value)),
        (None, true) => {}
        (None, false) => {
            headers.extend(address.authorization().map(|value| ("Authorization".to_owned(), value)));
        }
    }
    Ok(headers)
}

/// The characters that names of headers are made of.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn authorization(authentication: Option<&Authentication>) -> Result<Option<String>, ProviderError> {
    const SUPPORTED: &str = "authentication.basic, or headers with Authorization";
    let Some(authentication) = authentication else { return Ok(None) };
    if authentication.sigv4 != Sigv4::default() {
        let field = "provider.prometheus.authentication.sigv4";
        return Err(ProviderError::NotSupported { field, supported: SUPPORTED });
    }
    if authentication.oauth2 != OAuth2::default() {
        let field = "provider.prometheus.authentication.oauth2";
        return Err(ProviderError::NotSupported { field, supported: SUPPORTED });
    }
    let Some(user) = &authentication.basic else { return Ok(None) };
    if user.username.contains(':') {
        return Err(field("authentication.basic.username", "it must not contain a colon".to_owned()));
    }
    Ok(Some(basic(&user.username, &user.password)))
}

#[cfg(test)]
mod tests;
