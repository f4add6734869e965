//! What is known about one rollout, kept by the operator's own engine: so the reasons that are shown are those that
//! the operator has. The engine follows for ever, and so writes nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::{Context, Result};
use crds::names::INSTANCE_ID;
use crds::object_ref::{Kind, ObjectRef};
use engine::effect::Effect;
use engine::input::{Input, WatchEvent};
use engine::object::{Object, decode, decode_meta};
use engine::{Engine, Settings};
use jiff::Timestamp;
use planner::rollout::Snapshot;

/// An engine that is told of one rollout and of what belongs to it.
pub(crate) struct Known {
    engine: Engine,
    rollout: ObjectRef,
    text: String,
    open: VecDeque<Kind>,
    now: Timestamp,
}

impl Known {
    /// Begins with the rollout as JSON text; an error if it has no name.
    pub(crate) fn begin(
        namespace: &str,
        text: String,
        route_drain_seconds: u32,
        now: Timestamp,
    ) -> Result<Self> {
        let meta = decode_meta(&text).map_err(anyhow::Error::msg).context("cannot understand the rollout")?;
        let instance_id = meta.labels.get(INSTANCE_ID).cloned();
        let mut engine = Engine::new(Settings { route_drain_seconds, instance_id, ..Settings::default() });
        let open = watched(engine.start());
        let rollout = ObjectRef::new(Kind::Rollout, namespace, meta.name);
        Ok(Self { engine, rollout, text, open, now })
    }

    /// The kind that is asked for next, once per kind; the rollout itself is never asked for.
    pub(crate) fn next(&mut self) -> Option<Kind> {
        while let Some(kind) = self.open.pop_front() {
            if kind != Kind::Rollout {
                return Some(kind);
            }
            let text = std::mem::take(&mut self.text);
            self.list(kind, [text.as_str()]);
        }
        None
    }

    /// The objects of a kind that the rollout names.
    pub(crate) fn named(&self, kind: Kind) -> Vec<ObjectRef> {
        self.engine.named(&self.rollout).filter(|object| object.kind == kind).cloned().collect()
    }

    /// Takes all objects of a kind, as JSON texts. What has no name is left out.
    pub(crate) fn list<'a>(&mut self, kind: Kind, texts: impl IntoIterator<Item = &'a str>) {
        self.feed(kind, WatchEvent::Init);
        for object in texts.into_iter().filter_map(|text| decode(kind, text).ok()) {
            self.feed(kind, WatchEvent::InitApply(Arc::<Object>::new(object)));
        }
        self.feed(kind, WatchEvent::InitDone);
    }

    fn feed(&mut self, kind: Kind, event: WatchEvent) {
        let effects = self.engine.handle(Input::Watch { kind, event }, self.now);
        self.open.extend(watched(effects));
    }

    /// What the operator's next decision would look at; nothing if the rollout is none.
    pub(crate) fn snapshot(mut self) -> Option<Snapshot> {
        self.engine.snapshot(&self.rollout, self.now)
    }
}

/// The kinds that are to be read.
fn watched(effects: Vec<Effect>) -> VecDeque<Kind> {
    let kind = |effect| match effect {
        Effect::Watch(kind) => Some(kind),
        _ => None,
    };
    effects.into_iter().filter_map(kind).collect()
}
