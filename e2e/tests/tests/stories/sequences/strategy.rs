//! The strategies that are driven, made of the examples.

use anyhow::Result;
use e2e_tests::manifest::change;
use e2e_tests::space::Space;
use e2e_tests::story::{Router, example};
use serde_json::{Value, json};

/// How a version comes to its users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// A canary through an NGINX Ingress; every second one shrinks the stable version as the canary grows.
    Nginx,
    /// A canary through an Istio `VirtualService`.
    Istio,
    /// A canary by the number of pods alone.
    Pods,
    /// Blue-green; every second one promotes itself.
    BlueGreen,
}

impl Strategy {
    pub(crate) const ALL: [Self; 4] = [Self::Nginx, Self::Istio, Self::Pods, Self::BlueGreen];

    /// Through which data plane its users come in.
    pub(crate) const fn router(self) -> Router {
        match self {
            Self::Istio => Router::Istio,
            Self::Nginx | Self::Pods | Self::BlueGreen => Router::Nginx,
        }
    }

    /// Its manifests, with short waits.
    pub(crate) fn manifests(self, space: &Space, seed: u64) -> Result<Vec<Value>> {
        let directory = match self {
            Self::Nginx | Self::Istio => self.router().example(),
            Self::Pods | Self::BlueGreen => "blue-green",
        };
        let mut manifests = example(space, directory)?;
        let strategy = self.spec(seed.is_multiple_of(8));
        let spec = json!({ "replicas": 2, "progressDeadlineSeconds": 20, "strategy": strategy });
        change(&mut manifests, "Rollout", &json!({ "spec": spec }))?;
        Ok(manifests)
    }

    fn spec(self, other_form: bool) -> Value {
        let steps = json!([
            { "setWeight": 20 }, { "pause": { "duration": "1s" } },
            { "setWeight": 60 }, { "pause": {} },
            { "setWeight": 80 }, { "pause": { "duration": "1s" } },
        ]);
        match self {
            Self::Nginx => json!({ "canary": {
                "analysis": null, "steps": steps, "dynamicStableScale": other_form,
                "scaleDownDelaySeconds": if other_form { Value::Null } else { json!(2) },
            }}),
            Self::Istio => {
                json!({ "canary": { "analysis": null, "steps": steps, "scaleDownDelaySeconds": 2 } })
            }
            Self::Pods => json!({ "blueGreen": null, "canary": {
                "steps": steps, "maxSurge": 1, "maxUnavailable": 0,
            }}),
            Self::BlueGreen => json!({ "blueGreen": {
                "prePromotionAnalysis": null, "postPromotionAnalysis": null, "scaleDownDelaySeconds": 2,
                "autoPromotionEnabled": other_form,
            }}),
        }
    }
}
