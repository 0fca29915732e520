//! A part of a connection that most connections never need: it takes memory only from its first
//! change on.

use std::ops::{Deref, DerefMut};

/// The value before the first change.
pub trait Empty: Default + 'static {
    /// The same value as the default.
    const EMPTY: &'static Self;
}

impl Empty for Vec<u8> {
    const EMPTY: &'static Self = &Self::new();
}

/// A `T` that is allocated when it is first changed.
#[derive(Debug)]
pub struct LazyBox<T>(Option<Box<T>>);

impl<T> Default for LazyBox<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> LazyBox<T> {
    /// Creates one with this value.
    #[must_use]
    pub fn new(part: T) -> Self {
        Self(Some(Box::new(part)))
    }

    /// Takes out the value, if it was ever changed.
    pub fn take(&mut self) -> Option<Box<T>> {
        self.0.take()
    }

    /// Returns the value, if it was ever changed.
    pub fn made(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }
}

impl<T: Empty> Deref for LazyBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::EMPTY)
    }
}

impl<T: Empty> DerefMut for LazyBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}
