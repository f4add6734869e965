//! A script on the real API server, through requests as the operator sends them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axum::http::{Method, Request};
use crds::object_ref::{Kind, ObjectRef};
use e2e_tests::space::Space;
use e2e_tests::wait::{Look, until};
use futures::{AsyncBufReadExt as _, TryStreamExt as _};
use kube::Client;
use serde_json::{Map, Value, json};
use simulator::model::{Act, Book, END, Event, Facts, Precondition, Script, Seen, Step, Transcript, middle};

const MERGE: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";
const JSON: &str = "application/json";

/// Runs a script in a namespace; what it has seen is comparable.
pub(crate) async fn run(space: &Space, script: &Script) -> Result<Transcript> {
    let script = script.with_ends();
    let mut real =
        Real { client: space.client.clone(), book: Book::new(&space.name), stand_ins: BTreeMap::new() };
    let mut transcript = Transcript::default();
    let mut marks = vec![(real.versions(&script).await?, "start")];
    for (index, step) in script.steps.iter().enumerate() {
        let seen = real.perform(step).await.with_context(|| format!("{step:?}"))?;
        real.book.learn(step, &seen);
        transcript.steps.push(seen);
        real.settle(step).await?;
        if index == middle(&script) {
            marks.push((real.versions(&script).await?, "middle"));
        }
    }
    for (versions, mark) in marks {
        for (kind, version) in versions {
            let events =
                real.watch(kind, &version).await.with_context(|| format!("watch of {}", kind.name()))?;
            transcript.watches.insert(format!("{} from the {mark}", kind.name()), events);
        }
    }
    for kind in script.kinds() {
        real.delete_end(kind).await?;
    }
    Ok(transcript.with_stand_ins(&real.stand_ins).comparable())
}

struct Real {
    client: Client,
    book: Book,
    /// Versions that a controller made with its status, and the version of ours that each of them stands for.
    stand_ins: BTreeMap<String, String>,
}

impl Real {
    async fn perform(&mut self, step: &Step) -> Result<Seen> {
        let object = self.book.reference(step.kind, &step.name);
        let url = path(&object);
        match self.book.resolve(step) {
            Act::Create(manifest) => {
                let body = Some((JSON, manifest));
                self.send(step, Method::POST, &collection(object.kind, &object.namespace), body).await
            }
            Act::Get(_) => self.send(step, Method::GET, &url, None).await,
            Act::Merge(patch) => self.send(step, Method::PATCH, &url, Some((MERGE, patch))).await,
            Act::MergeStatus(patch) => {
                self.send(step, Method::PATCH, &format!("{url}/status"), Some((MERGE, patch))).await
            }
            Act::Json(patch) => self.send(step, Method::PATCH, &url, Some((JSON_PATCH, patch))).await,
            Act::Delete(precondition) => {
                let body = Some((JSON, delete_options(&precondition)));
                let mut seen = self.send(step, Method::DELETE, &url, body).await?;
                // An object that has gone at once may be shown as it was.
                seen.object = seen.object.filter(|object| object.deleting);
                Ok(seen)
            }
            Act::Vanish(_) => {
                self.vanished(&object, &url).await?;
                self.send(step, Method::GET, &url, None).await
            }
            Act::List(_) => {
                let (_, objects) = self.list(step.kind).await?;
                Ok(Seen::list(objects.iter().filter_map(|object| self.facts(step.kind, object)).collect()))
            }
        }
    }

    /// Waits until the garbage collector has come by.
    async fn vanished(&self, object: &ObjectRef, url: &str) -> Result<()> {
        until(&format!("{object} to go with its owner"), Duration::from_mins(1), || async {
            let (status, _) = request(&self.client, Method::GET, url, None).await?;
            Ok(Look::when(status == 404, "it is there"))
        })
        .await
    }

    async fn send(
        &mut self,
        step: &Step,
        method: Method,
        path: &str,
        body: Option<(&str, Value)>,
    ) -> Result<Seen> {
        let (status, answer) = request(&self.client, method, path, body).await?;
        if (200..300).contains(&status) {
            // An object whose last finalizer was taken away is shown once more, and is gone.
            let gone = answer.pointer("/metadata/deletionTimestamp").is_some()
                && answer.pointer("/metadata/finalizers").is_none();
            return Ok(Seen::object(self.facts(step.kind, &answer).filter(|_| !gone)));
        }
        Ok(Seen::refused(status, answer.get("reason").and_then(Value::as_str).unwrap_or_default()))
    }

    fn facts(&self, kind: Kind, object: &Value) -> Option<Facts> {
        let name = self.book.script_name(kind, object.pointer("/metadata/name")?.as_str()?)?.to_owned();
        Some(Facts::of(kind, &name, object))
    }

    /// The version of a list of each kind. A kind's own: the server may have forgotten what came before its first list.
    async fn versions(&self, script: &Script) -> Result<BTreeMap<Kind, String>> {
        let mut versions = BTreeMap::new();
        for kind in script.kinds() {
            versions.insert(kind, self.list(kind).await?.0);
        }
        Ok(versions)
    }

    /// The version of a list of a kind, and its objects.
    async fn list(&self, kind: Kind) -> Result<(String, Vec<Value>)> {
        let path = collection(kind, &self.book.reference(kind, "x").namespace);
        let (status, list) = request(&self.client, Method::GET, &path, None).await?;
        let version = list.pointer("/metadata/resourceVersion").and_then(Value::as_str);
        let (Some(version), Some(items)) = (version, list.get("items").and_then(Value::as_array)) else {
            bail!("{path} answers {status} {list}")
        };
        Ok((version.to_owned(), items.clone()))
    }

    /// Waits until the controller of ReplicaSets has said what it thinks of ours. Its version stands for ours: the
    /// model has no such controller.
    async fn settle(&mut self, step: &Step) -> Result<()> {
        if step.kind != Kind::ReplicaSet {
            return Ok(());
        }
        let path = path(&self.book.reference(step.kind, &step.name));
        let client = self.client.clone();
        let settled = until("the ReplicaSet's controller", Duration::from_secs(30), || async {
            let (status, object) = request(&client, Method::GET, &path, None).await?;
            if status == 404 {
                return Ok(Look::Seen(None));
            }
            let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
            let observed = number("/status/observedGeneration") == number("/metadata/generation");
            let deleting = object.pointer("/metadata/deletionTimestamp").is_some();
            let counted = deleting || number("/status/replicas") == number("/spec/replicas");
            let leaving = number("/status/terminatingReplicas");
            if observed && counted && leaving == 0 {
                return Ok(Look::Seen(Some(object)));
            }
            Ok(Look::NotYet(object.to_string()))
        })
        .await?;
        let Some(object) = settled else { return Ok(()) };
        let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
        if let Some(last) = self.book.last_version(step.kind, &step.name).filter(|last| *last != version) {
            let ours = self.stand_ins.get(last).map_or(last, String::as_str).to_owned();
            self.stand_ins.insert(version.to_owned(), ours);
            self.book.refresh(step.kind, &step.name, version);
        }
        Ok(())
    }

    /// The events of a watch up to the object that ends the run.
    async fn watch(&self, kind: Kind, version: &str) -> Result<Vec<Event>> {
        let collection = collection(kind, &self.book.reference(kind, "x").namespace);
        let path = format!("{collection}?watch=true&resourceVersion={version}&timeoutSeconds=30");
        let request = Request::get(path).body(Vec::new())?;
        let mut lines = self.client.request_stream(request).await?.lines();
        let mut events: Vec<Event> = Vec::new();
        while let Some(line) = lines.try_next().await? {
            let event: Value = serde_json::from_str(&line)?;
            let verb = event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
            ensure!(verb != "ERROR", "{event}");
            let Some(facts) = event.get("object").and_then(|object| self.facts(kind, object)) else {
                continue;
            };
            let before = events.iter().rev().find(|event| event.object.name == facts.name);
            // Only a controller's status has changed.
            let foreign = verb == "MODIFIED"
                && kind == Kind::ReplicaSet
                && before.is_some_and(|before| before.object.is_same_but_for_version(&facts));
            let last = facts.name == END;
            if !foreign {
                events.push(Event { verb, object: facts });
            }
            if last {
                return Ok(events);
            }
        }
        bail!("the watch ended after {events:?}")
    }

    /// Removes what a run leaves where no namespace takes it away.
    async fn delete_end(&self, kind: Kind) -> Result<()> {
        if kind != Kind::ClusterAnalysisTemplate {
            return Ok(());
        }
        for object in self.list(kind).await?.1 {
            let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            if self.book.script_name(kind, name).is_some() {
                let path = path(&ObjectRef::new(kind, "", name));
                let free = json!({ "metadata": { "finalizers": null } });
                request(&self.client, Method::PATCH, &path, Some((MERGE, free))).await?;
                request(&self.client, Method::DELETE, &path, None).await?;
            }
        }
        Ok(())
    }
}

fn delete_options(precondition: &Precondition) -> Value {
    let fields = [("uid", &precondition.uid), ("resourceVersion", &precondition.version)];
    let preconditions: Map<String, Value> = fields
        .into_iter()
        .filter_map(|(field, value)| Some((field.to_owned(), json!(value.as_ref()?))))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "DeleteOptions",
        "propagationPolicy": "Background", "preconditions": preconditions,
    })
}

fn collection(kind: Kind, namespace: &str) -> String {
    let (group, version, plural) = (kind.group(), kind.default_version(), kind.plural());
    let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    if namespace.is_empty() {
        format!("{root}/{plural}")
    } else {
        format!("{root}/namespaces/{namespace}/{plural}")
    }
}

fn path(object: &ObjectRef) -> String {
    format!("{}/{}", collection(object.kind, &object.namespace), object.name)
}

/// Sends a request; the HTTP status and the object, or the Status object of a refusal.
async fn request(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<(&str, Value)>,
) -> Result<(u16, Value)> {
    let mut request = Request::builder().method(method).uri(path);
    let mut bytes = Vec::new();
    if let Some((content_type, body)) = body {
        request = request.header("content-type", content_type);
        bytes = serde_json::to_vec(&body)?;
    }
    match client.request::<Value>(request.body(bytes)?).await {
        Ok(object) => Ok((200, object)),
        Err(kube::Error::Api(status)) => {
            Ok((status.code, json!({ "reason": status.reason, "message": status.message })))
        }
        Err(error) => Err(error).context(path.to_owned()),
    }
}
