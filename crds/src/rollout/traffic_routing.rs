//! Which router splits the traffic, and through which of its objects.

use std::collections::BTreeMap;

use crate::Opaque;

api! {
    /// Splits the traffic by one or several routers.
    pub struct TrafficRouting {
        /// Istio: VirtualServices and a DestinationRule.
        pub istio: Option<IstioRouting>,
        /// Ingress NGINX, and all controllers that obey its canary annotations.
        pub nginx: Option<NginxRouting>,
        /// The AWS load balancer controller.
        pub alb: Option<AlbRouting>,
        /// The Service Mesh Interface.
        pub smi: Option<SmiRouting>,
        /// Ambassador.
        pub ambassador: Option<AmbassadorRouting>,
        /// AWS App Mesh.
        pub app_mesh: Option<AppMeshRouting>,
        /// Traefik.
        pub traefik: Option<TraefikRouting>,
        /// Names of the routes that header and mirror steps create, in the order in which they are tried.
        pub managed_routes: Vec<ManagedRoute>,
        /// Apache APISIX.
        pub apisix: Option<ApisixRouting>,
        /// Routers that plugins provide: their configuration by their name.
        pub plugins: BTreeMap<String, Opaque>,
        /// The weight that is all of the traffic. Only with nginx or plugins. Defaults to 100.
        pub max_traffic_weight: Option<i32>,
    }

    /// A route that header and mirror steps create.
    pub struct ManagedRoute {
        /// Name of the route.
        pub name: String,
    }

    /// Istio: either virtualService or virtualServices.
    pub struct IstioRouting {
        /// The VirtualService whose weights are set.
        pub virtual_service: Option<IstioVirtualService>,
        /// The DestinationRule whose subsets select canary and stable.
        pub destination_rule: Option<IstioDestinationRule>,
        /// The VirtualServices whose weights are set.
        pub virtual_services: Vec<IstioVirtualService>,
    }

    /// A VirtualService, and which of its routes.
    pub struct IstioVirtualService {
        /// Name of the VirtualService; name.namespace for one of another namespace.
        pub name: String,
        /// Names of its HTTP routes. May be left out if it has only one.
        pub routes: Vec<String>,
        /// Its TLS routes.
        pub tls_routes: Vec<TlsRoute>,
        /// Its TCP routes.
        pub tcp_routes: Vec<TcpRoute>,
    }

    /// A TLS route of a VirtualService.
    pub struct TlsRoute {
        /// Port that it matches.
        pub port: i64,
        /// Server names that it matches.
        pub sni_hosts: Vec<String>,
    }

    /// A TCP route of a VirtualService.
    pub struct TcpRoute {
        /// Port that it matches.
        pub port: i64,
    }

    /// A DestinationRule, and which of its subsets.
    pub struct IstioDestinationRule {
        /// Name of the DestinationRule.
        pub name: String,
        /// Name of the subset that selects the new version.
        pub canary_subset_name: String,
        /// Name of the subset that selects the stable version.
        pub stable_subset_name: String,
        /// Names of further subsets that keep their weight.
        pub additional_subset_names: Vec<String>,
    }

    /// Ingress NGINX: either stableIngress or stableIngresses.
    pub struct NginxRouting {
        /// Prefix of the annotations. Defaults to nginx.ingress.kubernetes.io.
        pub annotation_prefix: String,
        /// The Ingress that routes to stableService.
        pub stable_ingress: String,
        /// Annotations of the canary Ingress; those without the prefix get it.
        pub additional_ingress_annotations: BTreeMap<String, String>,
        /// The Ingresses that route to stableService.
        pub stable_ingresses: Vec<String>,
        /// Annotations of the canary Ingress, as they are.
        pub canary_ingress_annotations: BTreeMap<String, String>,
    }

    /// The AWS load balancer controller: either ingress or ingresses.
    pub struct AlbRouting {
        /// The Ingress whose forward action is set.
        pub ingress: String,
        /// Port of the Services.
        pub service_port: i32,
        /// Service that the Ingress names. Defaults to stableService.
        pub root_service: String,
        /// Prefix of the annotations. Defaults to alb.ingress.kubernetes.io.
        pub annotation_prefix: String,
        /// Keeps a client with the version that it got first.
        pub stickiness_config: Option<StickinessConfig>,
        /// The Ingresses whose forward action is set.
        pub ingresses: Vec<String>,
    }

    /// Keeps a client with the version that it got first.
    pub struct StickinessConfig {
        /// Whether this is switched on.
        pub enabled: bool,
        /// For how many seconds, 1 to 604800.
        pub duration_seconds: i64,
    }

    /// The Service Mesh Interface.
    pub struct SmiRouting {
        /// Service that clients use. Defaults to stableService.
        pub root_service: String,
        /// Name of the TrafficSplit. Defaults to the name of the Rollout.
        pub traffic_split_name: String,
    }

    /// Ambassador.
    pub struct AmbassadorRouting {
        /// Names of the Mappings that route to stableService.
        pub mappings: Vec<String>,
    }

    /// AWS App Mesh.
    pub struct AppMeshRouting {
        /// The virtual service whose router's weights are set.
        pub virtual_service: Option<AppMeshVirtualService>,
        /// The virtual nodes that select canary and stable.
        pub virtual_node_group: Option<AppMeshVirtualNodeGroup>,
    }

    /// A virtual service of App Mesh.
    pub struct AppMeshVirtualService {
        /// Name of the VirtualService.
        pub name: String,
        /// Names of its routes. May be left out if it has only one.
        pub routes: Vec<String>,
    }

    /// The virtual nodes that select canary and stable.
    pub struct AppMeshVirtualNodeGroup {
        /// The node of the new version.
        pub canary_virtual_node_ref: Option<AppMeshVirtualNodeRef>,
        /// The node of the stable version.
        pub stable_virtual_node_ref: Option<AppMeshVirtualNodeRef>,
    }

    /// A virtual node of App Mesh.
    pub struct AppMeshVirtualNodeRef {
        /// Name of the VirtualNode.
        pub name: String,
    }

    /// Traefik.
    pub struct TraefikRouting {
        /// Name of the weighted TraefikService.
        pub weighted_traefik_service_name: String,
    }

    /// Apache APISIX.
    pub struct ApisixRouting {
        /// The ApisixRoute whose weights are set.
        pub route: Option<ApisixRoute>,
    }

    /// An ApisixRoute, and which of its rules.
    pub struct ApisixRoute {
        /// Name of the ApisixRoute.
        pub name: String,
        /// Names of its rules. May be left out if it has only one.
        pub rules: Vec<String>,
    }
}

words! {
    /// A field of [`TrafficRouting`] that names a router.
    pub enum RouterField {
        /// Istio.
        Istio = "istio",
        /// Ingress NGINX.
        Nginx = "nginx",
        /// The AWS load balancer controller.
        Alb = "alb",
        /// The Service Mesh Interface.
        Smi = "smi",
        /// Ambassador.
        Ambassador = "ambassador",
        /// AWS App Mesh.
        AppMesh = "appMesh",
        /// Traefik.
        Traefik = "traefik",
        /// Apache APISIX.
        Apisix = "apisix",
        /// Routers that plugins provide.
        Plugins = "plugins",
    }
}

impl RouterField {
    /// Whether this version drives the router. A Rollout that names another one is told so, and left alone.
    #[must_use]
    pub const fn is_driven(self) -> bool {
        matches!(self, Self::Istio | Self::Nginx)
    }
}

impl TrafficRouting {
    /// The routers that are named, in the order of [`RouterField::ALL`].
    pub fn routers(&self) -> impl Iterator<Item = RouterField> {
        RouterField::ALL.iter().copied().filter(|field| self.is_set(*field))
    }

    fn is_set(&self, field: RouterField) -> bool {
        match field {
            RouterField::Istio => self.istio.is_some(),
            RouterField::Nginx => self.nginx.is_some(),
            RouterField::Alb => self.alb.is_some(),
            RouterField::Smi => self.smi.is_some(),
            RouterField::Ambassador => self.ambassador.is_some(),
            RouterField::AppMesh => self.app_mesh.is_some(),
            RouterField::Traefik => self.traefik.is_some(),
            RouterField::Apisix => self.apisix.is_some(),
            RouterField::Plugins => !self.plugins.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_router_is_known_by_the_name_of_its_field() {
        let all: TrafficRouting = serde_json::from_value(json!({
            "plugins": { "argoproj-labs/gatewayAPI": {} }, "apisix": {}, "traefik": {}, "appMesh": {},
            "ambassador": {}, "smi": {}, "alb": {}, "nginx": {}, "istio": {}, "maxTrafficWeight": 100,
        }))
        .unwrap();
        assert_eq!(all.routers().collect::<Vec<_>>(), RouterField::ALL);
        for field in RouterField::ALL {
            let value = if *field == RouterField::Plugins { json!({ "one": {} }) } else { json!({}) };
            let one: TrafficRouting = serde_json::from_value(json!({ field.as_str(): value })).unwrap();
            assert_eq!(one.routers().collect::<Vec<_>>(), [*field]);
        }
        assert_eq!(TrafficRouting::default().routers().next(), None);
    }
}
