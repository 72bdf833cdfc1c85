//! A JSON list of objects as rows. Read as a stream: what is not a row's value is never held.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;
use std::fmt;
use tagwerk_model::table::{Given, TableBuilder, TableWrong};
use tagwerk_model::{ColumnType, Table};

/// Reads the list at a JSON pointer. Lists and objects within a row are left out.
pub fn read(
    bytes: &[u8],
    at: &str,
    columns: &[(Box<str>, ColumnType)],
) -> Result<Table, TableWrong> {
    let steps: Vec<String> =
        at.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let gathering =
        Gathering { builder: RefCell::new(TableBuilder::new(columns)), wrong: RefCell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let walk = Walk { steps: &steps, gathering: &gathering };
    let read = walk.deserialize(&mut deserializer).and_then(|found| {
        deserializer.end()?;
        Ok(found)
    });
    if let Some(wrong) = gathering.wrong.take() {
        return Err(wrong);
    }
    match read {
        Err(error) if error.is_data() => {
            Err(wrong(error.to_string(), "say in `at` where the list is, such as `/data/items`"))
        }
        Err(error) => {
            let problem = format!("the answer is no JSON: {error}");
            Err(wrong(problem, "correct `url`, or say another `format`"))
        }
        Ok(false) => {
            let remedy = "say in `at` where the list is, as in `/data/items`";
            Err(wrong(format!("there is nothing at `{at}`"), remedy))
        }
        Ok(true) => gathering.builder.into_inner().finish(),
    }
}

fn wrong(problem: impl Into<String>, remedy: impl Into<String>) -> TableWrong {
    TableWrong { problem: problem.into(), remedy: remedy.into() }
}

struct Gathering {
    builder: RefCell<TableBuilder>,
    /// Why no more is taken.
    wrong: RefCell<Option<TableWrong>>,
}

impl Gathering {
    fn take<T, E: Error>(&self, taken: Result<T, TableWrong>) -> Result<T, E> {
        taken.map_err(|wrong| {
            *self.wrong.borrow_mut() = Some(wrong);
            E::custom("it is no table")
        })
    }
}

/// Goes along the pointer; says whether there was something at its end.
#[derive(Clone, Copy)]
struct Walk<'a> {
    steps: &'a [String],
    gathering: &'a Gathering,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.steps.first() {
            None => f.write_str("a list of objects"),
            Some(step) => write!(f, "an object or list with `{step}`"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let Some((step, rest)) = self.steps.split_first() else {
            while items.next_element_seed(Row(self.gathering))?.is_some() {}
            return Ok(true);
        };
        let wanted: Option<usize> = step.parse().ok();
        let mut found = false;
        for place in 0.. {
            let more = match wanted == Some(place) {
                true => {
                    let walk = Walk { steps: rest, gathering: self.gathering };
                    let met = items.next_element_seed(walk)?;
                    found |= met == Some(true);
                    met.is_some()
                }
                false => items.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<bool, A::Error> {
        let Some((step, rest)) = self.steps.split_first() else {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self));
        };
        let mut found = false;
        while let Some(key) = pairs.next_key::<String>()? {
            // A key that is there twice would give rows twice.
            if key == *step && !found {
                found = pairs.next_value_seed(Walk { steps: rest, gathering: self.gathering })?;
            } else {
                pairs.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

struct Row<'a>(&'a Gathering);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object for each row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<(), A::Error> {
        let gathering = self.0;
        gathering.take(gathering.builder.borrow_mut().row())?;
        while let Some(key) = pairs.next_key::<String>()? {
            let Some(value) = pairs.next_value_seed(Cell)? else { continue };
            let mut builder = gathering.builder.borrow_mut();
            if let Some(place) = gathering.take(builder.column(&key))? {
                gathering.take(builder.put(place, value))?;
            }
        }
        Ok(())
    }
}

/// A value of a row; none, where it is a list or an object.
struct Cell;

impl<'de> DeserializeSeed<'de> for Cell {
    type Value = Option<Given>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell {
    type Value = Option<Given>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Some(Given::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Given::Bool(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(Given::Int(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(i64::try_from(value).map_or(Given::Uint(value), Given::Int)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(Given::Float(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Some(Given::Text(value.into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        while pairs.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_model::ColumnValues;

    #[test]
    fn a_list_of_objects_is_found_at_its_place() {
        let text = r#"{"meta": [1], "data": {"a/b": [[], [
            {"code": 1, "name": "Vanilla", "tags": ["x"], "limit": 80},
            {"limit": 0.5, "more": {"x": 1}, "code": null}]]}}"#;
        let table = read(text.as_bytes(), "/data/a~1b/1", &[]).unwrap();
        let names: Vec<&str> = table.shape().map(|(name, _)| name).collect();
        assert_eq!(names, ["code", "name", "limit"]);
        assert_eq!(table.columns()[0].values, ColumnValues::Int64(vec![Some(1), None]));
        assert_eq!(table.columns()[2].values, ColumnValues::Float64(vec![Some(80.0), Some(0.5)]));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let check = |text: &str, at: &str, problem: &str| {
            let told = read(text.as_bytes(), at, &[]).unwrap_err();
            assert!(told.problem.contains(problem), "{told}");
        };
        check("{}", "", "expected a list of objects");
        check("[1]", "", "expected an object for each row");
        check("{\"a\": []}", "/b", "nothing at `/b`");
        check("[{\"a\": 1}] x", "", "no JSON");
        check("<html>", "", "no JSON");
        check("[]", "", "no column");
        check(&"[".repeat(100_000), "", "expected an object for each row");
    }
}
