//! The canary strategy and its steps.

use std::fmt::Arguments;

use crds::IntOrString;
use crds::duration;
use crds::rollout::{CanaryStep, CanaryStrategy, PingPong, RolloutSpec, TrafficRouting};

use super::{Problem, anti_affinity, managed_routes, missing, not_negative, unsupported, wrong};
use crate::rollout::step;

const CANARY: &str = "spec.strategy.canary";

/// Checks the strategy by itself.
pub(super) fn check(spec: &RolloutSpec, canary: &CanaryStrategy) -> Result<(), Problem> {
    surge(spec, canary)?;
    anti_affinity::check(CANARY, canary.anti_affinity.as_ref())?;
    if let Some(pair) = &canary.ping_pong {
        ping_pong(canary, pair)?;
    }
    routing(canary)?;
    canary.steps.iter().enumerate().try_for_each(|(index, step)| self::step(canary, index, step))
}

/// Checks how many pods may be missing or too many.
fn surge(spec: &RolloutSpec, canary: &CanaryStrategy) -> Result<(), Problem> {
    let fields = [("maxSurge", &canary.max_surge), ("maxUnavailable", &canary.max_unavailable)];
    for (name, value) in fields {
        let Some(value) = value else { continue };
        let count = value.of(i64::from(spec.replicas.unwrap_or(1)), true);
        let count = count.map_err(|error| wrong(format_args!("{CANARY}.{name}"), value, error))?;
        if count < 0 {
            let message = "must be greater than or equal to 0";
            return Err(wrong(format_args!("{CANARY}.{name}"), value, message));
        }
    }
    let is_zero = |value: &Option<IntOrString>| match value {
        Some(IntOrString::Int(count)) => *count == 0,
        Some(IntOrString::String(text)) => matches!(text.as_str(), "0" | "0%"),
        None => false,
    };
    if is_zero(&canary.max_surge) && is_zero(&canary.max_unavailable) {
        let message = "MaxSurge and MaxUnavailable both can not be zero";
        return Err(wrong(format_args!("{CANARY}.maxSurge"), 0, message));
    }
    Ok(())
}

/// Checks the two Services that take turns.
fn ping_pong(canary: &CanaryStrategy, pair: &PingPong) -> Result<(), Problem> {
    let path = format_args!("{CANARY}.pingPong");
    let (ping, other) = (&pair.ping_service, &pair.pong_service);
    let unset = [("pingService", ping), ("pongService", other)].into_iter().find(|(_, name)| name.is_empty());
    if let Some((field, _)) = unset {
        let message = "Ping service and Pong service must to be set to use Ping-Pong feature";
        return Err(wrong(format_args!("{path}.{field}"), "\"\"", message));
    }
    if ping == other {
        let message = "This rollout uses the same service for the ping and pong services, but two different services are required.";
        return Err(wrong(format_args!("{path}.pingService"), format_args!("\"{ping}\""), message));
    }
    let others = [("canaryService", &canary.canary_service), ("stableService", &canary.stable_service)];
    if let Some((field, name)) = others.into_iter().find(|(_, name)| !name.is_empty()) {
        let message = format!("pingPong takes the place of {field}: remove one of them");
        return Err(wrong(format_args!("{CANARY}.{field}"), format_args!("\"{name}\""), message));
    }
    match &canary.traffic_routing {
        Some(routing) if routing.nginx.is_some() => Err(wrong(
            format_args!("{CANARY}.trafficRouting.nginx"),
            "set",
            "Ping-pong feature works with the ALB and Istio traffic routers only",
        )),
        _ => Ok(()),
    }
}

/// Checks what belongs to a router.
fn routing(canary: &CanaryStrategy) -> Result<(), Problem> {
    let Some(routing) = &canary.traffic_routing else {
        let needing = [
            ("scaleDownDelaySeconds", canary.scale_down_delay_seconds.is_some()),
            ("abortScaleDownDelaySeconds", canary.abort_scale_down_delay_seconds.is_some()),
            ("minPodsPerReplicaSet", canary.min_pods_per_replica_set.is_some()),
            ("dynamicStableScale", canary.dynamic_stable_scale),
            ("pingPong", canary.ping_pong.is_some()),
        ];
        return match needing.into_iter().find(|(_, is_set)| *is_set) {
            Some((name, _)) => Err(wrong(
                format_args!("{CANARY}.{name}"),
                "set",
                format_args!("Canary {name} can only be used with traffic routing"),
            )),
            None => Ok(()),
        };
    };
    if canary.dynamic_stable_scale && canary.scale_down_delay_seconds.is_some() {
        return Err(wrong(
            format_args!("{CANARY}.dynamicStableScale"),
            true,
            "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds",
        ));
    }
    services(canary)?;
    supported_router(routing)?;
    let path = format_args!("{CANARY}.trafficRouting.maxTrafficWeight");
    match routing.max_traffic_weight {
        Some(weight) if weight <= 0 => Err(wrong(path, weight, "must be greater than 0")),
        Some(weight) if routing.nginx.is_none() && routing.plugins.is_empty() => {
            Err(wrong(path, weight, "MaxTrafficWeight is only supported for Nginx and Plugins"))
        }
        _ => Ok(()),
    }
}

/// Checks the two Services that a router splits between.
fn services(canary: &CanaryStrategy) -> Result<(), Problem> {
    if canary.ping_pong.is_some() {
        return Ok(());
    }
    if canary.canary_service.is_empty() || canary.stable_service.is_empty() {
        return Err(missing(
            format_args!("{CANARY}.trafficRouting"),
            "Canary service and Stable service must to be set to use Traffic Routing",
        ));
    }
    if canary.canary_service == canary.stable_service {
        return Err(wrong(
            format_args!("{CANARY}.stableService"),
            format_args!("\"{}\"", canary.stable_service),
            "This rollout uses the same service for the stable and canary services, but two different services are required.",
        ));
    }
    Ok(())
}

fn supported_router(routing: &TrafficRouting) -> Result<(), Problem> {
    let path = format_args!("{CANARY}.trafficRouting");
    match routing.routers().find(|router| !router.is_driven()) {
        Some(router) => Err(unsupported(format_args!("{path}.{router}"), router.as_str())),
        None if routing.routers().next().is_none() => Err(missing(path, "name a router: nginx or istio")),
        None => Ok(()),
    }
}

fn step(canary: &CanaryStrategy, index: usize, step: &CanaryStep) -> Result<(), Problem> {
    let path = format_args!("{CANARY}.steps[{index}]");
    let kinds = [
        ("setWeight", step.set_weight.is_some(), true),
        ("pause", step.pause.is_some(), true),
        ("analysis", step.analysis.is_some(), true),
        ("experiment", step.experiment.is_some(), false),
        ("setCanaryScale", step.set_canary_scale.is_some(), true),
        ("setHeaderRoute", step.set_header_route.is_some(), true),
        ("setMirrorRoute", step.set_mirror_route.is_some(), true),
        ("plugin", step.plugin.is_some(), false),
    ];
    let set: Vec<_> = kinds.into_iter().filter(|(_, is_set, _)| *is_set).collect();
    let [(name, _, is_supported)] = set.as_slice() else {
        let names = set.iter().map(|(name, _, _)| *name).collect::<Vec<_>>().join(", ");
        return Err(wrong(
            path,
            format_args!("{{{names}}}"),
            "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause",
        ));
    };
    if !is_supported {
        return Err(unsupported(format_args!("{path}.{name}"), name));
    }
    weight(canary, path, step)?;
    canary_scale(canary, path, step)?;
    managed_routes::check(canary, path, step)?;
    pause(path, step)?;
    match &step.analysis {
        Some(analysis) if analysis.templates.is_empty() => {
            Err(missing(format_args!("{path}.analysis.templates"), "an analysis names at least one template"))
        }
        _ => Ok(()),
    }
}

fn weight(canary: &CanaryStrategy, path: Arguments<'_>, step: &CanaryStep) -> Result<(), Problem> {
    let max = canary.traffic_routing.as_ref().and_then(|routing| routing.max_traffic_weight).unwrap_or(100);
    match step.set_weight {
        Some(weight) if !(0..=max).contains(&weight) => Err(wrong(
            format_args!("{path}.setWeight"),
            weight,
            format_args!("SetWeight needs to be between 0 and {max}"),
        )),
        _ => Ok(()),
    }
}

fn canary_scale(canary: &CanaryStrategy, path: Arguments<'_>, step: &CanaryStep) -> Result<(), Problem> {
    let Some(scale) = &step.set_canary_scale else { return Ok(()) };
    let path = format_args!("{path}.setCanaryScale");
    if canary.traffic_routing.is_none() {
        return Err(wrong(path, step::text(step), "SetCanaryScale requires TrafficRouting to be set"));
    }
    not_negative(format_args!("{path}.replicas"), scale.replicas)?;
    match scale.weight {
        Some(weight) if !(0..=100).contains(&weight) => {
            Err(wrong(format_args!("{path}.weight"), weight, "SetWeight needs to be between 0 and 100"))
        }
        None if scale.replicas.is_none() && !scale.match_traffic_weight => {
            Err(missing(path, "set one of weight, replicas and matchTrafficWeight"))
        }
        _ => Ok(()),
    }
}

fn pause(path: Arguments<'_>, step: &CanaryStep) -> Result<(), Problem> {
    let Some(length) = step.pause.as_ref().and_then(|pause| pause.duration.as_ref()) else { return Ok(()) };
    match duration::seconds_or_text(length) {
        Ok(time) if !time.is_negative() => Ok(()),
        _ => Err(wrong(format_args!("{path}.pause.duration"), length, "Duration needs to be greater than 0")),
    }
}
