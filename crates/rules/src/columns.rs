//! The columns that a rule gives, and what two rules must have in common to go on in each other's state.

use crate::cell::CellType;
use crate::finding::Finding;
use crate::form::is_name;
use crate::parse::OVER_PREFIX;
use crate::program::Source;
use arrow::datatypes::{DataType as ArrowType, SchemaRef};
use datafusion::sql::sqlparser::tokenizer::Span;
use tagwerk_model::DataType;

/// A column of what a rule gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub cell: CellType,
}

impl Column {
    pub fn data_type(&self) -> DataType {
        self.cell.tag()
    }
}

/// Without the time; their places among what the statement gives; and that of the time.
pub type Columns = (Vec<Column>, Vec<usize>, Option<usize>);

/// The columns that the rule gives.
pub fn columns(schema: &SchemaRef, spans: &[Span]) -> Result<Columns, Finding> {
    let (mut columns, mut places, mut time) = (Vec::new(), Vec::new(), None);
    for (place, field) in schema.fields().iter().enumerate() {
        let name = field.name();
        if name.starts_with(OVER_PREFIX) {
            continue;
        }
        if name == "time" && matches!(field.data_type(), ArrowType::Timestamp(..)) {
            time = Some(place);
            continue;
        }
        if !is_name(name) {
            let problem = format!("the column {name} has no name that a tag can have");
            let remedy = "give it one with AS: letters, digits, `.`, `_` and `-`";
            return Err(Finding::new(problem, remedy));
        }
        if columns.iter().any(|known: &Column| known.name == *name) {
            let problem = format!("two columns have the name {name}");
            return Err(Finding::new(problem, "give one of them another name with AS"));
        }
        let Some(cell) = CellType::given(field.data_type()) else {
            let problem = format!("the column {name} is of type {}", field.data_type());
            let span = spans.get(place).copied().unwrap_or_else(Span::empty);
            return Err(Finding::placed(span, problem, "cast it to a number, a text or a time"));
        };
        columns.push(Column { name: name.clone(), cell });
        places.push(place);
    }
    if columns.is_empty() {
        return Err(Finding::new("the rule gives no column", "select something beside the time"));
    }
    Ok((columns, places, time))
}

pub fn fingerprint(sql: &str, sources: &[Source], columns: &[Column]) -> String {
    use std::fmt::Write;
    let mut text = String::from(sql);
    for source in sources {
        // Writing into a text cannot fail.
        let _ = write!(text, "\n{}", source.table);
        for field in source.schema.fields() {
            let _ = write!(text, " {}:{}", field.name(), field.data_type());
        }
    }
    let _ = write!(text, "\n{columns:?}");
    text
}
