//! Commands: writes on their way to a device, at most once.
//!
//! The intent is on disk before anything is sent and the outcome before anyone is told. A repeated id
//! is answered from the record. An intent that has no outcome when the edge starts is `unknown`.

use crate::event::Events;
use crate::live::{GroupLive, Now};
use crate::record::{self, CommandIntent, CommandOutcome, RecordKind};
use crate::view::{CommandRefused, CommandRequest, CommandState, CommandView};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{Clock, Moment};
use tagwerk_journal::Journal;
use tagwerk_model::{DataType, Kind, Value, limits};
use tokio::sync::watch;

/// A command handed to the link's task.
pub(crate) struct Job {
    pub id: Arc<str>,
    pub device: Arc<str>,
    pub group: Arc<str>,
    pub tag: Arc<str>,
    /// As the device represents it: scaling is turned back.
    pub raw: Value,
    pub expires: Moment,
}

pub(crate) struct Outcome {
    pub state: CommandState,
    pub reason: Option<String>,
}

/// All commands that are remembered, newest last.
pub(crate) struct Commands {
    journal: Journal,
    clock: Arc<dyn Clock>,
    runtime: tokio::runtime::Handle,
    events: Arc<Events>,
    table: Mutex<Table>,
    /// Grows whenever a command ends.
    ended: watch::Sender<u64>,
}

#[derive(Default)]
struct Table {
    order: VecDeque<Arc<str>>,
    by_id: HashMap<Arc<str>, CommandView>,
}

impl Table {
    fn insert(&mut self, view: CommandView) {
        self.order.push_back(view.id.clone());
        self.by_id.insert(view.id.clone(), view);
        while self.order.len() > limits::COMMANDS_REMEMBERED_MAX {
            // One still under way is kept, and looked at again with the next insertion.
            let Some(id) = self.order.pop_front() else { return };
            if self.by_id.get(&id).is_some_and(|c| !c.state.ended()) {
                self.order.push_back(id);
                return;
            }
            self.by_id.remove(&id);
        }
    }
}

impl Commands {
    /// Rebuilds the table from the record stream; what was open becomes `unknown`.
    pub fn open(
        journal: Journal,
        clock: Arc<dyn Clock>,
        runtime: tokio::runtime::Handle,
        events: Arc<Events>,
    ) -> Arc<Commands> {
        let mut table = Table::default();
        record::visit(&journal, |_, kind, payload| match kind {
            RecordKind::CommandIntent => {
                if let Ok(intent) = serde_json::from_slice::<CommandIntent>(payload) {
                    table.insert(intent.into_view());
                }
            }
            RecordKind::CommandOutcome => {
                if let Ok(outcome) = serde_json::from_slice::<CommandOutcome>(payload)
                    && let Some(view) = table.by_id.get_mut(&*outcome.id)
                {
                    outcome.complete(view);
                }
            }
            _ => {}
        });
        let open: Vec<Arc<str>> =
            table.by_id.values().filter(|c| !c.state.ended()).map(|c| c.id.clone()).collect();
        let commands = Arc::new(Commands {
            journal,
            clock,
            runtime,
            events,
            table: Mutex::new(table),
            ended: watch::Sender::new(0),
        });
        for id in open {
            let reason = "the edge stopped while the command was under way".to_owned();
            commands.end(&id, Outcome { state: CommandState::Unknown, reason: Some(reason) });
        }
        commands
    }

    /// Checks the request and puts the intent on disk. `Ok(None)` beside the view means that the id
    /// was known and nothing is to be sent.
    pub async fn accept(
        &self,
        request: CommandRequest,
        group: &GroupLive,
        index: usize,
    ) -> Result<(CommandView, Option<Job>), CommandRefused> {
        let expires_in = request.expires_in.unwrap_or(limits::COMMAND_EXPIRY_DEFAULT);
        if expires_in.is_zero() || expires_in > limits::COMMAND_EXPIRY_MAX {
            let max = limits::COMMAND_EXPIRY_MAX.as_secs();
            return Err(CommandRefused::Expiry(format!(
                "an expiry lies between 1 ms and {max} s, this one is {} ms",
                expires_in.as_millis()
            )));
        }
        let (value, raw) = convert(&request.value, group, index)?;
        let tag = &group.tags[index];
        let (view, known) = self.enter(request, value, expires_in, group, index)?;
        if known {
            return Ok((view, None));
        }
        let intent = CommandIntent::of(&view);
        if let Err(error) = self.write(RecordKind::CommandIntent, &intent).await {
            let mut table = self.table.lock();
            table.by_id.remove(&view.id);
            table.order.retain(|id| *id != view.id);
            return Err(CommandRefused::Storage(error));
        }
        let job = Job {
            id: view.id.clone(),
            device: view.device.clone(),
            group: group.name.clone(),
            tag: Arc::from(&*tag.name),
            raw,
            expires: self.clock.now().after(expires_in),
        };
        Ok((view, Some(job)))
    }

    /// Takes the id, or finds that it is taken.
    fn enter(
        &self,
        request: CommandRequest,
        value: Value,
        expires_in: Duration,
        group: &GroupLive,
        index: usize,
    ) -> Result<(CommandView, bool), CommandRefused> {
        let now = Now::of(self.clock.as_ref());
        let id: Arc<str> = match request.id {
            Some(id) if id.is_empty() || id.len() > 64 || id.chars().any(char::is_control) => {
                return Err(CommandRefused::Id("an id has 1 to 64 printable characters".into()));
            }
            Some(id) => id.into(),
            None => record::new_id(now).into(),
        };
        let mut table = self.table.lock();
        if let Some(known) = table.by_id.get(&id) {
            let same = *known.device == *request.device
                && *known.tag == *request.tag
                && known.value == value;
            return match same {
                true => Ok((known.clone(), true)),
                false => Err(CommandRefused::Conflict(format!(
                    "the id {id} was used before, to write another value or another tag"
                ))),
            };
        }
        let view = CommandView {
            id,
            device: request.device.into(),
            tag: request.tag.into(),
            data_type: group.set.tags()[index].data_type,
            value,
            old_value: group.value(index),
            state: CommandState::Waiting,
            reason: None,
            by: request.by.into(),
            created_unix_ns: now.unix_ns,
            expires_unix_ns: now.unix_ns + expires_in.as_nanos() as i64,
            sent_unix_ns: None,
            ended_unix_ns: None,
        };
        table.insert(view.clone());
        Ok((view, false))
    }

    pub fn sent(&self, id: &str) {
        let now = Now::of(self.clock.as_ref()).unix_ns;
        if let Some(view) = self.table.lock().by_id.get_mut(id) {
            view.state = CommandState::Sent;
            view.sent_unix_ns = Some(now);
        }
    }

    /// Puts the outcome on disk, and then tells those who wait. Does not block the caller.
    pub fn end(self: &Arc<Self>, id: &str, outcome: Outcome) {
        let commands = self.clone();
        let now = Now::of(self.clock.as_ref()).unix_ns;
        let outcome = CommandOutcome {
            id: id.into(),
            state: outcome.state.name().into(),
            reason: outcome.reason,
            sent_unix_ns: self.get(id).and_then(|c| c.sent_unix_ns),
            ended_unix_ns: now,
        };
        self.runtime.spawn(async move {
            let written = commands.write(RecordKind::CommandOutcome, &outcome).await;
            if let Some(view) = commands.table.lock().by_id.get_mut(&*outcome.id) {
                outcome.complete(view);
                match written {
                    Ok(seq) => commands.events.command_ended(seq, view),
                    Err(error) => {
                        tracing::error!(id = outcome.id, error, "an outcome cannot be recorded");
                    }
                }
            }
            commands.ended.send_modify(|n| *n = n.wrapping_add(1));
        });
    }

    async fn write<T: serde::Serialize>(&self, kind: RecordKind, entry: &T) -> Result<u64, String> {
        record::write(&self.journal, kind, entry).await
    }

    pub fn get(&self, id: &str) -> Option<CommandView> {
        self.table.lock().by_id.get(id).cloned()
    }

    /// Waits until the command has ended; `None` for an unknown id.
    pub async fn wait(&self, id: &str) -> Option<CommandView> {
        let mut ended = self.ended.subscribe();
        loop {
            let view = self.get(id)?;
            if view.state.ended() {
                return Some(view);
            }
            ended.changed().await.ok()?;
        }
    }

    /// Newest first, with the number of all.
    pub fn list(&self, offset: usize, limit: usize) -> (Vec<CommandView>, usize) {
        let table = self.table.lock();
        let newest = table.order.iter().rev().skip(offset).take(limit);
        (newest.filter_map(|id| table.by_id.get(id).cloned()).collect(), table.order.len())
    }

    /// Commands not ended yet; those of one link are bounded.
    pub fn waiting(&self, device: &str) -> usize {
        let table = self.table.lock();
        table.by_id.values().filter(|c| !c.state.ended() && *c.device == *device).count()
    }
}

/// The value as the tag publishes it, and as the device takes it. Nothing is rounded to fit, but a
/// scaled integer goes to the nearest raw step, since most values lie between two.
fn convert(
    json: &serde_json::Value,
    group: &GroupLive,
    index: usize,
) -> Result<(Value, Value), CommandRefused> {
    let tag = &group.tags[index];
    let published = group.set.tags()[index].data_type;
    let value = from_json(json, published).ok_or_else(|| {
        CommandRefused::Value(format!(
            "{json} is not a value for {}/{}, which is a {published}",
            group.set.device(),
            tag.name
        ))
    })?;
    let number = value.as_ref().as_f64();
    if let (Some((low, high)), Some(number)) = (tag.range, number)
        && !(low..=high).contains(&number)
    {
        return Err(CommandRefused::Value(format!(
            "{number} is outside the range {low} to {high} of {}/{}",
            group.set.device(),
            tag.name
        )));
    }
    let Some(scale) = tag.scale else { return Ok((value.clone(), value)) };
    let raw = scale.invert(number.unwrap_or(f64::NAN));
    let raw = match tag.declared.integer_range() {
        None => Value::F64(raw),
        Some((low, high)) => {
            let nearest = raw.round();
            if !nearest.is_finite() || nearest < low as f64 || nearest > high as f64 {
                return Err(CommandRefused::Value(format!(
                    "{} is {nearest} before scaling, which does not fit a {}",
                    json, tag.declared
                )));
            }
            match tag.declared.kind() {
                Kind::I64 => Value::I64(nearest as i64),
                _ => Value::U64(nearest as u64),
            }
        }
    };
    Ok((value, raw))
}

/// A value of this type, exactly or not at all; bytes as hexadecimal digits.
pub fn from_json(json: &serde_json::Value, data_type: DataType) -> Option<Value> {
    use serde_json::Value as Json;
    let fits =
        |v: i128| data_type.integer_range().is_some_and(|(low, high)| (low..=high).contains(&v));
    match (data_type.kind(), json) {
        (Kind::Bool, Json::Bool(v)) => Some(Value::Bool(*v)),
        (Kind::Bool, Json::Number(n)) => match n.as_u64()? {
            0 => Some(Value::Bool(false)),
            1 => Some(Value::Bool(true)),
            _ => None,
        },
        (Kind::I64, Json::Number(n)) => {
            let v = n.as_i64()?;
            fits(i128::from(v)).then_some(Value::I64(v))
        }
        (Kind::U64, Json::Number(n)) => {
            let v = n.as_u64()?;
            fits(i128::from(v)).then_some(Value::U64(v))
        }
        (Kind::F64, Json::Number(n)) => {
            // What a single-precision register can hold is what will be read back.
            let single =
                |v: f64| if data_type == DataType::Float32 { f64::from(v as f32) } else { v };
            n.as_f64().map(single).filter(|v| v.is_finite()).map(Value::F64)
        }
        (Kind::Text, Json::String(text)) if text.len() <= limits::VALUE_BYTES_MAX => {
            Some(Value::Text(text.as_str().into()))
        }
        (Kind::Bytes, Json::String(hex)) if hex.len() <= 2 * limits::VALUE_BYTES_MAX => {
            let digits: Option<Vec<u8>> =
                hex.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
            let digits = digits.filter(|d| d.len() % 2 == 0)?;
            Some(Value::Bytes(digits.chunks_exact(2).map(|d| d[0] << 4 | d[1]).collect()))
        }
        _ => None,
    }
}
