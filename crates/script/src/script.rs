//! A function that any thread may call: an engine for each call at work, kept for the next.

use crate::fault::Fault;
use crate::room::{Given, Room, Text};
use parking_lot::Mutex;
use std::sync::Arc;
use tagwerk_env::Clock;
use tagwerk_model::{DataType, ValueRef};

/// Engines that are kept while nobody calls. More: dropped.
const IDLE_MAX: usize = 2;

/// What goes in and what comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub arguments: Vec<DataType>,
    pub returns: DataType,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Script(Arc<Inner>);

struct Inner {
    text: Arc<Text>,
    idle: Mutex<Vec<Room>>,
}

impl Script {
    /// Reads the text, in which a function of this name is to be.
    pub fn compile(
        clock: Arc<dyn Clock>,
        name: &str,
        source: &str,
        signature: Signature,
    ) -> Result<Script, Fault> {
        let (name, source, lost) = (name.into(), source.into(), Arc::default());
        let text = Arc::new(Text { name, source, signature, clock, lost });
        let idle = Mutex::new(vec![Room::begin(&text)?]);
        Ok(Script(Arc::new(Inner { text, idle })))
    }

    /// Blocks for as long as a call may take, and a second beyond at most. None is NULL. The values are of the
    /// types that the signature says.
    pub fn call(&self, arguments: &[Option<ValueRef<'_>>]) -> Given {
        self.call_each(&[arguments.to_vec()]).pop().unwrap_or(Ok(None))
    }

    /// A call for each of the first of these rows, for one at least: as many as there is time for.
    pub fn call_each(&self, rows: &[Vec<Option<ValueRef<'_>>>]) -> Vec<Given> {
        let inner = &*self.0;
        let room = inner.text.hold().and_then(|()| {
            let kept = inner.idle.lock().pop();
            kept.map_or_else(|| Room::begin(&inner.text), Ok)
        });
        let room = match room {
            Ok(room) => room,
            Err(fault) => return vec![Err(fault)],
        };
        let (given, room) = room.call(&inner.text, rows);
        let mut idle = inner.idle.lock();
        if let Some(room) = room
            && idle.len() < IDLE_MAX
        {
            idle.push(room);
        }
        given
    }
}
