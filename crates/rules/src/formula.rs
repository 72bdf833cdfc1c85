//! Formulas: an expression over tags whose value is that of another tag. Planned once, computed row by
//! row; remembers nothing, so that the same values always give the same.

use crate::cell::{self, Cell, CellType};
use crate::finding::Finding;
use crate::near::nearest;
use crate::parse;
use crate::program::{Physical, Planner};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::physical_expr::expressions::CastExpr;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArguments, Ident, Query, Spanned, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Span;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use tagwerk_model::{DataType, Kind, Value, ValueRef, limits};
use tagwerk_sql::walk::visit_mut;

/// A tag that a formula reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Input {
    pub device: Box<str>,
    pub tag: Box<str>,
    /// The formula says itself what it gives where the tag is bad: the tag stands in `coalesce` or
    /// before `IS NULL`.
    pub may_be_bad: bool,
}

/// The tags that a formula may read.
pub trait FormulaTags {
    fn data_type(&self, device: &str, tag: &str) -> Option<DataType>;
    /// Those of a device, or the devices with no device named: for saying what was meant.
    fn names(&self, device: Option<&str>) -> Vec<String>;
}

pub struct Formula {
    inputs: Vec<Input>,
    types: Vec<CellType>,
    schema: SchemaRef,
    expression: Physical,
    gives: DataType,
}

impl Planner {
    /// Plans the formula of a tag of `device` whose type is `gives`. Blocks for some 100 µs.
    pub fn formula(
        &self,
        text: &str,
        device: &str,
        gives: DataType,
        tags: &dyn FormulaTags,
    ) -> Result<Formula, Finding> {
        let mut expr = tagwerk_sql::stream::parse_expression(text)?;
        let mut reader = Reader { device, tags, inputs: BTreeSet::new(), tolerant: 0 };
        if let ControlFlow::Break(finding) = visit_mut(&mut expr, &mut reader) {
            return Err(*finding);
        }
        let inputs = told_once(reader.inputs);
        if inputs.len() > limits::FORMULA_INPUTS_MAX {
            let problem = format!("the formula reads {} tags", inputs.len());
            let remedy = format!("read {} at most", limits::FORMULA_INPUTS_MAX);
            return Err(Finding::new(problem, remedy));
        }
        let kinds = inputs.iter().map(|input| tags.data_type(&input.device, &input.tag));
        let types: Vec<CellType> = kinds.map(|kind| kind.map_or(CellType::Text, of_tag)).collect();
        let field = |(input, own): (&Input, &CellType)| {
            Field::new(format!("{}/{}", input.device, input.tag), own.arrow(), true)
        };
        let fields: Vec<Field> = inputs.iter().zip(&types).map(field).collect();
        let schema = Arc::new(Schema::new(fields));
        let known = DFSchema::try_from(schema.as_ref().clone())?;
        let expression = exact(self.expression(text, &expr, &known)?, &schema, gives)?;
        check_type(text, &expr, &expression.data_type(&schema)?, gives)?;
        Ok(Formula { inputs, types, schema, expression, gives })
    }
}

/// A tag that may be bad in one place and not in another may not be bad.
fn told_once(inputs: BTreeSet<Input>) -> Vec<Input> {
    let mut once: Vec<Input> = Vec::with_capacity(inputs.len());
    for input in inputs {
        match once.last_mut() {
            Some(last) if last.device == input.device && last.tag == input.tag => {
                last.may_be_bad &= input.may_be_bad;
            }
            _ => once.push(input),
        }
    }
    once
}

/// Signed and unsigned numbers together would be decimals: unsigned ones are signed where they fit.
fn of_tag(data_type: DataType) -> CellType {
    match data_type.kind() {
        Kind::U64 if data_type != DataType::Uint64 => CellType::I64,
        Kind::Bool => CellType::Bool,
        Kind::I64 => CellType::I64,
        Kind::U64 => CellType::U64,
        Kind::F64 => CellType::F64,
        Kind::Text | Kind::List => CellType::Text,
        Kind::Bytes => CellType::Bytes,
    }
}

/// What the engine makes of signed and unsigned whole numbers together are whole decimals.
fn exact(expr: Physical, schema: &SchemaRef, gives: DataType) -> Result<Physical, Finding> {
    let wanted = match gives.kind() {
        Kind::I64 => ArrowType::Int64,
        Kind::U64 => ArrowType::UInt64,
        _ => return Ok(expr),
    };
    Ok(match expr.data_type(schema)? {
        ArrowType::Decimal128(_, 0) | ArrowType::Decimal256(_, 0) => {
            Arc::new(CastExpr::new(expr, wanted, None))
        }
        _ => expr,
    })
}

fn check_type(text: &str, expr: &Expr, found: &ArrowType, gives: DataType) -> Result<(), Finding> {
    if *found == ArrowType::Null {
        let remedy = "compute it of tags";
        return Err(Finding::at(expr, format!("`{}` is always NULL", text.trim()), remedy));
    }
    let own = CellType::given(found).ok_or_else(|| {
        let problem = format!("the formula gives {found}");
        Finding::at(expr, problem, "cast it to a number, a text or a bool")
    })?;
    let wanted = of_tag(gives);
    let fits = match (own, wanted) {
        (CellType::F64, CellType::I64 | CellType::U64) => false,
        (CellType::Time, CellType::Text) => true,
        (own, wanted) => own.fits(wanted) && gives != DataType::List,
    };
    if fits {
        return Ok(());
    }
    let problem = format!("the formula gives {}, and the tag is of type {gives}", own.tag());
    let remedy = match (own, wanted) {
        (CellType::F64, CellType::I64 | CellType::U64) => {
            "write `type: float64`, or round it: CAST(round(…) AS bigint)".to_owned()
        }
        _ => format!("write `type: {}`, or cast what the formula gives", own.tag()),
    };
    Err(Finding::at(expr, problem, remedy))
}

impl Formula {
    /// The tags that it reads, each once.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// What it gives for values of its inputs, none of those that are bad. None: NULL.
    pub fn value(&self, inputs: &[Option<ValueRef<'_>>]) -> Result<Option<Value>, String> {
        let column = |(value, own): (&Option<ValueRef<'_>>, &CellType)| -> ArrayRef {
            let cell = match (value.map(Cell::from_value), own) {
                (Some(Cell::U64(number)), CellType::I64) => Cell::I64(number as i64),
                (cell, _) => cell.unwrap_or(Cell::Null),
            };
            cell::array(*own, &[cell])
        };
        let columns = inputs.iter().zip(&self.types).map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let row = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options);
        let said =
            |error: datafusion::error::DataFusionError| tagwerk_sql::SqlError::from(error).message;
        let row = row.map_err(|error| said(error.into()))?;
        let made = self.expression.evaluate(&row).map_err(said)?;
        let made = made.into_array(1).map_err(said)?;
        match cell::cells(&made).pop().as_ref().and_then(Cell::value) {
            None => Ok(None),
            Some(value) => fitting(value, self.gives).map(Some),
        }
    }
}

/// The value as the tag's type has it, exactly or not at all.
fn fitting(value: Value, gives: DataType) -> Result<Value, String> {
    let too_large = |value: &dyn std::fmt::Display| format!("{value} does not fit {gives}");
    if let Value::F64(number) = value
        && !number.is_finite()
    {
        return Err("it is no finite number".to_owned());
    }
    let whole = match value {
        Value::I64(number) => i128::from(number),
        Value::U64(number) => i128::from(number),
        Value::Text(text) if text.len() > limits::VALUE_BYTES_MAX => {
            return Err(format!("it has more than {} bytes", limits::VALUE_BYTES_MAX));
        }
        other => return Ok(other),
    };
    if let Some((low, high)) = gives.integer_range()
        && !(low..=high).contains(&whole)
    {
        return Err(too_large(&whole));
    }
    Ok(match gives.kind() {
        Kind::I64 => Value::I64(i64::try_from(whole).map_err(|_| too_large(&whole))?),
        Kind::U64 => Value::U64(u64::try_from(whole).map_err(|_| too_large(&whole))?),
        _ => Value::F64(whole as f64),
    })
}

/// Finds the tags, and what no formula can have.
struct Reader<'a> {
    device: &'a str,
    tags: &'a dyn FormulaTags,
    inputs: BTreeSet<Input>,
    /// How many expressions around this one say what a bad value gives.
    tolerant: usize,
}

type Flow = ControlFlow<Box<Finding>>;

fn refused(node: &impl Spanned, problem: impl Into<String>, remedy: impl Into<String>) -> Flow {
    ControlFlow::Break(Box::new(Finding::at(node, problem, remedy)))
}

fn is_tolerant(expr: &Expr) -> bool {
    match expr {
        Expr::IsNull(_) | Expr::IsNotNull(_) => true,
        Expr::Function(call) => {
            matches!(parse::plain_name(call).as_str(), "coalesce" | "nvl" | "ifnull")
        }
        _ => false,
    }
}

impl VisitorMut for Reader<'_> {
    type Break = Box<Finding>;

    fn pre_visit_query(&mut self, query: &mut Query) -> Flow {
        refused(query, "a formula has no sub-query", "write a rule, which may read tables")
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        self.tolerant += usize::from(is_tolerant(expr));
        match expr {
            Expr::Function(call) => allowed(call),
            Expr::Identifier(ident) => {
                let named = match ident.value.split_once('/') {
                    Some((device, tag)) => self.find(Some((device, true)), (tag, true), ident.span),
                    None => {
                        self.find(None, (&ident.value, ident.quote_style.is_some()), ident.span)
                    }
                };
                self.take(named, ident.span, expr)
            }
            Expr::CompoundIdentifier(parts) => {
                let span = parts.first().map_or_else(Span::empty, |part| part.span);
                let quoted = |part: &Ident| part.quote_style.is_some();
                let named = match &parts[..] {
                    [device, tag] => self.find(
                        Some((&device.value, quoted(device))),
                        (&tag.value, quoted(tag)),
                        span,
                    ),
                    _ => {
                        let problem = format!("{expr} names no tag");
                        return refused(expr, problem, "write tag, or \"device/tag\"");
                    }
                };
                self.take(named, span, expr)
            }
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => {
                refused(expr, "a formula cannot read all tags", "name the tags that it reads")
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        self.tolerant -= usize::from(is_tolerant(expr));
        ControlFlow::Continue(())
    }
}

/// A formula sees one moment, and gives the same for the same values.
fn allowed(call: &Function) -> Flow {
    if parse::is_unrepeatable(call) {
        let problem = format!("{}() is another at each time", call.name);
        return refused(&call.name, problem, "compute it of tags");
    }
    let over = call.over.is_some() || parse::over_kind(call).is_some();
    let bound = ["window_start", "window_end"].contains(&parse::plain_name(call).as_str());
    if over || bound || matches!(call.args, FunctionArguments::Subquery(_)) {
        let problem = format!("{} needs more than one moment", call.name);
        return refused(&call.name, problem, "a rule can remember: write one, and read its output");
    }
    ControlFlow::Continue(())
}

impl Reader<'_> {
    /// A name without quotes means itself, or what it is in small letters.
    fn known(&self, device: &str, tag: (&str, bool)) -> Option<Box<str>> {
        let has = |name: &str| self.tags.data_type(device, name).is_some();
        let small = tag.0.to_lowercase();
        match tag {
            (name, _) if has(name) => Some(name.into()),
            (_, false) if has(&small) => Some(small.into()),
            _ => None,
        }
    }

    fn find(
        &self,
        device: Option<(&str, bool)>,
        tag: (&str, bool),
        span: Span,
    ) -> Result<Input, Finding> {
        let input = |device: &str, tag: Box<str>| Input {
            device: device.into(),
            tag,
            may_be_bad: self.tolerant > 0,
        };
        let Some((device, quoted)) = device else {
            let found = self.known(self.device, tag).map(|tag| input(self.device, tag));
            return found.ok_or_else(|| self.unknown(None, tag.0, span));
        };
        let small = device.to_lowercase();
        let spellings = std::iter::once(device).chain((!quoted).then_some(small.as_str()));
        let mut found = spellings.filter_map(|d| Some(input(d, self.known(d, tag)?)));
        found.next().ok_or_else(|| self.unknown(Some(device), tag.0, span))
    }

    fn unknown(&self, device: Option<&str>, tag: &str, span: Span) -> Finding {
        let devices = self.tags.names(None);
        if let Some(device) = device
            && !devices.iter().any(|known| known == device)
        {
            let near = nearest(device, devices.iter().map(String::as_str));
            let remedy = match near {
                Some(near) => format!("did you mean \"{near}/{tag}\"?"),
                None => "write \"device/tag\"".to_owned(),
            };
            return Finding::placed(span, format!("there is no device {device}"), remedy);
        }
        let of = device.unwrap_or(self.device);
        let tags = self.tags.names(Some(of));
        let remedy = match nearest(tag, tags.iter().map(String::as_str)) {
            Some(near) if parse::is_plain(near) => format!("did you mean {near}?"),
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "name a tag of the device, or \"device/tag\" of another".to_owned(),
        };
        let problem = match device {
            None => format!("the device has no tag {tag}"),
            Some(device) => format!("the device {device} has no tag {tag}"),
        };
        Finding::placed(span, problem, remedy)
    }

    fn take(&mut self, named: Result<Input, Finding>, span: Span, expr: &mut Expr) -> Flow {
        let input = match named {
            Ok(input) => input,
            Err(finding) => return ControlFlow::Break(Box::new(finding)),
        };
        let mut ident = Ident::with_quote('"', format!("{}/{}", input.device, input.tag));
        ident.span = span;
        *expr = Expr::Identifier(ident);
        self.inputs.insert(input);
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests;
