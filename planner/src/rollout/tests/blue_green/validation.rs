//! What is reported about a blue-green strategy that cannot be acted on.

use rstest::rstest;
use serde_json::{Value, json};

use super::created;
use crate::facts::TemplateFacts;
use crate::fixture;
use crate::rollout::plan;

#[rstest]
#[case::no_active_service(json!({ "activeService": "" }),
    "spec.strategy.blueGreen.activeService: Required value: name the Service that serves the users")]
#[case::the_same_service_twice(json!({ "activeService": "web-preview" }),
    "spec.strategy.blueGreen.activeService: Invalid value: \"web-preview\": This rollout uses the same service for \
     the active and preview services, but two different services are required.")]
#[case::missing_active_service(json!({ "activeService": "nobody" }),
    "spec.strategy.blueGreen.activeService: Invalid value: \"nobody\": service \"nobody\" not found")]
#[case::missing_preview_service(json!({ "previewService": "nobody" }),
    "spec.strategy.blueGreen.previewService: Invalid value: \"nobody\": service \"nobody\" not found")]
#[case::fewer_than_no_pods(json!({ "previewReplicaCount": -1 }),
    "spec.strategy.blueGreen.previewReplicaCount: Invalid value: -1: must be greater than or equal to 0")]
#[case::missing_template(json!({ "prePromotionAnalysis": { "templates": [{ "templateName": "other" }] } }),
    "spec.strategy.blueGreen.prePromotionAnalysis.templates: Invalid value: other: AnalysisTemplate 'other' not \
     found: create it, or correct the name where the analysis is started")]
#[case::no_template(json!({ "postPromotionAnalysis": { "templates": [] } }),
    "spec.strategy.blueGreen.postPromotionAnalysis.templates: Required value: an analysis names at least one template")]
#[case::endless(json!({ "postPromotionAnalysis": { "templates": [{ "templateName": "endless" }] } }),
    "spec.strategy.blueGreen.postPromotionAnalysis.templates: Invalid value: endless: AnalysisTemplate endless has \
     metric up which runs indefinitely. Invalid value for count: nil")]
fn the_first_thing_that_is_wrong(#[case] fields: Value, #[case] want: &str) {
    let mut world = created(&fields);
    let endless = json!({ "metrics": [{ "name": "up", "interval": "5s", "provider": {} }] });
    let spec = serde_json::from_value(endless).unwrap();
    let facts = TemplateFacts { meta: fixture::meta("endless", "uid-endless"), spec: Ok(spec) };
    world.snapshot.templates.insert("endless".to_owned(), facts.into());
    let plan = plan(&world.snapshot, world.now);
    assert!(plan.actions.is_empty());
    assert_eq!(plan.status.message, format!("InvalidSpec: The Rollout \"web\" is invalid: {want}"));
}
