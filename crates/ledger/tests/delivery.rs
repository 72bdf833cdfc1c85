//! The account by tag and sink of minutes that the journal holds, holds in part, and has let go.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{Clock, Env};
use tagwerk_journal::{CommitBy, Cursor, Gap, GapReason, Journal, Options, Span, Stream};
use tagwerk_ledger::{Keeper, Ledger, MINUTE_NS, Schedules, SinkPlace, SinkShare};
use tagwerk_model::{
    BatchBuilder, DataType, TagDefinition, TagId, TagSet, TagSetDefinition, Value, codec,
};
use tagwerk_testkit::ManualClock;

const ROUNDS: u64 = 6_000;
const EVERY: Duration = Duration::from_millis(100);

struct Group {
    set: Arc<TagSet>,
    stored: Arc<tagwerk_journal::TagSet>,
}

/// Tags `10 * id` and following.
fn group(id: u32, tags: u32) -> Group {
    let tag = |n: u32| TagDefinition {
        id: TagId(10 * id + n),
        name: format!("t{n}").into(),
        data_type: DataType::Float64,
        unit: "".into(),
    };
    let (device, group) = ("d".into(), format!("g{id}").into());
    let tags: Vec<TagDefinition> = (0..tags).map(tag).collect();
    let ids = tags.iter().map(|tag| tag.id.0).collect();
    let set = TagSet::new(TagSetDefinition { id, device, group, tags });
    let dictionary = codec::encode_definition(&set.definition);
    let stored = tagwerk_journal::TagSet { id, revision: 1, tags: ids, dictionary };
    Group { set: Arc::new(set), stored: Arc::new(stored) }
}

struct Rig {
    clock: Arc<ManualClock>,
    journal: Journal,
    /// Minute, tag, and number of each sample.
    samples: Vec<(i64, u32, u64)>,
    _folder: tempfile::TempDir,
}

fn rig() -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new());
    let env = Env { clock: clock.clone(), ..Env::system() };
    let mut options = Options { commit_by: CommitBy::Caller, ..Options::default() };
    (options.samples.segment_bytes, options.samples.bytes_max) = (64 << 10, 256 << 10);
    let (journal, _) = Journal::open(&env, folder.path(), options).unwrap();
    Rig { clock, journal, samples: Vec::new(), _folder: folder }
}

impl Rig {
    fn append(&mut self, group: &Group, tags: &[usize]) {
        let size = group.set.len();
        let mut builder = BatchBuilder::new(group.set.clone(), vec![None; size].into());
        tags.iter().for_each(|tag| builder.put(*tag, Value::F64(0.1).as_ref()));
        let (moment, wall) = (self.clock.now(), self.clock.wall().unix_ns);
        let batch = builder.batch(moment.0, wall, tags.len() as u32);
        let batch = batch.filtered(|sample| tags.contains(&sample.index)).unwrap();
        let mut payload = Vec::new();
        codec::encode_batch(&batch, &mut payload);
        let count = tags.len() as u32;
        let (set, samples) = (&group.stored, Stream::Samples);
        let span = self.journal.append_block(samples, set, count, moment, &payload).unwrap();
        let ids = tags.iter().map(|tag| group.stored.tags[*tag]);
        let minute = wall.div_euclid(MINUTE_NS);
        self.samples.extend(ids.zip(span.from..span.to).map(|(id, seq)| (minute, id, seq)));
    }

    /// Ten minutes of two groups that are read whole, and of one that is not.
    fn fill(&mut self, env: &Env) -> Ledger {
        let groups = [group(1, 3), group(2, 2), group(3, 2)];
        let asked = Arc::new(Schedules::default);
        let (mut keeper, ledger) = Keeper::open(env, &self.journal, asked);
        for round in 0..ROUNDS {
            self.append(&groups[0], &[0, 1, 2]);
            if round % 3 == 0 {
                self.append(&groups[1], &[0, 1]);
            }
            if round % 7 == 0 {
                self.append(&groups[2], &[(round % 2) as usize]);
            }
            self.clock.advance(EVERY);
            if round % 500 == 0 {
                self.journal.commit(Stream::Samples).unwrap();
                keeper.step();
            }
        }
        keeper.end();
        ledger
    }

    /// The number of the sample at this part of all.
    fn at(&self, part: f64) -> u64 {
        self.samples[(self.samples.len() as f64 * part) as usize].2
    }
}

type ByMinute = BTreeMap<i64, BTreeMap<u32, SinkShare>>;

/// What must come out: each sample by its number.
fn wanted(rig: &Rig, fate: &dyn Fn(u64, &mut SinkShare)) -> ByMinute {
    let mut wanted = ByMinute::new();
    for (minute, tag, seq) in &rig.samples {
        let share = wanted.entry(*minute).or_default().entry(*tag).or_default();
        share.expected += 1;
        fate(*seq, share);
    }
    wanted
}

fn found(rig: &Rig, ledger: &Ledger, place: SinkPlace) -> ByMinute {
    let minutes = rig.samples.iter().map(|(minute, ..)| *minute);
    let (from, to) = (minutes.clone().min().unwrap(), minutes.max().unwrap() + 1);
    let schedules = Schedules::new();
    let asked = tagwerk_ledger::Asked { from, to, interval: 1, now_ns: 0, schedules: &schedules };
    let told = ledger.tell(&asked, &|_| true);
    let sharing = ledger.sharing(place);
    let mut found = ByMinute::new();
    for minute in from..to {
        let records: Vec<_> = told.minutes.iter().filter(|m| m.minute == minute).cloned().collect();
        let delivery = ledger.delivery(&records, &sharing, &mut None);
        for set in ledger.sets() {
            let of = |tag: &TagId| {
                let all = rig.samples.iter();
                all.filter(|(m, id, _)| (*m, *id) == (minute, tag.0)).count() as u64
            };
            let stored: Vec<u64> = set.tags.iter().map(of).collect();
            for (tag, share) in set.tags.iter().zip(delivery.of_tags(&set, &stored)) {
                if share.expected > 0 {
                    found.entry(minute).or_default().insert(tag.0, share);
                }
            }
        }
    }
    found
}

fn sum(shares: &BTreeMap<u32, SinkShare>) -> SinkShare {
    let mut sum = SinkShare::default();
    shares.values().for_each(|share| sum.add(share));
    sum
}

#[test]
fn each_tag_has_its_part_while_it_is_known_and_sums_balance_when_it_is_not() {
    let mut rig = rig();
    let env = Env { clock: rig.clock.clone(), ..Env::system() };
    let ledger = rig.fill(&env);
    // Delivered, lost in the second to the fifth minute, delivered, and waiting from the last one on.
    let (lost_from, lost_to, waits) = (rig.at(0.13), rig.at(0.46), rig.at(0.97));
    let gap = Gap {
        stream: Stream::Samples,
        reader: Some("sink/s".into()),
        span: Span { from: lost_from, to: lost_to },
        reason: GapReason::Backlog,
    };
    rig.journal.append_gap(&gap).unwrap();
    let (mut keeper, ledger_later) = Keeper::open(&env, &rig.journal, Arc::new(Schedules::default));
    keeper.end();
    drop(ledger);
    let place = || SinkPlace {
        name: "s".into(),
        cursor: Some(Cursor::new(Stream::Samples, waits)),
        rejected: Vec::new(),
    };
    let wanted = wanted(&rig, &|seq, share| match seq {
        seq if seq >= waits => share.pending += 1,
        seq if (lost_from..lost_to).contains(&seq) => {
            *share.lost.entry("backlog").or_default() += 1
        }
        _ => share.delivered += 1,
    });
    let found = found(&rig, &ledger_later, place());
    let oldest = rig.journal.oldest(Stream::Samples);
    assert!(oldest > lost_to && oldest < waits, "{lost_to} {oldest} {waits}");
    let border = |seq: u64| rig.samples.iter().find(|(.., at)| *at == seq).unwrap().0;
    let gone = [border(lost_from), border(lost_to)];
    assert_eq!(wanted.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (minute, wanted) in &wanted {
        let found = &found[minute];
        assert_eq!(sum(found), sum(wanted), "minute {minute} balances: {found:?} {wanted:?}");
        for (tag, wanted) in wanted {
            let found = &found[tag];
            assert_eq!(found.expected, wanted.expected, "minute {minute}, tag {tag}");
            if gone.contains(minute) {
                // About: the proportions of the minute.
                let off = found.delivered.abs_diff(wanted.delivered);
                assert!(off <= 2 + wanted.expected / 20, "{minute}, {tag}: {found:?} {wanted:?}");
            } else {
                assert_eq!(found, wanted, "minute {minute}, tag {tag}");
            }
        }
    }
    assert!(!gone.contains(&border(waits)), "one border is still in the journal");
}
