//! The table of a rollout's revisions.

use comfy_table::{Table, presets};
use crds::rollout::Rollout;
use jiff::Timestamp;
use serde::Serialize;

use super::age;
use crate::revisions::Revision;

/// One revision in the history.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// Its number.
    pub(crate) revision: i64,
    /// Its ReplicaSet.
    pub(crate) replica_set: String,
    /// `stable`, `current`, `active`, `preview`; empty for one of the past.
    pub(crate) roles: Vec<&'static str>,
    /// Pods wanted.
    pub(crate) pods: i64,
    /// Pods available.
    pub(crate) available: i64,
    /// The images of its containers.
    pub(crate) images: Vec<String>,
    /// Time since its ReplicaSet was created.
    pub(crate) age: String,
    /// Why it was made.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) change_cause: String,
}

impl Row {
    /// One revision in the history of its rollout.
    pub(crate) fn of(rollout: &Rollout, revision: &Revision, now: Timestamp) -> Self {
        Self {
            revision: revision.number,
            replica_set: revision.replica_set.clone(),
            roles: roles(rollout, &revision.hash),
            pods: revision.pods,
            available: revision.available,
            images: revision.images().into_iter().map(str::to_owned).collect(),
            age: age::since(revision.created, now),
            change_cause: revision.cause.clone(),
        }
    }
}

fn roles(rollout: &Rollout, hash: &str) -> Vec<&'static str> {
    let status = rollout.status.clone().unwrap_or_default();
    let all = [
        ("stable", status.stable_rs),
        ("current", status.current_pod_hash),
        ("active", status.blue_green.active_selector),
        ("preview", status.blue_green.preview_selector),
    ];
    all.into_iter().filter(|(_, of)| of == hash).map(|(role, _)| role).collect()
}

/// The rows as a table with a head.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["REVISION", "STATUS", "PODS", "AGE", "IMAGES", "CHANGE-CAUSE"]);
    for row in rows {
        let roles = if row.roles.is_empty() { "-".to_owned() } else { row.roles.join(",") };
        let cause = if row.change_cause.is_empty() { "-" } else { &row.change_cause };
        table.add_row([
            row.revision.to_string(),
            roles,
            format!("{}/{}", row.available, row.pods),
            row.age.clone(),
            row.images.join(","),
            cause.to_owned(),
        ]);
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table.lines().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::revisions::{self, tests::replica_set};

    #[test]
    fn the_newest_revision_comes_first() {
        let status = json!({ "stableRS": "b", "currentPodHash": "c" });
        let rollout = json!({ "metadata": { "name": "web" }, "spec": {}, "status": status });
        let rollout: Rollout = serde_json::from_value(rollout).unwrap();
        let sets = [replica_set(1, "a", "web:1"), replica_set(2, "b", "web:2"), replica_set(3, "c", "web:3")];
        let now = "2026-11-21T03:10:00Z".parse().unwrap();
        let rows: Vec<Row> =
            revisions::of("u1", &sets).iter().rev().map(|it| Row::of(&rollout, it, now)).collect();
        insta::assert_snapshot!(table(&rows));
    }
}
