//! Amazon CloudWatch.

use crate::IntOrString;

api! {
    /// Asks Amazon CloudWatch.
    pub struct CloudWatchProvider {
        /// Time that the query covers, such as 5m. Defaults to 5m.
        pub interval: String,
        /// The queries; the one with returnData is the result.
        pub metric_data_queries: Vec<CloudWatchQuery>,
    }

    /// One query.
    pub struct CloudWatchQuery {
        /// Name by which other queries use this one.
        pub id: String,
        /// Expression over other queries. Either this or metricStat.
        pub expression: Option<String>,
        /// Label of the result.
        pub label: Option<String>,
        /// The metric to read.
        pub metric_stat: Option<CloudWatchMetricStat>,
        /// Seconds between two points.
        pub period: Option<IntOrString>,
        /// Whether this query is part of the answer.
        pub return_data: Option<bool>,
    }

    /// The metric to read, and how its points are put together.
    pub struct CloudWatchMetricStat {
        /// The metric.
        pub metric: CloudWatchMetric,
        /// Seconds between two points.
        pub period: Option<IntOrString>,
        /// The statistic, such as Sum or p99.
        pub stat: String,
        /// Unit of the metric.
        pub unit: String,
    }

    /// A metric of CloudWatch.
    pub struct CloudWatchMetric {
        /// Its dimensions.
        pub dimensions: Vec<CloudWatchDimension>,
        /// Its name.
        pub metric_name: String,
        /// Its namespace.
        pub namespace: Option<String>,
    }

    /// A dimension of a metric.
    pub struct CloudWatchDimension {
        /// Its name.
        pub name: String,
        /// Its value.
        pub value: String,
    }
}
