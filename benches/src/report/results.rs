//! The lines that measuring programs print, read back. Whatever isn't exactly such a line is refused:
//! a figure that is lost on the way would leave a gap that nobody sees.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::reach::ROWS;

/// A measured value and its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// How much.
    pub value: f64,
    /// Of what; empty for a count.
    pub unit: String,
}

/// The points of a plot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Of the costs.
    pub unit: String,
    /// Size and cost, by what is measured, in the order in which it was first named.
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// All that was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// By name.
    pub figures: BTreeMap<String, Figure>,
    /// By name.
    pub series: BTreeMap<String, Series>,
}

impl Results {
    /// Takes up what a program printed: its result lines start with `{`, others are for people.
    ///
    /// # Errors
    /// What is wrong with which line.
    pub fn read(&mut self, output: &str) -> Result<(), String> {
        for line in output.lines().filter(|line| line.starts_with('{')) {
            self.take(line).map_err(|wrong| format!("{wrong}: {line}"))?;
        }
        Ok(())
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let fields: Map<String, Value> =
            serde_json::from_str(line).map_err(|error| format!("not an object ({error})"))?;
        let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
        names.sort_unstable();
        match names.as_slice() {
            ["figure", "unit", "value"] => self.take_figure(&fields),
            ["name", "series", "unit", "x", "y"] => self.take_point(&fields),
            _ => Err("neither a figure nor a point".to_owned()),
        }
    }

    fn take_figure(&mut self, fields: &Map<String, Value>) -> Result<(), String> {
        let (id, unit) = (text(fields, "figure")?, text(fields, "unit")?);
        let figure = Figure { value: number(fields, "value")?, unit };
        if let Some(row) = ROWS.iter().find(|row| row.id == id)
            && row.unit != figure.unit
        {
            return Err(format!("the reach has it in {:?}", row.unit));
        }
        match self.figures.insert(id, figure) {
            None => Ok(()),
            Some(_) => Err("measured a second time".to_owned()),
        }
    }

    fn take_point(&mut self, fields: &Map<String, Value>) -> Result<(), String> {
        let (name, unit) = (text(fields, "name")?, text(fields, "unit")?);
        let point = (number(fields, "x")?, number(fields, "y")?);
        let series = self.series.entry(text(fields, "series")?).or_default();
        if series.lines.is_empty() {
            series.unit = unit;
        } else if series.unit != unit {
            return Err("two units in one plot".to_owned());
        }
        match series.lines.iter_mut().find(|(one, _)| *one == name) {
            Some((_, points)) => points.push(point),
            None => series.lines.push((name, vec![point])),
        }
        Ok(())
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<String, String> {
    let text = fields.get(name).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| format!("{name} is no text"))
}

/// JSON has no infinite number, but `null` is what is printed for one.
fn number(fields: &Map<String, Value>, name: &str) -> Result<f64, String> {
    let number = fields.get(name).and_then(Value::as_f64);
    number.filter(|number| *number >= 0.0).ok_or_else(|| format!("{name} is no number from 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_among_others() {
        let mut results = Results::default();
        let output = "one: 2.50\n{\"figure\":\"one\",\"value\":2.5,\"unit\":\"x\"}\n\
            {\"series\":\"s\",\"name\":\"n\",\"x\":1,\"y\":2.0,\"unit\":\"ns\"}\n\
            {\"series\":\"s\",\"name\":\"n\",\"x\":2,\"y\":3.0,\"unit\":\"ns\"}\n";
        results.read(output).expect("they are sound");
        assert_eq!(results.figures["one"], Figure { value: 2.5, unit: "x".to_owned() });
        assert_eq!(results.series["s"].lines, [("n".to_owned(), vec![(1.0, 2.0), (2.0, 3.0)])]);
    }

    #[test]
    fn a_malformed_line_is_refused() {
        for line in [
            "{",
            "{}",
            r#"{"figure":"one","value":2.5}"#,
            r#"{"figure":"one","value":2.5,"unit":"x","more":1}"#,
            r#"{"figure":"one","value":"2.5","unit":"x"}"#,
            r#"{"figure":"one","value":null,"unit":"x"}"#,
            r#"{"figure":"one","value":-1,"unit":"x"}"#,
            r#"{"figure":1,"value":2.5,"unit":"x"}"#,
            r#"{"series":"s","name":"n","x":1,"unit":"ns"}"#,
            r#"{"series":"s","name":"n","x":1,"y":null,"unit":"ns"}"#,
            r#"{"figure":"grants-bytes","value":71.5,"unit":"KiB"}"#,
        ] {
            let found = Results::default().read(line);
            assert!(found.is_err(), "{line} was taken");
        }
    }

    #[test]
    fn a_second_value_of_a_figure_is_refused() {
        let line = r#"{"figure":"one","value":2.5,"unit":"x"}"#;
        assert!(Results::default().read(&format!("{line}\n{line}")).is_err());
    }

    #[test]
    fn two_units_in_a_plot_are_refused() {
        let point = |unit| format!(r#"{{"series":"s","name":"n","x":1,"y":1,"unit":"{unit}"}}"#);
        let output = [point("ns"), point("us")].join("\n");
        assert!(Results::default().read(&output).is_err());
    }
}
