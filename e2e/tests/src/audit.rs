//! The audit log: what really reached the API server.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Deserialize;

/// One answered request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, ...
    pub verb: String,
    /// Who asked.
    pub user: User,
    /// Which program asked.
    #[serde(default)]
    pub user_agent: String,
    /// What was asked for.
    pub object_ref: Option<Object>,
    /// How it was answered.
    pub response_status: Option<Status>,
    /// What the API server noted, such as `authorization.k8s.io/decision`.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// When it arrived.
    pub request_received_timestamp: Timestamp,
    /// When it was answered.
    pub stage_timestamp: Timestamp,
}

/// Who asked.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// The user name, such as `system:serviceaccount:NAMESPACE:NAME`.
    pub username: String,
}

/// What was asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Object {
    /// The plural.
    pub resource: String,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The API group.
    pub api_group: String,
    /// The subresource.
    pub subresource: String,
}

/// How a request was answered.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// The HTTP status.
    pub code: u16,
}

impl Entry {
    /// Whether it is a request to change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
    }

    /// The resource with its subresource, such as `rollouts/status`.
    #[must_use]
    pub fn resource(&self) -> String {
        let Some(object) = &self.object_ref else { return String::new() };
        if object.subresource.is_empty() {
            object.resource.clone()
        } else {
            format!("{}/{}", object.resource, object.subresource)
        }
    }

    /// The namespace of the object.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.object_ref.as_ref().map_or("", |object| object.namespace.as_str())
    }

    /// The name of the object.
    #[must_use]
    pub fn name(&self) -> &str {
        self.object_ref.as_ref().map_or("", |object| object.name.as_str())
    }

    /// The HTTP status of the answer; 0 when there was none.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.response_status.as_ref().map_or(0, |status| status.code)
    }

    /// Whether it was refused for want of rights. (A namespace that goes also answers 403.)
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.annotations.get("authorization.k8s.io/decision").is_some_and(|decision| decision == "forbid")
    }

    /// Whether a `ServiceAccount` of this namespace asked.
    #[must_use]
    pub fn is_by(&self, namespace: &str, service_account: &str) -> bool {
        self.user.username == format!("system:serviceaccount:{namespace}:{service_account}")
    }
}

/// A place in the audit log.
#[derive(Clone, Debug)]
pub struct Mark {
    path: PathBuf,
    offset: u64,
}

impl Mark {
    /// The end of the log as it is now.
    ///
    /// # Errors
    /// When there is no log.
    pub fn now(path: &Path) -> Result<Self> {
        let length =
            std::fs::metadata(path).with_context(|| format!("no audit log {}", path.display()))?.len();
        Ok(Self { path: path.to_owned(), offset: length })
    }

    /// Everything that was logged since.
    ///
    /// # Errors
    /// When the log cannot be read, or a line of it is no audit event.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let mut file = std::fs::File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut entries = Vec::new();
        for line in BufReader::new(file).split(b'\n') {
            let line = line?;
            // The last line may be under way.
            match serde_json::from_slice(&line) {
                Ok(entry) => entries.push(entry),
                Err(error) if error.is_eof() => break,
                Err(error) => return Err(error).context("a line of the audit log is no audit event"),
            }
        }
        Ok(entries)
    }
}

/// Counts per verb and resource, such as `patch rollouts/status: 7`.
#[must_use]
pub fn counts<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in entries {
        *counts.entry(format!("{} {}", entry.verb, entry.resource())).or_default() += 1;
    }
    counts
}

/// Everything that was ever logged.
///
/// # Errors
/// When the log cannot be read, or a line of it is no audit event.
pub fn whole(path: &Path) -> Result<Vec<Entry>> {
    Mark { path: path.to_owned(), offset: 0 }.entries()
}
