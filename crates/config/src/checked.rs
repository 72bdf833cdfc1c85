//! A configuration that has passed every check, as the runtime takes it. Compact, because a tag is
//! kept a hundred thousand times. Fingerprints tell the reconciler what an edit touched.

use crate::pattern::{NamePattern, TagPattern};
use crate::value_types::{Access, AlarmPriority, Day, RuleStage, SinkOrder, Start};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{ChannelPlan, DevicePlan, Driver, Sink, SinkPlan};
use tagwerk_model::{ColumnType, DataType, Scale, Table, Value};

pub struct Checked {
    pub edge: EdgeConfig,
    pub templates: Vec<CheckedTemplate>,
    pub devices: Vec<CheckedDevice>,
    pub sinks: Vec<CheckedSink>,
    /// Those of rules come last.
    pub alarms: Vec<CheckedAlarm>,
    pub functions: Vec<CheckedFunction>,
    pub rules: Vec<CheckedRule>,
    pub tables: Vec<CheckedTable>,
    /// Rules of history's retention, in their order.
    pub keep: Vec<CheckedKeep>,
    pub archive: Option<CheckedArchive>,
    pub notify: Option<CheckedNotify>,
    /// Every use of a secret: the place, such as `devices/press/settings/password`, and its name.
    pub secrets: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedTemplate {
    pub name: Box<str>,
    pub version: u32,
    pub driver: Box<str>,
    /// The names of the devices that use it.
    pub devices: Vec<Box<str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeConfig {
    pub name: String,
    pub description: Option<String>,
}

pub struct CheckedDevice {
    pub name: Box<str>,
    pub description: Option<Box<str>>,
    /// The name of the template that made it.
    pub template: Option<Box<str>>,
    pub driver: &'static dyn Driver,
    pub driver_name: &'static str,
    pub enabled: bool,
    pub plan: DevicePlan,
    /// Equal when driver and settings are: the link may stay open.
    pub settings_fingerprint: u64,
    /// In the order of the document, which is that of `plan.groups`.
    pub groups: Vec<CheckedGroup>,
}

#[derive(Debug)]
pub struct CheckedGroup {
    pub name: Box<str>,
    pub interval: Duration,
    pub tags: Vec<CheckedTag>,
    /// Equal when the name, the interval and every tag with all its attributes are.
    pub fingerprint: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CheckedTag {
    pub name: Box<str>,
    /// Empty where there is a formula.
    pub address: Box<str>,
    pub formula: Option<Box<CheckedFormula>>,
    /// Empty when there is none; shared by all tags of a document that have it.
    pub unit: Arc<str>,
    pub description: Option<Box<str>>,
    pub scale: Option<Scale>,
    /// The least and the greatest value, after scaling, that may be written.
    pub range: Option<(f64, f64)>,
    /// By how much the value, after scaling, must change to be kept.
    pub deadband: Option<f64>,
    /// The type in the device, before scaling.
    pub declared: DataType,
    /// The type of the value as published.
    pub published: DataType,
    pub access: Access,
    /// Only samples that differ from the last one kept are kept.
    pub on_change: bool,
}

/// What a tag's value is computed of. Tags with one come behind the others of their group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedFormula {
    pub text: Box<str>,
    /// The tag's node in the document.
    pub(crate) at: u32,
}

pub struct CheckedSink {
    pub name: Box<str>,
    pub description: Option<Box<str>>,
    pub sink: &'static dyn Sink,
    pub kind: &'static str,
    pub enabled: bool,
    pub plan: SinkPlan,
    /// A tag is sent when any of them chooses it.
    pub tags: Vec<TagPattern>,
    pub from: Start,
    pub order: SinkOrder,
    /// None: as much and as long as the journal holds it.
    pub backlog_bytes_max: Option<u64>,
    pub backlog_age_max: Option<std::time::Duration>,
    /// Equal when kind and settings are.
    pub settings_fingerprint: u64,
}

/// One kind of alarm, raised for each of its tags by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedAlarm {
    pub name: Box<str>,
    /// A tag has such an alarm when any of them chooses it.
    pub tags: Vec<TagPattern>,
    pub enabled: bool,
    pub condition: AlarmCondition,
    pub priority: AlarmPriority,
    pub on_delay: Duration,
    pub off_delay: Duration,
    /// Met in `n` of the last `m` samples.
    pub samples: Option<(u32, u32)>,
    pub latching: bool,
    pub acknowledge: bool,
    pub suppress_when: Option<CheckedSuppression>,
    /// What it means.
    pub text: Option<Box<str>>,
    /// What to do.
    pub response: Option<Box<str>>,
}

/// What a tag's value must be for its alarm; limits in the tag's unit.
#[derive(Clone, Debug, PartialEq)]
pub enum AlarmCondition {
    Above {
        limit: f64,
        hysteresis: f64,
    },
    Below {
        limit: f64,
        hysteresis: f64,
    },
    Outside {
        low: f64,
        high: f64,
        hysteresis: f64,
    },
    Equals(Value),
    NotEquals(Value),
    Bad,
    /// No value that is good or uncertain for so long.
    Stale {
        after: Duration,
    },
    /// By more than the limit within the span.
    Rising {
        limit: f64,
        hysteresis: f64,
        per: Duration,
    },
    Falling {
        limit: f64,
        hysteresis: f64,
        per: Duration,
    },
    /// Farther than the limit from another tag.
    Deviation {
        limit: f64,
        hysteresis: f64,
        reference: TagName,
    },
}

/// While a tag has a value, the alarm is suppressed.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedSuppression {
    pub tag: TagName,
    pub equals: Value,
}

/// A tag of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagName {
    /// None: the device whose tag has the alarm.
    pub device: Option<Box<str>>,
    pub tag: Box<str>,
}

impl TagName {
    /// `device/tag`, or `tag` alone.
    pub fn parse(text: &str) -> Option<TagName> {
        let (device, tag) = match text.split_once('/') {
            Some((device, tag)) => (Some(device), tag),
            None => (None, text),
        };
        let name = |part: &str| {
            !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "/*?".contains(c))
        };
        let fits = name(tag) && device.is_none_or(name);
        fits.then(|| TagName { device: device.map(Into::into), tag: tag.into() })
    }
}

/// A function of the user's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedFunction {
    pub name: Box<str>,
    pub arguments: Vec<DataType>,
    pub returns: DataType,
    pub javascript: Box<str>,
    pub description: Option<Box<str>>,
}

/// SQL over streams, and what is done with what it gives: samples of a device of the rule's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedRule {
    pub name: Box<str>,
    /// As it was written.
    pub sql: Box<str>,
    pub stage: RuleStage,
    pub lateness: Duration,
    pub labels: Vec<Box<str>>,
    pub text: Option<Box<str>>,
    /// Output columns and their units.
    pub units: Vec<(Box<str>, Arc<str>)>,
    /// Which of [`Checked::alarms`] watch which columns.
    pub alarms: Vec<CheckedRuleAlarm>,
    pub writes: Vec<CheckedWrite>,
}

/// An alarm that is raised while a column is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedRuleAlarm {
    pub column: Box<str>,
    /// The alarm's.
    pub name: Box<str>,
}

/// A command for every row whose column is not NULL. The tag is there and may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedWrite {
    pub column: Box<str>,
    pub device: Box<str>,
    pub tag: Box<str>,
    pub expires: Duration,
}

/// A small table that rules and statements join with. Two that are equal are read from the same source
/// in the same way.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedTable {
    pub name: Box<str>,
    pub text: Option<Box<str>>,
    pub source: TableSource,
    /// Those that are taken; empty: all, with the types that their values have.
    pub columns: Vec<(Box<str>, ColumnType)>,
    /// None: it is read once.
    pub refresh: Option<Duration>,
}

/// Where the rows of a lookup table are from.
#[derive(Clone, Debug, PartialEq)]
pub enum TableSource {
    Rows(Arc<Table>),
    Csv {
        /// Below the folder of such files, as that of SQLite.
        path: Box<str>,
        separator: u8,
        decimal: u8,
    },
    Sqlite {
        path: Box<str>,
        query: Box<str>,
    },
    Postgres {
        host: Box<str>,
        port: u16,
        database: Box<str>,
        username: Box<str>,
        /// The name of the secret.
        password: Option<Box<str>>,
        /// None: not encrypted.
        tls: Option<CheckedTls>,
        query: Box<str>,
    },
    Http {
        url: Box<str>,
        headers: Vec<(Box<str>, HeaderText)>,
        /// Separator and decimal sign; none: JSON.
        csv: Option<(u8, u8)>,
        /// A JSON pointer.
        at: Box<str>,
        tls: Option<CheckedTls>,
    },
}

/// The text of a header line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderText {
    Plain(Box<str>),
    /// The name of the secret.
    Secret(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedTls {
    pub ca_file: Option<Box<str>>,
    pub certificate_file: Option<Box<str>>,
    pub key_file: Option<Box<str>>,
    pub server_name: Option<Box<str>>,
    pub verify: bool,
}

/// How long what is kept of some tags; none: while there is room, and no time: not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedKeep {
    /// The rule is for a tag when any of them chooses it.
    pub tags: Vec<TagPattern>,
    pub samples: Option<Duration>,
    pub minutes: Option<Duration>,
    pub hours: Option<Duration>,
    pub days: Option<Duration>,
    pub sample_bytes_max: Option<u64>,
}

/// Where days of history go once they are over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedArchive {
    pub place: ArchivePlace,
    /// A tag is archived when any of them chooses it.
    pub tags: Vec<TagPattern>,
    /// A day at least.
    pub keep: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchivePlace {
    /// From the root on.
    Folder(Box<str>),
    Bucket(CheckedBucket),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedBucket {
    /// None: that of AWS in the region.
    pub endpoint: Option<Box<str>>,
    pub name: Box<str>,
    /// None: the edge's name.
    pub prefix: Option<Box<str>>,
    pub region: Box<str>,
    pub access_key: Box<str>,
    /// The name of the secret.
    pub secret_key: Box<str>,
    pub path_style: bool,
    pub ca_file: Option<Box<str>>,
}

/// Who is told of alarms.
#[derive(Clone)]
pub struct CheckedNotify {
    /// As the database of time zones calls it; it is there.
    pub time_zone: Box<str>,
    /// Where people reach the console.
    pub public_url: Option<Box<str>>,
    pub channels: Vec<CheckedChannel>,
    /// Those that are enabled.
    pub routes: Vec<CheckedRoute>,
}

#[derive(Clone)]
pub struct CheckedChannel {
    pub name: Box<str>,
    pub description: Option<Box<str>>,
    pub kind: &'static str,
    pub plan: ChannelPlan,
    /// Equal when kind and settings are.
    pub settings_fingerprint: u64,
}

/// Which alarms are told to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedRoute {
    pub name: Box<str>,
    pub description: Option<Box<str>>,
    /// An alarm goes this way when any of them chooses its name, and any of `tags` its tag.
    pub alarms: Vec<NamePattern>,
    pub tags: Vec<TagPattern>,
    pub priority_min: AlarmPriority,
    /// One at least, each later than the one before.
    pub levels: Vec<CheckedLevel>,
    pub repeat: Option<Duration>,
    pub cleared: bool,
    pub acknowledged: bool,
    pub quiet: Vec<CheckedQuiet>,
    pub messages_per_hour_max: u32,
}

/// Who is told once nobody has acknowledged an alarm for so long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedLevel {
    pub after: Duration,
    /// Names of channels.
    pub to: Vec<Box<str>>,
}

/// A time of the week in which nobody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedQuiet {
    /// On which it begins.
    pub days: Vec<Day>,
    /// Minutes of the day. Not later than `from`: on the next day.
    pub from: u16,
    pub to: u16,
    /// More urgent alarms are told.
    pub up_to: AlarmPriority,
}

impl CheckedTemplate {
    pub(crate) fn new(template: &crate::template::Template<'_>) -> CheckedTemplate {
        let text = |key: &str| template.node.get(key).map(crate::source::Node::text);
        CheckedTemplate {
            name: template.name.into(),
            version: text("version").and_then(|text| text.parse().ok()).unwrap_or(1),
            driver: text("driver").unwrap_or_default().into(),
            devices: template.devices.iter().map(|name| (*name).into()).collect(),
        }
    }
}

impl Checked {
    pub fn tag_count(&self) -> usize {
        self.devices.iter().flat_map(|device| &device.groups).map(|group| group.tags.len()).sum()
    }
}

impl CheckedGroup {
    pub(crate) fn new(name: &str, interval: Duration, tags: Vec<CheckedTag>) -> CheckedGroup {
        let mut hasher = Fingerprint::default();
        name.hash(&mut hasher);
        interval.hash(&mut hasher);
        tags.iter().for_each(|tag| tag.hash_into(&mut hasher));
        CheckedGroup { name: name.into(), interval, tags, fingerprint: hasher.finish() }
    }
}

impl CheckedTag {
    fn hash_into(&self, hasher: &mut Fingerprint) {
        self.name.hash(hasher);
        self.address.hash(hasher);
        self.formula.as_ref().map(|formula| &formula.text).hash(hasher);
        self.unit.hash(hasher);
        self.description.hash(hasher);
        self.scale.map(|s| (s.slope.to_bits(), s.offset.to_bits())).hash(hasher);
        self.range.map(|(low, high)| (low.to_bits(), high.to_bits())).hash(hasher);
        self.deadband.map(f64::to_bits).hash(hasher);
        (self.declared as u8, self.access, self.on_change).hash(hasher);
    }
}

/// The fingerprint of a component and its settings, whatever the order of their keys.
pub(crate) fn settings_fingerprint(component: &str, settings: &serde_json::Value) -> u64 {
    let mut hasher = Fingerprint::default();
    component.hash(&mut hasher);
    hash_value(settings, &mut hasher);
    hasher.finish()
}

fn hash_value(value: &serde_json::Value, hasher: &mut Fingerprint) {
    match value {
        serde_json::Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            hasher.write_u8(b'{');
            for (key, value) in pairs {
                key.hash(hasher);
                hash_value(value, hasher);
            }
            hasher.write_u8(b'}');
        }
        serde_json::Value::Array(items) => {
            hasher.write_u8(b'[');
            items.iter().for_each(|item| hash_value(item, hasher));
            hasher.write_u8(b']');
        }
        scalar => scalar.to_string().hash(hasher),
    }
}

/// FNV-1a: the same in every build, unlike the standard library's hashers.
struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Fingerprint {
        Fingerprint(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
