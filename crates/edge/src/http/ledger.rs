//! The ledger over HTTP.

use super::devices::{instant, window};
use super::extract::Asked;
use super::refusal::Refusal;
use crate::app::{App, Shared};
use crate::ledger::{self, Range, SinkTold, Told};
use axum::Json;
use axum::extract::State;
use std::cmp::Reverse;
use tagwerk_api::{
    Account, Cause, Deviation, DeviationKind, GroupAccount, Ledger, LedgerGroupParameters,
    LedgerInterval, LedgerParameters, Page, SinkAccount, SinkInterval, Time,
};
use tagwerk_ledger::{MINUTE_NS, Missing, SinkShare, loss_text};
use tagwerk_runtime::view::{DeviceState, SinkState, SinkView};

/// Minutes of one interval: the first that makes no more than `INTERVALS_MAX` of a time.
const INTERVALS: [i64; 7] = [1, 5, 15, 60, 240, 1_440, 10_080];
const INTERVALS_MAX: i64 = 240;
const DEVIATIONS_MAX: usize = 200;
const DAYS_MAX: i64 = 400;

pub async fn ledger(
    State(app): State<Shared>,
    Asked(asked): Asked<LedgerParameters>,
) -> Result<Json<Ledger>, Refusal> {
    let range = range(&app, asked.from.as_deref(), asked.to.as_deref())?;
    let shown = app.clone();
    let work = move || {
        let told = ledger::tell(&app.books, range, asked.device.as_deref());
        (told, app.books.ledger.known_from_ns())
    };
    let told = tokio::task::spawn_blocking(work).await;
    let (told, known_from) = told.map_err(|_| Refusal::internal("summing up failed"))?;
    Ok(Json(show(&shown, range, &told, known_from)))
}

pub async fn groups(
    State(app): State<Shared>,
    Asked(asked): Asked<LedgerGroupParameters>,
) -> Result<Json<Page<GroupAccount>>, Refusal> {
    let (offset, limit) = window(asked.offset, asked.limit)?;
    let range = range(&app, asked.from.as_deref(), asked.to.as_deref())?;
    let work = move || ledger::tell(&app.books, range, asked.device.as_deref());
    let told = tokio::task::spawn_blocking(work).await;
    let mut groups = told.map_err(|_| Refusal::internal("summing up failed"))?.groups;
    groups.sort_by_key(|(set, account)| {
        let wrong = account.missed_samples() + account.bad_samples();
        (Reverse(wrong), set.device.clone(), set.group.clone())
    });
    let total = groups.len();
    let items = groups.into_iter().skip(offset).take(limit).map(|(set, of)| GroupAccount {
        device: set.device.to_string(),
        group: set.group.to_string(),
        tags: set.tags.len() as u64,
        account: account(&of),
    });
    Ok(Json(Page::new(items.collect(), offset, total)))
}

/// Whole minutes around the time that was asked for.
fn range(app: &App, from: Option<&str>, to: Option<&str>) -> Result<Range, Refusal> {
    let to = match to {
        Some(text) => instant("to", text)?,
        None => app.env.clock.wall().unix_ns,
    };
    let from = match from {
        Some(text) => instant("from", text)?,
        None => to.saturating_sub(60 * MINUTE_NS),
    };
    if from >= to {
        return Err(Refusal::invalid("`from` is not earlier than `to`", "exchange them"));
    }
    let (from, to) = (from.div_euclid(MINUTE_NS), (to - 1).div_euclid(MINUTE_NS) + 1);
    if to - from > DAYS_MAX * 1_440 {
        let remedy = "ask for a shorter time";
        return Err(Refusal::invalid(format!("a time has at most {DAYS_MAX} days"), remedy));
    }
    let fits = |minutes: &&i64| (to - from) / **minutes <= INTERVALS_MAX;
    let interval = INTERVALS.iter().find(fits).copied().unwrap_or(10_080);
    Ok(Range { from, to, interval })
}

fn show(app: &App, range: Range, told: &Told, known_from: Option<i64>) -> Ledger {
    let views = app.runtime.sinks();
    let view = |name: &str| views.iter().find(|view| &*view.name == name);
    let of_groups = told.missing.iter().map(|m| (m.open, m.to_ns, deviation(app, m)));
    let of_sinks = told.sinks.iter().flat_map(|sink| losses(sink, range));
    let mut deviations: Vec<(bool, i64, Deviation)> = of_groups.chain(of_sinks).collect();
    deviations.sort_by_key(|(open, to_ns, _)| (!open, Reverse(*to_ns)));
    let more_deviations = deviations.len().saturating_sub(DEVIATIONS_MAX) as u64;
    let deviations = deviations.into_iter().take(DEVIATIONS_MAX).map(|(.., shown)| shown);
    let names: Vec<&str> = told.sinks.iter().map(|sink| sink.sharing.name()).collect();
    let intervals = told.intervals.iter().map(|(from_ns, interval)| LedgerInterval {
        time: Time::from_unix_ns(*from_ns),
        expected: interval.account.expected(),
        good: interval.account.good(),
        uncertain: interval.account.uncertain,
        bad: interval.account.bad_samples(),
        suppressed: interval.account.suppressed,
        missed: interval.account.missed_samples(),
        sinks: names.iter().zip(&interval.sinks).map(|(name, s)| sink_interval(name, s)).collect(),
    });
    Ledger {
        from: Time::from_unix_ns(range.from * MINUTE_NS),
        to: Time::from_unix_ns(range.to * MINUTE_NS),
        known_from: known_from.map(Time::from_unix_ns),
        account: account(&told.account),
        sinks: told.sinks.iter().map(|s| sink_account(app, s, view(s.sharing.name()))).collect(),
        interval_s: range.interval as u64 * 60,
        intervals: intervals.collect(),
        deviations: deviations.collect(),
        more_deviations,
    }
}

fn account(of: &tagwerk_ledger::Account) -> Account {
    let cause = |reason: &str, text: String, samples: u64| Cause {
        reason: reason.to_owned(),
        text,
        samples,
    };
    let bad = of.bad.iter().map(|(q, n)| cause(q.name(), q.reason(), *n));
    let missed = of.missed.iter().map(|(why, n)| cause(why.name(), why.text(), *n));
    Account {
        expected: of.expected(),
        good: of.good(),
        uncertain: of.uncertain,
        bad: most_first(bad.collect()),
        suppressed: of.suppressed,
        missed: most_first(missed.collect()),
        stored: of.stored,
    }
}

fn most_first(mut causes: Vec<Cause>) -> Vec<Cause> {
    causes.sort_by_key(|cause| Reverse(cause.samples));
    causes
}

fn sink_interval(name: &str, share: &SinkShare) -> SinkInterval {
    SinkInterval {
        sink: name.to_owned(),
        delivered: share.delivered,
        pending: share.pending,
        rejected: share.rejected,
        lost: share.lost_samples(),
    }
}

fn sink_account(app: &App, told: &SinkTold, view: Option<&SinkView>) -> SinkAccount {
    let lost = told.share.lost.iter().map(|(reason, samples)| Cause {
        reason: (*reason).to_owned(),
        text: loss_text(reason).to_owned(),
        samples: *samples,
    });
    let state = view.map_or("disabled", |view| match view.state {
        SinkState::Disabled => "disabled",
        SinkState::Connecting => "connecting",
        SinkState::Connected => "connected",
        SinkState::Retrying => "retrying",
        SinkState::Failed => "failed",
    });
    SinkAccount {
        sink: told.sharing.name().to_owned(),
        state: state.to_owned(),
        expected: told.share.expected,
        delivered: told.share.delivered,
        pending: told.share.pending,
        pending_since: told.pending_since_ns.map(Time::from_unix_ns),
        rejected: told.share.rejected,
        lost: most_first(lost.collect()),
        doing: view.and_then(|view| sink_doing(app, told, view)),
    }
}

fn sink_doing(app: &App, told: &SinkTold, view: &SinkView) -> Option<String> {
    let reason = || app.secrets.redact(view.reason.clone().unwrap_or_default());
    let again = view.next_try.map_or("now".to_owned(), |next| format!("in {} s", next.as_secs()));
    let waiting = told.share.pending > 0;
    match view.state {
        SinkState::Connected if waiting => Some("catching up".to_owned()),
        SinkState::Connected if told.share.rejected > 0 => {
            Some("refused messages wait as dead letters for a retry".to_owned())
        }
        SinkState::Connected => None,
        SinkState::Disabled if waiting => {
            Some("the sink is not enabled; its place is kept".to_owned())
        }
        SinkState::Disabled => None,
        SinkState::Connecting => Some("connecting".to_owned()),
        SinkState::Retrying => Some(format!("not connected: {}; tries again {again}", reason())),
        SinkState::Failed => Some(format!("{}; change its settings", reason())),
    }
}

fn deviation(app: &App, missing: &Missing) -> Deviation {
    Deviation {
        kind: if missing.bad { DeviationKind::Bad } else { DeviationKind::Missed },
        device: Some(missing.set.device.to_string()),
        group: Some(missing.set.group.to_string()),
        sink: None,
        from: Time::from_unix_ns(missing.from_ns),
        to: Time::from_unix_ns(missing.to_ns),
        open: missing.open,
        reason: missing.why.name().to_owned(),
        text: missing.why.text(),
        samples: missing.samples,
        doing: if missing.open { device_doing(app, &missing.set.device) } else { None },
    }
}

fn device_doing(app: &App, device: &str) -> Option<String> {
    let view = app.runtime.device(device)?;
    let again = view.next_try.map_or("soon".to_owned(), |next| format!("in {} s", next.as_secs()));
    Some(match view.state {
        DeviceState::Disabled => "the device is not enabled".to_owned(),
        DeviceState::Connecting => "connecting".to_owned(),
        DeviceState::Online => "the device is online again; the next read tells".to_owned(),
        DeviceState::Offline => format!("the edge connects again {again}"),
        DeviceState::Silent => format!("the edge asks the device again {again}"),
        DeviceState::Failed => format!("the driver starts again {again}"),
    })
}

/// What a sink lost, by when that was found.
fn losses(sink: &SinkTold, range: Range) -> Vec<(bool, i64, Deviation)> {
    let within = range.from * MINUTE_NS..range.to * MINUTE_NS;
    let found = sink.sharing.losses().iter().filter(|(.., at)| within.contains(at));
    let deviations = found.map(|(span, reason, at)| {
        let shown = Deviation {
            kind: DeviationKind::Lost,
            device: None,
            group: None,
            sink: Some(sink.sharing.name().to_owned()),
            from: Time::from_unix_ns(*at),
            to: Time::from_unix_ns(*at),
            open: false,
            reason: (*reason).to_owned(),
            text: loss_text(reason).to_owned(),
            samples: span.count(),
            doing: None,
        };
        (false, *at, shown)
    });
    deviations.collect()
}
