//! The table of many rollouts.

use comfy_table::{Table, presets};
use crds::rollout::Rollout;
use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;

use super::{age, health};
use crate::tree::{created, stand};

/// One rollout in a list.
#[derive(Debug, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// `Canary` or `BlueGreen`.
    pub(crate) strategy: &'static str,
    /// Its phase.
    pub(crate) status: String,
    /// Steps done and steps in all, of a canary with steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
    /// The weight that the steps ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) set_weight: Option<i32>,
    /// Pods wanted.
    pub(crate) desired: i32,
    /// Pods of the new version.
    pub(crate) up_to_date: i32,
    /// Available pods.
    pub(crate) available: i32,
    /// Time since it was created.
    pub(crate) age: String,
    /// The reference's message for the phase.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
}

impl Row {
    /// One rollout in a list.
    pub(crate) fn of(rollout: &Rollout, now: Timestamp) -> Self {
        let status = rollout.status.clone().unwrap_or_default();
        let canary = rollout.spec.strategy.canary.as_ref();
        let stand = canary.filter(|canary| !canary.steps.is_empty()).map(|canary| stand(rollout, canary));
        let (phase, message) = health::of_rollout(rollout);
        Self {
            namespace: rollout.namespace().unwrap_or_default(),
            name: rollout.name_any(),
            strategy: if canary.is_some() { "Canary" } else { "BlueGreen" },
            status: phase.to_string(),
            step: stand.as_ref().map(|stand| format!("{}/{}", stand.step, stand.steps)),
            set_weight: stand.map(|stand| stand.set_weight),
            desired: rollout.spec.replicas.unwrap_or(1),
            up_to_date: status.updated_replicas,
            available: status.available_replicas,
            age: age::since(created(rollout), now),
            message,
        }
    }
}

/// Which columns a table has besides the usual ones.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Columns {
    /// The namespace.
    pub(crate) namespace: bool,
    /// The message.
    pub(crate) message: bool,
}

/// The rows as a table with a head.
pub(crate) fn table(rows: &[Row], columns: Columns) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut head =
        vec!["NAME", "STRATEGY", "STATUS", "STEP", "SET-WEIGHT", "DESIRED", "UP-TO-DATE", "AVAILABLE", "AGE"];
    if columns.namespace {
        head.insert(0, "NAMESPACE");
    }
    if columns.message {
        head.push("MESSAGE");
    }
    table.set_header(head);
    let dash = || "-".to_owned();
    for row in rows {
        let mut cells = vec![
            row.name.clone(),
            row.strategy.to_owned(),
            row.status.clone(),
            row.step.clone().unwrap_or_else(dash),
            row.set_weight.map_or_else(dash, |weight| weight.to_string()),
            row.desired.to_string(),
            row.up_to_date.to_string(),
            row.available.to_string(),
            row.age.clone(),
        ];
        if columns.namespace {
            cells.insert(0, row.namespace.clone());
        }
        if columns.message {
            cells.push(row.message.clone());
        }
        table.add_row(cells);
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table.lines().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}
