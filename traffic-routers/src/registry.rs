//! From the words of a Rollout's spec to the routers that carry them out.

use crds::rollout::{CanaryStrategy, PingPongRole, RolloutSpec, TrafficRouting};
use planted_bugs::{Bug, planted};

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
    let services = match services(owner, canary) {
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
    let nginx = |nginx| match takes_turns(canary) {
        Some(error) => Err(error),
        None => Nginx::new(owner, &services, nginx, routing.max_traffic_weight),
    };
    match routing.nginx.as_ref().map(nginx) {
        Some(Ok(nginx)) => routers.push(Box::new(nginx)),
        Some(Err(error)) => errors.push(error),
        None => {}
    }
    errors.extend(unsupported(routing));
    (routers, errors)
}

fn services(owner: &Owner, canary: &CanaryStrategy) -> Result<Services, RouteError> {
    let role = if planted(Bug::RoutesReadByFirstRoles) { PingPongRole::Ping } else { owner.stable_ping_pong };
    let [stable, new] = canary.services(role);
    if stable.is_empty() || new.is_empty() {
        let (path, message) = match canary.ping_pong {
            Some(_) => (
                "spec.strategy.canary.pingPong",
                "Ping service and Pong service must to be set to use Ping-Pong feature",
            ),
            None => (ROUTING, "Canary service and Stable service must to be set to use Traffic Routing"),
        };
        return Err(RouteError::Spec { path: path.to_owned(), message: message.to_owned() });
    }
    Ok(Services { canary: new.to_owned(), stable: stable.to_owned() })
}

/// The backend of a stable Ingress belongs to its owner, so no other Service can take its place.
fn takes_turns(canary: &CanaryStrategy) -> Option<RouteError> {
    canary.ping_pong.as_ref().map(|_| RouteError::Spec {
        path: format!("{ROUTING}.nginx"),
        message: "Ping-pong feature works with the ALB and Istio traffic routers only".to_owned(),
    })
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

    fn ping_pong(routing: Value) -> RolloutSpec {
        let mut spec = spec(routing);
        let canary = spec.strategy.canary.as_mut().unwrap();
        canary.ping_pong = Some(crds::rollout::PingPong {
            ping_service: std::mem::take(&mut canary.stable_service),
            pong_service: std::mem::take(&mut canary.canary_service),
        });
        spec
    }

    #[rstest]
    #[case::nobody_said_so(PingPongRole::Unset, 90)]
    #[case::ping(PingPongRole::Ping, 10)]
    #[case::pong(PingPongRole::Pong, 90)]
    fn services_that_take_turns_are_read_and_written_by_their_roles(
        #[case] stable: PingPongRole,
        #[case] canary_weight: u32,
    ) {
        let spec = ping_pong(json!({ "istio": { "virtualService": { "name": "web" } } }));
        let owner = Owner { stable_ping_pong: stable, ..owner() };
        let router = routers(&owner, &spec).unwrap().remove(0);
        let route = router.routes().remove(0);
        let to = |host: &str, weight: u32| json!({ "destination": { "host": host }, "weight": weight });
        let object = json!({
            "metadata": { "name": "web", "namespace": "shop", "resourceVersion": "1" },
            "spec": { "http": [{ "route": [to("web-stable", 90), to("web-canary", 10)] }] },
        });
        let mut objects = crate::Objects::from([(route.clone(), object)]);
        assert_eq!(router.observe(&route, &objects).unwrap().canary_weight, Some(canary_weight));
        crate::testing::settle(&router, &route, &mut objects, 40).unwrap();
        let weights = objects[&route].pointer("/spec/http/0/route/0/weight").cloned();
        assert_eq!(weights, Some(json!(if stable == PingPongRole::Ping { 60 } else { 40 })));
    }

    #[test]
    fn an_ingress_has_one_stable_service_for_ever() {
        let spec = ping_pong(json!({ "nginx": { "stableIngress": "web" } }));
        let error = routers(&owner(), &spec).err().unwrap().to_string();
        let want = "Ping-pong feature works with the ALB and Istio traffic routers only";
        assert_eq!(error, format!("{ROUTING}.nginx: {want}"));
    }

    #[test]
    fn both_that_take_turns_are_needed() {
        let mut spec = ping_pong(json!({ "istio": { "virtualService": { "name": "web" } } }));
        spec.strategy.canary.as_mut().unwrap().ping_pong.as_mut().unwrap().pong_service.clear();
        let error = routers(&owner(), &spec).err().unwrap().to_string();
        assert!(error.starts_with("spec.strategy.canary.pingPong: Ping service and Pong service"), "{error}");
    }

    #[test]
    fn without_traffic_routing_there_is_no_router() {
        assert!(routers(&owner(), &RolloutSpec::default()).unwrap().is_empty());
    }
}
