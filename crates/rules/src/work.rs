//! Runs a rule's plan over what is in its slots, within its bounds.

use crate::alone::row_column;
use crate::error::RuleError;
use crate::program::{Body, Program};
use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures_util::StreamExt;
use parking_lot::Mutex;
use std::sync::Arc;
use std::task::Poll;
use tagwerk_env::{Clock, Moment};
use tagwerk_sql::stream::Ends;

/// Rows that one window may give. More: the rule is stopped.
pub const GIVEN_MAX: usize = 100_000;
/// How long one window's statement may work. Longer: the rule is stopped.
pub const WORK_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// Until when a plan may work; joins ask.
#[derive(Default)]
pub struct Deadline(Mutex<Option<(Arc<dyn Clock>, Moment)>>);

impl Deadline {
    fn set(&self, clock: &Arc<dyn Clock>) {
        *self.0.lock() = Some((clock.clone(), clock.now().after(WORK_MAX)));
    }
}

impl Ends for Deadline {
    fn is_over(&self) -> bool {
        self.0.lock().as_ref().is_some_and(|(clock, moment)| clock.now() > *moment)
    }
}

/// Runs plans; one for a thread.
pub struct Runner {
    runtime: tokio::runtime::Runtime,
    clock: Arc<dyn Clock>,
}

impl Runner {
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub fn new(clock: Arc<dyn Clock>) -> std::io::Result<Runner> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        Ok(Runner { runtime, clock })
    }
}

/// With the number of each row among them as the last column.
pub fn numbered(rows: &RecordBatch) -> Result<RecordBatch, RuleError> {
    let numbers = UInt64Array::from_iter_values(0..rows.num_rows() as u64);
    let number = Field::new(row_column(), DataType::UInt64, false);
    let fields =
        rows.schema().fields().iter().cloned().chain([Arc::new(number)]).collect::<Vec<_>>();
    let columns = rows.columns().iter().cloned().chain([Arc::new(numbers) as ArrayRef]).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

pub fn repeat(one: &ArrayRef, rows: usize) -> Result<ArrayRef, RuleError> {
    let indices = arrow::array::UInt32Array::from(vec![0; rows]);
    Ok(arrow::compute::take(one, &indices, None)?)
}

/// Runs the program's plan over what is in the slots.
pub fn run(runner: &Runner, program: &Program) -> Result<Vec<RecordBatch>, RuleError> {
    let Body::Plan(plan) = &program.body else { return Ok(Vec::new()) };
    let made = run_plan(runner, program, plan);
    // Rows that were read are not held until the next window.
    program.sources.iter().for_each(|source| source.slot.put(Vec::new()));
    made
}

/// Runs a plan of the program's over what is in the slots.
pub fn run_plan(
    runner: &Runner,
    program: &Program,
    plan: &Arc<dyn ExecutionPlan>,
) -> Result<Vec<RecordBatch>, RuleError> {
    let fresh = reset_plan_states(plan.clone())?;
    program.deadline.set(&runner.clock);
    runner.runtime.block_on(collected(program, fresh))
}

fn too_long() -> RuleError {
    let seconds = WORK_MAX.as_secs();
    let text = format!("it worked for more than {seconds} s on one window or one reading");
    RuleError::Limit(text)
}

async fn collected(
    program: &Program,
    plan: Arc<dyn ExecutionPlan>,
) -> Result<Vec<RecordBatch>, RuleError> {
    let mut stream = execute_stream(plan, program.task.clone())?;
    let mut given = 0;
    let mut made = Vec::new();
    loop {
        let next = std::future::poll_fn(|context| match program.deadline.is_over() {
            true => Poll::Ready(None),
            false => stream.poll_next_unpin(context),
        });
        let rows = next.await.transpose();
        // A join that was told so has failed.
        if program.deadline.is_over() {
            return Err(too_long());
        }
        let Some(rows) = rows? else { return Ok(made) };
        given += rows.num_rows();
        if given > GIVEN_MAX {
            return Err(RuleError::Limit(format!(
                "one window, or one reading, gave more than {GIVEN_MAX} rows"
            )));
        }
        made.push(rows);
    }
}
