//! One exchange with the API server as values: a request of the engine to HTTP, and HTTP to an answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, Request as HttpRequest, header};
use crds::object_ref::{Kind, ObjectRef};
use engine::effect::{Call, Request};
use engine::input::{Answer, KIND_NOT_SERVED};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::api::{Directory, escape};
use crate::watch::decode;

/// How writes of this operator are marked in `metadata.managedFields`.
const FIELD_MANAGER: &str = "linnet";

/// The word of RBAC, logs and metrics for a call.
pub(crate) const fn verb(call: &Call) -> &'static str {
    match call {
        Call::Get => "get",
        Call::List { .. } => "list",
        Call::Create(_) | Call::Evict { .. } => "create",
        Call::MergePatch(_) | Call::MergePatchStatus(_) | Call::JsonPatch(_) => "patch",
        Call::Delete { .. } => "delete",
    }
}

/// Returns the HTTP request that a request of the engine stands for, or in words why there is none.
pub(crate) fn http_request(directory: &Directory, request: &Request) -> Result<HttpRequest<Vec<u8>>, String> {
    let object = &request.object;
    let path = match &request.call {
        Call::Create(_) | Call::List { .. } => directory.collection_path(object.kind, &object.namespace),
        Call::MergePatchStatus(_) => directory.object_path(object, Some("status")),
        Call::Evict { .. } => directory.object_path(object, Some("eviction")),
        Call::Get | Call::MergePatch(_) | Call::JsonPatch(_) | Call::Delete { .. } => {
            directory.object_path(object, None)
        }
    };
    let (method, content_type, body) = match &request.call {
        Call::Get | Call::List { .. } => (Method::GET, None, None),
        Call::Create(body) => (Method::POST, Some("application/json"), Some(bytes(body)?)),
        Call::MergePatch(body) | Call::MergePatchStatus(body) => {
            (Method::PATCH, Some("application/merge-patch+json"), Some(bytes(body)?))
        }
        Call::JsonPatch(body) => (Method::PATCH, Some("application/json-patch+json"), Some(bytes(body)?)),
        Call::Evict { uid, resource_version } => {
            let eviction = eviction(object, &json!({ "uid": uid, "resourceVersion": resource_version }));
            (Method::POST, Some("application/json"), Some(bytes(&eviction)?))
        }
        Call::Delete { uid, resource_version } => {
            let options = delete_options(uid, resource_version.as_deref());
            (Method::DELETE, Some("application/json"), Some(bytes(&options)?))
        }
    };
    let uri = match &request.call {
        Call::List { labels } => format!("{path}?labelSelector={}", selector(labels)),
        Call::Get | Call::Delete { .. } | Call::Evict { .. } => path,
        Call::Create(_) | Call::MergePatch(_) | Call::MergePatchStatus(_) | Call::JsonPatch(_) => {
            format!("{path}?fieldManager={FIELD_MANAGER}")
        }
    };
    let builder = HttpRequest::builder().method(method).uri(uri).header(header::ACCEPT, "application/json");
    let builder = match content_type {
        Some(content_type) => builder.header(header::CONTENT_TYPE, content_type),
        None => builder,
    };
    builder.body(body.unwrap_or_default()).map_err(|error| format!("the request cannot be built: {error}"))
}

/// A label selector, escaped for a URL: `k=v,k=v`. Names and values of labels hold nothing but letters, digits and
/// `-_./`.
fn selector(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| escape(&format!("{name}={value}"))).collect();
    pairs.join("%2C")
}

fn bytes(body: &Value) -> Result<Vec<u8>, String> {
    serde_json::to_vec(body).map_err(|error| format!("the body cannot be written: {error}"))
}

fn delete_options(uid: &str, resource_version: Option<&str>) -> Value {
    let mut preconditions = json!({ "uid": uid });
    if let (Some(version), Some(fields)) = (resource_version, preconditions.as_object_mut()) {
        fields.insert("resourceVersion".to_owned(), version.into());
    }
    json!({
        "apiVersion": "v1", "kind": "DeleteOptions",
        "propagationPolicy": "Background", "preconditions": preconditions,
    })
}

fn eviction(pod: &ObjectRef, preconditions: &Value) -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": { "name": pod.name, "namespace": pod.namespace },
        "deleteOptions": { "preconditions": preconditions },
    })
}

/// The part of a Status object that decisions rest on.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    reason: String,
    message: String,
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    /// Which object the answer is about; none if it is about the kind.
    name: String,
    retry_after_seconds: Option<u32>,
    causes: Vec<Cause>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    message: String,
}

impl Details {
    /// What a PodDisruptionBudget says, if that is the cause.
    fn budget(&self) -> Option<&Cause> {
        self.causes.iter().find(|cause| cause.reason == "DisruptionBudget")
    }
}

/// Returns what an HTTP answer says to the engine.
///
/// `retry_after` is the header of that name. A success whose object cannot be read is an unknown outcome.
pub(crate) fn answer(request: &Request, status: u16, retry_after: Option<&str>, body: &[u8]) -> Answer {
    if (200..300).contains(&status) {
        return success(request, body);
    }
    let text = serde_json::from_slice::<Status>(body).ok();
    let details = text.as_ref().and_then(|status| status.details.as_ref());
    let in_body = details.and_then(|details| details.retry_after_seconds);
    let budget = details.and_then(Details::budget);
    let is_about_object = details.is_some_and(|details| !details.name.is_empty());
    if let Some(Cause { reason, message }) = budget {
        let (reason, message) = (reason.clone(), message.clone());
        return Answer::Refused { status, reason, message, retry_after: None };
    }
    let seconds = retry_after.and_then(|text| text.trim().parse::<u32>().ok()).or(in_body);
    let Status { mut reason, message, .. } =
        text.unwrap_or_else(|| Status { message: excerpt(body), ..Status::default() });
    if status == 404 && !is_about_object {
        KIND_NOT_SERVED.clone_into(&mut reason);
    }
    let retry_after = seconds.filter(|s| *s > 0).map(|s| Duration::from_secs(u64::from(s)));
    Answer::Refused { status, reason, message, retry_after }
}

fn success(request: &Request, body: &[u8]) -> Answer {
    // What remains of an Event or of a deleted object is of no use to anybody.
    let shows_nothing = matches!(request.call, Call::Delete { .. } | Call::Evict { .. });
    if request.object.kind == Kind::Event || shows_nothing {
        return Answer::Done;
    }
    let text = std::str::from_utf8(body).map_err(|error| error.to_string());
    let read = match &request.call {
        Call::List { .. } => text.and_then(|text| listed(request.object.kind, text)),
        _ => text.and_then(|text| decode(request.object.kind, text)).map(Arc::new).map(Answer::Object),
    };
    read.unwrap_or_else(|problem| Answer::Unknown {
        message: format!("the answer cannot be read: {problem}"),
    })
}

/// The objects of a list. One that cannot be read is as if it were not there, as in a watch.
fn listed(kind: Kind, text: &str) -> Result<Answer, String> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        items: Vec<&'a RawValue>,
    }
    let list: List<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let objects = list.items.iter().filter_map(|item| decode(kind, item.get()).ok()).map(Arc::new);
    Ok(Answer::Objects(objects.collect()))
}

/// The first words of an answer that is no Status object, such as a proxy's error page.
fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::cli::Cli;

    fn directory() -> Directory {
        Directory::new(&Cli::read(["linnet"]).unwrap().scope, "own")
    }

    fn request(kind: Kind, call: Call) -> Request {
        Request { object: ObjectRef::new(kind, "shop", "web"), call }
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const ROLLOUT: &str = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts";

    #[rstest]
    #[case::get(Call::Get, "GET", "/web", None)]
    #[case::list(Call::List { labels: labels(&[("app.kubernetes.io/name", "web"), ("tier", "")]) }, "GET", "?labelSelector=app.kubernetes.io%2Fname%3Dweb%2Ctier%3D", None)]
    #[case::list_of_all(Call::List { labels: labels(&[]) }, "GET", "?labelSelector=", None)]
    #[case::create(Call::Create(json!({"a": 1})), "POST", "?fieldManager=linnet", Some("application/json"))]
    #[case::merge(Call::MergePatch(json!({})), "PATCH", "/web?fieldManager=linnet", Some("application/merge-patch+json"))]
    #[case::status(Call::MergePatchStatus(json!({})), "PATCH", "/web/status?fieldManager=linnet", Some("application/merge-patch+json"))]
    #[case::json(Call::JsonPatch(json!([])), "PATCH", "/web?fieldManager=linnet", Some("application/json-patch+json"))]
    #[case::delete(Call::Delete { uid: "u".into(), resource_version: None }, "DELETE", "/web", Some("application/json"))]
    fn requests(
        #[case] call: Call,
        #[case] method: &str,
        #[case] path: &str,
        #[case] content_type: Option<&str>,
    ) {
        let http = http_request(&directory(), &request(Kind::Rollout, call)).unwrap();
        assert_eq!(http.method().as_str(), method);
        assert_eq!(http.uri().to_string(), format!("{ROLLOUT}{path}"));
        assert_eq!(http.headers().get("content-type").map(|v| v.to_str().unwrap()), content_type);
    }

    #[test]
    fn a_delete_is_conditioned_on_incarnation_and_version() {
        let call = Call::Delete { uid: "u-1".into(), resource_version: Some("42".into()) };
        let http = http_request(&directory(), &request(Kind::ReplicaSet, call)).unwrap();
        let body: Value = serde_json::from_slice(http.body()).unwrap();
        assert_eq!(body["preconditions"], json!({"uid": "u-1", "resourceVersion": "42"}));
        assert_eq!(body["propagationPolicy"], "Background");
    }

    #[test]
    fn an_eviction_is_conditioned_on_incarnation_and_version() {
        let call = Call::Evict { uid: "u-1".into(), resource_version: "42".into() };
        let http = http_request(&directory(), &request(Kind::Pod, call)).unwrap();
        assert_eq!(http.method().as_str(), "POST");
        assert_eq!(http.uri().to_string(), "/api/v1/namespaces/shop/pods/web/eviction");
        let body: Value = serde_json::from_slice(http.body()).unwrap();
        let want = json!({
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": "web", "namespace": "shop" },
            "deleteOptions": { "preconditions": { "uid": "u-1", "resourceVersion": "42" } },
        });
        assert_eq!(body, want);
    }

    /// What a refusal says: reason, message, seconds to wait.
    type Says = (&'static str, &'static str, Option<u64>);

    #[rstest]
    #[case::conflict(409, None, r#"{"kind":"Status","reason":"Conflict","message":"changed"}"#, ("Conflict", "changed", None))]
    #[case::name_taken(409, None, r#"{"reason":"AlreadyExists","message":"there"}"#, ("AlreadyExists", "there", None))]
    #[case::header_says_when(429, Some("3"), r#"{"reason":"TooManyRequests","details":{"retryAfterSeconds":9}}"#, ("TooManyRequests", "", Some(3)))]
    #[case::body_says_when(429, None, r#"{"reason":"TooManyRequests","details":{"retryAfterSeconds":9}}"#, ("TooManyRequests", "", Some(9)))]
    #[case::a_budget_says_why(429, Some("10"), r#"{"reason":"TooManyRequests","message":"Cannot evict pod","details":{"causes":[{"reason":"DisruptionBudget","message":"The disruption budget web needs 5 healthy pods and has 5 currently"}]}}"#, ("DisruptionBudget", "The disruption budget web needs 5 healthy pods and has 5 currently", None))]
    #[case::no_such_object(404, None, r#"{"reason":"NotFound","message":"gone","details":{"name":"web","kind":"rollouts"}}"#, ("NotFound", "gone", None))]
    #[case::no_such_kind(404, None, r#"{"reason":"NotFound","message":"the server could not find the requested resource","details":{}}"#, (KIND_NOT_SERVED, "the server could not find the requested resource", None))]
    #[case::no_such_group(404, None, "404 page not found\n", (KIND_NOT_SERVED, "404 page not found ", None))]
    #[case::a_date_is_no_number(503, Some("Wed, 21 Oct 2026 07:28:00 GMT"), "{}", ("", "", None))]
    #[case::a_proxys_page(502, None, "<html>\nBad Gateway", ("", "<html> Bad Gateway", None))]
    #[case::nothing_at_all(500, None, "", ("", "", None))]
    fn refusals(#[case] status: u16, #[case] header: Option<&str>, #[case] body: &str, #[case] want: Says) {
        let answer = answer(&request(Kind::Rollout, Call::Get), status, header, body.as_bytes());
        let Answer::Refused { status: got, reason, message, retry_after } = answer else {
            panic!("not a refusal: {answer:?}")
        };
        assert_eq!(got, status);
        assert_eq!((reason.as_str(), message.as_str(), retry_after.map(|d| d.as_secs())), want);
    }

    #[rstest]
    #[case::events_are_not_read(Kind::Event, Call::Create(json!({})))]
    #[case::evicted_pods_are_not_read(Kind::Pod, Call::Evict { uid: String::new(), resource_version: String::new() })]
    #[case::deleted_objects_are_not_read(Kind::ReplicaSet, Call::Delete { uid: String::new(), resource_version: None })]
    fn done(#[case] kind: Kind, #[case] call: Call) {
        assert!(matches!(answer(&request(kind, call), 200, None, b"{}"), Answer::Done));
    }

    #[test]
    fn an_object_is_read() {
        let body = br#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"shop","uid":"u","resourceVersion":"5"},"spec":{"selector":{"app":"web"}}}"#;
        let Answer::Object(object) = answer(&request(Kind::Service, Call::Get), 200, None, body) else {
            panic!("no object")
        };
        assert_eq!((object.kind, object.meta.resource_version.as_str()), (Kind::Service, "5"));
    }

    #[test]
    fn a_list_is_read_without_what_cannot_be_read() {
        let body = br#"{"kind":"ServiceList","metadata":{"resourceVersion":"9"},"items":[
            {"metadata":{"name":"web","namespace":"shop","uid":"u","resourceVersion":"5"},"spec":{}},
            {"metadata":"none"}]}"#;
        let call = || Call::List { labels: labels(&[]) };
        let Answer::Objects(objects) = answer(&request(Kind::Service, call()), 200, None, body) else {
            panic!("no objects")
        };
        let names: Vec<&str> = objects.iter().map(|object| object.meta.name.as_str()).collect();
        assert_eq!(names, ["web"]);
        let cut = answer(&request(Kind::Service, call()), 200, None, b"{\"items\":[");
        assert!(matches!(cut, Answer::Unknown { .. }), "{cut:?}");
    }

    #[rstest]
    #[case::cut_in_the_middle(br#"{"metadata":{"na"#)]
    #[case::not_text(&[0xff, 0xfe])]
    fn an_answer_that_cannot_be_read_is_an_unknown_outcome(#[case] body: &[u8]) {
        let got = answer(&request(Kind::Service, Call::MergePatch(json!({}))), 200, None, body);
        assert!(matches!(got, Answer::Unknown { .. }), "{got:?}");
    }
}
