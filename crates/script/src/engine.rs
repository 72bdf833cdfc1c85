//! One engine of JavaScript with one function in it. Nothing that a call does is there for the next.

use crate::fault::{Fault, FaultKind};
use crate::script::Signature;
use crate::values;
use parking_lot::Mutex;
use rquickjs::context::{EvalOptions, intrinsic};
use rquickjs::function::Args;
use rquickjs::{CatchResultExt, CaughtError, Context, Ctx, Function, Module, Runtime};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tagwerk_env::{Clock, Moment};
use tagwerk_model::{Value, ValueRef, limits};

const PRELUDE: &str = include_str!("prelude.js");
/// Where the function is kept; no name that a text can write.
const KEPT: &str = "the function";
/// The name of the text in the places that the engine tells.
const FILE: &str = "javascript";
/// Characters of a message. More: cut.
const MESSAGE_MAX: usize = 500;

/// What there is of the language. No modules are loaded, and nothing of the machine is there.
type Language = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
    intrinsic::DOMException,
);

pub struct Engine {
    context: Context,
    watch: Arc<Watch>,
    /// It is in an unknown state, and is not used again.
    pub spent: bool,
}

/// Says when a call is to stop.
struct Watch {
    clock: Arc<dyn Clock>,
    deadline: Mutex<Moment>,
    over: AtomicBool,
}

impl Watch {
    fn begin(&self) {
        *self.deadline.lock() = self.clock.now().after(limits::FUNCTION_CALL_MAX);
        self.over.store(false, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        let over = self.clock.now() > *self.deadline.lock();
        if over {
            self.over.store(true, Ordering::Relaxed);
        }
        over
    }
}

impl Engine {
    /// Reads the text; the function itself is not called.
    pub fn new(clock: Arc<dyn Clock>, name: &str, source: &str) -> Result<Engine, Fault> {
        let inside = |error: rquickjs::Error| Fault::new(FaultKind::Memory, error.to_string());
        let runtime = Runtime::new().map_err(inside)?;
        let context = Context::custom::<Language>(&runtime).map_err(inside)?;
        runtime.set_max_stack_size(limits::FUNCTION_STACK_MAX);
        let deadline = Mutex::new(clock.now());
        let watch = Arc::new(Watch { clock, deadline, over: AtomicBool::new(false) });
        context
            .with(|ctx| ctx.eval::<(), _>(PRELUDE).catch(&ctx).map_err(|e| fault(&watch, e, 0)))?;
        runtime.set_memory_limit(limits::FUNCTION_MEMORY_MAX);
        let own = watch.clone();
        runtime.set_interrupt_handler(Some(Box::new(move || own.is_over())));
        let mut engine = Engine { context, watch, spent: false };
        engine.load(name, source)?;
        Ok(engine)
    }

    fn load(&mut self, name: &str, source: &str) -> Result<(), Fault> {
        self.watch.begin();
        let watch = &self.watch;
        self.context.with(|ctx| {
            // By itself first: what is around the text below must not become part of it.
            Module::declare(ctx.clone(), FILE, source).catch(&ctx).map_err(|error| {
                Fault { kind: FaultKind::Text, ..fault(watch, error, 0) }
            })?;
            // Made anew for each call, as is what stands beside the function.
            let made = format!(
                "(() => {{ \"use strict\";\n{source}\n;return typeof {name} === \"function\" ? {name} : \
                 undefined; }})"
            );
            let mut options = EvalOptions::default();
            options.filename = Some(FILE.to_owned());
            let make: Function = ctx.eval_with_options(made, options).catch(&ctx).map_err(|error| {
                Fault { kind: FaultKind::Text, ..fault(watch, error, 1) }
            })?;
            let keep = || -> rquickjs::Result<()> {
                ctx.globals().set(KEPT, make.clone())?;
                ctx.eval::<(), _>(format!(
                    "Object.freeze(globalThis['{KEPT}']); Object.freeze(globalThis)"
                ))
            };
            keep().catch(&ctx).map_err(|error| fault(watch, error, 0))?;
            let made: rquickjs::Value = make.call(()).catch(&ctx).map_err(|error| fault(watch, error, 1))?;
            if !made.is_function() {
                let text = format!("the JavaScript has no function {name}");
                return Err(Fault::new(FaultKind::Text, text));
            }
            Ok(())
        })
    }

    pub fn call(
        &mut self,
        signature: &Signature,
        arguments: &[Option<ValueRef<'_>>],
    ) -> Result<Option<Value>, Fault> {
        self.watch.begin();
        let watch = &self.watch;
        let given = self.context.with(|ctx| {
            let given =
                give(&ctx, arguments).catch(&ctx).map_err(|error| fault(watch, error, 1))?;
            values::from_js(&ctx, given, signature.returns)
        });
        let jobs = self.context.runtime().is_job_pending();
        let late = self.watch.over.load(Ordering::Relaxed);
        self.spent =
            late || jobs || matches!(&given, Err(fault) if fault.kind == FaultKind::Memory);
        match given {
            Ok(_) if late => Err(late_fault()),
            Ok(_) if jobs => {
                let text = "the function does not wait: promises are not kept";
                Err(Fault::new(FaultKind::Value, text))
            }
            given => given,
        }
    }
}

fn give<'js>(
    ctx: &Ctx<'js>,
    arguments: &[Option<ValueRef<'_>>],
) -> rquickjs::Result<rquickjs::Value<'js>> {
    let make: Function = ctx.globals().get(KEPT)?;
    let function: Function = make.call(())?;
    let mut args = Args::new(ctx.clone(), arguments.len());
    for argument in arguments {
        args.push_arg(values::to_js(ctx, *argument)?)?;
    }
    function.call_arg(args)
}

fn late_fault() -> Fault {
    let text = format!("it took longer than {:?}", limits::FUNCTION_CALL_MAX);
    Fault::new(FaultKind::Late, text)
}

/// What was thrown, `above` lines of ours being above the text.
fn fault(watch: &Watch, error: CaughtError<'_>, above: u32) -> Fault {
    if watch.over.load(Ordering::Relaxed) {
        return late_fault();
    }
    let (message, stack) = match &error {
        CaughtError::Exception(exception) => {
            (exception.message().unwrap_or_default(), exception.stack().unwrap_or_default())
        }
        CaughtError::Value(value) => {
            let text = value.as_string().and_then(|text| text.to_string().ok());
            (text.unwrap_or_else(|| "it threw what is no error".to_owned()), String::new())
        }
        CaughtError::Error(error) => (error.to_string(), String::new()),
    };
    let message: String = match message.is_empty() {
        true => "it threw an error without a message".to_owned(),
        false => message.chars().take(MESSAGE_MAX).collect(),
    };
    match message.as_str() {
        "out of memory" => {
            let text =
                format!("it wants more than {} MiB", limits::FUNCTION_MEMORY_MAX / 1024 / 1024);
            Fault::new(FaultKind::Memory, text)
        }
        _ => {
            let place =
                place(&stack).map(|(line, column)| (line.saturating_sub(above).max(1), column));
            Fault { kind: FaultKind::Thrown, message, place }
        }
    }
}

/// The uppermost place of the text on a stack such as `    at f (javascript:3:15)`.
fn place(stack: &str) -> Option<(u32, u32)> {
    stack.lines().find_map(|line| {
        let (_, place) = line.rsplit_once("javascript:")?;
        let mut numbers = place.trim_end_matches(')').split(':').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    })
}
