//! The town of a simulated year: what arrives, who looks at it, what follows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use domain::time::Zone;
use domain::{Digest, IsoWeek, Lang, Outcome, PipelineName, Probability, RunKey, Timestamp};
use inference::head::{Example, TrainSettings, train};
use pipeline::file::SourceFile;
use serde::Serialize;

use super::super::routing::figures::{Draw, shuffled};
use crate::commands::classify::outcome;
use crate::models::{Models, Switch};
use crate::stages::{Classifier, ClassifySettings, EmbedSettings, Rules};
use crate::watch::{
    Cause, Fact, Judgement, Measure, Promised, Scan, Signal, drift, judge, unlearnt,
};

/// Weeks after an alert in which people train again.
const MENDED_AFTER: usize = 2;

/// Of what the model proposed to a service in the last two weeks: from this many documents,
/// and this share of them sent by people to one that it has not learnt, whoever trains takes the
/// service for renamed.
const RENAMED: (usize, f64) = (10, 0.8);

/// Labelled texts with their vectors.
pub struct Texts {
    /// What the set is called.
    pub name: String,
    /// The texts.
    pub texts: Vec<String>,
    /// Their vectors.
    pub vectors: Vec<Vec<f32>>,
    /// Places in `names`.
    pub labels: Vec<usize>,
    /// The labels.
    pub names: Vec<String>,
}

/// What is supposed.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Weeks of the year.
    pub weeks: usize,
    /// Documents a week.
    pub per_week: usize,
    /// The week, counted from 1, in which everything changes.
    pub drift_week: usize,
    /// Documents that people look at in a week, at most.
    pub capacity: usize,
    /// Share of decisions that people get wrong.
    pub slips: f64,
    /// Documents of the first training.
    pub initial: usize,
    /// Latest validated documents that a training reads, at most.
    pub memory: usize,
    /// Weeks between trainings.
    pub retrain_every: usize,
    /// The promise.
    pub max_misrouting: f64,
    /// Its confidence.
    pub confidence: f64,
    /// Share of the documents routed by themselves that people look at all the same.
    pub audit_share: f64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Event {
    /// A service was renamed and a new kind of form came.
    Change,
    /// Alert: documents do not resemble those before.
    Drift {
        /// How.
        signals: Vec<Signal>,
    },
    /// Alert: people choose services that the model has not learnt.
    Unlearnt {
        /// Which.
        services: Vec<String>,
    },
    /// Alert: the promise is suspended.
    Suspended {
        /// Why.
        cause: Cause,
    },
    /// People trained a model and put it in force.
    Retrained {
        /// A service that they took for renamed.
        renamed: Option<String>,
    },
    /// And lifted the suspension.
    Lifted,
}

impl Event {
    /// Whether it is an alert.
    pub const fn alerts(&self) -> bool {
        matches!(
            self,
            Self::Drift { .. } | Self::Unlearnt { .. } | Self::Suspended { .. }
        )
    }

    /// In words.
    pub fn told(&self, lang: Lang) -> String {
        match (self, lang) {
            (Self::Change, Lang::Fr) => "service renommé, nouveau formulaire".to_owned(),
            (Self::Change, Lang::En) => "service renamed, new form".to_owned(),
            (Self::Drift { signals }, _) => {
                let how: Vec<&str> = signals.iter().map(|s| s.told(lang)).collect();
                format!("{} : {}", lang.pick("alerte", "alert"), how.join(", "))
            }
            (Self::Unlearnt { services }, Lang::Fr) => {
                format!("alerte : service jamais appris ({})", services.join(", "))
            }
            (Self::Unlearnt { services }, Lang::En) => {
                format!("alert: service never learnt ({})", services.join(", "))
            }
            (Self::Suspended { cause }, Lang::Fr) => {
                format!("alerte : promesse suspendue, {}", cause.told(lang))
            }
            (Self::Suspended { cause }, Lang::En) => {
                format!("alert: promise suspended, {}", cause.told(lang))
            }
            (Self::Retrained { renamed }, _) => match renamed {
                Some(service) => format!(
                    "{} ({} {service})",
                    lang.pick("réappris", "trained again"),
                    lang.pick("renommé en", "renamed to")
                ),
                None => lang.pick("réappris", "trained again").to_owned(),
            },
            (Self::Lifted, _) => lang.pick("reprise", "lifted").to_owned(),
        }
    }
}

/// One week.
#[derive(Clone, Debug, Serialize)]
pub struct Week {
    /// Counted from 1.
    pub week: usize,
    /// Documents that arrived.
    pub documents: usize,
    /// Of these, routed by themselves.
    pub automatic: usize,
    /// Of these, wrongly: nobody in the town knows it.
    pub misrouted: usize,
    /// What the town measured this week.
    pub measure: Measure,
    /// What a stake against the promise has become by its end.
    pub stake: f64,
    /// Whether the promise was suspended while it went on.
    pub suspended: bool,
    /// Documents that wait for a person at its end.
    pub waiting: usize,
    /// The chance of its most surprising comparison, where there was one.
    pub surprise: Option<f64>,
    /// What happened by its end.
    pub events: Vec<Event>,
}

/// What cannot change in the year.
pub struct Town<'a> {
    set: &'a Texts,
    plan: &'a Plan,
    models: Arc<Models>,
    source: SourceFile,
    rules: Rules,
    promised: Promised,
    secrets: privacy::Secrets,
    /// The label whose service is renamed, and the one that comes as a new form.
    renamed: usize,
    new_form: usize,
}

/// A document on its way: its place in the set, and where it should go.
#[derive(Clone, Copy)]
struct Sent {
    text: usize,
    right: usize,
}

/// What goes on.
struct Going {
    draw: Draw,
    usual: VecDeque<usize>,
    new: VecDeque<usize>,
    facts: Vec<Fact>,
    sent: Vec<Sent>,
    queue: VecDeque<usize>,
    validated: Vec<Sent>,
    learnt: Vec<String>,
    settings: TrainSettings,
    since: Option<Timestamp>,
    suspended: bool,
    alerted: Option<usize>,
    said: Vec<String>,
    drifting: bool,
}

/// The pipeline of the town; services are `s0`, `s1`…, the last of them the new name.
fn pipeline(set: &Texts, plan: &Plan) -> Result<SourceFile> {
    use std::fmt::Write as _;
    let mut text = format!(
        "pipeline = \"year\"\ntitle = \"Une année simulée\"\ncollection = \"year\"\ntime_zone = \"Europe/Paris\"\naccepts = [\"files\"]\nclass = \"normal\"\nstages = [\"extract\", \"split\", \"embed\", \"classify\", \"check\", \"route\"]\n\n[stage.route]\nmax_misrouting = {}\nconfidence = {}\naudit_share = {}\n",
        plan.max_misrouting, plan.confidence, plan.audit_share
    );
    for (place, name) in set
        .names
        .iter()
        .chain([&"nouveau nom".to_owned()])
        .enumerate()
    {
        let name = serde_json::to_string(&format!("{name} ({place})"))?;
        write!(
            text,
            "\n[[services]]\nid = \"s{place}\"\nname = {name}\ndescription = {name}\n"
        )?;
    }
    Ok(SourceFile::parse("year.toml", text)?)
}

impl<'a> Town<'a> {
    /// A town, drawn from the seed.
    ///
    /// # Errors
    /// When the set is too small for a year.
    pub fn new(set: &'a Texts, plan: &'a Plan, models: Arc<Models>, seed: u64) -> Result<Self> {
        let mut counts = vec![0_usize; set.names.len()];
        set.labels.iter().for_each(|label| counts[*label] += 1);
        let n = set.texts.len();
        // Services that have a fair part of the mail: what nobody writes to changes nothing.
        let mut common: Vec<usize> = (0..counts.len()).collect();
        common.retain(|label| counts[*label] * 20 >= n && counts[*label] * 2 <= n);
        ensure!(
            common.len() >= 3 && n >= plan.initial + 2 * plan.per_week,
            "{}: {n} texts, {} labels with 5 to 50 % of them: at least {} and 3 are needed",
            set.name,
            common.len(),
            plan.initial + 2 * plan.per_week
        );
        let mut draw = Draw::new(seed, "services");
        let order = shuffled(common.len(), &mut draw);
        let source = pipeline(set, plan)?;
        let services = source.file.services.iter();
        let services = services.map(|s| s.id().to_string()).collect();
        let rules = Rules::build(&source)?;
        Ok(Self {
            set,
            plan,
            models,
            rules,
            promised: Promised {
                max_misrouting: plan.max_misrouting,
                confidence: plan.confidence,
                services,
                learnt: Vec::new(),
            },
            secrets: privacy::Secrets::derived(format!("a simulated year {seed}").as_bytes())?,
            renamed: common[order[0]],
            new_form: common[order[1]],
            source,
        })
    }

    /// What changes, by name: the service renamed, and the label that is new.
    pub fn changes(&self) -> (String, String) {
        let name = |label: usize| self.set.names[label].clone();
        (name(self.renamed), name(self.new_form))
    }

    fn name(&self) -> &PipelineName {
        &self.source.file.pipeline
    }

    /// The year, week by week; `tick` is called after each.
    ///
    /// # Errors
    /// When a model cannot be trained or used.
    pub fn live(&self, seed: u64, tick: &dyn Fn()) -> Result<Vec<Week>> {
        let mut draw = Draw::new(seed, "arrivals");
        let order = shuffled(self.set.texts.len(), &mut draw);
        let is_new = |text: &usize| self.set.labels[*text] == self.new_form;
        let new: VecDeque<usize> = order.iter().copied().filter(is_new).collect();
        let mut usual: VecDeque<usize> = order.iter().copied().filter(|t| !is_new(t)).collect();
        let first: Vec<usize> = usual
            .drain(..self.plan.initial.min(usual.len() / 2))
            .collect();
        let mut going = Going {
            draw,
            usual,
            new,
            facts: Vec::new(),
            sent: Vec::new(),
            queue: VecDeque::new(),
            validated: Vec::new(),
            learnt: Vec::new(),
            settings: TrainSettings {
                max_misrouting: self.plan.max_misrouting,
                confidence: self.plan.confidence,
                ..TrainSettings::default()
            },
            since: None,
            suspended: false,
            alerted: None,
            said: Vec::new(),
            drifting: false,
        };
        for text in first {
            let right = self.chosen(self.set.labels[text], 0, &mut going.draw);
            going.validated.push(Sent { text, right });
        }
        self.train(&mut going, 0)?;
        let mut weeks = Vec::new();
        for week in 1..=self.plan.weeks {
            weeks.push(self.week(&mut going, week)?);
            tick();
        }
        Ok(weeks)
    }

    fn iso(&self, week: usize) -> Result<IsoWeek> {
        let first: IsoWeek = "2026-W01".parse()?;
        Ok(first.plus(week as i64))
    }

    fn changed(&self, week: usize) -> bool {
        week >= self.plan.drift_week
    }

    /// Where a person sends a document: seldom elsewhere than they should.
    fn chosen(&self, right: usize, week: usize, draw: &mut Draw) -> usize {
        let slips = (draw.below(1_000_000) as f64) < self.plan.slips * 1e6;
        match slips {
            false => right,
            true => loop {
                let other = draw.below(self.set.names.len());
                let unknown = other == self.new_form && !self.changed(week);
                let gone = other == self.renamed && self.changed(week);
                if other != right && !unknown && !gone {
                    break other;
                }
            },
        }
    }

    /// The next document that arrives.
    fn arrival(&self, going: &mut Going, week: usize) -> Sent {
        let new_share = going.new.len() as f64 / self.set.texts.len() as f64;
        let is_new = self.changed(week) && (going.draw.below(1_000_000) as f64) < new_share * 1e6;
        let from = if is_new {
            &mut going.new
        } else {
            &mut going.usual
        };
        // Once all have come they come again, in the same order.
        from.rotate_left(1);
        let text = from.back().copied().unwrap_or(0);
        let right = match self.set.labels[text] {
            label if label == self.renamed && self.changed(week) => self.set.names.len(),
            label => label,
        };
        Sent { text, right }
    }

    fn week(&self, going: &mut Going, week: usize) -> Result<Week> {
        let iso = self.iso(week)?;
        let (from, _) = iso.bounds(&Zone::paris()).context("a week")?;
        let classifier = Classifier::new(
            &self.source,
            ClassifySettings::default(),
            self.models.clone(),
        )?;
        let head = self.models.head_digest(self.name())?.map(|d| d.to_string());
        let mut told = Week {
            week,
            documents: self.plan.per_week,
            automatic: 0,
            misrouted: 0,
            measure: Measure::default(),
            stake: 1.0,
            suspended: going.suspended,
            waiting: 0,
            surprise: None,
            events: Vec::new(),
        };
        let mut drawn_now = VecDeque::new();
        for n in 0..self.plan.per_week {
            let sent = self.arrival(going, week);
            let (text, vector) = (&self.set.texts[sent.text], &self.set.vectors[sent.text]);
            let said = classifier.classify(text, vector, false)?;
            let run = Digest::of(format!("{week} {n} {}", sent.text).as_bytes());
            let share = Probability::from_f64(self.plan.audit_share);
            let run = RunKey::from_bytes(*run.as_bytes());
            let drawn = privacy::share::is_drawn(self.secrets.audit_key(), &run, share);
            let found = outcome(&self.rules, &said);
            let automatic = found == Outcome::Automatic && !going.suspended;
            let first = said.candidates.first();
            let proposed = first.filter(|_| found != Outcome::Unknown);
            let fact = Fact {
                week: iso,
                received_at: Timestamp::from_micros(from.micros() + n as i64)
                    .context("a moment")?,
                service: proposed.map(|(service, _)| service.clone()),
                automatic,
                drawn,
                confidence: proposed.map(|(_, p)| p.as_f64()),
                nearness: said.nearness.map(|n| n.found.as_f64()),
                head: head.clone(),
                channel: String::new(),
                language: String::new(),
                scan: Scan::Digital,
                form: String::new(),
                right: None,
                chosen: None,
            };
            let right = fact.service.as_ref() == Some(&self.id(sent.right));
            told.automatic += usize::from(automatic);
            told.misrouted += usize::from(automatic && !right);
            let place = going.facts.len();
            match (automatic, drawn) {
                (true, true) => drawn_now.push_back(place),
                (true, false) => {}
                (false, _) => going.queue.push_back(place),
            }
            going.facts.push(fact);
            going.sent.push(sent);
        }
        // What was drawn stands among the rest; here it is looked at first, and the oldest next.
        drawn_now.append(&mut going.queue);
        going.queue = drawn_now;
        for _ in 0..self.plan.capacity {
            let Some(place) = going.queue.pop_front() else {
                break;
            };
            let sent = going.sent[place];
            let right = self.chosen(sent.right, week, &mut going.draw);
            let (fact, chosen) = (&mut going.facts[place], self.id(right));
            fact.right = Some(fact.service.as_ref() == Some(&chosen));
            fact.chosen = Some(chosen);
            going.validated.push(Sent { right, ..sent });
        }
        told.waiting = going.queue.len();
        if week == self.plan.drift_week {
            told.events.push(Event::Change);
        }
        let judged = self.look(going, week, iso, &mut told)?;
        told.stake = judged.stake;
        let of_week = |f: &&Fact| f.week == iso;
        told.measure = Measure::of(going.facts.iter().filter(of_week));
        self.mend(going, week, &mut told)?;
        Ok(told)
    }

    fn id(&self, label: usize) -> String {
        self.promised.services[label].clone()
    }

    /// The weekly look: what `greffier promise` says, from what the town knows.
    fn look(
        &self,
        going: &mut Going,
        week: usize,
        iso: IsoWeek,
        told: &mut Week,
    ) -> Result<Judgement> {
        let promised = Promised {
            learnt: going.learnt.clone(),
            ..self.promised.clone()
        };
        let judged = judge(&going.facts, &promised, going.since, iso);
        if let Some(cause) = judged.broken.clone().filter(|_| !going.suspended) {
            going.suspended = true;
            // Whatever was said before, people need time to look at what is suspended.
            going.alerted = Some(week);
            let cause = match cause {
                Cause::Promise => Cause::Promise,
                Cause::Service(id) => Cause::Service(self.told(&id)),
                Cause::Confidence(id) => Cause::Confidence(self.told(&id)),
                Cause::Unlearnt(id) => Cause::Unlearnt(self.told(&id)),
            };
            told.events.push(Event::Suspended { cause });
        }
        let half_year = iso.plus(-25);
        let late = going.facts.partition_point(|f| f.week < half_year);
        let (found, look) = drift(&going.facts[late..], iso);
        told.surprise = look.and_then(|look| look.surprise());
        if let Some(found) = found.as_ref().filter(|_| !going.drifting) {
            going.alerted.get_or_insert(week);
            told.events.push(Event::Drift {
                signals: found.signals.clone(),
            });
        }
        going.drifting = found.is_some();
        let lately = unlearnt(&going.facts, &going.learnt, iso);
        let new: Vec<String> = lately.into_iter().map(|(id, _)| id).collect();
        let new: Vec<String> = new
            .into_iter()
            .filter(|s| !going.said.contains(s))
            .collect();
        if !new.is_empty() {
            going.alerted.get_or_insert(week);
            let services = new.iter().map(|id| self.told(id)).collect();
            told.events.push(Event::Unlearnt { services });
            going.said.extend(new);
        }
        Ok(judged)
    }

    fn told(&self, id: &str) -> String {
        let label = self.promised.services.iter().position(|s| s == id);
        let name = label.and_then(|label| self.set.names.get(label)).cloned();
        name.unwrap_or_else(|| format!("{} (nouveau nom)", self.set.names[self.renamed]))
    }

    /// People train again: from time to time, and after an alert.
    fn mend(&self, going: &mut Going, week: usize, told: &mut Week) -> Result<()> {
        let after_alert = going.alerted.is_some_and(|at| week >= at + MENDED_AFTER);
        if !after_alert && !week.is_multiple_of(self.plan.retrain_every) {
            return Ok(());
        }
        // While a promise is suspended nothing is urgent: not before people had time to look.
        if going.suspended && !after_alert {
            return Ok(());
        }
        let renamed = self.renamed_by_people(going, week)?;
        if let Some((from, to)) = renamed {
            for one in &mut going.validated {
                if one.right == from {
                    one.right = to;
                }
            }
        }
        self.train(going, week)?;
        told.events.push(Event::Retrained {
            renamed: renamed.map(|(_, to)| self.told(&self.id(to))),
        });
        going.alerted = None;
        if going.suspended {
            going.suspended = false;
            // What is received from next week on.
            going.since = self
                .iso(week + 1)?
                .bounds(&Zone::paris())
                .map(|(from, _)| from);
            told.events.push(Event::Lifted);
        }
        Ok(())
    }

    /// A service whose documents people send to one that the model has not learnt.
    fn renamed_by_people(&self, going: &Going, week: usize) -> Result<Option<(usize, usize)>> {
        let lately = self.iso(week.saturating_sub(1))?;
        let mut counts: BTreeMap<(&String, &String), usize> = BTreeMap::new();
        let mut decided: BTreeMap<&String, usize> = BTreeMap::new();
        for fact in going.facts.iter().filter(|f| f.week >= lately) {
            if let (Some(proposed), Some(chosen)) = (&fact.service, &fact.chosen) {
                *counts.entry((proposed, chosen)).or_default() += 1;
                *decided.entry(proposed).or_default() += 1;
            }
        }
        let place = |id: &String| self.promised.services.iter().position(|s| s == id);
        let (fewest, share) = RENAMED;
        let renamed = counts.iter().find(|((proposed, chosen), count)| {
            **count >= fewest
                && **count as f64 >= share * decided[proposed] as f64
                && !going.learnt.contains(chosen)
        });
        Ok(renamed.and_then(|((from, to), _)| Some((place(from)?, place(to)?))))
    }

    /// Trains as `greffier train` does, and puts the head in force as `models promote` does.
    fn train(&self, going: &mut Going, week: usize) -> Result<()> {
        let late = going.validated.len().saturating_sub(self.plan.memory);
        let labels: Vec<String> = going.validated[late..]
            .iter()
            .map(|one| self.id(one.right))
            .collect();
        let examples: Vec<Example<'_>> = going.validated[late..]
            .iter()
            .zip(&labels)
            .map(|(one, label)| Example {
                text: &self.set.texts[one.text],
                vector: &self.set.vectors[one.text],
                label,
                validated: true,
            })
            .collect();
        let encoder = self
            .models
            .encoder_digest(&EmbedSettings::default().encoder)?;
        let head = train(&examples, &going.settings, encoder)?;
        // The strengths chosen the first time serve all year: choosing takes most of the time.
        let card = head.card();
        going.settings.costs = vec![card.cost];
        going.settings.chars_scales = vec![card.chars_scale];
        going.settings.dense_scales = vec![card.dense_scale];
        going.learnt = card.labels.iter().map(|l| l.label.clone()).collect();
        going.said.clear();
        let digest = self.models.keep(self.name(), &head)?;
        let from = self.models.head_digest(self.name())?;
        let (at, _) = self.iso(week)?.bounds(&Zone::paris()).context("a week")?;
        self.models
            .put_in_force(self.name(), &Switch::new(at, from, digest))
    }
}
