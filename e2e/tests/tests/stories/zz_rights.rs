//! The operator asks for nothing that its chart does not grant, and for no Secret.

use anyhow::{Result, ensure};
use e2e_tests::audit::{Entry, counts};
use e2e_tests::facts::Facts;
use e2e_tests::operator;

#[test]
fn the_operator_never_asked_for_more_than_its_chart_grants() -> Result<()> {
    let facts = Facts::read()?;
    let all = e2e_tests::audit::whole(&facts.audit_log)?;
    let ours: Vec<&Entry> =
        all.iter().filter(|entry| entry.is_by(operator::NAMESPACE, operator::RELEASE)).collect();
    ensure!(
        ours.len() > 50,
        "only {} requests of the operator were logged: did the stories run before?",
        ours.len()
    );
    println!("{} requests: {:?}", ours.len(), counts(ours.iter().copied()));
    let refused: Vec<&Entry> = ours.iter().copied().filter(|entry| entry.is_forbidden()).collect();
    ensure!(refused.is_empty(), "refused as forbidden: {:?}", counts(refused));
    let secrets: Vec<&Entry> = ours.into_iter().filter(|entry| entry.resource() == "secrets").collect();
    ensure!(secrets.is_empty(), "Secrets were asked for: {:?}", counts(secrets));
    Ok(())
}
