//! A simulation as one page: nothing is loaded from elsewhere, nothing runs in it.

mod svg;

use std::fmt::Write;

use simulator::preview::report::{Report, Stage, Verdict};

use super::words::{consequence, count, extent, mark, people, pods, route, share, time, verdict};

const STYLE: &str = include_str!("style.css");

/// The page about these Rollouts.
pub(crate) fn page(reports: &[Report]) -> String {
    let names: Vec<String> = reports.iter().map(|it| format!("{}/{}", it.namespace, it.name)).collect();
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Simulated: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        escape(&names.join(", "))
    );
    for (index, report) in reports.iter().enumerate() {
        section(&mut html, report, index);
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

/// Text as it may stand in a page, between tags and in quotes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn section(html: &mut String, report: &Report, index: usize) {
    html.push_str("<section>\n");
    head(html, report);
    html.push_str(&svg::chart(report, index));
    stages(html, report);
    list(
        html,
        "A person is needed",
        report.people.iter().map(|person| {
            let at = format!("{}: {} ({}): ", time(person.at_seconds), person.stage, person.reason);
            format!(
                "{}<code>{}</code> goes on, <code>abort</code> goes back",
                escape(&at),
                escape(&person.command)
            )
        }),
    );
    list(
        html,
        "Measured",
        report.metrics.iter().map(|metric| {
            let answers: Vec<String> =
                metric.answers.iter().map(|it| format!("{} × {} {}", it.times, it.value, it.phase)).collect();
            format!("{}: {}", escape(&metric.name), escape(&answers.join(", then ")))
        }),
    );
    list(
        html,
        "What if",
        report.what_if.iter().map(|it| {
            let words = format!("{} {}: {}", mark(it.outcome.verdict).0, it.trouble, consequence(it));
            format!("{} <code>{}</code>", escape(&words), escape(&it.flags))
        }),
    );
    moments(html, report);
    routes(html, report);
    list(
        html,
        "Assumed",
        report.assumptions.iter().map(|it| {
            let remedy = if it.remedy.is_empty() { String::new() } else { format!(" ({})", it.remedy) };
            escape(&format!("{}{remedy}", it.text))
        }),
    );
    html.push_str("</section>\n");
}

fn head(html: &mut String, report: &Report) {
    let class = match report.outcome.verdict {
        Verdict::Finishes => "good",
        Verdict::TakenBack => "warn",
        Verdict::NeverEnds | Verdict::Refused => "bad",
    };
    let sign = mark(report.outcome.verdict).0;
    tagged(html, "h1", "", &format!("Rollout {}/{}", report.namespace, report.name));
    let facts = format!(
        "{}, {}. {}",
        report.strategy,
        count(usize::try_from(report.replicas).unwrap_or_default(), "replica", "replicas"),
        report.origin
    );
    tagged(html, "p", "soft", &facts);
    for trouble in &report.trouble {
        tagged(html, "p", "warn", &format!("Made to go wrong: {trouble}"));
    }
    tagged(html, "p", &format!("verdict {class}"), &format!("{sign} {}", verdict(&report.outcome)));
    if !report.outcome.message.is_empty() {
        tagged(html, "p", "", &report.outcome.message);
    }
    if !report.stages.is_empty() {
        tagged(html, "p", "", &format!("{}; {}.", people(report), extent(report)));
    }
    for image in &report.images {
        tagged(html, "p", "soft", &format!("{}: {} → {}", image.container, image.from, image.to));
    }
}

fn stages(html: &mut String, report: &Report) {
    if report.stages.is_empty() {
        return;
    }
    tagged(html, "h2", "", "Steps");
    html.push_str("<div class=\"wide\"><table>\n<thead><tr>");
    for head in ["Step", "What", "At", "Lasts", "Traffic", "New", "Stable", "Most pods", "Routes"] {
        let _ = write!(html, "<th scope=\"col\">{head}</th>");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for stage in &report.stages {
        row(html, stage);
    }
    html.push_str("</tbody></table></div>\n");
    tagged(
        html,
        "p",
        "soft",
        "New and stable: available/wanted pods at the end of the step, one number where both agree.",
    );
}

fn row(html: &mut String, stage: &Stage) {
    let step = stage.step.map(|step| step.to_string()).unwrap_or_default();
    let Some(at) = stage.at_seconds else {
        let what = escape(&stage.what);
        let _ = writeln!(
            html,
            "<tr class=\"unreached\"><td>{step}</td><td>{what}</td><td colspan=\"7\">never reached</td></tr>"
        );
        return;
    };
    let what = if stage.person { format!("{} (a person)", stage.what) } else { stage.what.clone() };
    let routes: Vec<String> = stage.routes.iter().map(|change| route(change, true)).collect();
    let lasts = stage.lasts_seconds.map_or_else(|| "for ever".to_owned(), time);
    let cells = [
        step,
        what,
        time(at),
        lasts,
        share(stage.end.traffic),
        pods(stage.end.new),
        pods(stage.end.stable),
        stage.peak_pods.to_string(),
        routes.join("; "),
    ];
    html.push_str("<tr>");
    for cell in cells {
        let _ = write!(html, "<td>{}</td>", escape(&cell));
    }
    html.push_str("</tr>\n");
}

fn moments(html: &mut String, report: &Report) {
    if report.moments.is_empty() {
        return;
    }
    html.push_str("<details><summary>What happens</summary>\n<table>\n");
    for moment in &report.moments {
        let class = if moment.alarm { " class=\"bad\"" } else { "" };
        let (at, text) = (time(moment.at_seconds), escape(&moment.text));
        let _ = writeln!(html, "<tr><td>{at}</td><td{class}>{text}</td></tr>");
    }
    html.push_str("</table></details>\n");
}

fn routes(html: &mut String, report: &Report) {
    for stage in &report.stages {
        for change in &stage.routes {
            let after = stage.step.map_or_else(|| stage.what.clone(), |step| format!("step {step}"));
            let title = format!("{} in {after}, at {}", change.object, time(change.at_seconds));
            let yaml = serde_saphyr::to_string(&change.manifest).unwrap_or_default();
            let (title, yaml) = (escape(&title), escape(yaml.trim_end()));
            let _ = writeln!(html, "<details><summary>{title}</summary>\n<pre>{yaml}</pre></details>");
        }
    }
}

/// A list whose items are escaped already; nothing without any.
fn list(html: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        return;
    }
    tagged(html, "h2", "", title);
    html.push_str("<ul>\n");
    for item in items {
        let _ = writeln!(html, "<li>{item}</li>");
    }
    html.push_str("</ul>\n");
}

/// A text between tags.
fn tagged(html: &mut String, tag: &str, class: &str, text: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    // Writing to a String cannot fail.
    let _ = writeln!(html, "<{tag}{class}>{}</{tag}>", escape(text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::simulate::sample;

    #[test]
    fn a_page() {
        insta::assert_snapshot!(page(&[sample::canary()]));
    }

    #[test]
    fn nothing_from_manifests_becomes_markup() {
        let html = page(&[sample::hostile()]);
        assert!(!html.contains("<script") && !html.contains("onload=\""), "{html}");
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(!html.contains("\"><img"), "{html}");
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let html = page(&[sample::canary()]);
        for word in ["src=", "href=", "url(", "@import", "<script"] {
            assert!(!html.contains(word), "{word}");
        }
    }
}
