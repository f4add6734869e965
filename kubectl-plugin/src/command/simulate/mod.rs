//! `simulate`: plays an update in a cluster in memory. It only reads.

mod image;
mod input;
mod live;

use std::time::Duration;

use anyhow::{Context, Result};
use crds::object_ref::ObjectRef;
use serde::Serialize;
use simulator::preview::bundle::DEFAULT_NAMESPACE;
use simulator::preview::report::{Assumption, Report, Verdict};
use simulator::preview::{Before, Bundle, Options, Trouble, preview};

use super::print;
use crate::cli::{Connection, Output, SimulateArgs, SimulateOutput};
use crate::exit::Exit;
use crate::view::paint::Paint;
use crate::view::simulate::{html, terminal};

/// What `-o json` prints.
#[derive(Debug, Serialize)]
struct Simulation<'a> {
    rollouts: &'a [Report],
}

/// What is to be played.
struct Case {
    bundle: Bundle,
    rollouts: Vec<Played>,
}

/// One Rollout to play, and what was otherwise before, if that is known.
struct Played {
    rollout: ObjectRef,
    before: Option<Before>,
}

/// Plays what the command line asks for.
pub(crate) async fn run(connection: &Connection, args: &SimulateArgs, paint: Paint) -> Result<Exit> {
    let case = case(connection, args).await?;
    let options = options(args);
    let mut reports = Vec::new();
    for played in &case.rollouts {
        let report = preview(&case.bundle, &played.rollout, played.before.as_ref(), &options)
            .with_context(|| format!("cannot simulate {}", played.rollout))?;
        reports.push(report);
    }
    show(&reports, args.output, paint)?;
    if args.strict {
        let gaps: Vec<&Assumption> =
            reports.iter().flat_map(|report| &report.assumptions).filter(|it| it.is_gap).collect();
        if !gaps.is_empty() {
            return print::complaints(
                gaps.iter().map(|gap| format!("{}: {}", gap.text, gap.remedy)),
                Exit::Gaps,
            );
        }
    }
    Ok(exit(&reports))
}

async fn case(connection: &Connection, args: &SimulateArgs) -> Result<Case> {
    if args.from_cluster {
        return live::case(connection, args).await;
    }
    let namespace = connection.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
    let mut bundle = Bundle::new(input::manifests(&args.filename, args.recursive)?, namespace)?;
    let chosen = bundle.rollouts(args.name.as_deref())?;
    let mut rollouts = Vec::new();
    for rollout in chosen {
        let before = image::set(&mut bundle, &rollout, &args.set_image)?;
        rollouts.push(Played { rollout, before });
    }
    Ok(Case { bundle, rollouts })
}

fn options(args: &SimulateArgs) -> Options {
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Options {
        trouble: Trouble {
            fail_at: args.fail_at.and_then(|step| usize::try_from(step).ok()),
            pods_never_ready: args.pods_never_ready,
            metrics_down: args.metrics_down,
        },
        pod_start_ms: milliseconds(args.pod_start),
        person_ms: milliseconds(args.person_takes),
        route_drain_seconds: args.route_drain_seconds,
        makes_up: !args.from_cluster,
        asks_what_if: !args.no_what_if,
    }
}

fn show(reports: &[Report], output: Option<SimulateOutput>, paint: Paint) -> Result<()> {
    let simulation = Simulation { rollouts: reports };
    match output {
        Some(SimulateOutput::Json) => print::data(&simulation, Some(Output::Json)).map(drop),
        Some(SimulateOutput::Yaml) => print::data(&simulation, Some(Output::Yaml)).map(drop),
        Some(SimulateOutput::Html) => print::text_block(&html::page(reports)).map(drop),
        Some(SimulateOutput::Wide) | None => {
            let wide = output.is_some();
            let screens: Vec<String> =
                reports.iter().map(|report| terminal::report(report, wide, paint)).collect();
            print::text_block(&screens.join("\n")).map(drop)
        }
    }
}

/// The worst of how the updates end.
fn exit(reports: &[Report]) -> Exit {
    let worst = reports.iter().map(|report| report.outcome.verdict).max();
    match worst {
        None | Some(Verdict::Finishes) => Exit::Ok,
        Some(Verdict::TakenBack) => Exit::Degraded,
        Some(Verdict::NeverEnds) => Exit::NeverEnds,
        Some(Verdict::Refused) => Exit::Refused,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use simulator::preview::report::Outcome;

    use super::*;

    #[rstest]
    #[case::none(&[], Exit::Ok)]
    #[case::all_well(&[Verdict::Finishes, Verdict::Finishes], Exit::Ok)]
    #[case::the_worst_counts(&[Verdict::NeverEnds, Verdict::TakenBack, Verdict::Finishes], Exit::NeverEnds)]
    #[case::refused(&[Verdict::Refused, Verdict::NeverEnds], Exit::Refused)]
    fn exits(#[case] verdicts: &[Verdict], #[case] want: Exit) {
        let report = |verdict: &Verdict| Report {
            outcome: Outcome { verdict: *verdict, ..Outcome::default() },
            ..Report::default()
        };
        assert_eq!(exit(&verdicts.iter().map(report).collect::<Vec<_>>()), want);
    }
}
