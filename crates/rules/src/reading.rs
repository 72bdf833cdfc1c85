//! The tables that a statement names: streams, whose rows make it run, and lookup tables, which it joins
//! them with.

use crate::cell::CellType;
use crate::finding::Finding;
use crate::lookup::LookupSource;
use crate::near::nearest;
use crate::parse::{TableUse, Text, name_of};
use crate::table::Slot;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Expr, Visitor};
use std::ops::ControlFlow;
use std::sync::Arc;
use tagwerk_sql::TagTable;
use tagwerk_sql::stream::{SAMPLE_SCHEMA, SAMPLES, Stream, filled_of, names, stream};
use tagwerk_sql::walk::visit;

/// A stream with the columns that statements see of it.
pub struct Table {
    pub name: String,
    pub stream: Stream,
    pub schema: SchemaRef,
    pub slot: Arc<Slot>,
    /// How long a value lasts in rows whose read did not ask for it.
    pub fill: Option<i64>,
}

/// What a statement reads.
pub struct Reading {
    pub streams: Vec<Table>,
    pub lookups: Vec<(String, LookupSource)>,
}

impl Reading {
    pub fn of(text: &Text, tags: &TagTable) -> Result<Reading, Finding> {
        let mut reading = Reading { streams: Vec::new(), lookups: Vec::new() };
        for table in &text.tables {
            if !reading.knows(&table.name) {
                reading.add(table, tags)?;
            }
        }
        if !reading.streams.is_empty() {
            return Ok(reading);
        }
        let remedy = "write FROM and the name of a device, a template, a rule, or samples";
        Err(match text.tables.first() {
            None => Finding::new("the rule reads nothing", remedy),
            Some(table) => {
                let problem = "the rule reads lookup tables alone, and nothing makes it run";
                Finding::placed(table.ident.span, problem, remedy)
            }
        })
    }

    fn knows(&self, name: &str) -> bool {
        self.streams.iter().any(|known| known.name == name) || self.is_lookup(name)
    }

    /// By the name that the statement writes.
    pub fn is_lookup(&self, name: &str) -> bool {
        self.lookups.iter().any(|(known, _)| known == name)
    }

    fn add(&mut self, table: &TableUse, tags: &TagTable) -> Result<(), Finding> {
        if let Some(lookup) = tags.lookups().get(&table.name) {
            self.lookups.push((table.name.clone(), LookupSource::new(lookup)));
            return Ok(());
        }
        if let Some(why) = tags.lookups().unread(&table.name) {
            let problem = format!("the columns of the table {} are not known: {why}", table.name);
            let remedy = "say them under `columns` of the table, or wait until it has been read";
            let finding = Finding::placed(table.ident.span, problem, remedy);
            return Err(Finding { waits: true, ..finding });
        }
        let (name, fill) = match filled_of(&table.name) {
            Some((name, age)) => (name, Some(age)),
            None => (&*table.name, None),
        };
        let known = stream(tags, name).filter(|_| fill.is_none() || name != SAMPLES);
        let stream = known.ok_or_else(|| unknown(table, name, tags))?;
        let schema = match &stream {
            Stream::Reads(shape) => shape.schema.clone(),
            Stream::Samples => SAMPLE_SCHEMA.clone(),
        };
        let slot = Arc::default();
        self.streams.push(Table { name: table.name.clone(), stream, schema, slot, fill });
        Ok(())
    }
}

fn unknown(table: &TableUse, name: &str, tags: &TagTable) -> Finding {
    let mut known = names(tags);
    if name == SAMPLES || tags.lookups().has(name) {
        let problem = format!("filled reads devices, templates and rules, and {name} is none");
        return Finding::placed(table.ident.span, problem, "read it without filled");
    }
    known.extend(tags.lookups().names().map(ToString::to_string));
    let near = nearest(name, known.iter().map(String::as_str));
    let remedy = match near {
        Some(near) => format!("did you mean {near}?"),
        None => {
            "use the name of a device, a template, a rule, a lookup table, or samples".to_owned()
        }
    };
    Finding::placed(table.ident.span, format!("there is no table {name}"), remedy)
}

/// A finding that two columns cannot be compared, which the engine does not place, at the columns and
/// with their types.
pub fn explained(
    finding: Finding,
    statement: Option<&Parsed>,
    uses: &[TableUse],
    streams: &[Table],
    lookups: &[(String, LookupSource)],
) -> Finding {
    let Some(Parsed::Statement(statement)) = statement else { return finding };
    if !finding.problem.contains("common argument type") {
        return finding;
    }
    let mut columns: Vec<(String, SchemaRef)> = Vec::new();
    for table in uses {
        let stream = streams.iter().find(|known| known.name == table.name);
        let lookup = lookups.iter().find(|(known, _)| *known == table.name);
        let schema = stream.map(|stream| &stream.schema).or(lookup.map(|(_, own)| &own.schema));
        if let Some(schema) = schema {
            let name = table.alias.clone().unwrap_or_else(|| table.name.clone());
            columns.push((name, schema.clone()));
        }
    }
    match visit(statement, &mut Unlike { columns, problem: &finding.problem }) {
        ControlFlow::Break(found) => *found,
        ControlFlow::Continue(()) => finding,
    }
}

/// Looks for the comparison that the engine refuses.
struct Unlike<'a> {
    columns: Vec<(String, SchemaRef)>,
    problem: &'a str,
}

impl Unlike<'_> {
    /// The type of a column that stands by itself.
    fn type_of(&self, expr: &Expr) -> Option<DataType> {
        let (table, column) = match expr {
            Expr::Identifier(column) => (None, column),
            Expr::CompoundIdentifier(parts) => match &parts[..] {
                [table, column] => (Some(name_of(table)), column),
                _ => return None,
            },
            _ => return None,
        };
        let column = name_of(column);
        let own = |(name, schema): &(String, SchemaRef)| {
            let named = table.as_ref().is_none_or(|table| table == name);
            let field = schema.field_with_name(&column).ok().filter(|_| named)?;
            Some(field.data_type().clone())
        };
        self.columns.iter().find_map(own)
    }
}

impl Visitor for Unlike<'_> {
    type Break = Box<Finding>;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Box<Finding>> {
        let Expr::BinaryOp { left, right, .. } = expr else { return ControlFlow::Continue(()) };
        let types = self.type_of(left).zip(self.type_of(right));
        let Some((own, other)) = types.filter(|(own, other)| {
            let told = |of: &DataType| self.problem.contains(&of.to_string());
            own != other && told(own) && told(other)
        }) else {
            return ControlFlow::Continue(());
        };
        let name = |of: &DataType| CellType::of(of).map_or_else(|| of.to_string(), CellType::name);
        let problem = format!(
            "{left} is {}, {right} is {}: they cannot be compared",
            name(&own),
            name(&other)
        );
        let remedy = "compare columns of one type: say the type of the table's under `columns`, or \
                      write CAST";
        ControlFlow::Break(Box::new(Finding::at(&**left, problem, remedy)))
    }
}
