//! From result lines to `docs/performance.md`: the rows of the reach, what a line may be, the page and
//! its plots.

pub mod page;
pub mod plot;
pub mod reach;
pub mod results;

/// A number as a table shows it: three digits or so, and without a fraction from a hundred on.
#[must_use]
pub fn shown(value: f64) -> String {
    let decimals = match value.abs() {
        below if below < 2.0 => 3,
        below if below < 10.0 => 2,
        below if below < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn numbers_are_shown_with_three_digits_or_so() {
        let all = [0.0, 0.0987, 1.0, 1.5026, 2.604, 71.52, 100.0, 1234.5].map(shown);
        assert_eq!(all, ["0", "0.099", "1", "1.503", "2.6", "71.5", "100", "1234"]);
    }
}
