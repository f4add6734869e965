//! The application of the examples, and what people do with it.

use std::time::Duration;

use anyhow::{Context, Result};
use crds::rollout::{Rollout, RolloutPhase, RolloutStatus};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::manifest;
use crate::space::Space;
use crate::traffic::Entrance;
use crate::wait::{Look, until};

/// The name of the application in the examples.
pub const NAME: &str = "user-service";

/// How its users come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Router {
    /// Through an NGINX Ingress.
    Nginx,
    /// Through an Istio `VirtualService`.
    Istio,
}

impl Router {
    /// The directory of the example.
    #[must_use]
    pub const fn example(self) -> &'static str {
        match self {
            Self::Nginx => "canary-nginx",
            Self::Istio => "canary-istio",
        }
    }

    /// Where users come in.
    ///
    /// # Errors
    /// When the cluster does not run that data plane.
    pub fn entrance(self, space: &Space) -> Result<Entrance> {
        let url = match self {
            Self::Nginx => space.facts.traefik.as_ref().map(|traefik| traefik.web.clone()),
            Self::Istio => {
                let ports =
                    space.facts.istio.as_ref().map(|istio| istio.ports.as_slice()).unwrap_or_default();
                ports.iter().find(|port| port.port == 80).map(|port| format!("http://{}", port.address))
            }
        };
        let url = url.with_context(|| format!("the cluster runs no data plane for {self:?}"))?;
        Ok(Entrance { url, host: host(space) })
    }
}

/// The host of the application: one per namespace, because data planes are shared.
#[must_use]
pub fn host(space: &Space) -> String {
    format!("{NAME}.{}.example.com", space.name)
}

/// The manifests of a router's example as this space needs them.
///
/// # Errors
/// When the example cannot be read.
pub fn manifests(space: &Space, router: Router) -> Result<Vec<Value>> {
    example(space, router.example())
}

/// The manifests of a directory of `examples/` as this space needs them: only the host is changed.
///
/// # Errors
/// When the example cannot be read.
pub fn example(space: &Space, directory: &str) -> Result<Vec<Value>> {
    let mut manifests = manifest::example(directory)?;
    for manifest in &mut manifests {
        let text = manifest.to_string().replace("user-service.example.com", &host(space));
        *manifest = serde_json::from_str(&text)?;
    }
    Ok(manifests)
}

/// The Rollout of the examples in a namespace.
#[derive(Clone)]
pub struct App {
    /// Where it runs.
    pub space: Space,
    /// Its Rollout's name.
    pub name: String,
}

impl App {
    /// Applies manifests, and waits until their Rollout is healthy.
    ///
    /// # Errors
    /// When it is not healthy within a minute.
    pub async fn deploy(space: &Space, manifests: &[Value]) -> Result<Self> {
        Self::deploy_within(space, manifests, Duration::from_mins(1)).await
    }

    /// The same, where many are deployed at once.
    ///
    /// # Errors
    /// When it is not healthy within `limit`.
    pub async fn deploy_within(space: &Space, manifests: &[Value], limit: Duration) -> Result<Self> {
        manifest::apply(&space.client, &space.name, manifests).await?;
        let rollout =
            manifests.iter().find(|manifest| manifest["kind"] == "Rollout").context("no Rollout")?;
        let name =
            rollout.pointer("/metadata/name").and_then(Value::as_str).context("a Rollout without a name")?;
        let name = name.to_owned();
        let app = Self { space: space.clone(), name };
        app.phase(RolloutPhase::Healthy, limit).await?;
        Ok(app)
    }

    /// The Rollout as it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn rollout(&self) -> Result<Rollout> {
        Ok(self.space.api::<Rollout>().get(&self.name).await?)
    }

    /// The Rollout's status as it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn status(&self) -> Result<RolloutStatus> {
        Ok(self.rollout().await?.status.unwrap_or_default())
    }

    /// Starts an update to another tag of the image, with other arguments.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn update(&self, version: &str, args: &[&str]) -> Result<()> {
        let mut rollout = serde_json::to_value(self.rollout().await?)?;
        let containers =
            rollout.pointer_mut("/spec/template/spec/containers").context("no containers")?.take();
        let mut containers: Vec<Value> = serde_json::from_value(containers)?;
        for container in &mut containers {
            let image = container["image"].as_str().unwrap_or_default();
            let (name, _) = image.rsplit_once(':').with_context(|| format!("no tag in {image:?}"))?;
            container["image"] = json!(format!("{name}:{version}"));
            container["args"] = json!(args);
        }
        let patch = json!({ "spec": { "template": { "spec": { "containers": containers } } } });
        self.patch(&patch).await
    }

    /// Merges a patch into the Rollout.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn patch(&self, patch: &Value) -> Result<()> {
        self.space.api::<Rollout>().patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Merges a patch into the Rollout's status, as people and tools do to abort or promote.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn patch_status(&self, patch: &Value) -> Result<()> {
        let patch = json!({ "status": patch });
        self.space
            .api::<Rollout>()
            .patch_status(&self.name, &PatchParams::default(), &Patch::Merge(&patch))
            .await?;
        Ok(())
    }

    /// Waits for a phase, as of the current spec.
    ///
    /// # Errors
    /// When it is not reached within `limit`.
    pub async fn phase(&self, phase: RolloutPhase, limit: Duration) -> Result<RolloutStatus> {
        self.until(&format!("{} to be {phase}", self.name), limit, |status| status.phase == phase).await
    }

    /// Waits until the status, as of the current spec, is as `wanted` says.
    ///
    /// # Errors
    /// When it is not within `limit`.
    pub async fn until(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&RolloutStatus) -> bool,
    ) -> Result<RolloutStatus> {
        until(what, limit, || async {
            let rollout = self.rollout().await?;
            let status = rollout.status.unwrap_or_default();
            let is_current = status.observed() == rollout.metadata.generation;
            if is_current && wanted(&status) {
                return Ok(Look::Seen(status));
            }
            let stand = status.current_step_index.unwrap_or(-1);
            Ok(Look::NotYet(format!(
                "{} {:?} at step {stand}, abort {}",
                status.phase, status.message, status.abort
            )))
        })
        .await
    }
}
