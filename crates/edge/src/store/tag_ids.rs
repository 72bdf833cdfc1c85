//! Numbers of tags and tag sets. A number, once given, is never given to another.

use super::{Store, StoreError};
use rusqlite::{Connection, OptionalExtension};
use std::sync::Mutex;
use tagwerk_model::TagId;

/// Set numbers taken from the store at once, so that most need no write; the unused ones of a block
/// are lost at a restart, of four thousand million.
const SET_BLOCK: u32 = 1024;

/// Gives numbers out; one per process, since it holds a block of set numbers.
pub struct TagNumbers {
    store: Store,
    sets: Mutex<SetBlock>,
}

#[derive(Default)]
struct SetBlock {
    next: u32,
    end: u32,
}

impl TagNumbers {
    pub fn new(store: Store) -> TagNumbers {
        TagNumbers { store, sets: Mutex::default() }
    }

    /// Numbers all tags of a configuration in one transaction, so that asking for them device by
    /// device writes nothing.
    pub fn prepare<'a, T>(
        &self,
        devices: impl IntoIterator<Item = (&'a str, T)>,
    ) -> Result<(), StoreError>
    where
        T: IntoIterator<Item = &'a str>,
    {
        let mut connection = self.store.lock();
        let transaction = connection.transaction()?;
        for (device, tags) in devices {
            numbers(&transaction, device, tags)?;
        }
        Ok(transaction.commit()?)
    }

    /// The numbers of a device's tags, in their order.
    pub fn tags(&self, device: &str, tags: &[&str]) -> Result<Vec<TagId>, StoreError> {
        let mut connection = self.store.lock();
        let transaction = connection.transaction()?;
        let numbers = numbers(&transaction, device, tags.iter().copied())?;
        transaction.commit()?;
        Ok(numbers)
    }

    /// The first of `count` consecutive set numbers that nobody had before.
    pub fn next_set(&self, count: u32) -> Result<u32, StoreError> {
        let mut block = self.sets.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if block.end - block.next < count {
            let wanted = count.max(SET_BLOCK);
            let connection = self.store.lock();
            let used: Option<i64> = connection
                .query_row("SELECT value FROM meta WHERE key = 'sets_end'", [], |row| row.get(0))
                .optional()?;
            let next = used.unwrap_or(1);
            let end = u32::try_from(next + i64::from(wanted))
                .map_err(|_| StoreError::Exhausted("numbers for tag sets"))?;
            connection.execute(
                "INSERT INTO meta (key, value) VALUES ('sets_end', ?1)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [i64::from(end)],
            )?;
            *block = SetBlock { next: next as u32, end };
        }
        let first = block.next;
        block.next += count;
        Ok(first)
    }
}

fn numbers<'a>(
    connection: &Connection,
    device: &str,
    tags: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<TagId>, StoreError> {
    let known: Option<i64> = connection
        .prepare_cached("SELECT device_id FROM tag_devices WHERE name = ?1")?
        .query_row([device], |row| row.get(0))
        .optional()?;
    let device_id = match known {
        Some(id) => id,
        None => {
            connection
                .prepare_cached("INSERT INTO tag_devices (name) VALUES (?1)")?
                .execute([device])?;
            connection.last_insert_rowid()
        }
    };
    let mut find = connection
        .prepare_cached("SELECT tag_id FROM tag_ids WHERE device_id = ?1 AND name = ?2")?;
    let mut insert =
        connection.prepare_cached("INSERT INTO tag_ids (device_id, name) VALUES (?1, ?2)")?;
    tags.into_iter()
        .map(|tag| {
            let found: Option<i64> =
                find.query_row((device_id, tag), |row| row.get(0)).optional()?;
            let number = match found {
                Some(number) => number,
                None => insert.insert((device_id, tag))?,
            };
            let number =
                u32::try_from(number).map_err(|_| StoreError::Exhausted("numbers for tags"))?;
            Ok(TagId(number))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Store, in_memory};
    use super::*;

    #[test]
    fn a_tag_keeps_its_number_and_no_other_gets_it() {
        let numbers = TagNumbers::new(in_memory());
        let first = numbers.tags("boiler", &["a", "b"]).unwrap();
        assert_eq!(first, [TagId(1), TagId(2)]);
        assert_eq!(numbers.tags("packer", &["a"]).unwrap(), [TagId(3)]);
        assert_eq!(numbers.tags("boiler", &["c", "a"]).unwrap(), [TagId(4), TagId(1)]);
        numbers.prepare([("boiler", ["b", "d"]), ("mill", ["a", "b"])]).unwrap();
        assert_eq!(numbers.tags("mill", &["b"]).unwrap(), [TagId(7)]);
    }

    #[test]
    fn set_numbers_are_consecutive_and_never_given_twice() {
        let directory = tempfile::tempdir().unwrap();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..3 {
            let numbers = TagNumbers::new(Store::open(directory.path()).unwrap());
            for count in [1, 7, 500, 600, 3_000, 1] {
                let first = numbers.next_set(count).unwrap();
                assert!(first > 0);
                assert!((first..first + count).all(|number| seen.insert(number)));
            }
        }
    }
}
