//! What the edge writes into the journal's record stream: commands and the audit log.
//!
//! Stored as JSON, so that a person with a hex dump can read it and a field can be added.

use crate::command::from_json;
use crate::live::Now;
use crate::view::{CommandState, CommandView};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};
use tagwerk_journal::{Item, Journal, Stream};
use tagwerk_model::{DataType, Value};

/// What a record is about. The numbers are stored: add, never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum RecordKind {
    CommandIntent = 1,
    CommandOutcome = 2,
    /// Somebody logged in or failed to.
    Login = 3,
    /// A configuration was applied.
    Configuration = 4,
    /// A user or a token was made, changed or removed.
    Access = 5,
    /// A device came or went.
    Device = 6,
    /// A sink came or went.
    Sink = 7,
    /// The edge itself: started, stopped, damaged data.
    System = 8,
    /// A secret was stored or removed.
    Secret = 9,
    /// A certificate was trusted, rejected or removed.
    Certificate = 10,
    /// A backup was made or put back.
    Backup = 11,
    /// A destination refused a message for good.
    DeadLetter = 12,
    /// A dead letter was delivered after all, or given up.
    DeadLetterEnd = 13,
}

impl RecordKind {
    fn from_code(code: u16) -> Option<RecordKind> {
        use RecordKind::*;
        [
            CommandIntent,
            CommandOutcome,
            Login,
            Configuration,
            Access,
            Device,
            Sink,
            System,
            Secret,
            Certificate,
            Backup,
            DeadLetter,
            DeadLetterEnd,
        ]
        .into_iter()
        .find(|kind| *kind as u16 == code)
    }
}

/// An entry of the audit log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AuditEntry {
    pub by: String,
    pub text: String,
    pub unix_ns: i64,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// As [`crate::EventSeverity`] counts.
    #[serde(default)]
    pub severity: u8,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CommandIntent {
    id: String,
    device: String,
    tag: String,
    #[serde(rename = "type")]
    data_type: DataType,
    value: serde_json::Value,
    old_value: serde_json::Value,
    by: String,
    created_unix_ns: i64,
    expires_unix_ns: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CommandOutcome {
    pub id: String,
    pub state: String,
    pub reason: Option<String>,
    pub sent_unix_ns: Option<i64>,
    pub ended_unix_ns: i64,
}

impl CommandIntent {
    pub fn of(view: &CommandView) -> CommandIntent {
        let json = |value: Option<&Value>| {
            let mut out = Vec::new();
            match value {
                Some(value) => value.as_ref().write_json(view.data_type, &mut out),
                None => out.extend_from_slice(b"null"),
            }
            serde_json::from_slice(&out).unwrap_or(serde_json::Value::Null)
        };
        CommandIntent {
            id: view.id.to_string(),
            device: view.device.to_string(),
            tag: view.tag.to_string(),
            data_type: view.data_type,
            value: json(Some(&view.value)),
            old_value: json(view.old_value.as_ref()),
            by: view.by.to_string(),
            created_unix_ns: view.created_unix_ns,
            expires_unix_ns: view.expires_unix_ns,
        }
    }

    pub fn into_view(self) -> CommandView {
        CommandView {
            id: self.id.into(),
            device: self.device.into(),
            tag: self.tag.into(),
            data_type: self.data_type,
            value: from_json(&self.value, self.data_type).unwrap_or(Value::Text("?".into())),
            old_value: from_json(&self.old_value, self.data_type),
            state: CommandState::Waiting,
            reason: None,
            by: self.by.into(),
            created_unix_ns: self.created_unix_ns,
            expires_unix_ns: self.expires_unix_ns,
            sent_unix_ns: None,
            ended_unix_ns: None,
        }
    }
}

impl CommandOutcome {
    pub fn complete(&self, view: &mut CommandView) {
        view.state = CommandState::from_name(&self.state).unwrap_or(CommandState::Unknown);
        view.reason.clone_from(&self.reason);
        view.sent_unix_ns = self.sent_unix_ns;
        view.ended_unix_ns = Some(self.ended_unix_ns);
    }
}

/// Appends a record and waits until it is on disk; returns its sequence number.
pub(crate) async fn write<T: Serialize>(
    journal: &Journal,
    kind: RecordKind,
    entry: &T,
) -> Result<u64, String> {
    let seq = append(journal, kind, entry)?;
    journal.durable(Stream::Record, seq).await.map_err(|e| e.to_string())?;
    Ok(seq)
}

/// Appends a record.
pub(crate) fn append<T: Serialize>(
    journal: &Journal,
    kind: RecordKind,
    entry: &T,
) -> Result<u64, String> {
    let payload = serde_json::to_vec(entry).map_err(|e| e.to_string())?;
    journal.append_record(kind as u16, &payload).map_err(|e| e.to_string())
}

/// Calls `visit` with every record of a known kind, oldest first.
pub(crate) fn visit(journal: &Journal, mut visit: impl FnMut(u64, RecordKind, &[u8])) {
    journal.records(&mut |item| {
        if let Item::Record(record) = item
            && let Some(kind) = RecordKind::from_code(record.kind)
        {
            visit(record.seq, kind, &record.payload);
        }
        ControlFlow::Continue(())
    });
}

/// Unique within this edge: the time, and a number for those of the same instant.
pub(crate) fn new_id(now: Now) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}-{:x}-{number:x}", now.unix_ns, now.moment.0)
}
