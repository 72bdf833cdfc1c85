//! Has the new document checked as every document is, and brings each finding to the row and the column
//! that it comes from.

use crate::column::Column;
use crate::draft::{DeviceDraft, Drafts, GroupDraft, TagDraft};
use crate::table::{Place, Table};
use crate::{RowFinding, Where, Work};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use tagwerk_config::{Catalogue, LocatedFinding, Weight, lint};
use tagwerk_model::limits;

/// Tags that are checked at once where a whole document has more findings than are listed.
const PART_TAGS_MAX: usize = 100;

/// The findings of one import.
#[derive(Default)]
pub(crate) struct Told {
    list: Vec<Finding>,
    dropped: usize,
    errors: usize,
    /// What has been told of, so that it is not told again in other words.
    about: HashSet<(Place, Option<String>)>,
}

struct Finding {
    weight: Weight,
    place: Where,
    column: Option<String>,
    problem: String,
    remedy: String,
}

/// Findings kept while a file is read: more than are listed, because they are put in order first.
const KEPT_MAX: usize = 20 * limits::ROW_FINDINGS_MAX;

/// A text of a user in a message.
pub(crate) fn shown(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.trim().chars().take(64).map(visible).collect();
    if text.trim().chars().nth(64).is_some() {
        short.push('…');
    }
    short
}

impl Told {
    pub fn error(
        &mut self,
        place: Where,
        column: Option<&Column>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let column = column.map(Column::name);
        self.add(Weight::Error, place, column, problem.into(), remedy.into());
    }

    /// An error about a column that is none of ours.
    pub fn error_about(
        &mut self,
        place: Place,
        header: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let header = Some(shown(header));
        self.add(Weight::Error, Some(place), header, problem.into(), remedy.into());
    }

    pub fn warning(
        &mut self,
        place: Where,
        column: Option<&Column>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let column = column.map(Column::name);
        self.add(Weight::Warning, place, column, problem.into(), remedy.into());
    }

    fn add(
        &mut self,
        weight: Weight,
        place: Where,
        column: Option<String>,
        problem: String,
        remedy: String,
    ) {
        self.errors += usize::from(weight == Weight::Error);
        if let Some(place) = place {
            self.about.insert((place, column.clone()));
        }
        if self.list.len() >= KEPT_MAX {
            self.dropped += 1;
            return;
        }
        self.list.push(Finding { weight, place, column, problem, remedy });
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether something has been told of a cell.
    pub fn has_told(&self, place: Place, column: &str) -> bool {
        self.about.contains(&(place, Some(column.to_owned())))
    }

    /// Where a row is, in a message about another.
    pub fn row_words(&self, place: Place) -> String {
        // The mark is replaced by the row's number when the tables are at hand.
        format!("in row \u{1}{}:{}\u{1}", place.table, place.row)
    }

    /// What was found, in the order of the file, and how many more there were.
    pub fn finish(mut self, tables: &[Table]) -> (Vec<RowFinding>, usize) {
        self.list.sort_by_key(|finding| finding.place.map_or((0, None), |place| (1, Some(place))));
        let dropped = self.dropped + self.list.len().saturating_sub(limits::ROW_FINDINGS_MAX);
        self.list.truncate(limits::ROW_FINDINGS_MAX);
        let row = |place: Place| {
            let table = tables.get(place.table as usize)?;
            Some((table, table.rows.get(place.row as usize)?))
        };
        let number = |place| row(place).map_or(0, |(_, row)| row.number);
        let list = self.list.into_iter().map(|finding| {
            let found = finding.place.and_then(row);
            let value = found.and_then(|(table, row)| {
                let header = &table.rows.get(table.header()?)?.cells;
                let wanted = finding.column.as_deref()?;
                let named = |cell: &String| {
                    Column::parse(cell)
                        .map_or_else(|| cell.trim() == wanted, |c| c.name() == wanted)
                };
                let cell = row.cells.get(header.iter().position(named)?)?;
                Some(shown(cell)).filter(|cell| !cell.is_empty())
            });
            RowFinding {
                weight: finding.weight,
                sheet: found.and_then(|(table, _)| table.sheet.clone()),
                row: found.map(|(_, row)| row.number),
                column: finding.column,
                value,
                problem: with_rows(&finding.problem, &number),
                remedy: finding.remedy,
            }
        });
        (list.collect(), dropped)
    }
}

/// Puts the numbers of rows where [`Told::row_words`] left their places.
fn with_rows(problem: &str, number: &dyn Fn(Place) -> u32) -> String {
    let mut parts = problem.split('\u{1}');
    let mut text = parts.next().unwrap_or_default().to_owned();
    while let (Some(mark), rest) = (parts.next(), parts.next()) {
        if let Some((table, row)) = mark.split_once(':')
            && let (Ok(table), Ok(row)) = (table.parse(), row.parse())
        {
            text.push_str(&number(Place { table, row }).to_string());
        }
        text.push_str(rest.unwrap_or_default());
    }
    text
}

/// Checks the whole document; where that finds more than it lists, part by part.
pub(crate) fn judge(document: &Value, drafts: &Drafts, catalogue: &Catalogue, work: &mut Work) {
    let parts: Vec<Part<'_>> = drafts.list.iter().map(Part::whole).collect();
    let whole = Sheet::write(document, &parts, Rest::All);
    let lint_whole = lint(whole.text.as_bytes(), catalogue);
    let mut other: HashSet<(String, String)> = HashSet::new();
    if lint_whole.dropped == 0 {
        for finding in lint_whole.findings {
            whole.tell(finding, &mut work.told, &mut other);
        }
        return;
    }
    for device in &drafts.list {
        for part in Part::divided(device) {
            let sheet = Sheet::write(document, &[part], Rest::Templates);
            let found = lint(sheet.text.as_bytes(), catalogue);
            work.told.dropped += found.dropped;
            for finding in found.findings {
                sheet.tell(finding, &mut work.told, &mut other);
            }
        }
    }
    for finding in lint_whole.findings {
        whole.tell(finding, &mut work.told, &mut other);
    }
    if !work.told.has_errors() && lint_whole.checked.is_none() {
        work.refuse("the new configuration has mistakes that are not listed", "divide the file");
    }
}

/// A device, or some of its tags.
struct Part<'a> {
    device: &'a DeviceDraft,
    groups: Vec<(&'a GroupDraft, &'a [TagDraft])>,
}

impl<'a> Part<'a> {
    fn whole(device: &'a DeviceDraft) -> Part<'a> {
        let groups = device.groups.iter().map(|group| (group, &group.tags[..])).collect();
        Part { device, groups }
    }

    fn divided(device: &'a DeviceDraft) -> Vec<Part<'a>> {
        let mut parts = vec![Part { device, groups: Vec::new() }];
        let mut room = PART_TAGS_MAX;
        for group in &device.groups {
            let mut tags = &group.tags[..];
            loop {
                let (now, later) = tags.split_at(room.min(tags.len()));
                if let Some(part) = parts.last_mut() {
                    part.groups.push((group, now));
                }
                room -= now.len();
                tags = later;
                if tags.is_empty() {
                    break;
                }
                parts.push(Part { device, groups: Vec::new() });
                room = PART_TAGS_MAX;
            }
        }
        parts
    }
}

/// What besides the devices is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    All,
    Templates,
}

/// A document in which every device, group and tag has a line of its own.
struct Sheet {
    text: String,
    /// What each line holds, from the first on.
    lines: Vec<Line>,
}

#[derive(Clone, Copy)]
struct Line {
    kind: LineKind,
    place: Where,
    repeated: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineKind {
    Other,
    Device,
    Group,
    Tag,
}

impl Sheet {
    fn write(document: &Value, parts: &[Part<'_>], rest: Rest) -> Sheet {
        let mut sheet = Sheet { text: String::new(), lines: Vec::new() };
        let mut head = document.as_object().cloned().unwrap_or_default();
        head.remove("devices");
        let sinks = head.remove("sinks").filter(|_| rest == Rest::All);
        if rest != Rest::All {
            head.remove("archive");
        }
        if rest == Rest::Templates {
            let name = parts.first().and_then(|part| part.device.keys.get("template"));
            head.retain(|key, _| matches!(key.as_str(), "version" | "edge" | "templates"));
            if let Some(templates) = head.get_mut("templates").and_then(Value::as_array_mut) {
                templates.retain(|template| template.get("name") == name);
            }
        }
        sheet.open(&head, "devices", LineKind::Other, None, false);
        for (i, part) in parts.iter().enumerate() {
            sheet.part(part);
            sheet.text.push_str(if i + 1 < parts.len() { "," } else { "" });
        }
        sheet.text.push(']');
        if let Some(sinks) = sinks {
            sheet.text.push_str(&format!(",\"sinks\":{sinks}"));
        }
        sheet.text.push('}');
        sheet
    }

    fn part(&mut self, part: &Part<'_>) {
        let device = part.device;
        if device.groups.is_empty() {
            self.line(&device.keys, LineKind::Device, device.place, false);
            return;
        }
        self.open(&device.keys, "groups", LineKind::Device, device.place, false);
        for (i, (group, tags)) in part.groups.iter().enumerate() {
            self.text.push_str(if i > 0 { "," } else { "" });
            self.open(&group.keys, "tags", LineKind::Group, group.place, false);
            let tags = tags.iter().filter(|tag| !tag.keys.is_empty());
            for (i, tag) in tags.enumerate() {
                self.text.push_str(if i > 0 { "," } else { "" });
                self.line(&tag.keys, LineKind::Tag, tag.place, tag.repeated);
            }
            self.text.push_str("]}");
        }
        self.text.push_str("]}");
    }

    fn begin(&mut self, kind: LineKind, place: Where, repeated: bool) {
        if !self.lines.is_empty() {
            self.text.push('\n');
        }
        self.lines.push(Line { kind, place, repeated });
    }

    fn line(&mut self, keys: &Map<String, Value>, kind: LineKind, place: Where, repeated: bool) {
        self.begin(kind, place, repeated);
        self.text.push_str(&json(keys));
    }

    /// A mapping whose last key is a list that stays open.
    fn open(
        &mut self,
        keys: &Map<String, Value>,
        list: &str,
        kind: LineKind,
        place: Where,
        repeated: bool,
    ) {
        self.line(keys, kind, place, repeated);
        self.text.pop();
        let comma = if keys.is_empty() { "" } else { "," };
        self.text.push_str(&format!("{comma}\"{list}\":["));
    }

    fn tell(
        &self,
        finding: LocatedFinding,
        told: &mut Told,
        other: &mut HashSet<(String, String)>,
    ) {
        let none = Line { kind: LineKind::Other, place: None, repeated: false };
        let line = self.lines.get(finding.line as usize - 1).copied().unwrap_or(none);
        let keys = keys_of(&finding.path, line.kind);
        let column = column(line.kind, keys);
        let name = column.as_ref().map(Column::name);
        let Some(place) = line.place else {
            if other.insert((finding.path.clone(), finding.problem.clone())) {
                let path = Some(finding.path).filter(|path| !path.is_empty());
                told.add(finding.weight, None, path, finding.problem, finding.remedy);
            }
            return;
        };
        // A second tag of the same name has been told of in terms of rows.
        if line.repeated && keys == "name" || told.about.contains(&(place, name.clone())) {
            return;
        }
        let problem = in_rows(&finding.problem);
        told.add(finding.weight, Some(place), name, problem, finding.remedy);
    }
}

/// Messages of the check speak of lines of the document, which the user has not.
fn in_rows(problem: &str) -> String {
    match problem.find(", on line ") {
        Some(at) => problem[..at].to_owned(),
        None => problem.to_owned(),
    }
}

fn json(keys: &Map<String, Value>) -> String {
    // The JSON reader of the check takes no DEL; other control characters are escaped anyway.
    json!(keys).to_string().replace('\u{7f}', "\\u007f")
}

/// What follows the names of device, group and tag in a path.
fn keys_of(path: &str, kind: LineKind) -> &str {
    let names = match kind {
        LineKind::Other => 0,
        LineKind::Device => 1,
        LineKind::Group => 2,
        LineKind::Tag => 3,
    };
    let mut rest = path;
    for _ in 0..names {
        rest = rest.split_once(']').map_or("", |(_, rest)| rest);
    }
    rest.trim_start_matches('.')
}

fn column(kind: LineKind, keys: &str) -> Option<Column> {
    let first = keys.split(['.', '[']).next().unwrap_or_default();
    match (kind, first) {
        (LineKind::Device, "name") => Some(Column::Device),
        (LineKind::Device, "description") => Some(Column::DeviceDescription),
        (LineKind::Device, "settings" | "parameters") => match keys.contains('.') {
            true => Column::parse(keys),
            false => None,
        },
        (LineKind::Device, "groups") => Some(Column::Group),
        (LineKind::Group, "name") => Some(Column::Group),
        (LineKind::Group, "tags") => Some(Column::Tag),
        (LineKind::Tag, "name") => Some(Column::Tag),
        (LineKind::Tag, "range") => Some(Column::RangeLow),
        (LineKind::Tag, "scale") if keys.contains("from") => Some(Column::RawLow),
        (LineKind::Tag, "scale") if keys.contains("to") => Some(Column::ValueLow),
        (LineKind::Tag, "scale") if keys.contains("offset") => Some(Column::Offset),
        (LineKind::Tag, "scale") => Some(Column::Slope),
        (LineKind::Other, _) => None,
        (_, other) => Column::parse(other),
    }
}
