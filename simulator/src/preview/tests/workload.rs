//! Rollouts that take their pod template from another object.

use serde_json::json;

use super::super::manifest::Manifest;
use super::*;

/// Where the template is kept.
#[derive(Clone, Copy)]
struct Place {
    api_version: &'static str,
    kind: &'static str,
}

const DEPLOYMENT: Place = Place { api_version: "apps/v1", kind: "Deployment" };
const REPLICA_SET: Place = Place { api_version: "apps/v1", kind: "ReplicaSet" };
const POD_TEMPLATE: Place = Place { api_version: "v1", kind: "PodTemplate" };
const STATEFUL_SET: Place = Place { api_version: "apps/v1", kind: "StatefulSet" };

impl Place {
    /// The workload, without pods of its own.
    fn keep(self, template: &Value) -> Value {
        let mut object =
            json!({ "apiVersion": self.api_version, "kind": self.kind, "metadata": { "name": "base" } });
        if self.kind == "PodTemplate" {
            object["template"] = template.clone();
        } else {
            let selector = json!({ "matchLabels": { "app": "web" } });
            object["spec"] = json!({ "replicas": 0, "selector": selector, "template": template });
        }
        object
    }
}

/// The canary with its template in `place`: the Rollout, its workload, and the others.
fn split(place: Place) -> [Vec<Manifest>; 3] {
    let mut others = read("web.yaml", CANARY).unwrap();
    let mut rollout = others.remove(0);
    let spec = rollout.value["spec"].as_object_mut().unwrap();
    let template = spec.remove("template").unwrap();
    let reference = json!({ "apiVersion": place.api_version, "kind": place.kind, "name": "base" });
    spec.insert("workloadRef".to_owned(), reference);
    let workload = Manifest { place: rollout.place.clone(), value: place.keep(&template) };
    [vec![rollout], vec![workload], others]
}

fn bundled(parts: impl IntoIterator<Item = Vec<Manifest>>) -> (Bundle, ObjectRef) {
    let bundle = Bundle::new(parts.into_iter().flatten().collect(), "shop").unwrap();
    let rollout = bundle.rollouts(None).unwrap().remove(0);
    (bundle, rollout)
}

fn options() -> Options {
    Options { asks_what_if: false, ..Options::default() }
}

/// Both go the same way; reading another object takes some milliseconds.
fn assert_same_course(report: &Report, inline: &Report) {
    let course = |report: &Report| {
        let routes = |stage: &Stage| stage.routes.iter().map(ToString::to_string).collect::<Vec<_>>();
        let pods = |stage: &Stage| (stage.end.traffic, stage.end.new, stage.end.stable);
        let stages = report.stages.iter().map(|stage| (stage.what.clone(), pods(stage), routes(stage)));
        (report.outcome.verdict, report.peak_pods, report.least_available_pods, stages.collect::<Vec<_>>())
    };
    assert_eq!(course(report), course(inline));
    assert!((report.outcome.ends_seconds - inline.outcome.ends_seconds).abs() < 0.2);
}

#[rstest]
#[case::deployment(DEPLOYMENT)]
#[case::replica_set(REPLICA_SET)]
#[case::pod_template(POD_TEMPLATE)]
fn it_plays_as_if_the_template_were_its_own(#[case] place: Place) {
    let (bundle, rollout) = bundled(split(place));
    let report = preview(&bundle, &rollout, None, &options()).unwrap();
    let inline = played(CANARY, Trouble::default());
    assert_same_course(&report, &inline);
    assert_eq!(report.images, inline.images);
    let image = "registry.example.com/web:before-this-change";
    let want =
        format!("the stable version is the same Rollout with the image {image} in {} shop/base", place.kind);
    assert_eq!(report.assumptions[0].text, want);
    assert!(!report.assumptions.iter().any(|it| it.is_gap));
}

#[rstest]
#[case::files(true, "not among the files")]
#[case::the_cluster(false, "neither among the files nor in the cluster")]
fn a_workload_that_is_not_there_is_named(#[case] makes_up: bool, #[case] looked: &str) {
    let [rollout, _, others] = split(REPLICA_SET);
    let (bundle, rollout) = bundled([rollout, others]);
    let error = preview(&bundle, &rollout, None, &Options { makes_up, ..options() }).unwrap_err().to_string();
    let want = format!(
        "ReplicaSet shop/base, which spec.workloadRef of Rollout shop/web (web.yaml:1) takes the pod template from, \
         is {looked}: give its manifest with -f, or correct the reference"
    );
    assert_eq!(error, want);
    let wanted: Vec<String> = wanted(&bundle, &rollout).iter().map(ToString::to_string).collect();
    assert_eq!(wanted, ["ReplicaSet shop/base"]);
}

#[test]
fn a_kind_without_a_template_is_refused_in_the_operators_words() {
    let [rollout, _, others] = split(STATEFUL_SET);
    let (bundle, rollout) = bundled([rollout, others]);
    assert_eq!(workload(&bundle, &rollout), None);
    for before in [None, Some(Before::new())] {
        let report = preview(&bundle, &rollout, before.as_ref(), &options()).unwrap();
        assert_eq!(report.outcome.verdict, Verdict::Refused);
        let message = report.outcome.message;
        assert!(message.contains("workload of type apps/v1/StatefulSet is not supported"), "{message}");
    }
}

#[test]
fn what_was_before_may_be_another_template_of_the_workload() {
    let (bundle, rollout) = bundled(split(DEPLOYMENT));
    let base = workload(&bundle, &rollout).unwrap();
    let mut before = bundle.objects[&base].value.clone();
    let same = Before::from([(base.clone(), before.clone())]);
    let error = preview(&bundle, &rollout, Some(&same), &options()).unwrap_err();
    assert!(error.to_string().contains("does not change"), "{error}");
    before["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example.com/web:1");
    let report = preview(&bundle, &rollout, Some(&Before::from([(base, before)])), &options()).unwrap();
    assert_eq!(report.outcome.verdict, Verdict::Finishes, "{}", report.outcome.message);
    let images: Vec<_> = report.images.iter().map(|it| (it.from.as_str(), it.to.as_str())).collect();
    assert_eq!(images, [("registry.example.com/web:1", "registry.example.com/web:2")]);
}

/// A Rollout of its own before, one that refers to a workload afterwards.
#[test]
fn the_template_may_move_into_a_workload() {
    let (bundle, rollout) = bundled(split(POD_TEMPLATE));
    let own = CANARY.replacen("web:2", "web:1", 1);
    let before = super::bundle(&own).0.objects[&rollout].value.clone();
    let before = Before::from([(rollout.clone(), before)]);
    let report = preview(&bundle, &rollout, Some(&before), &options()).unwrap();
    assert_eq!(report.outcome.verdict, Verdict::Finishes, "{}", report.outcome.message);
}

#[rstest]
#[case::never("never")]
#[case::on_success("onsuccess")]
#[case::progressively("progressively")]
fn pods_of_the_deployment_are_not_counted_and_that_is_said(#[case] scale_down: &str) {
    let [mut rollout, mut workload, others] = split(DEPLOYMENT);
    rollout[0].value["spec"]["workloadRef"]["scaleDown"] = json!(scale_down);
    workload[0].value["spec"]["replicas"] = json!(4);
    let (bundle, rollout) = bundled([rollout, workload, others]);
    let report = preview(&bundle, &rollout, None, &options()).unwrap();
    assert_same_course(&report, &played(CANARY, Trouble::default()));
    let said = "Deployment shop/base asks for 4 pods of its own (spec.replicas)";
    assert!(report.assumptions.iter().any(|it| it.text.starts_with(said)), "{:?}", report.assumptions);
}

#[test]
fn made_up_services_select_the_pods_of_the_workload() {
    let [mut rollout, workload, _] = split(DEPLOYMENT);
    rollout[0].value["spec"].as_object_mut().unwrap().remove("selector");
    let (bundle, rollout) = bundled([rollout, workload]);
    let report = preview(&bundle, &rollout, None, &options()).unwrap();
    assert_eq!(report.outcome.verdict, Verdict::Finishes, "{}", report.outcome.message);
    assert!(report.samples.iter().any(|sample| sample.traffic > 0.0));
}
