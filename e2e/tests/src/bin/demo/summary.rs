//! The end of the demo: what users got.

use std::fmt::Write;

use e2e_tests::traffic::Tally;

use super::scene::Scene;

/// The closing table.
pub(crate) fn text(good: &Scene, bad: &Scene, all: &Tally) -> String {
    let mut text = String::from("\nWhat users got\n");
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  requests sent            {}", all.samples.len());
    let _ = writeln!(text, "  lost on the way          {}", all.lost().len());
    let _ = writeln!(text, "  errors by the good v2    {}", all.errors_of(&good.version));
    let _ = writeln!(text, "  errors by the bad v3     {}", all.errors_of(&bad.version));
    let _ = writeln!(text, "\n  version  weight   share of the requests while it was in force");
    for scene in [good, bad] {
        for (weight, share) in &scene.shares {
            let percent = share.percent();
            let _ =
                writeln!(text, "  {:7}  {weight:4} %   {percent:6.2} % of {}", scene.version, share.total);
        }
    }
    let since = bad.verdict.zip(all.last_of(&bad.version));
    let gap = since.map(|(verdict, last)| last.saturating_duration_since(verdict));
    let _ = match gap {
        Some(gap) => writeln!(text, "\n  from the verdict to the last request to v3: {} ms", gap.as_millis()),
        None => writeln!(text, "\n  v3 met no user"),
    };
    text
}
