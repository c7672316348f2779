//! What people decide about a document: a record like any other, which the next one follows and none
//! replaces.

use std::collections::BTreeSet;

use domain::act::{Act, Verdict};
use domain::canonical;
use domain::record::Record;
use domain::{
    Agent, Decision, Kind, Named, Outcome, Probability, RunOutcome, ServiceId, Statement, SubjectId,
};

use crate::desk::Desk;
use crate::error::Error;
use crate::intake::slug;
use crate::ledger::{ActCompletion, DocumentRow, DocumentState, NewRecord, RouteView};
use crate::pipelines::Pipeline;
use crate::rights::By;
use crate::stage::{RunIdentity, RunSettings};
use crate::vault::{Written, latest_of, seen_decision};

/// The version of the statement of a person's act.
pub const ACT_VERSION: u32 = 1;

/// What a person wants to do with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Review {
    /// Accept what is proposed.
    Accept,
    /// Send it to this service.
    Route(String),
    /// Send it to several services.
    Several {
        /// The one that answers; without one, that which is proposed.
        service: Option<String>,
        /// Those that have something to do too.
        also: Vec<String>,
        /// Those that have a copy.
        copies: Vec<String>,
    },
    /// It is for another authority: forward it, and tell whoever wrote (CRPA L114-2).
    NotForUs {
        /// Which: in any words, or the id of a service of the pipeline file that is `external`.
        to: String,
        /// Whether whoever wrote was told already.
        told: bool,
    },
    /// It was for another authority, and now whoever wrote was told.
    Told,
}

/// What was recorded.
#[derive(Clone, Debug)]
pub struct Reviewed {
    /// What was decided.
    pub act: Act,
    /// What had been decided before, when that was something else: both are kept, this one holds.
    pub after: Option<Act>,
}

/// What a decision is about.
struct Asked<'a> {
    row: &'a DocumentRow,
    pipeline: &'a Pipeline,
    proposed: Option<ServiceId>,
    last: Option<Verdict>,
}

impl Asked<'_> {
    fn verdict(&self, review: &Review) -> Result<Verdict, Error> {
        match review {
            Review::Accept => Ok(Verdict::Accept {
                service: self.proposed()?,
            }),
            Review::Route(service) => Ok(Verdict::Route {
                service: self.pipeline.service(service)?.id().clone(),
            }),
            Review::Several {
                service,
                also,
                copies,
            } => self.several(service.as_deref(), also, copies),
            Review::NotForUs { to, told } => self.not_for_us(to, *told),
            Review::Told => self.told(),
        }
    }

    fn proposed(&self) -> Result<ServiceId, Error> {
        let proposed = self.proposed.clone();
        proposed.ok_or(Error::NothingProposed(self.row.id))
    }

    fn several(
        &self,
        service: Option<&str>,
        also: &[String],
        copies: &[String],
    ) -> Result<Verdict, Error> {
        let main = match service {
            Some(service) => self.pipeline.service(service)?.id().clone(),
            None => self.proposed()?,
        };
        let mut seen = BTreeSet::from([main.clone()]);
        let mut ours = |ids: &[String]| {
            let mut services = Vec::with_capacity(ids.len());
            for id in ids {
                let service = self.pipeline.service(id)?;
                // It would be forwarded without anybody being told.
                if service.external {
                    return Err(Error::OneOfTheOthersIsNotOurs(service.id().clone()));
                }
                if !seen.insert(service.id().clone()) {
                    return Err(Error::ServiceTwice(service.id().clone()));
                }
                services.push(service.id().clone());
            }
            Ok(services)
        };
        let (also, copies) = (ours(also)?, ours(copies)?);
        Ok(match (also.is_empty() && copies.is_empty(), service) {
            (true, Some(_)) => Verdict::Route { service: main },
            (true, None) => Verdict::Accept { service: main },
            (false, _) => Verdict::Several {
                service: main,
                also,
                copies,
            },
        })
    }

    fn not_for_us(&self, to: &str, told: bool) -> Result<Verdict, Error> {
        let to = to.trim();
        if to.is_empty() {
            return Err(Error::NoAuthority);
        }
        Ok(match self.pipeline.service(to) {
            Ok(service) if !service.external => {
                return Err(Error::OneOfOurs(service.id().clone()));
            }
            Ok(service) => Verdict::NotForUs {
                to: service.name.clone(),
                service: Some(service.id().clone()),
                told,
            },
            Err(_) => Verdict::NotForUs {
                to: to.to_owned(),
                service: None,
                told,
            },
        })
    }

    fn told(&self) -> Result<Verdict, Error> {
        let (to, service) = match &self.last {
            Some(Verdict::NotForUs { to, service, .. }) => (to.clone(), service.clone()),
            Some(verdict) if to_tell(verdict, self.pipeline) => {
                let service = verdict.service().cloned();
                let name = service.as_ref().map(|s| self.pipeline.service_name(s));
                (name.unwrap_or_default(), service)
            }
            _ => return Err(Error::NotElsewhere(self.row.id)),
        };
        Ok(Verdict::NotForUs {
            to,
            service,
            told: true,
        })
    }
}

/// Whether whoever wrote is still to be told that another authority is competent.
fn to_tell(verdict: &Verdict, pipeline: &Pipeline) -> bool {
    match verdict {
        Verdict::NotForUs { told, .. } => !told,
        // A service that is not ours stands for such an authority.
        _ => verdict
            .service()
            .and_then(|id| pipeline.service(id.as_str()).ok())
            .is_some_and(|service| service.external),
    }
}

impl Desk {
    /// As [`decide`](Self::decide), for someone who gives a name.
    ///
    /// # Errors
    /// As it.
    pub async fn review(
        &self,
        row: &DocumentRow,
        review: &Review,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Reviewed, Error> {
        self.decide(row, review, By::Named(by), reason).await
    }

    /// Records what a person decides. Saying the same again changes nothing.
    ///
    /// # Errors
    /// When there is nothing to accept, the service is unknown, or the ledger does not answer.
    pub async fn decide(
        &self,
        row: &DocumentRow,
        review: &Review,
        by: By<'_>,
        reason: Option<&str>,
    ) -> Result<Reviewed, Error> {
        if row.state == DocumentState::Processing {
            return Err(Error::NotReady(row.id));
        }
        let started = self.clock.now();
        let subject = SubjectId::from(row.id);
        let pipeline = self.pipelines.get(&row.pipeline)?;
        let envelope = self.vault.envelope(subject).await?;
        let records = self.vault.records(subject).await?;
        // The proposal is the decision's that people see; the row says what a person chose meanwhile.
        let seen = seen_decision(&records).map(|seen| seen.name);
        let decision: Option<Decision> = match seen {
            Some(name) => Some(self.vault.read_json(subject, &envelope, name).await?),
            None => None,
        };
        let last: Option<Act> = self
            .read_latest(subject, &envelope, &records, Kind::Act)
            .await?;
        let asked = Asked {
            row,
            pipeline,
            proposed: decision.and_then(|d| d.service),
            last: last.as_ref().map(|act| act.verdict.clone()),
        };
        let verdict = asked.verdict(review)?;
        let to_tell = to_tell(&verdict, pipeline);
        let act = Act::new(by.shown(), verdict, reason.map(str::to_owned));
        let name = self
            .vault
            .write(subject, &envelope, &canonical::to_bytes(&act)?)
            .await?;
        let before = latest_of(&records, Kind::Act);
        // The same words of someone who has not signed in are not the same act.
        let again = |last: &Written| {
            let agent = &last.record.statement().agent;
            let known = matches!(
                agent,
                Agent::Person {
                    authenticated: true,
                    ..
                }
            );
            last.name == name && known == by.is_authenticated()
        };
        if before.as_ref().is_some_and(again) {
            return Ok(Reviewed { act, after: None });
        }
        let named = |kind: Kind| move |name| Named { kind, name };
        let followed = before.as_ref().map(|last| last.name);
        let inputs: Vec<Named> = (seen.map(named(Kind::Decision)).into_iter())
            .chain(followed.map(named(Kind::Act)))
            .chain([named(Kind::Act)(name)])
            .collect();
        // An act names the act it follows by its run, not only by what it said, so that deciding
        // A, B, A and B again are four acts.
        let input_runs: Vec<_> = before
            .iter()
            .map(|last| last.record.statement().run_key)
            .collect();
        let settings = RunSettings {
            settings: serde_json::json!({}),
            models: Vec::new(),
        }
        .sealed()?;
        let activity = slug("review");
        let names: Vec<_> = inputs.iter().map(|n| n.name).collect();
        let identity = RunIdentity {
            activity: &activity,
            version: ACT_VERSION,
            inputs: &names,
            input_runs: &input_runs,
            period: None,
            settings: settings.0,
        };
        let run_key = envelope.run_key(&canonical::to_bytes(&identity)?);
        let secret = self.vault.secrets.collection_secret(&row.collection);
        let statement = Statement {
            subject,
            activity: activity.clone(),
            agent: by.agent(&secret),
            run_key,
            generation: 0,
            inputs,
            input_runs,
            period: None,
            settings: settings.0,
            models: Vec::new(),
            outcome: RunOutcome::Done,
            reason: None,
            outputs: vec![Named {
                kind: Kind::Act,
                name,
            }],
            children: Vec::new(),
            quality: None,
        };
        let circumstances = self
            .build
            .circumstances(started, self.clock.now(), 1, false);
        let completion = ActCompletion {
            document: row.id,
            record: NewRecord {
                run_key,
                generation: 0,
                subject,
                activity,
                outcome: RunOutcome::Done,
                bytes: Record::new(statement, circumstances).to_bytes()?,
            },
            settings,
            route: RouteView {
                outcome: row.route.as_ref().map_or(Outcome::Unknown, |r| r.outcome),
                service: act.verdict.service().cloned(),
                also: act.verdict.also().to_vec(),
                copies: act.verdict.copies().to_vec(),
                confidence: row
                    .route
                    .as_ref()
                    .map_or(Probability::ZERO, |r| r.confidence),
                decided: true,
                to_tell,
            },
        };
        self.vault.ledger.act(&completion).await?;
        crate::log::checkpoint(&self.vault).await?;
        Ok(Reviewed { act, after: last })
    }
}
