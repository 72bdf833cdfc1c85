//! Tables whose aggregates folds can answer, and what their columns are in terms of samples.

use super::table::Whose;
use crate::device::{Column as OfDevice, DeviceTable, Shape};
use crate::samples::{SamplesTable, Which};
use crate::select::Span;
use crate::source::Source;
use arrow::datatypes::DataType as ArrowType;
use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::logical_expr::Expr;
use std::sync::Arc;
use tagwerk_model::{DataType, Kind};

/// Columns of `samples` that have a value in every row.
const NEVER_NULL: [&str; 7] = ["time", "device", "tag", "quality", "code", "unit", "type"];

/// What an aggregate is asked to work on.
pub enum Argument {
    Time,
    /// Something of the tag, or a literal.
    Constant(Expr),
    /// Always there, and nothing more is known of it.
    Present,
    Value(Whose),
}

#[derive(Clone, Copy)]
pub enum Asked<'a> {
    Samples(&'a Arc<dyn Source>),
    /// A row is a read of several tags: how many rows there are, folds do not tell.
    Device(&'a Arc<dyn Source>, &'a Shape),
}

impl<'a> Asked<'a> {
    pub fn of(table: &'a (dyn TableProvider + 'static)) -> Option<Asked<'a>> {
        if let Some(samples) = table.downcast_ref::<SamplesTable>() {
            return (samples.which == Which::All).then_some(Asked::Samples(&samples.source));
        }
        let device = table.downcast_ref::<DeviceTable>()?;
        if device.fill.is_some() {
            return None;
        }
        Some(Asked::Device(&device.source, &device.shape))
    }

    pub fn source(self) -> &'a Arc<dyn Source> {
        match self {
            Asked::Samples(source) | Asked::Device(source, _) => source,
        }
    }

    pub fn shape(self) -> Option<&'a Shape> {
        match self {
            Asked::Samples(_) => None,
            Asked::Device(_, shape) => Some(shape),
        }
    }

    pub fn counts_rows(self) -> bool {
        matches!(self, Asked::Samples(_))
    }

    /// Columns that are the same for all samples of a fold.
    pub fn constants(self) -> &'static [&'static str] {
        match self {
            Asked::Samples(_) => &["device", "tag", "type"],
            Asked::Device(_, shape) if shape.columns.contains(&OfDevice::Device) => &["device"],
            Asked::Device(..) => &[],
        }
    }

    pub fn argument(self, column: &str) -> Option<Argument> {
        let constant = || Argument::Constant(Expr::Column(Column::from_name(column)));
        Some(match self {
            _ if column == "time" => Argument::Time,
            _ if self.constants().contains(&column) => constant(),
            Asked::Samples(_) if NEVER_NULL.contains(&column) => Argument::Present,
            Asked::Samples(_) => Argument::Value(Whose::of_column(column)?),
            Asked::Device(_, shape) => {
                let place = shape.schema.index_of(column).ok()?;
                let OfDevice::Value(tag) = shape.columns[place] else { return None };
                let kind = kind_of(shape.schema.field(place).data_type())?;
                Argument::Value(Whose::Tag { place: tag, kind, as_double: false })
            }
        })
    }

    /// Whether columns of tags have always had values of their type, so that none was converted.
    pub fn has_one_type(self, whose: impl Iterator<Item = Whose>, span: &Span) -> bool {
        let Asked::Device(source, shape) = self else { return true };
        for whose in whose {
            let Whose::Tag { place, kind, .. } = whose else { continue };
            let tags = shape.devices.iter().flat_map(|device| &device.tags);
            for (tag, _) in tags.filter(|(_, own)| *own == Some(place)) {
                let types = source.types(*tag, span);
                if !types.is_some_and(|types| types.into_iter().all(|own| agrees(own, kind))) {
                    return false;
                }
            }
        }
        true
    }
}

/// Values of the type stand unchanged in a column of the kind, or as the doubles that folds make too.
fn agrees(own: DataType, kind: Kind) -> bool {
    match own.kind() {
        Kind::List => kind == Kind::Text,
        Kind::I64 | Kind::U64 if kind == Kind::F64 => true,
        own => own == kind,
    }
}

fn kind_of(column: &ArrowType) -> Option<Kind> {
    Some(match column {
        ArrowType::Boolean => Kind::Bool,
        ArrowType::Int64 => Kind::I64,
        ArrowType::UInt64 => Kind::U64,
        ArrowType::Float64 => Kind::F64,
        ArrowType::Utf8View => Kind::Text,
        ArrowType::Binary => Kind::Bytes,
        _ => return None,
    })
}
