//! The tables that a statement can name.

use crate::alarms::AlarmsTable;
use crate::device::{DeviceTable, Shape};
use crate::events::EventsTable;
use crate::ledger::{Account, LedgerTable};
use crate::lookup::{LookupTable, Lookups};
use crate::rollups::{self, RollupsTable};
use crate::samples::{self, SamplesTable, Which};
use crate::source::{Named, Source, TagTable};
use crate::{ColumnInfo, TableInfo, TableKind, alarms, events, filled, ledger};
use arrow::datatypes::Schema;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::{Result, plan_err};
use std::fmt;
use std::sync::Arc;
use tagwerk_historian::Width;

pub const CATALOG: &str = "tagwerk";
/// The name under which PostgreSQL's clients look.
pub const SCHEMA: &str = "public";
pub const SAMPLES: &str = "samples";
const LATEST: &str = "latest";
const EVENTS: &str = "events";
const LEDGER: &str = "ledger";
const LEDGER_SINKS: &str = "ledger_sinks";
const LEDGER_DELIVERY: &str = "ledger_delivery";
const BY_MINUTE: &str = "samples_by_minute";
const BY_HOUR: &str = "samples_by_hour";
const BY_DAY: &str = "samples_by_day";
const ALARMS: &str = "alarms";
const OWN: [&str; 10] = [
    SAMPLES,
    BY_MINUTE,
    BY_HOUR,
    BY_DAY,
    LATEST,
    EVENTS,
    ALARMS,
    LEDGER,
    LEDGER_SINKS,
    LEDGER_DELIVERY,
];

pub struct Tables(pub Arc<dyn Source>);

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tables")
    }
}

impl CatalogProvider for Tables {
    fn schema_names(&self) -> Vec<String> {
        vec![SCHEMA.to_owned()]
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        (name == SCHEMA).then(|| Arc::new(Tables(self.0.clone())) as Arc<dyn SchemaProvider>)
    }
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        let own = OWN.map(str::to_owned).into_iter();
        let lookups = self.0.lookups();
        let known = lookups.iter().map(|lookup| lookup.name.to_string());
        let tags = self.0.tags();
        let others = others(&tags, &lookups).map(str::to_owned);
        own.chain(known).chain(others).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let samples = |which| Arc::new(SamplesTable { source: self.0.clone(), which });
        let by = |width| Arc::new(RollupsTable { source: self.0.clone(), width });
        let account = |account| Arc::new(LedgerTable { source: self.0.clone(), account });
        Ok(match name {
            SAMPLES => Some(samples(Which::All)),
            BY_MINUTE => Some(by(Width::Minute)),
            BY_HOUR => Some(by(Width::Hour)),
            BY_DAY => Some(by(Width::Day)),
            LATEST => Some(samples(Which::Newest)),
            EVENTS => Some(Arc::new(EventsTable(self.0.clone()))),
            ALARMS => Some(Arc::new(AlarmsTable(self.0.clone()))),
            LEDGER => Some(account(Account::Tags)),
            LEDGER_SINKS => Some(account(Account::Sinks)),
            LEDGER_DELIVERY => Some(account(Account::Delivery)),
            other => {
                if let Some(lookup) = self.0.lookups().get(other) {
                    return Ok(Some(Arc::new(LookupTable(lookup.clone()))));
                }
                let (of, fill) = match filled::split(other) {
                    Some((of, age)) => (of, Some(age)),
                    None => (other, None),
                };
                let tags = self.0.tags();
                let table = tags.named(of).map(|named| -> Arc<dyn TableProvider> {
                    Arc::new(DeviceTable::new(self.0.clone(), &named, fill))
                });
                if table.is_none() && fill.is_some() {
                    return plan_err!("filled reads devices and templates, and {of} is none");
                }
                table
            }
        })
    }

    fn table_exist(&self, name: &str) -> bool {
        OWN.contains(&name)
            || self.0.lookups().get(name).is_some()
            || self.0.tags().named(filled::split(name).map_or(name, |(of, _)| of)).is_some()
    }
}

/// Devices and templates that have a table.
fn others<'a>(tags: &'a TagTable, lookups: &'a Lookups) -> impl Iterator<Item = &'a str> {
    let all = tags.device_names().chain(tags.template_names()).map(|name| &**name);
    all.filter(|name| !OWN.contains(name) && lookups.get(name).is_none())
}

/// The tables for people, those of devices and templates last.
pub fn describe(source: &Arc<dyn Source>) -> Vec<TableInfo> {
    let info = |name: &str, kind, description: &str, schema: &Schema| TableInfo {
        name: name.to_owned(),
        kind,
        description: description.to_owned(),
        columns: columns(schema),
    };
    let mut tables = vec![
        info(
            SAMPLES,
            TableKind::Samples,
            "every sample of every tag, one row each",
            &samples::SCHEMA,
        ),
        info(
            BY_MINUTE,
            TableKind::Samples,
            "what each tag's samples of a minute come to",
            &rollups::SCHEMA,
        ),
        info(BY_HOUR, TableKind::Samples, "the same of an hour", &rollups::SCHEMA),
        info(BY_DAY, TableKind::Samples, "the same of a day, UTC", &rollups::SCHEMA),
        info(LATEST, TableKind::Samples, "the newest sample of each tag", &samples::SCHEMA),
        info(EVENTS, TableKind::Record, "what happened on the edge", &events::SCHEMA),
        info(ALARMS, TableKind::Record, "what became of alarms, a row per change", &alarms::SCHEMA),
        info(
            LEDGER,
            TableKind::Record,
            "samples of each tag and minute: expected, stored, kept back, missed and why",
            &ledger::SCHEMA,
        ),
        info(
            LEDGER_SINKS,
            TableKind::Record,
            "stored samples of each sink and minute: delivered, pending, rejected, lost and why",
            &ledger::SINK_SCHEMA,
        ),
        info(
            LEDGER_DELIVERY,
            TableKind::Record,
            "both in one row: of each tag, minute and sink what was expected, stored, delivered, lost",
            &ledger::DELIVERY_SCHEMA,
        ),
    ];
    describe_others(source, &mut tables);
    tables
}

/// Lookup tables, and those of devices and templates.
fn describe_others(source: &Arc<dyn Source>, tables: &mut Vec<TableInfo>) {
    let info = |name: &str, kind, description: String, schema: &Schema| TableInfo {
        name: name.to_owned(),
        kind,
        description,
        columns: columns(schema),
    };
    let lookups = source.lookups();
    for lookup in lookups.iter() {
        let description = format!("lookup table {}, as it was read last", lookup.name);
        tables.push(info(&lookup.name, TableKind::Lookup, description, &lookup.schema()));
    }
    let tags = source.tags();
    for name in others(&tags, &lookups) {
        let Some(named) = tags.named(name) else { continue };
        let (kind, description) = match &named {
            Named::Device(_) if tags.hides_template(name) => {
                let text = format!(
                    "device {name}: a row per read, a column per tag; the template of the same name \
                     has no table"
                );
                (TableKind::Device, text)
            }
            Named::Device(_) => {
                (TableKind::Device, format!("device {name}: a row per read, a column per tag"))
            }
            Named::Template(_) => {
                let text = format!("template {name}: a row per read of each of its devices");
                (TableKind::Template, text)
            }
        };
        tables.push(info(name, kind, description, &Shape::new(&named).schema));
    }
}

fn columns(schema: &Schema) -> Vec<ColumnInfo> {
    let of = |field: &Arc<arrow::datatypes::Field>| ColumnInfo {
        description: samples::describe(field.name())
            .or_else(|| rollups::describe(field.name()))
            .map(str::to_owned),
        ..ColumnInfo::of(field)
    };
    schema.fields().iter().map(of).collect()
}
