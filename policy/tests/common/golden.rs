//! Golden vectors: files that any implementation of a format can read, and that stay current.

use serde_json::Value;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/");

pub(crate) fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(format!("{DIRECTORY}{name}"));
    serde_json::from_str(&text.expect("the vectors are checked in")).expect("JSON")
}

/// Checks that the file is what would be written now, or writes it with `UPDATE_VECTORS=1`.
pub(crate) fn check_current(name: &str, fresh: &Value) {
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(fresh).unwrap();
        std::fs::write(format!("{DIRECTORY}{name}"), format!("{text}\n")).unwrap();
    }
    assert!(read(name) == *fresh, "{name} is stale: UPDATE_VECTORS=1 writes it anew");
}

pub(crate) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

pub(crate) fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    let list = value[key].as_array().expect("a list");
    assert!(!list.is_empty(), "{key}");
    list
}
