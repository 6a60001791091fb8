//! Values at stable places, named by ids that never mean another value.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// Names one value of an [`Arena`] for as long as it lives there, and nothing afterwards.
pub(super) struct Id<T> {
    slot: u32,
    generation: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// The place, used again once the value is gone.
    pub(super) fn slot(self) -> usize {
        self.slot as usize
    }

    fn parts(self) -> (u32, u32) {
        (self.slot, self.generation)
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

/// Values at stable places. Adding, removing and looking up take constant time.
#[derive(Debug)]
pub(super) struct Arena<T> {
    slots: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Arena<T> {
    /// Nothing yet.
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Keeps `value`.
    pub(super) fn insert(&mut self, value: T) -> Id<T> {
        if let Some(slot) = self.free.pop() {
            let (generation, place) = &mut self.slots[slot as usize];
            *place = Some(value);
            return Id {
                slot,
                generation: *generation,
                of: PhantomData,
            };
        }
        let slot = u32::try_from(self.slots.len()).expect("queues are bounded far below 2^32");
        self.slots.push((0, Some(value)));
        Id {
            slot,
            generation: 0,
            of: PhantomData,
        }
    }

    /// Takes the value out, if it is still there.
    pub(super) fn remove(&mut self, id: Id<T>) -> Option<T> {
        let (generation, place) = self.slots.get_mut(id.slot())?;
        if *generation != id.generation {
            return None;
        }
        let value = place.take()?;
        *generation = generation.wrapping_add(1);
        self.free.push(id.slot);
        Some(value)
    }

    /// The value, if it is still there.
    pub(super) fn get(&self, id: Id<T>) -> Option<&T> {
        match self.slots.get(id.slot()) {
            Some((generation, value)) if *generation == id.generation => value.as_ref(),
            _ => None,
        }
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// All values, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(slot, (generation, value))| {
                let slot = u32::try_from(slot).ok()?;
                Some((
                    Id {
                        slot,
                        generation: *generation,
                        of: PhantomData,
                    },
                    value.as_ref()?,
                ))
            })
    }

    /// The ids of all values, for walks that change them.
    pub(super) fn ids(&self) -> Vec<Id<T>> {
        self.iter().map(|(id, _)| id).collect()
    }
}

impl<T> Index<Id<T>> for Arena<T> {
    type Output = T;

    fn index(&self, id: Id<T>) -> &T {
        self.get(id)
            .expect("the id names a value that is still there")
    }
}

impl<T> IndexMut<Id<T>> for Arena<T> {
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        match self.slots.get_mut(id.slot()) {
            Some((generation, Some(value))) if *generation == id.generation => value,
            _ => unreachable!("the id names a value that is still there"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_never_means_another_value() {
        let mut arena = Arena::new();
        let first = arena.insert("first");
        assert_eq!(arena.remove(first), Some("first"));
        let second = arena.insert("second");
        assert_eq!(second.slot(), first.slot());
        assert_eq!(arena.get(first), None);
        assert_eq!(arena.remove(first), None);
        assert_eq!(arena[second], "second");
        assert_eq!(arena.len(), 1);
    }
}
