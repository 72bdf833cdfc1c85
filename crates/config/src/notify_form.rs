//! The shape of `notify:`, which says who is told of alarms.

use crate::document::{Lenient, Part};
use crate::value_types::{AlarmPriority, Also, Day};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tagwerk_component::Duration;
use tagwerk_model::limits;

/// Who is told of alarms, and how.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Notify", deny_unknown_fields)]
pub(crate) struct NotifyForm<'s> {
    /// The time zone of quiet times and of times in messages, such as `Europe/Berlin`. Default: UTC.
    #[serde(default, borrow)]
    #[schemars(with = "Option<String>", extend("examples" = ["Europe/Berlin"]))]
    pub time_zone: Lenient<Option<&'s str>>,
    /// Where people reach the console: messages link there. Default: they do not.
    #[serde(default, borrow)]
    #[schemars(with = "Option<String>", extend("examples" = ["https://press-1.plant.example"]))]
    pub public_url: Lenient<Option<&'s str>>,
    #[serde(default)]
    #[schemars(with = "Vec<ChannelForm>", length(max = limits::NOTIFY_CHANNELS_MAX))]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    channels: Part,
    /// An alarm takes every route that chooses it.
    #[serde(default)]
    #[schemars(with = "Vec<RouteForm>", length(max = limits::NOTIFY_ROUTES_MAX))]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    routes: Part,
}

/// One way to tell people.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Channel", deny_unknown_fields)]
pub(crate) struct ChannelForm<'s> {
    /// Letters, digits, `.`, `_` and `-`; unique.
    #[serde(borrow)]
    pub name: Lenient<&'s str>,
    /// What kind of channel.
    #[serde(borrow)]
    #[schemars(extend("examples" = ["email"]))]
    pub kind: Lenient<&'s str>,
    #[serde(default, borrow)]
    pub description: Lenient<Option<&'s str>>,
    /// What the channel needs to know; see the channel's reference.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    settings: Part,
}

/// Which alarms are told to whom, and when.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Route", deny_unknown_fields)]
pub(crate) struct RouteForm<'s> {
    /// Letters, digits, `.`, `_` and `-`; unique.
    #[serde(borrow)]
    pub name: Lenient<&'s str>,
    #[serde(default, borrow)]
    pub description: Lenient<Option<&'s str>>,
    /// A route that is not enabled is checked, and tells nobody. Default: true.
    #[serde(default)]
    pub enabled: Lenient<Option<bool>>,
    /// Which alarms, by name, with `*` and `?`. Default: all.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    alarms: Part,
    /// Alarms of which tags: `device/tag`, with `*` and `?`. Default: all.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    tags: Part,
    /// The least urgent alarms that are told. Default: low, which is all.
    #[serde(default)]
    pub min_priority: Lenient<Option<AlarmPriority>>,
    /// The channels that tell of it.
    #[schemars(with = "Vec<String>", length(min = 1))]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    to: Part,
    /// What is told besides that an alarm was raised. Default: nothing.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Also>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    also: Part,
    /// Nobody is told of an alarm that is acknowledged or over within this time. Default: 0s.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub after: Lenient<Option<Duration>>,
    /// How often those who were told are told again until somebody acknowledges the alarm. Default: they
    /// are not.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub repeat: Lenient<Option<Duration>>,
    /// Who else is told when nobody has acknowledged the alarm.
    #[serde(default)]
    #[schemars(with = "Option<Vec<LevelForm>>", length(max = limits::NOTIFY_LEVELS_MAX))]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    escalate: Part,
    /// When nobody is told; what comes up then is told together when it is over.
    #[serde(default)]
    #[schemars(with = "Option<Vec<QuietForm>>", length(max = limits::NOTIFY_QUIET_MAX))]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    quiet: Part,
    /// Messages to each channel within an hour. More: what comes up waits and is told together.
    /// Default: 60.
    #[serde(default)]
    #[schemars(range(min = 1, max = 360))]
    pub messages_per_hour_max: Lenient<Option<u32>>,
}

/// Who else is told when nobody has acknowledged an alarm.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Level", deny_unknown_fields)]
pub(crate) struct LevelForm {
    /// How long after the alarm was raised.
    #[schemars(with = "Duration")]
    pub after: Lenient<Duration>,
    /// The channels that tell of it.
    #[schemars(with = "Vec<String>", length(min = 1))]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    to: Part,
}

/// When nobody is told.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Quiet", deny_unknown_fields)]
pub(crate) struct QuietForm<'s> {
    /// The days on which it begins. Default: all.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Day>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    days: Part,
    /// From this time of day on, as in `"22:00"`.
    #[serde(borrow)]
    pub from: Lenient<&'s str>,
    /// To this time of day; when it is not later than `from`, of the next day.
    #[serde(borrow)]
    pub to: Lenient<&'s str>,
    /// The most urgent alarms that wait. Default: high, so that critical ones are told.
    #[serde(default)]
    pub up_to: Lenient<Option<AlarmPriority>>,
}
