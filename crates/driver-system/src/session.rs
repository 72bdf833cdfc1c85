//! Reads the gateway's figures from the kernel's files. What the machine does not have is bad by itself;
//! the other figures go on.

use crate::address::{Address, Part, SinkPart};
use chrono::{DateTime, Datelike, Timelike};
use chrono_tz::Tz;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tagwerk_component::{
    BoxFuture, Fault, Health, HealthFigures, LinkContext, Open, ReadRequest, Session, Token,
    WriteFault, WriteSent,
};
use tagwerk_env::{Access, Disk, Env, Moment};
use tagwerk_model::{BatchBuilder, Quality, Value, ValueRef};

/// The kernel's clock of processes ticks so often in a second, on every machine that Linux runs on.
const TICKS: f64 = 100.0;
/// The largest of the kernel's files that are read; `/proc/net/dev` has a line per interface.
const FILE_MAX: usize = 65_536;

/// What a session is told with each read.
pub struct Read {
    pub points: Vec<Point>,
    pub zone: Tz,
}

pub struct Point {
    /// The tag's place in its group.
    pub index: u32,
    pub address: Address,
    /// Of what is over time: what was counted at the last read.
    pub before: Mutex<Option<Counted>>,
}

#[derive(Clone, Copy)]
pub struct Counted {
    at: Moment,
    busy: f64,
    all: f64,
}

pub struct Gateway;

impl Open for Gateway {
    fn open<'a>(
        &'a self,
        context: &'a LinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
        let (env, health) = (context.env.clone(), context.health.clone());
        Box::pin(async { Ok(Box::new(Reader { env, health }) as Box<dyn Session>) })
    }
}

struct Reader {
    env: Env,
    health: Arc<dyn Health>,
}

impl Session for Reader {
    fn read<'a>(
        &'a mut self,
        request: &'a ReadRequest,
        out: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let read: &Read = request.token.get();
            let mut files = Files { disk: &*self.env.disk, read: HashMap::new() };
            let is_own = |point: &Point| point.address.is_own();
            let own = read.points.iter().any(is_own).then(|| self.health.figures()).flatten();
            for point in &read.points {
                let index = point.index as usize;
                let found = match &point.address {
                    Address::Clock(part) => {
                        Ok(clock(*part, self.env.clock.wall().unix_ns, read.zone))
                    }
                    Address::Cpu | Address::ProcessCpu => {
                        files.counted(&point.address, self.env.clock.now()).and_then(|now| {
                            let before = point.before.lock().replace(now);
                            before
                                .ok_or(Quality::BAD_WAITING)
                                .map(|b| share(b, now, &point.address))
                        })
                    }
                    own_figure if own_figure.is_own() => health(own_figure, own.as_ref()),
                    other => files.figure(other),
                };
                match found {
                    Ok(value) => put(out, index, value),
                    Err(quality) => out.put_quality(index, quality),
                }
            }
            Ok(())
        })
    }

    fn write<'a>(
        &'a mut self,
        _tag: &'a Token,
        _value: &'a Value,
    ) -> BoxFuture<'a, Result<(), WriteFault>> {
        let reason = "the gateway's figures cannot be written".to_owned();
        let fault = Fault::Refused { quality: Quality::BAD_NOT_SUPPORTED, reason };
        Box::pin(async { Err(WriteFault { sent: WriteSent::No, fault }) })
    }
}

/// A whole number or a fraction.
type Figure = f64;

fn put(out: &mut BatchBuilder, index: usize, figure: Figure) {
    use tagwerk_model::Kind;
    match out.set().kind(index) {
        Kind::F64 => out.put_f64(index, figure),
        Kind::Bool => out.put(index, ValueRef::Bool(figure != 0.0)),
        // Bytes and seconds are far below 2^53.
        _ => out.put(index, ValueRef::I64(figure as i64)),
    }
}

/// How devices and sinks fare. A sink that is not there, or disabled, is no sink.
fn health(address: &Address, own: Option<&HealthFigures>) -> Result<Figure, Quality> {
    let own = own.ok_or(Quality::BAD_WAITING)?;
    let figure = match address {
        Address::DevicesLost => own.devices_lost,
        Address::SinksDown => own.sinks.iter().filter(|sink| !sink.connected).count() as u64,
        Address::Sink(name, part) => {
            let sink = own.sinks.iter().find(|sink| *sink.name == **name).ok_or(NONE)?;
            match part {
                SinkPart::Connected => u64::from(sink.connected),
                SinkPart::Backlog => sink.backlog,
                SinkPart::Rejected => sink.rejected,
            }
        }
        _ => return Err(NONE),
    };
    Ok(figure as f64)
}

fn clock(part: Part, unix_ns: i64, zone: Tz) -> Figure {
    let time = DateTime::from_timestamp_nanos(unix_ns).with_timezone(&zone);
    f64::from(match part {
        Part::Year => time.year(),
        Part::Month => time.month() as i32,
        Part::Day => time.day() as i32,
        Part::Weekday => time.weekday().number_from_monday() as i32,
        Part::Hour => time.hour() as i32,
        Part::Minute => time.minute() as i32,
        Part::Second => time.second() as i32,
        Part::Minutes => return unix_ns.div_euclid(60_000_000_000) as f64,
    })
}

/// In percent; a moment without ticks is no work.
fn share(before: Counted, now: Counted, address: &Address) -> Figure {
    let busy = (now.busy - before.busy).max(0.0);
    let all = match address {
        Address::ProcessCpu => now.at.since(before.at).as_secs_f64() * TICKS,
        _ => now.all - before.all,
    };
    if all > 0.0 { 100.0 * busy / all } else { 0.0 }
}

/// The kernel's files, each read once for all tags of a group.
struct Files<'a> {
    disk: &'a dyn Disk,
    read: HashMap<&'static str, Option<String>>,
}

/// What the machine does not have.
const NONE: Quality = Quality::BAD_UNKNOWN_ADDRESS;

impl Files<'_> {
    /// Such files have no length.
    fn text_of(&self, path: &Path) -> Option<String> {
        let file = self.disk.open(path, Access::Read).ok()?;
        let mut bytes = vec![0; FILE_MAX];
        let mut filled = 0;
        while filled < FILE_MAX {
            match file.read_at(&mut bytes[filled..], filled as u64).ok()? {
                0 => break,
                got => filled += got,
            }
        }
        Some(String::from_utf8_lossy(&bytes[..filled]).into_owned())
    }

    fn file(&mut self, path: &'static str) -> Result<String, Quality> {
        if !self.read.contains_key(path) {
            let text = self.text_of(Path::new(path));
            self.read.insert(path, text);
        }
        self.read.get(path).cloned().flatten().ok_or(NONE)
    }

    fn figure(&mut self, address: &Address) -> Result<Figure, Quality> {
        match address {
            Address::Load(which) => word(&self.file("/proc/loadavg")?, *which),
            Address::MemoryTotal => self.memory("MemTotal:"),
            Address::MemoryAvailable => self.memory("MemAvailable:"),
            Address::MemoryPercent => {
                let (total, left) = (self.memory("MemTotal:")?, self.memory("MemAvailable:")?);
                Ok(if total > 0.0 { 100.0 * (total - left) / total } else { 0.0 })
            }
            Address::DiskFree(path) => {
                self.disk.free_bytes(Path::new(&**path)).map(|bytes| bytes as f64).map_err(|_| NONE)
            }
            Address::Temperature(zone) => {
                let path = format!("/sys/class/thermal/thermal_zone{zone}/temp");
                let text = self.text_of(Path::new(&path)).ok_or(NONE)?;
                Ok(word(&text, 0)? / 1_000.0)
            }
            Address::Received(name) => self.network(name, 0),
            Address::Sent(name) => self.network(name, 8),
            Address::Uptime => word(&self.file("/proc/uptime")?, 0),
            Address::ProcessMemory => {
                let status = self.file("/proc/self/status")?;
                kilobytes(&status, "VmRSS:")
            }
            Address::ProcessUptime => {
                let since = after_name(&self.file("/proc/self/stat")?, 19)? / TICKS;
                Ok((word(&self.file("/proc/uptime")?, 0)? - since).max(0.0))
            }
            _ => Err(NONE),
        }
    }

    fn memory(&mut self, key: &str) -> Result<Figure, Quality> {
        kilobytes(&self.file("/proc/meminfo")?, key)
    }

    fn network(&mut self, name: &str, column: usize) -> Result<Figure, Quality> {
        let text = self.file("/proc/net/dev")?;
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let (_, figures) = lines.find(|(known, _)| known.trim() == name).ok_or(NONE)?;
        word(figures, column)
    }

    fn counted(&mut self, address: &Address, at: Moment) -> Result<Counted, Quality> {
        if *address == Address::ProcessCpu {
            let stat = self.file("/proc/self/stat")?;
            return Ok(Counted {
                at,
                busy: after_name(&stat, 11)? + after_name(&stat, 12)?,
                all: 0.0,
            });
        }
        let text = self.file("/proc/stat")?;
        let line = text.lines().find_map(|line| line.strip_prefix("cpu ")).ok_or(NONE)?;
        let ticks: Vec<f64> = line.split_whitespace().filter_map(|t| t.parse().ok()).collect();
        // The fourth and fifth are idle and waiting for disks; guests are in the first ones already.
        let all: f64 = ticks.iter().take(8).sum();
        let idle: f64 = ticks.iter().skip(3).take(2).sum();
        Ok(Counted { at, busy: all - idle, all })
    }
}

fn word(text: &str, place: usize) -> Result<Figure, Quality> {
    text.split_whitespace().nth(place).and_then(|word| word.parse().ok()).ok_or(NONE)
}

fn kilobytes(text: &str, key: &str) -> Result<Figure, Quality> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)).ok_or(NONE)?;
    Ok(word(line, 0)? * 1_024.0)
}

/// A field of `/proc/self/stat`, counted behind the name, which may hold anything.
fn after_name(stat: &str, place: usize) -> Result<Figure, Quality> {
    let (_, rest) = stat.rsplit_once(')').ok_or(NONE)?;
    word(rest, place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_component::SinkHealth;

    #[test]
    fn parts_of_the_time_are_those_of_the_zone() {
        // 2026-03-28T23:30:15Z is a Saturday; in Berlin it is Sunday already.
        let at = 1_774_740_615_000_000_000;
        for (part, utc, berlin) in [
            (Part::Year, 2026.0, 2026.0),
            (Part::Month, 3.0, 3.0),
            (Part::Day, 28.0, 29.0),
            (Part::Weekday, 6.0, 7.0),
            (Part::Hour, 23.0, 0.0),
            (Part::Minute, 30.0, 30.0),
            (Part::Second, 15.0, 15.0),
            (Part::Minutes, 29_579_010.0, 29_579_010.0),
        ] {
            assert_eq!(clock(part, at, Tz::UTC), utc, "{part:?}");
            assert_eq!(clock(part, at, Tz::Europe__Berlin), berlin, "{part:?}");
        }
    }

    #[test]
    fn the_edges_own_health_is_told() {
        let sink = |name: &str, connected| SinkHealth {
            name: name.into(),
            connected,
            backlog: 7,
            rejected: 2,
        };
        let sinks = vec![sink("cloud", false), sink("mes", true)];
        let own = HealthFigures { devices_lost: 3, sinks };
        for (text, figure) in [
            ("devices.lost", Ok(3.0)),
            ("sinks.down", Ok(1.0)),
            ("sink.connected:cloud", Ok(0.0)),
            ("sink.connected:mes", Ok(1.0)),
            ("sink.backlog:mes", Ok(7.0)),
            ("sink.rejected:mes", Ok(2.0)),
            ("sink.connected:other", Err(NONE)),
        ] {
            let address = Address::parse(text).unwrap();
            assert!(address.is_own());
            assert_eq!(health(&address, Some(&own)), figure, "{text}");
            assert_eq!(health(&address, None), Err(Quality::BAD_WAITING));
        }
    }

    #[test]
    fn the_kernels_files_are_read_as_they_are() {
        let env = Env::system();
        let mut files = Files { disk: &*env.disk, read: HashMap::new() };
        let total = files.figure(&Address::MemoryTotal).unwrap();
        let left = files.figure(&Address::MemoryAvailable).unwrap();
        assert!(total > 1e6 && left <= total);
        assert!((0.0..=100.0).contains(&files.figure(&Address::MemoryPercent).unwrap()));
        assert!(files.figure(&Address::ProcessMemory).unwrap() > 1e5);
        assert!(files.figure(&Address::DiskFree("/".into())).unwrap() > 0.0);
        let (up, own) = (Address::Uptime, Address::ProcessUptime);
        assert!(files.figure(&own).unwrap() <= files.figure(&up).unwrap());
        assert_eq!(files.figure(&Address::Temperature(9_999)), Err(NONE));
        assert_eq!(files.figure(&Address::Sent("no-such".into())), Err(NONE));
        let sent = "Inter-|\n eth0: 12 1 0 0 0 0 0 0 34 2 0 0 0 0 0 0\n";
        files.read.insert("/proc/net/dev", Some(sent.to_owned()));
        assert_eq!(files.figure(&Address::Received("eth0".into())), Ok(12.0));
        assert_eq!(files.figure(&Address::Sent("eth0".into())), Ok(34.0));
        files.read.insert("/proc/stat", Some("cpu  10 0 5 80 5 0 0 0 3 0\n".to_owned()));
        let counted = files.counted(&Address::Cpu, Moment(0)).unwrap();
        assert_eq!((counted.busy, counted.all), (15.0, 100.0));
        let later = Counted { busy: 20.0, all: 110.0, ..counted };
        assert_eq!(share(counted, later, &Address::Cpu), 50.0);
    }
}
