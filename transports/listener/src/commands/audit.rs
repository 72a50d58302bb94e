//! `doorward audit`: the audit file, and what has yet to be moved into it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use doorward_gate::export::AUDIT;
use serde_json::Value;
use tokio::time::sleep;

use crate::cli::AuditArgs;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::state::State;

const PAGE: usize = 1024;

pub(super) async fn run(args: &AuditArgs) -> Outcome {
    let state = State::open(&args.state).await?;
    let mut shown = 0;
    loop {
        let before = shown;
        // The store first: what moves from there into the file meanwhile is then found twice,
        // and never missed.
        let waiting = waiting(&state, shown).await?;
        let file = state.dir.join(AUDIT);
        if let Ok(file) = File::open(&file) {
            for line in BufReader::new(file).lines() {
                let line = line.map_err(|error| {
                    Failure::failed(format!("can't read the audit log: {error}"))
                })?;
                shown = show(&line, shown, args.json)?;
            }
        }
        for line in waiting {
            shown = show(&line, shown, args.json)?;
        }
        if !args.follow {
            if shown == 0 && !args.json {
                output::line("Nothing has happened yet.")?;
            }
            return Ok(());
        }
        if shown == before {
            sleep(Duration::from_millis(250)).await;
        }
    }
}

async fn waiting(state: &State, after: u64) -> Outcome<Vec<String>> {
    let mut after = after;
    let mut lines = Vec::new();
    loop {
        let page = state.store.audit_lines(after, PAGE).await.map_err(Failure::failed)?;
        let Some(last) = page.last() else { return Ok(lines) };
        after = last.number;
        // As the file has it: with its number in front.
        lines.extend(page.iter().map(|line| {
            let fields = line.json.strip_prefix('{').unwrap_or("}");
            format!("{{\"n\":{},{fields}", line.number)
        }));
    }
}

/// Prints a line unless its number was printed already; the highest number printed.
fn show(line: &str, shown: u64, json: bool) -> Outcome<u64> {
    let Ok(record) = serde_json::from_str::<Value>(line) else { return Ok(shown) };
    let number = record["n"].as_u64().unwrap_or(0);
    if number <= shown {
        return Ok(shown);
    }
    if json {
        output::line(line)?;
    } else {
        output::line(&sentence(&record))?;
    }
    Ok(number)
}

fn sentence(record: &Value) -> String {
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    let event = text("event").replace('_', " ");
    let mut words = vec![text("time").to_owned(), format!("{event:<17}")];
    let named = [
        ("change", ""),
        ("subject", ""),
        ("workspace", "in "),
        ("capabilities", "may "),
        ("peer", "from "),
        ("transport", "by "),
        ("reason", ""),
        ("threat", ""),
    ];
    for (name, before) in named {
        let value = text(name);
        if !value.is_empty() {
            words.push(format!("{before}{}", output::printable(value)));
        }
    }
    if let Some(times) = record["repeated"].as_u64() {
        words.push(format!("({times} times)"));
    }
    if let Some(trace) = record["trace_id"].as_str() {
        words.push(format!("[{trace}]"));
    }
    words.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_for_people() {
        let record = serde_json::json!({
            "n": 3, "time": "2026-01-01T00:00:00.000Z", "event": "grant_redeemed",
            "subject": "tab\u{1b}let", "peer": "127.0.0.1", "trace_id": "00ff",
        });
        assert_eq!(
            sentence(&record),
            "2026-01-01T00:00:00.000Z  grant redeemed     tab\u{fffd}let  from 127.0.0.1  [00ff]"
        );
    }
}
