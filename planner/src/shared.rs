//! A value that many hold and seldom anybody changes.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A value that is shared until somebody changes it: a clone costs nothing, the first change copies it.
#[derive(Debug, Default)]
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// Shares a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    /// Copies the value first if others hold it too: they keep what they have.
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    /// One value that two hold is equal to itself without a look at it.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || *self.0 == *other.0
    }
}

impl<T: Eq> Eq for Shared<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_by_nobody_else() {
        let mut one = Shared::new(vec![1]);
        let other = one.clone();
        let place = |held: &Shared<Vec<i32>>| std::ptr::from_ref::<Vec<i32>>(held);
        assert_eq!(place(&one), place(&other));
        one.push(2);
        assert_ne!(place(&one), place(&other));
        assert_eq!((one.as_slice(), other.as_slice()), ([1, 2].as_slice(), [1].as_slice()));
        assert_ne!(one, other);
        assert_eq!(other, Shared::from(vec![1]));
    }
}
