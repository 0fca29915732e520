//! Exercise 4: a table whose slots are used again, and tokens that do not outlive their connection.

/// Names a connection to the poll, to timers, to the disk thread. They may answer late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub u64);

/// Connections (here: their names) by tokens.
#[derive(Debug, Default)]
pub struct Table {
    // Your fields.
}

impl Table {
    /// Adds a connection; uses a free slot, if there is one.
    pub fn insert(&mut self, name: &str) -> Token {
        todo!("add {name}")
    }

    /// The connection that this token was made for, if it is still there.
    #[must_use]
    pub fn get(&self, token: Token) -> Option<&str> {
        todo!("find {token:?}")
    }

    /// Removes a connection; does nothing if it is gone already.
    pub fn remove(&mut self, token: Token) {
        todo!("remove {token:?}")
    }

    /// Slots that the table has, free ones included.
    #[must_use]
    pub fn slots(&self) -> usize {
        todo!()
    }
}
