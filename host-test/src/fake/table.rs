//! Rows by id. Ids are positive and grow, so the newest row has the highest (API reference section 8, item 4).

use std::collections::BTreeMap;

/// A table of one resource.
#[derive(Debug)]
pub(super) struct Table<T> {
    rows: BTreeMap<u64, T>,
    next: u64,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table {
            rows: BTreeMap::new(),
            next: 1,
        }
    }
}

impl<T> Table<T> {
    /// A table whose first row gets the id `first`.
    pub(super) fn starting_at(first: u64) -> Table<T> {
        Table {
            rows: BTreeMap::new(),
            next: first,
        }
    }

    /// Takes an id. One that is never used leaves a gap, as in any database.
    pub(super) fn reserve(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        id
    }

    /// Adds the row that `make` builds for the next id.
    pub(super) fn add(&mut self, make: impl FnOnce(u64) -> T) -> u64 {
        let id = self.reserve();
        self.rows.insert(id, make(id));
        id
    }

    /// Puts a row under its id and gives back the one that stood there.
    pub(super) fn put(&mut self, id: u64, row: T) -> Option<T> {
        self.rows.insert(id, row)
    }

    pub(super) fn get(&self, id: u64) -> Option<&T> {
        self.rows.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        self.rows.get_mut(&id)
    }

    pub(super) fn has(&self, id: u64) -> bool {
        self.rows.contains_key(&id)
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<T> {
        self.rows.remove(&id)
    }

    /// Removes the rows for which `keep` is false.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.rows.retain(|_, row| keep(row));
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Rows in the order of their ids.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.rows.values_mut()
    }
}
