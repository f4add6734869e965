//! Metrics that need a Secret: read where the chart allows it, shown to the backend, and to nobody else.

mod backend;
mod leak;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::analysis::{AnalysisPhase, AnalysisRun};
use crds::rollout::RolloutPhase;
use e2e_tests::audit::{Entry, Mark, counts};
use e2e_tests::manifest;
use e2e_tests::operator::{self, Release};
use e2e_tests::space::Space;
use e2e_tests::story::{App, Router, manifests};
use e2e_tests::wait::{Look, until};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};

use backend::{BASIC, BEARER, Backend, PARROT};

/// The instance that this story's operator is: the one that most stories share may read no Secret.
const INSTANCE: &str = "secret";
const LIMIT: Duration = Duration::from_mins(1);

/// The Secret, and what is in it.
const SECRET: &str = "prometheus";
const USER: &str = "linnet";
const PASSWORD: &str = "the-password-of-the-basic-door";
const TOKEN: &str = "the-token-of-the-bearer-door";
/// What proves them: the second is `USER:PASSWORD` in base 64.
const BEARER_KEY: &str = "Bearer the-token-of-the-bearer-door";
const BASIC_KEY: &str = "Basic bGlubmV0OnRoZS1wYXNzd29yZC1vZi10aGUtYmFzaWMtZG9vcg==";
/// What people may read of a backend that repeats what it is shown.
const HIDDEN: [&str; 2] = ["Bearer ***** opens no door", "Basic ***** opens no door"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_reaches_the_metric_backend_and_nobody_else() -> Result<()> {
    let space = Space::create("secret").await?;
    let mark = Mark::now(&space.facts.audit_log)?;
    let backend = Backend::start(&[(BEARER, BEARER_KEY.to_owned()), (BASIC, BASIC_KEY.to_owned())]).await?;
    let release = release(&space, false);
    release.install().await?;
    let mut story = Story::begin(&space, &backend).await?;

    story.app.update("v2", &[]).await?;
    let advice = format!("analysis.secrets.namespaces={{{}}}", space.name);
    story.is_taken_back(&[SECRET, "forbidden", &advice, "token"]).await?;
    ensure!(backend.take_shown().is_empty(), "the backend was asked without the Secret");

    self::release(&space, true).install().await?;
    story.app.patch_status(&json!({ "abort": false })).await?;
    let run = story.verdict().await?;
    ensure!(phase(&run) == AnalysisPhase::Successful, "{}", message(&run));
    story.app.phase(RolloutPhase::Healthy, LIMIT).await?;
    let shown: BTreeSet<_> = backend.take_shown().into_iter().collect();
    let wanted = [(BASIC.to_owned(), BASIC_KEY.to_owned()), (BEARER.to_owned(), BEARER_KEY.to_owned())];
    ensure!(shown == BTreeSet::from(wanted), "the backend was shown {shown:?}");

    story.template(&backend, (SECRET, "absent"), [BEARER, BASIC]).await?;
    story.app.update("v3", &[]).await?;
    story.is_taken_back(&[SECRET, "absent"]).await?;

    story.template(&backend, ("gone", "token"), [BEARER, BASIC]).await?;
    story.app.update("v4", &[]).await?;
    story.is_taken_back(&["gone", "not found", "token", &space.name]).await?;
    ensure!(backend.take_shown().is_empty(), "the backend was asked without the Secret");

    story.template(&backend, (SECRET, "token"), [PARROT, BASIC]).await?;
    story.app.update("v5", &[]).await?;
    story.is_taken_back(&HIDDEN[..1]).await?;
    story.template(&backend, (SECRET, "token"), [BEARER, PARROT]).await?;
    story.app.update("v6", &[]).await?;
    story.is_taken_back(&HIDDEN[1..]).await?;
    ensure!(!backend.take_shown().is_empty(), "the backend that repeats what it is shown was not asked");

    only_the_named_secrets_were_read(&space, &mark.entries()?)?;
    let values = [TOKEN, PASSWORD, BASIC_KEY.trim_start_matches("Basic ")];
    leak::nobody_was_told(&space, &values, &HIDDEN).await?;
    release.uninstall().await?;
    space.remove().await
}

/// A release of the chart for this namespace and instance alone.
fn release(space: &Space, may_read: bool) -> Release {
    let mut values = vec![
        "image.repository=linnet.test/linnet".to_owned(),
        "namespaced=true".to_owned(),
        format!("instanceId={INSTANCE}"),
        "log.level=debug".to_owned(),
    ];
    if may_read {
        values.push(format!("analysis.secrets.namespaces={{{}}}", space.name));
    }
    Release { namespace: space.name.clone(), name: operator::RELEASE.to_owned(), values }
}

/// A Rollout whose only step that counts is an analysis with two metrics.
struct Story {
    app: App,
    /// The AnalysisRuns that were looked at already.
    known: BTreeSet<String>,
}

impl Story {
    async fn begin(space: &Space, backend: &Backend) -> Result<Self> {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": SECRET },
            "stringData": { "user": USER, "password": PASSWORD, "token": TOKEN },
        });
        let mut manifests = manifests(space, Router::Nginx)?;
        manifests.retain(|manifest| manifest["kind"] != "AnalysisTemplate");
        manifests.extend([secret, template(backend, (SECRET, "token"), [BEARER, BASIC])]);
        let steps =
            json!([{ "setWeight": 20 }, { "analysis": { "templates": [{ "templateName": "proof" }] } }]);
        let spec = json!({ "replicas": 1, "strategy": { "canary": { "analysis": null, "steps": steps } } });
        let change = json!({ "metadata": { "labels": labels() }, "spec": spec });
        manifest::change(&mut manifests, "Rollout", &change)?;
        Ok(Self { app: App::deploy(space, &manifests).await?, known: BTreeSet::new() })
    }

    /// Lets the token come from another key of a Secret, and goes to other doors.
    async fn template(&self, backend: &Backend, key: (&str, &str), doors: [&str; 2]) -> Result<()> {
        let space = &self.app.space;
        manifest::apply(&space.client, &space.name, &[template(backend, key, doors)]).await
    }

    /// The run that has ended since the last call.
    async fn verdict(&mut self) -> Result<AnalysisRun> {
        let runs = self.app.space.api::<AnalysisRun>();
        let known = &self.known;
        let run = until("a new AnalysisRun to end", LIMIT, || async {
            let list = runs.list(&ListParams::default()).await?.items;
            let new = list.into_iter().find(|run| !known.contains(&run.name_any()));
            Ok(match new {
                Some(run) if phase(&run).is_completed() => Look::Seen(run),
                Some(run) => Look::NotYet(format!("{} is {}", run.name_any(), phase(&run))),
                None => Look::NotYet("no new run".to_owned()),
            })
        })
        .await?;
        self.known.insert(run.name_any());
        Ok(run)
    }

    /// The next run ends in an error that says all of `words`, and the version is taken back.
    async fn is_taken_back(&mut self, words: &[&str]) -> Result<()> {
        let run = self.verdict().await?;
        println!("{}: {} ({})", run.name_any(), phase(&run), message(&run));
        ensure!(phase(&run) == AnalysisPhase::Error, "{} is {}", run.name_any(), phase(&run));
        for word in words {
            ensure!(message(&run).contains(word), "no {word:?} in: {}", message(&run));
        }
        let status = self.app.phase(RolloutPhase::Degraded, LIMIT).await?;
        ensure!(status.abort, "degraded, but not aborted: {}", status.message);
        Ok(())
    }
}

/// The label that gives an object to this story's operator.
fn labels() -> Value {
    json!({ "argo-rollouts.argoproj.io/controller-instance-id": INSTANCE })
}

/// Two metrics, each with its door: a token of which Secret and key, and a user name with a password.
fn template(backend: &Backend, (secret, key): (&str, &str), [first, second]: [&str; 2]) -> Value {
    let argument = |name: &str, secret: &str, key: &str| {
        let source = json!({ "secretKeyRef": { "name": secret, "key": key } });
        json!({ "name": name, "valueFrom": source })
    };
    let metric = |name: &str, provider: Value| {
        json!({
            "name": name, "successCondition": "result[0] == 0", "consecutiveErrorLimit": 0,
            "provider": { "prometheus": provider },
        })
    };
    let bearer = json!({
        "address": backend.url(first), "query": "errors",
        "headers": [{ "key": "Authorization", "value": "Bearer {{args.token}}" }],
    });
    let basic = json!({
        "address": backend.url(second), "query": "errors",
        "authentication": { "basic": { "username": "{{args.user}}", "password": "{{args.password}}" } },
    });
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": { "name": "proof", "labels": labels() },
        "spec": {
            "args": [
                argument("token", secret, key),
                argument("user", SECRET, "user"),
                argument("password", SECRET, "password"),
            ],
            "metrics": [metric("bearer", bearer), metric("basic", basic)],
        },
    })
}

fn phase(run: &AnalysisRun) -> AnalysisPhase {
    run.status.as_ref().map(|status| status.phase).unwrap_or_default()
}

/// What the run, its metrics and their measurements say.
fn message(run: &AnalysisRun) -> String {
    let Some(status) = &run.status else { return String::new() };
    let results = status.metric_results.iter().flat_map(|result| {
        let measurements = result.measurements.iter().map(|measurement| measurement.message.as_str());
        std::iter::once(result.message.as_str()).chain(measurements)
    });
    let all: Vec<&str> = std::iter::once(status.message.as_str()).chain(results).collect();
    all.join("; ")
}

/// This story's operator asked for the Secrets that its templates name, one by one; the shared one for none.
fn only_the_named_secrets_were_read(space: &Space, log: &[Entry]) -> Result<()> {
    let of_secrets = |entry: &&Entry| entry.resource() == "secrets" && entry.namespace() == space.name;
    let by = |namespace: &str| -> Vec<&Entry> {
        log.iter().filter(of_secrets).filter(|entry| entry.is_by(namespace, operator::RELEASE)).collect()
    };
    let ours = by(&space.name);
    println!("Secrets were asked for: {:?}", counts(ours.iter().copied()));
    let asked: BTreeSet<(&str, &str, u16)> =
        ours.iter().map(|entry| (entry.verb.as_str(), entry.name(), entry.code())).collect();
    let wanted = [("get", SECRET, 403), ("get", SECRET, 200), ("get", "gone", 404)];
    ensure!(asked == BTreeSet::from(wanted), "Secrets were asked for: {asked:?}");
    ensure!(by(operator::NAMESPACE).is_empty(), "the operator of the other stories asked for a Secret");
    let first = ours.first().context("no Secret was asked for")?;
    ensure!(first.is_forbidden(), "before the chart allowed it, the answer was {}", first.code());
    Ok(())
}
