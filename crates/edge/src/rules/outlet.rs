//! Where the rows of rules go: into the journal, and as commands to devices, each at most once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tagwerk_config::CheckedRule;
use tagwerk_env::{Clock, Env, Moment};
use tagwerk_model::{Kind, TagSet, Value, ValueRef};
use tagwerk_rules::{Cell, Outlet, Output, Program};
use tagwerk_runtime::view::{CommandRefused, CommandRequest};
use tagwerk_runtime::{EventSeverity, OutputRow, RecordKind, Runtime};
use tokio::sync::mpsc;

/// Commands of rules that wait until they are taken. More: refused.
const COMMANDS_MAX: usize = 1_000;
/// Of a rule's name in the id of its commands, which has 64 characters.
const NAME_IN_ID: usize = 40;

/// What rules write where, and what became of it. Cheap to clone.
#[derive(Clone, Default)]
pub struct Writes(Arc<Mutex<HashMap<Arc<str>, RuleWrites>>>);

#[derive(Default)]
struct RuleWrites {
    writes: Arc<[Write]>,
    done: Done,
    /// The last one was refused, of which was told.
    refused: bool,
}

/// A column that is written to a tag.
struct Write {
    column: usize,
    device: Box<str>,
    tag: Box<str>,
    expires: Duration,
}

/// Commands of a rule by what became of them, since the edge started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Taken; what the device says of them is told as of any command.
    pub taken: u64,
    /// Their rows were too old.
    pub expired: u64,
    pub refused: u64,
}

impl Writes {
    /// These rules write, and no others.
    pub fn set<'a>(&self, rules: impl Iterator<Item = (&'a Arc<CheckedRule>, &'a Arc<Program>)>) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *table);
        for (rule, program) in rules {
            let column = |name: &str| program.columns.iter().position(|c| *c.name == *name);
            let writes = rule.writes.iter().filter_map(|write| {
                Some(Write {
                    column: column(&write.column)?,
                    device: write.device.clone(),
                    tag: write.tag.clone(),
                    expires: write.expires,
                })
            });
            let writes: Arc<[Write]> = writes.collect();
            if !writes.is_empty() {
                let known = before.remove(&*rule.name).unwrap_or_default();
                table.insert(Arc::from(&*rule.name), RuleWrites { writes, ..known });
            }
        }
    }

    pub fn done(&self) -> Vec<(Arc<str>, Done)> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done: Vec<_> = table.iter().map(|(rule, of)| (rule.clone(), of.done)).collect();
        done.sort_by(|a, b| a.0.cmp(&b.0));
        done
    }

    fn of(&self, rule: &str) -> Option<Arc<[Write]>> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(rule).map(|of| of.writes.clone())
    }

    fn count(&self, rule: &str, count: impl FnOnce(&mut RuleWrites)) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of) = table.get_mut(rule) {
            count(of);
        }
    }
}

/// Writes the rows of rules.
pub struct Writer {
    clock: Arc<dyn Clock>,
    runtime: Runtime,
    writes: Writes,
    commanding: Commanding,
}

impl Writer {
    pub fn new(env: &Env, runtime: &Runtime, writes: Writes, commanding: Commanding) -> Writer {
        Writer { clock: env.clock.clone(), runtime: runtime.clone(), writes, commanding }
    }

    fn write(&self, rule: &str, writes: &[Write], row: &Output) {
        let age = self.clock.wall().unix_ns.saturating_sub(row.time_ns).max(0);
        let age = Duration::from_nanos(age as u64);
        for write in writes {
            let Some(value) = row.cells.get(write.column).and_then(Cell::value) else { continue };
            let left = write.expires.saturating_sub(age);
            if left.is_zero() {
                self.writes.count(rule, |of| of.done.expired += 1);
                continue;
            }
            let request = CommandRequest {
                id: Some(id(rule, write, row)),
                device: write.device.to_string(),
                tag: write.tag.to_string(),
                value: json(&value),
                expires_in: None,
                by: format!("rule {rule}"),
            };
            self.commanding.send(rule, request, left);
        }
    }
}

impl Outlet for Writer {
    fn publish(&mut self, rule: &str, rows: &[Output]) -> Result<(), (usize, String)> {
        let set = self.runtime.output_set(rule);
        let set = set.ok_or_else(|| (0, "its output is not there".to_owned()))?;
        let shown: Vec<OutputRow> = rows.iter().map(|row| output_row(&set, row)).collect();
        let written = self.runtime.publish_rows(rule, &shown);
        let count = written.as_ref().map_or_else(|(count, _)| *count, |()| rows.len());
        if let Some(writes) = self.writes.of(rule) {
            rows[..count].iter().for_each(|row| self.write(rule, &writes, row));
        }
        written
    }
}

fn output_row(set: &TagSet, row: &Output) -> OutputRow {
    let value = |(place, cell): (usize, &Cell)| {
        let value = cell.value()?;
        match set.tags().get(place).map(|_| set.kind(place)) {
            Some(kind) if kind != value.kind() => cast(value.as_ref(), kind),
            _ => Some(value),
        }
    };
    OutputRow { time_ns: row.time_ns, values: row.cells.iter().enumerate().map(value).collect() }
}

/// The value as one of another kind, where it can be.
fn cast(value: ValueRef<'_>, kind: Kind) -> Option<Value> {
    let whole = match value {
        ValueRef::Bool(value) => Some(i128::from(value)),
        ValueRef::I64(value) => Some(i128::from(value)),
        ValueRef::U64(value) => Some(i128::from(value)),
        ValueRef::F64(value) if value.fract() == 0.0 => Some(value as i128),
        _ => None,
    };
    match kind {
        Kind::F64 => value.as_f64().map(Value::F64),
        Kind::I64 => whole.and_then(|whole| i64::try_from(whole).ok()).map(Value::I64),
        Kind::U64 => whole.and_then(|whole| u64::try_from(whole).ok()).map(Value::U64),
        Kind::Bool => whole.map(|whole| Value::Bool(whole != 0)),
        Kind::Text | Kind::Bytes | Kind::List => None,
    }
}

/// A value as a command carries it; a number that is whole may go to a whole tag.
fn json(value: &Value) -> serde_json::Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Bool(value) => (*value).into(),
        Value::I64(value) => (*value).into(),
        Value::U64(value) => (*value).into(),
        Value::F64(value) if value.fract() == 0.0 && value.abs() <= EXACT => (*value as i64).into(),
        Value::F64(value) => serde_json::Number::from_f64(*value).map_or_else(
            || serde_json::Value::String(value.to_string()),
            serde_json::Value::Number,
        ),
        Value::Text(text) => (**text).into(),
        Value::Bytes(bytes) => {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
        }
        Value::List(items) => items.iter().map(json).collect::<Vec<_>>().into(),
    }
}

/// The same for the same row: one that is given again after a start is not sent again.
fn id(rule: &str, write: &Write, row: &Output) -> String {
    let mut hasher = DefaultHasher::new();
    (rule, &write.device, &write.tag, write.column, row.time_ns).hash(&mut hasher);
    let mut key = Vec::new();
    row.cells.iter().for_each(|cell| cell.key(&mut key));
    key.hash(&mut hasher);
    let name = rule.get(..NAME_IN_ID).unwrap_or(rule);
    format!("rule-{name}-{:016x}", hasher.finish())
}

/// Hands commands to the runtime, one after the other.
#[derive(Clone)]
pub struct Commanding {
    clock: Arc<dyn Clock>,
    runtime: Runtime,
    writes: Writes,
    waiting: mpsc::Sender<Waiting>,
}

struct Waiting {
    rule: Arc<str>,
    request: CommandRequest,
    until: Moment,
}

impl Commanding {
    /// Works until all of its clones are gone. To be called where tasks run.
    pub fn start(env: &Env, runtime: &Runtime, writes: &Writes) -> Commanding {
        let (waiting, mut requests) = mpsc::channel::<Waiting>(COMMANDS_MAX);
        let commanding = Commanding {
            clock: env.clock.clone(),
            runtime: runtime.clone(),
            writes: writes.clone(),
            waiting,
        };
        let (clock, runtime, writes) = (env.clock.clone(), runtime.clone(), writes.clone());
        tokio::spawn(async move {
            while let Some(Waiting { rule, mut request, until }) = requests.recv().await {
                let left = until.since(clock.now());
                if left.is_zero() {
                    writes.count(&rule, |of| of.done.expired += 1);
                    continue;
                }
                request.expires_in = Some(left);
                let about = format!("{}/{}", request.device, request.tag);
                match runtime.command(request).await {
                    Ok(_) => writes.count(&rule, |of| {
                        of.done.taken += 1;
                        of.refused = false;
                    }),
                    Err(why) => {
                        refuse(&runtime, &writes, &rule, &format!("{about}: {}", reason(why)));
                    }
                }
            }
        });
        commanding
    }

    fn send(&self, rule: &str, request: CommandRequest, left: Duration) {
        let until = self.clock.now().after(left);
        let waiting = Waiting { rule: rule.into(), request, until };
        if let Err(error) = self.waiting.try_send(waiting) {
            let Waiting { rule, request, .. } = error.into_inner();
            let why = format!("{}/{}: too many commands wait", request.device, request.tag);
            refuse(&self.runtime, &self.writes, &rule, &why);
        }
    }
}

fn reason(refused: CommandRefused) -> String {
    match refused {
        CommandRefused::UnknownDevice(name) => format!("there is no device {name}"),
        CommandRefused::UnknownTag(name) => format!("there is no tag {name}"),
        CommandRefused::NotWritable(name) => format!("{name} cannot be written"),
        CommandRefused::Calculated(text)
        | CommandRefused::Value(text)
        | CommandRefused::Expiry(text)
        | CommandRefused::Id(text)
        | CommandRefused::Conflict(text)
        | CommandRefused::Busy(text)
        | CommandRefused::Storage(text) => text,
    }
}

/// Told once, until a command of the rule is taken again.
fn refuse(runtime: &Runtime, writes: &Writes, rule: &str, why: &str) {
    let mut first = false;
    writes.count(rule, |of| {
        of.done.refused += 1;
        first = !std::mem::replace(&mut of.refused, true);
    });
    if first {
        let text = format!("the rule {rule} wanted to write {why}; nothing was sent");
        runtime.note(RecordKind::System, EventSeverity::Warning, rule, &text);
    }
}
