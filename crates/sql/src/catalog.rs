//! The tables that a statement can name.

use crate::device::DeviceTable;
use crate::events::EventsTable;
use crate::ledger::{Account, LedgerTable};
use crate::rollups::{self, RollupsTable};
use crate::samples::{self, SamplesTable, Which};
use crate::source::Source;
use crate::{ColumnInfo, TableInfo, TableKind, events, ledger};
use arrow::datatypes::Schema;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::Result;
use std::fmt;
use std::sync::Arc;
use tagwerk_historian::Width;

pub const CATALOG: &str = "tagwerk";
/// The name under which PostgreSQL's clients look.
pub const SCHEMA: &str = "public";
const SAMPLES: &str = "samples";
const LATEST: &str = "latest";
const EVENTS: &str = "events";
const LEDGER: &str = "ledger";
const LEDGER_SINKS: &str = "ledger_sinks";
const BY_MINUTE: &str = "samples_by_minute";
const BY_HOUR: &str = "samples_by_hour";
const BY_DAY: &str = "samples_by_day";
const OWN: [&str; 8] = [SAMPLES, BY_MINUTE, BY_HOUR, BY_DAY, LATEST, EVENTS, LEDGER, LEDGER_SINKS];

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
        own.chain(self.0.tags().device_names().map(|name| name.to_string())).collect()
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
            LEDGER => Some(account(Account::Tags)),
            LEDGER_SINKS => Some(account(Account::Sinks)),
            device => {
                let tags = self.0.tags();
                tags.device(device).map(|tags| -> Arc<dyn TableProvider> {
                    Arc::new(DeviceTable::new(self.0.clone(), tags))
                })
            }
        })
    }

    fn table_exist(&self, name: &str) -> bool {
        OWN.contains(&name) || self.0.tags().device(name).is_some()
    }
}

/// The tables for people, those of devices last.
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
    ];
    let tags = source.tags();
    for name in tags.device_names() {
        let Some(tags) = tags.device(name) else { continue };
        let table = DeviceTable::new(source.clone(), tags);
        let description = format!("device {name}: a row per read, a column per tag");
        tables.push(info(name, TableKind::Device, &description, &table.schema()));
    }
    tables
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
