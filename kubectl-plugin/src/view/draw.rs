//! The tree of one rollout.

use std::fmt::Write;

use crds::rollout::RolloutPhase;
use jiff::Timestamp;

use super::age;
use super::health::{mark_of_analysis, mark_of_phase};
use super::paint::{Colour, Paint};
use crate::tree::{AnalysisRunNode, Image, PodNode, ReplicaSetNode, Revision, Tree};

/// One line of the tree: what stands before the name, and the columns.
struct Line {
    branch: String,
    name: String,
    kind: &'static str,
    mark: (&'static str, Colour),
    status: String,
    age: String,
    info: String,
}

/// The header and the tree, as many lines.
pub(crate) fn tree(tree: &Tree, now: Timestamp, paint: Paint) -> String {
    let mut text = header(tree, paint);
    text.push('\n');
    let lines = lines(tree, now);
    let width = |column: fn(&Line) -> usize, title: &str| {
        lines.iter().map(column).max().unwrap_or(0).max(title.len())
    };
    let names = width(|line| chars(&line.branch) + chars(&line.name), "NAME");
    let kinds = width(|line| chars(line.kind), "KIND");
    let marks = width(|line| 2 + chars(&line.status), "STATUS");
    let ages = width(|line| chars(&line.age), "AGE");
    let title = format!("{:names$}  {:kinds$}  {:marks$}  {:ages$}  INFO", "NAME", "KIND", "STATUS", "AGE");
    text.push_str(&paint.text(Colour::Grey, &title));
    text.push('\n');
    for line in &lines {
        let gap = names - chars(&line.branch) - chars(&line.name);
        let status =
            if line.status.is_empty() { String::new() } else { format!("{} {}", line.mark.0, line.status) };
        let filled = format!("{status:marks$}");
        let row = format!(
            "{}{}{:gap$}  {:kinds$}  {}  {:ages$}  {}",
            paint.text(Colour::Grey, &line.branch),
            line.name,
            "",
            line.kind,
            paint.text(line.mark.1, &filled),
            line.age,
            line.info,
        );
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

fn header(tree: &Tree, paint: Paint) -> String {
    let mut text = String::new();
    let (mark, colour) = mark_of_phase(tree.phase);
    field(&mut text, "Name", &tree.name);
    field(&mut text, "Namespace", &tree.namespace);
    field(&mut text, "Status", &paint.text(colour, &format!("{mark} {}", tree.phase)));
    if !tree.message.is_empty() {
        field(&mut text, "Message", &tree.message);
    }
    if let Some(waiting) = &tree.waiting {
        field(&mut text, "Waiting for", waiting);
    }
    field(&mut text, "Strategy", tree.strategy);
    if let Some(canary) = &tree.canary {
        field(&mut text, "  Step", &format!("{}/{}", canary.step, canary.steps));
        field(&mut text, "  SetWeight", &canary.set_weight.to_string());
        field(&mut text, "  ActualWeight", &canary.actual_weight.to_string());
    }
    for (index, image) in tree.images.iter().enumerate() {
        field(&mut text, if index == 0 { "Images" } else { "" }, &image_use(image));
    }
    let replicas = &tree.replicas;
    let counts = format!(
        "{} desired, {} current, {} updated, {} ready, {} available",
        replicas.desired, replicas.current, replicas.updated, replicas.ready, replicas.available
    );
    field(&mut text, "Replicas", &counts);
    text
}

fn field(text: &mut String, name: &str, value: &str) {
    let name = if name.is_empty() { String::new() } else { format!("{name}:") };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name:<16}{value}");
}

fn image_use(image: &Image) -> String {
    if image.roles.is_empty() {
        image.image.clone()
    } else {
        format!("{} ({})", image.image, image.roles.join(", "))
    }
}

fn lines(tree: &Tree, now: Timestamp) -> Vec<Line> {
    let mut lines = vec![Line {
        branch: String::new(),
        name: tree.name.clone(),
        kind: "Rollout",
        mark: mark_of_phase(tree.phase),
        status: if tree.phase == RolloutPhase::Unknown {
            "Unknown".to_owned()
        } else {
            tree.phase.to_string()
        },
        age: age::since(tree.created, now),
        info: String::new(),
    }];
    for (index, revision) in tree.revisions.iter().enumerate() {
        let last = index + 1 == tree.revisions.len();
        revision_lines(&mut lines, revision, last, now);
    }
    lines
}

/// The pieces of a branch: what a node has before its name, and what its children have before theirs.
const fn branches(last: bool) -> (&'static str, &'static str) {
    if last { ("└──", "   ") } else { ("├──", "│  ") }
}

fn revision_lines(lines: &mut Vec<Line>, revision: &Revision, last: bool, now: Timestamp) {
    let (own, below) = branches(last);
    lines.push(Line {
        branch: own.to_owned(),
        name: format!("# revision:{}", revision.number),
        kind: "",
        mark: ("", Colour::Grey),
        status: String::new(),
        age: String::new(),
        info: String::new(),
    });
    let children = revision.replica_sets.len() + revision.analysis_runs.len();
    for (index, node) in revision.replica_sets.iter().enumerate() {
        replica_set_lines(lines, node, (below, index + 1 == children), now);
    }
    for (index, node) in revision.analysis_runs.iter().enumerate() {
        let last = revision.replica_sets.len() + index + 1 == children;
        lines.push(analysis_run_line(node, &format!("{below}{}", branches(last).0), now));
    }
}

fn replica_set_lines(lines: &mut Vec<Line>, node: &ReplicaSetNode, place: (&str, bool), now: Timestamp) {
    let (before, last) = place;
    let (own, below) = branches(last);
    let mut info = node.roles.join(",");
    if let Some(deadline) = node.scale_down_at {
        let left = age::seconds(deadline.as_second() - now.as_second());
        info = if info.is_empty() { format!("delay:{left}") } else { format!("{info},delay:{left}") };
    }
    lines.push(Line {
        branch: format!("{before}{own}"),
        name: node.name.clone(),
        kind: "ReplicaSet",
        mark: node.health.mark(),
        status: format!("{:?}", node.health),
        age: age::since(node.created, now),
        info,
    });
    for (index, pod) in node.pods.iter().enumerate() {
        let (own, _) = branches(index + 1 == node.pods.len());
        lines.push(pod_line(pod, format!("{before}{below}{own}"), now));
    }
}

fn pod_line(pod: &PodNode, branch: String, now: Timestamp) -> Line {
    let restarts = if pod.restarts == 0 { String::new() } else { format!(",restarts:{}", pod.restarts) };
    Line {
        branch,
        name: pod.name.clone(),
        kind: "Pod",
        mark: pod.health.mark(),
        status: pod.status.clone(),
        age: age::since(pod.created, now),
        info: format!("ready:{}/{}{restarts}", pod.ready, pod.containers),
    }
}

fn analysis_run_line(run: &AnalysisRunNode, branch: &str, now: Timestamp) -> Line {
    let counts = [("✔", run.successful), ("✖", run.failed), ("?", run.inconclusive), ("⚠", run.error)];
    let mut info: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(mark, count)| format!("{mark} {count}"))
        .collect();
    if !run.message.is_empty() {
        info.push(run.message.clone());
    }
    Line {
        branch: branch.to_owned(),
        name: run.name.clone(),
        kind: "AnalysisRun",
        mark: mark_of_analysis(run.phase),
        status: run.phase.to_string(),
        age: age::since(run.created, now),
        info: info.join("  "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Objects;

    fn list<T: serde::de::DeserializeOwned>(items: serde_json::Value) -> Vec<T> {
        serde_json::from_value(items).unwrap()
    }

    fn objects(text: &str) -> Objects {
        let mut all: serde_json::Value = serde_json::from_str(text).unwrap();
        Objects {
            rollout: serde_json::from_value(all["rollout"].take()).unwrap(),
            replica_sets: list(all["replicaSets"].take()),
            pods: list(all["pods"].take()),
            analysis_runs: list(all["analysisRuns"].take()),
        }
    }

    #[test]
    fn a_paused_canary() {
        let now = "2026-11-21T03:10:00Z".parse().unwrap();
        let objects = objects(include_str!("draw/paused.json"));
        insta::assert_snapshot!(tree(&Tree::of(&objects, now), now, Paint::plain()));
    }

    #[test]
    fn a_preview_beside_the_active_version() {
        let now = "2026-11-21T03:10:00Z".parse().unwrap();
        let objects = objects(include_str!("draw/preview.json"));
        insta::assert_snapshot!(tree(&Tree::of(&objects, now), now, Paint::plain()));
    }
}
