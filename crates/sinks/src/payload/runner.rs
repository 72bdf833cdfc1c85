//! The thread on which a session's filter runs, so that a slow one holds up nobody else.

use super::filter::{Bounds, Output, Program, STACK_BYTES};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use tagwerk_component::SinkFault;
use tagwerk_env::{Clock, timeout};
use tokio::sync::oneshot;

/// Time for one delivery's filter. Longer: the delivery is rejected.
const FILTER_TIMEOUT: Duration = Duration::from_secs(5);
/// Time to stop after that. Longer: the thread is left to itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// Threads left to themselves, of all sinks, before no more filters are run.
const ABANDONED_MAX: usize = 4;

/// Threads left to themselves that still run.
static ABANDONED: AtomicUsize = AtomicUsize::new(0);

pub struct Runner {
    program: Program,
    clock: Arc<dyn Clock>,
    thread: Option<Thread>,
}

struct Thread {
    requests: mpsc::Sender<Request>,
    stop: Arc<AtomicBool>,
    /// Set when nobody waits for the thread any more.
    abandoned: Arc<AtomicBool>,
}

struct Request {
    input: Vec<u8>,
    now: f64,
    answer: oneshot::Sender<Result<Vec<Output>, String>>,
}

impl Runner {
    pub fn new(program: Program, clock: Arc<dyn Clock>) -> Runner {
        Runner { program, clock, thread: None }
    }

    pub async fn run(&mut self, input: &[u8]) -> Result<Vec<Output>, SinkFault> {
        if ABANDONED.load(Ordering::Relaxed) >= ABANDONED_MAX {
            return Err(SinkFault::Settings(format!(
                "{ABANDONED_MAX} filters hang in a step that cannot be stopped; \
                 correct `filter` and restart the edge"
            )));
        }
        let thread = match &mut self.thread {
            Some(thread) => thread,
            none => none.insert(Thread::start(self.program.clone())?),
        };
        let (answer, mut answered) = oneshot::channel();
        let now = self.clock.wall().unix_ns as f64 / 1e9;
        // An earlier run may have been told to stop just as it ended.
        thread.stop.store(false, Ordering::Relaxed);
        let request = Request { input: input.to_vec(), now, answer };
        if thread.requests.send(request).is_err() {
            self.thread = None;
            return Err(SinkFault::Retry("the filter's thread has ended".into()));
        }
        let clock = &*self.clock;
        let in_time = timeout(clock, clock.now().after(FILTER_TIMEOUT), &mut answered).await;
        let answer = match in_time {
            Some(answer) => Some(answer),
            None => {
                thread.stop.store(true, Ordering::Relaxed);
                timeout(clock, clock.now().after(STOP_TIMEOUT), &mut answered).await
            }
        };
        match answer {
            Some(Ok(Ok(outputs))) => Ok(outputs),
            Some(Ok(Err(problem))) => Err(SinkFault::Reject(problem)),
            Some(Err(_)) => {
                self.thread = None;
                Err(SinkFault::Retry("the filter's thread has ended".into()))
            }
            None => {
                thread.abandoned.store(true, Ordering::Relaxed);
                ABANDONED.fetch_add(1, Ordering::Relaxed);
                self.thread = None;
                Err(SinkFault::Reject("the filter hangs in a step that cannot be stopped".into()))
            }
        }
    }
}

impl Thread {
    fn start(program: Program) -> Result<Thread, SinkFault> {
        let (requests, received) = mpsc::channel::<Request>();
        let stop = Arc::new(AtomicBool::new(false));
        let abandoned = Arc::new(AtomicBool::new(false));
        let (stopped, left) = (stop.clone(), abandoned.clone());
        std::thread::Builder::new()
            .name("jq-filter".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let compiled = program.load();
                while let Ok(request) = received.recv() {
                    let bounds = Bounds { now: request.now, stop: &stopped };
                    let result = match &compiled {
                        Ok(compiled) => compiled.run(&request.input, bounds),
                        Err(problem) => Err(problem.clone()),
                    };
                    let _ = request.answer.send(result);
                }
                if left.load(Ordering::Relaxed) {
                    ABANDONED.fetch_sub(1, Ordering::Relaxed);
                }
            })
            .map_err(|error| {
                SinkFault::Retry(format!("the filter's thread cannot be started: {error}"))
            })?;
        Ok(Thread { requests, stop, abandoned })
    }
}

impl Drop for Thread {
    /// A run that nobody waits for ends at its next step.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
