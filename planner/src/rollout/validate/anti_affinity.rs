//! How two versions are kept apart.

use std::fmt::Display;

use crds::rollout::AntiAffinity;

use super::{Problem, wrong};

/// Checks that one way is asked for, and its weight.
pub(super) fn check(path: impl Display, rule: Option<&AntiAffinity>) -> Result<(), Problem> {
    let Some(rule) = rule else { return Ok(()) };
    let path = format!("{path}.antiAffinity");
    let preferred = &rule.preferred_during_scheduling_ignored_during_execution;
    match (preferred, &rule.required_during_scheduling_ignored_during_execution) {
        (Some(preferred), None) if (1..=100).contains(&preferred.weight) => Ok(()),
        (Some(preferred), None) => Err(wrong(
            format_args!("{path}.preferredDuringSchedulingIgnoredDuringExecution.weight"),
            preferred.weight,
            "AntiAffinity weight must be between 1-100",
        )),
        (None, Some(_)) => Ok(()),
        (preferred, _) => Err(wrong(
            path,
            if preferred.is_some() { "preferred, required" } else { "{}" },
            "AntiAffinity must have exactly one strategy listed",
        )),
    }
}
