//! Metric stores with an API of their own.

use std::collections::BTreeMap;

use crate::IntOrString;

api! {
    /// Asks Datadog.
    pub struct DatadogProvider {
        /// Time that the query covers, such as 5m. Defaults to 5m.
        pub interval: String,
        /// The query.
        pub query: String,
        /// Queries by name, for a formula.
        pub queries: BTreeMap<String, String>,
        /// Formula over queries.
        pub formula: String,
        /// v1 or v2. Defaults to v1.
        pub api_version: String,
        /// How the points of a query become one value.
        pub aggregator: String,
        /// The Secret with address and keys.
        pub secret_ref: Option<DatadogSecretRef>,
        /// How long an answer may take, in seconds or as a text such as 10s. Defaults to 10s.
        pub request_timeout: Option<IntOrString>,
    }

    /// The Secret with address and keys for Datadog.
    pub struct DatadogSecretRef {
        /// Name of the Secret.
        pub name: String,
        /// Whether the Secret is in the namespace of the AnalysisRun, not in that of the operator.
        pub namespaced: bool,
    }

    /// Asks Wavefront.
    pub struct WavefrontProvider {
        /// Address of the server.
        pub address: String,
        /// The query.
        pub query: String,
    }

    /// Asks New Relic.
    pub struct NewRelicProvider {
        /// Name of the Secret with the key. Defaults to newrelic.
        pub profile: String,
        /// The query, as NRQL.
        pub query: String,
        /// How many seconds an answer may take. Defaults to 5.
        pub timeout: Option<i64>,
    }

    /// Asks Graphite.
    pub struct GraphiteProvider {
        /// Address of the server.
        pub address: String,
        /// The query.
        pub query: String,
    }

    /// Asks InfluxDB.
    pub struct InfluxdbProvider {
        /// Name of the Secret with address and token. Defaults to influxdb.
        pub profile: String,
        /// The query, as Flux.
        pub query: String,
    }

    /// Asks Apache SkyWalking.
    pub struct SkywalkingProvider {
        /// Address of the server.
        pub address: String,
        /// The query, as GraphQL.
        pub query: String,
        /// Time that the query covers, such as 5m.
        pub interval: String,
    }
}
