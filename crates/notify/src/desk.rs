//! All that is to be told, and all that was: a state that changes of alarms, time and answers of channels
//! move on. Pure: the same in the same order gives the same.

use crate::episode::{Episode, Heard, Key, Why};
use crate::leg::{Entry, Leg, Taken};
use crate::plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tagwerk_alarms::alarm::ChangeKind;
use tagwerk_component::Notice;
use tagwerk_model::limits;

const DELIVER_NS: i64 = limits::NOTIFY_DELIVER_MAX.as_nanos() as i64;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desk {
    /// Never goes back.
    pub now_ns: i64,
    pub episodes: BTreeMap<Key, Episode>,
    pub legs: Vec<Leg>,
    pub letters: BTreeMap<u64, Letter>,
    pub next_id: u64,
    pub channels: BTreeMap<Box<str>, Tally>,
    /// Nothing is due before; a lower bound.
    due_ns: i64,
}

/// A notice on its way to a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    pub route: Box<str>,
    pub channel: Box<str>,
    pub notice: Notice,
    /// Recipients that have neither taken nor refused it.
    pub to: Vec<Box<str>>,
    pub made_ns: i64,
    /// When it was due, and when the first of its alarms was raised.
    pub due_ns: i64,
    pub raised_unix_ns: i64,
}

/// What became of the notices to a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Each recipient counts.
    pub delivered: u64,
    pub refused: u64,
    pub given_up: u64,
    pub last_success_unix_ns: Option<i64>,
    pub last_failure: Option<(i64, Box<str>)>,
}

/// What became of a letter in one try, as far as it is for good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub id: u64,
    pub unix_ns: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delivered: Vec<Box<str>>,
    /// With the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<(Box<str>, Box<str>)>,
    /// Those that are left will not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<Box<str>>,
}

impl Desk {
    /// Takes what became of an alarm.
    pub fn take(&mut self, heard: &Heard, plan: &Plan) {
        self.advance(heard.at_ns, plan);
        match heard.kind {
            ChangeKind::Shelved | ChangeKind::Suppressed | ChangeKind::OutOfService => {
                self.episodes.remove(&heard.key);
                self.legs.iter_mut().for_each(|leg| leg.withdraw(&heard.key));
            }
            ChangeKind::Acknowledged => self.acknowledge(heard, plan),
            ChangeKind::NotWritten => self.tell_all(heard, plan),
            // What is put aside is told to nobody, nor that it is over.
            _ if !heard.announced => {}
            ChangeKind::Reset => {}
            _ if heard.is_active() => self.raise(heard, plan),
            _ => self.clear(heard, plan),
        }
        self.due_ns = i64::MIN;
    }

    /// Told on every route, once: nobody can acknowledge it.
    fn tell_all(&mut self, heard: &Heard, plan: &Plan) {
        for route in &plan.routes {
            for channel in route.channels(1) {
                let entry = Entry {
                    key: heard.key.clone(),
                    why: Why::Raised,
                    due_ns: heard.at_ns,
                    about: heard.about.clone(),
                    occurrences: 1,
                    over_unix_ns: None,
                    by: None,
                    comment: None,
                };
                leg(&mut self.legs, &route.name, channel).push(entry);
            }
        }
    }

    fn raise(&mut self, heard: &Heard, plan: &Plan) {
        match self.episodes.get_mut(&heard.key) {
            // That it changes too often, or no longer, is nothing new of an alarm that is there.
            Some(known) if known.active && !heard.kind.presents() => {}
            Some(known) if !known.acknowledged => known.again(heard, plan),
            _ => {
                self.episodes.insert(heard.key.clone(), Episode::begin(heard, plan));
            }
        }
    }

    fn clear(&mut self, heard: &Heard, plan: &Plan) {
        let Some(episode) = self.episodes.get_mut(&heard.key) else { return };
        if !episode.active {
            return;
        }
        episode.active = false;
        let entry = Entry {
            key: heard.key.clone(),
            why: Why::Cleared,
            due_ns: heard.at_ns,
            about: episode.about.clone(),
            occurrences: episode.occurrences,
            over_unix_ns: Some(heard.about.unix_ns),
            by: None,
            comment: None,
        };
        for mark in &mut episode.marks {
            mark.announce_ns = None;
            let tells = plan.route(&mark.route).is_some_and(|route| route.cleared);
            for leg in self.legs.iter_mut().filter(|leg| leg.route == mark.route) {
                if let Some(waiting) = leg.presenting(&heard.key) {
                    waiting.over_unix_ns = Some(heard.about.unix_ns);
                } else if tells && mark.told.contains(&leg.channel) {
                    leg.push(entry.clone());
                }
            }
        }
        if !episode.is_open() {
            self.episodes.remove(&heard.key);
        }
    }

    fn acknowledge(&mut self, heard: &Heard, plan: &Plan) {
        // Whoever was not told yet need not be: somebody knows.
        for leg in &mut self.legs {
            if leg.presenting(&heard.key).is_some() {
                leg.withdraw(&heard.key);
            }
        }
        let Some(episode) = self.episodes.get_mut(&heard.key) else { return };
        episode.acknowledged = true;
        let entry = Entry {
            key: heard.key.clone(),
            why: Why::Acknowledged,
            due_ns: heard.at_ns,
            about: episode.about.clone(),
            occurrences: episode.occurrences,
            over_unix_ns: None,
            by: heard.by.clone(),
            comment: heard.comment.clone(),
        };
        for mark in &mut episode.marks {
            mark.announce_ns = None;
            if plan.route(&mark.route).is_some_and(|route| route.acknowledged) {
                let told = |leg: &&mut Leg| leg.route == mark.route;
                let legs = self.legs.iter_mut().filter(told);
                legs.filter(|leg| mark.told.contains(&leg.channel))
                    .for_each(|leg| leg.push(entry.clone()));
            }
        }
        if !episode.active {
            self.episodes.remove(&heard.key);
        }
    }

    /// Lets time pass: what is due begins to wait on its way.
    pub fn advance(&mut self, now_ns: i64, plan: &Plan) {
        self.now_ns = self.now_ns.max(now_ns);
        if self.due_ns > self.now_ns {
            return;
        }
        self.due_ns = i64::MAX;
        let mut entries: Vec<(Box<str>, Box<str>, Entry)> = Vec::new();
        for (key, episode) in &mut self.episodes {
            for place in 0..episode.marks.len() {
                while let Some(due) = episode.advance(place, plan, self.now_ns) {
                    let entry = Entry {
                        key: key.clone(),
                        why: due.why,
                        due_ns: due.at_ns,
                        about: episode.about.clone(),
                        occurrences: episode.occurrences,
                        over_unix_ns: None,
                        by: None,
                        comment: None,
                    };
                    let route = &episode.marks[place].route;
                    let to = due.to.into_iter();
                    entries.extend(to.map(|channel| (route.clone(), channel, entry.clone())));
                }
            }
            self.due_ns = self.due_ns.min(episode.due_ns(plan).unwrap_or(i64::MAX));
        }
        // In the order of their times, however long was slept.
        entries.sort_by_key(|(.., entry)| entry.due_ns);
        for (route, channel, entry) in entries {
            leg(&mut self.legs, &route, &channel).push(entry);
        }
    }

    /// Ways on which something may be told now: the place of each, and what.
    pub fn ready(&self, plan: &Plan, unix_ns: i64) -> Vec<(usize, Taken)> {
        let legs = self.legs.iter().enumerate();
        let ready = legs.filter_map(|(place, leg)| {
            let route = plan.route(&leg.route)?;
            Some((place, leg.ready(route, plan.zone, self.now_ns, unix_ns)?))
        });
        ready.collect()
    }

    /// A letter about them is under way; what it says is up to the caller.
    pub fn hand_over(
        &mut self,
        (route, channel): (&str, &str),
        taken: Taken,
        letter: impl FnOnce(Vec<Entry>, u64) -> Letter,
    ) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let now_ns = self.now_ns;
        let (entries, more) = leg(&mut self.legs, route, channel).take(taken, id, now_ns);
        for entry in entries.iter().filter(|entry| entry.why.presents()) {
            let episode = self.episodes.get_mut(&entry.key);
            let Some(mark) = episode.and_then(|episode| episode.mark(route)) else { continue };
            if !mark.told.iter().any(|told| **told == *channel) {
                mark.told.push(channel.into());
            }
        }
        self.letters.insert(id, letter(entries, more));
        id
    }

    /// Takes what became of a letter for good.
    pub fn settle(&mut self, outcome: &Outcome) {
        let Some(letter) = self.letters.get_mut(&outcome.id) else { return };
        let tally = self.channels.entry(letter.channel.clone()).or_default();
        let mut settle = |recipient: &str| {
            let before = letter.to.len();
            letter.to.retain(|to| **to != *recipient);
            (before - letter.to.len()) as u64
        };
        for recipient in &outcome.delivered {
            tally.delivered += settle(recipient);
            tally.last_success_unix_ns = Some(outcome.unix_ns);
        }
        for (recipient, reason) in &outcome.refused {
            tally.refused += settle(recipient);
            tally.last_failure = Some((outcome.unix_ns, reason.clone()));
        }
        if let Some(reason) = &outcome.given_up {
            tally.given_up += letter.to.len() as u64;
            tally.last_failure = Some((outcome.unix_ns, reason.clone()));
            letter.to.clear();
        }
        if letter.to.is_empty() {
            for leg in self.legs.iter_mut().filter(|leg| leg.under_way == Some(outcome.id)) {
                leg.under_way = None;
            }
            self.letters.remove(&outcome.id);
        }
    }

    /// Whether a letter has been tried for long enough.
    pub fn is_stale(&self, letter: &Letter) -> bool {
        self.now_ns.saturating_sub(letter.made_ns) >= DELIVER_NS
    }

    /// Another plan holds. A route that is still there goes on; what no way leads to any more is told
    /// to nobody. Returns how many letters that are.
    pub fn follow(&mut self, plan: &Plan) -> usize {
        let leads = |route: &str, channel: &str| {
            let route = plan.route(route);
            plan.channel(channel).is_some()
                && route.is_some_and(|r| r.channels(r.levels.len()).contains(&channel))
        };
        self.legs.retain(|leg| leads(&leg.route, &leg.channel));
        let before = self.letters.len();
        self.letters.retain(|_, letter| leads(&letter.route, &letter.channel));
        self.channels.retain(|name, _| plan.channel(name).is_some());
        for episode in self.episodes.values_mut() {
            episode.marks.retain(|mark| plan.route(&mark.route).is_some());
        }
        self.due_ns = i64::MIN;
        before - self.letters.len()
    }
}

fn leg<'a>(legs: &'a mut Vec<Leg>, route: &str, channel: &str) -> &'a mut Leg {
    let found = legs.iter().position(|leg| *leg.route == *route && *leg.channel == *channel);
    let place = found.unwrap_or_else(|| {
        legs.push(Leg::new(route, channel));
        legs.len() - 1
    });
    &mut legs[place]
}

#[cfg(test)]
pub(crate) mod tests;
