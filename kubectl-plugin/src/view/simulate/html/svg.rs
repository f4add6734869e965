//! The chart of a page: the share of the traffic above, the pods below, over the same time.

use std::fmt::Write;

use simulator::preview::report::{Report, Sample};

use super::escape;
use crate::view::simulate::words::time;

const LEFT: f64 = 56.0;
const RIGHT: f64 = 840.0;
/// From its upper to its lower edge.
const TRAFFIC: (f64, f64) = (30.0, 150.0);
/// From its upper to its lower edge.
const PODS: (f64, f64) = (190.0, 310.0);
const HEIGHT: f64 = 340.0;
const TICKS: u32 = 6;
/// Steps that are closer together than this are not numbered, in units of the drawing.
const CROWDED: f64 = 26.0;

/// The chart; nothing for a play in which nothing happened. `id` is its own in the page.
pub(super) fn chart(report: &Report, id: usize) -> String {
    let end = report.outcome.ends_seconds;
    if end <= 0.0 || report.samples.is_empty() {
        return String::new();
    }
    let most =
        report.samples.iter().map(|it| it.new.running.max(it.stable.running)).max().unwrap_or(1).max(1);
    let drawing = Drawing { report, end, most: f64::from(most) };
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg viewBox=\"0 0 {:.0} {HEIGHT:.0}\" role=\"img\" aria-labelledby=\"chart-{id} chart-{id}-text\">\n\
         <title id=\"chart-{id}\">Traffic and pods over time</title>\n<desc id=\"chart-{id}-text\">{}</desc>",
        RIGHT + 40.0,
        escape(&drawing.description())
    );
    drawing.grid(&mut svg);
    drawing.steps(&mut svg);
    drawing.curves(&mut svg);
    svg.push_str("</svg>\n");
    svg
}

struct Drawing<'a> {
    report: &'a Report,
    end: f64,
    most: f64,
}

impl Drawing<'_> {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (seconds / self.end).clamp(0.0, 1.0)
    }

    fn description(&self) -> String {
        let most = self.report.samples.iter().map(|it| it.traffic).fold(0.0, f64::max);
        format!(
            "Over {}, the share of the new version in the traffic rises to at most {most:.0} percent; there are at \
             most {} pods. The table below has the numbers of each step.",
            time(self.end),
            self.report.peak_pods
        )
    }

    fn grid(&self, svg: &mut String) {
        for (edges, top, bottom, name) in [
            (TRAFFIC, "100 %".to_owned(), "0", "traffic to the new version"),
            (PODS, format!("{:.0}", self.most), "0", "pods"),
        ] {
            for (y, label) in [(edges.0, top.as_str()), (edges.1, bottom)] {
                line(svg, "grid", (LEFT, y), (RIGHT, y));
                label_at(svg, (LEFT - 8.0, y + 4.0), "end", "", label);
            }
            label_at(svg, (LEFT, edges.0 - 10.0), "start", "", name);
        }
        label_at(svg, (RIGHT - 130.0, PODS.0 - 10.0), "end", "legend-new", "new (solid)");
        label_at(svg, (RIGHT, PODS.0 - 10.0), "end", "legend-stable", "stable (dashed)");
        for tick in 0..=TICKS {
            let seconds = self.end * f64::from(tick) / f64::from(TICKS);
            label_at(svg, (self.x(seconds), PODS.1 + 20.0), "middle", "", &time(seconds));
        }
    }

    /// A line where each step begins, with its number where there is room, and where a person is needed.
    fn steps(&self, svg: &mut String) {
        let mut last = f64::MIN;
        for stage in &self.report.stages {
            let Some(at) = stage.at_seconds else { continue };
            let x = self.x(at);
            line(svg, "grid", (x, TRAFFIC.0), (x, PODS.1));
            if let Some(step) = stage.step
                && x - last > CROWDED
            {
                label_at(svg, (x + 3.0, TRAFFIC.1 + 14.0), "start", "", &step.to_string());
                last = x;
            }
        }
        for person in &self.report.people {
            let x = self.x(person.at_seconds);
            line(svg, "person", (x, TRAFFIC.0), (x, PODS.1));
            label_at(svg, (x + 4.0, TRAFFIC.0 + 12.0), "start", "legend-person", "a person");
        }
    }

    fn curves(&self, svg: &mut String) {
        let traffic = self.stairs(TRAFFIC, 100.0, |it| it.traffic);
        let (x, y) = (self.x(self.end), TRAFFIC.1);
        let _ = writeln!(svg, "<path class=\"area\" d=\"{traffic} L{x:.1} {y:.1} L{LEFT:.1} {y:.1} Z\"/>");
        let curves = [
            ("new", traffic),
            ("stable", self.stairs(PODS, self.most, |it| f64::from(it.stable.running))),
            ("new", self.stairs(PODS, self.most, |it| f64::from(it.new.running))),
        ];
        for (class, path) in curves {
            let _ = writeln!(svg, "<path class=\"{class}\" d=\"{path}\"/>");
        }
    }

    /// A curve that stays at each value until the next one.
    fn stairs(&self, edges: (f64, f64), most: f64, value: fn(&Sample) -> f64) -> String {
        let y = |sample: &Sample| edges.1 - (edges.1 - edges.0) * (value(sample) / most).clamp(0.0, 1.0);
        let mut path = String::new();
        for (index, sample) in self.report.samples.iter().enumerate() {
            let (x, y) = (self.x(sample.at_seconds), y(sample));
            let _ =
                if index == 0 { write!(path, "M{x:.1} {y:.1}") } else { write!(path, " H{x:.1} V{y:.1}") };
        }
        let _ = write!(path, " H{:.1}", self.x(self.end));
        path
    }
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn label_at(svg: &mut String, at: (f64, f64), anchor: &str, class: &str, text: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let _ = writeln!(
        svg,
        "<text{class} x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
        at.0,
        at.1,
        escape(text)
    );
}
