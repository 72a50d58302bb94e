//! Takes an input apart. Total: every input means something.

/// What is left of an input.
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) const fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte; zero at the end.
    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.rest = rest;
        *first
    }

    /// The next byte, which stays.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next byte as a number below `limit`; digits and letters in their order.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        index(self.byte()) % limit
    }

    /// One of `choices`.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Up to the next line feed, which is taken away; all that is left if there is none.
    pub(crate) fn line(&mut self) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        let line = &self.rest[..end.unwrap_or(self.rest.len())];
        self.rest = end.map_or(&[], |end| &self.rest[end + 1..]);
        line
    }

    /// The next line without its first space, if it begins with one.
    pub(crate) fn indented(&mut self) -> Option<&'a [u8]> {
        (self.rest.first() == Some(&b' ')).then(|| &self.line()[1..])
    }

    /// All that is left.
    pub(crate) const fn rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.rest = &[];
        rest
    }
}

/// A byte as a number: `0` to `9`, then `a` to `z`, so that inputs stay readable.
pub(crate) const fn index(byte: u8) -> usize {
    (match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'z' => byte - b'a' + 10,
        other => other,
    }) as usize
}

/// Replaces `$` and a letter by what `meaning` gives for it.
pub(crate) fn expand(line: &[u8], meaning: impl Fn(u8) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut expanded = Vec::new();
    let mut rest = line;
    while let Some((first, tail)) = rest.split_first() {
        let meant =
            if *first == b'$' { tail.first().and_then(|name| meaning(*name)) } else { None };
        rest = if meant.is_some() { &tail[1..] } else { tail };
        expanded.extend(meant.unwrap_or_else(|| vec![*first]));
    }
    expanded
}

/// What follows `prefix` in a line, if it begins with it.
pub(crate) fn after<'a>(line: &'a [u8], prefix: &str) -> Option<&'a [u8]> {
    line.strip_prefix(prefix.as_bytes())
}
