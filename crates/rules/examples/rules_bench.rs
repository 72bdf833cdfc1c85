//! Figures of rules, as JSON: `rules_bench KIND [NUMBER]`. `cargo xtask bench rules` runs it.

use arrow::array::{
    ArrayRef, Float64Array, RecordBatch, StringViewArray, TimestampNanosecondArray,
};
use arrow::compute::kernels::cmp::gt;
use arrow::compute::{filter_record_batch, kernels::numeric::add};
use serde_json::{Value as Json, json};
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tagwerk_env::{Access, Env, Moment};
use tagwerk_historian::{Historian, Scan};
use tagwerk_journal::{Block, Journal, Options, Payload, Span, Stream};
use tagwerk_model::{
    BatchBuilder, ColumnValues, DataType, SampleBatch, Table, TableColumn, TagDefinition, TagId,
    TagSet, TagSetDefinition, codec,
};
use tagwerk_rules::{
    Definition, Instance, Keeper, Outlet, Output, Past, Planner, Program, Runner, Stage, Trial,
};
use tagwerk_sql::{Lookup, Lookups, Pieces, TagEntry, TagTable};

type Done<T> = Result<T, Box<dyn Error>>;

const SECOND: i64 = 1_000_000_000;
const BASE: i64 = 1_795_000_000 * SECOND;

fn main() -> Done<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: usize| {
        arguments.get(place).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let figures = match arguments.first().map(String::as_str) {
        Some("rows") => rows()?,
        Some("joins") => joins()?,
        Some("window") => window()?,
        Some("latency") => latency(number(1, 10))?,
        Some("many") => many(number(1, 8_000), number(2, 8_000), number(3, 800), number(4, 20))?,
        Some("trial") => trial()?,
        _ => return Err("rows, joins, window, latency, many or trial".into()),
    };
    println!("{figures}");
    Ok(())
}

fn set(device: &str, first: u32, tags: usize) -> TagSetDefinition {
    let tag = |place: usize| TagDefinition {
        id: TagId(first + place as u32),
        name: format!("t{place}").into(),
        data_type: DataType::Float64,
        unit: "".into(),
    };
    let tags = (0..tags).map(tag).collect();
    TagSetDefinition { id: first, device: device.into(), group: "g".into(), tags }
}

fn table(sets: &[TagSetDefinition]) -> TagTable {
    let entries = sets
        .iter()
        .flat_map(|set| set.tags.iter().map(|tag| TagEntry::of((&*set.device).into(), tag)));
    TagTable::new(entries.collect())
}

fn plan(sql: &str, tags: &TagTable) -> Done<Arc<Program>> {
    let planned = Planner::new().and_then(|planner| planner.plan(sql, tags));
    Ok(Arc::new(planned.map_err(|finding| finding.to_string())?))
}

/// Rows with the program's columns.
fn batch(program: &Program, rows: usize, from: i64, step: i64) -> Done<RecordBatch> {
    let schema = program.sources[0].base();
    let column = |name: &str| -> ArrayRef {
        let wave = |row: usize| ((row * 7_919) % 1_000) as f64 / 10.0;
        match name {
            "time" => {
                let times = (0..rows).map(|row| from + row as i64 * step);
                Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("+00:00"))
            }
            "tag" => {
                let names = (0..rows).map(|row| format!("plant-tag-{:05}", row % 10_000));
                Arc::new(StringViewArray::from_iter_values(names))
            }
            // Every other read asks for the tag.
            quality if quality.ends_with("_quality") => Arc::new(StringViewArray::from_iter(
                (0..rows).map(|row| row.is_multiple_of(2).then_some("good")),
            )),
            _ => Arc::new(Float64Array::from_iter_values((0..rows).map(wave))),
        }
    };
    let columns = schema.fields().iter().map(|field| column(field.name())).collect();
    Ok(RecordBatch::try_new(schema, columns)?)
}

fn seconds(env: &Env, since: Moment) -> f64 {
    env.clock.now().since(since).as_secs_f64()
}

/// Rows in a second, at once in batches and one by one, of rows that are looked up in tables, or filled.
fn joins() -> Done<Json> {
    const AT_ONCE: usize = 1_000;
    let env = Env::system();
    let runner = Runner::new(env.clock.clone())?;
    let of = |sql: &str, keys: usize, times: [usize; 2]| -> Done<Json> {
        let numbers = (0..keys).map(|key| Some(key as f64 / 10.0));
        let name = |key: usize| Some(format!("product {key}").into());
        let values = ColumnValues::Float64(numbers.collect());
        let names = ColumnValues::Text((0..keys).map(name).collect());
        let column = |name: &str, values| TableColumn { name: name.into(), values };
        let keys =
            Table::new(vec![column("key", values), column("name", names)]).ok_or("no table")?;
        let lookup = Lookup::new("keys".into(), "v1".into(), &keys);
        let mut lookups = Lookups::default();
        lookups.add(lookup.clone());
        let tags = table(&[set("press", 1, 20)]).with_lookups(Arc::new(lookups));
        let program = plan(sql, &tags)?;
        program.look_up_in(&lookup);
        let rows = batch(&program, AT_ONCE, BASE, SECOND)?;
        let rate = |rows: &RecordBatch, times: usize| -> Done<f64> {
            let mut instance = Instance::new(program.clone(), 0);
            let (begun, mut made) = (env.clock.now(), 0);
            for _ in 0..times {
                instance.pass(&runner, 0, rows, &mut |rows, _| made += rows.num_rows())?;
            }
            match made == times * rows.num_rows() {
                true => Ok(made as f64 / seconds(&env, begun)),
                false => Err(format!("{made} rows came of {times} times").into()),
            }
        };
        Ok(json!({ "many": rate(&rows, times[0])?, "one": rate(&rows.slice(0, 1), times[1])? }))
    };
    let join = "SELECT t3, name FROM press JOIN keys ON key = t3";
    Ok(json!({
        "small": of(join, 1_000, [500, 5_000])?,
        "large": of(join, 100_000, [50, 500])?,
        "filled": of("SELECT t0, t1 + t2 AS sum FROM filled(press, '1m')", 1, [2_000, 50_000])?,
    }))
}

/// A filter and a projection over rows of 20 columns, in batches and one by one, beside the engine's
/// kernels alone.
fn rows() -> Done<Json> {
    const AT_ONCE: usize = 1_000;
    let env = Env::system();
    let tags = table(&[set("press", 1, 20)]);
    let sql = "SELECT t0, t1 + t2 AS sum, t3 FROM press WHERE t4 > 50";
    let program = plan(sql, &tags)?;
    let runner = Runner::new(env.clock.clone())?;
    let rows = batch(&program, AT_ONCE, BASE, SECOND)?;
    let single = rows.slice(0, 1);
    let of = |rows: &RecordBatch, times: usize| -> Done<f64> {
        let mut instance = Instance::new(program.clone(), 0);
        let begun = env.clock.now();
        for _ in 0..times {
            instance.pass(&runner, 0, rows, &mut |made, _| {
                black_box(made.num_rows());
            })?;
        }
        Ok((times * rows.num_rows()) as f64 / seconds(&env, begun))
    };
    of(&rows, 1_000)?;
    let (many, one) = (of(&rows, 20_000)?, of(&single, 500_000)?);
    // Handed out as values, for sinks and for showing.
    let mut instance = Instance::new(program.clone(), 0);
    let begun = env.clock.now();
    let mut out = Vec::new();
    for _ in 0..2_000 {
        instance.take(&runner, 0, &rows, &mut out)?;
        black_box(out.len());
        out.clear();
    }
    let handed = (2_000 * AT_ONCE) as f64 / seconds(&env, begun);
    let float = |name: &str| -> Done<Float64Array> {
        let column = rows.column_by_name(name).ok_or("no such column")?;
        Ok(column.as_any().downcast_ref::<Float64Array>().ok_or("no floats")?.clone())
    };
    let (four, limit) = (float("t4")?, Float64Array::new_scalar(50.0));
    let begun = env.clock.now();
    for _ in 0..20_000 {
        let kept = filter_record_batch(&rows, &gt(&four, &limit)?)?;
        let (one, two) = (kept.column_by_name("t1"), kept.column_by_name("t2"));
        let (Some(one), Some(two)) = (one, two) else { return Err("no columns".into()) };
        let floats = |array: &ArrayRef| array.as_any().downcast_ref::<Float64Array>().cloned();
        black_box(add(&floats(one).ok_or("")?, &floats(two).ok_or("")?)?);
    }
    let bare = (20_000 * AT_ONCE) as f64 / seconds(&env, begun);
    Ok(json!({ "many": many, "one": one, "handed": handed, "bare": bare }))
}

/// How long the end of a window of 100,000 rows and 10,000 tags takes, counted row by row, and run over
/// all rows at its end.
fn window() -> Done<Json> {
    let (counted, kept) = ("tumbling_window('10s')", "hopping_window('10s', '10s')");
    Ok(json!({ "ms": end_of(counted)?, "kept_ms": end_of(kept)? }))
}

fn end_of(window: &str) -> Done<f64> {
    let env = Env::system();
    let tags = table(&[set("press", 1, 1)]);
    let sql = format!(
        "SELECT tag, avg(value) AS mean, min(value) AS low, max(value) AS high, count(*) AS n \
         FROM samples GROUP BY {window}, tag"
    );
    let program = plan(&sql, &tags)?;
    let runner = Runner::new(env.clock.clone())?;
    let mut instance = Instance::new(program.clone(), 0);
    let mut took = Vec::new();
    for round in 0..20i64 {
        let from = BASE + round * 10 * SECOND;
        for part in 0..100 {
            let rows = batch(&program, 1_000, from + part * SECOND / 10, SECOND / 10_000)?;
            let rows = shifted(&rows, part as usize)?;
            instance.pass(&runner, 0, &rows, &mut |_, _| {})?;
        }
        let begun = env.clock.now();
        let mut given = 0;
        instance.pass_time(&runner, from + 10 * SECOND, &mut |made, _| given += made.num_rows())?;
        took.push(seconds(&env, begun) * 1e3);
        if given != 10_000 {
            return Err(format!("{given} rows, not 10000").into());
        }
    }
    took.sort_by(f64::total_cmp);
    Ok(took[took.len() / 2])
}

/// The same rows of other tags.
fn shifted(rows: &RecordBatch, part: usize) -> Done<RecordBatch> {
    let schema = rows.schema();
    let names =
        (0..rows.num_rows()).map(|row| format!("plant-tag-{:05}", (part * 1_000 + row) % 10_000));
    let tags: ArrayRef = Arc::new(StringViewArray::from_iter_values(names));
    let columns =
        schema.fields().iter().zip(rows.columns()).map(|(field, column)| {
            if field.name() == "tag" { tags.clone() } else { column.clone() }
        });
    Ok(RecordBatch::try_new(schema.clone(), columns.collect())?)
}

/// Notes when rows are given.
struct Noting {
    env: Env,
    given: Arc<AtomicU64>,
    took: Arc<parking_lot::Mutex<Vec<u64>>>,
}

impl Outlet for Noting {
    fn publish(&mut self, _: &str, rows: &[Output]) -> Result<(), (usize, String)> {
        let now = self.env.clock.wall().unix_ns;
        let took = rows.iter().map(|row| (now - row.time_ns).max(0) as u64);
        self.took.lock().extend(took);
        self.given.fetch_add(rows.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

struct Writer {
    set: Arc<TagSet>,
    stored: Arc<tagwerk_journal::TagSet>,
    buffer: Vec<u8>,
}

impl Writer {
    fn new(definition: TagSetDefinition) -> Writer {
        let stored = tagwerk_journal::TagSet {
            id: definition.id,
            revision: 1,
            tags: definition.tags.iter().map(|tag| tag.id.0).collect(),
            dictionary: codec::encode_definition(&definition),
        };
        let set = Arc::new(TagSet::new(definition));
        Writer { set, stored: Arc::new(stored), buffer: Vec::new() }
    }

    fn batch(&self, now: Moment, unix_ns: i64, value: f64) -> SampleBatch {
        let scales = vec![None; self.set.len()].into();
        let mut builder = BatchBuilder::new(self.set.clone(), scales);
        for place in 0..self.set.len() {
            builder.put_f64(place, value + place as f64);
        }
        builder.batch(now.0, unix_ns, self.set.len() as u32)
    }

    /// As history takes it.
    fn block(&self, row: i64, unix_ns: i64, value: f64) -> (Block, SampleBatch) {
        let (many, row) = (self.set.len() as u64, row as u64);
        let block = Block {
            span: Span { from: row * many, to: (row + 1) * many },
            epoch: 1,
            set: self.stored.clone(),
            boot: [1; 16],
            moment: Moment(row * SECOND as u64),
            unix_ns,
            synchronised: true,
            payload: Payload::from(&[0u8; 260][..]),
        };
        (block, self.batch(Moment(row * SECOND as u64), unix_ns, value))
    }

    fn write(&mut self, env: &Env, journal: &Journal, value: f64) -> Done<()> {
        let (now, wall) = (env.clock.now(), env.clock.wall().unix_ns);
        let batch = self.batch(now, wall, value);
        self.buffer.clear();
        codec::encode_batch(&batch, &mut self.buffer);
        let count = self.set.len() as u32;
        journal.append_block(Stream::Samples, &self.stored, count, now, &self.buffer)?;
        Ok(())
    }
}

/// From a sample's time to its row's way out, at 10,000 rows a second one by one.
fn latency(span: usize) -> Done<Json> {
    const RATE: u64 = 10_000;
    let env = Env::system();
    let folder = tempfile::tempdir()?;
    let (journal, _) = Journal::open(&env, folder.path(), Options::default())?;
    let definition = set("press", 1, 4);
    let program = plan(
        "SELECT t0, t1 * 2 AS double FROM press WHERE t0 >= 0",
        &table(std::slice::from_ref(&definition)),
    )?;
    let took = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let given = Arc::new(AtomicU64::new(0));
    let outlet = Noting { env: env.clone(), given: given.clone(), took: took.clone() };
    let (keeper, board) = Keeper::open(&env, &journal, Box::new(outlet))?;
    board.define(vec![rule("latency", program)]);
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let thread = std::thread::spawn(move || tagwerk_rules::run(keeper, stopping));
    let mut writer = Writer::new(definition);
    let begun = env.clock.now();
    let all = span as u64 * RATE;
    for row in 0..all {
        let due = begun.after(Duration::from_nanos(row * 1_000_000_000 / RATE));
        while env.clock.now() < due {
            std::hint::spin_loop();
        }
        writer.write(&env, &journal, row as f64)?;
    }
    let patience = env.clock.now().after(Duration::from_secs(10));
    while given.load(Ordering::Relaxed) < all && env.clock.now() < patience {
        env.clock.park_until(env.clock.now().after(Duration::from_millis(10)));
    }
    stop.send_replace(true);
    let _ = thread.join();
    let mut took = took.lock().clone();
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).map(|ns| *ns as f64 / 1e6);
    Ok(
        json!({ "rows": took.len(), "p50_ms": at(0.5), "p99_ms": at(0.99), "highest_ms": at(0.99999) }),
    )
}

fn rule(name: &str, program: Arc<Program>) -> Definition {
    Definition {
        name: Arc::from(name),
        sql: Arc::from(""),
        lateness: Duration::ZERO,
        stage: Stage::Live,
        program: Ok(program),
    }
}

/// So many rules over so many devices, and so many messages a second.
fn many(rules: usize, devices: usize, rate: usize, span: usize) -> Done<Json> {
    let env = Env::system();
    let folder = tempfile::tempdir()?;
    let (journal, _) = Journal::open(&env, folder.path(), Options::default())?;
    let sets: Vec<TagSetDefinition> = (0..devices)
        .map(|device| set(&format!("d{device}"), 10 * (device as u32 + 1), 4))
        .collect();
    let tags = table(&sets);
    let planner = Planner::new().map_err(|finding| finding.to_string())?;
    let given = Arc::new(AtomicU64::new(0));
    let outlet = Noting { env: env.clone(), given: given.clone(), took: Arc::default() };
    let (keeper, board) = Keeper::open(&env, &journal, Box::new(outlet))?;
    let mut writers: Vec<Writer> = sets.into_iter().map(Writer::new).collect();
    let before = memory(&env)?;
    let begun = env.clock.now();
    let definitions = (0..rules).map(|place| {
        let device = place % devices;
        let sql = format!("SELECT t0, t1 FROM d{device} WHERE t0 > {}", place % 7);
        let program = planner.plan(&sql, &tags).map_err(|finding| finding.to_string())?;
        Ok::<_, String>(rule(&format!("r{place}"), Arc::new(program)))
    });
    board.define(definitions.collect::<Result<Vec<_>, _>>()?);
    let planned = seconds(&env, begun);
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let thread = std::thread::spawn(move || tagwerk_rules::run(keeper, stopping));
    let begun = env.clock.now();
    let (mut cpu, mut counted) = (0.0, 0.0);
    for message in 0..rate * span {
        let due = begun.after(Duration::from_nanos((message as u64 * SECOND as u64) / rate as u64));
        env.clock.park_until(due);
        writers[message % devices].write(&env, &journal, message as f64)?;
        // The first seconds warm up.
        if message == rate * span / 4 {
            (cpu, counted) = (processor(&env)?, seconds(&env, begun));
        }
    }
    let share = (processor(&env)? - cpu) / (seconds(&env, begun) - counted);
    let after = memory(&env)?;
    stop.send_replace(true);
    let _ = thread.join();
    Ok(json!({
        "rules": rules, "messages": rate, "planned_s": planned, "cores": share,
        "rows": given.load(Ordering::Relaxed),
        "bytes_a_rule": (after.saturating_sub(before)) as f64 / rules as f64,
        "over_idle_bytes": after.saturating_sub(before),
    }))
}

/// A day of a device of 20 tags, once a second: a rule over its rows, and one over its samples, beside
/// reading the same samples from history alone.
fn trial() -> Done<Json> {
    const ROWS: i64 = 86_400;
    const TAGS: usize = 20;
    let env = Env::system();
    let folder = tempfile::tempdir()?;
    let (historian, _) = Historian::open(&env, folder.path(), Default::default())?;
    let writer = Writer::new(set("press", 1, TAGS));
    for row in 0..ROWS {
        let value = ((row * 7_919) % 1_000) as f64 / 10.0;
        let (block, batch) = writer.block(row, BASE + row * SECOND, value);
        historian.append(&block, &batch)?;
    }
    historian.seal_all(&|_| Ok(()))?;
    let open = |tag: TagId| -> Pieces {
        let request = Scan {
            tags: vec![tag],
            from_unix_ns: i64::MIN,
            to_unix_ns: i64::MAX,
            ..Scan::default()
        };
        Box::new(historian.scan(&request).map(|piece| piece.map_err(|error| error.to_string())))
    };
    let tags = table(std::slice::from_ref(&writer.set.definition));
    let runner = Runner::new(env.clock.clone())?;
    let rate = |sql: &str| -> Done<f64> {
        let program = plan(sql, &tags)?;
        let begun = env.clock.now();
        let mut past = Past::open(historian.tags(), &open)?;
        let trial = Trial { program, lateness: Duration::ZERO, end_ns: BASE + ROWS * SECOND };
        let tried = trial.run(&runner, &mut past, &|_| false, &|| None, &mut |row| {
            black_box(row);
        });
        if let Some(reason) = tried.stopped.or(tried.last_error) {
            return Err(reason.into());
        }
        Ok((ROWS as usize * TAGS) as f64 / seconds(&env, begun))
    };
    let rows = rate("SELECT t0, t1 + t2 AS sum FROM press WHERE t4 > 90")?;
    let samples =
        rate("SELECT tag, avg(value) AS mean FROM samples GROUP BY tumbling_window('10m'), tag")?;
    let begun = env.clock.now();
    for tag in historian.tags() {
        for piece in open(tag.id) {
            black_box(piece?.values.len());
        }
    }
    let bare = (ROWS as usize * TAGS) as f64 / seconds(&env, begun);
    Ok(json!({ "rows": rows, "samples": samples, "bare": bare }))
}

/// A file of the kernel's, which has no length.
fn told(env: &Env, path: &str) -> Done<String> {
    let mut bytes = vec![0; 65_536];
    let got = env.disk.open(path.as_ref(), Access::Read)?.read_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes[..got]).into_owned())
}

/// Anonymous memory of this process.
fn memory(env: &Env) -> Done<u64> {
    let status = told(env, "/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1_024)
}

/// Seconds that this process has worked.
fn processor(env: &Env) -> Done<f64> {
    let stat = told(env, "/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(')').ok_or("no stat")?;
    let ticks: Vec<u64> =
        rest.split_whitespace().skip(11).take(2).filter_map(|word| word.parse().ok()).collect();
    Ok(ticks.iter().sum::<u64>() as f64 / 100.0)
}
