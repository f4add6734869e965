//! A run, its clock, and what the engine and Prometheus do.

use std::collections::{BTreeMap, BTreeSet};

use analysis::provider::{Answer, TransportError};
use crds::analysis::{AnalysisPhase, AnalysisRunSpec, AnalysisRunStatus};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::analysis_run::rule::{Rule, rules};
use crate::analysis_run::{Measured, Plan, Settings, Snapshot, plan};
use crate::event::Severity;
use crate::facts::{AnalysisRunFacts, Meta};
use crate::shared::Shared;

pub(crate) fn start() -> Timestamp {
    "2026-11-21T03:00:00Z".parse().unwrap()
}

/// A metric of Prometheus named `m` unless `fields` say otherwise.
pub(crate) fn metric(fields: Value) -> Value {
    let mut metric = json!({ "name": "m", "successCondition": "result[0] < 0.05",
        "provider": { "prometheus": { "address": "http://prometheus:9090", "query": "errors" } } });
    json_merge(&mut metric, fields);
    metric
}

pub(crate) fn json_merge(base: &mut Value, fields: Value) {
    if let Value::Object(fields) = fields {
        for (key, value) in fields {
            base[key] = value;
        }
    }
}

/// The rule of one metric.
pub(crate) fn rule(fields: Value) -> Rule {
    let spec: AnalysisRunSpec = serde_json::from_value(json!({ "metrics": [metric(fields)] })).unwrap();
    rules(&spec).unwrap().remove(0)
}

pub(crate) fn run_of(spec: Value) -> Snapshot {
    Snapshot {
        run: Shared::new(AnalysisRunFacts {
            meta: Meta { namespace: "shop".to_owned(), name: "web-1".to_owned(), ..Meta::default() },
            spec: Ok(serde_json::from_value(spec).unwrap()),
            status: AnalysisRunStatus::default(),
        }),
        stale: false,
        asked: BTreeSet::new(),
        answers: BTreeMap::new(),
        secrets: BTreeMap::new(),
        settings: Settings::default(),
    }
}

pub(crate) fn single(fields: Value) -> Snapshot {
    run_of(json!({ "metrics": [metric(fields)] }))
}

/// Prometheus' answer with one sample, or no answer while it is `down`.
pub(crate) fn sample(value: &str) -> Result<Answer, TransportError> {
    if value == "down" {
        return Err(TransportError::Connection { message: "connection refused".to_owned() });
    }
    let body = json!({ "status": "success", "data": {
        "resultType": "vector", "result": [{ "metric": {}, "value": [1, value] }],
    } });
    Ok(Answer {
        status: 200,
        content_type: Some("application/json".to_owned()),
        body: body.to_string().into_bytes(),
        truncated: false,
    })
}

/// A run, its clock, and the engine's part: statuses are written, questions answered.
pub(crate) struct World {
    pub(crate) snapshot: Snapshot,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<String>,
}

impl World {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        Self { snapshot, now: start(), events: Vec::new() }
    }

    /// Plans, and writes the status until nothing is left to write; returns the last plan.
    pub(crate) fn settle(&mut self) -> Plan {
        for _ in 0..5 {
            let plan = plan(&self.snapshot, self.now);
            if plan.status == self.snapshot.run.status {
                return plan;
            }
            self.events.extend(plan.events.iter().map(|event| {
                let mark = if event.severity == Severity::Warning { "W " } else { "" };
                format!("{mark}{}: {}", event.reason, event.message)
            }));
            self.snapshot.run.status = round_trip(&plan.status);
            self.snapshot.answers.clear();
        }
        panic!("the status never comes to rest: {:?}", self.snapshot.run.status);
    }

    /// Waits for the next question, and answers all that are asked.
    pub(crate) fn answer(&mut self, outcome: impl Fn(&str) -> Result<Answer, TransportError>) -> Plan {
        let mut plan = self.settle();
        if self.status().phase.is_completed() {
            return plan;
        }
        if plan.questions.is_empty() {
            self.now = plan.wake_at.unwrap();
            plan = self.settle();
        }
        let started_at = self.now;
        self.now = self.now.checked_add(SignedDuration::from_millis(20)).unwrap();
        for question in plan.questions {
            let measured = Measured { started_at, finished_at: self.now, outcome: outcome(&question.metric) };
            self.snapshot.answers.insert(question.metric, measured);
        }
        self.settle()
    }

    pub(crate) fn status(&self) -> &AnalysisRunStatus {
        &self.snapshot.run.status
    }

    pub(crate) fn verdict(&self) -> (AnalysisPhase, &str) {
        (self.status().phase, self.status().message.as_str())
    }
}

/// What the API server gives back.
pub(crate) fn round_trip(status: &AnalysisRunStatus) -> AnalysisRunStatus {
    serde_json::from_value(serde_json::to_value(status).unwrap()).unwrap()
}
