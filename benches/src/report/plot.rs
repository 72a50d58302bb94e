//! Plots as SVG, by hand: lines over a size, on a card of its own that follows the reader's light or
//! dark scheme, with letters that are still legible at the width of a phone.

use std::fmt::Write as _;

use super::results::Series;
use super::shown;

const WIDTH: f64 = 480.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 18.0;
const PLOT: f64 = 240.0;
const BELOW: f64 = 50.0;
const ROW: f64 = 20.0;
/// About what a letter takes.
const LETTER: f64 = 7.4;

const STYLE: &str = "\
.card{fill:#fff;stroke:#d0d7de}text{fill:#24292f;font:14px system-ui,sans-serif}.title{font-weight:600;font-size:16px}\
.grid{stroke:#d8dee4}.axis{stroke:#57606a}.line{fill:none;stroke-width:2.5;stroke-linejoin:round}\
.s0{stroke:#0969da}.s1{stroke:#bc4c00}.s2{stroke:#1a7f37}.s3{stroke:#8250df}.s4{stroke:#9a6700}\
.s1{stroke-dasharray:7 4}.s2{stroke-dasharray:2 4}.s3{stroke-dasharray:10 3 2 3}.s4{stroke-dasharray:4 2}\
@media(prefers-color-scheme:dark){.card{fill:#161b22;stroke:#30363d}text{fill:#e6edf3}.grid{stroke:#30363d}\
.axis{stroke:#8b949e}.s0{stroke:#58a6ff}.s1{stroke:#f0883e}.s2{stroke:#56d364}.s3{stroke:#bc8cff}.s4{stroke:#e3b341}}";

/// How a range is laid out.
#[derive(Clone, Copy)]
struct Scale {
    /// By powers of ten.
    powers: bool,
    least: f64,
    most: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64> + Clone, may_be_powers: bool) -> Self {
        let most = values.clone().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let above_zero = values.clone().filter(|value| *value > 0.0).fold(most, f64::min);
        let powers = may_be_powers && most / above_zero >= 100.0;
        let least = values.fold(above_zero, f64::min);
        if powers {
            Self { powers, least, most }
        } else {
            Self { powers, least: 0.0, most: up(most) }
        }
    }

    /// Where a value is, from 0 to 1. Where 0 is among powers, it gets a place below 1.
    fn place(self, value: f64) -> f64 {
        let depth = |value: f64| if self.least > 0.0 { value.ln() } else { value.ln_1p() };
        if self.powers {
            (depth(value) - depth(self.least)) / (depth(self.most) - depth(self.least))
        } else {
            value / self.most
        }
    }

    fn ticks(self) -> Vec<f64> {
        if self.powers {
            let zero = (self.least == 0.0).then_some(0.0);
            let powers = (0..20).map(|power| 10_f64.powi(power));
            let within = powers.filter(|one| (self.least..=self.most).contains(one));
            return zero.into_iter().chain(within).collect();
        }
        let step = step(self.most);
        let count = (self.most / step).round() as u32;
        (0..=count).map(|tick| f64::from(tick) * step).collect()
    }
}

/// A round step, four to eight of which make up the range.
fn step(most: f64) -> f64 {
    let unit = 10_f64.powf(most.log10().floor());
    let steps = [0.1, 0.2, 0.25, 0.5, 1.0, 2.0].map(|part| part * unit);
    steps.into_iter().find(|step| most / step <= 7.0).unwrap_or(unit)
}

/// The next multiple of the step.
fn up(most: f64) -> f64 {
    let step = step(most);
    (most / step).ceil() * step
}

/// The document: `title` above, `size` below.
#[must_use]
pub fn draw(title: &str, size: &str, series: &Series) -> String {
    let points = || series.lines.iter().flat_map(|(_, points)| points.iter().copied());
    let x = Scale::of(points().map(|(x, _)| x), true);
    let y = Scale::of(points().map(|(_, y)| y), false);
    let (legend, rows) = legend(series);
    let top = 58.0 + ROW * rows;
    let (bottom, height) = (top + PLOT, top + PLOT + BELOW);
    let across = |value| LEFT + x.place(value) * (WIDTH - LEFT - RIGHT);
    let down = |value| bottom - y.place(value) * PLOT;

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\"><title>{title}</title><style>{STYLE}</style>\n\
         <rect class=\"card\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n\
         <text class=\"title\" x=\"14\" y=\"26\">{title}</text>\n{legend}",
        WIDTH - 1.0,
        height - 1.0,
        title = escaped(title),
    );
    _ = writeln!(out, "<text x=\"14\" y=\"{}\">{}</text>", top - 12.0, escaped(&series.unit));
    for tick in y.ticks() {
        let at = down(tick);
        let class = if tick == 0.0 { "axis" } else { "grid" };
        _ = writeln!(
            out,
            "<path class=\"{class}\" d=\"M{LEFT} {at:.1}H{}\"/><text x=\"{}\" y=\"{:.1}\" \
             text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 5.0,
            grouped(tick)
        );
    }
    for tick in x.ticks() {
        let at = across(tick);
        _ = writeln!(
            out,
            "<path class=\"axis\" d=\"M{at:.1} {bottom}v5\"/><text x=\"{at:.1}\" y=\"{}\" \
             text-anchor=\"middle\">{}</text>",
            bottom + 20.0,
            short(tick)
        );
    }
    let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
    let at = bottom + 41.0;
    _ = writeln!(
        out,
        "<text x=\"{middle}\" y=\"{at}\" text-anchor=\"middle\">{}</text>",
        escaped(size)
    );
    for (number, (_, points)) in series.lines.iter().enumerate() {
        let mut points = points.clone();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        let path: Vec<String> =
            points.iter().map(|(x, y)| format!("{:.1} {:.1}", across(*x), down(*y))).collect();
        _ = writeln!(out, "<path class=\"line s{}\" d=\"M{}\"/>", number % 5, path.join("L"));
    }
    out + "</svg>\n"
}

/// The names, in as many rows as they need.
fn legend(series: &Series) -> (String, f64) {
    let (mut out, mut x, mut row) = (String::new(), 14.0, 0.0);
    for (number, (name, _)) in series.lines.iter().enumerate() {
        let width = 40.0 + LETTER * name.chars().count() as f64;
        if x > 14.0 && x + width > WIDTH - 14.0 {
            (x, row) = (14.0, row + 1.0);
        }
        let y = 48.0 + ROW * row;
        _ = writeln!(
            out,
            "<path class=\"line s{}\" d=\"M{x} {}h24\"/><text x=\"{}\" y=\"{y}\">{}</text>",
            number % 5,
            y - 5.0,
            x + 30.0,
            escaped(name)
        );
        x += width + 8.0;
    }
    (out, row + 1.0)
}

/// 1000 as 1k, since powers of ten stand close together.
fn short(value: f64) -> String {
    match value {
        big if big >= 1e6 => format!("{}M", shown(big / 1e6)),
        big if big >= 1e3 => format!("{}k", shown(big / 1e3)),
        _ => shown(value),
    }
}

/// A thousand with its comma.
fn grouped(value: f64) -> String {
    if value < 1000.0 {
        return shown(value);
    }
    let whole = value.round() as u64;
    format!("{},{:03}", whole / 1000, whole % 1000)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_says_what_it_shows() {
        let lines = vec![
            ("ours".to_owned(), vec![(1.0, 10.0), (1e6, 20.0)]),
            ("a < b".to_owned(), vec![(1.0, 5.0)]),
        ];
        let drawn = draw("Title", "how many", &Series { unit: "ns".to_owned(), lines });
        for text in ["Title", "how many", ">ns<", ">ours<", "a &lt; b", ">1M<", ">20<"] {
            assert!(drawn.contains(text), "{text} is missing:\n{drawn}");
        }
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"));
    }

    #[test]
    fn ticks_are_round_and_reach_over_the_highest() {
        let scale = Scale::of([0.0, 377.0].into_iter(), false);
        assert_eq!(scale.ticks(), [0.0, 100.0, 200.0, 300.0, 400.0]);
        assert!(scale.place(377.0) <= 1.0);
    }
}
