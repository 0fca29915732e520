//! Solution 4: a table whose slots are used again, and tokens that do not outlive their connection.

/// Names a connection to the poll, to timers, to the disk thread. They may answer late. The lower
/// half is the slot, the upper one its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub u64);

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    name: Option<String>,
}

/// Connections (here: their names) by tokens.
#[derive(Debug, Default)]
pub struct Table {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

impl Table {
    /// Adds a connection; uses a free slot, if there is one.
    pub fn insert(&mut self, name: &str) -> Token {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let slot = &mut self.slots[at];
        slot.name = Some(name.to_owned());
        Token(u64::from(slot.generation) << 32 | at as u64)
    }

    /// The connection that this token was made for, if it is still there.
    #[must_use]
    pub fn get(&self, token: Token) -> Option<&str> {
        let slot = self.slots.get(place_of(token))?;
        slot.name.as_deref().filter(|_| slot.generation == generation_of(token))
    }

    /// Removes a connection; does nothing if it is gone already.
    pub fn remove(&mut self, token: Token) {
        if self.get(token).is_some() {
            let slot = &mut self.slots[place_of(token)];
            slot.name = None;
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(place_of(token));
        }
    }

    /// Slots that the table has, free ones included.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots.len()
    }
}

fn place_of(token: Token) -> usize {
    token.0 as u32 as usize
}

fn generation_of(token: Token) -> u32 {
    (token.0 >> 32) as u32
}
