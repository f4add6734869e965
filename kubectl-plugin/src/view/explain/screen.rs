//! The explanation as a screen: what one asks first in the night comes first.

use std::fmt::Write;

use crds::rollout::RolloutPhase;
use jiff::Timestamp;

use super::safety::Verdict;
use super::{Explanation, Move, Wait};
use crate::view::age;
use crate::view::health::mark_of_phase;
use crate::view::paint::{Colour, Paint};

/// The screen.
pub(crate) fn text(it: &Explanation, now: Timestamp, paint: Paint) -> String {
    let mut text = String::new();
    let (mark, colour) = mark_of_phase(it.phase);
    let phase = match it.phase {
        RolloutPhase::Unknown => "no status yet".to_owned(),
        phase if it.message.is_empty() => phase.to_string(),
        phase => format!("{phase} - {}", it.message),
    };
    let phase = paint.text(colour, &format!("{mark} {phase}"));
    line(&mut text, &format!("{}/{}  {phase}", it.namespace, it.name));
    safety(&mut text, it, paint);
    if !it.waiting.is_empty() {
        head(&mut text, "It waits for");
    }
    for wait in &it.waiting {
        waits(&mut text, wait, now, paint);
    }
    list(&mut text, "The operator writes next", it.next.iter().map(|what| (what.clone(), None)), now);
    let facts = it.basis.iter().map(|fact| (format!("{:<9} {}", fact.about, fact.what), fact.at));
    list(&mut text, "That rests on", facts, now);
    list(&mut text, "Could not be read", it.unread.iter().map(|what| (what.clone(), None)), now);
    text
}

fn safety(text: &mut String, it: &Explanation, paint: Paint) {
    let (word, colour) = match it.safety.verdict {
        Verdict::Yes => ("yes", Colour::Green),
        Verdict::SoFar => ("so far", Colour::Yellow),
        Verdict::No => ("NO", Colour::Red),
    };
    line(text, &format!("Safe?  {}", paint.text(colour, word)));
    for why in &it.safety.why {
        line(text, &format!("  {why}"));
    }
    if let Some(back) = &it.safety.back {
        moves(text, back);
    }
}

fn waits(text: &mut String, wait: &Wait, now: Timestamp, paint: Paint) {
    line(text, &format!("  {}", paint.text(Colour::Yellow, &wait.what)));
    if let Some(since) = wait.since {
        line(text, &format!("    since {since}, {} ago", age::since(Some(since), now)));
    }
    if let Some(until) = wait.until {
        let left = until.as_second().saturating_sub(now.as_second());
        let left = if left < 0 { "now".to_owned() } else { format!("in {}", age::seconds(left)) };
        line(text, &format!("    until {until}, {left}"));
    }
    for it in &wait.moves {
        moves(text, it);
    }
}

fn moves(text: &mut String, it: &Move) {
    line(text, &format!("    to {}: {}", it.to, it.command));
}

fn list(
    text: &mut String,
    title: &str,
    items: impl Iterator<Item = (String, Option<Timestamp>)>,
    now: Timestamp,
) {
    let mut items = items.peekable();
    if items.peek().is_some() {
        head(text, title);
    }
    for (what, at) in items {
        let when = at.map_or_else(String::new, |at| format!(", {} ago", age::since(Some(at), now)));
        line(text, &format!("  {what}{when}"));
    }
}

fn head(text: &mut String, title: &str) {
    text.push('\n');
    line(text, title);
}

fn line(text: &mut String, what: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}", what.trim_end());
}
