//! Threads for the work of rules that may take long, so that no other rule waits for it.

use crate::error::RuleError;
use crate::instance::Instance;
use crate::output::Output;
use crate::work::Runner;
use arrow::array::RecordBatch;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Clock;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Threads; more rules than these that take long at the same time wait for each other.
const THREADS_MAX: usize = 16;

/// What a rule has to do.
pub enum Work {
    /// Take rows of a source.
    Rows { source: usize, rows: RecordBatch },
    /// The clock has come this far.
    Tick(i64),
}

impl Work {
    pub fn memory(&self) -> usize {
        match self {
            Work::Rows { rows, .. } => rows.get_array_memory_size(),
            Work::Tick(_) => 0,
        }
    }
}

/// What came of it.
pub struct Worked {
    pub out: Vec<Output>,
    /// The last row that the statement failed on.
    pub error: Option<String>,
    /// Why the rule is stopped.
    pub stopped: Option<RuleError>,
    pub busy: Duration,
}

/// Lets a rule work, one thing after the other.
pub fn work(
    instance: &mut Instance,
    runner: &Runner,
    clock: &dyn Clock,
    works: Vec<Work>,
) -> Worked {
    let begun = clock.now();
    let (mut out, mut stopped) = (Vec::new(), None);
    let errors = instance.counts.errors;
    // Two that run the same program take turns: what it reads from is its own.
    let program = instance.program.clone();
    let turn = program.turn.lock();
    for one in works {
        let done = catch_unwind(AssertUnwindSafe(|| match &one {
            Work::Rows { source, rows } => instance.take(runner, *source, rows, &mut out),
            Work::Tick(now_ns) => instance.tick(runner, *now_ns, &mut out),
        }));
        match done {
            Ok(Ok(())) => {}
            Ok(Err(RuleError::Rows(text))) => {
                instance.counts.errors += 1;
                instance.last_error = Some(text);
            }
            Ok(Err(limit)) => stopped = Some(limit),
            Err(_) => stopped = Some(RuleError::Limit("a fault inside the rule".to_owned())),
        }
        if stopped.is_some() {
            break;
        }
    }
    drop(turn);
    let error = (instance.counts.errors != errors).then(|| instance.last_error.clone()).flatten();
    Worked { out, error, stopped, busy: clock.now().since(begun) }
}

/// A rule on its way to a thread.
pub struct Job {
    pub rule: Arc<str>,
    /// Which of the rules that had the name.
    pub token: Arc<()>,
    pub instance: Box<Instance>,
    pub works: Vec<Work>,
}

impl Job {
    pub fn done(self, runner: &Runner, clock: &dyn Clock) -> Done {
        let Job { rule, token, mut instance, works } = self;
        let worked = work(&mut instance, runner, clock, works);
        Done { rule, token, instance, worked }
    }
}

/// A rule on its way back.
pub struct Done {
    pub rule: Arc<str>,
    pub token: Arc<()>,
    pub instance: Box<Instance>,
    pub worked: Worked,
}

/// The threads. They are begun as they are needed, and end with this.
pub struct Workers {
    shared: Arc<Shared>,
    done: UnboundedReceiver<Done>,
}

struct Shared {
    queue: Mutex<Queue>,
    given: Condvar,
    done: UnboundedSender<Done>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl Workers {
    pub fn new(clock: Arc<dyn Clock>) -> Workers {
        let (sender, done) = unbounded_channel();
        let shared = Shared { queue: Mutex::default(), given: Condvar::new(), done: sender, clock };
        Workers { shared: Arc::new(shared), done }
    }

    /// Hands a job to a thread. It comes back, where there is none and none can be had.
    pub fn send(&self, job: Job) -> Result<(), Job> {
        let mut queue = self.shared.queue.lock();
        queue.jobs.push_back(job);
        if queue.idle >= queue.jobs.len() {
            drop(queue);
            self.shared.given.notify_one();
            return Ok(());
        }
        if queue.threads < THREADS_MAX {
            match self.begin() {
                Ok(()) => queue.threads += 1,
                Err(error) => tracing::warn!(%error, "no further thread for rules can be begun"),
            }
        }
        match queue.threads {
            0 => queue.jobs.pop_back().map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }

    fn begin(&self) -> std::io::Result<()> {
        let runner = Runner::new(self.shared.clock.clone())?;
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new().name("rule".to_owned());
        thread.spawn(move || shared.serve(&runner)).map(drop)
    }

    /// A rule that is back.
    pub fn try_done(&mut self) -> Option<Done> {
        self.done.try_recv().ok()
    }

    /// Waits for the next.
    pub async fn done(&mut self) -> Option<Done> {
        self.done.recv().await
    }
}

impl Shared {
    fn serve(&self, runner: &Runner) {
        loop {
            let mut queue = self.queue.lock();
            let job = loop {
                if queue.closed {
                    return;
                }
                match queue.jobs.pop_front() {
                    Some(job) => break job,
                    None => {
                        queue.idle += 1;
                        self.given.wait(&mut queue);
                        queue.idle -= 1;
                    }
                }
            };
            drop(queue);
            if self.done.send(job.done(runner, &*self.clock)).is_err() {
                return;
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.given.notify_all();
    }
}
