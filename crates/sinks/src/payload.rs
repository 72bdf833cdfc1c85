//! Payloads: a batch as JSON, written straight into a buffer that is used again.
//!
//! The forms are those of Neuron (values-format and tags-format), so that its receivers work
//! unchanged; what Neuron cannot say is in keys of its own, present only where there is need.

pub mod filter;
pub mod runner;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::Write;
use tagwerk_component::Delivery;
use tagwerk_model::value::write_json_text;
use tagwerk_model::{Qualities, Quality, SampleBatch, SampleRef, Severity, SourceTimes};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One object with a key per tag: `{"timestamp", "node", "group", "values": {"t1": 5},
    /// "errors": {"t2": 2148139008}, "metas": {}}`. `timestamp` is in milliseconds since 1970, `node`
    /// the device, an error an OPC UA status code.
    #[default]
    Values,
    /// One list of tags: `{"timestamp", "node", "group", "tags": [{"name": "t1", "value": 5},
    /// {"name": "t2", "error": 2148139008}]}`.
    Tags,
    /// What `filter` makes of it.
    Jq,
}

/// The part of the journal that a delivery accounts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub epoch: u64,
    pub from: u64,
    pub to: u64,
    pub replayed: bool,
}

impl Origin {
    pub fn of(delivery: &Delivery<'_>) -> Origin {
        Origin {
            epoch: delivery.epoch,
            from: delivery.from,
            to: delivery.to,
            replayed: delivery.replayed,
        }
    }
}

/// What goes into a payload besides the samples.
#[derive(Clone, Copy)]
pub struct Choice {
    /// Tags of bad quality too.
    pub errors: bool,
    /// Keys that say which part of the journal this is.
    pub origin: Option<Origin>,
}

/// The `values` form of the samples that `pick` takes; false when none is left to send, in which
/// case `out` holds nothing of use.
pub fn write_values(
    batch: &SampleBatch,
    choice: Choice,
    pick: impl Fn(&SampleRef<'_>) -> bool,
    out: &mut Vec<u8>,
) -> bool {
    let tags = batch.set.tags();
    write_head(batch, out);
    out.extend_from_slice(b",\"values\":{");
    let mut values = List::new();
    for sample in batch.samples().filter(|s| pick(s)) {
        if let Some(value) = sample.value {
            let tag = &tags[sample.index];
            values.next(out);
            write_json_text(&tag.name, out);
            out.push(b':');
            value.write_json(tag.data_type, out);
        }
    }
    out.extend_from_slice(b"},\"errors\":{");
    let mut errors = List::new();
    let plain = batch.qualities == Qualities::One(Quality::GOOD);
    if choice.errors && !plain {
        for sample in batch.samples().filter(|s| s.quality.is_bad() && pick(s)) {
            errors.next(out);
            write_json_text(&tags[sample.index].name, out);
            write_number(b":", sample.quality.0, out);
        }
    }
    out.extend_from_slice(b"},\"metas\":{");
    if !plain || batch.source_times != SourceTimes::None {
        let mut metas = List::new();
        for sample in batch.samples().filter(|s| pick(s)) {
            let shown = choice.errors || !sample.quality.is_bad();
            if shown && has_meta(&sample) {
                metas.next(out);
                write_json_text(&tags[sample.index].name, out);
                out.extend_from_slice(b":{");
                write_meta(&sample, &mut List::new(), out);
                out.push(b'}');
            }
        }
    }
    out.push(b'}');
    write_tail(choice, out);
    values.any || errors.any
}

/// The `tags` form of the samples that `pick` takes; false when none is left to send.
pub fn write_tags(
    batch: &SampleBatch,
    choice: Choice,
    pick: impl Fn(&SampleRef<'_>) -> bool,
    out: &mut Vec<u8>,
) -> bool {
    write_head(batch, out);
    let any = write_tag_list(batch, choice, pick, Detail::Plain, out);
    write_tail(choice, out);
    any
}

/// What a filter gets: the `tags` form with the names of edge and device, units and qualities.
pub fn write_filter_input(
    batch: &SampleBatch,
    edge: &str,
    choice: Choice,
    out: &mut Vec<u8>,
) -> bool {
    write_head(batch, out);
    out.extend_from_slice(b",\"edge\":");
    write_json_text(edge, out);
    out.extend_from_slice(b",\"device\":");
    write_json_text(batch.set.device(), out);
    let any = write_tag_list(batch, choice, |_| true, Detail::Full, out);
    write_tail(choice, out);
    any
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    Plain,
    Full,
}

fn write_tag_list(
    batch: &SampleBatch,
    choice: Choice,
    pick: impl Fn(&SampleRef<'_>) -> bool,
    detail: Detail,
    out: &mut Vec<u8>,
) -> bool {
    let tags = batch.set.tags();
    out.extend_from_slice(b",\"tags\":[");
    let mut list = List::new();
    for sample in batch.samples().filter(|s| pick(s)) {
        if sample.quality.is_bad() && !choice.errors {
            continue;
        }
        let tag = &tags[sample.index];
        list.next(out);
        out.extend_from_slice(b"{\"name\":");
        write_json_text(&tag.name, out);
        match sample.value {
            Some(value) => {
                out.extend_from_slice(b",\"value\":");
                value.write_json(tag.data_type, out);
            }
            None => write_number(b",\"error\":", sample.quality.0, out),
        }
        let mut keys = List { any: true };
        if detail == Detail::Full {
            out.extend_from_slice(b",\"unit\":");
            write_json_text(&tag.unit, out);
            if !has_quality_meta(&sample) {
                out.extend_from_slice(b",\"quality\":");
                write_json_text(sample.quality.severity().name(), out);
            }
        }
        write_meta(&sample, &mut keys, out);
        out.push(b'}');
    }
    out.push(b']');
    list.any
}

fn write_head(batch: &SampleBatch, out: &mut Vec<u8>) {
    out.clear();
    write_number(b"{\"timestamp\":", millis(batch.unix_ns), out);
    out.extend_from_slice(b",\"node\":");
    write_json_text(batch.set.device(), out);
    out.extend_from_slice(b",\"group\":");
    write_json_text(batch.set.group(), out);
}

fn write_tail(choice: Choice, out: &mut Vec<u8>) {
    if let Some(origin) = choice.origin {
        write_number(b",\"epoch\":", origin.epoch, out);
        write_number(b",\"from\":", origin.from, out);
        write_number(b",\"to\":", origin.to, out);
        write_number(b",\"replayed\":", origin.replayed, out);
    }
    out.push(b'}');
}

fn has_meta(sample: &SampleRef<'_>) -> bool {
    has_quality_meta(sample) || source_time(sample).is_some()
}

/// A batch in which only some sources gave a time has 0 for the others.
fn source_time(sample: &SampleRef<'_>) -> Option<i64> {
    sample.source_time.filter(|time| *time != 0)
}

/// A bad sample says so by its error code.
fn has_quality_meta(sample: &SampleRef<'_>) -> bool {
    sample.quality.severity() == Severity::Uncertain
}

fn write_meta(sample: &SampleRef<'_>, keys: &mut List, out: &mut Vec<u8>) {
    if has_quality_meta(sample) {
        keys.next(out);
        out.extend_from_slice(b"\"quality\":\"uncertain\"");
    }
    if let Some(time) = source_time(sample) {
        keys.next(out);
        write_number(b"\"source_timestamp\":", millis(time), out);
    }
}

fn write_number(key: &[u8], number: impl std::fmt::Display, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    // Writing into a Vec cannot fail.
    drop(write!(out, "{number}"));
}

fn millis(unix_ns: i64) -> i64 {
    unix_ns.div_euclid(1_000_000)
}

/// Puts the comma before every item but the first.
struct List {
    any: bool,
}

impl List {
    fn new() -> List {
        List { any: false }
    }

    fn next(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.any, true) {
            out.push(b',');
        }
    }
}

#[cfg(test)]
mod tests;
