//! A Kubernetes namespace for one test.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Api, DeleteParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::json;

use crate::facts::Facts;
use crate::wait::{Look, until};

/// A cluster, and a namespace of one's own in it.
#[derive(Clone)]
pub struct Space {
    /// The facts of the cluster.
    pub facts: Facts,
    /// A client with the administrator's rights.
    pub client: Client,
    /// The name of the namespace.
    pub name: String,
}

impl Space {
    /// Creates a namespace whose name begins with `prefix`, and waits until pods can be created in it.
    ///
    /// # Errors
    /// When there is no cluster, or it does not do that within half a minute.
    pub async fn create(prefix: &str) -> Result<Self> {
        let facts = Facts::read()?;
        let client = facts.client().await?;
        Self::create_on(facts, client, prefix).await
    }

    /// The same on any cluster.
    ///
    /// # Errors
    /// When the cluster does not do that within half a minute.
    pub async fn create_on(facts: Facts, client: Client, prefix: &str) -> Result<Self> {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace =
            serde_json::from_value(json!({ "metadata": { "generateName": format!("{prefix}-") } }))?;
        let name = namespaces.create(&PostParams::default(), &namespace).await?.name_any();
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &name);
        until("the ServiceAccount default", Duration::from_secs(30), || async {
            let account = accounts.get_opt("default").await?;
            Ok(Look::when(account.is_some(), "none"))
        })
        .await?;
        Ok(Self { facts, client, name })
    }

    /// Objects of a kind in the namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Removes the namespace with everything in it. A test that fails leaves it, for people to look at.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn remove(self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(&self.name, &DeleteParams::background()).await?;
        Ok(())
    }

    /// Removes the namespace and waits until nothing of it is left, where what comes next is not to be disturbed.
    ///
    /// # Errors
    /// When the API server refuses, or something is left after two minutes.
    pub async fn remove_wholly(self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let name = self.name.clone();
        self.remove().await?;
        until(&format!("namespace {name} to go"), Duration::from_mins(2), || async {
            let left = namespaces.get_opt(&name).await?;
            Ok(Look::when(left.is_none(), left.and_then(|namespace| namespace.status)))
        })
        .await
    }
}
