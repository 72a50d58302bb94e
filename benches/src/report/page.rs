//! The page: a text with places for what was measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::reach::{Bound, PROGRAMS, ROWS, Row};
use super::results::{Figure, Results};
use super::shown;

/// Where the README shows the headline.
const MARKS: (&str, &str) =
    ("<!-- performance: written by benches/report -->\n", "<!-- /performance -->");

/// Fills the places of a text: `{{reach}}`, `{{also}}`, `{{plots}}` and `{{programs}}`.
#[must_use]
pub fn fill(
    text: &str,
    results: &Results,
    plots: &[Plot],
    days: &BTreeMap<String, String>,
) -> String {
    text.replace("{{reach}}", &reach(results))
        .replace("{{also}}", &also(results))
        .replace("{{plots}}", &links(plots))
        .replace("{{programs}}", &programs(days))
}

/// A plot that was written.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Beside the page's folder.
    pub file: String,
    /// What it shows.
    pub title: String,
}

/// How many rows are reached, of how many that were measured, of how many.
#[must_use]
pub fn score(results: &Results) -> (usize, usize, usize) {
    let measured = || ROWS.iter().filter_map(|row| Some((row, results.figures.get(row.id)?)));
    let met = measured().filter(|(row, figure)| row.bound.is_met(figure.value)).count();
    (met, measured().count(), ROWS.len())
}

fn reach(results: &Results) -> String {
    let mut out = "| what | reach | measured | | by |\n|---|---|---|---|---|\n".to_owned();
    for row in ROWS {
        let figure = results.figures.get(row.id);
        let measured = figure.map_or_else(|| "-".to_owned(), with_unit);
        let verdict = figure.map_or("**not measured**", |figure| verdict(row, figure));
        _ = writeln!(out, "{} {measured} | {verdict} | {} |", asked(row), row.program);
    }
    let (met, measured, all) = score(results);
    _ = write!(out, "\n{met} of {all} are reached, {} are not", measured - met);
    if measured < all {
        _ = write!(out, ", and {} have not been measured", all - measured);
    }
    out + "."
}

const fn verdict(row: &Row, figure: &Figure) -> &'static str {
    if row.bound.is_met(figure.value) { "ok" } else { "**MISSED**" }
}

/// The first two cells of a row.
fn asked(row: &Row) -> String {
    let (word, number) = match row.bound {
        Bound::AtMost(most) => ("at most", most),
        Bound::AtLeast(least) => ("at least", least),
    };
    let bound = with_unit(&Figure { value: number, unit: row.unit.to_owned() });
    format!("| {} | {word} {bound} |", row.what)
}

fn with_unit(figure: &Figure) -> String {
    format!("{} {}", shown(figure.value), figure.unit).trim_end().to_owned()
}

/// What was measured beside the reach, under the names that the programs give it.
fn also(results: &Results) -> String {
    let mut out = "| | |\n|---|---|\n".to_owned();
    let rest = |id: &str| ROWS.iter().all(|row| row.id != id);
    for (id, figure) in results.figures.iter().filter(|(id, _)| rest(id)) {
        _ = writeln!(out, "| {id} | {} |", with_unit(figure));
    }
    out
}

fn links(plots: &[Plot]) -> String {
    let link = |plot: &Plot| format!("![{}]({})", plot.title, plot.file);
    plots.iter().map(link).collect::<Vec<_>>().join("\n\n")
}

fn programs(days: &BTreeMap<String, String>) -> String {
    let mut out = "| | again, alone | measured on |\n|---|---|---|\n".to_owned();
    for program in PROGRAMS {
        let day = days.get(program.name).map_or("-", String::as_str);
        let name = program.name;
        _ = writeln!(out, "| {name} | `benches/report --only {name}` | {day} |");
    }
    out
}

/// Puts the headline between the README's marks.
///
/// # Errors
/// If it hasn't both marks.
pub fn headline(readme: &str, results: &Results) -> Result<String, String> {
    let (before, rest) = readme.split_once(MARKS.0).ok_or("no mark of performance")?;
    let (_, after) = rest.split_once(MARKS.1).ok_or("no second mark of performance")?;
    Ok([before, MARKS.0, &sentences(results), MARKS.1, after].concat())
}

/// What people ask first, of it what was measured.
fn sentences(results: &Results) -> String {
    let say = |id: &str, text: &str| {
        results.figures.get(id).map(|figure| text.replace("{}", &with_unit(figure)))
    };
    let rows = [
        say("verify-crowded-vs-hmac", "| verify a session token, 100,000 revoked | {} its HMAC |"),
        say("verify-vs-jsonwebtoken11", "| the same with jsonwebtoken 11 | {} as dear |"),
        say("decide-cookie-vs-hmac", "| the whole decision on a WebSocket upgrade | {} the HMAC |"),
        say("ws-handshake-vs-raw", "| CPU of a WebSocket handshake | {} raw tokio's |"),
        say("ws-idle", "| memory of an idle admitted WebSocket | {} |"),
        say("binary-size", "| release binary | {} |"),
    ];
    let rows: Vec<String> = rows.into_iter().flatten().collect();
    let (met, _, all) = score(results);
    format!(
        "| | |\n|---|---|\n{}\n\n{met} of {all} figures that are to be reached are reached: \
         [docs/performance.md](docs/performance.md) has them all, and how they are measured.\n",
        rows.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/performance.md");
    const README: &str = include_str!("../../../README.md");

    fn results(id: &str, value: f64, unit: &str) -> Results {
        let figure = Figure { value, unit: unit.to_owned() };
        Results { figures: [(id.to_owned(), figure)].into(), ..Results::default() }
    }

    /// The verdict on a row of a page.
    fn verdict_of<'a>(page: &'a str, row: &Row) -> Option<&'a str> {
        let line = page.lines().find(|line| line.starts_with(&asked(row)))?;
        line.split('|').nth(4).map(str::trim)
    }

    #[test]
    fn the_page_has_every_row_of_the_reach() {
        for row in ROWS {
            let verdict = verdict_of(PAGE, row);
            let verdicts = ["ok", "**MISSED**", "**not measured**"];
            assert!(
                verdict.is_some_and(|verdict| verdicts.contains(&verdict)),
                "{} is not on the page as it should be: run benches/report",
                row.id
            );
        }
        assert!(!PAGE.contains("{{"), "a place was left empty");
    }

    #[test]
    fn the_readme_has_a_place_for_the_headline() {
        assert!(headline(README, &Results::default()).is_ok());
        assert!(headline("nothing", &Results::default()).is_err());
    }

    #[test]
    fn a_miss_is_told_plainly() {
        for (value, told) in [(1.49, "ok"), (1.51, "**MISSED**")] {
            let results = results("verify-crowded-vs-hmac", value, "x");
            let page = fill("{{reach}}", &results, &[], &BTreeMap::new());
            assert_eq!(verdict_of(&page, &ROWS[0]), Some(told));
        }
    }

    #[test]
    fn what_was_not_measured_is_told_plainly() {
        let page = fill("{{reach}}", &Results::default(), &[], &BTreeMap::new());
        for row in ROWS {
            assert_eq!(verdict_of(&page, row), Some("**not measured**"), "{}", row.id);
        }
    }

    #[test]
    fn a_figure_that_no_row_asks_for_is_shown_too() {
        let page = fill("{{also}}", &results("some-figure", 2.5, "us"), &[], &BTreeMap::new());
        assert!(page.contains("| some-figure | 2.5 us |"));
    }
}
