//! The strategy blueGreen.

use crds::rollout::{BlueGreenStrategy, RolloutSpec};

use super::{Problem, anti_affinity, missing, not_negative, wrong};

const BLUE_GREEN: &str = "spec.strategy.blueGreen";

/// Checks the strategy by itself.
pub(super) fn check(spec: &RolloutSpec, strategy: &BlueGreenStrategy) -> Result<(), Problem> {
    services(strategy)?;
    numbers(strategy)?;
    if let Some(value) = &strategy.max_unavailable {
        let path = format_args!("{BLUE_GREEN}.maxUnavailable");
        let count = value.of(i64::from(spec.replicas.unwrap_or(1)), false);
        if count.map_err(|error| wrong(path, value, error))? < 0 {
            return Err(wrong(path, value, "must be greater than or equal to 0"));
        }
    }
    anti_affinity::check(BLUE_GREEN, strategy.anti_affinity.as_ref())
}

fn services(strategy: &BlueGreenStrategy) -> Result<(), Problem> {
    let path = format_args!("{BLUE_GREEN}.activeService");
    if strategy.active_service.is_empty() {
        return Err(missing(path, "name the Service that serves the users"));
    }
    if strategy.active_service == strategy.preview_service {
        return Err(wrong(
            path,
            format_args!("\"{}\"", strategy.active_service),
            "This rollout uses the same service for the active and preview services, but two different services are required.",
        ));
    }
    Ok(())
}

fn numbers(strategy: &BlueGreenStrategy) -> Result<(), Problem> {
    let fields = [
        ("previewReplicaCount", strategy.preview_replica_count),
        ("autoPromotionSeconds", Some(strategy.auto_promotion_seconds)),
        ("scaleDownDelaySeconds", strategy.scale_down_delay_seconds),
        ("scaleDownDelayRevisionLimit", strategy.scale_down_delay_revision_limit),
        ("abortScaleDownDelaySeconds", strategy.abort_scale_down_delay_seconds),
    ];
    fields.into_iter().try_for_each(|(name, value)| not_negative(format_args!("{BLUE_GREEN}.{name}"), value))
}
