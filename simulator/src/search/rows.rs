//! The stories for the exhaustive plans: every strategy and router, every step kind, every verb.

use serde_json::json;

use super::manifests::Wishes;
use super::shape::{SHAPES, Shape};
use super::story::{Course, STORIES};
use crate::scenario::Scenario;

/// A story whose writes are gone through one by one.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its strategy and router.
    pub shape: &'static Shape,
    /// What is played, without faults.
    pub scenario: Scenario,
}

/// All rows: each story behind each router, short, so that every write of it can be gone through.
#[must_use]
pub fn all() -> Vec<Row> {
    SHAPES.iter().flat_map(|shape| STORIES.iter().map(move |story| (shape, story))).map(row).collect()
}

fn row((shape, story): (&'static Shape, &super::story::Story)) -> Row {
    let course = Course::new(&[20, 60], story.pause_seconds().unwrap_or(1)).after((shape.opening)());
    let wishes = Wishes {
        replicas: 3,
        steps: course.steps.clone(),
        background: shape.name.ends_with("two"),
        strategy: if shape.keeps_old_versions() {
            json!({ "scaleDownDelaySeconds": 2, "abortScaleDownDelaySeconds": 2 })
        } else {
            json!({})
        },
        spec: json!({ "revisionHistoryLimit": 1 }),
    };
    Row { shape, scenario: story.scenario(shape, &wishes, &course) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rows_have_one_name() {
        let rows = all();
        let names: std::collections::BTreeSet<&str> =
            rows.iter().map(|row| row.scenario.name.as_str()).collect();
        assert_eq!(names.len(), rows.len());
    }
}
