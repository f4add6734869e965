//! `list rollouts`: the table.

use anyhow::{Context, Result};
use crds::rollout::Rollout;
use jiff::Timestamp;
use kube::Api;
use kube::api::ListParams;

use super::print;
use crate::cli::{ListArgs, Output};
use crate::cluster::Cluster;
use crate::exit::Exit;
use crate::view::table::{Columns, Row, table};

/// Lists rollouts.
pub(crate) async fn run(cluster: &Cluster, args: &ListArgs) -> Result<Exit> {
    let api: Api<Rollout> =
        if args.all_namespaces { Api::all(cluster.client.clone()) } else { cluster.api() };
    let mut params = ListParams::default();
    if let Some(selector) = &args.selector {
        params = params.labels(selector);
    }
    let now = Timestamp::now();
    let rollouts = api.list(&params).await.context("cannot list rollouts")?;
    let rows: Vec<Row> = rollouts.iter().map(|rollout| Row::of(rollout, now)).collect();
    if print::data(&rows, args.output)? {
        return Ok(Exit::Ok);
    }
    if rows.is_empty() {
        return print::line("No rollouts found.");
    }
    let columns = Columns { namespace: args.all_namespaces, message: args.output == Some(Output::Wide) };
    print::text_block(&table(&rows, columns))
}
