//! What a rule remembers as bytes: a head in JSON, and rows as Arrow's IPC streams behind it.

use crate::error::RuleError;
use crate::instance::{Counts, Instance};
use crate::over::Memories;
use crate::pending::{Pending, Waiting};
use crate::program::Program;
use crate::rows::Kept;
use crate::totals::{SavedTally, Totals};
use crate::window::{Marks, Partition};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

/// Version of the form. Another: the rule begins anew.
const VERSION: u32 = 3;

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    fingerprint: String,
    counts: Counts,
    order: u64,
    newest: Option<i64>,
    bound: Option<i64>,
    floor: Option<i64>,
    ahead: i64,
    memories: Vec<Vec<(Vec<u8>, crate::over::Memory)>>,
    /// Source, times and the length of the rows, which follow in this order.
    pending: Vec<(usize, Vec<i64>, usize)>,
    partitions: Vec<SavedPartition>,
    /// Those that are over, and the one that is open; where the next window begins.
    panes: Vec<SavedPane>,
    open: Option<SavedPane>,
    next: Option<i64>,
    /// Of each source the length of the rows that say what was read last, which follow behind those.
    last_reads: Vec<usize>,
}

/// Start, why it will give nothing, groups, and the length of the rows, which follow last.
type SavedPane = (i64, Option<String>, usize, usize);

#[derive(Serialize, Deserialize)]
struct SavedPartition {
    key: Vec<u8>,
    marks: Marks,
    /// Of each source the number of its first row, the times, and the length of the rows.
    rows: Vec<(u64, Vec<i64>, usize)>,
}

/// The state of a rule; into an instance of the same program it can be put back.
pub fn save(instance: &mut Instance) -> Result<Vec<u8>, RuleError> {
    let mut rows = Vec::new();
    let program = instance.program.clone();
    let pending = instance.pending.rows.iter().map(|waiting| {
        let length = write(&waiting.rows.schema(), std::slice::from_ref(&waiting.rows), &mut rows)?;
        Ok((waiting.source, waiting.times.clone(), length))
    });
    let pending = pending.collect::<Result<_, RuleError>>()?;
    let mut partitions = Vec::with_capacity(instance.partitions.len());
    for (key, partition) in &instance.partitions {
        let kept = program.sources.iter().zip(&partition.rows).map(|(source, kept)| {
            let (batches, times) = kept.all();
            Ok((kept.first(), times, write(&source.schema, &batches, &mut rows)?))
        });
        let kept = kept.collect::<Result<_, RuleError>>()?;
        let marks = partition.marks.clone();
        partitions.push(SavedPartition { key: key.clone(), marks, rows: kept });
    }
    let (panes, open) = match program.body.totals() {
        Some(totals) => save_panes(instance, totals, &mut rows)?,
        None => (Vec::new(), None),
    };
    let last_reads = program.sources.iter().zip(&instance.last_reads).map(|(source, last)| {
        let Some(filling) = &source.filling else { return Ok(0) };
        let saved = filling.save(last, &source.base())?;
        write(&source.base(), &[saved], &mut rows)
    });
    let last_reads = last_reads.collect::<Result<_, RuleError>>()?;
    let memories = instance.memories.iter();
    let head = Head {
        version: VERSION,
        fingerprint: program.fingerprint.clone(),
        counts: instance.counts.clone(),
        order: instance.order,
        newest: instance.pending.newest,
        bound: instance.pending.bound,
        floor: instance.pending.floor,
        ahead: instance.pending.ahead,
        memories: memories
            .map(|m| m.iter().map(|(k, m)| (k.clone(), m.clone())).collect())
            .collect(),
        pending,
        partitions,
        panes,
        open,
        next: instance.panes.next,
        last_reads,
    };
    let head = serde_json::to_vec(&head).map_err(|error| RuleError::Rows(error.to_string()))?;
    let mut out = Vec::with_capacity(8 + head.len() + rows.len());
    out.extend((head.len() as u64).to_le_bytes());
    out.extend(head);
    out.extend(rows);
    Ok(out)
}

/// Puts a state back; none, where it is another program's or cannot be read.
pub fn restore(program: &Arc<Program>, lateness: i64, bytes: &[u8]) -> Option<Instance> {
    let length = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let length = usize::try_from(length).ok()?;
    let head: Head = serde_json::from_slice(bytes.get(8..8usize.checked_add(length)?)?).ok()?;
    if head.version != VERSION || head.fingerprint != program.fingerprint {
        return None;
    }
    let mut rest = bytes.get(8 + length..)?;
    let mut next = |length: usize, schema: &SchemaRef| -> Option<RecordBatch> {
        let (own, others) = rest.split_at_checked(length)?;
        rest = others;
        read(schema, own)
    };
    let mut instance = Instance::new(program.clone(), lateness);
    (instance.counts, instance.order) = (head.counts, head.order);
    let memories = head.memories.into_iter().map(|all| all.into_iter().collect::<Memories>());
    instance.memories = memories.collect();
    if instance.memories.len() != program.overs.len() {
        return None;
    }
    let (pending, saved_partitions) = (head.pending, head.partitions);
    let mut rows = Vec::with_capacity(pending.len());
    for (source, times, length) in pending {
        let batch = next(length, &program.sources.get(source)?.base())?;
        if batch.num_rows() != times.len() {
            return None;
        }
        rows.push(Waiting { source, rows: batch, times });
    }
    let (newest, bound, floor, ahead) = (head.newest, head.bound, head.floor, head.ahead);
    instance.pending = Pending { rows, newest, bound, floor, ahead };
    let mut partitions = BTreeMap::new();
    for saved in saved_partitions {
        let mut partition = Partition::new(program.sources.len());
        partition.marks = saved.marks;
        if saved.rows.len() != program.sources.len() {
            return None;
        }
        for (source, (first, times, length)) in saved.rows.into_iter().enumerate() {
            let batch = next(length, &program.sources[source].schema)?;
            if batch.num_rows() != times.len() {
                return None;
            }
            let mut kept = Kept::default();
            kept.begin_at(first);
            kept.push(batch, times).ok()?;
            partition.rows[source] = kept;
        }
        partitions.insert(saved.key, partition);
    }
    instance.partitions = partitions;
    let (over, open) = (head.panes.len(), head.open.is_some());
    let mut panes = Vec::with_capacity(over + 1);
    for (start, failed, count, length) in head.panes.into_iter().chain(head.open) {
        let rows = next(length, &program.body.totals()?.state_schema().ok()?)?;
        if rows.num_rows() != count && rows.num_columns() > 0 {
            return None;
        }
        panes.push(SavedTally { start, failed, count, rows });
    }
    if open {
        instance.panes.open = Some(program.body.totals()?.restore(&panes.pop()?).ok()?);
    }
    (instance.panes.over, instance.panes.next) = (panes.into(), head.next);
    restore_reads(&mut instance, &head.last_reads, &mut next)?;
    Some(instance)
}

fn restore_reads(
    instance: &mut Instance,
    lengths: &[usize],
    next: &mut dyn FnMut(usize, &SchemaRef) -> Option<RecordBatch>,
) -> Option<()> {
    let program = instance.program.clone();
    for (place, length) in lengths.iter().enumerate() {
        let source = program.sources.get(place)?;
        let saved = next(*length, &source.base())?;
        if let Some(filling) = &source.filling {
            instance.last_reads[place] = filling.restore(&saved).ok()?;
        }
    }
    Some(())
}

fn save_panes(
    instance: &mut Instance,
    totals: &Totals,
    rows: &mut Vec<u8>,
) -> Result<(Vec<SavedPane>, Option<SavedPane>), RuleError> {
    let schema = totals.state_schema()?;
    let mut one = |pane: &SavedTally| -> Result<SavedPane, RuleError> {
        let length = write(&schema, std::slice::from_ref(&pane.rows), rows)?;
        Ok((pane.start, pane.failed.clone(), pane.count, length))
    };
    let over = instance.panes.over.iter().map(&mut one).collect::<Result<_, _>>()?;
    let Some(open) = instance.panes.open.take() else { return Ok((over, None)) };
    let saved = totals.saved(open)?;
    // It goes on with the same.
    instance.panes.open = Some(totals.restore(&saved)?);
    Ok((over, Some(one(&saved)?)))
}

fn write(schema: &SchemaRef, rows: &[RecordBatch], out: &mut Vec<u8>) -> Result<usize, RuleError> {
    let begun = out.len();
    if rows.iter().all(|batch| batch.num_rows() == 0) {
        return Ok(0);
    }
    // Batches may say of themselves what may be NULL in other words.
    let rows: Vec<RecordBatch> = rows
        .iter()
        .map(|batch| RecordBatch::try_new(schema.clone(), batch.columns().to_vec()))
        .collect::<Result<_, _>>()?;
    let whole = concat_batches(schema, &rows)?;
    let mut writer = StreamWriter::try_new(&mut *out, schema)?;
    writer.write(&whole)?;
    writer.finish()?;
    drop(writer);
    Ok(out.len() - begun)
}

fn read(schema: &SchemaRef, bytes: &[u8]) -> Option<RecordBatch> {
    if bytes.is_empty() {
        return Some(RecordBatch::new_empty(schema.clone()));
    }
    let mut reader = StreamReader::try_new(Cursor::new(bytes), None).ok()?;
    let batch = reader.next()?.ok()?;
    (batch.schema().fields() == schema.fields()).then_some(batch)
}
