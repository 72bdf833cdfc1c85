//! PostgreSQL's types, with the numbers that drivers know them by, and which of them a column has.

use arrow::datatypes::DataType;

/// A type of PostgreSQL's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseType {
    pub oid: i64,
    pub array_oid: i64,
    /// As the catalogue names it.
    pub name: &'static str,
    /// As SQL names it.
    pub sql_name: &'static str,
    /// In bytes; negative when it varies.
    pub size: i16,
    pub category: &'static str,
}

const fn base(
    oid: i64,
    array_oid: i64,
    name: &'static str,
    sql_name: &'static str,
    size: i16,
    category: &'static str,
) -> BaseType {
    BaseType { oid, array_oid, name, sql_name, size, category }
}

const TEXT: BaseType = base(25, 1009, "text", "text", -1, "S");
const BOOL: BaseType = base(16, 1000, "bool", "boolean", 1, "B");
const BYTES: BaseType = base(17, 1001, "bytea", "bytea", -1, "U");
const INT2: BaseType = base(21, 1005, "int2", "smallint", 2, "N");
const INT4: BaseType = base(23, 1007, "int4", "integer", 4, "N");
const INT8: BaseType = base(20, 1016, "int8", "bigint", 8, "N");
const FLOAT4: BaseType = base(700, 1021, "float4", "real", 4, "N");
const FLOAT8: BaseType = base(701, 1022, "float8", "double precision", 8, "N");
const NUMERIC: BaseType = base(1700, 1231, "numeric", "numeric", -1, "N");
const DATE: BaseType = base(1082, 1182, "date", "date", 4, "D");
const TIME: BaseType = base(1083, 1183, "time", "time without time zone", 8, "D");
const TIMESTAMP: BaseType = base(1114, 1115, "timestamp", "timestamp without time zone", 8, "D");
const TIMESTAMPTZ: BaseType = base(1184, 1185, "timestamptz", "timestamp with time zone", 8, "D");
const INTERVAL: BaseType = base(1186, 1187, "interval", "interval", 16, "T");

/// In the order of their numbers. Those that no column has are here because drivers ask for them.
pub const ALL: &[BaseType] = &[
    BOOL,
    BYTES,
    base(18, 1002, "char", "\"char\"", 1, "Z"),
    base(19, 1003, "name", "name", 64, "S"),
    INT8,
    INT2,
    INT4,
    base(24, 1008, "regproc", "regproc", 4, "N"),
    TEXT,
    base(26, 1028, "oid", "oid", 4, "N"),
    base(114, 199, "json", "json", -1, "U"),
    FLOAT4,
    FLOAT8,
    base(705, 0, "unknown", "unknown", -2, "X"),
    base(1042, 1014, "bpchar", "character", -1, "S"),
    base(1043, 1015, "varchar", "character varying", -1, "S"),
    DATE,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    INTERVAL,
    base(1266, 1270, "timetz", "time with time zone", 12, "D"),
    NUMERIC,
    base(2205, 2210, "regclass", "regclass", 4, "N"),
    base(2950, 2951, "uuid", "uuid", 16, "U"),
    base(3802, 3807, "jsonb", "jsonb", -1, "U"),
];

/// The type under which a column's values leave. Unsigned integers take the next larger signed type,
/// those of 64 bits the exact `numeric`.
pub fn base_type(data_type: &DataType) -> BaseType {
    match data_type {
        DataType::Boolean => BOOL,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => INT2,
        DataType::Int32 | DataType::UInt16 => INT4,
        DataType::Int64 | DataType::UInt32 => INT8,
        DataType::UInt64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => NUMERIC,
        DataType::Float16 | DataType::Float32 => FLOAT4,
        DataType::Float64 => FLOAT8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => BYTES,
        DataType::FixedSizeBinary(_) => BYTES,
        DataType::Date32 | DataType::Date64 => DATE,
        DataType::Time32(_) | DataType::Time64(_) => TIME,
        DataType::Timestamp(_, None) => TIMESTAMP,
        DataType::Timestamp(_, Some(_)) => TIMESTAMPTZ,
        DataType::Interval(_) | DataType::Duration(_) => INTERVAL,
        _ => TEXT,
    }
}

/// The type of a column by the name that the list of tables gives it.
pub fn of_sql_name(name: &str) -> BaseType {
    match name {
        "BOOLEAN" => BOOL,
        "TINYINT" | "SMALLINT" | "TINYINT UNSIGNED" => INT2,
        "INTEGER" | "SMALLINT UNSIGNED" => INT4,
        "BIGINT" | "INTEGER UNSIGNED" => INT8,
        "BIGINT UNSIGNED" => NUMERIC,
        "REAL" => FLOAT4,
        "DOUBLE" => FLOAT8,
        "BLOB" => BYTES,
        "TIMESTAMP" => TIMESTAMPTZ,
        "DATE" => DATE,
        "TIME" => TIME,
        "INTERVAL" => INTERVAL,
        decimal if decimal.starts_with("DECIMAL") => NUMERIC,
        _ => TEXT,
    }
}

/// A type's name as SQL writes it.
pub fn sql_name(oid: i64) -> String {
    let array = ALL.iter().find(|known| known.array_oid == oid && oid != 0);
    match (ALL.iter().find(|known| known.oid == oid), array) {
        (Some(known), _) => known.sql_name.to_owned(),
        (None, Some(of)) => format!("{}[]", of.sql_name),
        (None, None) => "???".to_owned(),
    }
}

/// A type's number by any of its names.
pub fn oid_of(name: &str) -> Option<i64> {
    let name = name.trim().trim_start_matches("pg_catalog.").to_ascii_lowercase();
    let short = |name: &str| match name {
        "int" => "int4".to_owned(),
        "float" => "float8".to_owned(),
        "decimal" => "numeric".to_owned(),
        other => other.to_owned(),
    };
    let of = name.strip_suffix("[]").or_else(|| name.strip_prefix('_'));
    let bare = short(of.unwrap_or(&name));
    let known = ALL.iter().find(|known| known.name == bare || known.sql_name == bare)?;
    Some(if of.is_some() { known.array_oid } else { known.oid })
}
