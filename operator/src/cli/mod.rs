//! The command line: names and defaults of the reference where a flag means the same.

mod ignored;

use std::ffi::OsString;
use std::net::IpAddr;
use std::time::Duration;

use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, ValueEnum};
use crds::rollout::GenerationForm;

/// Everything that the command line and the environment say.
#[derive(Clone, Debug, Parser)]
#[command(name = "linnet", version, about = "Progressive delivery for Kubernetes: carries out Rollouts.")]
pub(crate) struct Cli {
    /// Which objects are looked after.
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// Where the cluster is.
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    /// Ports and addresses of the operator's own servers.
    #[command(flatten)]
    pub(crate) ports: Ports,
    /// How it logs.
    #[command(flatten)]
    pub(crate) log: Log,
    /// Who of several replicas acts.
    #[command(flatten)]
    pub(crate) election: Election,
    /// What decisions rest on beside the objects.
    #[command(flatten)]
    pub(crate) behaviour: Behaviour,
    /// Who this process is.
    #[command(flatten)]
    pub(crate) pod: Pod,
    /// Flags that were given and have no meaning here.
    #[arg(skip)]
    pub(crate) ignored: Vec<&'static str>,
}

/// Which objects are looked after.
#[derive(Clone, Debug, Args)]
pub(crate) struct Scope {
    /// Look after one namespace only: the one of --namespace, else the one of the credentials.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub(crate) namespaced: bool,
    /// The namespace, when --namespaced is set.
    #[arg(long, short = 'n')]
    pub(crate) namespace: Option<String>,
    /// Look after the objects that carry this value in the label
    /// argo-rollouts.argoproj.io/controller-instance-id; without it, after those that do not carry the label.
    #[arg(long, default_value = "")]
    pub(crate) instance_id: String,
    /// Traffic routers whose kinds are watched and written; the RBAC must allow them.
    #[arg(long, value_delimiter = ',', default_value = "nginx,istio")]
    pub(crate) routers: Vec<Router>,
    /// API version of the Istio kinds.
    #[arg(long, default_value = "v1alpha3")]
    pub(crate) istio_api_version: String,
}

/// A traffic router that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Router {
    /// NGINX Ingress: reads and writes the kind `Ingress`.
    Nginx,
    /// Istio: reads and writes the kind `VirtualService`.
    Istio,
    /// No traffic router: Rollouts that name one wait for it.
    None,
}

/// Where the cluster is; without any of these: KUBECONFIG, then the credentials of the pod.
#[derive(Clone, Debug, Args)]
pub(crate) struct Cluster {
    /// Path of a kubeconfig file.
    #[arg(long)]
    pub(crate) kubeconfig: Option<std::path::PathBuf>,
    /// Context of the kubeconfig.
    #[arg(long)]
    pub(crate) context: Option<String>,
    /// Cluster of the kubeconfig.
    #[arg(long = "cluster", id = "cluster", value_name = "CLUSTER")]
    pub(crate) named: Option<String>,
    /// User of the kubeconfig.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// URL of the API server, in place of the kubeconfig's.
    #[arg(long, short = 's')]
    pub(crate) server: Option<String>,
    /// Requests to the API server that are on their way at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) max_requests_in_flight: u32,
}

/// Ports and addresses of the operator's own servers.
#[derive(Clone, Debug, Args)]
pub(crate) struct Ports {
    /// Port of /metrics.
    #[arg(long = "metricsPort", alias = "metrics-port", alias = "metricsport", default_value_t = 8090)]
    pub(crate) metrics: u16,
    /// Port of /healthz and /readyz.
    #[arg(long = "healthzPort", alias = "healthz-port", alias = "healthzport", default_value_t = 8080)]
    pub(crate) healthz: u16,
    /// Address that both are served on.
    #[arg(long, env = "POD_IP", default_value = "0.0.0.0")]
    pub(crate) bind_address: IpAddr,
}

/// How it logs.
#[derive(Clone, Debug, Args)]
pub(crate) struct Log {
    /// How much is logged.
    #[arg(long = "loglevel", alias = "log-level", value_enum, ignore_case = true, default_value = "info")]
    pub(crate) level: LogLevel,
    /// One line of text or one JSON object per event.
    #[arg(long = "logformat", alias = "log-format", value_enum, ignore_case = true, default_value = "text")]
    pub(crate) format: LogFormat,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Every exchange with the API server.
    Trace,
    /// Every decision.
    Debug,
    /// Milestones.
    Info,
    /// What needs a person.
    #[value(alias = "warning")]
    Warn,
    /// What the operator cannot go on with.
    #[value(alias = "fatal", alias = "panic")]
    Error,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Who of several replicas acts.
#[derive(Clone, Debug, Args)]
pub(crate) struct Election {
    /// Act only while holding the Lease linnet-controller-lock[-INSTANCE-ID].
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true")]
    pub(crate) leader_elect: bool,
    /// How long a Lease that is not renewed keeps others away.
    #[arg(long, value_parser = go_duration, default_value = "15s")]
    pub(crate) leader_election_lease_duration: Duration,
    /// How long the leader goes on acting without a successful renewal.
    #[arg(long, value_parser = go_duration, default_value = "10s")]
    pub(crate) leader_election_renew_deadline: Duration,
    /// How long the leader waits between renewals; standbys look twice as often.
    #[arg(long, value_parser = go_duration, default_value = "2s")]
    pub(crate) leader_election_retry_period: Duration,
    /// A further namespace in which Argo Rollouts may hold its Lease.
    #[arg(long)]
    pub(crate) argo_namespace: Option<String>,
    /// Act even while Argo Rollouts holds its Lease.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub(crate) ignore_argo_lease: bool,
}

/// What decisions rest on beside the objects.
#[derive(Clone, Debug, Args)]
pub(crate) struct Behaviour {
    /// Seconds between the last accepted route write and the removal of pods that it led to, where the router
    /// gives no acknowledgement of its own.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) route_drain_seconds: u32,
    /// How status.observedGeneration is written: string for clients of Argo Rollouts, integer for kstatus (Flux,
    /// Helm 4), or omitted. The annotation linnet/observed-generation of a Rollout goes before it.
    #[arg(long, value_name = "FORM", value_parser = generation_form, default_value = "string")]
    pub(crate) observed_generation: GenerationForm,
    /// Prometheus address for metrics that name none.
    #[arg(long, env = "ARGO_ROLLOUTS_PROMETHEUS_ADDRESS")]
    pub(crate) prometheus_address: Option<String>,
    /// Let metric queries go to link-local addresses, where cloud providers serve instance credentials.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub(crate) allow_link_local_metrics: bool,
    /// Which controllers run.
    #[arg(long, value_delimiter = ',')]
    pub(crate) controllers: Vec<String>,
}

/// Who this process is; the chart sets these from the downward API.
#[derive(Clone, Debug, Args)]
pub(crate) struct Pod {
    /// Namespace of this pod, where the Lease is.
    #[arg(long = "pod-namespace", id = "pod_namespace", env = "POD_NAMESPACE", hide = true)]
    pub(crate) namespace: Option<String>,
    /// Name of this pod.
    #[arg(long = "pod-name", id = "pod_name", env = "POD_NAME", hide = true)]
    pub(crate) name: Option<String>,
    /// Name of this pod's node.
    #[arg(long = "node-name", id = "node_name", env = "NODE_NAME", hide = true)]
    pub(crate) node: Option<String>,
}

/// Why the command line cannot be acted on although every flag can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CliError {
    /// A part of the reference's controllers was asked for.
    #[error("--controllers {asked:?}: Linnet runs all its controllers in one engine; leave the flag out")]
    Controllers {
        /// What was asked for.
        asked: String,
    },
    /// The three times of the election contradict each other.
    #[error(
        "--leader-election-lease-duration ({lease:?}) must be longer than --leader-election-renew-deadline ({renew:?}), and that longer than --leader-election-retry-period ({retry:?})"
    )]
    ElectionTimes {
        /// The lease duration.
        lease: Duration,
        /// The renew deadline.
        renew: Duration,
        /// The retry period.
        retry: Duration,
    },
    /// A Lease counts in whole seconds.
    #[error("--leader-election-lease-duration ({lease:?}) must be at least 1s")]
    LeaseTooShort {
        /// The lease duration.
        lease: Duration,
    },
}

impl Cli {
    /// Reads a command line, the program's name first, and the environment.
    ///
    /// # Errors
    /// What clap says: an unknown flag, a value that cannot be read, or a request for help or the version.
    pub(crate) fn read<I, T>(args: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let matches = ignored::add_to(Self::command()).try_get_matches_from(args)?;
        let mut cli = Self::from_arg_matches(&matches)?;
        cli.ignored = ignored::given(&matches);
        Ok(cli)
    }

    /// Checks what no single flag can say.
    ///
    /// # Errors
    /// [`CliError`] names the flags and their values.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        if !self.behaviour.controllers.is_empty() {
            return Err(CliError::Controllers { asked: self.behaviour.controllers.join(",") });
        }
        let (lease, renew, retry) = (
            self.election.leader_election_lease_duration,
            self.election.leader_election_renew_deadline,
            self.election.leader_election_retry_period,
        );
        if lease < Duration::from_secs(1) {
            return Err(CliError::LeaseTooShort { lease });
        }
        if lease <= renew || renew <= retry {
            return Err(CliError::ElectionTimes { lease, renew, retry });
        }
        Ok(())
    }

    /// The instance id, if one is set.
    pub(crate) fn instance_id(&self) -> Option<&str> {
        Some(self.scope.instance_id.as_str()).filter(|id| !id.is_empty())
    }
}

/// Reads the form of `status.observedGeneration`.
fn generation_form(text: &str) -> Result<GenerationForm, String> {
    let words = || GenerationForm::ALL.iter().map(|form| form.as_str()).collect::<Vec<_>>().join(", ");
    GenerationForm::from_word(text).ok_or_else(|| format!("{text:?} is none of {}", words()))
}

/// Reads a duration in Go's notation that is longer than nothing.
fn go_duration(text: &str) -> Result<Duration, String> {
    let signed = crds::duration::parse(text).map_err(|error| error.to_string())?;
    match Duration::try_from(signed) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) | Err(_) => Err(format!("{text:?} must be longer than nothing")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(args: &[&str]) -> Cli {
        Cli::read(std::iter::once("linnet").chain(args.iter().copied())).unwrap()
    }

    #[test]
    fn defaults_are_the_references() {
        let cli = read(&[]);
        assert_eq!((cli.ports.metrics, cli.ports.healthz), (8090, 8080));
        assert_eq!(cli.election.leader_election_lease_duration, Duration::from_secs(15));
        assert_eq!(cli.election.leader_election_renew_deadline, Duration::from_secs(10));
        assert_eq!(cli.election.leader_election_retry_period, Duration::from_secs(2));
        assert!(cli.election.leader_elect && !cli.election.ignore_argo_lease && !cli.scope.namespaced);
        assert_eq!((cli.log.level, cli.log.format), (LogLevel::Info, LogFormat::Text));
        assert_eq!(cli.scope.istio_api_version, "v1alpha3");
        assert_eq!(cli.behaviour.route_drain_seconds, 5);
        assert_eq!(cli.behaviour.observed_generation, GenerationForm::Text);
        assert_eq!(cli.scope.routers, [Router::Nginx, Router::Istio]);
        assert_eq!(cli.instance_id(), None);
        assert_eq!(cli.check(), Ok(()));
    }

    #[rstest]
    #[case::the_references_spelling(&["--metricsPort", "9000"], 9000)]
    #[case::kebab(&["--metrics-port=9001"], 9001)]
    #[case::lower_case(&["--metricsport=9002"], 9002)]
    fn metrics_port_has_aliases(#[case] args: &[&str], #[case] want: u16) {
        assert_eq!(read(args).ports.metrics, want);
    }

    #[rstest]
    #[case::number("integer", GenerationForm::Integer)]
    #[case::none("omitted", GenerationForm::Omitted)]
    fn forms_of_the_observed_generation(#[case] word: &str, #[case] want: GenerationForm) {
        assert_eq!(read(&["--observed-generation", word]).behaviour.observed_generation, want);
    }

    #[rstest]
    #[case::bare(&["--leader-elect"], true)]
    #[case::set_true(&["--leader-elect=true"], true)]
    #[case::set_false(&["--leader-elect=false"], false)]
    fn switches_take_a_value_as_in_go(#[case] args: &[&str], #[case] want: bool) {
        assert_eq!(read(args).election.leader_elect, want);
    }

    #[test]
    fn flags_without_meaning_are_accepted_and_listed() {
        let cli = read(&["--qps", "40", "--burst=80", "--aws-verify-target-group", "--instance-id", "blue"]);
        assert_eq!(cli.ignored, ["qps", "burst", "aws-verify-target-group"]);
        assert_eq!(cli.instance_id(), Some("blue"));
    }

    #[rstest]
    #[case::unknown_flag(&["--no-such-flag"])]
    #[case::duration_without_unit(&["--leader-election-lease-duration=15"])]
    #[case::negative_duration(&["--leader-election-retry-period=-2s"])]
    #[case::port_out_of_range(&["--metricsPort=70000"])]
    #[case::no_router_by_no_word(&["--routers="])]
    #[case::unknown_router(&["--routers=haproxy"])]
    #[case::unknown_form(&["--observed-generation=roman"])]
    fn what_cannot_be_read_is_refused(#[case] args: &[&str]) {
        assert!(Cli::read(std::iter::once("linnet").chain(args.iter().copied())).is_err());
    }

    #[rstest]
    #[case::renew_deadline_too_long(&["--leader-election-renew-deadline=15s"], "must be longer than")]
    #[case::retry_period_too_long(&["--leader-election-retry-period=10s"], "must be longer than")]
    #[case::lease_below_a_second(
        &["--leader-election-lease-duration=900ms", "--leader-election-renew-deadline=600ms", "--leader-election-retry-period=100ms"],
        "at least 1s"
    )]
    #[case::one_controller_only(&["--controllers=analysis"], "leave the flag out")]
    fn contradictions_are_named(#[case] args: &[&str], #[case] want: &str) {
        let message = read(args).check().unwrap_err().to_string();
        assert!(message.contains(want), "{message}");
    }
}
