//! The steps that make and remove managed routes.

use std::fmt::Arguments;

use crds::rollout::{CanaryStep, CanaryStrategy, StringMatch};

use super::{Problem, missing, wrong};

/// Checks a step that makes or removes a managed route; other steps pass.
pub(super) fn check(canary: &CanaryStrategy, path: Arguments<'_>, step: &CanaryStep) -> Result<(), Problem> {
    if let Some(header) = &step.set_header_route {
        let path = format_args!("{path}.setHeaderRoute");
        named(canary, path, "SetHeaderRoute", &header.name)?;
        for (index, one) in header.match_.iter().enumerate() {
            let path = format_args!("{path}.match[{index}]");
            if one.header_name.is_empty() {
                return Err(missing(format_args!("{path}.headerName"), "name a header"));
            }
            comparison(format_args!("{path}.headerValue"), one.header_value.as_ref())?;
        }
    }
    if let Some(mirror) = &step.set_mirror_route {
        let path = format_args!("{path}.setMirrorRoute");
        named(canary, path, "SetMirrorRoute", &mirror.name)?;
        match mirror.percentage {
            Some(percentage) if !(0..=100).contains(&percentage) => {
                let message = "must be between 0 and 100";
                return Err(wrong(format_args!("{path}.percentage"), percentage, message));
            }
            _ => {}
        }
        for (index, one) in mirror.match_.iter().enumerate() {
            let path = format_args!("{path}.match[{index}]");
            comparison(format_args!("{path}.method"), one.method.as_ref())?;
            comparison(format_args!("{path}.path"), one.path.as_ref())?;
            for (name, text) in &one.headers {
                comparison(format_args!("{path}.headers[{name}]"), Some(text))?;
            }
        }
    }
    Ok(())
}

/// Checks that a router can make the route, and that `managedRoutes` gives it its place.
fn named(canary: &CanaryStrategy, path: Arguments<'_>, step: &str, name: &str) -> Result<(), Problem> {
    let Some(routing) = canary.traffic_routing.as_ref().filter(|routing| routing.istio.is_some()) else {
        let message =
            format_args!("{step} requires TrafficRouting by istio: other routers have no managed routes");
        return Err(wrong(path, "set", message));
    };
    if routing.managed_routes.iter().any(|route| route.name == name && !name.is_empty()) {
        return Ok(());
    }
    let message = "it is not listed in spec.strategy.canary.trafficRouting.managedRoutes: add it there";
    Err(wrong(format_args!("{path}.name"), format_args!("\"{name}\""), message))
}

fn comparison(path: Arguments<'_>, text: Option<&StringMatch>) -> Result<(), Problem> {
    let Some(text) = text else { return Ok(()) };
    let set = [&text.exact, &text.prefix, &text.regex].into_iter().filter(|text| !text.is_empty()).count();
    if set == 1 {
        return Ok(());
    }
    Err(missing(path, "set exactly one of exact, prefix and regex"))
}
