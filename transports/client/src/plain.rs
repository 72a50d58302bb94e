//! What a server says, for people.

/// A text without what would steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|each| !each.is_control()).collect()
}
