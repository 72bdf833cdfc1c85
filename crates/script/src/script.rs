//! A function that any thread may call: an engine for each call at work, kept for the next.

use crate::engine::Engine;
use crate::fault::Fault;
use parking_lot::Mutex;
use std::sync::Arc;
use tagwerk_env::Clock;
use tagwerk_model::{DataType, Value, ValueRef};

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
    name: Box<str>,
    source: Box<str>,
    signature: Signature,
    clock: Arc<dyn Clock>,
    idle: Mutex<Vec<Engine>>,
}

impl Script {
    /// Reads the text, in which a function of this name is to be.
    pub fn compile(
        clock: Arc<dyn Clock>,
        name: &str,
        source: &str,
        signature: Signature,
    ) -> Result<Script, Fault> {
        let engine = Engine::new(clock.clone(), name, source)?;
        let idle = Mutex::new(vec![engine]);
        Ok(Script(Arc::new(Inner {
            name: name.into(),
            source: source.into(),
            signature,
            clock,
            idle,
        })))
    }

    /// Blocks for as long as a call may take. None is NULL. The values are of the types that the signature
    /// says.
    pub fn call(&self, arguments: &[Option<ValueRef<'_>>]) -> Result<Option<Value>, Fault> {
        let inner = &*self.0;
        let kept = inner.idle.lock().pop();
        let mut engine = match kept {
            Some(engine) => engine,
            None => Engine::new(inner.clock.clone(), &inner.name, &inner.source)?,
        };
        let given = engine.call(&inner.signature, arguments);
        let mut idle = inner.idle.lock();
        if !engine.spent && idle.len() < IDLE_MAX {
            idle.push(engine);
        }
        given
    }
}
