//! Alerts in people's hands: what was made of a period, who was told of an alert and who took it on.
//!
//! Each act and each notice is a record of its own, an edition of the series `alert-act` or
//! `alert-notice` of the week: listed, sealed, logged and backed up like any other, and never
//! changed. What follows from them (whether an alert is still open, who is told next) is computed
//! when it is asked.

use std::collections::BTreeMap;

use domain::duty::{AlertActFormat, AlertNoticeFormat};
use domain::record::Record;
use domain::{
    Agent, Alert, AlertAct, AlertDeed, AlertId, AlertNotice, AlertSet, IsoWeek, Kind, Named,
    PipelineName, RunKey, RunOutcome, Statement, Timestamp, canonical,
};
use serde::de::DeserializeOwned;

use crate::desk::Desk;
use crate::error::Error;
use crate::intake::slug;
use crate::ledger::{Edition, NewRecord};
use crate::pipelines::Pipeline;
use crate::reconcile::series;
use crate::review::ACT_VERSION;
use crate::rights::By;
use crate::stage::{RunIdentity, RunSettings};

/// The activity of what people do with alerts.
pub const ALERT_ACT: &str = "alert-act";
/// The activity of telling people of alerts.
pub const ALERT_NOTICE: &str = "alert-notice";
/// The version of the statements of both.
const VERSION: u32 = ACT_VERSION;
/// Others who write to the same series at the same moment are given way this often.
pub(crate) const TRIES: u32 = 8;

/// Something about an alert, when it was done, and the run that recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated<T> {
    /// What.
    pub what: T,
    /// When.
    pub at: Timestamp,
    /// Recorded as.
    pub run: RunKey,
}

/// What became of one alert, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// What people did with it.
    pub acts: Vec<Dated<AlertAct>>,
    /// Who was told, or could not be.
    pub notices: Vec<Dated<AlertNotice>>,
}

impl Handled {
    /// Whether nobody has taken it on yet.
    pub fn is_open(&self) -> bool {
        self.acts.is_empty()
    }
}

/// How alerts of one series were judged by those who said something beyond having seen them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Alerts that were acted on or dismissed, by the last that was said of each.
    pub judged: u32,
    /// Those of them that were dismissed.
    pub dismissed: u32,
}

/// The alerts of a week, as their latest edition has them.
#[derive(Clone, Debug)]
pub struct WeekAlerts {
    /// The alerts.
    pub set: AlertSet,
    /// Their edition.
    pub edition: Edition,
}

impl Desk {
    /// The latest alerts of each week, oldest week first; of one week, when it is given.
    ///
    /// # Errors
    /// When the ledger or the store does not answer.
    pub async fn alerts_of(
        &self,
        pipeline: &PipelineName,
        week: Option<IsoWeek>,
    ) -> Result<Vec<WeekAlerts>, Error> {
        let period = week.map(|w| w.to_string());
        let editions = self
            .vault
            .ledger
            .editions(&slug("alert"), pipeline, period.as_deref())
            .await?;
        let latest: BTreeMap<String, Edition> = (editions.into_iter())
            .map(|edition| (edition.period.clone(), edition))
            .collect();
        let mut all = Vec::with_capacity(latest.len());
        for edition in latest.into_values() {
            let set = self.read_edition(&edition).await?;
            all.push(WeekAlerts { set, edition });
        }
        Ok(all)
    }

    async fn read_edition<T: DeserializeOwned>(&self, edition: &Edition) -> Result<T, Error> {
        let envelope = self.vault.envelope(edition.subject).await?;
        self.vault
            .read_json(edition.subject, &envelope, edition.artifact)
            .await
    }

    /// What became of alerts, of every week or of one.
    ///
    /// # Errors
    /// When the ledger or the store does not answer.
    pub async fn handled(
        &self,
        pipeline: &PipelineName,
        week: Option<IsoWeek>,
    ) -> Result<BTreeMap<AlertId, Handled>, Error> {
        let mut all: BTreeMap<AlertId, Handled> = BTreeMap::new();
        for act in self
            .series_of::<AlertAct>(ALERT_ACT, pipeline, week)
            .await?
        {
            all.entry(act.what.alert).or_default().acts.push(act);
        }
        for notice in self
            .series_of::<AlertNotice>(ALERT_NOTICE, pipeline, week)
            .await?
        {
            let handled = all.entry(notice.what.alert).or_default();
            handled.notices.push(notice);
        }
        Ok(all)
    }

    pub(crate) async fn series_of<T: DeserializeOwned>(
        &self,
        activity: &'static str,
        pipeline: &PipelineName,
        week: Option<IsoWeek>,
    ) -> Result<Vec<Dated<T>>, Error> {
        let period = week.map(|w| w.to_string());
        let editions = self
            .vault
            .ledger
            .editions(&slug(activity), pipeline, period.as_deref())
            .await?;
        let mut all = Vec::with_capacity(editions.len());
        for edition in editions {
            all.push(Dated {
                what: self.read_edition(&edition).await?,
                at: edition.made_at,
                run: edition.run_key,
            });
        }
        Ok(all)
    }

    /// How alerts were judged so far, by series ([`Alert::series`]): what a threshold is set by.
    ///
    /// # Errors
    /// When the ledger or the store does not answer.
    pub async fn judged(&self, pipeline: &PipelineName) -> Result<BTreeMap<String, Judged>, Error> {
        let acts = self
            .series_of::<AlertAct>(ALERT_ACT, pipeline, None)
            .await?;
        let mut last: BTreeMap<AlertId, AlertAct> = BTreeMap::new();
        for act in acts {
            if act.what.did != AlertDeed::Acknowledge {
                last.insert(act.what.alert, act.what);
            }
        }
        let mut judged: BTreeMap<String, Judged> = BTreeMap::new();
        for act in last.into_values() {
            let series = judged.entry(act.series).or_default();
            series.judged += 1;
            series.dismissed += u32::from(act.did == AlertDeed::Dismiss);
        }
        Ok(judged)
    }

    /// The alert whose id begins so, with its week; also without `alert_`.
    ///
    /// # Errors
    /// When there is none or there are several, or the ledger does not answer.
    pub async fn find_alert(
        &self,
        pipeline: &PipelineName,
        id: &str,
    ) -> Result<(WeekAlerts, Alert), Error> {
        let wanted = id.trim().trim_start_matches("alert_");
        let mut found: Vec<(WeekAlerts, Alert)> = Vec::new();
        for week in self.alerts_of(pipeline, None).await? {
            for alert in &week.set.alerts {
                let name = alert.id.to_string();
                let named = name.trim_start_matches("alert_").starts_with(wanted);
                // An alert stands in one week; the latest, should it ever be in two.
                if named && !wanted.is_empty() {
                    found.retain(|(_, other)| other.id != alert.id);
                    found.push((week.clone(), alert.clone()));
                }
            }
        }
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            (None, _) => Err(Error::NoSuchAlert(id.to_owned())),
            (Some(_), false) => Err(Error::SeveralAlerts(id.to_owned())),
        }
    }

    /// Records what a person does with an alert; `week` is what [`find_alert`](Self::find_alert)
    /// gave. Saying the same again changes nothing.
    ///
    /// # Errors
    /// When nobody is named, a reason lacks where one is needed, or the ledger does not answer.
    pub async fn judge_alert(
        &self,
        pipeline: &Pipeline,
        week: &WeekAlerts,
        alert: &Alert,
        did: AlertDeed,
        by: By<'_>,
        reason: Option<&str>,
    ) -> Result<AlertAct, Error> {
        let reason = reason.map(str::trim).filter(|r| !r.is_empty());
        let shown = by.shown().trim();
        if shown.is_empty() {
            return Err(Error::NobodyNamed);
        }
        if did.needs_reason() && reason.is_none() {
            return Err(Error::ReasonNeeded(did.as_str()));
        }
        let act = AlertAct {
            format: AlertActFormat::V1,
            alert: alert.id,
            kind: alert.kind,
            series: alert.series(),
            by: shown.to_owned(),
            did,
            reason: reason.map(str::to_owned),
        };
        let collection = &pipeline.source.file.collection;
        let secret = self.vault.secrets.collection_secret(collection);
        let agent = by.agent(&secret);
        for _ in 0..TRIES {
            let handled = self.handled(pipeline.name(), Some(week.set.period.week));
            let mut handled = handled.await?.remove(&alert.id).unwrap_or_default();
            let last = handled.acts.pop();
            if last.as_ref().is_some_and(|last| last.what == act) {
                return Ok(act);
            }
            let after = last.map_or(week.edition.run_key, |last| last.run);
            let written = Writing {
                activity: ALERT_ACT,
                kind: Kind::AlertAct,
                agent: agent.clone(),
                after,
            };
            let bytes = canonical::to_bytes(&act)?;
            if self
                .write_series(pipeline, &week.edition.period, written, &bytes)
                .await?
            {
                return Ok(act);
            }
        }
        Err(Error::SeriesBusy(ALERT_ACT))
    }

    /// Records that a person was told of an alert, or could not be.
    ///
    /// # Errors
    /// When the ledger or the store does not answer.
    pub async fn record_notice(
        &self,
        pipeline: &Pipeline,
        week: &WeekAlerts,
        notice: &AlertNotice,
    ) -> Result<(), Error> {
        for _ in 0..TRIES {
            let handled = self.handled(pipeline.name(), Some(week.set.period.week));
            let mut handled = handled.await?.remove(&notice.alert).unwrap_or_default();
            let last = handled.notices.pop();
            let after = last.map_or(week.edition.run_key, |last| last.run);
            let written = Writing {
                activity: ALERT_NOTICE,
                kind: Kind::AlertNotice,
                agent: Agent::Software { version: VERSION },
                after,
            };
            let bytes = canonical::to_bytes(notice)?;
            if self
                .write_series(pipeline, &week.edition.period, written, &bytes)
                .await?
            {
                return Ok(());
            }
        }
        Err(Error::SeriesBusy(ALERT_NOTICE))
    }

    /// Writes the next of a series. `false` when someone else took its place.
    pub(crate) async fn write_series(
        &self,
        pipeline: &Pipeline,
        period: &str,
        writing: Writing,
        bytes: &[u8],
    ) -> Result<bool, Error> {
        let vault = &self.vault;
        let started = self.clock.now();
        let name = pipeline.name();
        let activity = slug(writing.activity);
        let collection = &pipeline.source.file.collection;
        let subject = series(vault, collection, &activity, name, period)?;
        let envelope = vault.envelope_or_new(subject).await?;
        let editions = vault.ledger.editions(&activity, name, Some(period)).await?;
        let artifact = vault.write(subject, &envelope, bytes).await?;
        let settings = RunSettings {
            settings: serde_json::json!({}),
            models: Vec::new(),
        }
        .sealed()?;
        let named = Named {
            kind: writing.kind,
            name: artifact,
        };
        // What it follows is a part of it, so that saying A, B and A again are three acts.
        let input_runs = vec![writing.after];
        let identity = RunIdentity {
            activity: &activity,
            version: VERSION,
            inputs: &[artifact],
            input_runs: &input_runs,
            period: Some(period),
            settings: settings.0,
        };
        let run_key = envelope.run_key(&canonical::to_bytes(&identity)?);
        let statement = Statement {
            subject,
            activity: activity.clone(),
            agent: writing.agent,
            run_key,
            generation: 0,
            // What was said is what was seen: the key is that of what the statement names.
            inputs: vec![named],
            input_runs,
            period: Some(period.to_owned()),
            settings: settings.0,
            models: Vec::new(),
            outcome: RunOutcome::Done,
            reason: None,
            outputs: vec![named],
            children: Vec::new(),
            quality: None,
        };
        let made_at = self.clock.now();
        let circumstances = self.build.circumstances(started, made_at, 1, false);
        let record = NewRecord {
            run_key,
            generation: 0,
            subject,
            activity: activity.clone(),
            outcome: RunOutcome::Done,
            bytes: Record::new(statement, circumstances).to_bytes()?,
        };
        let edition = Edition {
            subject,
            reconciler: activity,
            pipeline: name.clone(),
            period: period.to_owned(),
            number: editions.iter().map(|e| e.number).max().unwrap_or(0) + 1,
            run_key,
            artifact,
            made_at,
        };
        Ok(vault
            .ledger
            .publish_edition(&edition, &record, &settings)
            .await?)
    }
}

/// What is written next to a series.
pub(crate) struct Writing {
    pub(crate) activity: &'static str,
    pub(crate) kind: Kind,
    pub(crate) agent: Agent,
    /// The run it follows.
    pub(crate) after: RunKey,
}

/// A notice of the current format.
pub fn notice(
    alert: AlertId,
    person: &str,
    channel: domain::Channel,
    (level, attempt): (u32, u32),
    failure: Option<String>,
) -> AlertNotice {
    AlertNotice {
        format: AlertNoticeFormat::V1,
        alert,
        person: person.to_owned(),
        channel,
        level,
        attempt,
        failure,
    }
}
