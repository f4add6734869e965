//! The proxy before the API server, told what to do.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::facts::Facts;

/// A write that went through the proxy.
#[derive(Clone, Debug, Deserialize)]
pub struct Write {
    /// What was done.
    pub verb: String,
    /// To what kind of object.
    pub resource: String,
    /// To which part of it; empty for the object itself.
    #[serde(default)]
    pub subresource: String,
    /// The name of the rule that acted on it.
    pub rule: Option<String>,
}

/// The proxy's control port.
#[derive(Clone, Debug)]
pub struct Proxy {
    client: reqwest::Client,
    control: String,
}

impl Proxy {
    /// The proxy of the cluster.
    ///
    /// # Errors
    /// When the cluster runs none.
    pub fn of(facts: &Facts) -> Result<Self> {
        let control = facts.proxy.as_ref().context("the cluster runs no proxy")?.control.clone();
        Ok(Self { client: reqwest::Client::builder().no_proxy().build()?, control })
    }

    /// Forgets rules, counts and log.
    ///
    /// # Errors
    /// When the proxy does not answer.
    pub async fn reset(&self) -> Result<()> {
        self.client.post(self.url("reset")).send().await?.error_for_status()?;
        Ok(())
    }

    /// Adds a rule.
    ///
    /// # Errors
    /// When the proxy refuses it, with its reason.
    pub async fn add(&self, rule: &Value) -> Result<()> {
        let answer = self.client.post(self.url("rules")).json(rule).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "the proxy refuses {rule}: {}", answer.text().await?);
        Ok(())
    }

    /// Every write since the last reset.
    ///
    /// # Errors
    /// When the proxy does not answer.
    pub async fn writes(&self) -> Result<Vec<Write>> {
        Ok(self.client.get(self.url("log")).send().await?.error_for_status()?.json().await?)
    }

    fn url(&self, order: &str) -> String {
        format!("{}/control/{order}", self.control)
    }
}
