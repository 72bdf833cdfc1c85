//! What a user writes as a tag's address: a figure of the gateway, or of its clock.

use tagwerk_model::{DataType, Kind, limits};

/// Form, meaning and example of each kind of address, in the order of the reference page.
pub const FORMS: &[(&str, &str, &str)] = &[
    ("cpu.percent", "how busy all processors were since the last read", "cpu.percent"),
    ("load.MINUTES", "the load average over 1, 5 or 15 minutes", "load.5"),
    ("memory.total", "memory of the gateway, in bytes", "memory.total"),
    ("memory.available", "memory that programs can still have, in bytes", "memory.available"),
    ("memory.percent", "memory that is in use", "memory.percent"),
    ("disk.free:PATH", "room on the file system of PATH, in bytes", "disk.free:/"),
    ("temperature:ZONE", "of a thermal zone, in degrees Celsius", "temperature:0"),
    (
        "network.received:NAME",
        "bytes that a network interface has received",
        "network.received:eth0",
    ),
    ("network.sent:NAME", "bytes that a network interface has sent", "network.sent:eth0"),
    ("uptime", "seconds since the gateway was started", "uptime"),
    ("process.memory", "memory of this edge, in bytes", "process.memory"),
    (
        "process.cpu",
        "processors that this edge kept busy since the last read: 100 for one",
        "process.cpu",
    ),
    ("process.uptime", "seconds since this edge was started", "process.uptime"),
    ("devices.lost", "enabled devices that cannot be reached, or do not answer", "devices.lost"),
    ("sinks.down", "enabled sinks that are not connected", "sinks.down"),
    ("sink.connected:NAME", "whether a sink is connected: 1 or true", "sink.connected:cloud"),
    ("sink.backlog:NAME", "samples that wait for a sink", "sink.backlog:cloud"),
    (
        "sink.rejected:NAME",
        "messages that a sink's destination refused for good, since the edge was started",
        "sink.rejected:cloud",
    ),
    (
        "clock.PART",
        "year, month, day, weekday (Monday is 1), hour, minute or second in the time zone",
        "clock.hour",
    ),
    (
        "clock.minutes",
        "minutes since 1970: `% 15 = 0` is every quarter of an hour",
        "clock.minutes",
    ),
];

pub const REMEDY: &str = "Use an address of the reference page, such as `cpu.percent`, \
                          `memory.available`, `disk.free:/` or `clock.hour`.";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Cpu,
    /// Which of the three averages.
    Load(usize),
    MemoryTotal,
    MemoryAvailable,
    MemoryPercent,
    DiskFree(Box<str>),
    Temperature(u16),
    Received(Box<str>),
    Sent(Box<str>),
    Uptime,
    ProcessMemory,
    ProcessCpu,
    ProcessUptime,
    DevicesLost,
    SinksDown,
    Sink(Box<str>, SinkPart),
    Clock(Part),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkPart {
    Connected,
    Backlog,
    Rejected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Year,
    Month,
    Day,
    Weekday,
    Hour,
    Minute,
    Second,
    /// Since 1970.
    Minutes,
}

impl Address {
    pub fn parse(text: &str) -> Result<Address, String> {
        let (form, rest) = match text.split_once(':') {
            Some((form, rest)) => (form, Some(rest)),
            None => (text, None),
        };
        let part = match (form, rest) {
            ("disk.free", Some(path)) if path.starts_with('/') => {
                return Ok(Address::DiskFree(path.into()));
            }
            ("disk.free", _) => return Err("a path begins with `/`".to_owned()),
            ("temperature", Some(zone)) => {
                let zone = zone.parse().map_err(|_| format!("`{zone}` is no number of a zone"))?;
                return Ok(Address::Temperature(zone));
            }
            ("network.received", Some(name)) => return interface(name).map(Address::Received),
            ("network.sent", Some(name)) => return interface(name).map(Address::Sent),
            ("sink.connected", Some(name)) => return sink(name, SinkPart::Connected),
            ("sink.backlog", Some(name)) => return sink(name, SinkPart::Backlog),
            ("sink.rejected", Some(name)) => return sink(name, SinkPart::Rejected),
            (_, Some(_)) => return Err(format!("`{form}` takes nothing behind `:`")),
            ("cpu.percent", None) => return Ok(Address::Cpu),
            ("load.1", None) => return Ok(Address::Load(0)),
            ("load.5", None) => return Ok(Address::Load(1)),
            ("load.15", None) => return Ok(Address::Load(2)),
            ("memory.total", None) => return Ok(Address::MemoryTotal),
            ("memory.available", None) => return Ok(Address::MemoryAvailable),
            ("memory.percent", None) => return Ok(Address::MemoryPercent),
            ("uptime", None) => return Ok(Address::Uptime),
            ("process.memory", None) => return Ok(Address::ProcessMemory),
            ("process.cpu", None) => return Ok(Address::ProcessCpu),
            ("process.uptime", None) => return Ok(Address::ProcessUptime),
            ("devices.lost", None) => return Ok(Address::DevicesLost),
            ("sinks.down", None) => return Ok(Address::SinksDown),
            (other, None) => other.strip_prefix("clock."),
        };
        let part = match part {
            Some("year") => Part::Year,
            Some("month") => Part::Month,
            Some("day") => Part::Day,
            Some("weekday") => Part::Weekday,
            Some("hour") => Part::Hour,
            Some("minute") => Part::Minute,
            Some("second") => Part::Second,
            Some("minutes") => Part::Minutes,
            _ => return Err(format!("the gateway has no figure `{text}`")),
        };
        Ok(Address::Clock(part))
    }

    /// It is of devices and sinks, which the edge knows.
    pub fn is_own(&self) -> bool {
        matches!(self, Address::DevicesLost | Address::SinksDown | Address::Sink(..))
    }

    /// Whether a tag of this type can hold it.
    pub fn fits(&self, data_type: DataType) -> Result<(), String> {
        let fraction = matches!(
            self,
            Address::Cpu
                | Address::Load(_)
                | Address::MemoryPercent
                | Address::Temperature(_)
                | Address::ProcessCpu
        );
        let largest: i128 = match self {
            Address::Clock(Part::Year) => 9_999,
            Address::Clock(Part::Minutes) => i128::from(u32::MAX),
            Address::Clock(_) => 60,
            Address::Sink(_, SinkPart::Connected) => 1,
            Address::SinksDown => limits::SINKS_MAX as i128,
            Address::DevicesLost => limits::DEVICES_MAX as i128,
            _ => i128::from(i64::MAX),
        };
        match data_type.kind() {
            Kind::F64 => Ok(()),
            Kind::Bool if matches!(self, Address::Sink(_, SinkPart::Connected)) => Ok(()),
            Kind::I64 | Kind::U64 if fraction => {
                Err(format!("the values are fractions, which `{data_type}` cannot hold"))
            }
            Kind::I64 | Kind::U64 => match data_type.integer_range() {
                Some((_, high)) if high < largest => {
                    Err(format!("the values do not fit `{data_type}`"))
                }
                _ => Ok(()),
            },
            _ => Err(format!("the values are numbers, not `{data_type}`")),
        }
    }
}

fn word(name: &str, of: &str) -> Result<Box<str>, String> {
    match name.is_empty() || name.contains(char::is_whitespace) {
        true => Err(format!("the name of {of} is a word")),
        false => Ok(name.into()),
    }
}

fn interface(name: &str) -> Result<Box<str>, String> {
    word(name, "a network interface")
}

fn sink(name: &str, part: SinkPart) -> Result<Address, String> {
    Ok(Address::Sink(word(name, "a sink")?, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_an_address() {
        for (form, _, example) in FORMS {
            let address = Address::parse(example).unwrap_or_else(|e| panic!("{form}: {e}"));
            assert_eq!(address.fits(DataType::Float64), Ok(()), "{form}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (text, problem) in [
            ("cpu", "no figure `cpu`"),
            ("load.2", "no figure"),
            ("disk.free", "begins with `/`"),
            ("disk.free:data", "begins with `/`"),
            ("temperature:hot", "`hot` is no number"),
            ("network.sent:", "is a word"),
            ("uptime:1", "takes nothing behind"),
            ("clock.week", "no figure"),
            ("sink.backlog:", "name of a sink is a word"),
            ("sink.backlog", "no figure"),
            ("", "no figure"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
        for (text, data_type) in [
            ("cpu.percent", DataType::Int16),
            ("uptime", DataType::Int16),
            ("clock.year", DataType::Uint8),
            ("clock.hour", DataType::Text),
            ("sink.backlog:a", DataType::Bool),
            ("clock.hour", DataType::Bool),
        ] {
            assert!(Address::parse(text).unwrap().fits(data_type).is_err(), "{text}");
        }
        for (text, data_type) in
            [("clock.hour", DataType::Uint8), ("sink.connected:a", DataType::Bool)]
        {
            assert_eq!(Address::parse(text).unwrap().fits(data_type), Ok(()), "{text}");
        }
    }
}
