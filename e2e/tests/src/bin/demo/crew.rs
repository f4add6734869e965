//! The operator: the one that is there, or one that the demo installs.

use anyhow::{Context, Result, bail, ensure};
use e2e_tests::operator::{NAMESPACE, RELEASE, Release};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};

use super::ground::variable;
use super::screen::say;

/// Finds the operator that looks after all namespaces, or installs it from this checkout.
///
/// # Errors
/// With what stands in the way, and what to do about it.
pub(crate) async fn operator(client: &Client) -> Result<()> {
    if let Some(lease) = argo_rollouts(client).await? {
        bail!(
            "Argo Rollouts is at work here (Lease {lease}): scale it down, for both would move the same traffic"
        );
    }
    let ours = ListParams::default().labels("app.kubernetes.io/name=linnet");
    let deployments = Api::<Deployment>::all(client.clone()).list(&ours).await?.items;
    let Some(found) = deployments.iter().find(|deployment| serves_all(deployment)) else {
        return install(client).await;
    };
    let place = format!("{}/{}", found.namespace().unwrap_or_default(), found.name_any());
    let ready = found.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
    ensure!(
        ready > 0,
        "the operator {place} has no ready pod: see `kubectl describe deployment` and its log"
    );
    say(&format!("The operator {place} is there: {ready} pods, one of them leading."))
}

async fn install(client: &Client) -> Result<()> {
    say("Installing the operator by its chart: two pods, one of them leading.")?;
    let image = variable("LINNET_IMAGE");
    let values = image.as_deref().map(image_values).unwrap_or_default();
    let release = Release { namespace: NAMESPACE.to_owned(), name: RELEASE.to_owned(), values };
    let Err(error) = release.install().await else {
        return say(&format!("To remove it again: helm uninstall {RELEASE} --namespace {NAMESPACE}"));
    };
    let state = unready(client, NAMESPACE).await?;
    // What does not run is of no use to anybody; why it does not is the error that counts.
    let _ = release.uninstall().await;
    Err(error).with_context(|| {
        format!(
            "the operator does not run{state}; LINNET_IMAGE names its image (now {}): build one that the cluster can \
             pull with `docker build -t IMAGE . && docker push IMAGE`",
            image.as_deref().unwrap_or("the chart's default")
        )
    })
}

/// The chart's values for an image with or without a tag.
fn image_values(image: &str) -> Vec<String> {
    match image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((name, tag)) => vec![format!("image.repository={name}"), format!("image.tag={tag}")],
        None => vec![format!("image.repository={image}")],
    }
}

/// Whether a Deployment of the chart looks after the namespaces and objects of the demo.
fn serves_all(deployment: &Deployment) -> bool {
    let spec = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let mut args = spec.into_iter().flat_map(|spec| &spec.containers).flat_map(|it| it.args.iter().flatten());
    !args.any(|arg| arg.starts_with("--namespaced") || arg.starts_with("--instance-id"))
}

/// The Lease of an Argo Rollouts controller that renews it.
async fn argo_rollouts(client: &Client) -> Result<Option<String>> {
    let named = ListParams::default().fields("metadata.name=argo-rollouts-controller-lock");
    let leases = Api::<Lease>::all(client.clone()).list(&named).await?.items;
    let is_fresh = |lease: &Lease| {
        let spec = lease.spec.as_ref();
        let length = spec.and_then(|spec| spec.lease_duration_seconds).unwrap_or(15);
        let renewed = spec.and_then(|spec| spec.renew_time.as_ref());
        let limit = SignedDuration::from_secs(i64::from(length));
        renewed.is_some_and(|renewed| Timestamp::now().duration_since(renewed.0) < limit)
    };
    let found = leases.into_iter().find(is_fresh);
    Ok(found.map(|lease| format!("{}/{}", lease.namespace().unwrap_or_default(), lease.name_any())))
}

/// Why containers of a namespace wait, in words that follow a statement; empty where none does.
pub(crate) async fn unready(client: &Client, namespace: &str) -> Result<String> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace).list(&ListParams::default()).await?.items;
    let states = pods.iter().filter_map(|pod| pod.status.as_ref()?.container_statuses.as_deref()).flatten();
    let mut reasons: Vec<String> = states
        .filter_map(|container| {
            let waiting = container.state.as_ref()?.waiting.as_ref()?;
            Some(format!("{}: {}", container.image, waiting.reason.as_deref().unwrap_or("waiting")))
        })
        .collect();
    reasons.sort_unstable();
    reasons.dedup();
    Ok(if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_split_at_its_tag_only() {
        assert_eq!(image_values("reg:5000/linnet"), ["image.repository=reg:5000/linnet"]);
        assert_eq!(image_values("reg:5000/linnet:1"), ["image.repository=reg:5000/linnet", "image.tag=1"]);
    }

    #[test]
    fn a_release_of_one_namespace_or_instance_does_not_serve_the_demo() {
        let deployment = |args: &[&str]| -> Deployment {
            let containers = serde_json::json!([{ "name": "linnet", "args": args }]);
            let template = serde_json::json!({ "spec": { "containers": containers } });
            serde_json::from_value(serde_json::json!({ "spec": { "selector": {}, "template": template } }))
                .unwrap()
        };
        assert!(serves_all(&deployment(&["--loglevel=info"])));
        assert!(!serves_all(&deployment(&["--loglevel=info", "--namespaced"])));
        assert!(!serves_all(&deployment(&["--instance-id=blue"])));
    }
}
