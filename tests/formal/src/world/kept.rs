//! What many states of a world share: a value that is told from others by a fingerprint.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A value whose content can be laid out for a fingerprint.
pub trait Content: Clone + fmt::Debug {
    /// Hashes all that matters for what may happen next, in an order that depends on nothing else.
    fn lay_out(&self, into: &mut DefaultHasher);
}

/// A value, shared until somebody changes it. Two of the same content are the same state.
#[derive(Clone)]
pub struct Kept<T> {
    value: Arc<T>,
    print: u64,
}

impl<T: Content> Kept<T> {
    /// Keeps a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        let mut hasher = DefaultHasher::new();
        value.lay_out(&mut hasher);
        Self { value: Arc::new(value), print: hasher.finish() }
    }

    /// Changes a copy, which takes the place of what was shared.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut value = T::clone(&self.value);
        let result = change(&mut value);
        *self = Self::new(value);
        result
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Hash for Kept<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print.hash(state);
    }
}

impl<T> PartialEq for Kept<T> {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl<T> Eq for Kept<T> {}

impl<T: fmt::Debug> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
