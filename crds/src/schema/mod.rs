//! The definitions of the five kinds, as an API server takes them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceSubresources, JSONSchemaProps, JSONSchemaPropsOrArray,
    JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use crate::analysis::{AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate};
use crate::experiment::Experiment;
use crate::rollout::Rollout;

/// Returns the definitions of all five kinds, in the order of their names.
///
/// The schemas describe the fields and refuse little: what is wrong inside a manifest is reported in its status.
/// They set no defaults, so that nothing appears in an object that its owner did not write; and null in a field means
/// that the field is absent.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    [
        without_status_subresource(AnalysisRun::crd()),
        AnalysisTemplate::crd(),
        ClusterAnalysisTemplate::crd(),
        without_status_subresource(Experiment::crd()),
        Rollout::crd(),
    ]
    .map(refined)
    .into()
}

/// Clients patch the status of these kinds on the object itself.
fn without_status_subresource(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        version.subresources = None;
    }
    definition
}

fn refined(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        if version.subresources == Some(CustomResourceSubresources::default()) {
            version.subresources = None;
        }
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            refine(schema);
        }
    }
    definition
}

/// Takes defaults and null away, and puts each paragraph on one line, at every depth.
fn refine(schema: &mut JSONSchemaProps) {
    schema.default = None;
    schema.nullable = None;
    if let Some(description) = schema.description.as_mut() {
        let paragraphs: Vec<String> = description.split("\n\n").map(|text| text.replace('\n', " ")).collect();
        *description = paragraphs.join("\n\n");
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        refine(property);
    }
    match schema.items.as_mut() {
        Some(JSONSchemaPropsOrArray::Schema(items)) => refine(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(refine),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = schema.additional_properties.as_mut() {
        refine(values);
    }
}

#[cfg(test)]
mod field_tests;
#[cfg(test)]
mod tests;
