//! Who is asked for a metric.

mod authentication;
mod aws;
mod kayenta;
mod vendor;
mod web;

use std::collections::BTreeMap;

pub use authentication::*;
pub use aws::*;
pub use kayenta::*;
pub use vendor::*;
pub use web::*;

use crate::Opaque;

api! {
    /// Who is asked: exactly one of the fields.
    pub struct MetricProvider {
        /// Asks Prometheus.
        pub prometheus: Option<PrometheusProvider>,
        /// Asks Kayenta, the judge of Spinnaker.
        pub kayenta: Option<KayentaProvider>,
        /// Sends an HTTP request.
        pub web: Option<WebProvider>,
        /// Asks Datadog.
        pub datadog: Option<DatadogProvider>,
        /// Asks Wavefront.
        pub wavefront: Option<WavefrontProvider>,
        /// Asks New Relic.
        pub new_relic: Option<NewRelicProvider>,
        /// Runs a Job; its success is the measurement.
        pub job: Option<JobProvider>,
        /// Asks Amazon CloudWatch.
        pub cloud_watch: Option<CloudWatchProvider>,
        /// Asks Graphite.
        pub graphite: Option<GraphiteProvider>,
        /// Asks InfluxDB.
        pub influxdb: Option<InfluxdbProvider>,
        /// Asks Apache SkyWalking.
        pub skywalking: Option<SkywalkingProvider>,
        /// Asks a plugin: its configuration by its name.
        pub plugin: BTreeMap<String, Opaque>,
    }

    /// Asks Prometheus.
    pub struct PrometheusProvider {
        /// Base address, such as `http://prometheus.monitoring:9090`.
        pub address: String,
        /// The query, as PromQL.
        pub query: String,
        /// How to prove who asks.
        pub authentication: Option<Authentication>,
        /// How many seconds an answer may take. Defaults to 30.
        pub timeout: Option<i64>,
        /// Accepts any certificate.
        pub insecure: bool,
        /// Headers of the request.
        pub headers: Vec<Header>,
        /// Asks for a range instead of an instant.
        pub range_query: Option<PrometheusRangeQuery>,
    }

    /// The range of a query: each bound is an expression such as `now() - duration("5m")`.
    pub struct PrometheusRangeQuery {
        /// First moment.
        pub start: String,
        /// Last moment.
        pub end: String,
        /// Time between two points, such as 30s.
        pub step: String,
    }

    /// Runs a Job; its success is the measurement.
    pub struct JobProvider {
        /// Labels and annotations of the Job.
        pub metadata: Option<Opaque>,
        /// Spec of the Job.
        pub spec: Option<Opaque>,
    }
}
