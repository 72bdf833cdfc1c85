//! The shape of an edge's configuration: its one declaration, from which the schema, the checks of
//! keys and types, and the reading come. Parts are read one by one, so that a mistake in one hides
//! nothing in another.

use crate::value_types::{Access, ParameterKind, ScaleForm, SinkOrder, Start};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use tagwerk_component::{Duration, Secret};
use tagwerk_model::{DataType, limits};

/// The version of the document's shape that this program reads.
pub const VERSION: u64 = 1;

/// The JSON schema of a whole configuration document. What `settings` holds is in the schema of the
/// driver or sink that they are for.
pub fn document_schema() -> Schema {
    SchemaGenerator::default().into_root_schema_for::<DocumentForm>()
}

/// The intended state of one edge.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Document", deny_unknown_fields)]
pub(crate) struct DocumentForm {
    /// Version of the document's shape: 1.
    #[schemars(range(min = 1))]
    pub version: Lenient<u64>,
    #[schemars(with = "EdgeForm")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    edge: Part,
    /// Devices that are described once and used many times.
    #[serde(default)]
    #[schemars(with = "Vec<TemplateForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    templates: Part,
    #[serde(default)]
    #[schemars(with = "Vec<DeviceForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    devices: Part,
    #[serde(default)]
    #[schemars(with = "Vec<SinkForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    sinks: Part,
    /// What somebody must hear of.
    #[serde(default)]
    #[schemars(with = "Vec<crate::alarm::AlarmForm>", length(max = limits::ALARM_DEFINITIONS_MAX))]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    alarms: Part,
    /// Functions of the user's own, in JavaScript.
    #[serde(default)]
    #[schemars(with = "Vec<crate::function::FunctionForm>", length(max = limits::FUNCTIONS_MAX))]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    functions: Part,
    /// SQL over what devices send.
    #[serde(default)]
    #[schemars(with = "Vec<crate::rule::RuleForm>", length(max = limits::RULES_MAX))]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    rules: Part,
    /// Who is told of alarms.
    #[serde(default)]
    #[schemars(with = "Option<crate::notify_form::NotifyForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    notify: Part,
    /// Small tables of the plant's own, which rules and statements join with.
    #[serde(default)]
    #[schemars(with = "Vec<crate::table::TableForm>", length(max = limits::TABLES_MAX))]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    tables: Part,
    /// How long history keeps what.
    #[serde(default)]
    #[schemars(with = "Option<HistoryForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    history: Part,
    /// Days of history as files in a folder or bucket.
    #[serde(default)]
    #[schemars(with = "Option<ArchiveForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    archive: Part,
}

/// The gateway itself.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Edge", deny_unknown_fields)]
pub(crate) struct EdgeForm<'s> {
    /// Letters, digits, `.`, `_` and `-`.
    #[serde(borrow)]
    pub name: Lenient<&'s str>,
    #[serde(default, borrow)]
    pub description: Lenient<Option<&'s str>>,
}

/// One machine reached through one driver.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Device", deny_unknown_fields)]
pub(crate) struct DeviceForm<'s> {
    /// Letters, digits, `.`, `_` and `-`; unique.
    #[serde(borrow)]
    pub name: Lenient<&'s str>,
    /// The field protocol; of a device with a template, the template's.
    #[serde(default, borrow)]
    #[schemars(extend("examples" = ["modbus-tcp"]))]
    pub driver: Lenient<Option<&'s str>>,
    /// The name of the template that describes the device.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    template: Part,
    #[serde(default, borrow)]
    pub description: Lenient<Option<&'s str>>,
    /// A device that is not enabled is checked, but not read. Default: true.
    #[serde(default)]
    pub enabled: Lenient<Option<bool>>,
    /// The values of the template's parameters.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    parameters: Part,
    /// What the driver needs to know; see the driver's reference. Of a device with a template: the
    /// keys in which it differs from the template.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    settings: Part,
    /// Groups and tags in which the device differs from its template.
    #[serde(default)]
    #[schemars(with = "Vec<OverrideForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    overrides: Part,
    /// What is read; of a device with a template: besides what the template has.
    #[serde(default)]
    #[schemars(with = "Vec<GroupForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    groups: Part,
}

/// A kind of device, described once. Texts in settings and groups may hold placeholders such as
/// `${host}`, which stand for the values that a device gives to the parameters.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Template", deny_unknown_fields)]
pub(crate) struct TemplateForm<'s> {
    /// Letters, digits, `.`, `_` and `-`; unique.
    #[serde(borrow)]
    pub name: Lenient<&'s str>,
    /// Raised by whoever changes the template.
    #[schemars(range(min = 1))]
    pub version: Lenient<u32>,
    #[serde(default, borrow)]
    pub description: Lenient<Option<&'s str>>,
    /// The field protocol.
    #[serde(borrow)]
    #[schemars(extend("examples" = ["modbus-tcp"]))]
    pub driver: Lenient<&'s str>,
    /// What a device may or must say of itself.
    #[serde(default)]
    #[schemars(with = "Vec<ParameterForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    parameters: Part,
    /// As in a device, with placeholders.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    settings: Part,
    /// As in a device, with placeholders.
    #[serde(default)]
    #[schemars(with = "Vec<serde_json::Map<String, Value>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    groups: Part,
}

/// One value that the devices of a template give, or may give where there is a default.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Parameter", deny_unknown_fields)]
pub(crate) struct ParameterForm<'s> {
    /// Letters, digits and `_`, beginning with a letter.
    #[serde(borrow)]
    pub name: Lenient<&'s str>,
    #[serde(rename = "type")]
    pub kind: Lenient<ParameterKind>,
    #[serde(default, borrow)]
    pub description: Lenient<Option<&'s str>>,
    /// Taken where a device gives no value. Without it, every device must give one.
    #[serde(default)]
    #[schemars(with = "Value")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    default: Part,
    /// The only values allowed.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Value>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    values: Part,
    /// The least and the greatest value of a number.
    #[serde(default)]
    pub range: Lenient<Option<[f64; 2]>>,
}

/// How one tag or one group of a device differs from the template's. Keys that are left out are the
/// template's; an empty one (`deadband: null`) removes what the template has.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Override", deny_unknown_fields)]
pub(crate) struct OverrideForm<'s> {
    /// The tag that differs.
    #[serde(default, borrow)]
    pub tag: Lenient<Option<&'s str>>,
    /// The group that differs.
    #[serde(default, borrow)]
    pub group: Lenient<Option<&'s str>>,
    /// True: the device does not have it.
    #[serde(default)]
    pub remove: Lenient<Option<bool>>,
    /// Of a group: how often it is read.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    #[expect(dead_code, reason = "declared for the schema, copied into the device")]
    interval: Part,
    /// Of a tag: another name.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    #[expect(dead_code, reason = "declared for the schema, copied into the device")]
    name: Part,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    #[expect(dead_code, reason = "declared for the schema, copied into the device")]
    address: Part,
    #[serde(default, rename = "type")]
    #[schemars(schema_with = "data_type_schema")]
    #[expect(dead_code, reason = "declared for the schema, copied into the device")]
    data_type: Part,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    #[expect(dead_code, reason = "declared for the schema, copied into the device")]
    unit: Part,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    #[expect(dead_code, reason = "declared for the schema, copied into the device")]
    description: Part,
    #[serde(default)]
    #[schemars(with = "Option<Access>")]
    #[expect(dead_code, reason = "declared for the schema, copied into the device")]
    access: Part,
    #[serde(default)]
    #[schemars(with = "Option<ScaleForm>")]
    #[expect(dead_code, reason = "declared for the schema, copied into the device")]
    scale: Part,
    #[serde(default)]
    #[schemars(with = "Option<[f64; 2]>")]
    #[expect(dead_code, reason = "declared for the schema, copied into the device")]
    range: Part,
    #[serde(default)]
    #[schemars(with = "Option<Deadband>")]
    #[expect(dead_code, reason = "declared for the schema, copied into the device")]
    deadband: Part,
    #[serde(default)]
    #[schemars(with = "Option<crate::value_types::ReportOn>")]
    #[expect(dead_code, reason = "declared for the schema, copied into the device")]
    report: Part,
}

/// Tags of a device that are read together at one interval.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Group", deny_unknown_fields)]
pub(crate) struct GroupForm<'s> {
    /// Letters, digits, `.`, `_` and `-`; unique in the device.
    #[serde(borrow)]
    pub name: Lenient<&'s str>,
    /// How often the group is read.
    #[schemars(with = "Duration")]
    pub interval: Lenient<Duration>,
    #[serde(default)]
    #[schemars(with = "Vec<TagForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    tags: Part,
}

/// A named, typed point of a device.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Tag", deny_unknown_fields)]
pub(crate) struct TagForm<'s> {
    /// Letters of any script, digits, `.`, `_` and `-`; unique in the device.
    #[serde(borrow)]
    pub name: Lenient<&'s str>,
    /// Where in the device, in the driver's own form. A tag has an address or a formula.
    #[serde(default, borrow)]
    pub address: Lenient<Option<&'s str>>,
    /// What the value is computed of, as an SQL expression over tags: `steam / fuel`,
    /// `"boiler-2/steam" * 2`.
    #[serde(default, borrow)]
    pub formula: Lenient<Option<&'s str>>,
    /// The type in the device, before scaling.
    #[serde(rename = "type")]
    #[schemars(schema_with = "data_type_schema")]
    pub data_type: Lenient<DataType>,
    /// The unit of the value, such as `bar`.
    #[serde(default, borrow)]
    pub unit: Lenient<Option<&'s str>>,
    #[serde(default, borrow)]
    pub description: Lenient<Option<&'s str>>,
    /// Default: read.
    #[serde(default)]
    pub access: Lenient<Option<Access>>,
    /// From the device's number to the tag's value.
    #[serde(default)]
    pub scale: Lenient<Option<ScaleForm>>,
    /// The least and the greatest value that may be written.
    #[serde(default)]
    pub range: Lenient<Option<[f64; 2]>>,
    /// A sample is kept back until its value differs by this much from the last one kept.
    #[serde(default)]
    #[schemars(with = "Option<Deadband>")]
    pub deadband: Lenient<Option<f64>>,
    /// Which samples are kept. Default: always, or change where there is a deadband.
    #[serde(default)]
    pub report: Lenient<Option<crate::value_types::ReportOn>>,
}

/// One northbound destination.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Sink", deny_unknown_fields)]
pub(crate) struct SinkForm<'s> {
    /// Letters, digits, `.`, `_` and `-`; unique.
    #[serde(borrow)]
    pub name: Lenient<&'s str>,
    /// What kind of destination.
    #[serde(borrow)]
    #[schemars(extend("examples" = ["mqtt"]))]
    pub kind: Lenient<&'s str>,
    #[serde(default, borrow)]
    pub description: Lenient<Option<&'s str>>,
    /// A sink that is not enabled keeps its place and is sent nothing. Default: true.
    #[serde(default)]
    pub enabled: Lenient<Option<bool>>,
    /// What the sink needs to know; see the sink's reference.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    settings: Part,
    /// Which tags are sent: `device/tag` or `device/group/tag`, with `*` and `?`. Default: all.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    tags: Part,
    /// Where a new sink begins. Default: now.
    #[serde(default)]
    pub from: Lenient<Option<Start>>,
    /// What goes first when the sink has fallen behind. Default: fifo.
    #[serde(default)]
    pub order: Lenient<Option<SinkOrder>>,
    /// Bytes of the journal that may wait for the sink, about. More: the oldest are given up, with an
    /// entry in the ledger. Default: as much as the journal holds.
    #[serde(default)]
    #[schemars(with = "Option<BacklogBytes>")]
    pub backlog_bytes_max: Lenient<Option<u64>>,
    /// How long samples may wait for the sink. Longer: they are given up, with an entry in the ledger.
    /// Default: as long as the journal holds them.
    #[serde(default)]
    pub backlog_age_max: Lenient<Option<Duration>>,
}

/// What history keeps of the samples: themselves, and what is left of them later.
#[derive(JsonSchema)]
#[schemars(rename = "History", deny_unknown_fields)]
#[expect(dead_code, reason = "declared for the schema, read part by part")]
pub(crate) struct HistoryForm {
    /// The first rule that chooses a tag counts. A tag that none chooses is kept while there is room.
    #[schemars(with = "Vec<KeepForm>", length(max = limits::HISTORY_RULES_MAX))]
    keep: Part,
}

/// How long what is kept of some tags. What has a limit goes when it is older; what has none is kept
/// while there is room.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Keep", deny_unknown_fields)]
pub(crate) struct KeepForm {
    /// Which tags: `device/tag` or `device/group/tag`, with `*` and `?`. Default: all.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    tags: Part,
    /// The samples themselves, `1h` at least; then rollups of a minute, an hour or a day stand for
    /// them.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub samples: Lenient<Option<Duration>>,
    /// Rollups of a minute: count, minimum, maximum, first, last and mean over time. `0s`: none.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub minutes: Lenient<Option<Duration>>,
    /// Rollups of an hour. `0s`: none.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub hours: Lenient<Option<Duration>>,
    /// Rollups of a day. `0s`: none.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub days: Lenient<Option<Duration>>,
    /// Bytes that the samples of these tags may take together. More: the oldest become rollups.
    #[serde(default)]
    #[schemars(with = "Option<BacklogBytes>")]
    pub sample_bytes_max: Lenient<Option<u64>>,
}

/// Every day of history, once it is over, as a file for others, which outlives history itself.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Archive", deny_unknown_fields)]
pub(crate) struct ArchiveForm<'s> {
    /// A folder where the files lie, from the root on; it must be there. Each edge has a folder of its own.
    #[serde(default, borrow)]
    #[schemars(with = "Option<String>", extend("examples" = ["/srv/archive"]))]
    pub folder: Lenient<Option<&'s str>>,
    /// Or object storage: S3, and what speaks like it.
    #[serde(default)]
    #[schemars(with = "Option<BucketForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    bucket: Part,
    /// Which tags are archived: `device/tag` or `device/group/tag`, with `*` and `?`. Default: all.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    tags: Part,
    /// Files of days that ended longer ago are removed; `24h` at least. Default: none are.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub keep: Lenient<Option<Duration>>,
    /// Default: parquet.
    #[serde(default)]
    #[schemars(with = "Option<ArchiveFormat>")]
    #[expect(dead_code, reason = "declared for the schema; there is one so far")]
    format: Part,
}

/// A bucket of S3, or of what speaks like it.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Bucket", deny_unknown_fields)]
pub(crate) struct BucketForm<'s> {
    /// Where the store is. Default: that of AWS in the region.
    #[serde(default, borrow)]
    #[schemars(with = "Option<String>", extend("examples" = ["https://minio.example:9000"]))]
    pub endpoint: Lenient<Option<&'s str>>,
    /// The bucket; it must be there.
    #[serde(borrow)]
    #[schemars(extend("examples" = ["plant-history"]))]
    pub name: Lenient<&'s str>,
    /// What the objects' keys begin with, without the slash behind it. Each edge has its own.
    /// Default: the edge's name.
    #[serde(default, borrow)]
    #[schemars(with = "Option<String>")]
    pub prefix: Lenient<Option<&'s str>>,
    /// Default with an endpoint: us-east-1.
    #[serde(default, borrow)]
    #[schemars(with = "Option<String>", extend("examples" = ["eu-central-1"]))]
    pub region: Lenient<Option<&'s str>>,
    /// The identifier of the access key.
    #[serde(borrow)]
    pub access_key: Lenient<&'s str>,
    /// What signs requests.
    pub secret_key: Lenient<Secret>,
    /// Whether the bucket's name stands in the path, and not in the host's name. Default: with an
    /// endpoint.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    pub path_style: Lenient<Option<bool>>,
    /// PEM file of authorities to trust besides the system's.
    #[serde(default, borrow)]
    #[schemars(with = "Option<String>")]
    pub ca_file: Lenient<Option<&'s str>>,
}

/// The form of archived files.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "declared for the schema")]
pub(crate) enum ArchiveFormat {
    Parquet,
}

/// A part that is read from the tree by itself.
pub(crate) type Part = Lenient<IgnoredAny>;

/// A value, or `None` when it is missing or does not fit, which the check against the schema reports.
pub(crate) struct Lenient<T>(Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Lenient<T> {
        Lenient(None)
    }
}

impl<T> Lenient<T> {
    pub fn get(self) -> Option<T> {
        self.0
    }

    pub fn is_some(&self) -> bool {
        self.0.is_some()
    }
}

impl<T> Lenient<Option<T>> {
    pub fn optional(self) -> Option<T> {
        self.0.flatten()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lenient<T>, D::Error> {
        deserializer.deserialize_option(LenientVisitor(PhantomData))
    }
}

struct LenientVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LenientVisitor<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_none<E>(self) -> Result<Lenient<T>, E> {
        Ok(Lenient(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Lenient<T>, D::Error> {
        Ok(Lenient(T::deserialize(deserializer).ok()))
    }
}

impl<T: JsonSchema> JsonSchema for Lenient<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

fn data_type_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = DataType::ALL.iter().map(|data_type| data_type.name()).collect();
    json_schema!({ "type": "string", "enum": names })
}

/// A number that is not negative.
pub(crate) struct Deadband;

impl JsonSchema for Deadband {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Deadband".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0 })
    }
}

/// As the schema shows the bytes that may wait for a sink.
struct BacklogBytes;

impl JsonSchema for BacklogBytes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "BacklogBytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1_048_576 })
    }
}
