//! `kill -9` of the edge at random moments: of all that the devices answered, only the answer that was on
//! its way at that moment may be missing. The same rig must fail an edge that keeps samples to itself.

use crate::rig::{Broker, Edge, Numbers, PATIENCE, Plant, Program, Proof, Site, Subscriber, until};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const KILLS: usize = 100;
/// As many are enough to show that the rig finds what is missing.
const CONTROL_KILLS: usize = 10;
/// Kills before the broker goes away or comes back.
const BROKER_TURN: usize = 20;
/// Name, unit, tag.
const DEVICES: [(&str, u8); 2] = [("boiler", 1), ("packer", 3)];

fn config(plant: &Plant, broker: &Broker) -> String {
    let (port, url) = (plant.port(), broker.url());
    format!(
        r##"
version: 1
edge: {{ name: mortal }}
devices:
  - name: boiler
    driver: modbus-tcp
    settings: {{ host: 127.0.0.1, port: {port}, unit: 1, timeout: 10s }}
    groups:
      - name: fast
        interval: 20ms
        tags:
          - {{ name: number, address: "input:900", type: uint64 }}
  - name: packer
    driver: modbus-tcp
    settings: {{ host: localhost, port: {port}, unit: 3, timeout: 10s }}
    groups:
      - name: fast
        interval: 30ms
        tags:
          - {{ name: number, address: "input:900#ABCD", type: uint64 }}
sinks:
  - name: cloud
    kind: mqtt
    from: oldest
    settings: {{ url: "{url}", qos: 1, topic: "kill/{{device}}/{{group}}" }}
"##
    )
}

/// Where the broker is while the edge is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// There for some kills, away for the next.
    Turns,
    /// Away until the end: what arrives then was in the journal.
    Away,
}

struct Rig {
    plant: Plant,
    broker: Broker,
    subscriber: Subscriber,
    site: Site,
    random: Random,
    /// Per device, the numbers that may have been on their way at a kill: one kill, one of a pair.
    in_flight: [Vec<u64>; 2],
    /// From the start of the process to its first answer from every device.
    starts: Vec<Duration>,
}

/// SplitMix64: moments that a printed seed brings back.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

impl Rig {
    fn new(arguments: &[&str]) -> Rig {
        let seed = std::env::var("TAGWERK_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
        eprintln!("TAGWERK_SEED={seed} brings these moments back");
        let (plant, broker) = (Plant::start(), Broker::start());
        let subscriber = Subscriber::start(&broker, "kill/#");
        let mut site = Site::new(&config(&plant, &broker));
        site.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Rig {
            plant,
            broker,
            subscriber,
            site,
            random: Random(seed),
            in_flight: [Vec::new(), Vec::new()],
            starts: Vec::new(),
        }
    }

    fn last_numbers(&self) -> [u64; 2] {
        DEVICES.map(|(_, unit)| self.plant.answer_number(unit))
    }

    /// Starts the edge and waits for a new answer from each device.
    fn start(&mut self) -> Edge {
        let before = self.last_numbers();
        let started = Instant::now();
        let mut edge = self.site.start();
        until("polls after the start", || {
            edge.program.still_runs();
            let now = self.last_numbers();
            // Two more: the first may be the answer to a request that the last one sent.
            (now[0] > before[0] + 1 && now[1] > before[1] + 1).then_some(())
        });
        self.starts.push(started.elapsed());
        edge
    }

    fn kill(&mut self, mut edge: Edge) {
        let after = Duration::from_micros(100_000 + self.random.below(600_000));
        wait_out(&mut edge.program, after);
        edge.program.kill();
        let last = self.last_numbers();
        for (in_flight, last) in self.in_flight.iter_mut().zip(last) {
            in_flight.push(last);
        }
    }

    /// Kills again and again, and then lets everything arrive.
    fn run(&mut self, kills: usize, reach: Reach) -> [Vec<u64>; 2] {
        let mut there = true;
        for kill in 0..kills {
            let wanted = reach == Reach::Turns && (kill / BROKER_TURN).is_multiple_of(2);
            match (there, wanted) {
                (true, false) => self.broker.stop(),
                (false, true) => self.broker.start_again(),
                _ => {}
            }
            there = wanted;
            let edge = self.start();
            self.kill(edge);
        }
        if !there {
            self.broker.start_again();
        }
        let edge = self.start();
        let last = self.last_numbers();
        let arrived = until("the last answers arrive", || {
            let arrived =
                DEVICES.map(|(device, _)| self.subscriber.numbers("kill/", device, "number"));
            (arrived[0].contains(&last[0]) && arrived[1].contains(&last[1])).then_some(arrived)
        });
        drop(edge);
        arrived
    }

    fn prove(&self, arrived: &[Vec<u64>; 2]) -> [Proof; 2] {
        [0, 1].map(|device: usize| {
            let arrived = &arrived[device];
            let last = arrived.iter().copied().max().unwrap_or(0);
            Numbers { arrived, first: 1, last }.prove()
        })
    }

    /// Missing numbers that no kill excuses. A kill excuses one: the last that the plant had counted, or
    /// the next, if the request was still on its way into the plant.
    fn unexcused(&self, device: usize, proof: &Proof) -> Vec<u64> {
        let mut missing: BTreeSet<u64> = proof.missing.iter().copied().collect();
        for last in &self.in_flight[device] {
            let _excused = missing.remove(last) || missing.remove(&(last + 1));
        }
        missing.into_iter().collect()
    }
}

/// Lets the edge run for as long as the seed says: the moment itself is what the test varies.
fn wait_out(program: &mut Program, time: Duration) {
    let deadline = Instant::now() + time;
    while Instant::now() < deadline {
        program.still_runs();
        std::thread::sleep(Duration::from_millis(1).min(deadline - Instant::now()));
    }
}

#[test]
fn a_hundred_kills_lose_only_what_was_on_its_way() {
    let begun = Instant::now();
    let mut rig = Rig::new(&[]);
    let arrived = rig.run(KILLS, Reach::Turns);
    for (device, proof) in rig.prove(&arrived).iter().enumerate() {
        let (name, _) = DEVICES[device];
        eprintln!(
            "{name}: {} answers, {} missing, {} delivered again",
            arrived[device].len() - proof.repeated,
            proof.missing.len(),
            proof.repeated
        );
        assert_eq!(rig.unexcused(device, proof), [0; 0], "{name} misses what it had been told");
        assert!(proof.missing.len() <= KILLS);
        assert_eq!(proof.disordered, [0; 0], "{name}");
    }
    let mut starts = rig.starts.clone();
    starts.sort();
    let at = |part: usize| starts[(starts.len() - 1) * part / 100];
    eprintln!(
        "first answers after the start of the process: median {:?}, 90 % {:?}, 99 % {:?}, worst {:?}; \
         {:?} in all",
        at(50),
        at(90),
        at(99),
        at(100),
        begun.elapsed()
    );
    polls_again_within_a_second(&mut rig);
}

/// On a machine that is busy with other things a single start may take longer; an edge that needs longer
/// by itself needs it every time.
fn polls_again_within_a_second(rig: &mut Rig) {
    let deadline = Instant::now() + PATIENCE;
    let quick = |time: &Duration| *time <= Duration::from_secs(1);
    while !rig.starts.last().is_some_and(quick) {
        let (best, count) = (rig.starts.iter().min(), rig.starts.len());
        assert!(
            Instant::now() < deadline,
            "no quick start among the last; best {best:?} of {count}"
        );
        let edge = rig.start();
        rig.kill(edge);
    }
    let quick = rig.starts.iter().filter(|time| quick(time)).count();
    eprintln!("{quick} of {} starts polled within a second", rig.starts.len());
}

#[test]
fn the_rig_finds_what_an_edge_with_a_buffer_of_its_own_loses() {
    let mut rig = Rig::new(&["--journal-buffer-for-test", "1048576"]);
    let arrived = rig.run(CONTROL_KILLS, Reach::Away);
    let lost: Vec<usize> = rig
        .prove(&arrived)
        .iter()
        .enumerate()
        .map(|(device, proof)| rig.unexcused(device, proof).len())
        .collect();
    eprintln!("lost by the negative control, beyond what its kills excuse: {lost:?}");
    assert!(lost.iter().all(|lost| *lost > 0), "the rig notices nothing: {lost:?}");
}

#[test]
fn an_edge_told_to_end_as_soon_as_it_answers_ends_in_order() {
    for _ in 0..10 {
        let site = Site::new("version: 1\nedge: { name: brief }\ndevices: []\n");
        let mut edge = site.start();
        edge.address();
        let status = edge.program.terminate();
        assert!(status.success(), "{status}: {}", edge.program.words().join("\n"));
    }
}
