//! Rules of an edge that is killed again and again, beside those of one that is not.

use crate::case::BASE_NS;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tagwerk_env::{Clock, Env};
use tagwerk_journal::{CommitBy, Item, Journal, Options, ReaderFilter, Stream};
use tagwerk_model::{
    ColumnValues, Columns, DataType, Qualities, Quality, Rows, SampleBatch, SourceTimes, Table,
    TableColumn, TagDefinition, TagId, TagSet, TagSetDefinition, Value, ValueRef, codec,
};
use tagwerk_rules::{Board, Definition, Keeper, Outlet, Output, Planner, Program, Stage, Versions};
use tagwerk_sql::{Lookup, Lookups, TagEntry, TagTable};
use tagwerk_testkit::simulated::{HandClock, Random, SimDisk, machine};

const FOLDER: &str = "/journal";

/// Rules of every kind; the last reads another.
const RULES: &[(&str, u64, &str)] = &[
    ("rows", 0, "SELECT temperature, temperature > 50 AS hot FROM boiler WHERE temperature > 20"),
    (
        "before",
        0,
        "SELECT temperature, lag(temperature) AS last, running_count(temperature) AS n FROM boiler",
    ),
    (
        "tumbling",
        1,
        "SELECT avg(temperature) AS mean, count(*) AS n FROM boiler GROUP BY tumbling_window('10s')",
    ),
    (
        "hopping",
        0,
        "SELECT temperature > 50 AS hot, count(*) AS n FROM boiler \
         GROUP BY hopping_window('20s', '5s'), 1 ORDER BY hot",
    ),
    (
        "sliding",
        2,
        "SELECT max(temperature) AS most FROM boiler GROUP BY sliding_window('15s', '3s')",
    ),
    ("session", 0, "SELECT count(*) AS n FROM boiler GROUP BY session_window('6s', '40s')"),
    ("count", 0, "SELECT sum(temperature) AS s FROM boiler GROUP BY count_window(7, 3)"),
    (
        "state",
        0,
        "SELECT count(*) AS n, window_start() AS begun FROM boiler GROUP BY state_window(temperature > 50)",
    ),
    (
        "joined",
        1,
        "SELECT count(*) AS pairs, avg(b.temperature - m.speed) AS d FROM boiler b JOIN mixer m \
         ON b.temperature > m.speed GROUP BY tumbling_window('10s')",
    ),
    (
        "keyed",
        0,
        "SELECT b.temperature, k.bonus, k.name FROM boiler b JOIN keys k ON k.key = b.temperature",
    ),
    (
        "graded",
        0,
        "SELECT temperature, name FROM boiler b LEFT JOIN keys k ON k.key = b.temperature \
         WHERE b.temperature > 10 AND b.temperature NOT IN (SELECT bonus FROM keys)",
    ),
    (
        "weighed",
        1,
        "SELECT sum(b.temperature * k.bonus) AS s, count(*) AS n FROM boiler b JOIN keys k \
         ON k.key = b.temperature GROUP BY tumbling_window('10s')",
    ),
    ("chained", 0, "SELECT max(mean) AS most FROM tumbling GROUP BY tumbling_window('1m')"),
];

pub fn columns(device: &str, tags: &[(&str, DataType)], first: u32) -> TagSetDefinition {
    let tag = |(place, (name, data_type)): (usize, &(&str, DataType))| TagDefinition {
        id: TagId(first + place as u32),
        name: (*name).into(),
        data_type: *data_type,
        unit: "".into(),
    };
    TagSetDefinition {
        id: first,
        device: device.into(),
        group: "g".into(),
        tags: tags.iter().enumerate().map(tag).collect(),
    }
}

/// What the tables of these sets are made of.
pub fn tags(sets: &[TagSetDefinition]) -> TagTable {
    let entries = sets
        .iter()
        .flat_map(|set| set.tags.iter().map(|tag| TagEntry::of((&*set.device).into(), tag)));
    TagTable::new(entries.collect())
}

/// The n-th version of the one lookup table.
fn keys(n: u64) -> Lookup {
    let of: Vec<u64> = (0..100).filter(|key| !(key + n).is_multiple_of(3)).collect();
    let column = |name: &str, values| TableColumn { name: name.into(), values };
    let table = Table::new(vec![
        column("key", ColumnValues::Float64(of.iter().map(|key| Some(*key as f64)).collect())),
        column(
            "bonus",
            ColumnValues::Float64(of.iter().map(|key| Some((key + n) as f64)).collect()),
        ),
        column(
            "name",
            ColumnValues::Text(of.iter().map(|k| Some(format!("{n}-{k}").into())).collect()),
        ),
    ]);
    Lookup::new("keys".into(), format!("v{n}").into(), &table.unwrap())
}

/// Versions as an edge's disk keeps them: it outlives kills.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    versions: BTreeMap<Arc<str>, Lookup>,
    newest: Option<Arc<str>>,
    /// Gives the newest version, whichever is asked for.
    forgets: bool,
    most: usize,
}

impl Shelf {
    fn add(&self, lookup: Lookup) {
        let mut kept = self.0.lock();
        kept.newest = Some(lookup.version.clone());
        kept.versions.insert(lookup.version.clone(), lookup);
        kept.most = kept.most.max(kept.versions.len());
    }

    fn newest(&self) -> Lookup {
        let kept = self.0.lock();
        kept.versions[kept.newest.as_ref().unwrap()].clone()
    }
}

impl Versions for Shelf {
    fn load(&self, table: &str, version: &str) -> Option<Lookup> {
        assert_eq!(table, "keys");
        if self.0.lock().forgets {
            return Some(Lookup { version: version.into(), ..self.newest() });
        }
        Some(self.0.lock().versions.get(version).expect("a version that is needed").clone())
    }

    fn keep(&self, needed: &BTreeSet<Arc<str>>) {
        let mut kept = self.0.lock();
        let newest = kept.newest.clone();
        kept.versions
            .retain(|version, _| needed.contains(version) || Some(version) == newest.as_ref());
    }
}

/// The rules' programs, and the sets of devices and rules.
struct Plant {
    programs: Vec<Arc<Program>>,
    sets: HashMap<String, Arc<TagSet>>,
}

impl Plant {
    fn new(remark: &str) -> Plant {
        let planner = Planner::new().unwrap();
        let mut definitions = vec![
            columns("boiler", &[("temperature", DataType::Float64)], 1),
            columns("mixer", &[("speed", DataType::Float64)], 11),
        ];
        let mut programs = Vec::new();
        for (place, (name, _, sql)) in RULES.iter().enumerate() {
            let mut lookups = Lookups::default();
            lookups.add(keys(0));
            let tags = tags(&definitions).with_lookups(Arc::new(lookups));
            let program = planner.plan(&format!("{sql}{remark}"), &tags).unwrap();
            let of: Vec<(&str, DataType)> =
                program.columns.iter().map(|c| (c.name.as_str(), c.data_type())).collect();
            definitions.push(columns(name, &of, 100 * (place as u32 + 1)));
            programs.push(Arc::new(program));
        }
        let set = |definition: TagSetDefinition| {
            (definition.device.to_string(), Arc::new(TagSet::new(definition)))
        };
        Plant { programs, sets: definitions.into_iter().map(set).collect() }
    }

    fn definitions(&self) -> Vec<Definition> {
        let of =
            |((name, lateness, sql), program): (&(&str, u64, &str), &Arc<Program>)| Definition {
                name: Arc::from(*name),
                sql: Arc::from(*sql),
                lateness: Duration::from_secs(*lateness),
                stage: Stage::Live,
                program: Ok(program.clone()),
            };
        RULES.iter().zip(&self.programs).map(of).collect()
    }
}

pub fn append(
    journal: &Journal,
    clock: &dyn Clock,
    set: &Arc<TagSet>,
    source_time: Option<i64>,
    values: &[Option<Value>],
) {
    let mut columns = Columns::default();
    let mut qualities = Vec::new();
    for (place, value) in values.iter().enumerate() {
        qualities.push(if value.is_some() { Quality::GOOD } else { Quality::BAD_NO_DATA });
        columns.push(match value {
            Some(value) => value.as_ref(),
            None => match set.tags()[place].data_type {
                DataType::Bool => ValueRef::Bool(false),
                DataType::Int64 => ValueRef::I64(0),
                DataType::Uint64 => ValueRef::U64(0),
                DataType::Text => ValueRef::Text(""),
                _ => ValueRef::F64(0.0),
            },
        });
    }
    let batch = SampleBatch {
        set: set.clone(),
        rows: Rows::All,
        moment_ns: clock.now().0,
        unix_ns: clock.wall().unix_ns,
        source_times: source_time.map_or(SourceTimes::None, SourceTimes::One),
        qualities: Qualities::Each(qualities),
        columns,
        expected: values.len() as u32,
        suppressed: 0,
    };
    let stored = Arc::new(tagwerk_journal::TagSet {
        id: set.id(),
        revision: 1,
        tags: set.tags().iter().map(|tag| tag.id.0).collect(),
        dictionary: codec::encode_definition(&set.definition),
    });
    let mut payload = Vec::new();
    codec::encode_batch(&batch, &mut payload);
    let count = values.len() as u32;
    journal.append_block(Stream::Samples, &stored, count, clock.now(), &payload).unwrap();
}

/// Writes rows until its patience ends: so is an edge killed in the middle of it.
struct Writer {
    journal: Journal,
    clock: Arc<dyn Clock>,
    sets: HashMap<String, Arc<TagSet>>,
    patience: Arc<AtomicUsize>,
}

impl Outlet for Writer {
    fn publish(&mut self, rule: &str, rows: &[Output]) -> Result<(), (usize, String)> {
        for (place, row) in rows.iter().enumerate() {
            if self.patience.load(Ordering::Relaxed) == 0 {
                return Err((place, "killed".to_owned()));
            }
            self.patience.fetch_sub(1, Ordering::Relaxed);
            let values: Vec<Option<Value>> = row.cells.iter().map(|cell| cell.value()).collect();
            append(&self.journal, &*self.clock, &self.sets[rule], Some(row.time_ns), &values);
        }
        Ok(())
    }
}

/// A row as it stands in the journal: its time, and its values.
type Given = (Option<i64>, Vec<Option<Value>>);

struct Machine {
    env: Env,
    disk: SimDisk,
    clock: Arc<HandClock>,
    patience: Arc<AtomicUsize>,
    shelf: Shelf,
    /// Rules that may take long work on threads of their own.
    threads: bool,
    /// Things that happened since all rules were waited for.
    unsettled: usize,
    running: Option<(Journal, Keeper, Board)>,
}

impl Machine {
    fn new(plant: &Plant, threads: bool) -> Machine {
        let (env, disk, clock) = machine();
        clock.set_wall(BASE_NS, true);
        let patience = Arc::new(AtomicUsize::new(usize::MAX));
        let shelf = Shelf::default();
        shelf.add(keys(0));
        let (unsettled, running) = (0, None);
        let mut machine =
            Machine { env, disk, clock, patience, shelf, threads, unsettled, running };
        machine.start(plant);
        machine
    }

    fn start(&mut self, plant: &Plant) {
        let mut options = Options { commit_by: CommitBy::Caller, ..Options::default() };
        options.reserve_bytes = 0;
        for stream in [&mut options.samples, &mut options.outputs, &mut options.record] {
            (stream.segment_bytes, stream.tail_bytes) = (256 * 1024, 16 * 1024);
        }
        let (journal, _) = Journal::open(&self.env, Path::new(FOLDER), options).unwrap();
        self.patience.store(usize::MAX, Ordering::Relaxed);
        let outlet = Writer {
            journal: journal.clone(),
            clock: self.env.clock.clone(),
            sets: plant.sets.clone(),
            patience: self.patience.clone(),
        };
        let versions = Box::new(self.shelf.clone());
        let opened = Keeper::open_with(&self.env, &journal, Box::new(outlet), versions);
        let (mut keeper, board) = opened.unwrap();
        if self.threads {
            keeper.use_threads();
        }
        // As planning does it.
        let newest = self.shelf.newest();
        plant.programs.iter().for_each(|program| program.look_up_in(&newest));
        board.define(plant.definitions());
        board.set_lookups(vec![Arc::new(newest)]);
        self.running = Some((journal, keeper, board));
    }

    fn kill(&mut self) {
        let (journal, ..) = self.running.take().unwrap();
        drop(journal);
        self.disk.kill();
    }

    fn change_table(&mut self, n: u64) {
        self.shelf.add(keys(n));
        let (.., board) = self.running.as_ref().unwrap();
        board.set_lookups(vec![Arc::new(self.shelf.newest())]);
        self.step();
    }

    fn append(&self, set: &Arc<TagSet>, value: Option<f64>) {
        let (journal, ..) = self.running.as_ref().unwrap();
        append(journal, &*self.env.clock, set, None, &[value.map(Value::F64)]);
    }

    fn step(&mut self) {
        let (journal, keeper, _) = self.running.as_mut().unwrap();
        while keeper.step() {}
        journal.commit(Stream::Samples).unwrap();
    }

    /// Until no rule is at work.
    fn settle(&mut self) {
        self.unsettled = 0;
        self.step();
        let (_, keeper, _) = self.running.as_mut().unwrap();
        while keeper.is_busy() {
            std::thread::yield_now();
            keeper.step();
        }
        self.step();
    }

    /// All that rules wrote, by rule.
    fn given(&self, plant: &Plant) -> HashMap<String, Vec<Given>> {
        let (journal, ..) = self.running.as_ref().unwrap();
        let mut reader = journal.reader(Stream::Samples, 0, ReaderFilter::default());
        let mut given: HashMap<String, Vec<_>> = HashMap::new();
        while let Some(item) = reader.try_next() {
            let Item::Block(block) = item else { continue };
            let definition = codec::decode_definition(block.set.id, &block.set.dictionary).unwrap();
            let Some(set) = plant.sets.get(&*definition.device).filter(|s| s.id() >= 100) else {
                continue;
            };
            let batch =
                codec::decode_batch(set.clone(), &block.payload, block.moment.0, block.unix_ns);
            let batch = batch.unwrap();
            let values = batch.samples().map(|s| s.value.map(ValueRef::to_value)).collect();
            let time = batch.samples().next().and_then(|sample| sample.source_time);
            given.entry(definition.device.to_string()).or_default().push((time, values));
        }
        given
    }
}

/// One thing that happens to both machines.
fn happen(random: &mut Random, plant: &Plant, machines: &mut [&mut Machine; 2]) {
    for machine in machines.iter_mut() {
        // A statement may work for ten seconds of the clock.
        machine.unsettled += 1;
        if machine.threads && (machine.unsettled > 2 || random.below(3) == 0) {
            machine.settle();
        }
    }
    let after = Duration::from_millis(random.below(3_000));
    machines.iter().for_each(|machine| machine.clock.advance(after));
    if random.below(10) == 0 {
        machines.iter_mut().for_each(|machine| machine.step());
        return;
    }
    if random.below(12) == 0 {
        let n = random.below(1_000_000);
        // A change waits for a rule that is at work with the version before.
        machines.iter_mut().for_each(|machine| machine.settle());
        machines.iter_mut().for_each(|machine| machine.change_table(n));
        return;
    }
    let value = match random.below(10) {
        0 => None,
        _ => Some(random.below(100) as f64),
    };
    let device = if random.below(4) == 0 { "mixer" } else { "boiler" };
    machines.iter().for_each(|machine| machine.append(&plant.sets[device], value));
    if random.below(3) > 0 {
        machines.iter_mut().for_each(|machine| machine.step());
    }
}

#[derive(Clone, Copy, Default)]
struct How {
    threads: bool,
    forgets: bool,
}

/// The rows of both; kills are as many as are asked for.
fn run(seed: u64, kills: usize, plant: &Plant, (first, after): (&Plant, &Plant), how: How) {
    let mut random = Random::new(seed);
    // Each has its own programs: what these look up in is theirs.
    let mut plain = Machine::new(plant, false);
    let mut killed = Machine::new(first, how.threads);
    killed.shelf.0.lock().forgets = how.forgets;
    plain.step();
    killed.step();
    for _ in 0..kills {
        for _ in 0..random.below(12) {
            happen(&mut random, plant, &mut [&mut plain, &mut killed]);
        }
        // In the middle of writing, or between.
        killed.patience.store(random.below(4) as usize, Ordering::Relaxed);
        if random.below(2) == 0 {
            let (_, keeper, _) = killed.running.as_mut().unwrap();
            keeper.step();
        }
        killed.kill();
        killed.start(after);
    }
    for machine in [&mut plain, &mut killed] {
        machine.settle();
        machine.clock.advance(Duration::from_secs(200));
        machine.settle();
        machine.settle();
    }
    let (wanted, given) = (plain.given(plant), killed.given(plant));
    let left = killed.shelf.0.lock().versions.len();
    assert!(left <= 2, "seed {seed}: {left} versions are kept");
    for (name, ..) in RULES {
        let (wanted, given) = (wanted.get(*name), given.get(*name));
        assert!(wanted.is_some_and(|rows| !rows.is_empty()), "seed {seed}: {name} gave nothing");
        let same = wanted == given;
        assert!(
            same,
            "seed {seed}: {name} is not what it would be without kills:\n{wanted:?}\n{given:?}"
        );
    }
}

#[test]
fn rules_that_are_killed_go_on_as_if_nothing_had_been() {
    let (plant, killed) = (Plant::new(""), Plant::new(""));
    for seed in 0..10 {
        run(seed, 20, &plant, (&killed, &killed), How::default());
    }
}

#[test]
fn rules_that_are_killed_at_work_on_threads_go_on_as_if_nothing_had_been() {
    let (plant, killed) = (Plant::new(""), Plant::new(""));
    let how = How { threads: true, ..How::default() };
    (100..110).for_each(|seed| run(seed, 20, &plant, (&killed, &killed), how));
}

/// The control: rules that begin anew at each start do not.
#[test]
#[should_panic(expected = "not what it would be without kills")]
fn rules_that_forget_are_noticed() {
    let (plant, killed) = (Plant::new(""), Plant::new(""));
    run(1, 20, &plant, (&killed, &Plant::new(" -- another text")), How::default());
}

/// The control: rows that are looked up in another version of a table than they were are noticed.
#[test]
#[should_panic(expected = "not what it would be without kills")]
fn tables_whose_versions_are_forgotten_are_noticed() {
    let (plant, killed) = (Plant::new(""), Plant::new(""));
    let how = How { forgets: true, ..How::default() };
    (0..5).for_each(|seed| run(seed, 20, &plant, (&killed, &killed), how));
}
