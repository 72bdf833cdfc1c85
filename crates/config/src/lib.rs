//! The shape of an edge's configuration, what is wrong with a given one, and how two differ.
//!
//! One document, YAML or JSON, describes an edge. Checking it is pure: no I/O, no panic, everything
//! that is wrong at once, each with its place and a remedy. Applying it is the runtime's.

mod builder;
mod check;
mod checked;
mod conform;
mod device;
mod diff;
mod document;
mod json;
mod meter;
mod names;
mod pattern;
mod report;
mod scalar;
mod settings;
mod shape;
mod sink;
mod source;
mod syntax;
mod tag;
mod value;
mod value_types;

pub use check::{Catalogue, Lint, lint};
pub use checked::{Checked, CheckedDevice, CheckedGroup, CheckedSink, CheckedTag, EdgeConfig};
pub use diff::{Change, ChangeKind, diff};
pub use document::{VERSION, document_schema};
pub use names::RESERVED_TAG;
pub use pattern::TagPattern;
pub use report::LocatedFinding;
pub use source::Source;
pub use tagwerk_component::Weight;
pub use value_types::{Access, Start};
