//! Where a secret value could be read by people who may not read Secrets.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use e2e_tests::space::Space;
use kube::api::{Api, DynamicObject, ListParams};
use kube::discovery::{ApiGroup, Discovery, Scope, verbs};

/// No object of the namespace but the Secrets, no line of the audit log and of any other log holds one of the values.
///
/// `told` is what the objects do say: it shows that the search finds what is there.
pub(crate) async fn nobody_was_told(space: &Space, values: &[&str], told: &[&str]) -> Result<()> {
    let objects = every_object_but_secrets(space).await?;
    for text in told {
        ensure!(objects.contains(text), "no object of {} holds {text:?}", space.name);
    }
    let mut logs = files(&space.facts.logs)?;
    let own = |path: &PathBuf| path.to_string_lossy().contains(&space.name);
    ensure!(logs.iter().any(own), "the operator of {} wrote no log", space.name);
    logs.push(space.facts.audit_log.clone());
    for value in values {
        ensure!(!objects.contains(value), "an object of {} holds {value:?}", space.name);
        for log in &logs {
            let bytes = std::fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
            let holds = String::from_utf8_lossy(&bytes).contains(value);
            ensure!(!holds, "{} holds {value:?}", log.display());
        }
    }
    println!("{} bytes of objects and {} logs tell nothing", objects.len(), logs.len());
    Ok(())
}

/// All objects of the namespace as text: statuses and events among them.
async fn every_object_but_secrets(space: &Space) -> Result<String> {
    let discovery = Discovery::new(space.client.clone()).run().await?;
    let mut text = String::new();
    for (resource, capabilities) in discovery.groups().flat_map(ApiGroup::recommended_resources) {
        let is_listed =
            capabilities.scope == Scope::Namespaced && capabilities.supports_operation(verbs::LIST);
        if !is_listed || resource.plural == "secrets" {
            continue;
        }
        let api: Api<DynamicObject> = Api::namespaced_with(space.client.clone(), &space.name, &resource);
        let list = api.list(&ListParams::default()).await?;
        text.extend(list.items.iter().map(|object| serde_json::json!([resource.kind, object]).to_string()));
    }
    Ok(text)
}

fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in
        std::fs::read_dir(directory).with_context(|| format!("no logs in {}", directory.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}
