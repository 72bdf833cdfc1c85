//! What a server remembers of the time of an outage: read in the background, each tag in the order
//! of time, up to where its present values begin.

use crate::connection::{Answer, decode};
use crate::session::{OpcSession, Pending};
use std::collections::{HashMap, VecDeque};
use tagwerk_component::Fault;
use tagwerk_proto_opcua::service::{self, Attribute, HistoryNode, ReadNode, id};
use tagwerk_proto_opcua::{NodeId, Variant, time};

/// Nodes in one request; what the server allows beyond that makes answers too long.
const NODES_MAX: usize = 50;
/// Values of each node in one answer.
const VALUES_MAX: u32 = 1_000;
/// Values of all tags that are read after one outage. More: the rest is left out, and noted.
const READ_MAX: usize = 2_000_000;
const CAN_READ_HISTORY: u8 = 0x04;

#[derive(Default)]
pub struct History {
    jobs: HashMap<u32, Job>,
    /// To be asked whether they have a history.
    unasked: VecDeque<u32>,
    /// Ready to be read.
    ready: VecDeque<u32>,
    /// Begun, with more to come.
    begun: Option<Batch>,
    under_way: bool,
    read: usize,
}

struct Job {
    /// In ticks, exclusive.
    from: i64,
    /// The first present value, exclusive.
    to: Option<i64>,
    allowed: Option<bool>,
}

/// Nodes that are read together, with where the server goes on.
pub struct Batch {
    from: i64,
    to: i64,
    nodes: Vec<(u32, Vec<u8>)>,
}

impl History {
    /// Reads what came after `known_to` (nanoseconds since 1970).
    pub fn want(&mut self, handles: &[u32], known_to: i64) {
        let from = time::ticks(known_to);
        for handle in handles {
            self.jobs.insert(*handle, Job { from, to: None, allowed: None });
            self.unasked.push_back(*handle);
        }
        self.read = 0;
    }

    pub fn forget(&mut self, handle: u32) {
        self.jobs.remove(&handle);
    }

    /// The first present value of an item: its history ends there.
    pub fn present(&mut self, handle: u32, ticks: Option<i64>) {
        if self.jobs.is_empty() {
            return;
        }
        let Some(job) = self.jobs.get_mut(&handle) else { return };
        if job.to.is_none() {
            job.to = Some(ticks.unwrap_or(i64::MAX));
            self.settle(handle);
        }
    }

    fn settle(&mut self, handle: u32) {
        let Some(job) = self.jobs.get(&handle) else { return };
        match (job.allowed, job.to) {
            (Some(false), _) => drop(self.jobs.remove(&handle)),
            // Nothing has changed meanwhile.
            (_, Some(to)) if to <= job.from => drop(self.jobs.remove(&handle)),
            (Some(true), Some(_)) => self.ready.push_back(handle),
            _ => {}
        }
    }

    /// The next nodes to read together.
    fn next(&mut self, nodes_max: usize) -> Option<Batch> {
        if let Some(begun) = self.begun.take() {
            return Some(begun);
        }
        let mut batch = Batch { from: i64::MAX, to: 0, nodes: Vec::new() };
        while batch.nodes.len() < nodes_max
            && let Some(handle) = self.ready.pop_front()
        {
            let Some(job) = self.jobs.get(&handle) else { continue };
            batch.from = batch.from.min(job.from);
            batch.to = batch.to.max(job.to.unwrap_or_default());
            batch.nodes.push((handle, Vec::new()));
        }
        (!batch.nodes.is_empty()).then_some(batch)
    }
}

impl OpcSession {
    /// Sends the next request, when the answer to the one before was handed over.
    pub fn keep_reading_history(&mut self) {
        if self.history.under_way || self.history.jobs.is_empty() {
            return;
        }
        if !self.history.unasked.is_empty() {
            self.ask_access();
            return;
        }
        let nodes_max = self.limits.history.min(NODES_MAX);
        let Some(mut batch) = self.history.next(nodes_max) else { return };
        if batch.to == i64::MAX {
            batch.to = time::ticks(self.connection.clock().wall().unix_ns);
        }
        let mut nodes = Vec::with_capacity(batch.nodes.len());
        batch.nodes.retain(|(handle, _)| {
            let item = self.watching.items.get(handle);
            let node_id = item.and_then(|item| item.point().address.resolve(&self.namespaces));
            let range = item.map(|item| item.point().address.range.clone());
            nodes.extend(node_id.zip(range));
            item.is_some()
        });
        if nodes.len() != batch.nodes.len() || nodes.is_empty() {
            return;
        }
        let range = (batch.from, batch.to);
        let continuations: Vec<Vec<u8>> =
            batch.nodes.iter().map(|(_, continuation)| continuation.clone()).collect();
        let sent = self.begin(
            Pending::History(batch),
            || {
                let text = |ticks| time::unix_ns(ticks).map(tagwerk_model::format_unix_ns);
                let (from, to) = (text(range.0), text(range.1));
                let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
                format!("Read the history of {} nodes from {from} to {to}", nodes.len())
            },
            |header, out| {
                let nodes = nodes.iter().zip(&continuations).map(|((node_id, range), point)| {
                    HistoryNode { node_id, range, continuation: point }
                });
                service::history_read(header, range, VALUES_MAX, nodes, out);
            },
        );
        self.history.under_way = sent.is_ok();
    }

    /// Asks which nodes have a history that may be read.
    fn ask_access(&mut self) {
        let count = self.history.unasked.len().min((self.limits.read / 2).max(1));
        let mut handles: Vec<u32> = self.history.unasked.drain(..count).collect();
        let mut nodes: Vec<NodeId> = Vec::with_capacity(handles.len());
        handles.retain(|handle| {
            let item = self.watching.items.get(handle);
            let node_id = item.and_then(|item| item.point().address.resolve(&self.namespaces));
            let there = node_id.is_some();
            nodes.extend(node_id);
            there
        });
        if handles.is_empty() {
            return;
        }
        // A server that allows one node per request is asked for the one that matters.
        let attributes = match self.limits.read {
            1 => vec![Attribute::UserAccessLevel],
            _ => vec![Attribute::UserAccessLevel, Attribute::Historizing],
        };
        let sent = self.begin(
            Pending::Access { handles },
            || format!("Ask which of {} nodes have a history", nodes.len()),
            |header, out| {
                let both: Vec<ReadNode<'_>> = nodes
                    .iter()
                    .flat_map(|node_id| {
                        attributes.iter().map(move |attribute| ReadNode {
                            node_id,
                            attribute: *attribute,
                            range: "",
                        })
                    })
                    .collect();
                service::read(header, both.into_iter(), out);
            },
        );
        self.history.under_way = sent.is_ok();
    }

    pub fn access(&mut self, handles: &[u32], answer: Answer) -> Result<(), Fault> {
        self.history.under_way = false;
        let results = decode(answer, id::READ, service::read_results)?.unwrap_or_default();
        let each = (results.len() / handles.len().max(1)).max(1);
        for (place, handle) in handles.iter().enumerate() {
            let values = results.iter().skip(place * each).take(each);
            // Some servers have a history without keeping it up at present; the level decides.
            let allowed = values.filter_map(|data| data.value.as_ref()).any(
                |value| matches!(value, Variant::Byte(level) if level & CAN_READ_HISTORY != 0),
            );
            if let Some(job) = self.history.jobs.get_mut(handle) {
                job.allowed = Some(allowed);
            }
            self.history.settle(*handle);
        }
        Ok(())
    }

    pub fn past(&mut self, mut batch: Batch, answer: Answer) -> Result<(), Fault> {
        self.history.under_way = false;
        let results = match decode(answer, id::HISTORY_READ, service::history_results)? {
            Ok(results) => results,
            Err(status) => {
                self.note(|| format!("The server gives no history: {status}"));
                batch.nodes.iter().for_each(|(handle, _)| self.history.forget(*handle));
                return Ok(());
            }
        };
        let mut values = 0;
        for ((handle, continuation), result) in batch.nodes.iter_mut().zip(results) {
            let Some(job) = self.history.jobs.get(handle) else { continue };
            let (from, to) = (job.from, job.to.unwrap_or(i64::MAX));
            if result.status.is_bad() {
                let status = result.status;
                self.note(|| format!("The server gives no history of a node: {status}"));
            }
            // The server's bounds are inclusive or not as it likes; nothing comes twice.
            let mut last = from;
            for data in &result.values {
                let Some(ticks) = data.source_ticks.or(data.server_ticks) else { continue };
                if ticks <= last || ticks >= to {
                    continue;
                }
                last = ticks;
                values += 1;
                if let Some(report) = self.report_of(*handle, data, true) {
                    self.reports.push(report);
                }
            }
            if let Some(job) = self.history.jobs.get_mut(handle) {
                job.from = last;
            }
            *continuation = result.continuation;
            if continuation.is_empty() {
                self.history.forget(*handle);
            }
        }
        self.note(|| format!("{values} values from the history"));
        self.history.read += values;
        batch.nodes.retain(|(_, continuation)| !continuation.is_empty());
        if self.history.read >= READ_MAX {
            self.note(|| format!("More than {READ_MAX} values of history: the rest is left out"));
            self.history = History::default();
        } else if !batch.nodes.is_empty() {
            self.history.begun = Some(batch);
        }
        Ok(())
    }
}
