//! An engine on a thread of its own. The engine asks for the time only between its own steps, and some that
//! are built in take long as one step: who calls waits no longer than this, and leaves such a thread to
//! itself.

use crate::engine::Engine;
use crate::fault::{Fault, FaultKind};
use crate::script::Signature;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use tagwerk_env::{Clock, ThreadMark};
use tagwerk_model::{Value, ValueRef, limits};

/// How long is waited beyond the time of a call for the engine to stop by itself.
const GRACE: Duration = Duration::from_millis(900);
/// How long an engine goes on with one row after another before it hands back what it has.
const TURN: Duration = Duration::from_millis(20);
/// How long an engine may take to read a text.
const BEGIN_MAX: Duration = Duration::from_secs(10);
/// Calls of one function that were given up and are still at work. With so many it is not called.
const LOST_MAX: u32 = 1;

/// What all rooms of a function have in common.
pub struct Text {
    pub name: Box<str>,
    pub source: Box<str>,
    pub signature: Signature,
    pub clock: Arc<dyn Clock>,
    /// Threads that were left to themselves, and have not ended.
    pub lost: Arc<AtomicU32>,
}

impl Text {
    /// It is not called while a call that was given up is still at work.
    pub fn hold(&self) -> Result<(), Fault> {
        if self.lost.load(Ordering::SeqCst) < LOST_MAX {
            return Ok(());
        }
        let text = format!("a call of {} that was given up is still at work", self.name);
        Err(Fault::new(FaultKind::Late, text))
    }
}

/// What came of a call.
pub type Given = Result<Option<Value>, Fault>;
type Arguments = Vec<Option<Value>>;

pub struct Room {
    calls: SyncSender<Vec<Arguments>>,
    given: Receiver<(Vec<Given>, Use)>,
    thread: ThreadMark,
    /// Nobody waits for it.
    left: Arc<AtomicBool>,
}

/// Whether the engine can be called again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Again,
    Spent,
}

/// Counts a thread that was left as ended.
struct Ends {
    left: Arc<AtomicBool>,
    lost: Arc<AtomicU32>,
}

impl Drop for Ends {
    fn drop(&mut self) {
        if self.left.load(Ordering::SeqCst) {
            self.lost.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Room {
    /// Reads the text.
    pub fn begin(text: &Arc<Text>) -> Result<Room, Fault> {
        let (calls, called) = sync_channel::<Vec<Arguments>>(1);
        let (gives, given) = sync_channel(1);
        let (ready, begun) = sync_channel(1);
        let left = Arc::new(AtomicBool::new(false));
        let ends = Ends { left: left.clone(), lost: text.lost.clone() };
        let own = text.clone();
        let work = move || {
            let _ends = ends;
            let mark = ThreadMark::own();
            let engine = Engine::new(own.clock.clone(), &own.name, &own.source);
            let (mut engine, told) = match engine {
                Ok(engine) => (Some(engine), Ok(mark)),
                Err(fault) => (None, Err(fault)),
            };
            // Whoever asked may be gone.
            let _ = ready.send(told);
            let Some(engine) = &mut engine else { return };
            while let Ok(rows) = called.recv() {
                if gives.send(call_each(engine, &own, &rows)).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("script".to_owned()).spawn(work);
        thread.map_err(|error| Fault::new(FaultKind::Memory, format!("no thread: {error}")))?;
        match begun.recv_timeout(BEGIN_MAX) {
            Ok(Ok(thread)) => Ok(Room { calls, given, thread, left }),
            Ok(Err(fault)) => Err(fault),
            Err(_) => {
                leave(text, &left);
                Err(given_up())
            }
        }
    }

    /// The answers for the first rows, and the room again where it can be used again.
    pub fn call(
        self,
        text: &Text,
        rows: &[Vec<Option<ValueRef<'_>>>],
    ) -> (Vec<Given>, Option<Room>) {
        let owned = |row: &Vec<Option<ValueRef<'_>>>| -> Arguments {
            row.iter().map(|value| value.map(ValueRef::to_value)).collect()
        };
        if self.calls.send(rows.iter().map(owned).collect()).is_err() {
            return (vec![Err(inside())], None);
        }
        match self.given.recv_timeout(TURN + limits::FUNCTION_CALL_MAX + GRACE) {
            Ok((given, Use::Again)) => (given, Some(self)),
            Ok((given, Use::Spent)) => (given, None),
            Err(RecvTimeoutError::Disconnected) => (vec![Err(inside())], None),
            Err(RecvTimeoutError::Timeout) => {
                leave(text, &self.left);
                self.thread.yields();
                (vec![Err(given_up())], None)
            }
        }
    }
}

/// One row after the other, until the turn is over or the engine is spent.
fn call_each(engine: &mut Engine, text: &Text, rows: &[Arguments]) -> (Vec<Given>, Use) {
    let over = text.clock.now().after(TURN);
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let arguments: Vec<_> = row.iter().map(|value| value.as_ref().map(Value::as_ref)).collect();
        let given = catch_unwind(AssertUnwindSafe(|| engine.call(&text.signature, &arguments)));
        let Ok(given) = given else {
            all.push(Err(inside()));
            return (all, Use::Spent);
        };
        all.push(given);
        if engine.spent {
            return (all, Use::Spent);
        }
        if text.clock.now() >= over {
            break;
        }
    }
    (all, Use::Again)
}

/// From now on the thread is nobody's.
fn leave(text: &Text, left: &AtomicBool) {
    text.lost.fetch_add(1, Ordering::SeqCst);
    left.store(true, Ordering::SeqCst);
}

fn inside() -> Fault {
    Fault::new(FaultKind::Memory, "a fault inside the engine of JavaScript")
}

fn given_up() -> Fault {
    let text = format!(
        "it took longer than {:?} and did not stop; what it does is given up",
        limits::FUNCTION_CALL_MAX
    );
    Fault::new(FaultKind::Late, text)
}
