//! `pg_catalog`: the tables in which PostgreSQL's clients look for tables, columns, types and roles.
//! Made anew for each statement, and only those that it names.

use super::{Session, types};
use crate::catalog::{CATALOG, SCHEMA as PUBLIC, Tables};
use crate::source::Source;
use crate::{FunctionClass, TableInfo, catalog, functions};
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use async_trait::async_trait;
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::common::Result;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

pub const SCHEMA: &str = "pg_catalog";
/// The first number of our functions.
pub const FUNCTION_OID: i64 = 12_000;
const OWNER_OID: i64 = 10;
const USER_OID: i64 = 16_383;
const DATABASE_OID: i64 = 16_382;
const CATALOG_OID: i64 = 11;
const PUBLIC_OID: i64 = 2_200;
const INFORMATION_OID: i64 = 13_000;
/// Receives arrays of any type; drivers know arrays by it.
const ARRAY_RECEIVE_OID: i64 = 2_400;
/// The first number of the functions that receive a type.
const RECEIVE_OID: i64 = 100_000;
const CLASS_OID: i64 = 1_259;

const NAMESPACES: [(i64, &str); 3] =
    [(CATALOG_OID, SCHEMA), (PUBLIC_OID, PUBLIC), (INFORMATION_OID, super::information::SCHEMA)];

pub fn namespace_name(oid: i64) -> Option<String> {
    NAMESPACES.iter().find(|known| known.0 == oid).map(|known| known.1.to_owned())
}

pub fn namespace_oid(name: &str) -> Option<i64> {
    NAMESPACES.iter().find(|known| known.1 == name).map(|known| known.0)
}

/// What statements of one session can know.
pub struct Known {
    pub session: Session,
    source: Arc<dyn Source>,
    tables: OnceLock<Vec<(i64, TableInfo)>>,
}

impl Known {
    pub fn new(source: Arc<dyn Source>, session: Session) -> Known {
        Known { session, source, tables: OnceLock::new() }
    }

    /// The tables with their numbers, which depend on their names alone: what one statement found is
    /// still there for the next.
    pub fn tables(&self) -> &[(i64, TableInfo)] {
        self.tables.get_or_init(|| {
            let mut taken = HashSet::new();
            let numbered = catalog::describe(&self.source).into_iter().map(|table| {
                let mut oid = table_oid(&table.name);
                while !taken.insert(oid) {
                    oid += 1;
                }
                (oid, table)
            });
            numbered.collect()
        })
    }

    pub fn table_by_oid(&self, oid: i64) -> Option<&TableInfo> {
        self.tables().iter().find(|(known, _)| *known == oid).map(|(_, table)| table)
    }

    /// The number of a table by its name as a statement writes it.
    pub fn oid_of(&self, name: &str) -> Option<i64> {
        let bare = name.trim().trim_start_matches("public.").trim_start_matches("\"public\".");
        if let Some(class) = name.trim().strip_prefix("pg_catalog.").or(Some(bare))
            && class == "pg_class"
        {
            return Some(CLASS_OID);
        }
        let wanted = match bare.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
            Some(inner) => inner.replace("\"\"", "\""),
            None => bare.to_lowercase(),
        };
        self.tables().iter().find(|(_, table)| table.name == wanted).map(|(oid, _)| *oid)
    }

    pub fn role(&self, oid: i64) -> Option<String> {
        match oid {
            OWNER_OID => Some(CATALOG.to_owned()),
            USER_OID => Some(self.session.user.clone()),
            other => Some(format!("unknown (OID={other})")),
        }
    }

    pub fn table_description(&self, oid: i64) -> Option<String> {
        self.table_by_oid(oid).map(|table| table.description.clone())
    }

    pub fn column_description(&self, oid: i64, number: i64) -> Option<String> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        self.table_by_oid(oid)?.columns.get(at)?.description.clone()
    }
}

/// FNV-1a over the name, above the numbers that PostgreSQL keeps for itself.
fn table_oid(name: &str) -> i64 {
    let hash = name
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    i64::from(hash % 2_000_000_000) + 20_000
}

/// A value in a table of the catalogue.
pub enum Cell {
    Null,
    Text(String),
    Int(i64),
    Bool(bool),
}

pub fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

/// Type of a column of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Text,
    Int,
    Bool,
}

/// Columns with their types, and rows.
pub struct Listing {
    columns: Vec<(&'static str, Of)>,
    rows: Vec<Vec<Cell>>,
}

impl Listing {
    /// `"oid:i relname relhasindex:b"`
    pub fn new(columns: &'static str, rows: Vec<Vec<Cell>>) -> Listing {
        let columns = columns.split_whitespace().map(|column| match column.split_once(':') {
            Some((name, "i")) => (name, Of::Int),
            Some((name, _)) => (name, Of::Bool),
            None => (column, Of::Text),
        });
        Listing { columns: columns.collect(), rows }
    }

    fn provider(self) -> Result<Arc<dyn TableProvider>> {
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (at, (name, of)) in self.columns.iter().enumerate() {
            let cells = self.rows.iter().map(|row| row.get(at).unwrap_or(&Cell::Null));
            let (data_type, array): (DataType, ArrayRef) = match of {
                Of::Text => (
                    DataType::Utf8,
                    Arc::new(StringArray::from_iter(cells.map(|cell| match cell {
                        Cell::Text(text) => Some(text.as_str()),
                        _ => None,
                    }))),
                ),
                Of::Int => (
                    DataType::Int64,
                    Arc::new(Int64Array::from_iter(cells.map(|cell| match cell {
                        Cell::Int(number) => Some(*number),
                        _ => None,
                    }))),
                ),
                Of::Bool => (
                    DataType::Boolean,
                    Arc::new(BooleanArray::from_iter(cells.map(|cell| match cell {
                        Cell::Bool(truth) => Some(*truth),
                        _ => None,
                    }))),
                ),
            };
            fields.push(Field::new(*name, data_type, true));
            arrays.push(array);
        }
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(schema.clone(), arrays)?;
        Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
    }
}

/// A schema of such tables, behind the tables of history where there are some.
pub struct Catalogue {
    pub known: Arc<Known>,
    pub own: Option<Tables>,
    pub tables: fn(&Known, &str) -> Option<Listing>,
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Catalogue")
    }
}

#[async_trait]
impl SchemaProvider for Catalogue {
    fn table_names(&self) -> Vec<String> {
        self.own.as_ref().map(SchemaProvider::table_names).unwrap_or_default()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(own) = &self.own
            && let Some(table) = own.table(name).await?
        {
            return Ok(Some(table));
        }
        (self.tables)(&self.known, name).map(Listing::provider).transpose()
    }

    fn table_exist(&self, name: &str) -> bool {
        self.own.as_ref().is_some_and(|own| own.table_exist(name)) || name.starts_with("pg_")
    }
}

pub fn table(known: &Known, name: &str) -> Option<Listing> {
    Some(match name {
        "pg_namespace" => namespaces(),
        "pg_class" => classes(known),
        "pg_attribute" => attributes(known),
        "pg_type" => all_types(),
        "pg_proc" => procedures(),
        "pg_description" => descriptions(known),
        "pg_database" => database(),
        "pg_roles" | "pg_user" | "pg_authid" => roles(known),
        "pg_settings" => settings(known),
        "pg_tables" => tables(known),
        "pg_am" => Listing::new(
            "oid:i amname amhandler amtype",
            vec![vec![Cell::Int(2), text("history"), text("-"), text("t")]],
        ),
        "pg_tablespace" => Listing::new(
            "oid:i spcname spcowner:i spcacl spcoptions",
            vec![vec![Cell::Int(1_663), text("pg_default"), Cell::Int(OWNER_OID)]],
        ),
        "pg_language" => Listing::new(
            "oid:i lanname lanowner:i lanispl:b lanpltrusted:b",
            vec![vec![Cell::Int(12), text("internal"), Cell::Int(OWNER_OID)]],
        ),
        other => Listing::new(empty_columns(other)?, Vec::new()),
    })
}

/// Columns of the tables without rows that clients join from the other side.
fn empty_columns(name: &str) -> Option<&'static str> {
    Some(match name {
        "pg_attrdef" => "oid:i adrelid:i adnum:i adbin adsrc",
        "pg_auth_members" => "roleid:i member:i grantor:i admin_option:b",
        "pg_collation" => "oid:i collname collnamespace:i collowner:i collprovider collencoding:i",
        "pg_constraint" => {
            "oid:i conname connamespace:i contype condeferrable:b condeferred:b convalidated:b \
             conrelid:i contypid:i conindid:i conparentid:i confrelid:i confupdtype confdeltype \
             confmatchtype conislocal:b coninhcount:i connoinherit:b conkey confkey conbin"
        }
        "pg_depend" => "classid:i objid:i objsubid:i refclassid:i refobjid:i refobjsubid:i deptype",
        "pg_enum" => "oid:i enumtypid:i enumsortorder:i enumlabel",
        "pg_extension" => "oid:i extname extowner:i extnamespace:i extrelocatable:b extversion",
        "pg_foreign_server" => "oid:i srvname srvowner:i srvfdw:i srvtype srvversion srvoptions",
        "pg_foreign_table" => "ftrelid:i ftserver:i ftoptions",
        "pg_index" => {
            "indexrelid:i indrelid:i indnatts:i indnkeyatts:i indisunique:b indisprimary:b \
             indisexclusion:b indimmediate:b indisclustered:b indisvalid:b indisready:b indislive:b \
             indisreplident:b indkey indcollation indclass indoption indexprs indpred"
        }
        "pg_inherits" => "inhrelid:i inhparent:i inhseqno:i inhdetachpending:b",
        "pg_matviews" => {
            "schemaname matviewname matviewowner tablespace hasindexes:b ispopulated:b"
        }
        "pg_partitioned_table" => "partrelid:i partstrat partnatts:i partdefid:i partattrs",
        "pg_range" => "rngtypid:i rngsubtype:i rngmultitypid:i rngcollation:i rngsubopc:i",
        "pg_rewrite" => "oid:i rulename ev_class:i ev_type ev_enabled is_instead:b",
        "pg_shdescription" => "objoid:i classoid:i description",
        "pg_stat_activity" => {
            "datid:i datname pid:i usesysid:i usename application_name state query"
        }
        "pg_trigger" => "oid:i tgrelid:i tgparentid:i tgname tgfoid:i tgtype:i tgenabled",
        "pg_views" => "schemaname viewname viewowner definition",
        _ => return None,
    })
}

fn namespaces() -> Listing {
    let rows = NAMESPACES
        .iter()
        .map(|(oid, name)| vec![Cell::Int(*oid), text(*name), Cell::Int(OWNER_OID), Cell::Null]);
    Listing::new("oid:i nspname nspowner:i nspacl", rows.collect())
}

fn classes(known: &Known) -> Listing {
    let no = || Cell::Bool(false);
    let rows = known.tables().iter().map(|(oid, table)| {
        vec![
            Cell::Int(*oid),
            text(&*table.name),
            Cell::Int(PUBLIC_OID),
            Cell::Int(0),
            Cell::Int(0),
            Cell::Int(OWNER_OID),
            Cell::Int(2),
            Cell::Int(*oid),
            Cell::Int(0),
            Cell::Int(0),
            Cell::Int(-1),
            Cell::Int(0),
            Cell::Int(0),
            no(),
            no(),
            text("p"),
            text("r"),
            Cell::Int(table.columns.len() as i64),
            Cell::Int(0),
            no(),
            no(),
            no(),
            no(),
            no(),
            Cell::Bool(true),
            text("n"),
            no(),
        ]
    });
    Listing::new(
        "oid:i relname relnamespace:i reltype:i reloftype:i relowner:i relam:i relfilenode:i \
         reltablespace:i relpages:i reltuples:i relallvisible:i reltoastrelid:i relhasindex:b \
         relisshared:b relpersistence relkind relnatts:i relchecks:i relhasrules:b relhastriggers:b \
         relhassubclass:b relrowsecurity:b relforcerowsecurity:b relispopulated:b relreplident \
         relispartition:b relacl reloptions relpartbound",
        rows.collect(),
    )
}

fn attributes(known: &Known) -> Listing {
    let columns = known.tables().iter().flat_map(|(oid, table)| {
        table.columns.iter().enumerate().map(move |(at, column)| (*oid, at, column))
    });
    let rows = columns.map(|(oid, at, column)| {
        let of = types::of_sql_name(&column.data_type);
        vec![
            Cell::Int(oid),
            text(&*column.name),
            Cell::Int(of.oid),
            Cell::Int(-1),
            Cell::Int(i64::from(of.size)),
            Cell::Int(at as i64 + 1),
            Cell::Int(0),
            Cell::Int(-1),
            Cell::Int(-1),
            Cell::Bool(of.size > 0),
            text(if of.size > 0 { "p" } else { "x" }),
            text("i"),
            Cell::Bool(at == 0),
            Cell::Bool(false),
            Cell::Bool(false),
            text(""),
            text(""),
            Cell::Bool(false),
            Cell::Bool(true),
            Cell::Int(0),
            Cell::Int(0),
            text(""),
        ]
    });
    Listing::new(
        "attrelid:i attname atttypid:i attstattarget:i attlen:i attnum:i attndims:i attcacheoff:i \
         atttypmod:i attbyval:b attstorage attalign attnotnull:b atthasdef:b atthasmissing:b \
         attidentity attgenerated attisdropped:b attislocal:b attinhcount:i attcollation:i \
         attcompression attacl attoptions attfdwoptions",
        rows.collect(),
    )
}

fn all_types() -> Listing {
    let row = |oid: i64, name: String, of: &types::BaseType, array: bool| {
        let receive = if array { ARRAY_RECEIVE_OID } else { RECEIVE_OID + of.oid };
        let through = |what: &str| match array {
            true => text(format!("array_{what}")),
            false => text(format!("{}{what}", of.name)),
        };
        vec![
            Cell::Int(oid),
            text(name),
            Cell::Int(CATALOG_OID),
            Cell::Int(OWNER_OID),
            Cell::Int(if array { -1 } else { i64::from(of.size) }),
            Cell::Bool(!array && (1..=8).contains(&of.size)),
            text(if of.name == "unknown" { "p" } else { "b" }),
            text(if array { "A" } else { of.category }),
            Cell::Bool(false),
            Cell::Bool(true),
            text(","),
            Cell::Int(0),
            Cell::Int(if array { of.oid } else { 0 }),
            Cell::Int(if array { 0 } else { of.array_oid }),
            through("in"),
            through("out"),
            Cell::Int(receive),
            through("send"),
            Cell::Int(0),
            Cell::Bool(false),
            Cell::Int(0),
            Cell::Int(-1),
            Cell::Int(0),
            Cell::Int(0),
        ]
    };
    let rows = types::ALL.iter().flat_map(|of| {
        let own = row(of.oid, of.name.to_owned(), of, false);
        let array =
            (of.array_oid != 0).then(|| row(of.array_oid, format!("_{}", of.name), of, true));
        std::iter::once(own).chain(array)
    });
    Listing::new(
        "oid:i typname typnamespace:i typowner:i typlen:i typbyval:b typtype typcategory \
         typispreferred:b typisdefined:b typdelim typrelid:i typelem:i typarray:i typinput typoutput \
         typreceive:i typsend typmodin:i typnotnull:b typbasetype:i typtypmod:i typndims:i \
         typcollation:i typdefault typacl",
        rows.collect(),
    )
}

fn procedures() -> Listing {
    let row = |oid: i64, name: String, namespace: i64, kind: &str| {
        vec![
            Cell::Int(oid),
            text(name),
            Cell::Int(namespace),
            Cell::Int(OWNER_OID),
            Cell::Int(12),
            text(kind),
            Cell::Bool(false),
            Cell::Bool(false),
            Cell::Bool(false),
            text("s"),
            text("s"),
            Cell::Int(0),
            Cell::Int(25),
            text(""),
        ]
    };
    let ours = functions::ours().iter().enumerate().map(|(at, function)| {
        let kind = if function.class == FunctionClass::Aggregate { "a" } else { "f" };
        row(FUNCTION_OID + at as i64, function.name.to_owned(), PUBLIC_OID, kind)
    });
    let receive = types::ALL
        .iter()
        .map(|of| row(RECEIVE_OID + of.oid, format!("{}recv", of.name), CATALOG_OID, "f"));
    let arrays = row(ARRAY_RECEIVE_OID, "array_recv".to_owned(), CATALOG_OID, "f");
    Listing::new(
        "oid:i proname pronamespace:i proowner:i prolang:i prokind prosecdef:b proisstrict:b \
         proretset:b provolatile proparallel pronargs:i prorettype:i proargtypes prosrc proacl",
        ours.chain(receive).chain(std::iter::once(arrays)).collect(),
    )
}

fn descriptions(known: &Known) -> Listing {
    let rows = known.tables().iter().flat_map(|(oid, table)| {
        let columns = table.columns.iter().enumerate().filter_map(|(at, column)| {
            column.description.as_ref().map(|description| (at as i64 + 1, description))
        });
        std::iter::once((0, &table.description)).chain(columns).map(|(number, description)| {
            vec![
                Cell::Int(*oid),
                Cell::Int(CLASS_OID),
                Cell::Int(number),
                text(description.as_str()),
            ]
        })
    });
    Listing::new("objoid:i classoid:i objsubid:i description", rows.collect())
}

fn database() -> Listing {
    let row = vec![
        Cell::Int(DATABASE_OID),
        text(CATALOG),
        Cell::Int(OWNER_OID),
        Cell::Int(6),
        text("c"),
        Cell::Bool(false),
        Cell::Bool(true),
        Cell::Int(-1),
        Cell::Int(1_663),
        text("C"),
        text("C.UTF-8"),
    ];
    Listing::new(
        "oid:i datname datdba:i encoding:i datlocprovider datistemplate:b datallowconn:b \
         datconnlimit:i dattablespace:i datcollate datctype daticulocale datcollversion datacl",
        vec![row],
    )
}

fn roles(known: &Known) -> Listing {
    let row = |oid: i64, name: &str, login: bool| {
        let no = || Cell::Bool(false);
        vec![
            Cell::Int(oid),
            text(name),
            no(),
            Cell::Bool(true),
            no(),
            no(),
            Cell::Bool(login),
            no(),
            no(),
            Cell::Int(-1),
            Cell::Null,
            Cell::Null,
            text(name),
            Cell::Int(oid),
            no(),
            no(),
        ]
    };
    let mut rows = vec![row(OWNER_OID, CATALOG, false)];
    if known.session.user != CATALOG {
        rows.push(row(USER_OID, &known.session.user, true));
    }
    Listing::new(
        "oid:i rolname rolsuper:b rolinherit:b rolcreaterole:b rolcreatedb:b rolcanlogin:b \
         rolreplication:b rolbypassrls:b rolconnlimit:i rolvaliduntil rolconfig usename usesysid:i \
         usecreatedb:b usesuper:b",
        rows,
    )
}

fn settings(known: &Known) -> Listing {
    let rows = known.session.settings.iter().map(|(name, value)| {
        vec![text(name.as_str()), text(value.as_str()), Cell::Null, text("Client"), text("")]
    });
    Listing::new(
        "name setting unit category short_desc extra_desc context vartype source min_val max_val \
         enumvals boot_val reset_val",
        rows.collect(),
    )
}

fn tables(known: &Known) -> Listing {
    let no = || Cell::Bool(false);
    let rows = known.tables().iter().map(|(_, table)| {
        vec![text(PUBLIC), text(&*table.name), text(CATALOG), Cell::Null, no(), no(), no(), no()]
    });
    Listing::new(
        "schemaname tablename tableowner tablespace hasindexes:b hasrules:b hastriggers:b \
         rowsecurity:b",
        rows.collect(),
    )
}
