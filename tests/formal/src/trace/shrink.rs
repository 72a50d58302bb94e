//! Makes a trace smaller for as long as it still shows what it was found for.

/// The smallest trace that could be had from `lines` by leaving out lines and making numbers
/// smaller, and for which `shows` still holds. The first line, the settings, stays.
///
/// `shows` is asked about texts that may be no trace, and says no to those.
pub fn shrink(lines: Vec<String>, mut shows: impl FnMut(&[String]) -> bool) -> Vec<String> {
    let mut smallest = lines;
    loop {
        let before = smallest.clone();
        smallest = drop_lines(smallest, &mut shows);
        smallest = lower_numbers(smallest, &mut shows);
        if smallest == before {
            return smallest;
        }
    }
}

/// Leaves lines out, first many at a time, then each, from the end.
fn drop_lines(mut lines: Vec<String>, shows: &mut impl FnMut(&[String]) -> bool) -> Vec<String> {
    let mut length = lines.len() / 2;
    while length > 0 {
        let mut end = lines.len();
        while end > 1 {
            let start = end.saturating_sub(length).max(1);
            let mut without = lines.clone();
            without.drain(start..end);
            if shows(&without) {
                lines = without;
            }
            end = start.min(lines.len());
        }
        length /= 2;
    }
    lines
}

/// Replaces each number by the smallest of some that still does.
fn lower_numbers(mut lines: Vec<String>, shows: &mut impl FnMut(&[String]) -> bool) -> Vec<String> {
    for at in 0..lines.len() {
        for place in 0..words(&lines[at]).count() {
            let Some(number) = words(&lines[at]).nth(place).and_then(|word| word.parse().ok())
            else {
                continue;
            };
            for lower in lower_than(number) {
                let mut with = lines.clone();
                with[at] = replaced(&lines[at], place, lower);
                if shows(&with) {
                    lines = with;
                    break;
                }
            }
        }
    }
    lines
}

/// Smaller numbers, the smallest first: what is tried before the half and the one below.
fn lower_than(number: u64) -> impl Iterator<Item = u64> {
    let round = number - number % 1000;
    let tried = [0, 1, 1000, number / 2, round, number.saturating_sub(1)];
    tried.into_iter().filter(move |one| *one < number)
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(' ')
}

fn replaced(line: &str, place: usize, number: u64) -> String {
    let word = |(at, word): (usize, &str)| {
        if at == place { number.to_string() } else { word.to_owned() }
    };
    words(line).enumerate().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::shrink;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(String::from).collect()
    }

    #[test]
    fn what_shows_nothing_is_left_out_and_numbers_become_small() {
        let trace = lines("settings 7\na 5\nb 8000\nc 900\nb 12\na 6\nb 77");
        // A `b` above 40, with an `a` before it.
        let shows = |lines: &[String]| {
            let a = lines.iter().position(|line| line.starts_with("a "));
            let b = lines.iter().rposition(|line| {
                line.strip_prefix("b ").is_some_and(|number| number.parse::<u64>().unwrap() > 40)
            });
            a.zip(b).is_some_and(|(a, b)| a < b)
        };
        let found = shrink(trace, shows);
        assert_eq!(found, lines("settings 0\na 0\nb 41"));
    }

    #[test]
    fn a_trace_that_needs_all_of_itself_stays() {
        let trace = lines("settings 0\na 1\nb 2");
        let whole = trace.clone();
        assert_eq!(shrink(trace.clone(), |lines| lines == whole), whole);
    }
}
