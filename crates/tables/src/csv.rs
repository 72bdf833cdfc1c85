//! Rows of CSV whose first line names the columns. Pure.

use tagwerk_model::table::{Given, TableBuilder, TableWrong};
use tagwerk_model::{ColumnType, Table};

/// Reads rows between separators; numbers have this decimal sign. An empty value is NULL.
pub fn read(
    bytes: &[u8],
    (separator, decimal): (u8, u8),
    columns: &[(Box<str>, ColumnType)],
) -> Result<Table, TableWrong> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        let problem = format!("line {line} is not UTF-8");
        wrong(problem, "save the file as UTF-8")
    })?;
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .trim(::csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut builder = TableBuilder::new(columns);
    let mut record = ::csv::StringRecord::new();
    let mut places: Option<Vec<Option<usize>>> = None;
    while reader.read_record(&mut record).map_err(|error| told(&error))? {
        let Some(places) = &places else {
            places = Some(head(&record, &mut builder)?);
            continue;
        };
        builder.row()?;
        for (value, place) in record.iter().zip(places) {
            if let Some(place) = place
                && !value.is_empty()
            {
                builder.put(*place, Given::Loose(number(value, decimal)))?;
            }
        }
    }
    match places {
        Some(_) => builder.finish(),
        None => Err(wrong("there is no line", "write the names of the columns into the first")),
    }
}

fn head(
    record: &::csv::StringRecord,
    builder: &mut TableBuilder,
) -> Result<Vec<Option<usize>>, TableWrong> {
    let mut places = Vec::with_capacity(record.len());
    for name in record {
        let place = builder.column(name)?;
        if place.is_some() && places.contains(&place) {
            let problem = format!("two columns are called `{name}`");
            return Err(wrong(problem, "give one of them another name"));
        }
        places.push(place);
    }
    Ok(places)
}

/// A number with a comma, with a point.
fn number(value: &str, decimal: u8) -> Box<str> {
    let is = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | 'e' | 'E' | ',');
    if decimal == b','
        && value.matches(',').count() == 1
        && value.chars().all(is)
        && value.starts_with(|c: char| c.is_ascii_digit() || c == '-')
    {
        return value.replace(',', ".").into();
    }
    value.into()
}

fn told(error: &::csv::Error) -> TableWrong {
    if let ::csv::ErrorKind::UnequalLengths { pos, expected_len, len } = error.kind() {
        let line = pos.as_ref().map_or(0, ::csv::Position::line);
        let problem = format!(
            "line {line} has {len} values where the first line names {expected_len} columns"
        );
        let remedy = "correct the line, or say another `separator`";
        return wrong(problem, remedy);
    }
    wrong(format!("this is no CSV: {error}"), "correct the file, or say another `separator`")
}

fn wrong(problem: impl Into<String>, remedy: impl Into<String>) -> TableWrong {
    TableWrong { problem: problem.into(), remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_model::ColumnValues;

    #[test]
    fn a_file_as_a_spreadsheet_writes_it() {
        let text = "\u{feff}code;name;\"limit; high\";since\r\n1; Vanilla ;80,5;2026-01-01\r\n\
                    2;\"Plain;er\";-1;\r\n";
        let table = read(text.as_bytes(), (b';', b','), &[]).unwrap();
        let [code, name, limit, since] = table.columns() else { panic!("{table:?}") };
        assert_eq!(code.values, ColumnValues::Int64(vec![Some(1), Some(2)]));
        let names = vec![Some("Vanilla".into()), Some("Plain;er".into())];
        assert_eq!(name.values, ColumnValues::Text(names));
        assert_eq!(&*limit.name, "limit; high");
        assert_eq!(limit.values, ColumnValues::Float64(vec![Some(80.5), Some(-1.0)]));
        assert_eq!(since.values, ColumnValues::Time(vec![Some(1_767_225_600_000_000_000), None]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let check = |bytes: &[u8], problem: &str| {
            let told = read(bytes, (b',', b'.'), &[]).unwrap_err();
            assert!(told.problem.contains(problem), "{told}");
        };
        check(b"", "there is no line");
        check(b"a,b\n1,2\n3\n", "line 3 has 1 values");
        check(b"a,a\n", "two columns");
        check(b"a,\n", "called \"\"");
        check(b"a\n\xff\n", "line 2 is not UTF-8");
        let said = [("a".into(), ColumnType::Int64)];
        let told = read(b"a,b\n1,2\nx,2\n", (b',', b'.'), &said).unwrap_err();
        assert_eq!(told.problem, "row 2: \"x\" in the column `a` is no int64");
    }
}
