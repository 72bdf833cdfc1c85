//! The shape of an edge's configuration, what is wrong with a given one, and how two differ.
//!
//! One document, YAML or JSON, describes an edge. Checking it is pure: no I/O, no panic, everything
//! that is wrong at once, each with its place and a remedy. Applying it is the runtime's.

mod alarm;
mod alarm_condition;
mod archive;
mod blame;
mod builder;
mod check;
mod checked;
mod conform;
mod device;
mod diff;
mod document;
mod expand;
mod function;
mod history;
mod json;
mod library;
mod meter;
mod names;
mod notify;
mod notify_form;
mod pattern;
mod placeholder;
mod report;
mod rule;
mod scalar;
mod secret;
mod settings;
mod shape;
mod sink;
mod source;
mod syntax;
mod table;
mod table_source;
mod tag;
mod template;
mod templated;
mod touched;
mod trial;
mod value;
mod value_types;

pub use check::{Catalogue, Lint, lint, lint_with};
pub use checked::{
    AlarmCondition, ArchivePlace, Checked, CheckedAlarm, CheckedArchive, CheckedBucket,
    CheckedChannel, CheckedDevice, CheckedFormula, CheckedFunction, CheckedGroup, CheckedKeep,
    CheckedLevel, CheckedNotify, CheckedQuiet, CheckedRoute, CheckedRule, CheckedRuleAlarm,
    CheckedSink, CheckedSuppression, CheckedTable, CheckedTag, CheckedTemplate, CheckedTls,
    CheckedWrite, EdgeConfig, HeaderText, TableSource, TagName,
};
pub use diff::{Change, ChangeKind, Diff, TemplateChange, TouchedDevice, diff};
pub use document::{VERSION, document_schema};
pub use function::{FunctionFinding, FunctionPart, check_function_name};
pub use library::{LibraryParameter, LibraryTemplate, library};
pub use names::RESERVED_TAG;
pub use pattern::{NamePattern, TagPattern};
pub use report::LocatedFinding;
pub use rule::{FormulaFinding, RULE_OUTPUT_GROUP, RuleFinding, SqlCheck};
pub use source::Source;
pub use table_source::is_table_file;
pub use tagwerk_component::Weight;
pub use trial::{DeviceLint, TemplateSource, lint_device};
pub use value::document_value;
pub use value_types::{Access, AlarmPriority, Day, ParameterKind, RuleStage, SinkOrder, Start};
