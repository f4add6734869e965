//! The simulator's store answers, counts and tells as a real API server does: the same scripts on both.

mod real;

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, ensure};
use e2e_tests::facts::Facts;
use e2e_tests::operator;
use e2e_tests::space::Space;
use serde::Serialize;
use serde_json::{Map, Value};
use simulator::model::{self, Script, Transcript};

/// How many scripts are drawn beside those that are told, and how long they are.
const DRAWN: u64 = 24;
const LENGTH: usize = 30;

#[tokio::test]
async fn told_scripts_show_the_same() -> Result<()> {
    compare(&model::told().map_err(|error| anyhow!(error))?).await
}

#[tokio::test]
async fn drawn_scripts_show_the_same() -> Result<()> {
    let scripts: Vec<Script> = (0..DRAWN).map(|seed| model::random(seed, LENGTH)).collect();
    compare(&scripts).await
}

/// Runs scripts on both, each in a namespace of its own, and demands that they have seen the same.
async fn compare(scripts: &[Script]) -> Result<()> {
    if !kinds_are_served().await? {
        operator::shared().await?;
    }
    let mut all = Vec::new();
    for script in scripts {
        let space = Space::create("model").await?;
        let real = real::run(&space, script).await.with_context(|| script.name.clone())?;
        let found = differences(script, &model::run(script), &real);
        println!("{}: {} steps, {} differences", script.name, script.steps.len(), found.len());
        all.extend(found.iter().map(|difference| format!("{}, {difference}", script.name)));
        space.remove().await?;
    }
    ensure!(all.is_empty(), "{} differences\n{}", all.len(), all.join("\n"));
    Ok(())
}

/// Whether the cluster serves Rollouts; otherwise they come with the operator, which leaves alone what happens here.
async fn kinds_are_served() -> Result<bool> {
    let groups = Facts::read()?.client().await?.list_api_groups().await?;
    Ok(groups.groups.iter().any(|group| group.name == crds::names::GROUP))
}

/// Where the model and reality differ, in words.
fn differences(script: &Script, modelled: &Transcript, real: &Transcript) -> Vec<String> {
    let script = script.with_ends();
    let mut found = Vec::new();
    for (index, step) in script.steps.iter().enumerate() {
        let what = serde_json::to_string(step).unwrap_or_default();
        compared(
            &format!("step {index} {what}"),
            modelled.steps.get(index),
            real.steps.get(index),
            &mut found,
        );
    }
    for (watch, real) in &real.watches {
        let modelled = modelled.watches.get(watch).map(Vec::as_slice).unwrap_or_default();
        for index in 0..modelled.len().max(real.len()) {
            let event = format!("event {index} of {watch}");
            compared(&event, modelled.get(index), real.get(index), &mut found);
        }
    }
    found
}

/// Adds where two parts of transcripts differ.
fn compared<T: Serialize>(what: &str, modelled: Option<&T>, real: Option<&T>, found: &mut Vec<String>) {
    let value = |part: Option<&T>| serde_json::to_value(part).unwrap_or_default();
    let mut places = Vec::new();
    places_that_differ("", &value(modelled), &value(real), &mut places);
    if !places.is_empty() {
        found.push(format!("{what}\n{}", places.join("\n")));
    }
}

fn places_that_differ(path: &str, modelled: &Value, real: &Value, places: &mut Vec<String>) {
    match (modelled, real) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            for key in keys {
                let part = |fields: &Map<String, Value>| fields.get(key).cloned().unwrap_or_default();
                places_that_differ(&format!("{path}/{key}"), &part(ours), &part(theirs), places);
            }
        }
        _ if modelled == real => {}
        _ => places.push(format!("  {path}: model {modelled}, real {real}")),
    }
}
