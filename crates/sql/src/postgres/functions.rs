//! Functions with which PostgreSQL's clients ask who and where they are, and what the catalogue says.
//! Each takes its arguments as text.

use super::catalogue::{self, Known};
use super::{rewrite, types};
use crate::catalog::{CATALOG, SCHEMA};
use crate::functions;
use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::cast::as_string_array;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

type Body = fn(&Known, &[Option<&str>]) -> Option<String>;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Gives {
    Text,
    Int,
    Bool,
}

const ALL: &[(&str, Gives, Body)] = &[
    ("array_element", Gives::Text, |_, a| {
        let at: usize = arg(a, 1)?.parse().ok()?;
        rewrite::array_elements(arg(a, 0)?)?.into_iter().nth(at.checked_sub(1)?)
    }),
    ("array_text_has", Gives::Bool, |_, a| {
        let element = arg(a, 1)?;
        truth(rewrite::array_elements(arg(a, 0)?)?.iter().any(|found| found == element))
    }),
    ("array_to_string", Gives::Text, |_, a| {
        Some(rewrite::array_elements(arg(a, 0)?)?.join(arg(a, 1).unwrap_or_default()))
    }),
    ("col_description", Gives::Text, |known, a| known.column_description(int(a, 0)?, int(a, 1)?)),
    ("current_catalog", Gives::Text, |_, _| Some(CATALOG.to_owned())),
    ("current_database", Gives::Text, |_, _| Some(CATALOG.to_owned())),
    ("current_role", Gives::Text, |known, _| Some(known.session.user.clone())),
    ("current_schema", Gives::Text, |_, _| Some(SCHEMA.to_owned())),
    ("current_schemas", Gives::Text, |_, _| Some(format!("{{pg_catalog,{SCHEMA}}}"))),
    ("current_setting", Gives::Text, |known, a| {
        known.session.setting(arg(a, 0)?).map(str::to_owned)
    }),
    ("current_user", Gives::Text, |known, _| Some(known.session.user.clone())),
    ("format_type", Gives::Text, |_, a| Some(types::sql_name(int(a, 0)?))),
    ("has_any_column_privilege", Gives::Bool, |_, a| truth(may(a))),
    ("has_column_privilege", Gives::Bool, |_, a| truth(may(a))),
    ("has_database_privilege", Gives::Bool, |_, a| truth(may(a))),
    ("has_function_privilege", Gives::Bool, |_, a| truth(may(a))),
    ("has_schema_privilege", Gives::Bool, |_, a| truth(may(a))),
    ("has_table_privilege", Gives::Bool, |_, a| truth(may(a))),
    ("inet_server_addr", Gives::Text, |_, _| None),
    ("inet_server_port", Gives::Int, |_, _| None),
    ("like_pattern", Gives::Text, |_, a| {
        Some(like_pattern(arg(a, 0)?, arg(a, 1).unwrap_or_default()))
    }),
    ("obj_description", Gives::Text, |known, a| known.table_description(int(a, 0)?)),
    ("pg_backend_pid", Gives::Int, |known, _| Some(known.session.pid.to_string())),
    ("pg_client_encoding", Gives::Text, |_, _| Some("UTF8".to_owned())),
    ("pg_encoding_to_char", Gives::Text, |_, _| Some("UTF8".to_owned())),
    ("pg_function_is_visible", Gives::Bool, |_, _| truth(true)),
    ("pg_get_constraintdef", Gives::Text, |_, _| None),
    ("pg_get_expr", Gives::Text, |_, _| None),
    ("pg_get_function_arguments", Gives::Text, |_, a| signature(a).map(|(taken, _)| taken)),
    ("pg_get_function_identity_arguments", Gives::Text, |_, a| {
        signature(a).map(|(taken, _)| taken)
    }),
    ("pg_get_function_result", Gives::Text, |_, a| signature(a).map(|(_, given)| given)),
    ("pg_get_indexdef", Gives::Text, |_, _| None),
    ("pg_get_partkeydef", Gives::Text, |_, _| None),
    ("pg_get_userbyid", Gives::Text, |known, a| known.role(int(a, 0)?)),
    ("pg_get_viewdef", Gives::Text, |_, _| None),
    ("pg_is_in_recovery", Gives::Bool, |_, _| truth(false)),
    ("pg_is_other_temp_schema", Gives::Bool, |_, _| truth(false)),
    ("pg_my_temp_schema", Gives::Int, |_, _| Some("0".to_owned())),
    ("pg_relation_is_publishable", Gives::Bool, |_, _| truth(false)),
    ("pg_relation_size", Gives::Int, |_, _| None),
    ("pg_size_pretty", Gives::Text, |_, a| arg(a, 0).map(|size| format!("{size} bytes"))),
    ("pg_table_is_visible", Gives::Bool, |_, _| truth(true)),
    ("pg_table_size", Gives::Int, |_, _| None),
    ("pg_tablespace_location", Gives::Text, |_, _| Some(String::new())),
    ("pg_total_relation_size", Gives::Int, |_, _| None),
    ("pg_type_is_visible", Gives::Bool, |_, _| truth(true)),
    ("quote_ident", Gives::Text, |_, a| arg(a, 0).map(quoted)),
    ("quote_literal", Gives::Text, |_, a| Some(format!("'{}'", arg(a, 0)?.replace('\'', "''")))),
    ("regclass_name", Gives::Text, |known, a| {
        let oid = int(a, 0)?;
        Some(known.table_by_oid(oid).map_or_else(|| oid.to_string(), |t| quoted(&t.name)))
    }),
    ("regclass_oid", Gives::Int, |known, a| {
        let name = arg(a, 0)?;
        match name.parse::<i64>() {
            Ok(oid) => Some(oid.to_string()),
            Err(_) => Some(known.oid_of(name).unwrap_or(0).to_string()),
        }
    }),
    ("regnamespace_name", Gives::Text, |_, a| catalogue::namespace_name(int(a, 0)?)),
    ("regnamespace_oid", Gives::Int, |_, a| {
        catalogue::namespace_oid(arg(a, 0)?).map(|oid| oid.to_string())
    }),
    ("session_user", Gives::Text, |known, _| Some(known.session.user.clone())),
    ("set_config", Gives::Text, |_, a| arg(a, 1).map(str::to_owned)),
    ("shobj_description", Gives::Text, |_, _| None),
    ("to_regclass", Gives::Int, |known, a| known.oid_of(arg(a, 0)?).map(|oid| oid.to_string())),
    ("to_regtype", Gives::Int, |_, a| types::oid_of(arg(a, 0)?).map(|oid| oid.to_string())),
    ("txid_current", Gives::Int, |_, _| Some("1".to_owned())),
    ("user", Gives::Text, |known, _| Some(known.session.user.clone())),
    ("version", Gives::Text, |known, _| {
        Some(format!("PostgreSQL {}", known.session.setting("server_version")?))
    }),
];

fn arg<'a>(arguments: &[Option<&'a str>], at: usize) -> Option<&'a str> {
    arguments.get(at).copied().flatten()
}

fn int(arguments: &[Option<&str>], at: usize) -> Option<i64> {
    arg(arguments, at)?.parse().ok()
}

/// A pattern of LIKE, whose letters another letter takes the meaning away from, with backslashes in its
/// place.
fn like_pattern(pattern: &str, escape: &str) -> String {
    let (mut plain, mut letters) = (String::new(), pattern.chars());
    while let Some(letter) = letters.next() {
        let escaped = if escape.starts_with(letter) { letters.next() } else { None };
        match escaped {
            Some(escaped) => plain.extend(['\\', escaped]),
            None if letter == '\\' => plain.push_str("\\\\"),
            None => plain.push(letter),
        }
    }
    plain
}

fn truth(value: bool) -> Option<String> {
    Some(value.to_string())
}

/// Reading is allowed, and nothing else.
fn may(arguments: &[Option<&str>]) -> bool {
    let wanted = arguments.last().copied().flatten().unwrap_or_default().to_uppercase();
    wanted.split(',').any(|one| ["SELECT", "USAGE", "CONNECT", "EXECUTE"].contains(&one.trim()))
}

fn signature(arguments: &[Option<&str>]) -> Option<(String, String)> {
    let number = usize::try_from(int(arguments, 0)? - catalogue::FUNCTION_OID).ok()?;
    let function = functions::ours().get(number)?;
    let taken = function.signature.split_once('(')?.1.split_once(')')?.0;
    let given = function.signature.split_once('→')?.1;
    Some((taken.to_owned(), given.trim().to_owned()))
}

/// A name as it stands in a statement.
pub fn quoted(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    match first && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

pub fn all(known: &Arc<Known>) -> impl Iterator<Item = ScalarUDF> {
    let known = known.clone();
    ALL.iter().map(move |(name, gives, body)| {
        let counts = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
        ScalarUDF::new_from_impl(Told {
            name,
            gives: *gives,
            body: *body,
            signature: Signature::one_of(counts, Volatility::Stable),
            known: known.clone(),
        })
    })
}

struct Told {
    name: &'static str,
    gives: Gives,
    body: Body,
    signature: Signature,
    known: Arc<Known>,
}

impl PartialEq for Told {
    fn eq(&self, other: &Told) -> bool {
        self.name == other.name
    }
}

impl Eq for Told {}

impl Hash for Told {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl ScalarUDFImpl for Told {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.gives {
            Gives::Text => DataType::Utf8,
            Gives::Int => DataType::Int64,
            Gives::Bool => DataType::Boolean,
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let texts = arguments
            .args
            .iter()
            .map(|argument| Ok(cast(&argument.to_array(rows)?, &DataType::Utf8)?));
        let texts: Vec<ArrayRef> = texts.collect::<Result<_>>()?;
        let texts = texts.iter().map(|text| as_string_array(text)).collect::<Result<Vec<_>>>()?;
        let answers = (0..rows).map(|row| {
            let given: Vec<Option<&str>> =
                texts.iter().map(|text| text.is_valid(row).then(|| text.value(row))).collect();
            (self.body)(&self.known, &given)
        });
        let array: ArrayRef = match self.gives {
            Gives::Text => Arc::new(StringArray::from_iter(answers)),
            Gives::Int => {
                Arc::new(Int64Array::from_iter(answers.map(|answer| answer?.parse::<i64>().ok())))
            }
            Gives::Bool => Arc::new(BooleanArray::from_iter(
                answers.map(|answer| answer.map(|answer| answer == "true")),
            )),
        };
        Ok(ColumnarValue::Array(array))
    }
}

#[cfg(test)]
mod tests {
    use super::like_pattern;

    #[test]
    fn patterns_keep_their_meaning_with_backslashes() {
        let cases = [
            ("pg/_%", "/", "pg\\_%"),
            ("a//b/%", "/", "a\\/b\\%"),
            ("a\\b%", "/", "a\\\\b%"),
            ("a\\%", "", "a\\\\%"),
            ("ends/", "/", "ends/"),
        ];
        for (pattern, escape, plain) in cases {
            assert_eq!(like_pattern(pattern, escape), plain, "{pattern}");
        }
    }
}
