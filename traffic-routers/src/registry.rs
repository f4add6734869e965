//! From the words of a Rollout's spec to the routers that carry them out.

use crds::rollout::{CanaryStrategy, RolloutSpec, TrafficRouting};

use crate::{Istio, Nginx, Owner, RouteError, TrafficRouter};

/// Where traffic routing stands in a Rollout.
pub(crate) const ROUTING: &str = "spec.strategy.canary.trafficRouting";

/// A router of some kind.
pub type Router = Box<dyn TrafficRouter + Send + Sync>;

/// The two Services between which traffic is split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Services {
    /// Selects the pods of the new version.
    pub canary: String,
    /// Selects the pods of the stable version.
    pub stable: String,
}

/// The routers that a Rollout names, in the order in which their weights are set: Istio, then NGINX.
///
/// None without a canary strategy or without `trafficRouting`.
///
/// # Errors
/// [`RouteError::Spec`] for the first thing in the spec that no router can be built from.
pub fn routers(owner: &Owner, spec: &RolloutSpec) -> Result<Vec<Router>, RouteError> {
    let (routers, errors) = drivable(owner, spec);
    errors.into_iter().next().map_or(Ok(routers), Err)
}

/// The routers that can be driven even if the spec names others that cannot, and why those cannot.
///
/// An abort needs the former: a spec that has gone bad in one place must not keep traffic on the new version in
/// another.
#[must_use]
pub fn drivable(owner: &Owner, spec: &RolloutSpec) -> (Vec<Router>, Vec<RouteError>) {
    let Some(canary) = &spec.strategy.canary else { return (Vec::new(), Vec::new()) };
    let Some(routing) = &canary.traffic_routing else { return (Vec::new(), Vec::new()) };
    let services = match services(canary) {
        Ok(services) => services,
        Err(error) => return (Vec::new(), vec![error]),
    };
    let mut routers: Vec<Router> = Vec::new();
    let mut errors = Vec::new();
    match routing.istio.as_ref().map(|istio| Istio::new(owner, &services, istio, routing)) {
        Some(Ok(istio)) => routers.push(Box::new(istio)),
        Some(Err(error)) => errors.push(error),
        None => {}
    }
    match routing.nginx.as_ref().map(|nginx| Nginx::new(owner, &services, nginx, routing.max_traffic_weight))
    {
        Some(Ok(nginx)) => routers.push(Box::new(nginx)),
        Some(Err(error)) => errors.push(error),
        None => {}
    }
    errors.extend(unsupported(routing));
    (routers, errors)
}

fn services(canary: &CanaryStrategy) -> Result<Services, RouteError> {
    if canary.ping_pong.is_some() {
        return Err(RouteError::Spec {
            path: "spec.strategy.canary.pingPong".to_owned(),
            message: "not supported by this version: set canaryService and stableService instead".to_owned(),
        });
    }
    if canary.canary_service.is_empty() || canary.stable_service.is_empty() {
        return Err(RouteError::Spec {
            path: ROUTING.to_owned(),
            message: "Canary service and Stable service must to be set to use Traffic Routing".to_owned(),
        });
    }
    Ok(Services { canary: canary.canary_service.clone(), stable: canary.stable_service.clone() })
}

/// One error for each router that the spec names and that this version does not drive.
fn unsupported(routing: &TrafficRouting) -> impl Iterator<Item = RouteError> {
    routing.routers().filter(|router| !router.is_driven()).map(|router| RouteError::Spec {
        path: format!("{ROUTING}.{router}"),
        message: "not supported by this version: it drives istio and nginx".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{owner, spec};

    fn names(routing: Value) -> (Vec<&'static str>, Vec<String>) {
        let (routers, errors) = drivable(&owner(), &spec(routing));
        (
            routers.iter().map(|router| router.name()).collect(),
            errors.iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn istio_is_written_before_nginx() {
        let routing =
            json!({ "nginx": { "stableIngress": "web" }, "istio": { "virtualService": { "name": "web" } } });
        assert_eq!(names(routing), (vec!["Istio", "Nginx"], vec![]));
    }

    #[rstest]
    #[case::alb(json!({ "alb": { "ingress": "web", "servicePort": 80 } }), "alb")]
    #[case::smi(json!({ "smi": {} }), "smi")]
    #[case::ambassador(json!({ "ambassador": { "mappings": ["web"] } }), "ambassador")]
    #[case::app_mesh(json!({ "appMesh": {} }), "appMesh")]
    #[case::traefik(json!({ "traefik": { "weightedTraefikServiceName": "web" } }), "traefik")]
    #[case::apisix(json!({ "apisix": {} }), "apisix")]
    #[case::plugins(json!({ "plugins": { "argoproj-labs/gatewayAPI": {} } }), "plugins")]
    fn a_router_that_is_not_driven_is_named(#[case] routing: Value, #[case] field: &str) {
        let want = format!("{ROUTING}.{field}: not supported by this version: it drives istio and nginx");
        assert_eq!(names(routing), (vec![], vec![want]));
    }

    #[test]
    fn an_unsupported_router_leaves_the_others_to_an_abort() {
        let routing = json!({ "nginx": { "stableIngress": "web" }, "smi": {} });
        assert_eq!(names(routing.clone()).0, ["Nginx"]);
        let error = routers(&owner(), &spec(routing)).err().unwrap();
        assert_eq!(
            error.to_string(),
            "spec.strategy.canary.trafficRouting.smi: not supported by this version: it drives istio and nginx"
        );
    }

    #[test]
    fn both_services_are_needed() {
        let mut spec = spec(json!({ "nginx": { "stableIngress": "web" } }));
        spec.strategy.canary.as_mut().unwrap().canary_service.clear();
        let error = routers(&owner(), &spec).err().unwrap();
        assert!(
            error
                .to_string()
                .ends_with("Canary service and Stable service must to be set to use Traffic Routing")
        );
    }

    #[test]
    fn ping_pong_is_refused_by_its_path() {
        let mut spec = spec(json!({ "istio": { "virtualService": { "name": "web" } } }));
        spec.strategy.canary.as_mut().unwrap().ping_pong = Some(crds::rollout::PingPong::default());
        let error = routers(&owner(), &spec).err().unwrap();
        assert!(error.to_string().starts_with("spec.strategy.canary.pingPong: not supported"), "{error}");
    }

    #[test]
    fn without_traffic_routing_there_is_no_router() {
        assert!(routers(&owner(), &RolloutSpec::default()).unwrap().is_empty());
    }
}
