//! `information_schema`: the same as the catalogue says, in the words of the SQL standard.

use super::catalogue::{Cell, Known, Listing, text};
use super::types;
use crate::catalog::{CATALOG, SCHEMA as PUBLIC};

pub const SCHEMA: &str = "information_schema";

pub fn table(known: &Known, name: &str) -> Option<Listing> {
    Some(match name {
        "tables" => tables(known),
        "columns" => columns(known),
        "schemata" => schemata(),
        "character_sets" => Listing::new(
            "character_set_catalog character_set_schema character_set_name character_repertoire \
             form_of_use default_collate_catalog default_collate_schema default_collate_name",
            vec![vec![Cell::Null, Cell::Null, text("UTF8"), text("UCS"), text("UTF8")]],
        ),
        "views" => Listing::new(
            "table_catalog table_schema table_name view_definition check_option is_updatable",
            Vec::new(),
        ),
        "routines" | "parameters" => Listing::new(
            "specific_catalog specific_schema specific_name routine_catalog routine_schema \
             routine_name routine_type data_type ordinal_position:i parameter_mode parameter_name",
            Vec::new(),
        ),
        "table_constraints"
        | "key_column_usage"
        | "referential_constraints"
        | "constraint_column_usage" => Listing::new(
            "constraint_catalog constraint_schema constraint_name table_catalog table_schema \
             table_name column_name ordinal_position:i position_in_unique_constraint:i \
             constraint_type is_deferrable initially_deferred unique_constraint_catalog \
             unique_constraint_schema unique_constraint_name match_option update_rule delete_rule",
            Vec::new(),
        ),
        _ => return None,
    })
}

fn tables(known: &Known) -> Listing {
    let rows = known.tables().iter().map(|(_, table)| {
        vec![
            text(CATALOG),
            text(PUBLIC),
            text(&*table.name),
            text("BASE TABLE"),
            text("NO"),
            text("NO"),
        ]
    });
    Listing::new(
        "table_catalog table_schema table_name table_type is_insertable_into is_typed commit_action \
         self_referencing_column_name reference_generation user_defined_type_name",
        rows.collect(),
    )
}

fn columns(known: &Known) -> Listing {
    let columns = known.tables().iter().flat_map(|(_, table)| {
        table.columns.iter().enumerate().map(move |(at, column)| (table, at, column))
    });
    let rows = columns.map(|(table, at, column)| {
        let of = types::of_sql_name(&column.data_type);
        let bits = |bits: Option<i64>| bits.map_or(Cell::Null, Cell::Int);
        let (precision, scale) = match of.name {
            "int2" => (Some(16), Some(0)),
            "int4" => (Some(32), Some(0)),
            "int8" => (Some(64), Some(0)),
            "numeric" => (Some(20), Some(0)),
            "float4" => (Some(24), None),
            "float8" => (Some(53), None),
            _ => (None, None),
        };
        vec![
            text(CATALOG),
            text(PUBLIC),
            text(&*table.name),
            text(&*column.name),
            Cell::Int(at as i64 + 1),
            Cell::Null,
            text(if at == 0 { "NO" } else { "YES" }),
            text(of.sql_name),
            Cell::Null,
            Cell::Null,
            bits(precision),
            bits(precision.map(|_| if of.name == "numeric" { 10 } else { 2 })),
            bits(scale),
            bits((of.category == "D").then_some(6)),
            text(CATALOG),
            text("pg_catalog"),
            text(of.name),
            text("NO"),
            text("NEVER"),
            text("NO"),
        ]
    });
    Listing::new(
        "table_catalog table_schema table_name column_name ordinal_position:i column_default \
         is_nullable data_type character_maximum_length:i character_octet_length:i \
         numeric_precision:i numeric_precision_radix:i numeric_scale:i datetime_precision:i \
         udt_catalog udt_schema udt_name is_identity is_generated is_updatable collation_name \
         domain_name interval_type",
        rows.collect(),
    )
}

fn schemata() -> Listing {
    let rows = ["pg_catalog", PUBLIC, SCHEMA].map(|name| {
        vec![text(CATALOG), text(name), text(CATALOG), Cell::Null, Cell::Null, text("UTF8")]
    });
    Listing::new(
        "catalog_name schema_name schema_owner default_character_set_catalog \
         default_character_set_schema default_character_set_name sql_path",
        rows.into(),
    )
}
