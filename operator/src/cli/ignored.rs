//! Flags of the reference that have no meaning here: accepted, so that its manifests start, and named in the log.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

/// Their names.
const NAMES: [&str; 26] = [
    // There is no client-side rate limit, no resync and no pool of workers.
    "qps",
    "burst",
    "rollout-resync",
    "rollout-threads",
    "experiment-threads",
    "analysis-threads",
    "service-threads",
    "ingress-threads",
    "ephemeral-metadata-threads",
    "ephemeral-metadata-update-pod-retries",
    // Logging and profiling of Go libraries.
    "kloglevel",
    "enable-pprof-address",
    // Every supported Kubernetes serves one version of Ingress, and the class of an Ingress decides nothing here.
    "ingress-api-version",
    "nginx-ingress-classes",
    // Traffic routers that are not built in.
    "ambassador-api-version",
    "traffic-split-api-version",
    "traefik-api-group",
    "traefik-api-version",
    "appmesh-crd-version",
    "aws-target-group-binding-api-version",
    "aws-verify-target-group",
    "alb-verify-weight",
    "alb-tag-key-resource-id",
    "alb-ingress-classes",
    // No notification engine is built in.
    "self-service-notification-enabled",
    // The client never compresses.
    "disable-compression",
];

/// Adds them to a command.
pub(super) fn add_to(command: Command) -> Command {
    command.args(NAMES.map(|name| Arg::new(name).long(name).num_args(0..=1).hide(true)))
}

/// Those that were given, in the order of the list.
pub(super) fn given(matches: &ArgMatches) -> Vec<&'static str> {
    NAMES.into_iter().filter(|name| matches.value_source(name) == Some(ValueSource::CommandLine)).collect()
}
