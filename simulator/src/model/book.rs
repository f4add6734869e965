//! What a run has seen of versions and uids, so that marks can be replaced.

use std::collections::BTreeMap;

use crds::object_ref::{Kind, ObjectRef};
use serde_json::{Value, json};

use super::facts::{Facts, Seen};
use super::script::{Act, Precondition, Step};

/// A version and a uid that no object has.
const NEVER: &str = "4000000000";

/// What a run has seen of each object.
#[derive(Clone, Debug, Default)]
pub struct Book {
    namespace: String,
    objects: BTreeMap<(Kind, String), Account>,
}

#[derive(Clone, Debug, Default)]
struct Account {
    versions: Vec<String>,
    uids: Vec<String>,
}

impl Book {
    /// A book of a run in a namespace.
    #[must_use]
    pub fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), objects: BTreeMap::new() }
    }

    /// The object that a step means. Objects without a namespace get a name that no other run uses.
    #[must_use]
    pub fn reference(&self, kind: Kind, name: &str) -> ObjectRef {
        if kind == Kind::ClusterAnalysisTemplate {
            ObjectRef::new(kind, "", format!("{}{name}", self.prefix()))
        } else {
            ObjectRef::new(kind, &self.namespace, name)
        }
    }

    /// The name by which the script knows an object; `None` if the object is none of this run.
    #[must_use]
    pub fn script_name<'a>(&self, kind: Kind, name: &'a str) -> Option<&'a str> {
        if kind == Kind::ClusterAnalysisTemplate { name.strip_prefix(&self.prefix()) } else { Some(name) }
    }

    fn prefix(&self) -> String {
        format!("{}.", self.namespace)
    }

    /// The act of a step with all marks replaced and the manifest completed.
    #[must_use]
    pub fn resolve(&self, step: &Step) -> Act {
        let body = |value: &Value| self.replaced(step, value);
        match &step.act {
            Act::Create(manifest) => Act::Create(self.completed(step, body(manifest))),
            Act::Merge(patch) => Act::Merge(body(patch)),
            Act::MergeStatus(patch) => Act::MergeStatus(body(patch)),
            Act::Json(patch) => Act::Json(body(patch)),
            Act::Delete(precondition) => Act::Delete(Precondition {
                uid: precondition.uid.as_ref().map(|mark| self.text(step, mark)),
                version: precondition.version.as_ref().map(|mark| self.text(step, mark)),
            }),
            other @ (Act::Get(_) | Act::Vanish(_) | Act::List(_)) => other.clone(),
        }
    }

    fn completed(&self, step: &Step, mut manifest: Value) -> Value {
        let reference = self.reference(step.kind, &step.name);
        let (group, version) = (step.kind.group(), step.kind.default_version());
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        if let Value::Object(fields) = &mut manifest {
            fields.insert("apiVersion".to_owned(), json!(api_version));
            fields.insert("kind".to_owned(), json!(step.kind.name()));
            let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
            if let Value::Object(metadata) = metadata {
                metadata.entry("name").or_insert_with(|| json!(reference.name));
                if !reference.namespace.is_empty() {
                    metadata.entry("namespace").or_insert_with(|| json!(reference.namespace));
                }
            }
        }
        manifest
    }

    fn replaced(&self, step: &Step, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(step, text)),
            Value::Array(items) => items.iter().map(|item| self.replaced(step, item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(key, value)| (key.clone(), self.replaced(step, value))).collect()
            }
            other => other.clone(),
        }
    }

    /// The text that a mark stands for; any other text as it is. Of what was never seen a mark stands for [`NEVER`].
    fn text(&self, step: &Step, mark: &str) -> String {
        let (mark, other) = mark.split_once(':').map_or((mark, None), |(mark, other)| (mark, Some(other)));
        let own = (step.kind, step.name.clone());
        let object = other.and_then(named).unwrap_or(own);
        let empty = Account::default();
        let account = self.objects.get(&object).unwrap_or(&empty);
        let back = |texts: &[String], steps: usize| texts.iter().rev().nth(steps).cloned();
        let found = match mark {
            "$version" => back(&account.versions, 0),
            "$version-1" => back(&account.versions, 1),
            "$uid" => back(&account.uids, 0),
            "$uid-1" => back(&account.uids, 1),
            _ => return other.map_or_else(|| mark.to_owned(), |other| format!("{mark}:{other}")),
        };
        found.unwrap_or_else(|| NEVER.to_owned())
    }

    /// Remembers what a step has shown.
    pub fn learn(&mut self, step: &Step, seen: &Seen) {
        if let Some(facts) = &seen.object {
            self.learn_facts(step.kind, &step.name, facts);
        }
    }

    fn learn_facts(&mut self, kind: Kind, name: &str, facts: &Facts) {
        let account = self.objects.entry((kind, name.to_owned())).or_default();
        let add = |texts: &mut Vec<String>, text: &str| {
            if texts.last().map(String::as_str) != Some(text) {
                texts.push(text.to_owned());
            }
        };
        add(&mut account.versions, &facts.version);
        add(&mut account.uids, &facts.uid);
    }

    /// The last version of an object that was seen.
    #[must_use]
    pub fn last_version(&self, kind: Kind, name: &str) -> Option<&str> {
        self.objects.get(&(kind, name.to_owned()))?.versions.last().map(String::as_str)
    }

    /// Takes a version that somebody else made for the last one, because it changed nothing that counts here.
    pub fn refresh(&mut self, kind: Kind, name: &str, version: &str) {
        let account = self.objects.entry((kind, name.to_owned())).or_default();
        if let Some(last) = account.versions.last_mut() {
            version.clone_into(last);
        }
    }
}

/// `Rollout/web` as a kind and a name.
fn named(text: &str) -> Option<(Kind, String)> {
    let (kind, name) = text.split_once('/')?;
    let kind = crate::store::KINDS.into_iter().find(|it| it.name() == kind)?;
    Some((kind, name.to_owned()))
}
