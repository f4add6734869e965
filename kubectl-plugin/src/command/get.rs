//! `get rollout`: the tree.

use std::time::Duration;

use anyhow::Result;
use futures::StreamExt;
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until, timeout};

use super::{load, print};
use crate::cli::{GetArgs, Output};
use crate::cluster::Cluster;
use crate::exit::Exit;
use crate::tree::Tree;
use crate::view::draw;
use crate::view::paint::Paint;

/// Drawing more often than this helps nobody.
const SETTLE: Duration = Duration::from_millis(100);
/// Ages and remaining times move on even when nothing else does.
const REFRESH: Duration = Duration::from_secs(1);
/// As long as "for ever" gets: 136 years.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Draws a rollout, once or again and again.
pub(crate) async fn run(cluster: &Cluster, args: &GetArgs, paint: Paint) -> Result<Exit> {
    if !args.watch {
        return show(cluster, args, paint, None).await.map(|_| Exit::Ok);
    }
    let end = Instant::now() + args.timeout.unwrap_or(FOR_EVER);
    let mut changes = load::changes(cluster, &args.name).await?;
    let mut last = None;
    loop {
        last = Some(show(cluster, args, paint, last.as_deref()).await?);
        tokio::select! {
            () = sleep_until(end) => return Ok(Exit::Timeout),
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Ok),
            _ = timeout(REFRESH, changes.next()) => tokio::time::sleep(SETTLE).await,
        }
    }
}

/// Draws the rollout unless it looks like `last`; what it looks like.
async fn show(cluster: &Cluster, args: &GetArgs, paint: Paint, last: Option<&str>) -> Result<String> {
    let now = Timestamp::now();
    let tree = Tree::of(&load::objects(cluster, &args.name).await?, now);
    if matches!(args.output, Some(Output::Json | Output::Yaml)) {
        let text = serde_json::to_string(&tree)?;
        if last != Some(text.as_str()) {
            print::data(&tree, args.output)?;
        }
        return Ok(text);
    }
    let text = draw::tree(&tree, now, paint);
    if last != Some(text.as_str()) {
        // Clearing line by line instead of the screen at once does not flicker.
        let clear = if args.watch { "\x1b[H\x1b[J" } else { "" };
        print::text_block(&format!("{clear}{text}"))?;
    }
    Ok(text)
}
