//! What commands print on standard output.

use std::io::{self, Write as _};

use doorward_gate::rfc3339;
use doorward_policy::Timestamp;
use serde_json::Value;

use crate::failure::Outcome;

/// Prints one line.
pub(crate) fn line(text: &str) -> Outcome {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()?;
    Ok(())
}

/// Tells a person something beside what is printed: on standard error, so that no script reads it.
pub(crate) fn hint(text: &str) {
    // Whoever closed it wants no hints.
    let _result = writeln!(io::stderr(), "note: {}", printable(text));
}

/// Prints a JSON value on one line.
pub(crate) fn json(value: &Value) -> Outcome {
    line(&value.to_string())
}

/// Prints rows under their headings, aligned.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> Outcome {
    let cells = |column: usize| rows.iter().map(move |row| row[column].as_str());
    let width = |column: usize| {
        let widths = cells(column).map(|cell| printable(cell).chars().count());
        widths.chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    line(&aligned(&headings.map(str::to_owned), &widths))?;
    rows.iter()
        .try_for_each(|row| line(&aligned(&row.clone().map(|cell| printable(&cell)), &widths)))
}

/// Prints rows of any number of cells, aligned. The first row is the headings.
pub(crate) fn lines_of_cells(rows: &[Vec<String>]) -> Outcome {
    let length = |cell: &String| printable(cell).chars().count();
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = length(cell).max(*width);
        }
    }
    rows.iter().try_for_each(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| (printable(cell), width));
        let cells = cells.map(|(cell, width)| format!("{cell:width$}"));
        line(cells.collect::<Vec<_>>().join("  ").trim_end())
    })
}

fn aligned<const N: usize>(row: &[String; N], widths: &[usize; N]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// A time for people: UTC, to the minute.
pub(crate) fn minute(time: Timestamp) -> String {
    let text = rfc3339(time);
    match text.get(..16) {
        Some(minute) => minute.replace('T', " ") + "Z",
        None => text,
    }
}

/// A word as a shell takes it: in quotes, unless it is plain.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |each: char| each.is_ascii_alphanumeric() || "-_./:@%+=,".contains(each);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Text of somebody else's, without what would steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    let plain = |each: char| if each.is_control() && each != '\t' { '\u{fffd}' } else { each };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = ["a".to_owned(), "b".to_owned()];
        assert_eq!(aligned(&row, &[3, 1]), "a    b");
    }

    #[test]
    fn a_time_is_shown_to_the_minute() {
        assert_eq!(minute(Timestamp::from_secs(1_767_225_661)), "2026-01-01 00:01Z");
    }

    #[test]
    fn a_word_for_a_shell_is_quoted_where_it_has_to_be() {
        assert_eq!(shell_word("/home/me/.local/state"), "/home/me/.local/state");
        assert_eq!(shell_word("start-up link"), "'start-up link'");
        assert_eq!(shell_word("$(x)'s"), r"'$(x)'\''s'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}");
    }
}
