//! A workbook as tables. Reads of the format what tables need, within bounds: a small file can unpack to
//! a very large one, and name a cell far below the last.

use crate::Work;
use crate::table::{Row, Table};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::io::{Cursor, Read};
use tagwerk_model::limits;
use zip::ZipArchive;

/// Parts of a workbook. More: refused.
const PARTS_MAX: usize = 2_000;
/// Sheets that are read; those behind are passed over.
const SHEETS_MAX: usize = 16;
/// Bytes of one cell's text. Longer: refused.
const CELL_BYTES_MAX: usize = 1024 * 1024;

/// Why a workbook is refused, and what to do.
type Refused = (String, &'static str);

pub(crate) fn read(bytes: &[u8], work: &mut Work) -> Vec<Table> {
    match workbook(bytes) {
        Ok(tables) => tables,
        Err((problem, remedy)) => {
            work.refuse(problem, remedy);
            Vec::new()
        }
    }
}

fn workbook(bytes: &[u8]) -> Result<Vec<Table>, Refused> {
    let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| not_a_workbook("no archive"))?;
    if archive.len() > PARTS_MAX {
        let problem = format!("the workbook has {} parts, {PARTS_MAX} are allowed", archive.len());
        return Err((problem, "copy the tables into a new workbook"));
    }
    let mut parts = Parts { archive, room: limits::IMPORT_UNPACKED_BYTES_MAX };
    let names = parts.read("xl/workbook.xml")?.ok_or_else(|| not_a_workbook("no workbook"))?;
    let links = parts.read("xl/_rels/workbook.xml.rels")?.unwrap_or_default();
    let targets = links_of(&links)?;
    let shared = match parts.read("xl/sharedStrings.xml")? {
        Some(xml) => shared_texts(&xml)?,
        None => Vec::new(),
    };
    let mut tables = Vec::new();
    let mut rows = limits::IMPORT_ROWS_MAX;
    for (name, link) in sheets_of(&names)?.into_iter().take(SHEETS_MAX) {
        let Some((_, target)) = targets.iter().find(|(id, _)| *id == link) else { continue };
        let path = match target.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None => format!("xl/{target}"),
        };
        let Some(xml) = parts.read(&path)? else { continue };
        tables.push(Table { rows: sheet(&xml, &shared, &mut rows)?, sheet: Some(name) });
    }
    Ok(tables)
}

fn not_a_workbook(what: &str) -> Refused {
    (format!("the file is not a workbook ({what})"), "save it as .xlsx, or as CSV")
}

struct Parts<'b> {
    archive: ZipArchive<Cursor<&'b [u8]>>,
    /// Bytes that may still be unpacked.
    room: usize,
}

impl Parts<'_> {
    /// `None` when there is no such part.
    fn read(&mut self, path: &str) -> Result<Option<String>, Refused> {
        let Some(index) = self.archive.index_for_name(path) else { return Ok(None) };
        let part = self.archive.by_index(index).map_err(|_| not_a_workbook("a part is damaged"))?;
        let mut bytes = Vec::new();
        // What the archive says of a part's size need not be true.
        let read = part.take(self.room as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|_| not_a_workbook("a part is damaged"))?;
        if bytes.len() > self.room {
            let max = limits::IMPORT_UNPACKED_BYTES_MAX;
            let problem = format!("the workbook unpacks to more than {max} bytes");
            return Err((problem, "divide it, or save it as CSV"));
        }
        self.room -= bytes.len();
        Ok(Some(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }))
    }
}

/// Calls `each` with every event of a part.
fn events<'x>(
    xml: &'x str,
    mut each: impl FnMut(&Event<'x>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return Ok(()),
            Ok(event) => each(&event)?,
            Err(error) => return Err(not_a_workbook(&error.to_string())),
        }
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.attributes().with_checks(false).flatten().find(|attribute| {
        attribute.key.as_ref() == name || attribute.key.local_name().as_ref() == name
    })?;
    Some(match quick_xml::escape::unescape(&found.value) {
        Ok(text) => text.into_owned(),
        Err(_) => found.value.into_owned(),
    })
}

/// Identifiers of links, and where they lead.
fn links_of(xml: &str) -> Result<Vec<(String, String)>, Refused> {
    let mut links = Vec::new();
    events(xml, |event| {
        if let Event::Start(tag) | Event::Empty(tag) = event
            && tag.local_name().as_ref() == "Relationship"
            && let (Some(id), Some(target)) = (attribute(tag, "Id"), attribute(tag, "Target"))
            && links.len() < PARTS_MAX
        {
            links.push((id, target));
        }
        Ok(())
    })?;
    Ok(links)
}

/// Names of sheets, and their links.
fn sheets_of(xml: &str) -> Result<Vec<(String, String)>, Refused> {
    let mut sheets = Vec::new();
    events(xml, |event| {
        if let Event::Start(tag) | Event::Empty(tag) = event
            && tag.local_name().as_ref() == "sheet"
            && let (Some(name), Some(link)) = (attribute(tag, "name"), attribute(tag, "id"))
            && sheets.len() < PARTS_MAX
        {
            sheets.push((name, link));
        }
        Ok(())
    })?;
    Ok(sheets)
}

/// Gathers the text between tags that are named `t` (or `v`), leaving out phonetic readings.
#[derive(Default)]
struct TextOf {
    text: String,
    inside: bool,
    phonetic: bool,
}

impl TextOf {
    fn take(&mut self, event: &Event<'_>) -> Result<(), Refused> {
        match event {
            Event::Start(tag) => match tag.local_name().as_ref() {
                "t" | "v" => self.inside = true,
                "rPh" => self.phonetic = true,
                _ => {}
            },
            Event::End(tag) => match tag.local_name().as_ref() {
                "t" | "v" => self.inside = false,
                "rPh" => self.phonetic = false,
                _ => {}
            },
            Event::Text(text) if self.inside && !self.phonetic => {
                self.text.push_str(text);
            }
            Event::CData(text) if self.inside && !self.phonetic => {
                self.text.push_str(text);
            }
            Event::GeneralRef(name) if self.inside && !self.phonetic => {
                let reference = format!("&{};", &**name);
                match quick_xml::escape::unescape(&reference) {
                    Ok(text) => self.text.push_str(&text),
                    Err(_) => self.text.push_str(&reference),
                }
            }
            _ => {}
        }
        if self.text.len() > CELL_BYTES_MAX {
            let problem = format!("a cell has more than {CELL_BYTES_MAX} bytes");
            return Err((problem, "shorten it"));
        }
        Ok(())
    }

    fn finish(&mut self) -> String {
        let text = std::mem::take(self).text;
        unescaped(&text)
    }
}

fn shared_texts(xml: &str) -> Result<Vec<String>, Refused> {
    let mut texts = Vec::new();
    let mut current = TextOf::default();
    events(xml, |event| {
        match event {
            Event::End(tag) if tag.local_name().as_ref() == "si" => texts.push(current.finish()),
            Event::Empty(tag) if tag.local_name().as_ref() == "si" => texts.push(String::new()),
            other => current.take(other)?,
        }
        Ok(())
    })?;
    Ok(texts)
}

fn sheet(xml: &str, shared: &[String], rows_left: &mut usize) -> Result<Vec<Row>, Refused> {
    let mut rows: Vec<Row> = Vec::new();
    let mut next_row = 1u32;
    let mut cell = Cell::default();
    events(xml, |event| {
        match event {
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == "row" => {
                if *rows_left == 0 {
                    let max = limits::IMPORT_ROWS_MAX;
                    return Err((format!("the workbook has more than {max} rows"), "divide it"));
                }
                *rows_left -= 1;
                let number = attribute(tag, "r").and_then(|r| r.parse().ok()).unwrap_or(next_row);
                next_row = number.saturating_add(1);
                cell = Cell::default();
                rows.push(Row { number, cells: Vec::new() });
            }
            Event::Start(tag) if tag.local_name().as_ref() == "c" => cell.begin(tag),
            Event::Empty(tag) if tag.local_name().as_ref() == "c" => {
                cell.begin(tag);
                cell.next += 1;
            }
            Event::End(tag) if tag.local_name().as_ref() == "c" => {
                cell.end(&mut rows, shared)?;
            }
            Event::Start(tag) if tag.local_name().as_ref() == "f" => cell.formula = true,
            Event::End(tag) if tag.local_name().as_ref() == "f" => cell.formula = false,
            other if !cell.formula => cell.text.take(other)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(rows)
}

#[derive(Default)]
struct Cell {
    kind: String,
    text: TextOf,
    /// Within a formula, of which only the result counts.
    formula: bool,
    /// The column of this cell, and of the next that names none.
    next: usize,
}

impl Cell {
    fn begin(&mut self, tag: &BytesStart<'_>) {
        self.kind = attribute(tag, "t").unwrap_or_default();
        self.text = TextOf::default();
        self.formula = false;
        if let Some(column) = attribute(tag, "r").and_then(|name| column_of(&name)) {
            self.next = column;
        }
    }

    fn end(&mut self, rows: &mut [Row], shared: &[String]) -> Result<(), Refused> {
        let column = self.next;
        self.next += 1;
        let text = self.text.finish();
        let text = match self.kind.as_str() {
            "s" => {
                let found = text.trim().parse::<usize>().ok().and_then(|at| shared.get(at));
                found.cloned().unwrap_or_default()
            }
            "b" => if text.trim() == "1" { "true" } else { "false" }.to_owned(),
            "str" | "inlineStr" | "e" => text,
            _ => plain_number(&text),
        };
        if text.is_empty() {
            return Ok(());
        }
        let max = limits::IMPORT_COLUMNS_MAX;
        if column >= max {
            let problem =
                format!("the workbook has a cell in column {}, {max} are allowed", column + 1);
            return Err((problem, "remove the columns that are not needed"));
        }
        if let Some(row) = rows.last_mut() {
            if row.cells.len() <= column {
                row.cells.resize(column + 1, String::new());
            }
            row.cells[column] = text;
        }
        Ok(())
    }
}

/// `B7` is in column 1.
fn column_of(name: &str) -> Option<usize> {
    let letters = name.bytes().take_while(u8::is_ascii_alphabetic);
    let column = letters.fold(0usize, |column, letter| {
        let digit = usize::from(letter.to_ascii_uppercase() - b'A') + 1;
        column.saturating_mul(26).saturating_add(digit)
    });
    column.checked_sub(1)
}

/// Spreadsheets write 0.1 as 0.10000000000000001 at times.
fn plain_number(text: &str) -> String {
    let trimmed = text.trim();
    match trimmed.parse::<f64>() {
        Ok(number) if number.is_finite() && trimmed.contains(['.', 'e', 'E']) => number.to_string(),
        _ => trimmed.to_owned(),
    }
}

/// Characters that XML cannot hold are written `_x000D_`.
fn unescaped(text: &str) -> String {
    if !text.contains("_x") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 2..at + 6).filter(|_| rest[at + 2..].get(4..5) == Some("_"));
        let character = code
            .filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|code| u32::from_str_radix(code, 16).ok())
            .and_then(char::from_u32);
        match character {
            Some(character) => {
                out.push(character);
                rest = &rest[at + 7..];
            }
            None => {
                out.push_str("_x");
                rest = &rest[at + 2..];
            }
        }
    }
    out.push_str(rest);
    out
}
