//! Foreign kinds that the data planes read.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::plan::{Extra, Plan};
use super::state::State;
use super::{kubectl, process};

const ESTABLISHED_LIMIT: Duration = Duration::from_mins(2);

/// A line per kind. (`kubectl wait` would look at one kind after another, a tenth of a second each.)
/// A new kind has no conditions at all, which this form takes and a `JSONPath` does not.
const ESTABLISHED: &str = concat!(
    "go-template={{range .items}}{{.metadata.name}}{{with .status}}{{range .conditions}}",
    r#"{{if eq .type "Established"}} {{.status}}{{end}}{{end}}{{end}}{{"\n"}}{{end}}"#,
);

/// The kinds of such a list that the API server does not serve yet.
fn not_established(listed: &str) -> Vec<&str> {
    listed.lines().filter(|line| !line.ends_with(" True")).map(str::trim).collect()
}

/// Applies what the parts of the cluster need, and waits until the API server serves it.
///
/// # Errors
/// When the server refuses one, or does not establish it in time.
pub(crate) fn install(state: &State, plan: &Plan) -> Result<()> {
    let mut directories = Vec::new();
    if plan.has(Extra::Traefik) {
        let kept = beside(plan.program("traefik")?)?;
        directories.extend([kept.join("gateway-api"), kept.join("traefik")]);
    }
    if plan.has(Extra::Istio) {
        let kept = beside(plan.program("istiod")?)?;
        directories.push(kept.join("istio"));
        if !plan.has(Extra::Traefik) {
            directories.push(kept.join("gateway-api"));
        }
    }
    if directories.is_empty() {
        return Ok(());
    }
    kubectl::apply(state, &directories)?;
    process::wait_for("the foreign kinds to be established", ESTABLISHED_LIMIT, || {
        let listed = kubectl::run(state, ["get", "crd", "--output", ESTABLISHED])?;
        let waiting = not_established(&listed);
        Ok(if waiting.is_empty() { Ok(()) } else { Err(format!("not yet: {}", waiting.join(", "))) })
    })
}

fn beside(program: &Path) -> Result<std::path::PathBuf> {
    Ok(program.parent().context("a program lies in a directory")?.join("crds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_without_a_condition_is_waited_for() {
        assert_eq!(not_established("a.x True\nb.x False\nc.x\n"), ["b.x False", "c.x"]);
        assert!(not_established("a.x True\n").is_empty());
    }
}
