//! Answers of sources of lookup tables: reading ends, with a table within its limits that is the same
//! once it was stored, or with a reason. The first byte chooses the source.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwerk_model::{Table, limits};
use tagwerk_tables::{read_csv, read_json};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let read = match first % 4 {
        0 => read_csv(rest, (b',', b'.'), &[]),
        1 => read_csv(rest, (b';', b','), &[]),
        2 => read_json(rest, "", &[]),
        _ => {
            if let Some((kind, body)) = rest.split_first() {
                let _ = tagwerk_tables::postgres_answer(*kind, body);
            }
            let Some(table) = Table::decode(rest) else { return };
            assert_eq!(table.encode(), rest, "another table is stored");
            return;
        }
    };
    let Ok(table) = read else { return };
    assert!(table.rows() <= limits::TABLE_ROWS_MAX);
    assert!((1..=limits::TABLE_COLUMNS_MAX).contains(&table.columns().len()));
    let stored = table.encode();
    let again = Table::decode(&stored).expect("what is stored is read again");
    assert_eq!(again.encode(), stored);
});
