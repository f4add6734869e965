//! The revisions of a rollout: what its ReplicaSets remember.

use anyhow::{Context, Result, bail};
use crds::metadata::PodTemplateMetadata;
use crds::names::{EPHEMERAL_METADATA, POD_TEMPLATE_HASH, REVISION};
use jiff::Timestamp;
use serde_json::Value;

/// One revision.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Revision {
    /// Its number.
    pub(crate) number: i64,
    /// Its ReplicaSet.
    pub(crate) replica_set: String,
    /// Its hash.
    pub(crate) hash: String,
    /// Its pod template as the user wrote it.
    pub(crate) template: Value,
    /// When its ReplicaSet was created.
    pub(crate) created: Option<Timestamp>,
    /// Why it was made, in the words of the annotation `kubernetes.io/change-cause`.
    pub(crate) cause: String,
    /// Pods wanted.
    pub(crate) pods: i64,
    /// Pods available.
    pub(crate) available: i64,
}

/// The revisions of the rollout with that uid, oldest first.
pub(crate) fn of(uid: &str, replica_sets: &[Value]) -> Vec<Revision> {
    let mut revisions: Vec<Revision> =
        replica_sets.iter().filter(|set| is_controlled(set, uid)).filter_map(revision).collect();
    revisions.sort_by_key(|revision| revision.number);
    revisions
}

/// The revision with that number; without one, the one before the newest.
pub(crate) fn pick(revisions: &[Revision], number: Option<i64>) -> Result<&Revision> {
    let Some(number) = number else {
        let mut newest = revisions.iter().rev();
        newest.next();
        return newest.next().context("there is no revision before the newest one");
    };
    let found = revisions.iter().find(|revision| revision.number == number);
    let Some(found) = found else {
        let known: Vec<String> = revisions.iter().map(|it| it.number.to_string()).collect();
        bail!("there is no revision {number}; there are: {}", known.join(", "));
    };
    Ok(found)
}

impl Revision {
    /// The images of its containers, in their order.
    pub(crate) fn images(&self) -> Vec<&str> {
        let containers = self.template.pointer("/spec/containers").and_then(Value::as_array);
        containers.into_iter().flatten().filter_map(|it| it.get("image")?.as_str()).collect()
    }
}

fn is_controlled(set: &Value, uid: &str) -> bool {
    let owners = set.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().any(|owner| {
        owner.get("uid").and_then(Value::as_str) == Some(uid)
            && owner.get("controller").and_then(Value::as_bool) == Some(true)
    })
}

fn revision(set: &Value) -> Option<Revision> {
    let metadata = set.get("metadata")?;
    let annotation = |name: &str| metadata.get("annotations")?.get(name)?.as_str();
    let count = |path: &str| set.pointer(path).and_then(Value::as_i64).unwrap_or(0);
    let added: PodTemplateMetadata =
        annotation(EPHEMERAL_METADATA).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    Some(Revision {
        number: annotation(REVISION)?.parse().ok()?,
        replica_set: metadata.get("name")?.as_str()?.to_owned(),
        hash: metadata.get("labels")?.get(POD_TEMPLATE_HASH)?.as_str()?.to_owned(),
        template: crds::template::as_written(set.pointer("/spec/template")?, &added),
        created: metadata.get("creationTimestamp").and_then(Value::as_str).and_then(|it| it.parse().ok()),
        cause: annotation("kubernetes.io/change-cause").unwrap_or_default().to_owned(),
        pods: count("/spec/replicas"),
        available: count("/status/availableReplicas"),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A ReplicaSet of the rollout with the uid `u1`.
    pub(crate) fn replica_set(number: i64, hash: &str, image: &str) -> Value {
        json!({
            "metadata": { "name": format!("web-{hash}"), "creationTimestamp": "2026-11-21T03:00:00Z",
                "labels": { "app": "web", "rollouts-pod-template-hash": hash },
                "annotations": { "rollout.argoproj.io/revision": number.to_string(),
                    "kubernetes.io/change-cause": format!("release {image}"),
                    "rollout.argoproj.io/ephemeral-metadata": r#"{"labels":{"role":"canary"}}"# },
                "ownerReferences": [{ "uid": "u1", "controller": true }] },
            "spec": { "replicas": 2, "template": {
                "metadata": { "labels": { "app": "web", "role": "canary", "rollouts-pod-template-hash": hash } },
                "spec": { "containers": [{ "name": "web", "image": image }] } } },
            "status": { "availableReplicas": 1 },
        })
    }

    fn three() -> Vec<Revision> {
        let sets =
            [replica_set(10, "c", "web:3"), replica_set(9, "b", "web:2"), replica_set(2, "a", "web:1")];
        of("u1", &sets)
    }

    #[test]
    fn the_template_is_as_the_user_wrote_it() {
        let want = json!({ "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "web:1" }] } });
        assert_eq!(three()[0].template, want);
        assert_eq!(three()[0].images(), ["web:1"]);
    }

    #[test]
    fn revisions_are_ordered_by_number_and_picked_by_it() {
        let revisions = three();
        assert_eq!(revisions.iter().map(|it| it.number).collect::<Vec<_>>(), [2, 9, 10]);
        assert_eq!(pick(&revisions, None).unwrap().number, 9);
        assert_eq!(pick(&revisions, Some(2)).unwrap().hash, "a");
        let error = pick(&revisions, Some(3)).unwrap_err().to_string();
        assert_eq!(error, "there is no revision 3; there are: 2, 9, 10");
        assert!(pick(&revisions[..1], None).is_err());
    }

    #[test]
    fn what_somebody_else_controls_is_no_revision() {
        assert!(of("u2", &[replica_set(1, "a", "web:1")]).is_empty());
    }
}
