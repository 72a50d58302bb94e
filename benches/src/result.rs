//! What a measuring program prints for `benches/report` to gather: lines of JSON beside what people read.

use serde_json::json;

/// Prints the figure that a row of the reach asks for.
pub fn figure(id: &str, value: f64, unit: &str) {
    println!("{}", json!({ "figure": id, "value": value, "unit": unit }));
}

/// Prints one point of a plot: in `series`, what `name` costs (`y`, in `unit`) at the size `x`.
pub fn point(series: &str, name: &str, x: f64, y: f64, unit: &str) {
    println!("{}", json!({ "series": series, "name": name, "x": x, "y": y, "unit": unit }));
}
