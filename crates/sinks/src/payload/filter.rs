//! jq programs, run by jaq: compiled with positions for what is wrong, and bounded when run.
//!
//! jaq has no limit of its own. It looks a term up before each step, so the look-up counts the steps
//! and watches the stack, and leaves by unwinding, which no `try` of the program can catch. What one
//! step allocates is not bounded.

use super::Format;
use jaq_core::data::HasLut;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, DataT, Vars, native};
use jaq_json::{Num, Val, read};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use tagwerk_component::{Findings, Place};
use tagwerk_model::value::write_json_text;

/// Length of a program. Longer: a finding.
pub const PROGRAM_BYTES_MAX: usize = 8 * 1024;
/// Outputs of one run. More: the delivery is rejected.
pub const OUTPUTS_MAX: usize = 1_000;
/// Bytes of all payloads of one run. More: the delivery is rejected.
pub const OUTPUT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Terms evaluated in one run; a delivery of 1,000 tags takes some ten thousand. More: the delivery is
/// rejected.
const STEPS_MAX: u64 = 5_000_000;
/// Nesting of an output.
const DEPTH_MAX: usize = 500;
/// Stack of the threads on which programs are compiled and run; used only as deep as needed.
pub const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Stack that a program may use.
const STACK_BYTES_MAX: usize = 40 * 1024 * 1024;

/// A program that compiles. Kept as text: a compiled one cannot move between threads.
#[derive(Clone, Debug)]
pub struct Program {
    code: String,
    topics: Option<TopicProblem>,
}

/// Says why a topic that a program names cannot be used. Without one an output is a payload, whatever
/// its keys.
pub type TopicProblem = fn(&str) -> Option<String>;

/// One output of a program.
#[derive(Debug, PartialEq, Eq)]
pub struct Output {
    /// The topic, if the program names one.
    pub topic: Option<String>,
    pub payload: Vec<u8>,
    /// The payload is plain text rather than JSON.
    pub text: bool,
}

impl Program {
    /// The program of a sink's settings `format` and `filter`.
    pub fn check(
        format: Format,
        code: Option<&str>,
        topics: Option<TopicProblem>,
        findings: &mut Findings,
    ) -> Option<Program> {
        let place = Place::settings("filter");
        let (problem, remedy) = match (format, code) {
            (Format::Jq, Some(code)) => match Program::compile(code, topics) {
                Ok(program) => return Some(program),
                Err(problem) => (problem, "see the jq manual; the program is run by jaq"),
            },
            (Format::Jq, None) => (
                "the format `jq` needs a program".to_owned(),
                "write one, such as `.tags[] | select(.value > 5)`, or choose another format",
            ),
            (_, Some(_)) => (
                "a filter is used only with the format `jq`".to_owned(),
                "write `format: jq`, or remove `filter`",
            ),
            (_, None) => return None,
        };
        findings.error(place, problem, remedy);
        None
    }

    /// The error is what is wrong and where.
    pub fn compile(code: &str, topics: Option<TopicProblem>) -> Result<Program, String> {
        if code.len() > PROGRAM_BYTES_MAX {
            return Err(format!(
                "the program has {} bytes, the limit is {PROGRAM_BYTES_MAX}",
                code.len()
            ));
        }
        // Deeply nested brackets need a deep stack, hence the thread.
        let result = std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name("jq-compile".into())
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, || Compiled::new(code, topics).map(drop))
                .map(|thread| thread.join())
        });
        match result {
            Ok(Ok(Ok(()))) => Ok(Program { code: code.to_owned(), topics }),
            Ok(Ok(Err(problem))) => Err(problem),
            Ok(Err(_)) => Err("the program cannot be compiled".into()),
            Err(error) => Err(format!("the program cannot be compiled: {error}")),
        }
    }

    /// To be called on the thread that will run it, with a stack of [`STACK_BYTES`].
    pub fn load(&self) -> Result<Compiled, String> {
        Compiled::new(&self.code, self.topics)
    }
}

pub struct Compiled {
    filter: jaq_core::Filter<Metered>,
    topics: Option<TopicProblem>,
}

/// What a run may use.
pub struct Bounds<'a> {
    /// What `now` says: seconds since 1970.
    pub now: f64,
    /// Ends the run from outside.
    pub stop: &'a AtomicBool,
}

impl Compiled {
    fn new(code: &str, topics: Option<TopicProblem>) -> Result<Compiled, String> {
        // `range` alone produces without end and without a step; piped, each item is one.
        let range = "def range($from; $to; $by): native_range($from; $to; $by) | .;";
        let core = jaq_core::defs().map(Some);
        let std = jaq_std::defs().chain(jaq_json::defs()).map(Some);
        let range = load::parse(range, |p| p.defs()).unwrap_or_default().into_iter().map(Some);
        let prelude = range.chain(core).chain(std).flatten();
        let arena = Arena::default();
        let modules = Loader::new(prelude)
            .load(&arena, File { code, path: () })
            .map_err(|errors| load_problem(code, errors))?;
        // The environment is the gateway's, and its clock is an argument.
        let funs = jaq_core::funs()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs())
            .filter(|(name, ..)| !matches!(*name, "env" | "now"))
            .map(|(name, args, fun)| {
                (if name == "range" { "native_range" } else { name }, args, fun)
            })
            .chain([native::run::<Metered>(("now", native::v(0), |cv| {
                native::bome(Ok(Val::from(cv.0.data().meter.now)))
            }))]);
        let filter = Compiler::default().with_funs(funs).compile(modules).map_err(|errors| {
            let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
            match first {
                Some((name, undefined)) => {
                    format!("{}: there is no {} `{name}`", position(code, name), undefined.as_str())
                }
                None => "the program cannot be compiled".into(),
            }
        })?;
        Ok(Compiled { filter, topics })
    }

    /// All outputs for a JSON text. The error says what the program did wrong.
    pub fn run(&self, input: &[u8], bounds: Bounds<'_>) -> Result<Vec<Output>, String> {
        let meter =
            Meter { steps: Cell::new(0), stack: here(), now: bounds.now, stop: bounds.stop };
        match catch_unwind(AssertUnwindSafe(|| self.collect(input, &meter))) {
            Ok(result) => result,
            Err(payload) => match payload.downcast::<Exceeded>() {
                Ok(exceeded) => Err(exceeded.0.into()),
                Err(_) => Err("the filter failed with a fault inside jaq".into()),
            },
        }
    }

    fn collect(&self, input: &[u8], meter: &Meter<'_>) -> Result<Vec<Output>, String> {
        let input = read::parse_single(input)
            .map_err(|error| format!("the filter's input is not JSON: {error}"))?;
        let data = Data { lut: &self.filter.lut, meter };
        let context = Ctx::<Metered>::new(data, Vars::new([]));
        let mut outputs = Vec::new();
        let mut bytes = 0;
        for result in self.filter.id.run((context, input)) {
            let value = result.map_err(|exception| match exception.get_err() {
                Ok(error) => format!("the filter failed: {}", shortened(&error.to_string())),
                Err(_) => "the filter called `halt`, which is not possible here".to_owned(),
            })?;
            if outputs.len() == OUTPUTS_MAX {
                return Err(format!("the filter makes more than {OUTPUTS_MAX} messages"));
            }
            let output = output(value, self.topics)?;
            bytes += output.payload.len();
            if bytes > OUTPUT_BYTES_MAX {
                return Err(format!("the filter makes more than {OUTPUT_BYTES_MAX} bytes"));
            }
            outputs.push(output);
        }
        Ok(outputs)
    }
}

/// Counts what a run uses.
struct Meter<'a> {
    steps: Cell<u64>,
    stack: usize,
    now: f64,
    stop: &'a AtomicBool,
}

struct Exceeded(&'static str);

impl Meter<'_> {
    fn step(&self) {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        let problem = if steps > STEPS_MAX {
            "the filter does not end"
        } else if self.stack.abs_diff(here()) > STACK_BYTES_MAX {
            "the filter calls itself too deeply"
        } else if self.stop.load(Ordering::Relaxed) {
            "the filter takes too long"
        } else {
            return;
        };
        // Unlike `panic!`, without a report: this is foreseen.
        resume_unwind(Box::new(Exceeded(problem)));
    }
}

/// About where the stack is.
#[inline(never)]
fn here() -> usize {
    let mark = 0u8;
    std::ptr::from_ref(std::hint::black_box(&mark)).addr()
}

/// jaq's data: JSON values, and a look-up that counts.
struct Metered;

#[derive(Clone, Copy)]
struct Data<'a> {
    lut: &'a jaq_core::Lut<Metered>,
    meter: &'a Meter<'a>,
}

impl DataT for Metered {
    type V<'a> = Val;
    type Data<'a> = Data<'a>;
}

impl<'a> HasLut<'a, Metered> for Data<'a> {
    fn lut(&self) -> &'a jaq_core::Lut<Metered> {
        self.meter.step();
        self.lut
    }
}

fn output(value: Val, topics: Option<TopicProblem>) -> Result<Output, String> {
    if let Val::Obj(map) = &value
        && let Some(topic_problem) = topics
        && map.len() == 2
        && let (Some(topic), Some(payload)) =
            (map.get(&Val::from("topic".to_owned())), map.get(&Val::from("payload".to_owned())))
    {
        let Val::TStr(topic) = topic else {
            return Err("the filter names a topic that is not text".into());
        };
        let topic = String::from_utf8_lossy(topic).into_owned();
        if let Some(problem) = topic_problem(&topic) {
            return Err(format!("the filter names a topic that cannot be used: {problem}"));
        }
        let (payload, text) = payload_bytes(payload)?;
        return Ok(Output { topic: Some(topic), payload, text });
    }
    let (payload, text) = payload_bytes(&value)?;
    Ok(Output { topic: None, payload, text })
}

/// Text as it is, so that a program can make lines of its own; anything else as JSON.
fn payload_bytes(value: &Val) -> Result<(Vec<u8>, bool), String> {
    match value {
        Val::TStr(text) | Val::BStr(text) => Ok((text.to_vec(), true)),
        other => {
            let mut out = Vec::new();
            write_json(other, 0, &mut out)?;
            Ok((out, false))
        }
    }
}

/// jaq's own writer puts NaN, bytes and odd keys into the text, which no JSON reader takes.
fn write_json(value: &Val, depth: usize, out: &mut Vec<u8>) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("the filter's output is nested deeper than {DEPTH_MAX} levels"));
    }
    match value {
        Val::Null => out.extend_from_slice(b"null"),
        Val::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Val::Num(Num::Float(value)) if !value.is_finite() => out.extend_from_slice(b"null"),
        Val::Num(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Val::TStr(text) | Val::BStr(text) => write_json_text(&String::from_utf8_lossy(text), out),
        Val::Arr(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_json(item, depth + 1, out)?;
            }
            out.push(b']');
        }
        Val::Obj(map) => {
            out.push(b'{');
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                let Val::TStr(key) = key else {
                    return Err("the filter's output has a key that is not text".into());
                };
                write_json_text(&String::from_utf8_lossy(key), out);
                out.push(b':');
                write_json(item, depth + 1, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn load_problem(code: &str, errors: load::Errors<&str, ()>) -> String {
    match errors.into_iter().map(|(_, error)| error).next() {
        Some(load::Error::Lex(errors)) => match errors.into_iter().next() {
            Some((expected, at)) => {
                format!("{}: expected {}", position(code, at), expected.as_str())
            }
            None => "the program cannot be read".into(),
        },
        Some(load::Error::Parse(errors)) => match errors.into_iter().next() {
            Some((expected, at)) => {
                let place = if at.is_empty() { &code[code.len()..] } else { at };
                let found = match at.lines().next() {
                    None | Some("") => String::new(),
                    Some(line) => format!(", found `{}`", shortened(line)),
                };
                format!("{}: expected {}{found}", position(code, place), expected.as_str())
            }
            None => "the program cannot be read".into(),
        },
        Some(load::Error::Io(_)) => "`import` and `include` are not possible here".into(),
        None => "the program cannot be read".into(),
    }
}

/// Line and column of `part`, which lies in `code` or else stands for no place in it.
fn position(code: &str, part: &str) -> String {
    let offset = part.as_ptr().addr().wrapping_sub(code.as_ptr().addr());
    let Some(before) = code.get(..offset) else { return "in the program".into() };
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {line}, column {column}")
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
