//! Reads a text into the tree, and turns what the YAML parser refuses into a finding with a remedy.

use crate::builder::{Builder, Place};
use crate::json;
use crate::meter::{Allowance, EVENT_BYTES_MAX, Metered};
use crate::report::{LocatedFinding, Report};
use crate::source::{Form, Source, shortened};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tagwerk_model::limits;

/// Parses a document. An error is a text that is no document at all; problems that leave a tree are
/// in the report.
pub(crate) fn read(bytes: &[u8]) -> Result<(Source, Report), LocatedFinding> {
    let text = decode(bytes)?;
    if text.trim_start().starts_with(['{', '[']) {
        let mut builder = Builder::new(text.len());
        match json::read(text, &mut builder) {
            Ok(()) => return Ok(builder.finish()),
            Err(json::Stop::Refused(finding)) => return Err(finding),
            Err(json::Stop::NotJson(wrong)) if text.len() > EVENT_BYTES_MAX => {
                return Err(LocatedFinding::error(
                    wrong.place,
                    format!("expected {} here, as JSON has it", wrong.expected),
                    "correct the JSON, or write a document of this size as YAML without brackets",
                ));
            }
            Err(json::Stop::NotJson(_)) => {}
        }
    }
    // The parser is not known to panic; should it, that is one refused document, not a dead process.
    catch_unwind(AssertUnwindSafe(|| read_yaml(text))).unwrap_or_else(|_| {
        Err(LocatedFinding::error(
            (1, 1),
            "the YAML parser failed on this document",
            "simplify it until it is accepted, and report the part that is not",
        ))
    })
}

fn decode(bytes: &[u8]) -> Result<&str, LocatedFinding> {
    if bytes.len() > limits::CONFIG_BYTES_MAX {
        let max = limits::CONFIG_BYTES_MAX;
        return Err(LocatedFinding::error(
            (1, 1),
            format!("the document has {} bytes, {max} are allowed (CONFIG_BYTES_MAX)", bytes.len()),
            "divide the devices among several edges",
        ));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let before = String::from_utf8_lossy(&bytes[..offset]);
        let utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
        LocatedFinding::error(
            place_of_end(&before),
            match utf16 {
                true => "the document is UTF-16".to_owned(),
                false => format!("byte {offset} (0x{:02x}) is not UTF-8", bytes[offset]),
            },
            "save the document as UTF-8",
        )
    })?;
    let control = |b: u8| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r') || b == 0x7f;
    match text.bytes().position(control) {
        None => Ok(text),
        Some(offset) => Err(LocatedFinding::error(
            place_of_end(&text[..offset]),
            format!("the control character 0x{:02x} stands here", bytes[offset]),
            "remove it",
        )),
    }
}

/// The place that follows `before`.
fn place_of_end(before: &str) -> Place {
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[begin..].chars().count() + 1)
}

fn read_yaml(text: &str) -> Result<(Source, Report), LocatedFinding> {
    let mut builder = Builder::new(text.len());
    let mut documents = 0;
    let mut last = (1, 1);
    let allowance = Allowance::default();
    allowance.renew();
    for event in Parser::new(Metered::new(text, allowance.clone())) {
        if allowance.is_spent() {
            return Err(LocatedFinding::error(
                last,
                format!("what follows here has more than {EVENT_BYTES_MAX} bytes in one piece"),
                "write large lists and mappings without brackets, or the whole as strict JSON",
            ));
        }
        allowance.renew();
        let (event, span) = event.map_err(|error| explain(&error, text))?;
        let place = place(&span.start);
        last = place;
        match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(LocatedFinding::error(
                        place,
                        "a second document begins here",
                        "keep one document, without `---` after its first line",
                    ));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let form = match style {
                    ScalarStyle::Plain => Form::Plain,
                    _ => Form::Text,
                };
                let form = scalar_form(form, tag.as_deref());
                let at = builder.scalar(&text, form.unwrap_or(Form::Text), place);
                if style == ScalarStyle::Literal {
                    builder.mark_literal(at);
                }
                builder.anchor(anchor, at);
                check_tag(&mut builder, at, form.is_some(), tag);
            }
            Event::SequenceStart(anchor, tag) => {
                let at = builder.begin(Form::List, place)?;
                builder.anchor(anchor, at);
                let known = tag.as_deref().is_none_or(|t| is_core(t, "seq"));
                check_tag(&mut builder, at, known, tag);
            }
            Event::MappingStart(anchor, tag) => {
                let at = builder.begin(Form::Map, place)?;
                builder.anchor(anchor, at);
                let known = tag.as_deref().is_none_or(|t| is_core(t, "map"));
                check_tag(&mut builder, at, known, tag);
            }
            Event::SequenceEnd | Event::MappingEnd => builder.end(),
            Event::Alias(id) => builder.alias(id, place)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }
    match builder.is_empty() {
        false => Ok(builder.finish()),
        true => Err(LocatedFinding::error(
            (1, 1),
            "the document is empty",
            "begin with `version: 1` and `edge: { name: … }`",
        )),
    }
}

fn place(marker: &Marker) -> Place {
    (marker.line().max(1), marker.col() + 1)
}

fn is_core(tag: &Tag, suffix: &str) -> bool {
    tag.is_yaml_core_schema() && tag.suffix == suffix
}

/// How a scalar with this tag is read; `None` for a tag that is not understood.
fn scalar_form(form: Form, tag: Option<&Tag>) -> Option<Form> {
    match tag {
        None => Some(form),
        Some(tag) if is_core(tag, "str") || tag.handle == "!" && tag.suffix.is_empty() => {
            Some(Form::Text)
        }
        Some(tag) if tag.is_yaml_core_schema() => {
            matches!(&*tag.suffix, "int" | "float" | "bool" | "null").then_some(Form::Plain)
        }
        Some(_) => None,
    }
}

fn check_tag(builder: &mut Builder, at: u32, known: bool, tag: Option<Cow<'_, Tag>>) {
    if !known && let Some(tag) = tag {
        let problem = format!("the YAML tag `{}` is not supported", shortened(&tag.to_string()));
        builder.report.error_at(at, problem, "remove the tag");
    }
}

/// What the parser says (a part of it), what that means, and what to do.
const EXPLANATIONS: &[(&str, &str, &str)] = &[
    (
        "mapping values are not allowed",
        "a `:` stands where no key can end",
        "indent the lines of one mapping equally, and put a text that contains `: ` in quotes",
    ),
    (
        "did not find expected key",
        "expected a key as far to the left as the keys before it",
        "indent the keys of one mapping equally, with spaces",
    ),
    (
        "did not find expected '-'",
        "expected `- ` as far to the left as the items before it",
        "indent the items of one list equally, and what belongs to an item further",
    ),
    (
        "block sequence entries are not allowed",
        "a list item stands where none can begin",
        "put the list on the lines after its key, each item beginning with `- `",
    ),
    (
        "flow mapping, did not find expected",
        "expected `,` or `}`",
        "close the brace that was opened before, or separate the entries with commas",
    ),
    (
        "flow sequence, expected",
        "expected `,` or `]`",
        "close the bracket that was opened before, or separate the items with commas",
    ),
    (
        "quoted scalar, found unexpected end",
        "a quoted text does not end",
        "close the quotation mark that was opened before",
    ),
    (
        "unexpected document indicator",
        "a quoted text does not end before the end of the document",
        "close the quotation mark that was opened before",
    ),
    (
        "trailing content after double-quoted",
        "expected the end of the line after the closing quotation mark",
        "put the whole value in one pair of quotation marks",
    ),
    (
        "unknown escape character",
        "a `\\` in double quotes is followed by a character that it cannot escape",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    (
        "hexadecimal number",
        "expected hexadecimal digits after the `\\`",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    (
        "Unicode character escape",
        "a `\\` escape does not name a character",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    (
        "invalid indentation in quoted",
        "a quoted text goes on too far to the left",
        "indent its further lines, or close the quotation mark",
    ),
    (
        "invalid indentation",
        "this line is not indented as its surroundings require",
        "indent what belongs together equally, with spaces",
    ),
    (
        "wrongly indented line",
        "a line of a text block is indented less than its first",
        "indent all lines of the block equally",
    ),
    ("tabs disallowed", "a tab stands where YAML allows only spaces", "indent with spaces"),
    ("tab cannot be used", "a tab stands where YAML allows only spaces", "indent with spaces"),
    ("a tab", "a tab stands where YAML allows only spaces", "indent with spaces"),
    (
        "simple key expect",
        "expected `:` after the key",
        "write `key: value`, with a space after the colon",
    ),
    (
        "illegal placement of ':'",
        "a `:` stands where no value can begin",
        "put a text that contains `:` in quotes",
    ),
    (
        "mapping keys are not allowed",
        "a key stands where none can begin",
        "begin it on a line of its own",
    ),
    (
        "must be followed by a valid YAML whitespace",
        "expected a space here",
        "put a space after `-` and `:`",
    ),
    ("duplicated anchor", "this anchor is defined twice", "rename one of them"),
    (
        "unknown anchor",
        "the alias names an anchor that was not defined before it",
        "define it with `&name` above, or write the value out",
    ),
    (
        "anchor or alias",
        "expected a name after `&` or `*`",
        "put a text that begins with `&` or `*` in quotes",
    ),
    ("unexpected character", "no value can begin with this character", "put the text in quotes"),
    (
        "unexpected end of plain scalar",
        "expected a value or a closing bracket",
        "close the bracket that was opened before, or put the text in quotes",
    ),
    (
        "did not find expected node content",
        "expected a value",
        "write the value, or remove the comma or the mark before it",
    ),
    (
        "document start",
        "expected the end of the document",
        "indent what belongs to the mapping above equally, and remove the rest",
    ),
    (
        "document-start",
        "expected the end of the document",
        "indent what belongs to the mapping above equally, and remove the rest",
    ),
    ("misplaced bracket", "a closing bracket was not opened", "remove it, or open it before"),
    (
        "handle wasn't declared",
        "the YAML tag is not declared",
        "put a text that begins with `!` in quotes",
    ),
    ("TAG", "a YAML tag is malformed", "put a text that begins with `!` in quotes"),
    ("tag", "a YAML tag is malformed", "put a text that begins with `!` in quotes"),
    (
        "directive",
        "a line that begins with `%` is malformed",
        "put a text that begins with `%` in quotes, or remove the line",
    ),
    (
        "comment intercepting",
        "a comment interrupts a text of several lines",
        "move the comment, or put the text in quotes",
    ),
    ("byte order mark", "a byte order mark stands inside the document", "remove it"),
    ("recursion limit", "the document is nested too deeply", "check the brackets"),
    (
        "block scalar",
        "the line that begins a text block is malformed",
        "end the line after `|` or `>`",
    ),
    ("eof", "the document ends too early", "complete it"),
];

fn explain(error: &ScanError, text: &str) -> LocatedFinding {
    let place = within(text, place(error.marker()));
    let info = error.info();
    let line = |number: usize| text.lines().nth(number.wrapping_sub(1)).unwrap_or_default();
    let indented_by_tab = line(place.0).trim_start_matches(' ').starts_with('\t');
    if indented_by_tab {
        let problem = "a tab stands where YAML allows only spaces";
        return LocatedFinding::error(place, problem, "indent with spaces");
    }
    if info.contains("mapping values are not allowed")
        && let Some(column) = colon_without_space(line(place.0 - 1))
    {
        let problem = "a `:` without a space after it makes no key";
        return LocatedFinding::error(
            (place.0 - 1, column),
            problem,
            "put a space after the colon",
        );
    }
    match EXPLANATIONS.iter().find(|(part, _, _)| info.contains(part)) {
        Some((_, problem, remedy)) => LocatedFinding::error(place, *problem, *remedy),
        None => LocatedFinding::error(
            place,
            format!("this is not YAML: {info}"),
            "check indentation, quotation marks and brackets here and on the lines before",
        ),
    }
}

/// The parser puts what is missing at the end on the line after the last.
fn within(text: &str, place: Place) -> Place {
    match text.lines().count() {
        lines if place.0 > lines => place_of_end(text.trim_end()),
        _ => place,
    }
}

/// The column of the colon of a line such as `name:plant`.
fn colon_without_space(line: &str) -> Option<usize> {
    let (key, value) = line.split_once(':')?;
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let is_key = !key.trim().is_empty() && key.trim().trim_start_matches("- ").chars().all(word);
    let joined = value.starts_with(|c: char| !c.is_whitespace()) && !value.contains(": ");
    (is_key && joined).then(|| key.chars().count() + 1)
}
