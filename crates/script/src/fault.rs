//! What went wrong with a function, and where in its text.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The text is no such function.
    Text,
    /// The function threw.
    Thrown,
    /// It took longer than a call may.
    Late,
    /// It wanted more memory than a function may have.
    Memory,
    /// What it gave is not of the type that it says it returns.
    Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    pub message: String,
    /// Line and column of the text, from 1, where they are known.
    pub place: Option<(u32, u32)>,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, message: impl Into<String>) -> Fault {
        Fault { kind, message: message.into(), place: None }
    }

    /// It was stopped because it took too long.
    pub fn is_late(&self) -> bool {
        self.kind == FaultKind::Late
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self.kind {
            FaultKind::Text => "mend the JavaScript",
            FaultKind::Thrown => "mend the JavaScript, or handle such values in it",
            FaultKind::Late => "let it do less; it has 100 ms for one call",
            FaultKind::Memory => "let it keep less; it has 16 MiB",
            FaultKind::Value => "let it return what it says, or change `returns`",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, _)) => write!(f, "{}, in line {line} of its JavaScript", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Fault {}
