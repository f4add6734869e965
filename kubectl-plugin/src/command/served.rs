//! In which version the API server serves a kind.

use crds::object_ref::Kind;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroup, APIGroupList};
use kube::Client;
use kube::api::ApiResource;

/// Returns how a kind is asked for: in the version that the API server prefers where there are several.
pub(super) async fn resource(client: &Client, kind: Kind) -> kube::Result<ApiResource> {
    // Only Istio's kinds come in versions that a cluster may serve or not.
    let groups = match kind {
        Kind::VirtualService => client.list_api_groups().await?,
        _ => APIGroupList::default(),
    };
    Ok(named(kind, version(kind, &groups.groups)))
}

fn named(kind: Kind, version: &str) -> ApiResource {
    let group = kind.group();
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") },
        kind: kind.name().to_owned(),
        plural: kind.plural().to_owned(),
    }
}

/// The preferred version of the kind's group, else the first that is served, else the usual one.
fn version(kind: Kind, groups: &[APIGroup]) -> &str {
    let group = groups.iter().find(|group| group.name == kind.group());
    let preferred = group.and_then(|group| group.preferred_version.as_ref());
    let served = preferred.or_else(|| group.and_then(|group| group.versions.first()));
    served.map_or(kind.default_version(), |served| served.version.as_str())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn groups(istio: &Value) -> Vec<APIGroup> {
        let istio = json!({ "name": "networking.istio.io", "versions": [], "preferredVersion": istio });
        let other = json!({ "name": "networking.k8s.io", "versions": [],
            "preferredVersion": { "groupVersion": "networking.k8s.io/v1beta9", "version": "v1beta9" } });
        serde_json::from_value(json!([other, istio])).unwrap()
    }

    #[rstest]
    #[case::new(json!({ "groupVersion": "networking.istio.io/v1", "version": "v1" }), "networking.istio.io/v1")]
    #[case::old(json!({ "groupVersion": "networking.istio.io/v1beta1", "version": "v1beta1" }), "networking.istio.io/v1beta1")]
    #[case::not_said(Value::Null, "networking.istio.io/v1alpha3")]
    fn a_virtual_service_is_asked_for_as_it_is_served(#[case] preferred: Value, #[case] want: &str) {
        let groups = groups(&preferred);
        let found = named(Kind::VirtualService, version(Kind::VirtualService, &groups));
        assert_eq!((found.api_version.as_str(), found.plural.as_str()), (want, "virtualservices"));
    }

    #[test]
    fn the_first_version_counts_where_none_is_preferred() {
        let mut groups = groups(&Value::Null);
        groups[1].versions =
            serde_json::from_value(json!([{ "groupVersion": "networking.istio.io/v1", "version": "v1" }]))
                .unwrap();
        assert_eq!(version(Kind::VirtualService, &groups), "v1");
        assert_eq!(version(Kind::VirtualService, &[]), "v1alpha3");
    }
}
