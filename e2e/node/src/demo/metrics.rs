//! Counters and latency histograms of one container, and their Prometheus text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Upper bounds of the histogram in seconds, with the text of their `le` label.
const BOUNDS: [(&str, Duration); 12] = [
    ("0.001", Duration::from_millis(1)),
    ("0.0025", Duration::from_micros(2_500)),
    ("0.005", Duration::from_millis(5)),
    ("0.01", Duration::from_millis(10)),
    ("0.025", Duration::from_millis(25)),
    ("0.05", Duration::from_millis(50)),
    ("0.1", Duration::from_millis(100)),
    ("0.25", Duration::from_millis(250)),
    ("0.5", Duration::from_millis(500)),
    ("1", Duration::from_secs(1)),
    ("2.5", Duration::from_millis(2_500)),
    ("10", Duration::from_secs(10)),
];

#[derive(Debug, Default, Clone)]
struct Series {
    count: u64,
    sum: Duration,
    buckets: [u64; BOUNDS.len()],
}

/// What a container has answered so far, by status code.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    series: Mutex<BTreeMap<u16, Series>>,
}

impl Metrics {
    /// Counts one answer.
    pub(crate) fn observe(&self, code: u16, took: Duration) {
        let mut all = self.lock();
        let series = all.entry(code).or_default();
        series.count += 1;
        series.sum += took;
        for (bucket, (_, bound)) in series.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(took <= bound);
        }
    }

    /// Answers per status code.
    pub(crate) fn served(&self) -> BTreeMap<u16, u64> {
        self.lock().iter().map(|(code, series)| (*code, series.count)).collect()
    }

    /// The Prometheus exposition text, every series labelled with version, hash and code.
    pub(crate) fn text(&self, version: &str, hash: &str) -> String {
        let all = self.lock().clone();
        let mut counters = String::from(
            "# HELP http_requests_total Requests answered, by status code.\n# TYPE http_requests_total counter\n",
        );
        let mut histograms = String::from(
            "# HELP http_request_duration_seconds Time to answer a request.\n\
             # TYPE http_request_duration_seconds histogram\n",
        );
        let (version, hash) = (escaped(version), escaped(hash));
        for (code, series) in all {
            let labels = format!("version=\"{version}\",hash=\"{hash}\",code=\"{code}\"");
            line(&mut counters, "http_requests_total", &labels, &series.count);
            let name = "http_request_duration_seconds_bucket";
            for (count, (le, _)) in series.buckets.iter().zip(BOUNDS) {
                line(&mut histograms, name, &format!("{labels},le=\"{le}\""), count);
            }
            line(&mut histograms, name, &format!("{labels},le=\"+Inf\""), &series.count);
            line(&mut histograms, "http_request_duration_seconds_sum", &labels, &series.sum.as_secs_f64());
            line(&mut histograms, "http_request_duration_seconds_count", &labels, &series.count);
        }
        counters + &histograms
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u16, Series>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(text: &mut String, name: &str, labels: &str, value: &impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name}{{{labels}}} {value}");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_counts_by_code_and_fills_cumulative_buckets() {
        let metrics = Metrics::default();
        metrics.observe(200, Duration::from_millis(4));
        metrics.observe(200, Duration::from_millis(40));
        metrics.observe(500, Duration::from_secs(20));
        let text = metrics.text("v1", "6b9f");
        for want in [
            "# TYPE http_requests_total counter",
            "# TYPE http_request_duration_seconds histogram",
            "http_requests_total{version=\"v1\",hash=\"6b9f\",code=\"200\"} 2",
            "http_requests_total{version=\"v1\",hash=\"6b9f\",code=\"500\"} 1",
            "http_request_duration_seconds_bucket{version=\"v1\",hash=\"6b9f\",code=\"200\",le=\"0.0025\"} 0",
            "http_request_duration_seconds_bucket{version=\"v1\",hash=\"6b9f\",code=\"200\",le=\"0.005\"} 1",
            "http_request_duration_seconds_bucket{version=\"v1\",hash=\"6b9f\",code=\"200\",le=\"+Inf\"} 2",
            "http_request_duration_seconds_bucket{version=\"v1\",hash=\"6b9f\",code=\"500\",le=\"10\"} 0",
            "http_request_duration_seconds_bucket{version=\"v1\",hash=\"6b9f\",code=\"500\",le=\"+Inf\"} 1",
            "http_request_duration_seconds_sum{version=\"v1\",hash=\"6b9f\",code=\"200\"} 0.044",
            "http_request_duration_seconds_count{version=\"v1\",hash=\"6b9f\",code=\"500\"} 1",
        ] {
            assert!(text.lines().any(|line| line == want), "{want} is missing in\n{text}");
        }
        assert_eq!(metrics.served(), BTreeMap::from([(200, 2), (500, 1)]));
    }

    #[test]
    fn a_code_that_was_never_answered_has_no_series() {
        let text = Metrics::default().text("v1", "6b9f");
        assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
    }

    #[test]
    fn label_values_are_escaped() {
        let metrics = Metrics::default();
        metrics.observe(200, Duration::ZERO);
        assert!(metrics.text("a\"b\\c", "h").contains("version=\"a\\\"b\\\\c\""));
    }
}
