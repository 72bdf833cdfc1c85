//! Counters and states in Prometheus' text form, version 0.0.4. Names carry their units.

use super::status;
use crate::app::{App, Shared, VERSION};
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use std::fmt::{Display, Write};
use tagwerk_journal::Stream;
use tagwerk_rules::RuleState;
use tagwerk_runtime::view::{DeviceView, SinkState, SinkView};
use tagwerk_tables::TableView;

pub async fn metrics(State(app): State<Shared>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text(&app))
}

fn text(app: &App) -> String {
    let mut out = Exposition::default();
    process(app, &mut out);
    tags(app, &mut out);
    devices(&app.runtime.devices(), &mut out);
    sinks(&app.runtime.sinks(), &mut out);
    journal(app, &mut out);
    history(app, &mut out);
    ledger(app, &mut out);
    alarms(app, &mut out);
    notify(app, &mut out);
    rules(app, &mut out);
    lookups(app, &mut out);
    out.text
}

#[derive(Default)]
struct Exposition {
    text: String,
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Exposition {
    /// One metric with all its samples; nothing where there are none.
    fn metric<'a, V: Display>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, V)>,
    ) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let mut headed = false;
        for (labels, value) in samples {
            if !headed {
                headed = true;
                self.line(format_args!("# HELP {name} {help}"));
                self.line(format_args!("# TYPE {name} {kind}"));
            }
            let labels: Vec<String> =
                labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escaped(text))).collect();
            match labels.is_empty() {
                true => self.line(format_args!("{name} {value}")),
                false => self.line(format_args!("{name}{{{}}} {value}", labels.join(","))),
            }
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("writing into a String cannot fail");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn one<V>(value: V) -> [(Labels<'static>, V); 1] {
    [(Vec::new(), value)]
}

fn process(app: &App, out: &mut Exposition) {
    use Kind::{Counter, Gauge};
    let usage = app.usage();
    let uptime = app.env.clock.now().since(app.started).as_secs_f64();
    let synchronised = u8::from(app.env.clock.wall().synchronised);
    let revision = app.configuration.active().map_or(0, |row| row.revision);
    let edge = app.runtime.edge();
    let build = [(vec![("version", VERSION), ("edge", &*edge)], 1)];
    out.metric(Gauge, "tagwerk_build_info", "The edge's version and name.", build);
    out.metric(Gauge, "tagwerk_uptime_seconds", "Time since the edge started.", one(uptime));
    out.metric(Counter, "tagwerk_cpu_seconds_total", "CPU time used.", one(usage.cpu_seconds));
    let memory = [
        (vec![("kind", "anonymous")], usage.anonymous_bytes),
        (vec![("kind", "total")], usage.total_bytes),
    ];
    out.metric(Gauge, "tagwerk_memory_bytes", "Resident memory.", memory);
    out.metric(Gauge, "tagwerk_threads", "Threads of the process.", one(usage.threads));
    let help = "Whether the wall clock is disciplined by a time source.";
    out.metric(Gauge, "tagwerk_clock_synchronised", help, one(synchronised));
    let help = "The active configuration's revision, 0 for none.";
    out.metric(Gauge, "tagwerk_config_revision", help, one(revision));
    let problems = app.problems();
    let help = "Things that are not as they should be now.";
    out.metric(Gauge, "tagwerk_problems", help, one(problems.len()));
}

fn tags(app: &App, out: &mut Exposition) {
    let counts = app.runtime.tag_counts();
    let samples = [
        (vec![("quality", "good")], counts.good),
        (vec![("quality", "uncertain")], counts.uncertain),
        (vec![("quality", "bad")], counts.bad),
    ];
    out.metric(Kind::Gauge, "tagwerk_tags", "Tags of enabled devices by quality.", samples);
    let help = "Tags that were not read for three intervals.";
    out.metric(Kind::Gauge, "tagwerk_tags_stale", help, one(counts.stale));
}

/// A device's counter, its metric's name and help.
type DeviceCounter = (&'static str, &'static str, fn(&DeviceView) -> u64);

const DEVICE_COUNTERS: &[DeviceCounter] = &[
    ("tagwerk_device_requests_total", "Requests sent to the device.", |d| d.counters.requests),
    ("tagwerk_device_errors_total", "Requests that failed.", |d| d.counters.errors),
    ("tagwerk_device_retries_total", "Reads asked again.", |d| d.counters.retries),
    ("tagwerk_device_timeouts_total", "Requests without an answer.", |d| d.counters.timeouts),
    ("tagwerk_device_exceptions_total", "Requests that the device refused.", |d| {
        d.counters.exceptions
    }),
    ("tagwerk_device_reconnects_total", "Times the link was opened again.", |d| {
        d.counters.reconnects
    }),
    ("tagwerk_device_writes_total", "Writes sent.", |d| d.counters.writes),
    ("tagwerk_device_late_polls_total", "Polls that began late.", |d| d.counters.late_polls),
    ("tagwerk_device_missed_polls_total", "Polls left out.", |d| d.counters.missed_polls),
    ("tagwerk_device_panics_total", "Panics in the device's task.", |d| d.counters.panics),
];

fn devices(devices: &[DeviceView], out: &mut Exposition) {
    use tagwerk_runtime::view::DeviceState;
    let help = "1 while the device is online.";
    let up = devices.iter().filter(|d| d.state != DeviceState::Disabled);
    let up = up.map(|d| (vec![("device", &*d.name)], u8::from(d.state == DeviceState::Online)));
    out.metric(Kind::Gauge, "tagwerk_device_online", help, up);
    for (name, help, count) in DEVICE_COUNTERS {
        let samples = devices.iter().map(|d| (vec![("device", &*d.name)], count(d)));
        out.metric(Kind::Counter, name, help, samples);
    }
    let round_trip = devices.iter().filter_map(|d| {
        let p99 = d.counters.round_trip?.p99.as_secs_f64();
        Some((vec![("device", &*d.name), ("quantile", "0.99")], p99))
    });
    let help = "Round-trip time of the last requests.";
    out.metric(Kind::Gauge, "tagwerk_device_round_trip_seconds", help, round_trip);
}

type SinkCounter = (Kind, &'static str, &'static str, fn(&SinkView) -> u64);

const SINK_COUNTERS: &[SinkCounter] = &[
    (Kind::Gauge, "tagwerk_sink_connected", "1 while the sink is connected.", |s| {
        u64::from(s.state == SinkState::Connected)
    }),
    (Kind::Gauge, "tagwerk_sink_backlog_samples", "Samples that wait.", |s| s.backlog_samples),
    (Kind::Gauge, "tagwerk_sink_in_flight_messages", "Messages not yet acknowledged.", |s| {
        s.in_flight as u64
    }),
    (Kind::Counter, "tagwerk_sink_delivered_samples_total", "Samples delivered.", |s| {
        s.delivered_samples
    }),
    (Kind::Counter, "tagwerk_sink_delivered_messages_total", "Messages delivered.", |s| {
        s.delivered_messages
    }),
    (Kind::Counter, "tagwerk_sink_rejected_messages_total", "Messages set aside.", |s| {
        s.rejected_messages
    }),
    (
        Kind::Counter,
        "tagwerk_sink_dropped_samples_total",
        "Samples removed by retention before they were delivered.",
        |s| s.dropped_samples,
    ),
];

fn sinks(sinks: &[SinkView], out: &mut Exposition) {
    for (kind, name, help, count) in SINK_COUNTERS {
        let enabled = sinks.iter().filter(|s| s.state != SinkState::Disabled);
        let samples = enabled.map(|s| (vec![("sink", &*s.name), ("kind", s.kind)], count(s)));
        out.metric(*kind, name, help, samples);
    }
}

fn journal(app: &App, out: &mut Exposition) {
    use Kind::{Counter, Gauge};
    let stats = app.runtime.journal_stats();
    let status = status::journal(app);
    let per = |of: fn(&tagwerk_journal::StreamStats) -> u64| {
        [("samples", Stream::Samples), ("outputs", Stream::Outputs), ("record", Stream::Record)]
            .map(|(name, stream)| (vec![("stream", name)], of(stats.stream(stream))))
    };
    out.metric(Gauge, "tagwerk_journal_bytes", "Bytes stored.", per(|s| s.bytes));
    let limits = status.streams.iter().map(|s| (vec![("stream", &*s.name)], s.bytes_max));
    out.metric(Gauge, "tagwerk_journal_bytes_max", "Bytes kept at most.", limits);
    let help = "Sequence numbers given out.";
    out.metric(Counter, "tagwerk_journal_appended_total", help, per(|s| s.end));
    let help = "Sequence numbers that survive a power cut.";
    out.metric(Counter, "tagwerk_journal_committed_total", help, per(|s| s.committed));
    let help = "Sequence numbers removed by limits or a full disk.";
    out.metric(Counter, "tagwerk_journal_dropped_total", help, per(|s| s.dropped));
    out.metric(Counter, "tagwerk_journal_syncs_total", "Syncs to disk.", per(|s| s.syncs));
    let help = "Failed writes, syncs and reads.";
    let failures = per(|s| s.sync_failures + s.write_failures + s.read_failures);
    out.metric(Counter, "tagwerk_journal_failures_total", help, failures);
    let help = "Samples that could not be written.";
    out.metric(
        Counter,
        "tagwerk_journal_lost_samples_total",
        help,
        one(app.runtime.journal_lost().0),
    );
}

fn history(app: &App, out: &mut Exposition) {
    use Kind::{Counter, Gauge};
    let state = app.historian.stats();
    let failing = state.failing || app.books.problem().is_some();
    out.metric(Gauge, "tagwerk_history_bytes", "Bytes stored.", one(state.bytes));
    let help = "Segments stored.";
    out.metric(Gauge, "tagwerk_history_segments", help, one(state.segments));
    let help = "Samples taken since the start.";
    out.metric(Counter, "tagwerk_history_samples_total", help, one(state.appended));
    let help = "Samples that were gone from the journal before history had them.";
    out.metric(Counter, "tagwerk_history_missing_total", help, one(state.missing));
    let help = "Sequence number below which everything is in segments.";
    out.metric(Gauge, "tagwerk_history_position", help, one(state.position));
    let help = "1 while history cannot be stored.";
    out.metric(Gauge, "tagwerk_history_failing", help, one(u8::from(failing)));
}

fn alarms(app: &App, out: &mut Exposition) {
    let counts: Vec<_> = app.alarms.counts().into_iter().collect();
    let samples = counts.iter().map(|((priority, shown), number)| {
        let labels = vec![("priority", priority.name()), ("state", shown.name())];
        (labels, *number)
    });
    out.metric(Kind::Gauge, "tagwerk_alarms", "Alarms by priority and state.", samples);
    let load = app.alarms.load();
    let help = "Alarms that change too often.";
    out.metric(Kind::Gauge, "tagwerk_alarms_chattering", help, one(load.chattering));
    let help = "Changes of alarms since the start that were counted and not written.";
    let name = "tagwerk_alarm_changes_not_written_total";
    out.metric(Kind::Counter, name, help, one(load.not_written));
    let help = "Alarms announced since the flood of alarms began; 0 while there is none.";
    let alarms = load.flood.map_or(0, |(_, alarms)| alarms);
    out.metric(Kind::Gauge, "tagwerk_alarm_flood", help, one(alarms));
}

fn notify(app: &App, out: &mut Exposition) {
    use Kind::{Counter, Gauge};
    let channels = app.notify.channels();
    let outcomes = channels.iter().flat_map(|channel| {
        let tally = &channel.tally;
        [("delivered", tally.delivered), ("refused", tally.refused), ("given_up", tally.given_up)]
            .map(|(outcome, count)| {
                (vec![("channel", &*channel.name), ("outcome", outcome)], count)
            })
    });
    let help = "Messages to people, each recipient counted, by what became of them.";
    out.metric(Counter, "tagwerk_notify_messages_total", help, outcomes);
    let of = |name| vec![("channel", name)];
    let waiting = channels.iter().map(|channel| (of(&*channel.name), channel.notices));
    let help = "Messages that are made and not delivered.";
    out.metric(Gauge, "tagwerk_notify_waiting_messages", help, waiting);
    let waiting = channels.iter().map(|channel| (of(&*channel.name), channel.alarms));
    let help = "Alarms that wait for the next message.";
    out.metric(Gauge, "tagwerk_notify_waiting_alarms", help, waiting);
    let failing = channels.iter().map(|channel| {
        let failing = u8::from(channel.failing.is_some());
        (of(&*channel.name), failing)
    });
    out.metric(Gauge, "tagwerk_notify_failing", "1 while nobody is told by it.", failing);
}

fn rules(app: &App, out: &mut Exposition) {
    use Kind::{Counter, Gauge};
    let rules = app.rules.board().list();
    let kinds = rules.iter().flat_map(|rule| {
        let counts = &rule.counts;
        [("in", counts.rows_in), ("out", counts.rows_out), ("late", counts.rows_late)]
            .map(|(kind, rows)| (vec![("rule", &*rule.name), ("kind", kind)], rows))
    });
    out.metric(Counter, "tagwerk_rule_rows_total", "Rows of rules.", kinds);
    let of = |rule| vec![("rule", rule)];
    let errors = rules.iter().map(|rule| (of(&*rule.name), rule.counts.errors));
    let help = "Rows and windows that a rule could not compute.";
    out.metric(Counter, "tagwerk_rule_errors_total", help, errors);
    let failed = |state: &RuleState| matches!(state, RuleState::Failed(_));
    let failed = rules.iter().map(|rule| (of(&*rule.name), u8::from(failed(&rule.state))));
    out.metric(Gauge, "tagwerk_rule_failed", "1 while the rule cannot run.", failed);
    let busy = rules.iter().map(|rule| (of(&*rule.name), rule.busy.as_secs_f64()));
    out.metric(Counter, "tagwerk_rule_busy_seconds_total", "Time that rules took.", busy);
    let memory = rules.iter().map(|rule| (of(&*rule.name), rule.memory));
    out.metric(Gauge, "tagwerk_rule_memory_bytes", "What rules hold.", memory);
    let commands = app.rules.commands();
    let outcomes = commands.iter().flat_map(|(rule, done)| {
        [("taken", done.taken), ("expired", done.expired), ("refused", done.refused)]
            .map(|(outcome, count)| (vec![("rule", &**rule), ("outcome", outcome)], count))
    });
    let help = "Commands of rules to devices.";
    out.metric(Counter, "tagwerk_rule_commands_total", help, outcomes);
}

fn lookups(app: &App, out: &mut Exposition) {
    use Kind::{Counter, Gauge};
    let views = app.lookups.shelf().list();
    let of = |view: &'_ TableView| vec![("table", view.checked.name.to_string())];
    let labelled: Vec<(Vec<(&'static str, String)>, &TableView)> =
        views.iter().map(|view| (of(view), view)).collect();
    let each = |value: fn(&TableView) -> Option<f64>| {
        let values = labelled.iter().filter_map(move |(labels, view)| {
            let labels: Labels<'_> = labels.iter().map(|(key, name)| (*key, &**name)).collect();
            Some((labels, value(view)?))
        });
        values.collect::<Vec<_>>()
    };
    let rows = each(|view| Some(view.current.as_ref()?.table.rows() as f64));
    out.metric(Gauge, "tagwerk_table_rows", "Rows of lookup tables.", rows);
    let bytes = each(|view| Some(view.current.as_ref()?.bytes as f64));
    out.metric(Gauge, "tagwerk_table_bytes", "Size of lookup tables.", bytes);
    let read = each(|view| Some(view.current.as_ref()?.read_unix_ns as f64 / 1e9));
    let help = "When the source of a lookup table was last read, as seconds since 1970.";
    out.metric(Gauge, "tagwerk_table_read_timestamp_seconds", help, read);
    let failing = each(|view| Some(f64::from(u8::from(view.failing.is_some()))));
    let help = "1 while a lookup table cannot be read.";
    out.metric(Gauge, "tagwerk_table_failing", help, failing);
    let reads = each(|view| Some(view.reads as f64));
    out.metric(Counter, "tagwerk_table_reads_total", "Readings that went well.", reads);
    let failures = each(|view| Some(view.failures as f64));
    let help = "Readings of lookup tables that failed.";
    out.metric(Counter, "tagwerk_table_failures_total", help, failures);
}

fn ledger(app: &App, out: &mut Exposition) {
    let totals = app.books.ledger.totals();
    let outcomes = [
        ("good", totals.good()),
        ("uncertain", totals.uncertain),
        ("bad", totals.bad_samples()),
        ("suppressed", totals.suppressed),
        ("missed", totals.missed_samples()),
    ];
    let help = "Samples that were expected since the start, by what became of them.";
    let samples = outcomes.map(|(outcome, count)| (vec![("outcome", outcome)], count));
    out.metric(Kind::Counter, "tagwerk_ledger_samples_total", help, samples);
    let help = "Samples that were not read since the start, by reason.";
    let missed = totals.missed.iter().map(|(why, n)| (vec![("reason", why.name())], *n));
    out.metric(Kind::Counter, "tagwerk_ledger_missed_total", help, missed);
    let help = "Messages that destinations refused for good.";
    let letters = app.runtime.dead_letters(None).len();
    out.metric(Kind::Gauge, "tagwerk_dead_letters", help, one(letters as u64));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_has_its_help_once_and_its_labels_escaped() {
        let mut out = Exposition::default();
        let samples = [(vec![("device", "a\"b\\c\n")], 1), (vec![("device", "d")], 2)];
        out.metric(Kind::Counter, "tagwerk_x_total", "Help.", samples);
        out.metric(Kind::Gauge, "tagwerk_none", "Help.", Vec::<(Labels<'_>, u64)>::new());
        assert_eq!(
            out.text,
            "# HELP tagwerk_x_total Help.\n# TYPE tagwerk_x_total counter\n\
             tagwerk_x_total{device=\"a\\\"b\\\\c\\n\"} 1\ntagwerk_x_total{device=\"d\"} 2\n"
        );
    }

    #[test]
    fn counters_end_in_total_and_nothing_else_does() {
        let names = DEVICE_COUNTERS.iter().map(|(name, ..)| *name);
        assert!(names.into_iter().all(|name| name.ends_with("_total")));
        for (kind, name, ..) in SINK_COUNTERS {
            assert_eq!(matches!(kind, Kind::Counter), name.ends_with("_total"), "{name}");
        }
    }
}
