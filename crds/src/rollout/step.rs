//! The steps of a canary.

use std::collections::BTreeMap;

use super::{ExperimentStep, RolloutAnalysis};
use crate::{IntOrString, Opaque};

api! {
    /// One step of a canary: exactly one of its fields.
    pub struct CanaryStep {
        /// Gives the new version this share of the traffic, or of the pods where there is no trafficRouting.
        pub set_weight: Option<i32>,
        /// Waits for a time, or for a person.
        pub pause: Option<Pause>,
        /// Runs other versions beside this one for a while.
        pub experiment: Option<ExperimentStep>,
        /// Runs an analysis and goes on when it is successful.
        pub analysis: Option<RolloutAnalysis>,
        /// Scales the new version apart from its weight. Needs trafficRouting.
        pub set_canary_scale: Option<SetCanaryScale>,
        /// Sends requests with certain headers to the new version.
        pub set_header_route: Option<SetHeaderRoute>,
        /// Copies requests to the new version.
        pub set_mirror_route: Option<SetMirrorRoute>,
        /// Runs a step that a plugin provides.
        pub plugin: Option<PluginStep>,
    }

    /// Waits for a time, or for a person.
    pub struct Pause {
        /// How long: a number of seconds, or a text such as 30s, 5m or 1h. Without it, until a person promotes.
        pub duration: Option<IntOrString>,
    }

    /// Scales the new version apart from its weight: one of the fields. It stays in force until the next such step.
    pub struct SetCanaryScale {
        /// Percentage of replicas.
        pub weight: Option<i32>,
        /// Number of pods.
        pub replicas: Option<i32>,
        /// Follows the weight again.
        pub match_traffic_weight: bool,
    }

    /// Sends requests with certain headers to the new version.
    pub struct SetHeaderRoute {
        /// Name of the route; it must be listed in managedRoutes.
        pub name: String,
        /// Which requests. Without any, the route is removed.
        #[serde(rename = "match")]
        pub match_: Vec<HeaderMatch>,
    }

    /// A header that a request must have.
    pub struct HeaderMatch {
        /// Name of the header.
        pub header_name: String,
        /// Value of the header.
        pub header_value: Option<StringMatch>,
    }

    /// How a text is compared: one of the fields.
    pub struct StringMatch {
        /// The text is exactly this.
        pub exact: String,
        /// The text begins with this.
        pub prefix: String,
        /// The text matches this regular expression.
        pub regex: String,
    }

    /// Copies requests to the new version; its answers are thrown away.
    pub struct SetMirrorRoute {
        /// Name of the route; it must be listed in managedRoutes.
        pub name: String,
        /// Which requests. Without any, the route is removed.
        #[serde(rename = "match")]
        pub match_: Vec<RouteMatch>,
        /// Which percentage of these requests is copied. Defaults to 100.
        pub percentage: Option<i32>,
    }

    /// What a request must look like.
    pub struct RouteMatch {
        /// Its method.
        pub method: Option<StringMatch>,
        /// Its path.
        pub path: Option<StringMatch>,
        /// Its headers, by name.
        pub headers: BTreeMap<String, StringMatch>,
    }

    /// Runs a step that a plugin provides.
    pub struct PluginStep {
        /// Name of the plugin.
        pub name: String,
        /// Configuration for the plugin.
        pub config: Option<Opaque>,
    }
}
