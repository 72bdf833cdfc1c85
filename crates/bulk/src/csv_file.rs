//! A CSV file as a table: finds out its encoding, its separator and its decimal mark.

use crate::table::{Row, Table};
use crate::{Work, encoding};
use tagwerk_model::limits;

pub(crate) fn read(bytes: &[u8], work: &mut Work) -> Vec<Table> {
    let (text, assumed) = encoding::decode(bytes);
    work.assumed.extend(assumed.map(str::to_owned));
    let whole = text;
    let (separator, text) = separator(&whole);
    let name = match separator {
        b';' => "semicolons",
        b'\t' => "tabs",
        _ => "commas",
    };
    work.decimal_comma = separator != b',';
    let comma = if work.decimal_comma { "; a comma in a number is its decimal mark" } else { "" };
    work.assumed.push(format!("cells are separated by {name}{comma}"));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut table = Table::default();
    let mut record = csv::StringRecord::new();
    // The first line that names the separator is a row to a spreadsheet, too.
    let mut number = u32::from(text.len() < whole.len());
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                work.refuse(format!("the file cannot be read as CSV: {error}"), "export it anew");
                break;
            }
        }
        number += 1 + skipped_lines(&record, reader.position().line());
        if record.len() > limits::IMPORT_COLUMNS_MAX {
            let max = limits::IMPORT_COLUMNS_MAX;
            work.refuse(
                format!("row {number} has {} cells, {max} are allowed", record.len()),
                "remove the columns that are not needed",
            );
            break;
        }
        if table.rows.len() >= limits::IMPORT_ROWS_MAX {
            let max = limits::IMPORT_ROWS_MAX;
            work.refuse(format!("the file has more than {max} rows"), "divide it");
            break;
        }
        table.rows.push(Row { number, cells: record.iter().map(str::to_owned).collect() });
    }
    vec![table]
}

/// Empty lines before a record: rows to a spreadsheet, but not to the reader.
fn skipped_lines(record: &csv::StringRecord, end: u64) -> u32 {
    let begin = record.position().map_or(end, csv::Position::line);
    let within: usize = record.iter().map(|cell| cell.matches('\n').count()).sum();
    let skipped = end.saturating_sub(begin).saturating_sub(1 + within as u64);
    u32::try_from(skipped).unwrap_or(0)
}

/// The separator, and the text without a line that names it.
fn separator(text: &str) -> (u8, &str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let named = first.trim().strip_prefix("sep=").or(first.trim().strip_prefix("SEP="));
    if let Some([mark @ (b',' | b';' | b'\t')]) = named.map(str::as_bytes) {
        return (*mark, rest);
    }
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in line.bytes() {
        quoted ^= byte == b'"';
        for (mark, count) in &mut counts {
            *count += usize::from(!quoted && byte == *mark);
        }
    }
    // Of equals, the first in the list.
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    (most.map_or(b',', |(mark, _)| *mark), text)
}
