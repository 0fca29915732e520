//! A part of a connection that most never need: it takes memory from its first change on.

use std::ops::{Deref, DerefMut};

/// What is there before the first change.
pub(super) trait Empty: Default + 'static {
    /// The same as the default.
    const EMPTY: &'static Self;
}

impl Empty for Vec<u8> {
    const EMPTY: &'static Self = &Self::new();
}

/// A `T`, or the room for none.
#[derive(Debug)]
pub(super) struct LazyBox<T>(Option<Box<T>>);

impl<T> Default for LazyBox<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> LazyBox<T> {
    /// One that is there.
    pub(super) fn new(part: T) -> Self {
        Self(Some(Box::new(part)))
    }

    /// Takes out what is there, if it ever was changed.
    pub(super) fn take(&mut self) -> Option<Box<T>> {
        self.0.take()
    }

    /// What is there, if it ever was changed.
    pub(super) fn made(&mut self) -> Option<&mut T> {
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
