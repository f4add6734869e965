//! What is held of one object.

use planner::facts::{
    AnalysisRunFacts, Meta, PodFacts, ReplicaSetFacts, RolloutFacts, ServiceFacts, TemplateFacts,
    WorkloadFacts,
};
use planner::rollout::TemplateIdentity;
use planner::shared::Shared;
use planted_bugs::{Bug, planted};
use serde_json::Value;

use super::table::Held;
use super::version::Stamp;
use crate::template;

/// A Rollout with its template, which is looked into once per change.
#[derive(Clone, Debug)]
pub(crate) struct RolloutHeld {
    /// The projection.
    pub(crate) facts: Shared<RolloutFacts>,
    /// Its template, if the spec has a readable one.
    pub(crate) template: Option<Shared<TemplateIdentity>>,
}

impl RolloutHeld {
    /// Holds `facts`, in the place of `before`: of the same incarnation it keeps the last spec that could be read.
    pub(crate) fn new(mut facts: Shared<RolloutFacts>, before: Option<&Self>) -> Self {
        let before = before.filter(|before| before.facts.meta.uid == facts.meta.uid);
        if facts.spec.is_err() && !planted(Bug::BadSpecForgetsRoutes) {
            facts.last_readable_spec = before.and_then(|before| {
                before.facts.spec.as_ref().ok().cloned().or_else(|| before.facts.last_readable_spec.clone())
            });
        }
        let template =
            template::of_rollout(&facts, before.map(|before| (&*before.facts, before.template.as_ref())));
        Self { facts, template }
    }
}

impl Held for RolloutHeld {
    fn stamp(&self) -> Stamp {
        Stamp::of(&self.facts.meta)
    }

    fn controller_uid(&self) -> Option<&str> {
        None
    }

    fn differs(&self, other: &Self) -> bool {
        self.facts != other.facts
    }
}

/// A route object: its whole text if a Rollout names it, else only that it exists.
#[derive(Clone, Debug)]
pub(crate) struct RouteHeld {
    stamp: Stamp,
    text: Option<Box<str>>,
}

impl RouteHeld {
    /// Holds a route, with its text if it is `named` by a Rollout.
    pub(crate) fn new(meta: &Meta, value: &Value, named: bool) -> Self {
        Self { stamp: Stamp::of(meta), text: named.then(|| value.to_string().into()) }
    }

    /// The object as JSON text, if it is kept.
    pub(crate) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Whether this is the version that these metadata are of.
    pub(crate) fn is_version(&self, meta: &Meta) -> bool {
        self.stamp.uid == meta.uid && self.stamp.resource_version == meta.resource_version
    }

    /// Keeps only that the object exists.
    pub(crate) fn forget_text(&mut self) {
        self.text = None;
    }
}

impl Held for RouteHeld {
    fn stamp(&self) -> Stamp {
        self.stamp.clone()
    }

    fn controller_uid(&self) -> Option<&str> {
        None
    }

    fn differs(&self, other: &Self) -> bool {
        other.text.is_some() && self.text != other.text
    }
}

/// A pod: what it carries if its Rollout asks for that, else only that it exists.
#[derive(Clone, Debug)]
pub(crate) struct PodHeld {
    stamp: Stamp,
    controller_uid: Option<Box<str>>,
    facts: Option<Shared<PodFacts>>,
}

impl PodHeld {
    /// Holds a pod, with what it carries if that is `wanted`.
    pub(crate) fn new(facts: &Shared<PodFacts>, wanted: bool) -> Self {
        Self {
            stamp: Stamp::of(&facts.meta),
            controller_uid: facts.meta.controller.as_ref().map(|owner| owner.uid.as_str().into()),
            facts: wanted.then(|| facts.clone()),
        }
    }

    /// What it carries, if that is kept.
    pub(crate) const fn facts(&self) -> Option<&Shared<PodFacts>> {
        self.facts.as_ref()
    }
}

impl Held for PodHeld {
    fn stamp(&self) -> Stamp {
        self.stamp.clone()
    }

    fn controller_uid(&self) -> Option<&str> {
        self.controller_uid.as_deref()
    }

    fn differs(&self, other: &Self) -> bool {
        other.facts.is_some() && self.facts != other.facts
    }
}

/// A Deployment, ReplicaSet or PodTemplate: its template if a Rollout takes it, else only that it exists.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadHeld {
    stamp: Stamp,
    kept: Option<Kept>,
}

/// A workload that a Rollout names, with its template, which is looked into once per change.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// The projection.
    pub(crate) facts: Shared<WorkloadFacts>,
    template: Option<Shared<TemplateIdentity>>,
}

impl WorkloadHeld {
    /// Holds a workload, with its template if it is `named` by a Rollout.
    pub(crate) fn new(facts: &Shared<WorkloadFacts>, named: bool) -> Self {
        let kept = named.then(|| Kept {
            facts: facts.clone(),
            template: facts.template.as_ref().map(template::of_workload),
        });
        Self { stamp: Stamp::of(&facts.meta), kept }
    }

    /// What is kept of it, if a Rollout names it.
    pub(crate) const fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// Keeps only that the object exists.
    pub(crate) fn forget_template(&mut self) {
        self.kept = None;
    }
}

impl Kept {
    /// The template as a Rollout with so many collisions runs it.
    pub(crate) fn template(&self, collisions: Option<i32>) -> Option<Shared<TemplateIdentity>> {
        Some(template::resolved(self.template.as_ref()?, collisions))
    }
}

impl Held for WorkloadHeld {
    fn stamp(&self) -> Stamp {
        self.stamp.clone()
    }

    fn controller_uid(&self) -> Option<&str> {
        None
    }

    fn differs(&self, other: &Self) -> bool {
        other.kept().is_some_and(|theirs| self.kept().is_none_or(|ours| ours.facts != theirs.facts))
    }
}

macro_rules! held_with_meta {
    ($($facts:ty),+) => {$(
        impl Held for Shared<$facts> {
            fn stamp(&self) -> Stamp {
                Stamp::of(&self.meta)
            }

            fn controller_uid(&self) -> Option<&str> {
                self.meta.controller.as_ref().map(|owner| owner.uid.as_str())
            }

            fn differs(&self, other: &Self) -> bool {
                self != other
            }
        }
    )+};
}

held_with_meta!(ReplicaSetFacts, ServiceFacts, AnalysisRunFacts, TemplateFacts);
