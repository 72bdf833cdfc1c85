//! What statements see of history, and how long it is kept.

use crate::archiving::{Archiving, Found};
use crate::configuration::Configuration;
use crate::ledger::Books;
use crate::ledger_rows::{delivery_rows, rows, sink_rows};
use crate::lookups::LookupTables;
use crate::secrets::SecretStore;
use crate::show;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tagwerk_alarms::{Board, ChangeQuery};
use tagwerk_archive::{Archive, Asked, Direction, TagName, union};
use tagwerk_config::CheckedKeep;
use tagwerk_env::Moment;
use tagwerk_historian::{
    Buckets, FoldRow, Historian, Keep, Kept, Need, ReadError, Retention, Scan, TagInfo, Wanted,
};
use tagwerk_model::{DataType, TagDefinition, TagId, limits};
use tagwerk_runtime::EventQuery;
use tagwerk_sql::{
    AlarmRow, Cancel, DeliveryRow, EventRow, Latest, LedgerRow, Lookups, Pieces, Rows, SinkRow,
    Source, TagEntry, TagTable, UserFunction,
};

/// A tag that is new is seen by statements after this long at the latest.
const TAGS_FOR: Duration = Duration::from_secs(1);

/// What statements read from.
pub struct Tables {
    books: Books,
    archiving: Archiving,
    secrets: Arc<SecretStore>,
    configuration: Configuration,
    alarms: Board,
    lookups: LookupTables,
    known: Mutex<Option<(Moment, Arc<TagTable>)>>,
}

impl Tables {
    pub fn new(
        books: Books,
        (archiving, secrets, configuration): (Archiving, Arc<SecretStore>, Configuration),
        (alarms, lookups): (Board, LookupTables),
    ) -> Tables {
        let known = Mutex::default();
        Tables { books, archiving, secrets, configuration, alarms, lookups, known }
    }

    /// As configured now; else as history last knew it.
    fn all_tags(&self) -> TagTable {
        let mut tags: HashMap<TagId, TagEntry> = HashMap::new();
        for tag in self.books.historian.tags() {
            let entry = TagEntry {
                id: tag.id,
                device: tag.device,
                name: tag.name,
                data_type: tag.data_type,
                unit: tag.unit,
            };
            tags.insert(entry.id, entry);
        }
        let mut devices: HashSet<Arc<str>> = HashSet::new();
        self.books.runtime.each_tag(&mut |device: &str, _: &str, tag: &TagDefinition| {
            let device = match devices.get(device) {
                Some(known) => known.clone(),
                None => {
                    let new: Arc<str> = device.into();
                    devices.insert(new.clone());
                    new
                }
            };
            tags.insert(tag.id, TagEntry::of(device, tag));
        });
        self.add_archived(&mut tags);
        let templates = self.configuration.templates().into_iter().map(|template| {
            let devices = template.devices.into_iter().map(Arc::from).collect();
            (Arc::from(template.name), devices)
        });
        TagTable::new(tags.into_values().collect()).with_templates(templates)
    }

    /// Tags that are left in archived files alone.
    fn add_archived(&self, tags: &mut HashMap<TagId, TagEntry>) {
        let Found::Open(archive) = self.archiving.found() else { return };
        let name = |tag: &TagEntry| TagName { device: tag.device.clone(), name: tag.name.clone() };
        let known: HashSet<TagName> = tags.values().map(name).collect();
        for tag in archive.tags().into_iter().filter(|tag| !known.contains(&tag.name)) {
            let id = self.archiving.own_id(&tag.name);
            let TagName { device, name } = tag.name;
            let entry = TagEntry { id, device, name, data_type: tag.data_type, unit: tag.unit };
            tags.insert(id, entry);
        }
    }

    /// History and archive of each tag as one.
    fn with_archive(&self, archive: Option<Arc<Archive>>, scan: &Scan) -> Pieces {
        let wanted: HashSet<TagId> = scan.tags.iter().copied().collect();
        let table = self.tags();
        let named = table.tags().iter().filter(|tag| wanted.contains(&tag.id));
        let names: HashMap<TagId, TagName> = named
            .map(|tag| (tag.id, TagName { device: tag.device.clone(), name: tag.name.clone() }))
            .collect();
        let (historian, scan) = (self.books.historian.clone(), scan.clone());
        let tags = scan.tags.clone().into_iter();
        Box::new(tags.flat_map(move |tag| -> Pieces {
            let scan = Scan { tags: vec![tag], ..scan.clone() };
            match names.get(&tag) {
                Some(name) => both(&historian, archive.as_ref(), name, &scan),
                None => held(&historian, &scan),
            }
        }))
    }
}

impl Source for Tables {
    fn tags(&self) -> Arc<TagTable> {
        let now = self.books.env.clock.now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((at, table)) if now.since(*at) < TAGS_FOR => table.clone(),
            _ => {
                let table = Arc::new(self.all_tags());
                *known = Some((now, table.clone()));
                table
            }
        }
    }

    fn lookups(&self) -> Arc<Lookups> {
        self.lookups.lookups()
    }

    fn functions(&self) -> Vec<UserFunction> {
        self.configuration.functions()
    }

    fn history(&self, scan: &Scan) -> Pieces {
        if let Some(why) = self.books.history_off() {
            return Box::new(std::iter::once(Err(why)));
        }
        match self.archiving.found() {
            Found::None => held(&self.books.historian, scan),
            Found::Opening => self.with_archive(None, scan),
            Found::Open(archive) if archive.reaches_into(scan.from_unix_ns, scan.to_unix_ns) => {
                self.with_archive(Some(archive), scan)
            }
            Found::Open(_) => held(&self.books.historian, scan),
        }
    }

    /// What is archived comes whole.
    fn history_columns(&self, scan: &Scan, wanted: Wanted) -> Pieces {
        match self.books.history_off().is_none()
            && self.can_fold(&(scan.from_unix_ns..scan.to_unix_ns))
        {
            true => undamaged(self.books.historian.scan_columns(scan, wanted)),
            false => self.history(scan),
        }
    }

    /// The archive has no folds.
    fn can_fold(&self, span: &Range<i64>) -> bool {
        match self.archiving.found() {
            Found::None => true,
            Found::Opening => false,
            Found::Open(archive) => !archive.reaches_into(span.start, span.end),
        }
    }

    fn folds(&self, scan: &Scan, buckets: Option<Buckets>, need: Need) -> Rows<Vec<FoldRow>> {
        match self.books.history_off() {
            Some(why) => Box::new(std::iter::once(Err(why))),
            None => undamaged(self.books.historian.folds(scan, buckets, need)),
        }
    }

    fn types(&self, tag: TagId, span: &Range<i64>) -> Option<Vec<DataType>> {
        self.books.historian.types(tag, span.start, span.end).ok()
    }

    /// What is archived is not counted.
    fn samples_about(&self, tags: &[TagId], span: &Range<i64>) -> Option<u64> {
        if !self.can_fold(span) {
            return None;
        }
        self.books.historian.samples_about(tags, span.start, span.end)
    }

    fn latest(&self, tags: &[TagId]) -> Vec<Latest> {
        let newest = self.books.runtime.newest(&tags.iter().copied().collect());
        let rows = newest.into_iter().filter_map(|(tag, view)| {
            Some(Latest {
                tag,
                unix_ns: view.read_unix_ns?,
                source_time: view.source_unix_ns,
                quality: view.quality,
                value: view.value,
            })
        });
        rows.collect()
    }

    fn ledger(&self, span: Range<i64>, tags: &[TagId], cancel: Cancel) -> Rows<LedgerRow> {
        rows(self.books.clone(), &self.tags(), span, tags, cancel)
    }

    fn ledger_sinks(&self, span: Range<i64>, cancel: Cancel) -> Rows<SinkRow> {
        sink_rows(self.books.clone(), span, cancel)
    }

    fn ledger_delivery(
        &self,
        span: Range<i64>,
        tags: &[TagId],
        cancel: Cancel,
    ) -> Rows<DeliveryRow> {
        delivery_rows(self.books.clone(), &self.tags(), span, tags, cancel)
    }

    fn events(&self) -> Vec<EventRow> {
        let query = EventQuery { limit: limits::EVENTS_REMEMBERED_MAX, ..EventQuery::default() };
        let rows = self.books.runtime.events(&query).into_iter().map(|event| EventRow {
            unix_ns: event.unix_ns,
            kind: show::event_kind(event.kind).name().to_owned(),
            severity: show::event_severity(event.severity).name().to_owned(),
            about: event.subject.map(Into::into).unwrap_or_default(),
            text: self.secrets.redact(event.text.into()),
            by: event.by.map(Into::into),
        });
        rows.collect()
    }

    fn alarms(&self) -> Vec<AlarmRow> {
        let query = ChangeQuery { limit: usize::MAX, ..ChangeQuery::default() };
        let rows = self.alarms.changes(&query).into_iter().map(|(_, change)| AlarmRow {
            unix_ns: change.unix_ns,
            alarm: change.alarm,
            device: change.device,
            tag: change.tag,
            change: change.kind.name(),
            priority: change.priority.name(),
            announced: change.announced,
            value: change.value,
            by: change.by,
            comment: change.comment,
            text: change.text,
        });
        rows.collect()
    }
}

/// What history holds. What is damaged was told as an event; the rest is served.
fn held(historian: &Historian, scan: &Scan) -> Pieces {
    undamaged(historian.scan(scan))
}

fn undamaged<T: 'static>(
    read: impl Iterator<Item = Result<T, ReadError>> + Send + 'static,
) -> Rows<T> {
    Box::new(read.filter_map(|part| match part {
        Err(error @ ReadError::Damaged { .. }) => {
            tracing::warn!(%error, "a statement goes on without damaged samples");
            None
        }
        part => Some(part.map_err(|error| error.to_string())),
    }))
}

/// One tag's samples: of the archive those from before history holds all of them.
fn both(
    historian: &Historian,
    archive: Option<&Arc<Archive>>,
    name: &TagName,
    scan: &Scan,
) -> Pieces {
    let Some(tag) = scan.tags.first().copied() else { return Box::new(std::iter::empty()) };
    let mut of_history = held(historian, scan).peekable();
    // History opens its files with its first piece. Only then it is asked since when it holds all:
    // what it removes in between is in both, and never in none.
    let _ = of_history.peek();
    let held_from = match historian.held_from(tag) {
        Ok(from) => from.unwrap_or(i64::MAX),
        Err(error) => return Box::new(std::iter::once(Err(error.to_string()))),
    };
    let to_unix_ns = scan.to_unix_ns.min(held_from);
    if to_unix_ns <= scan.from_unix_ns {
        return Box::new(of_history);
    }
    let Some(archive) = archive else {
        let error = "the archive is still being opened, or cannot be reached, which the status \
                     says; ask again in a moment, or for a later time";
        return Box::new(std::iter::once(Err(error.to_owned())));
    };
    let direction = if scan.newest_first { Direction::Backward } else { Direction::Forward };
    let archived = archive.pieces(Asked {
        name: name.clone(),
        tag,
        from_unix_ns: scan.from_unix_ns,
        to_unix_ns,
        direction,
        cancel: scan.cancel.clone(),
    });
    let archived = archived.map(|piece| piece.map_err(|error| error.to_string()));
    Box::new(union(of_history, archived, direction))
}

/// The rules of a configuration.
pub fn retention(keep: Vec<CheckedKeep>) -> Retention {
    let kept = |rule: &CheckedKeep| {
        let time = |limit: Option<Duration>| limit.map_or(Keep::WhileRoom, Keep::For);
        Kept {
            samples: time(rule.samples),
            minutes: time(rule.minutes),
            hours: time(rule.hours),
            days: time(rule.days),
            sample_bytes_max: rule.sample_bytes_max,
        }
    };
    let rules = keep.iter().map(kept).collect();
    let chooses = |rule: &CheckedKeep, tag: &TagInfo| {
        rule.tags.iter().any(|pattern| pattern.matches(&tag.device, &tag.group, &tag.name))
    };
    let rule_of = move |tag: &TagInfo| keep.iter().position(|rule| chooses(rule, tag));
    Retention { rules, rule_of: Arc::new(rule_of) }
}
