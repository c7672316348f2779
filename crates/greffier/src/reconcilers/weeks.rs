//! The weeks that reports arrive in: which of them owe alerts or a synthesis, as `tick` sees them.
//!
//! The log is read once: what is kept is how far, and which weeks still owe something. Losing it
//! costs time and changes nothing: the same reports make the same edition, which is then found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use domain::time::Zone;
use domain::{IsoWeek, PipelineName, SubjectId, Timestamp};
use pipeline::desk::Desk;
use pipeline::file::weekly;
use pipeline::ledger::DocumentState;
use pipeline::pipelines::Pipeline;
use serde::{Deserialize, Serialize};

use crate::house::House;

use super::{ALERT, SYNTHESISE, alerts, is_reconciler, reconciles, slug, standing, synthesise};

/// Records read at a time.
const BATCH: u32 = 1_000;
/// Records of other pipelines after which the position alone is worth writing down.
const WORTH_KEEPING: u64 = 1_000;
const SECOND: i64 = 1_000_000;
/// Reports that arrive together make one edition: so long without another is the end of them.
const QUIET: i64 = 5 * SECOND;
/// And so long after the first, nobody waits for the rest.
const LONGEST: i64 = 30 * SECOND;
/// How long what failed is left alone.
const AFTER_FAILURE: i64 = 60 * SECOND;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// When what is owed is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Once reports have stopped arriving for a moment, or for too long.
    Settled,
    /// Now: nobody looks again.
    AtOnce,
}

/// Something that was made, or could not be.
#[derive(Debug)]
pub struct Outcome {
    /// `alert` or `synthesise`.
    pub reconciler: &'static str,
    /// Of this pipeline.
    pub pipeline: PipelineName,
    /// Of this week.
    pub week: IsoWeek,
    /// How many alerts the week has, and whether this edition is new; or why there is none.
    pub made: Result<(usize, bool)>,
}

/// The weeks that owe something.
#[derive(Debug)]
pub struct Weeks {
    path: PathBuf,
    kept: Kept,
    written: Kept,
    /// What failed, and when it is tried again.
    failed: BTreeMap<(PipelineName, IsoWeek), Timestamp>,
    /// The one that was looked at last.
    last: Option<(PipelineName, IsoWeek)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Kept {
    /// Leaf of the log that is looked at next.
    position: u64,
    /// Weeks whose synthesis is not made yet.
    weeks: BTreeMap<PipelineName, BTreeMap<IsoWeek, Owed>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Owed {
    /// First and last report that no alerts were made of yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<(Timestamp, Timestamp)>,
    /// When its alerts were last made.
    #[serde(skip_serializing_if = "Option::is_none")]
    alerted: Option<Timestamp>,
    /// Reports that were still being processed then, and when that was last counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    processing: Option<(usize, Timestamp)>,
}

impl Owed {
    fn touch(&mut self, now: Timestamp) {
        let first = self.since.map_or(now, |(first, _)| first);
        self.since = Some((first, now));
    }
}

impl Weeks {
    /// Where it was left, in this data directory.
    pub fn open(data: &Path) -> Self {
        let path = data.join("weeks.json");
        let kept: Kept = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "the log is looked at from its start: weeks.json is damaged");
                Kept::default()
            }),
            Err(_) => Kept::default(),
        };
        Self {
            path,
            written: kept.clone(),
            kept,
            failed: BTreeMap::new(),
            last: None,
        }
    }

    /// Weeks that owe alerts, and weeks that owe a synthesis.
    pub fn owed(&self) -> (usize, usize) {
        let all = || self.kept.weeks.values().flat_map(BTreeMap::values);
        (
            all().filter(|owed| owed.since.is_some()).count(),
            all().count(),
        )
    }

    /// Notices in which weeks documents were received since the last look.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn look(&mut self, desk: &Desk) -> Result<()> {
        let ledger = &desk.vault.ledger;
        let end = ledger.log_size().await?;
        // A shorter log is another one.
        if end < self.kept.position {
            self.kept = Kept::default();
        }
        if !desk.pipelines.iter().any(reconciles) {
            self.kept.position = end;
        }
        while self.kept.position < end {
            let records = ledger.log(self.kept.position, BATCH).await?;
            let Some(last) = records.last().and_then(|r| r.leaf_index) else {
                break;
            };
            let subjects: BTreeSet<SubjectId> = records
                .iter()
                .filter(|r| !is_reconciler(r.record.activity.as_str()))
                .map(|r| r.record.subject)
                .collect();
            for subject in subjects {
                let Some(row) = ledger.document(subject.as_document()).await? else {
                    continue;
                };
                let Ok(pipeline) = desk.pipelines.get(&row.pipeline) else {
                    continue;
                };
                if row.parent.is_none() && reconciles(pipeline) {
                    let week = row.received_at.week_in(&pipeline.source.zone().0);
                    let weeks = self.kept.weeks.entry(row.pipeline).or_default();
                    weeks.entry(week).or_default().touch(desk.clock.now());
                }
            }
            self.kept.position = last + 1;
        }
        self.keep()
    }

    /// Makes what is owed and due, the latest week first. Unless all of it is wanted at once, one week
    /// at a time: what is urgent is in this one, and does not wait for what is late in others.
    ///
    /// # Errors
    /// When the ledger does not answer, or what is kept cannot be written. What goes wrong with a
    /// week is in its outcome, and other weeks go on.
    pub async fn settle(&mut self, house: &House, when: When) -> Result<Vec<Outcome>> {
        let desk = &house.desk;
        let mut outcomes = Vec::new();
        let mut all: Vec<(PipelineName, IsoWeek)> = self
            .kept
            .weeks
            .iter()
            .flat_map(|(name, weeks)| weeks.keys().map(|week| (name.clone(), *week)))
            .collect();
        // A week in which reports never stop arriving takes turns with the others.
        all.sort_by_key(|key| (self.last.as_ref() == Some(key), std::cmp::Reverse(key.1)));
        for (name, week) in all {
            // Those of a pipeline that is not in force wait for it.
            let Ok(pipeline) = desk.pipelines.get(&name).cloned() else {
                continue;
            };
            let key = (name, week);
            let waits = self.failed.get(&key).is_some_and(|t| *t > desk.clock.now());
            if waits && when == When::Settled {
                continue;
            }
            let made = self.settle_week(house, &pipeline, week, when).await;
            if !matches!(made, Ok(None)) {
                self.last = Some(key.clone());
            }
            match made {
                Ok(None) => {}
                Ok(Some(outcome)) => {
                    self.failed.remove(&key);
                    outcomes.push(outcome);
                }
                Err((reconciler, error)) => {
                    let again = desk.clock.now().plus_micros(AFTER_FAILURE);
                    self.failed.insert(key.clone(), again);
                    outcomes.push(Outcome {
                        reconciler,
                        pipeline: key.0,
                        week,
                        made: Err(error),
                    });
                }
            }
            self.keep()?;
            if when == When::Settled && !outcomes.is_empty() {
                break;
            }
        }
        Ok(outcomes)
    }

    async fn settle_week(
        &mut self,
        house: &House,
        pipeline: &Pipeline,
        week: IsoWeek,
        when: When,
    ) -> Result<Option<Outcome>, (&'static str, anyhow::Error)> {
        let desk = &house.desk;
        let name = pipeline.name();
        let mut owed = self.kept.weeks[name][&week];
        let now = desk.clock.now();
        let (zone, _) = pipeline.source.zone();
        // A report may be done without a record after its last one: its stage had nothing to do.
        if let Some((before, counted)) = owed.processing
            && (when == When::AtOnce || now.micros() - counted.micros() >= QUIET)
        {
            let processing = standing(desk, pipeline, week, DocumentState::Processing).await;
            let processing = processing.map_err(|e| (ALERT, e))?;
            if processing != before {
                owed.touch(now);
            }
            owed.processing = (processing > 0).then_some((processing, now));
        }
        let schedule = |reconciler: &str, otherwise: &'static str| {
            let entry = pipeline.source.file.reconcile.get(&slug(reconciler));
            entry.map_or(otherwise, |e| e.schedule()).to_owned()
        };
        let past = |schedule: &str| due(schedule, week, &zone).is_some_and(|due| now >= due);
        let over = past(&schedule(SYNTHESISE, "monday 00:00"));
        let wanted = owed.since.is_some_and(|since| {
            let alerting = schedule(ALERT, "on-arrival");
            let due = match alerting.as_str() {
                "on-arrival" => true,
                "hourly" => owed
                    .alerted
                    .is_none_or(|made| now.micros() - made.micros() >= HOUR),
                weekly => past(weekly),
            };
            due && (when == When::AtOnce || settled(since, now))
        });
        let outcome = |reconciler, alerts: usize, new: bool| Outcome {
            reconciler,
            pipeline: name.clone(),
            week,
            made: Ok((alerts, new)),
        };
        let mut made = None;
        if wanted || (over && owed.since.is_none() && owed.processing.is_none()) {
            let processing = standing(desk, pipeline, week, DocumentState::Processing).await;
            let processing = processing.map_err(|e| (ALERT, e))?;
            if over && processing == 0 {
                let made = synthesise(house, pipeline, week, domain::Audience::Team).await;
                let made = made.map_err(|e| (SYNTHESISE, e))?;
                if let Some(weeks) = self.kept.weeks.get_mut(name) {
                    weeks.remove(&week);
                }
                self.kept.weeks.retain(|_, weeks| !weeks.is_empty());
                let alerts = made.alerts.0.alerts.len();
                return Ok(Some(outcome(SYNTHESISE, alerts, made.synthesis.1.new)));
            }
            owed.processing = (processing > 0).then_some((processing, now));
            if wanted {
                let made_now = alerts(house, pipeline, week).await;
                let (set, edition) = made_now.map_err(|e| (ALERT, e))?;
                owed.since = None;
                owed.alerted = Some(now);
                made = Some(outcome(ALERT, set.alerts.len(), edition.new));
            }
        }
        let weeks = self.kept.weeks.entry(name.clone()).or_default();
        weeks.insert(week, owed);
        Ok(made)
    }

    /// Writes down what is kept, where that is worth it.
    fn keep(&mut self) -> Result<()> {
        let same_weeks = self.kept.weeks == self.written.weeks;
        let moved = self.kept.position.abs_diff(self.written.position);
        if same_weeks && moved < WORTH_KEEPING {
            return Ok(());
        }
        let part = self.path.with_extension("json.part");
        let said = || format!("cannot write {}", self.path.display());
        std::fs::write(&part, serde_json::to_vec_pretty(&self.kept)?).with_context(said)?;
        std::fs::rename(&part, &self.path).with_context(said)?;
        self.written = self.kept.clone();
        Ok(())
    }
}

/// Whether reports have stopped arriving for a moment, or for too long.
fn settled((first, last): (Timestamp, Timestamp), now: Timestamp) -> bool {
    now.micros() - last.micros() >= QUIET || now.micros() - first.micros() >= LONGEST
}

/// When what is made of a whole week is due: the first moment of its schedule after its end. A week
/// outside the calendar is never due.
fn due(schedule: &str, week: IsoWeek, zone: &Zone) -> Option<Timestamp> {
    let (_, end) = week.bounds(zone)?;
    let moment = || {
        let (after_monday, time) = weekly(schedule)?;
        // Noon of that day, whatever the clocks did since Monday.
        let noon = end.plus_micros(i64::from(after_monday) * DAY + DAY / 2);
        let text = format!("{}T{time}", noon.day_in(zone));
        Timestamp::parse_in(&text, zone).ok()
    };
    Some(moment().unwrap_or(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse_in(text, &Zone::paris()).unwrap()
    }

    #[test]
    fn a_week_is_due_at_the_first_moment_of_its_schedule_after_its_end() {
        let week: IsoWeek = "2026-W47".parse().unwrap();
        let check = |schedule: &str, expected: &str| {
            let found = due(schedule, week, &Zone::paris());
            assert_eq!(found, Some(moment(expected)), "{schedule}");
        };
        check("monday 08:00", "2026-11-23T08:00");
        check("monday 00:00", "2026-11-23T00:00");
        check("sunday 23:30", "2026-11-29T23:30");
        check("hourly", "2026-11-23T00:00");
        check("on-arrival", "2026-11-23T00:00");
    }

    #[test]
    fn a_week_in_which_the_clocks_change_is_due_at_the_hour_people_read() {
        // On Sunday 25 October 2026 the clocks go back, on Sunday 29 March 2026 forward.
        let check = |week: &str, schedule: &str, expected: &str| {
            let found = due(schedule, week.parse().unwrap(), &Zone::paris());
            assert_eq!(found, Some(moment(expected)), "{week} {schedule}");
        };
        check("2026-W43", "monday 08:00", "2026-10-26T08:00");
        check("2026-W42", "sunday 08:00", "2026-10-25T08:00");
        check("2026-W12", "sunday 08:00", "2026-03-29T08:00");
    }

    #[test]
    fn reports_that_arrive_together_are_waited_for_and_not_for_ever() {
        let at = |seconds: i64| moment("2026-11-18").plus_micros(seconds * SECOND);
        assert!(!settled((at(0), at(0)), at(4)));
        assert!(settled((at(0), at(0)), at(5)));
        assert!(!settled((at(0), at(28)), at(29)));
        assert!(settled((at(0), at(29)), at(30)));
    }
}
