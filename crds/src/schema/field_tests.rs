//! The fields of the kinds: each one that clients know is there, and types and schema mean the same fields.

use std::collections::BTreeSet;

use rstest::rstest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::tests::{DEFINITIONS, definition, version, visit};
use crate::analysis::{AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate};
use crate::experiment::Experiment;
use crate::rollout::Rollout;

/// The fields that clients of the API write and read, as `parent: child child`.
const ROLLOUT: &str = "
.spec: replicas selector template workloadRef minReadySeconds rollbackWindow strategy revisionHistoryLimit paused
.spec: progressDeadlineSeconds progressDeadlineAbort restartAt analysis
.spec.workloadRef: apiVersion kind name scaleDown
.spec.rollbackWindow: revisions
.spec.analysis: successfulRunHistoryLimit unsuccessfulRunHistoryLimit
.spec.strategy: blueGreen canary
.spec.strategy.blueGreen: activeService previewService previewReplicaCount autoPromotionEnabled autoPromotionSeconds
.spec.strategy.blueGreen: prePromotionAnalysis postPromotionAnalysis scaleDownDelaySeconds scaleDownDelayRevisionLimit
.spec.strategy.blueGreen: abortScaleDownDelaySeconds maxUnavailable previewMetadata activeMetadata antiAffinity
.spec.strategy.canary: maxSurge maxUnavailable canaryService stableService steps trafficRouting analysis
.spec.strategy.canary: scaleDownDelaySeconds scaleDownDelayRevisionLimit abortScaleDownDelaySeconds dynamicStableScale
.spec.strategy.canary: pingPong minPodsPerReplicaSet replicaProgressThreshold antiAffinity canaryMetadata stableMetadata
.spec.strategy.canary.pingPong: pingService pongService
.spec.strategy.canary.replicaProgressThreshold: type value
.spec.strategy.canary.canaryMetadata: labels annotations
.spec.strategy.canary.antiAffinity: requiredDuringSchedulingIgnoredDuringExecution
.spec.strategy.canary.antiAffinity: preferredDuringSchedulingIgnoredDuringExecution
.spec.strategy.canary.antiAffinity.preferredDuringSchedulingIgnoredDuringExecution: weight
.spec.strategy.canary.analysis: templates args dryRun measurementRetention analysisRunMetadata startingStep
.spec.strategy.canary.analysis.templates[]: templateName clusterScope
.spec.strategy.canary.analysis.args[]: name value valueFrom
.spec.strategy.canary.analysis.args[].valueFrom: podTemplateHashValue fieldRef
.spec.strategy.canary.analysis.args[].valueFrom.fieldRef: fieldPath
.spec.strategy.canary.analysis.dryRun[]: metricName
.spec.strategy.canary.analysis.measurementRetention[]: metricName limit
.spec.strategy.canary.steps[]: setWeight pause setCanaryScale analysis experiment setHeaderRoute setMirrorRoute plugin
.spec.strategy.canary.steps[].pause: duration
.spec.strategy.canary.steps[].setCanaryScale: weight replicas matchTrafficWeight
.spec.strategy.canary.steps[].analysis: templates args dryRun measurementRetention analysisRunMetadata
.spec.strategy.canary.steps[].experiment: templates duration analyses dryRun analysisRunMetadata scaleDownDelaySeconds
.spec.strategy.canary.steps[].experiment.templates[]: name specRef replicas metadata selector weight service
.spec.strategy.canary.steps[].experiment.templates[].service: name
.spec.strategy.canary.steps[].experiment.analyses[]: name templateName clusterScope args requiredForCompletion
.spec.strategy.canary.steps[].setHeaderRoute: name match
.spec.strategy.canary.steps[].setHeaderRoute.match[]: headerName headerValue
.spec.strategy.canary.steps[].setHeaderRoute.match[].headerValue: exact prefix regex
.spec.strategy.canary.steps[].setMirrorRoute: name match percentage
.spec.strategy.canary.steps[].setMirrorRoute.match[]: method path headers
.spec.strategy.canary.steps[].plugin: name config
.spec.strategy.canary.trafficRouting: istio nginx alb smi ambassador appMesh traefik apisix plugins managedRoutes
.spec.strategy.canary.trafficRouting: maxTrafficWeight
.spec.strategy.canary.trafficRouting.managedRoutes[]: name
.spec.strategy.canary.trafficRouting.istio: virtualService virtualServices destinationRule
.spec.strategy.canary.trafficRouting.istio.virtualService: name routes tlsRoutes tcpRoutes
.spec.strategy.canary.trafficRouting.istio.virtualServices[].tlsRoutes[]: port sniHosts
.spec.strategy.canary.trafficRouting.istio.virtualServices[].tcpRoutes[]: port
.spec.strategy.canary.trafficRouting.istio.destinationRule: name canarySubsetName stableSubsetName additionalSubsetNames
.spec.strategy.canary.trafficRouting.nginx: stableIngress stableIngresses annotationPrefix additionalIngressAnnotations
.spec.strategy.canary.trafficRouting.nginx: canaryIngressAnnotations
.spec.strategy.canary.trafficRouting.alb: ingress ingresses servicePort rootService annotationPrefix stickinessConfig
.spec.strategy.canary.trafficRouting.alb.stickinessConfig: enabled durationSeconds
.spec.strategy.canary.trafficRouting.smi: rootService trafficSplitName
.spec.strategy.canary.trafficRouting.ambassador: mappings
.spec.strategy.canary.trafficRouting.appMesh: virtualService virtualNodeGroup
.spec.strategy.canary.trafficRouting.appMesh.virtualService: name routes
.spec.strategy.canary.trafficRouting.appMesh.virtualNodeGroup: canaryVirtualNodeRef stableVirtualNodeRef
.spec.strategy.canary.trafficRouting.traefik: weightedTraefikServiceName
.spec.strategy.canary.trafficRouting.apisix: route
.spec.strategy.canary.trafficRouting.apisix.route: name rules
.status: abort abortedAt promoteFull pauseConditions controllerPause currentPodHash stableRS currentStepHash
.status: currentStepIndex collisionCount replicas updatedReplicas readyReplicas availableReplicas HPAReplicas selector
.status: observedGeneration workloadObservedGeneration conditions phase message restartedAt canary blueGreen alb albs
.status: duration linnet
.status.pauseConditions[]: reason startTime
.status.conditions[]: type status reason message lastUpdateTime lastTransitionTime
.status.canary: currentStepAnalysisRunStatus currentBackgroundAnalysisRunStatus currentExperiment weights
.status.canary: stablePingPong stepPluginStatuses
.status.canary.currentStepAnalysisRunStatus: name status message
.status.canary.weights: canary stable additional verified
.status.canary.weights.additional[]: weight serviceName podTemplateHash
.status.canary.stepPluginStatuses[]: index name operation phase message startedAt updatedAt finishedAt backoff
.status.canary.stepPluginStatuses[]: executions disabled status
.status.blueGreen: previewSelector activeSelector scaleUpPreviewCheckPoint prePromotionAnalysisRunStatus
.status.blueGreen: postPromotionAnalysisRunStatus
.status.duration: rolloutStartedAt manualPauseStartedAt totalManualPauseDurationSeconds finishedAt completionStatus
.status.linnet: attempt epoch routes
.status.linnet.routes[]: ref writtenAt resourceVersion
";

const TEMPLATE: &str = "
.spec: metrics args dryRun measurementRetention templates
.spec.args[]: name value valueFrom
.spec.args[].valueFrom: secretKeyRef fieldRef
.spec.args[].valueFrom.secretKeyRef: name key
.spec.templates[]: templateName clusterScope
.spec.metrics[]: name interval initialDelay count successCondition failureCondition failureLimit inconclusiveLimit
.spec.metrics[]: consecutiveErrorLimit consecutiveSuccessLimit provider
.spec.metrics[].provider: job web prometheus datadog newRelic wavefront influxdb graphite skywalking cloudWatch kayenta
.spec.metrics[].provider: plugin
.spec.metrics[].provider.job: metadata spec
.spec.metrics[].provider.web: method url headers body jsonBody timeoutSeconds jsonPath insecure authentication
.spec.metrics[].provider.web.headers[]: key value
.spec.metrics[].provider.prometheus: address query rangeQuery timeout headers insecure authentication
.spec.metrics[].provider.prometheus.rangeQuery: start end step
.spec.metrics[].provider.prometheus.authentication: sigv4 oauth2 basic
.spec.metrics[].provider.prometheus.authentication.sigv4: region profile roleArn
.spec.metrics[].provider.prometheus.authentication.oauth2: tokenUrl clientId clientSecret scopes
.spec.metrics[].provider.datadog: interval query queries formula aggregator apiVersion requestTimeout secretRef
.spec.metrics[].provider.datadog.secretRef: name namespaced
.spec.metrics[].provider.newRelic: profile query timeout
.spec.metrics[].provider.wavefront: address query
.spec.metrics[].provider.influxdb: profile query
.spec.metrics[].provider.graphite: address query
.spec.metrics[].provider.skywalking: address query interval
.spec.metrics[].provider.cloudWatch: interval metricDataQueries
.spec.metrics[].provider.cloudWatch.metricDataQueries[]: id expression label metricStat period returnData
.spec.metrics[].provider.cloudWatch.metricDataQueries[].metricStat: metric period stat unit
.spec.metrics[].provider.kayenta: address application canaryConfigName metricsAccountName configurationAccountName
.spec.metrics[].provider.kayenta: storageAccountName threshold scopes
.spec.metrics[].provider.kayenta.threshold: pass marginal
.spec.metrics[].provider.kayenta.scopes[]: name controlScope experimentScope
.spec.metrics[].provider.kayenta.scopes[].controlScope: scope region step start end
";

const RUN: &str = "
.spec: metrics args terminate dryRun measurementRetention ttlStrategy
.spec.ttlStrategy: secondsAfterCompletion secondsAfterFailure secondsAfterSuccess
.status: phase message metricResults startedAt completedAt runSummary dryRunSummary
.status.runSummary: count successful failed inconclusive error
.status.metricResults[]: name phase measurements message count successful failed inconclusive error consecutiveError
.status.metricResults[]: consecutiveSuccess dryRun metadata
.status.metricResults[].measurements[]: phase message startedAt finishedAt value metadata resumeAt
";

const EXPERIMENT: &str = "
.spec: templates duration progressDeadlineSeconds terminate analyses scaleDownDelaySeconds dryRun measurementRetention
.spec: analysisRunMetadata
.spec.templates[]: name replicas minReadySeconds selector template service
.spec.analyses[]: name templateName clusterScope args requiredForCompletion
.status: phase message availableAt templateStatuses analysisRuns conditions
.status.templateStatuses[]: name replicas updatedReplicas readyReplicas availableReplicas collisionCount status message
.status.templateStatuses[]: lastTransitionTime serviceName podTemplateHash
.status.analysisRuns[]: name analysisRun phase message
";

#[rstest]
#[case("Rollout", ROLLOUT)]
#[case("AnalysisTemplate", TEMPLATE)]
#[case("ClusterAnalysisTemplate", TEMPLATE)]
#[case("AnalysisRun", RUN)]
#[case("Experiment", EXPERIMENT)]
fn every_field_that_clients_know(#[case] kind: &str, #[case] fields: &str) {
    let mut found = BTreeSet::new();
    let wanted = DEFINITIONS.iter().find(|definition| definition.spec.names.kind == kind).unwrap();
    visit(wanted, &mut |path, _| {
        found.insert(path.to_owned());
    });
    for (parent, children) in fields.lines().filter_map(|line| line.split_once(": ")) {
        for child in children.split_whitespace() {
            assert!(found.contains(&format!("{parent}.{child}")), "{kind} has no {parent}.{child}");
        }
    }
}

/// An object with a value in every field that the schema has comes through the types unchanged.
#[rstest]
#[case::rollout("Rollout", round_trip::<Rollout>)]
#[case::analysis_template("AnalysisTemplate", round_trip::<AnalysisTemplate>)]
#[case::cluster_analysis_template("ClusterAnalysisTemplate", round_trip::<ClusterAnalysisTemplate>)]
#[case::analysis_run("AnalysisRun", round_trip::<AnalysisRun>)]
#[case::experiment("Experiment", round_trip::<Experiment>)]
fn types_and_schema_have_the_same_fields(#[case] kind: &str, #[case] through: fn(Value) -> Value) {
    let definition = definition(kind);
    let schema = &version(&definition)["schema"]["openAPIV3Schema"];
    let Value::Object(mut object) = instance(kind, schema, false) else { panic!("{kind} is no object") };
    object.insert("apiVersion".into(), json!("argoproj.io/v1alpha1"));
    object.insert("kind".into(), json!(kind));
    object.insert("metadata".into(), json!({ "name": "web" }));
    let object = Value::Object(object);
    assert_eq!(through(object.clone()), object);
}

/// An object whose every field is null or empty is as good as an empty one.
#[rstest]
#[case::rollout("Rollout", round_trip::<Rollout>)]
#[case::analysis_template("AnalysisTemplate", round_trip::<AnalysisTemplate>)]
#[case::cluster_analysis_template("ClusterAnalysisTemplate", round_trip::<ClusterAnalysisTemplate>)]
#[case::analysis_run("AnalysisRun", round_trip::<AnalysisRun>)]
#[case::experiment("Experiment", round_trip::<Experiment>)]
fn null_is_absent(#[case] kind: &str, #[case] through: fn(Value) -> Value) {
    let definition = definition(kind);
    let schema = &version(&definition)["schema"]["openAPIV3Schema"];
    let spec = instance(".spec", &schema["properties"]["spec"], true);
    let object = |spec: Value| json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": { "name": "web" }, "spec": spec });
    assert!(spec.as_object().is_some_and(|fields| fields.len() > 4 && fields.values().all(Value::is_null)));
    assert_eq!(through(object(spec)), object(json!({})));
}

fn round_trip<K: DeserializeOwned + Serialize>(object: Value) -> Value {
    let typed: K = serde_json::from_value(object).unwrap();
    serde_json::to_value(typed).unwrap()
}

/// Returns an object that has every field of the schema, with null or with a value that is not the default.
fn instance(path: &str, schema: &Value, null: bool) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object);
    match schema.get("type").and_then(Value::as_str) {
        Some("object") if properties.is_some() => {
            let field = |(name, schema): (&String, &Value)| {
                let path = format!("{path}.{name}");
                (name.clone(), if null { Value::Null } else { instance(&path, schema, false) })
            };
            Value::Object(properties.unwrap().iter().map(field).collect::<Map<_, _>>())
        }
        Some("object") => match schema.get("additionalProperties") {
            Some(values) => json!({ "key": instance(path, values, false) }),
            None if schema.get("x-kubernetes-preserve-unknown-fields").is_some() => {
                json!({ "any": ["thing"] })
            }
            None => json!({}),
        },
        Some("array") => json!([instance(path, &schema["items"], false)]),
        Some("integer") => json!(7),
        Some("boolean") => json!(true),
        Some("string") if schema.get("format").is_some() => json!("2026-11-21T03:00:00Z"),
        Some("string") => json!(word(path)),
        Some(other) => panic!("{path} has type {other}"),
        None if schema.get("x-kubernetes-int-or-string").is_some() => json!("50%"),
        None => json!({ "any": ["thing"] }),
    }
}

/// Returns a text for a field: a word of its list where it has one.
fn word(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "phase" if path == "Rollout.status.phase" => "Degraded",
        "phase" | "status" if path.contains("onditions") => "True",
        "phase" | "status" => "Failed",
        "reason" if path.contains("pauseConditions") => "CanaryPauseStep",
        "operation" => "Abort",
        "completionStatus" => "Promoted",
        "stablePingPong" => "pong",
        _ => "text",
    }
}
