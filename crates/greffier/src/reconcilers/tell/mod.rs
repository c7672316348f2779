//! Telling people of alerts: whom, by which channel, when again, and when someone else.
//!
//! What is to be done follows from what is recorded (who was told when, who took the alert on), the
//! pipeline file and the moment: [`steps`] computes it and does nothing. A notice is recorded once
//! it got through or failed, so that one cut short by a death is sent again: at least once.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use domain::time::Zone;
use domain::{Alert, AlertKind, Channel, Timestamp};
use insight::AlertSettings;
use pipeline::duty::{Handled, WeekAlerts, notice};
use pipeline::pipelines::Pipeline;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ALERT, TELL, settings};
use crate::channels::{Channels, Message};
use crate::house::House;

/// In microseconds.
const MINUTE: i64 = 60 * 1_000_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// A channel that fails is tried again after one minute, then twice as long each time, up to this.
const AGAIN_MAX: i64 = 60 * MINUTE;
/// And no more often than this: the page says that it failed.
const ATTEMPTS_MAX: u32 = 20;
/// Notices in one round: the rest waits for the next, so that nothing else waits for long.
const ROUND_MAX: usize = 20;

/// Who is told of alerts and how: `[reconcile.tell.settings]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TellSettings {
    /// Kinds of alerts that a person is told of.
    pub kinds: Vec<AlertKind>,
    /// Minutes within which someone takes an alert on; after them, the next person is told.
    pub acknowledge_within: u32,
    /// The same, for a child in danger.
    pub without_delay_within: u32,
    /// Who is told next, in this order, when nobody takes an alert on; else the others of the
    /// roster, in its order.
    pub escalate_to: Vec<String>,
    /// Days after the reception of a report from which nobody is told of it any more: what comes out
    /// of an archive is on the page alone.
    pub days: u32,
    /// Where the pages are, for the link to an alert: `http://127.0.0.1:8080`.
    pub pages: Option<String>,
    /// The relay that takes e-mails.
    pub mail: Option<MailSettings>,
    /// How people are reached. Whoever is not here is told on the page.
    pub people: Vec<Reached>,
}

impl Default for TellSettings {
    fn default() -> Self {
        Self {
            kinds: vec![AlertKind::ChildInDanger, AlertKind::Urgent],
            acknowledge_within: 30,
            without_delay_within: 10,
            escalate_to: Vec::new(),
            days: 3,
            pages: None,
            mail: None,
            people: Vec::new(),
        }
    }
}

/// The relay that takes e-mails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// `host:port` of a relay of this house that takes mail without TLS and password: `127.0.0.1:25`.
    pub relay: String,
    /// Who writes: `greffier@mairie.example`.
    pub from: String,
}

/// How a person is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// The name, as the roster has it.
    pub name: String,
    /// An e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    /// An address that takes a POST: `http://host:port/path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
}

/// What is wrong with the settings, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The number of the person in the file, from 1.
    pub person: Option<usize>,
    /// The key.
    pub key: &'static str,
    /// What was found.
    pub found: String,
    /// What should be.
    pub expected: &'static str,
}

impl TellSettings {
    /// Checks what serde cannot.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Wrong> {
        let wrong = |key, value: &dyn std::fmt::Display, expected| {
            Err(Wrong {
                person: None,
                key,
                found: format!("{key} is `{value}`"),
                expected,
            })
        };
        let minutes = "minutes, from 1 to 1440";
        if !(1..=1440).contains(&self.acknowledge_within) {
            return wrong("acknowledge_within", &self.acknowledge_within, minutes);
        }
        if !(1..=1440).contains(&self.without_delay_within) {
            return wrong("without_delay_within", &self.without_delay_within, minutes);
        }
        if let Some(mail) = &self.mail {
            if let Err(expected) = crate::channels::relay(&mail.relay) {
                return wrong("mail", &mail.relay, expected);
            }
            if crate::channels::mailbox(&mail.from).is_err() {
                return wrong("mail", &mail.from, "an e-mail address in `from`");
            }
        }
        if let Some(pages) = &self.pages
            && !(pages.starts_with("http://") || pages.starts_with("https://"))
        {
            return wrong("pages", pages, "an address such as http://127.0.0.1:8080");
        }
        let mut names = BTreeSet::new();
        for (n, person) in self.people.iter().enumerate() {
            let wrong = |key, value: &str, expected| {
                Err(Wrong {
                    person: Some(n + 1),
                    key,
                    found: format!("{key} of `{}` is `{value}`", person.name),
                    expected,
                })
            };
            if person.name.trim().is_empty() || !names.insert(&person.name) {
                return wrong("name", &person.name, "a name, once");
            }
            if let Some(mail) = &person.mail {
                if crate::channels::mailbox(mail).is_err() {
                    return wrong("mail", mail, "an e-mail address");
                }
                if self.mail.is_none() {
                    let expected =
                        "a relay, in `mail = { relay = \"127.0.0.1:25\", from = \"…\" }`";
                    return wrong("mail", mail, expected);
                }
            }
            if let Some(hook) = &person.webhook
                && hook.parse::<web::outgoing::Endpoint>().is_err()
            {
                return wrong("webhook", hook, "an address such as http://host:port/path");
            }
        }
        Ok(())
    }

    fn within(&self, kind: AlertKind) -> i64 {
        let minutes = match kind.is_without_delay() {
            true => self.without_delay_within,
            false => self.acknowledge_within,
        };
        i64::from(minutes) * MINUTE
    }

    fn reached(&self, person: &str) -> Option<&Reached> {
        self.people.iter().find(|p| p.name == person)
    }

    /// How a person is told, the page first.
    fn channels(&self, person: &str) -> Vec<Channel> {
        let reached = self.reached(person);
        let mut channels = vec![Channel::Page];
        if self.mail.is_some() && reached.is_some_and(|p| p.mail.is_some()) {
            channels.push(Channel::Mail);
        }
        if reached.is_some_and(|p| p.webhook.is_some()) {
            channels.push(Channel::Webhook);
        }
        channels
    }
}

/// One notice to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// To whom.
    pub person: String,
    /// By which channel.
    pub channel: Channel,
    /// 0 for whoever is on duty.
    pub level: u32,
    /// From 1.
    pub attempt: u32,
}

/// What is to be told of an alert now. `on_duty` is whoever is on duty at this moment.
pub fn steps(
    alert: &Alert,
    handled: &Handled,
    telling: &TellSettings,
    roster: &[String],
    on_duty: Option<&str>,
    now: Timestamp,
) -> Vec<Step> {
    let too_old = now.micros() - alert.since.micros() > i64::from(telling.days) * DAY;
    if !telling.kinds.contains(&alert.kind) || !handled.is_open() || too_old {
        return Vec::new();
    }
    // Who was told at each level, and when first.
    let mut levels: BTreeMap<u32, (&str, Timestamp)> = BTreeMap::new();
    for told in &handled.notices {
        let first = (told.what.person.as_str(), told.at);
        levels.entry(told.what.level).or_insert(first);
    }
    let mut people: Vec<(u32, String)> = levels
        .iter()
        .map(|(level, (person, _))| (*level, (*person).to_owned()))
        .collect();
    match levels.last_key_value() {
        None => people.extend(on_duty.map(|person| (0, person.to_owned()))),
        Some((level, (_, since))) => {
            let late = now.micros() - since.micros() >= telling.within(alert.kind);
            let told: BTreeSet<&str> = levels.values().map(|(person, _)| *person).collect();
            let order = match telling.escalate_to.is_empty() {
                true => roster,
                false => &telling.escalate_to,
            };
            let next = order.iter().find(|p| !told.contains(p.as_str()));
            if late && let Some(next) = next {
                people.push((level + 1, next.clone()));
            }
        }
    }
    let mut steps = Vec::new();
    for (level, person) in people {
        for channel in telling.channels(&person) {
            let so_far: Vec<_> = (handled.notices.iter())
                .filter(|n| n.what.level == level && n.what.channel == channel)
                .collect();
            let attempts = u32::try_from(so_far.len()).unwrap_or(u32::MAX);
            let through = so_far.iter().any(|n| n.what.failure.is_none());
            let waits = so_far
                .last()
                .is_some_and(|last| now.micros() - last.at.micros() < again_after(attempts));
            if !through && !waits && attempts < ATTEMPTS_MAX {
                steps.push(Step {
                    person: person.clone(),
                    channel,
                    level,
                    attempt: attempts + 1,
                });
            }
        }
    }
    steps
}

/// How long after the last of so many failures.
fn again_after(failures: u32) -> i64 {
    let doubled = 1_i64
        .checked_shl(failures.saturating_sub(1))
        .unwrap_or(i64::MAX);
    doubled.saturating_mul(MINUTE).clamp(MINUTE, AGAIN_MAX)
}

/// What a round of telling did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Notices that got through.
    pub told: u64,
    /// Notices that failed and are tried again.
    pub failed: u64,
}

/// Tells what is to be told now, of every pipeline that declares `[reconcile.tell]`.
///
/// # Errors
/// When the ledger or the store does not answer; a channel that fails is recorded.
pub async fn round(house: &House, beat: &(dyn Fn() + Sync)) -> Result<Round> {
    let mut round = Round::default();
    for pipeline in house.desk.pipelines.iter() {
        if super::tells(pipeline) {
            tell(house, pipeline, beat, &mut round).await?;
        }
    }
    Ok(round)
}

async fn tell(
    house: &House,
    pipeline: &Pipeline,
    beat: &(dyn Fn() + Sync),
    round: &mut Round,
) -> Result<()> {
    let desk = &house.desk;
    let (telling, _) = settings::<TellSettings>(&pipeline.source, TELL)?;
    let (alerting, _) = settings::<AlertSettings>(&pipeline.source, ALERT)?;
    let (zone, _) = pipeline.source.zone();
    let roster = roster(&alerting);
    let mut channels = Channels::new(&telling);
    let (mut week, last) = (
        first_week(desk.clock.now(), telling.days, &zone),
        // What is dated in the days to come is told too.
        desk.clock.now().week_in(&zone).plus(1),
    );
    let mut sent = 0;
    while week <= last {
        for of_week in desk.alerts_of(pipeline.name(), Some(week)).await? {
            let handled = desk.handled(pipeline.name(), Some(week)).await?;
            for alert in &of_week.set.alerts {
                let now = desk.clock.now();
                let none = Handled::default();
                let handled = handled.get(&alert.id).unwrap_or(&none);
                let on_duty = alerting.on_duty(alert.kind, now, &zone);
                for step in steps(alert, handled, &telling, &roster, on_duty, now) {
                    if sent >= ROUND_MAX {
                        return Ok(());
                    }
                    beat();
                    sent += 1;
                    give(
                        house,
                        pipeline,
                        (&of_week, alert),
                        &mut channels,
                        &step,
                        round,
                    )
                    .await?;
                }
            }
        }
        week = week.plus(1);
    }
    Ok(())
}

/// The week of the oldest report that somebody may still be told of.
fn first_week(now: Timestamp, days: u32, zone: &Zone) -> domain::IsoWeek {
    now.plus_micros(-i64::from(days) * DAY).week_in(zone)
}

/// Everybody of the roster, once, in its order.
fn roster(alerting: &AlertSettings) -> Vec<String> {
    let shifts = alerting.duty.iter().map(|shift| &shift.person);
    let all = shifts
        .chain(alerting.recipients.values())
        .chain(&alerting.recipient);
    let mut roster: Vec<String> = Vec::new();
    for person in all {
        if !roster.contains(person) {
            roster.push(person.clone());
        }
    }
    roster
}

async fn give(
    house: &House,
    pipeline: &Pipeline,
    (week, alert): (&WeekAlerts, &Alert),
    channels: &mut Channels<'_>,
    step: &Step,
    round: &mut Round,
) -> Result<()> {
    let desk = &house.desk;
    let sending = match step.channel {
        Channel::Page => Ok(()),
        // Whoever does not answer is left alone for the rest of the round.
        channel if channels.is_silent(channel, &step.person) => return Ok(()),
        channel => {
            let message = Message::new(house, pipeline, week, alert, step.level).await?;
            channels.send(channel, &step.person, &message).await
        }
    };
    let failure = sending.err();
    match &failure {
        None => round.told += 1,
        Some(reason) => {
            round.failed += 1;
            tracing::warn!(
                alert = %alert.id, channel = ?step.channel, attempt = step.attempt, reason,
                "an alert did not reach its recipient: it is tried again",
            );
        }
    }
    let numbers = (step.level, step.attempt);
    let notice = notice(alert.id, &step.person, step.channel, numbers, failure);
    desk.record_notice(pipeline, week, &notice).await?;
    Ok(())
}

#[cfg(test)]
mod sockets;
#[cfg(test)]
mod tests;
