//! Reads cases of rules' SQL (`cases/rules/*.case`, described in `cases/rules/README.md`), and says
//! whether what a rule gave is what a case expects. Running them is for `cases.rs`.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

const SECOND: i64 = 1_000_000_000;
/// 2026-01-01T00:00:00Z, from which times count.
pub const BASE_NS: i64 = 1_767_225_600 * SECOND;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Int64,
    Uint64,
    Float64,
    Bool,
    Text,
    Bytes,
    /// Of lookup tables alone.
    Time,
}

/// A value of a sample that was read, or of a column that a rule gave.
#[derive(Clone, Debug, PartialEq)]
pub enum CaseValue {
    /// What a rule gave; a column that was not read is not named in its row.
    Null,
    /// A sample of bad quality, without a value.
    Bad,
    Bool(bool),
    /// Signed or unsigned.
    Int(i128),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Nanoseconds since 1970.
    Time(i64),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub name: String,
    /// Its rows name their device.
    pub template: bool,
    /// A lookup table, and its rows at the beginning.
    pub lookup: Option<Vec<Vec<CaseValue>>>,
    pub columns: Vec<(String, Type)>,
}

/// A sample of a row: its column, the source's time where it gives one, and its value.
pub type Sample = (String, Option<i64>, CaseValue);

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Row {
        table: String,
        device: Option<String>,
        time_ns: i64,
        values: Vec<Sample>,
    },
    /// The clock reaches this time.
    Tick(i64),
    /// From here on a lookup table has these rows.
    Lookup {
        table: String,
        rows: Vec<Vec<CaseValue>>,
    },
}

/// A row that a rule gives: its time, and its columns in their order without one named `time`.
pub type Given = (i64, Vec<CaseValue>);

#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    Rows {
        rows: Vec<Given>,
        late: u64,
        errors: u64,
        /// The order of the rows is left open.
        unordered: bool,
    },
    /// Where in the statement, from 1 on, and a part of what the finding says.
    Finding { line: usize, column: usize, text: String },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub name: String,
    pub file: String,
    /// Of its heading in the file.
    pub line: usize,
    pub lateness_ns: i64,
    pub tables: Vec<Table>,
    pub sql: String,
    pub steps: Vec<Step>,
    pub expected: Expected,
}

/// All cases of a folder's `.case` files, by file name.
pub fn read_folder(folder: &Path) -> Result<Vec<Case>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "case"));
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{name}: {e}"))?;
        cases.extend(read(&name, &text)?);
    }
    Ok(cases)
}

/// The cases of one text; `file` is for people.
pub fn read(file: &str, text: &str) -> Result<Vec<Case>, String> {
    let mut drafts: Vec<Draft> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = |problem: String| format!("{file}:{}: {problem}", index + 1);
        if let Some(name) = line.strip_prefix("== ") {
            drafts.push(Draft::new(name.trim(), index + 1));
        } else if let Some(draft) = drafts.last_mut() {
            draft.line(line).map_err(at)?;
        } else if !is_blank(line) {
            return Err(at(format!("`{line}` stands before the first case")));
        }
    }
    let finished = drafts.into_iter().map(|draft| {
        let (name, line) = (draft.case.name.clone(), draft.case.line);
        draft.finish(file).map_err(|problem| format!("{file}:{line}: {name}: {problem}"))
    });
    finished.collect()
}

/// What differs between what is expected and what a rule gave; nothing where they agree.
pub fn difference(rows: &[Given], unordered: bool, given: &[Given]) -> Option<String> {
    let (mut want, mut got) = (rows.to_vec(), given.to_vec());
    if unordered {
        want.sort_by_cached_key(row_text);
        got.sort_by_cached_key(row_text);
    }
    let equal = |(a, b): (&Given, &Given)| {
        a.0 == b.0 && a.1.len() == b.1.len() && a.1.iter().zip(&b.1).all(|(a, b)| a.matches(b))
    };
    if want.len() == got.len() && want.iter().zip(&got).all(equal) {
        return None;
    }
    let list = |rows: &[Given]| rows.iter().map(|row| format!("  {}\n", row_text(row))).collect();
    let (want, got): (String, String) = (list(&want), list(&got));
    Some(format!("expected\n{want}and got\n{got}"))
}

impl CaseValue {
    /// Floats may differ in their last digits, where the order of adding is open; NaN is NaN.
    pub fn matches(&self, given: &CaseValue) -> bool {
        match (self, given) {
            (CaseValue::Float(a), CaseValue::Float(b)) => {
                let near = (a - b).abs() <= (a.abs().max(b.abs()) * 1e-9).max(1e-12);
                a == b || (a.is_nan() && b.is_nan()) || (a.is_finite() && b.is_finite() && near)
            }
            (a, b) => a == b,
        }
    }
}

/// As in `gives`.
impl fmt::Display for CaseValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaseValue::Null => f.write_str("null"),
            CaseValue::Bad => f.write_str("bad"),
            CaseValue::Bool(value) => write!(f, "{value}"),
            CaseValue::Int(value) => write!(f, "{value}"),
            CaseValue::Float(value) => write!(f, "{value:?}"),
            CaseValue::Text(value) => write!(f, "{value:?}"),
            CaseValue::Bytes(value) => {
                f.write_str("0x")?;
                value.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            CaseValue::Time(value) => write!(f, "t{}", time_text(*value)),
        }
    }
}

/// A row as a line of `gives`.
pub fn row_text((time_ns, values): &Given) -> String {
    let values = values.iter().map(|value| format!(" {value}"));
    time_text(*time_ns) + &values.collect::<String>()
}

fn time_text(time_ns: i64) -> String {
    let away = time_ns - BASE_NS;
    let sign = if away < 0 { "-" } else { "" };
    let (whole, rest) = (away.abs() / SECOND, away.abs() % SECOND);
    let text = format!("{sign}{whole}.{rest:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    Sql,
    Rows,
    Gives,
    End,
}

/// A case in the making.
struct Draft {
    part: Part,
    sql: Vec<String>,
    unordered: bool,
    finding: Option<(usize, usize, String)>,
    given: Option<Vec<Given>>,
    counts: HashMap<String, u64>,
    case: Case,
}

impl Draft {
    fn new(name: &str, line: usize) -> Draft {
        let case = Case {
            name: name.to_owned(),
            file: String::new(),
            line,
            lateness_ns: 0,
            tables: Vec::new(),
            sql: String::new(),
            steps: Vec::new(),
            expected: Expected::Finding { line: 0, column: 0, text: String::new() },
        };
        Draft {
            part: Part::Head,
            sql: Vec::new(),
            unordered: false,
            finding: None,
            given: None,
            counts: HashMap::new(),
            case,
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        match line {
            "sql" => self.part = Part::Sql,
            "rows" => self.part = Part::Rows,
            "gives" => {
                self.part = Part::Gives;
                self.given = Some(Vec::new());
            }
            _ if line.starts_with("finding ") && self.part != Part::Head => {
                self.part = Part::End;
                self.finding = Some(finding(line)?);
            }
            _ if self.part == Part::Sql => self.sql.push(line.to_owned()),
            _ if is_blank(line) => {}
            _ => return self.content(line),
        }
        Ok(())
    }

    fn content(&mut self, line: &str) -> Result<(), String> {
        match self.part {
            Part::Head => self.head(line),
            Part::Rows => {
                if let Some(text) = line.strip_prefix("| ")
                    && let Some(Step::Lookup { table, rows }) = self.case.steps.last_mut()
                {
                    rows.push(looked_up(&self.case.tables, table, text)?);
                    return Ok(());
                }
                self.case.steps.push(step(&self.case.tables, line)?);
                Ok(())
            }
            Part::Gives => self.result(line),
            Part::Sql | Part::End => Err(format!("`{line}` means nothing here")),
        }
    }

    fn head(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "lateness" => self.case.lateness_ns = duration(rest)?,
            "unordered" => self.unordered = true,
            // For the program that computes what is expected.
            "no-oracle" => {}
            "table" | "template" | "lookup" => self.case.tables.push(table(word, rest)?),
            "|" => {
                let last = self.case.tables.last().ok_or("a row stands behind its table")?;
                let row = looked_up(&self.case.tables, &last.name, rest)?;
                let last = self.case.tables.last_mut().and_then(|last| last.lookup.as_mut());
                last.ok_or("only lookup tables have rows here")?.push(row);
            }
            _ => return Err(format!("`{line}` means nothing here")),
        }
        Ok(())
    }

    fn result(&mut self, line: &str) -> Result<(), String> {
        let words = words(line)?;
        if let [word @ ("late" | "errors"), count] = words[..] {
            let count = count.parse().map_err(|_| format!("`{count}` is no number"))?;
            self.counts.insert(word.to_owned(), count);
            return Ok(());
        }
        let (time, values) = words.split_first().ok_or("an empty line")?;
        let values: Result<Vec<CaseValue>, String> =
            values.iter().map(|text| value(text)).collect();
        self.given.get_or_insert_default().push((instant(time)?, values?));
        Ok(())
    }

    fn finish(self, file: &str) -> Result<Case, String> {
        let count = |word| self.counts.get(word).copied().unwrap_or(0);
        let expected = match (self.given, self.finding) {
            (Some(rows), None) => {
                let (late, errors) = (count("late"), count("errors"));
                Expected::Rows { rows, late, errors, unordered: self.unordered }
            }
            (None, Some((line, column, text))) => Expected::Finding { line, column, text },
            _ => return Err("a case has either `gives` or `finding`".to_owned()),
        };
        Ok(Case { file: file.to_owned(), sql: self.sql.join("\n"), expected, ..self.case })
    }
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#')
}

fn finding(line: &str) -> Result<(usize, usize, String), String> {
    let wrong = || format!("`{line}`: write `finding LINE:COLUMN text`");
    let mut parts = line.splitn(3, ' ').skip(1);
    let (at, text) = parts.next().zip(parts.next()).ok_or_else(wrong)?;
    let (row, column) = at.split_once(':').ok_or_else(wrong)?;
    let (row, column) = row.parse().ok().zip(column.parse().ok()).ok_or_else(wrong)?;
    Ok((row, column, text.to_owned()))
}

fn table(word: &str, text: &str) -> Result<Table, String> {
    let (name, columns) = text.split_once(':').ok_or_else(|| format!("`{text}`: no `:`"))?;
    let column = |text: &str| {
        let (name, kind) =
            text.trim().split_once(' ').ok_or_else(|| format!("`{text}`: no type"))?;
        let kind = match kind.trim() {
            "int64" => Type::Int64,
            "uint64" => Type::Uint64,
            "float64" => Type::Float64,
            "bool" => Type::Bool,
            "text" => Type::Text,
            "bytes" => Type::Bytes,
            "time" if word == "lookup" => Type::Time,
            other => return Err(format!("`{other}` is no type")),
        };
        Ok((name.to_owned(), kind))
    };
    let columns: Result<Vec<(String, Type)>, String> = columns.split(',').map(column).collect();
    Ok(Table {
        name: name.trim().to_owned(),
        template: word == "template",
        lookup: (word == "lookup").then(Vec::new),
        columns: columns?,
    })
}

/// A row of a lookup table: all of its columns.
fn looked_up(tables: &[Table], name: &str, text: &str) -> Result<Vec<CaseValue>, String> {
    let table = tables.iter().find(|table| table.name == name && table.lookup.is_some());
    let table = table.ok_or_else(|| format!("the case has no lookup table `{name}`"))?;
    let words = words(text)?;
    if words.len() != table.columns.len() {
        return Err(format!("`{text}` has not as many values as `{name}` columns"));
    }
    let both = words.iter().zip(&table.columns);
    both.map(|(word, (_, kind))| match kind {
        Type::Float64 if *word != "null" => float(word).map(CaseValue::Float),
        _ => value(word),
    })
    .collect()
}

fn step(tables: &[Table], line: &str) -> Result<Step, String> {
    let words = words(line)?;
    if let ["lookup", name] = words[..] {
        return Ok(Step::Lookup { table: name.to_owned(), rows: Vec::new() });
    }
    let [head, time, rest @ ..] = &words[..] else { return Err(format!("`{line}`: no time")) };
    let time_ns = instant(time)?;
    if *head == "tick" {
        return Ok(Step::Tick(time_ns));
    }
    let (name, device) = head.split_once('/').map_or((*head, None), |(name, of)| (name, Some(of)));
    let table = tables.iter().find(|table| table.name == name);
    let table = table.ok_or_else(|| format!("the case has no table `{name}`"))?;
    if table.template != device.is_some() {
        return Err(format!("`{head}`: a template's row names its device, another's none"));
    }
    let values: Result<Vec<Sample>, String> = rest.iter().map(|text| sample(table, text)).collect();
    let device = device.map(str::to_owned);
    Ok(Step::Row { table: name.to_owned(), device, time_ns, values: values? })
}

fn sample(table: &Table, text: &str) -> Result<Sample, String> {
    let (column, given) = text.split_once('=').ok_or_else(|| format!("`{text}`: no `=`"))?;
    let (column, source) = column.split_once('@').map_or((column, None), |(c, at)| (c, Some(at)));
    let source = source.map(instant).transpose()?;
    let known = table.columns.iter().find(|(name, _)| name == column);
    let kind = known.ok_or_else(|| format!("`{}` has no column `{column}`", table.name))?.1;
    let given = match (given, kind) {
        ("bad", _) => CaseValue::Bad,
        (number, Type::Float64) => CaseValue::Float(float(number)?),
        (other, _) => value(other)?,
    };
    let fits = match (&given, kind) {
        (CaseValue::Bad, _)
        | (CaseValue::Bool(_), Type::Bool)
        | (CaseValue::Float(_), Type::Float64)
        | (CaseValue::Text(_), Type::Text)
        | (CaseValue::Bytes(_), Type::Bytes) => true,
        (CaseValue::Int(number), Type::Int64) => i64::try_from(*number).is_ok(),
        (CaseValue::Int(number), Type::Uint64) => u64::try_from(*number).is_ok(),
        _ => false,
    };
    match fits {
        true => Ok((column.to_owned(), source, given)),
        false => Err(format!("`{text}` does not fit the column's type")),
    }
}

/// A value as in `gives`.
fn value(text: &str) -> Result<CaseValue, String> {
    if let Some(digits) = text.strip_prefix("0x") {
        return Ok(CaseValue::Bytes(bytes(digits)?));
    }
    if text.starts_with('"') {
        return Ok(CaseValue::Text(unquoted(text)?));
    }
    match text {
        "null" => return Ok(CaseValue::Null),
        "true" => return Ok(CaseValue::Bool(true)),
        "false" => return Ok(CaseValue::Bool(false)),
        _ => {}
    }
    if let Some(time) = text.strip_prefix('t') {
        return Ok(CaseValue::Time(instant(time)?));
    }
    match text.parse::<i128>() {
        Ok(number) => Ok(CaseValue::Int(number)),
        Err(_) => Ok(CaseValue::Float(float(text)?)),
    }
}

fn float(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("`{text}` is no value"))
}

fn bytes(digits: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("`0x{digits}` is no bytes");
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return Err(wrong());
    }
    let pairs = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16));
    pairs.collect::<Result<Vec<u8>, _>>().map_err(|_| wrong())
}

/// A text in quotes with the escapes of JSON.
fn unquoted(text: &str) -> Result<String, String> {
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let mut letters = inside.ok_or_else(|| format!("{text}: no closing quote"))?.chars();
    let mut units: Vec<u16> = Vec::new();
    while let Some(letter) = letters.next() {
        let mut buffer = [0; 2];
        let plain = match letter {
            '\\' => match letters.next().ok_or_else(|| format!("{text}: ends in `\\`"))? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => {
                    let digits: String = letters.by_ref().take(4).collect();
                    let unit = u16::from_str_radix(&digits, 16);
                    units.push(unit.map_err(|_| format!("{text}: `\\u{digits}`"))?);
                    continue;
                }
                other @ ('"' | '\\' | '/') => other,
                other => return Err(format!("{text}: `\\{other}` is no escape")),
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut buffer));
    }
    String::from_utf16(&units).map_err(|e| format!("{text}: {e}"))
}

/// Parts between spaces; a text in quotes may have spaces within.
fn words(line: &str) -> Result<Vec<&str>, String> {
    let (mut words, mut begun, mut quoted, mut escaped) = (Vec::new(), None, false, false);
    for (at, letter) in line.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        if letter == ' ' && !quoted {
            words.extend(begun.take().map(|from| &line[from..at]));
        } else if begun.is_none() {
            begun = Some(at);
        }
    }
    words.extend(begun.map(|from| &line[from..]));
    if quoted { Err(format!("open quotes in `{line}`")) } else { Ok(words) }
}

/// Seconds since `BASE_NS`, exact to the nanosecond.
fn instant(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no time");
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    let valid = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !valid(whole) || !valid(decimals) || decimals.len() > 9 {
        return Err(wrong());
    }
    let whole: i64 = whole.parse().map_err(|_| wrong())?;
    let rest: i64 = format!("{decimals:0<9}").parse().map_err(|_| wrong())?;
    let away = whole.checked_mul(SECOND).and_then(|ns| ns.checked_add(rest)).ok_or_else(wrong)?;
    BASE_NS.checked_add(sign * away).ok_or_else(wrong)
}

fn duration(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no duration");
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(unit_at);
    let unit = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3_600 * SECOND,
        "d" => 86_400 * SECOND,
        _ => return Err(wrong()),
    };
    number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus() -> PathBuf {
        let own = option_env!("CARGO_MANIFEST_DIR").unwrap_or("crates/rules");
        Path::new(own).join("../../cases/rules")
    }

    #[test]
    fn the_corpus_is_read() {
        let cases = read_folder(&corpus()).unwrap();
        assert!(cases.len() >= 150, "{} cases", cases.len());
        let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        assert_eq!(twice, None, "two cases of one name");
        for case in &cases {
            let finding = matches!(case.expected, Expected::Finding { .. });
            assert!(finding || !case.steps.is_empty(), "{}: no rows", case.name);
            assert!(finding || !case.sql.is_empty(), "{}: no statement", case.name);
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for case in read_folder(&corpus()).unwrap() {
            let Expected::Rows { rows, .. } = &case.expected else { continue };
            for row in rows.iter().filter(|row| !row.1.contains(&CaseValue::Text(String::new()))) {
                let text = row_text(row);
                let words = words(&text).unwrap();
                assert_eq!(instant(words[0]).unwrap(), row.0, "{text}");
                assert_eq!(words.len(), row.1.len() + 1, "{text}");
            }
        }
    }

    #[test]
    fn a_case_in_its_parts() {
        let text = "# first\n\n== a: case\nlateness 200ms\nunordered\n\
                    table boiler: temperature float64, n uint64\ntemplate pumps: s text, d bytes\n\
                    sql\nSELECT 1\n\n  -- twice\nrows\nboiler 0.5 temperature@-1=20 n=bad\n\
                    pumps/p1 12.25 s=\"a \\\"b\\\" \\u00e4\\n\" d=0x00ff\ntick 30\n\
                    gives\n10 20.5 1 null \"x y\" t0.25 nan 0x true\nlate 2\nerrors 1\n";
        let cases = read("x.case", text).unwrap();
        let [case] = &cases[..] else { panic!("{cases:?}") };
        assert_eq!((case.name.as_str(), case.line, case.lateness_ns), ("a: case", 3, SECOND / 5));
        assert_eq!(case.sql, "SELECT 1\n\n  -- twice");
        assert_eq!(case.tables[1].columns[1], ("d".to_owned(), Type::Bytes));
        let Step::Row { table, device, time_ns, values } = &case.steps[0] else { panic!("a row") };
        assert_eq!((table.as_str(), device, time_ns - BASE_NS), ("boiler", &None, SECOND / 2));
        let first = ("temperature".to_owned(), Some(BASE_NS - SECOND), CaseValue::Float(20.0));
        assert_eq!(values[..], [first, ("n".to_owned(), None, CaseValue::Bad)]);
        let Step::Row { device, values, .. } = &case.steps[1] else { panic!("a row") };
        assert_eq!(device.as_deref(), Some("p1"));
        assert_eq!(values[0].2, CaseValue::Text("a \"b\" ä\n".to_owned()));
        assert_eq!(values[1].2, CaseValue::Bytes(vec![0, 255]));
        assert_eq!(case.steps[2], Step::Tick(BASE_NS + 30 * SECOND));
        let Expected::Rows { rows, late: 2, errors: 1, unordered: true } = &case.expected else {
            panic!("{:?}", case.expected)
        };
        assert_eq!(row_text(&rows[0]), "10 20.5 1 null \"x y\" t0.25 NaN 0x true");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let head = "== a\ntable t: x int64\nsql\nSELECT x FROM t\n";
        let check = |rest: &str, problem: &str| {
            let found = read("x.case", &format!("{head}{rest}")).unwrap_err();
            assert!(found.contains(problem), "{found}");
        };
        check("rows\nt 1 x=1.5\ngives\n", "x.case:6: `x=1.5` does not fit");
        check("rows\nt 1 y=1\ngives\n", "no column `y`");
        check("rows\nu 1 x=1\ngives\n", "no table `u`");
        check("rows\nt/d 1 x=1\ngives\n", "names its device");
        check("rows\nt 1.0000000001 x=1\ngives\n", "is no time");
        check("rows\nt 1 x=9223372036854775808\ngives\n", "does not fit");
        check("rows\nt 1 x=1\n", "either `gives` or `finding`");
        check("finding 1 x\n", "LINE:COLUMN");
        check("rows\ngives\n1 \"open\n", "open quotes");
    }

    #[test]
    fn rows_are_compared() {
        let row = |time, value| (time, vec![CaseValue::Float(value)]);
        let rows = [row(1, 0.3), row(2, f64::NAN)];
        assert_eq!(difference(&rows, false, &[row(1, 0.1 + 0.2), row(2, f64::NAN)]), None);
        assert!(difference(&rows, false, &[row(2, f64::NAN), row(1, 0.3)]).is_some());
        assert_eq!(difference(&rows, true, &[row(2, f64::NAN), row(1, 0.3)]), None);
        assert!(difference(&rows, false, &rows[..1]).is_some());
        assert!(!CaseValue::Int(1).matches(&CaseValue::Float(1.0)));
    }
}
