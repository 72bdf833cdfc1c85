//! Devices and tags as tables (CSV, XLSX) and as other products export them: import into a
//! configuration, export from one.
//!
//! Pure: bytes and a document in, findings and a new document out. What keys mean is `config`'s and the
//! drivers' to say; applying a document is the edge's.

mod cell;
mod column;
mod csv_file;
mod draft;
mod encoding;
mod export;
mod judge;
mod neuron;
mod neuron_address;
mod rows;
mod table;
mod thingspro;
mod xlsx;
mod yaml;

pub use export::{ExportRefused, example, export};
pub use yaml::to_yaml;

use draft::Drafts;
use judge::Told;
use serde::Serialize;
use serde_json::Value;
use table::{Place, Table};
use tagwerk_config::{Catalogue, Weight};
use tagwerk_model::limits;

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// By its content.
    Auto,
    Csv,
    Xlsx,
    /// Neuron's JSON of nodes, groups and tags.
    Neuron,
    /// ThingsPro's CSV of Modbus commands.
    ThingsPro,
}

/// What becomes of the devices that the document has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They stay; what the file says of them is changed.
    Merge,
    /// They go.
    Replace,
}

/// What became of a file. Nothing is applied.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Import {
    /// The format that the file turned out to have.
    pub kind: Format,
    /// Devices and tags in the file.
    pub devices: usize,
    pub tags: usize,
    /// Rows of the file with anything in them, headers left out.
    pub rows: usize,
    /// The first [`limits::ROW_FINDINGS_MAX`], in the order of the file.
    pub findings: Vec<RowFinding>,
    /// Findings that are not listed.
    pub findings_dropped: usize,
    pub not_translated: Vec<NotTranslated>,
    /// What was taken for granted in reading the file, such as its encoding.
    pub assumed: Vec<String>,
    /// The new document as YAML; `None` when any finding is an error.
    pub document: Option<String>,
}

/// One problem of a file, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowFinding {
    #[serde(serialize_with = "weight_name")]
    pub weight: Weight,
    /// In workbooks.
    pub sheet: Option<String>,
    /// As a spreadsheet counts; `None` for the file as a whole, or for what the file does not hold.
    pub row: Option<u32>,
    /// The header of the column; without a row, the path in the document.
    pub column: Option<String>,
    pub value: Option<String>,
    pub problem: String,
    pub remedy: String,
}

/// Something that a file of another product says and the new document does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotTranslated {
    /// Such as `tag attribute static`.
    pub what: String,
    /// Such as `node press, group fast, tag speed`.
    #[serde(rename = "where")]
    pub place: String,
    pub why: String,
}

fn weight_name<S: serde::Serializer>(weight: &Weight, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match weight {
        Weight::Error => "error",
        Weight::Warning => "warning",
    })
}

/// Reads a file into a copy of the current document (empty: a new one). Never panics; reports
/// everything that is wrong, and gives no document then.
pub fn import(
    bytes: &[u8],
    format: Format,
    current: &str,
    mode: Mode,
    catalogue: &Catalogue,
) -> Import {
    let mut work = Work::new(format);
    if let Some((document, drafts)) = read(bytes, current, mode, &mut work) {
        judge::judge(&document, &drafts, catalogue, &mut work);
        if !work.told.has_errors() {
            work.document = Some(yaml::to_yaml(&drafts.into_document(document)));
        }
    }
    work.finish()
}

/// The devices that a file makes of a document, unless the file itself has errors: for tests of reading
/// with devices that no driver takes.
#[doc(hidden)]
pub fn unchecked(bytes: &[u8], format: Format, current: &str, mode: Mode) -> Option<Value> {
    let mut work = Work::new(format);
    let (document, drafts) = read(bytes, current, mode, &mut work)?;
    (!work.told.has_errors()).then(|| drafts.into_document(document)["devices"].take())
}

/// The document, and its devices with the file read into them. `None` when there is nothing to check.
fn read(bytes: &[u8], current: &str, mode: Mode, work: &mut Work) -> Option<(Value, Drafts)> {
    if work.kind == Format::Auto {
        work.kind = recognise(bytes);
    }
    if bytes.len() > limits::IMPORT_BYTES_MAX {
        let max = limits::IMPORT_BYTES_MAX;
        work.refuse(format!("the file has {} bytes, {max} are allowed", bytes.len()), "divide it");
        return None;
    }
    let document = work.current(current)?;
    let mut drafts = match mode {
        Mode::Merge => Drafts::of(&document["devices"]),
        Mode::Replace => Drafts::default(),
    };
    if work.kind == Format::Neuron {
        neuron::read(bytes, work, &mut drafts);
    } else {
        let tables = match work.kind {
            Format::Xlsx => xlsx::read(bytes, work),
            _ => csv_file::read(bytes, work),
        };
        work.rows = tables.iter().map(Table::filled_rows).sum();
        match work.kind {
            Format::ThingsPro => thingspro::read(&tables, work, &mut drafts),
            _ => rows::read(&tables, work, &mut drafts),
        }
        work.tables = tables;
    }
    (work.devices, work.tags) = drafts.counts();
    if work.devices == 0 && !work.told.has_errors() {
        work.refuse("the file holds no devices", "compare it with an export, or with the guide");
    }
    Some((document, drafts))
}

/// What an import has found so far.
pub(crate) struct Work {
    kind: Format,
    pub tables: Vec<Table>,
    pub told: Told,
    pub not_translated: Vec<NotTranslated>,
    not_translated_dropped: usize,
    pub assumed: Vec<String>,
    pub decimal_comma: bool,
    rows: usize,
    devices: usize,
    tags: usize,
    document: Option<String>,
}

impl Work {
    fn new(kind: Format) -> Work {
        Work {
            kind,
            tables: Vec::new(),
            told: Told::default(),
            not_translated: Vec::new(),
            not_translated_dropped: 0,
            assumed: Vec::new(),
            decimal_comma: false,
            rows: 0,
            devices: 0,
            tags: 0,
            document: None,
        }
    }

    /// An error about the file as a whole.
    pub fn refuse(&mut self, problem: impl Into<String>, remedy: impl Into<String>) {
        self.told.error(None, None, problem, remedy);
    }

    pub fn not_translated(
        &mut self,
        what: impl Into<String>,
        place: impl Into<String>,
        why: impl Into<String>,
    ) {
        if self.not_translated.len() >= limits::ROW_FINDINGS_MAX {
            self.not_translated_dropped += 1;
            return;
        }
        let (what, place, why) = (what.into(), place.into(), why.into());
        self.not_translated.push(NotTranslated { what, place, why });
    }

    /// The document that the file is read into.
    fn current(&mut self, text: &str) -> Option<Value> {
        if text.trim().is_empty() {
            return Some(serde_json::json!({ "version": 1, "edge": { "name": "edge" } }));
        }
        if text.lines().any(|line| line.trim_start().starts_with('#')) {
            let problem = "comments in the present configuration will be gone";
            let remedy = "note what they say as descriptions of devices and tags";
            self.told.warning(None, None, problem, remedy);
        }
        match tagwerk_config::document_value(text.as_bytes()) {
            Ok(document) if document.is_object() => Some(document),
            Ok(_) => {
                self.refuse("the present configuration is not a mapping", "correct it first");
                None
            }
            Err(finding) => {
                let problem = format!("the present configuration cannot be read: {finding}");
                self.refuse(problem, "correct it first");
                None
            }
        }
    }

    fn finish(mut self) -> Import {
        if self.not_translated_dropped > 0 {
            let more = format!("{} more", self.not_translated_dropped);
            let why = "only the first are listed".to_owned();
            self.not_translated.push(NotTranslated { what: more, place: String::new(), why });
        }
        let (findings, findings_dropped) = self.told.finish(&self.tables);
        Import {
            kind: self.kind,
            devices: self.devices,
            tags: self.tags,
            rows: self.rows,
            findings,
            findings_dropped,
            not_translated: self.not_translated,
            assumed: self.assumed,
            document: self.document,
        }
    }
}

/// Where in a table something stands; `None` for what is in no table.
pub(crate) type Where = Option<Place>;

fn recognise(bytes: &[u8]) -> Format {
    if bytes.starts_with(b"PK\x03\x04") {
        return Format::Xlsx;
    }
    let head = &bytes[..bytes.len().min(64 * 1024)];
    let (text, _) = encoding::decode(head);
    if text.trim_start().starts_with(['{', '[']) {
        return Format::Neuron;
    }
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    match thingspro::is_header(first) {
        true => Format::ThingsPro,
        false => Format::Csv,
    }
}
