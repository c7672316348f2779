//! What is watched of a pipeline that routes by itself: whether its promise is kept, and whether
//! documents still resemble those before. Values in, values out: `greffier promise` and the simulated
//! year (`greffier eval year`) call the same functions.
//!
//! Only documents drawn by the audit key measure the promise: those that somebody happened to open
//! are no fair sample. What people correct among the documents that all go to people is a fair
//! sample too, of other documents: it can only call for caution ([`inference::watch`]). Documents
//! that no longer resemble those before suspend nothing: they are an alert, and a reason to look at
//! more of them.

mod drift;
mod page;

use std::collections::BTreeMap;

use domain::{IsoWeek, Lang, Timestamp};
use inference::promise::{lower_bound, upper_bound};
use inference::watch::{Against, Looked, evidence};
use serde::{Deserialize, Serialize};

pub use drift::{Drift, Signal, WeekLook, drift, weekly};
pub use page::{Shown, decimal, header, page, percent, row};

/// With fewer documents looked at than this, no rate is said.
pub const FEW: usize = 10;

/// People chose a service that the model has not learnt so many times lately.
const UNLEARNT: usize = 3;

/// Weeks in which that is counted.
const LATELY: i64 = 4;

/// One document that was routed, as far as the watch needs it.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The ISO week it was received in.
    pub week: IsoWeek,
    /// When it was received.
    pub received_at: Timestamp,
    /// The service it was sent or proposed to; `None` where none was.
    pub service: Option<String>,
    /// Whether it went by itself.
    pub automatic: bool,
    /// Whether it is within the share that people look at, had it gone by itself.
    pub drawn: bool,
    /// What the model was confident of; `None` where a rule or a form decided, or there is no model.
    pub confidence: Option<f64>,
    /// Cosine to the nearest mean of a service.
    pub nearness: Option<f64>,
    /// Tells one model from another.
    pub head: Option<String>,
    /// How it came.
    pub channel: String,
    /// Of most of its text, `fr` or `en`.
    pub language: String,
    /// How it was read.
    pub scan: Scan,
    /// The known form it is.
    pub form: String,
    /// Whether a person agreed; `None` while nobody has decided.
    pub right: Option<bool>,
    /// The service that a person chose, where they chose one.
    pub chosen: Option<String>,
}

impl Fact {
    /// Whether it counts for the measure of the promise.
    fn measures(&self) -> bool {
        self.automatic && self.drawn
    }
}

/// How a document was read.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Scan {
    /// From the text that the file holds.
    #[default]
    Digital,
    /// By OCR, plainly.
    Clear,
    /// By OCR, with doubts.
    Hard,
    /// Not all of it.
    Partly,
}

impl Scan {
    /// By OCR with less confidence than this, a scan is hard to read.
    const CLEAR_PERCENT: u8 = 85;

    /// Of a quality sheet; without one, the text is taken to be the file's own.
    pub fn of(quality: Option<&domain::Quality>) -> Self {
        match quality {
            Some(sheet) if !sheet.is_whole() => Self::Partly,
            Some(sheet) if sheet.read_by_ocr > 0 => match sheet.confidence_percent {
                Some(percent) if percent >= Self::CLEAR_PERCENT => Self::Clear,
                _ => Self::Hard,
            },
            _ => Self::Digital,
        }
    }

    /// In words.
    pub const fn told(self, lang: Lang) -> &'static str {
        match self {
            Self::Digital => lang.pick("numérique", "digital"),
            Self::Clear => lang.pick("scan lisible", "clear scan"),
            Self::Hard => lang.pick("scan difficile", "hard scan"),
            Self::Partly => lang.pick("lu en partie", "partly read"),
        }
    }
}

/// What was measured of some documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Measure {
    /// Routed by themselves.
    pub automatic: usize,
    /// Of these, drawn to be looked at.
    pub drawn: usize,
    /// Of these, looked at by a person.
    pub seen: usize,
    /// Of these, for another service.
    pub misrouted: usize,
}

impl Measure {
    /// Of these documents.
    pub fn of<'a>(facts: impl Iterator<Item = &'a Fact>) -> Self {
        let mut measure = Self::default();
        facts.for_each(|fact| measure.add(fact));
        measure
    }

    fn add(&mut self, one: &Fact) {
        if !one.automatic {
            return;
        }
        self.automatic += 1;
        self.drawn += usize::from(one.drawn);
        self.seen += usize::from(one.drawn && one.right.is_some());
        self.misrouted += usize::from(one.drawn && one.right == Some(false));
    }

    /// The interval that holds the rate of misrouting, each end with this confidence.
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        match self.seen {
            0 => (0.0, 1.0),
            seen => (
                lower_bound(self.misrouted, seen, confidence),
                upper_bound(self.misrouted, seen, confidence),
            ),
        }
    }

    /// That interval where documents enough were looked at to say something.
    pub fn told(&self, confidence: f64) -> Option<(f64, f64)> {
        (self.seen >= FEW).then(|| self.interval(confidence))
    }
}

/// What cells of the measure are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The ISO week of reception.
    Week,
    /// The service it was sent to.
    Service,
    /// How it came.
    Channel,
    /// Of its text.
    Language,
    /// How it was read.
    Scan,
    /// The known form it is.
    Form,
}

impl By {
    /// In words.
    pub const fn told(self, lang: Lang) -> &'static str {
        match self {
            Self::Week => lang.pick("semaine", "week"),
            Self::Service => "service",
            Self::Channel => lang.pick("canal", "channel"),
            Self::Language => lang.pick("langue", "language"),
            Self::Scan => lang.pick("lecture", "reading"),
            Self::Form => lang.pick("formulaire", "form"),
        }
    }
}

/// The measure by week, service, channel, language, quality of the scan and form.
pub fn cells(facts: &[Fact], lang: Lang) -> BTreeMap<By, BTreeMap<String, Measure>> {
    let mut cells: BTreeMap<By, BTreeMap<String, Measure>> = BTreeMap::new();
    for one in facts.iter().filter(|f| f.automatic) {
        for (by, value) in [
            (By::Week, one.week.to_string()),
            (By::Service, one.service.clone().unwrap_or_default()),
            (By::Channel, one.channel.clone()),
            (By::Language, one.language.clone()),
            (By::Scan, one.scan.told(lang).to_owned()),
            (By::Form, one.form.clone()),
        ] {
            let of = cells.entry(by).or_default();
            of.entry(value).or_default().add(one);
        }
    }
    cells
}

/// What a pipeline promises.
#[derive(Clone, Debug)]
pub struct Promised {
    /// Highest share of misrouted documents among those routed by themselves.
    pub max_misrouting: f64,
    /// Confidence with which that is promised.
    pub confidence: f64,
    /// Services it routes to.
    pub services: Vec<String>,
    /// Services that the model in force has learnt; none where there is no model.
    pub learnt: Vec<String>,
}

/// Why a promise is suspended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    tag = "against",
    content = "service",
    deny_unknown_fields
)]
pub enum Cause {
    /// More errors than promised among the documents drawn.
    Promise,
    /// Far more than promised among those drawn that were sent to this service.
    Service(String),
    /// A precaution: what is proposed to this service is corrected more often than the model expects.
    Confidence(String),
    /// A precaution: people send documents to this service, which the model has never learnt.
    Unlearnt(String),
}

impl Cause {
    /// Whether it is no proof that the promise is broken.
    pub const fn is_precaution(&self) -> bool {
        matches!(self, Self::Confidence(_) | Self::Unlearnt(_))
    }

    /// In words, after "suspended:".
    pub fn told(&self, lang: Lang) -> String {
        match (self, lang) {
            (Self::Promise, Lang::Fr) => "plus d’erreurs que promis".to_owned(),
            (Self::Promise, Lang::En) => "more errors than promised".to_owned(),
            (Self::Service(s), Lang::Fr) => {
                format!("trop d’erreurs parmi ce qui est envoyé à « {s} »")
            }
            (Self::Service(s), Lang::En) => format!("too many errors in what is sent to `{s}`"),
            (Self::Confidence(s), Lang::Fr) => format!(
                "par précaution : ce qui est proposé à « {s} » est corrigé bien plus souvent que prévu"
            ),
            (Self::Unlearnt(s), Lang::Fr) => format!(
                "par précaution : des documents sont pour « {s} », que le modèle n’a jamais appris"
            ),
            (Self::Unlearnt(s), Lang::En) => format!(
                "as a precaution: documents are for `{s}`, which the model has never learnt"
            ),
            (Self::Confidence(s), Lang::En) => format!(
                "as a precaution: what is proposed to `{s}` is corrected far more often than expected"
            ),
        }
    }
}

/// What people's decisions say of a promise.
#[derive(Clone, Debug, Serialize)]
pub struct Judgement {
    /// Of the documents that count.
    pub measure: Measure,
    /// What a stake of 1 against the promise has become.
    pub stake: f64,
    /// The stake at which the promise is broken.
    pub broken_at: f64,
    /// What speaks most against it, once it is broken.
    pub broken: Option<Cause>,
}

/// What people's decisions up to the week `now` say of a promise, on the documents received `since`.
pub fn judge(
    facts: &[Fact],
    promised: &Promised,
    since: Option<Timestamp>,
    now: IsoWeek,
) -> Judgement {
    let counted = |f: &&Fact| since.is_none_or(|since| f.received_at >= since);
    let mut order: Vec<&Fact> = facts.iter().filter(counted).collect();
    order.sort_by_key(|f| f.received_at);
    let measure = Measure::of(order.iter().copied());
    let zone = domain::time::Zone::paris();
    let first = since.map(|since| since.week_in(&zone));
    let first = first.or_else(|| order.first().map(|f| f.week));
    let weeks = weeks(first.unwrap_or(now), now);
    let looked: Vec<Looked> = order
        .iter()
        .filter_map(|f| looked(f, promised, &weeks))
        .collect();
    let services = promised.services.len();
    let found = evidence(&looked, promised.max_misrouting, services, weeks.len());
    let name = |service: usize| promised.services.get(service).cloned().unwrap_or_default();
    let cause = match found.most {
        Against::Promise => Cause::Promise,
        Against::Service(service) => Cause::Service(name(service)),
        Against::Confidence(service) => Cause::Confidence(name(service)),
    };
    Judgement {
        measure,
        stake: found.stake,
        broken_at: 1.0 / (1.0 - promised.confidence),
        broken: match found.breaks(promised.confidence) {
            true => Some(cause),
            false => unforeseen(&order, promised, now).map(Cause::Unlearnt),
        },
    }
}

/// The service that takes most of what people send to services the model has not learnt, where that
/// is a larger share of what they decide than may be misrouted. No chance is involved: while people
/// choose services that were learnt, this is never said; and a service that gets a letter now and then
/// is an alert ([`unlearnt`]), not a reason to stop.
fn unforeseen(order: &[&Fact], promised: &Promised, now: IsoWeek) -> Option<String> {
    if promised.learnt.is_empty() {
        return None;
    }
    let lately = now.plus(1 - LATELY);
    let lately = |f: &&&Fact| f.week >= lately && f.week <= now && f.chosen.is_some();
    let decided = order.iter().filter(lately).count();
    let found = unlearnt(order.iter().copied(), &promised.learnt, now);
    let many: usize = found.iter().map(|(_, count)| count).sum();
    let most = found.into_iter().max_by_key(|(_, count)| *count);
    let share = many as f64 / decided.max(1) as f64;
    most.filter(|_| share > promised.max_misrouting)
        .map(|(service, _)| service)
}

/// A document as evidence: drawn, or one of those that all go to people.
fn looked(fact: &Fact, promised: &Promised, weeks: &[IsoWeek]) -> Option<Looked> {
    let service = fact.service.as_ref()?;
    let wrong = !fact.right?;
    // One that went by itself and was not drawn was opened because something seemed wrong with it.
    (!fact.automatic || fact.drawn).then_some(())?;
    Some(Looked {
        week: weeks.partition_point(|week| *week < fact.week),
        service: promised.services.iter().position(|s| s == service),
        drawn: fact.measures(),
        confidence: fact.confidence,
        wrong,
    })
}

/// The weeks from one to another, both counted; at most twenty years of them.
fn weeks(first: IsoWeek, last: IsoWeek) -> Vec<IsoWeek> {
    let all = std::iter::successors(Some(first), |week| Some(week.plus(1)));
    all.take(1040).take_while(|week| *week <= last).collect()
}

/// Services that people chose lately instead of what the model proposed, or where nothing was
/// proposed, and that the model has not learnt: it can only misroute their documents. What a rule or
/// a known form sent there counts for nothing: it needs no model. With how many were sent there in
/// the last four weeks.
pub fn unlearnt<'a>(
    facts: impl IntoIterator<Item = &'a Fact>,
    learnt: &[String],
    now: IsoWeek,
) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    let lately = now.plus(1 - LATELY);
    let facts = facts.into_iter();
    let of_model = |f: &&Fact| f.service.is_none() || f.confidence.is_some();
    let other = |f: &&Fact| f.service != f.chosen;
    let lately = |f: &&Fact| f.week >= lately && f.week <= now;
    for fact in facts.filter(lately).filter(of_model).filter(other) {
        if let Some(chosen) = fact.chosen.as_ref().filter(|c| !learnt.contains(c)) {
            *counts.entry(chosen).or_default() += 1;
        }
    }
    let many = counts.into_iter().filter(|(_, count)| *count >= UNLEARNT);
    many.map(|(service, count)| (service.clone(), count))
        .collect()
}

/// What is said of services that the model has not learnt.
pub fn unlearnt_told(unlearnt: &[(String, usize)], lang: Lang) -> Option<String> {
    if unlearnt.is_empty() {
        return None;
    }
    let list: Vec<String> = unlearnt
        .iter()
        .map(|(service, count)| match lang {
            Lang::Fr => format!("« {service} » ({count} documents en quatre semaines)"),
            Lang::En => format!("`{service}` ({count} documents in four weeks)"),
        })
        .collect();
    let list = list.join(", ");
    Some(match lang {
        Lang::Fr => format!(
            "ALERTE : des personnes envoient des documents à des services que le modèle n’a jamais appris : {list}. Il ne peut que se tromper sur ceux-là : réapprenez avec les documents validés (greffier train --validated)."
        ),
        Lang::En => format!(
            "ALERT: people send documents to services that the model has never learnt: {list}. It can only be wrong about these: train again with the validated documents (greffier train --validated)."
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(n: i64, drawn: bool, chosen: Option<&str>) -> Fact {
        let week: IsoWeek = "2026-W10".parse().expect("a week");
        Fact {
            week: week.plus(n),
            received_at: Timestamp::from_micros(1_772_600_000_000_000 + n * 604_800_000_000)
                .expect("a moment"),
            service: Some("voirie".to_owned()),
            automatic: true,
            drawn,
            confidence: None,
            nearness: None,
            head: None,
            channel: String::new(),
            language: "fr".to_owned(),
            scan: Scan::Digital,
            form: String::new(),
            right: chosen.map(|chosen| chosen == "voirie"),
            chosen: chosen.map(str::to_owned),
        }
    }

    fn promised() -> Promised {
        Promised {
            max_misrouting: 0.03,
            confidence: 0.95,
            services: vec!["ccas".to_owned(), "voirie".to_owned()],
            learnt: vec!["ccas".to_owned(), "voirie".to_owned()],
        }
    }

    #[test]
    fn only_what_was_drawn_counts() {
        let mut measure = Measure::default();
        for (drawn, chosen) in [
            (true, Some("voirie")),
            (true, Some("ccas")),
            (true, None),
            (false, Some("ccas")),
            (false, None),
        ] {
            measure.add(&fact(0, drawn, chosen));
        }
        let Measure {
            automatic,
            drawn,
            seen,
            misrouted,
        } = measure;
        assert_eq!((automatic, drawn, seen, misrouted), (5, 3, 2, 1));
        let (low, high) = Measure {
            seen: 20,
            misrouted: 4,
            ..Measure::default()
        }
        .interval(0.95);
        assert!(
            (0.07..0.08).contains(&low) && (0.40..0.41).contains(&high),
            "{low} {high}"
        );
        assert_eq!(Measure::default().interval(0.95), (0.0, 1.0));
        assert_eq!(Measure::default().told(0.95), None);
    }

    #[test]
    fn errors_that_somebody_came_upon_suspend_nothing() {
        let week = "2026-W13".parse().expect("a week");
        let opened: Vec<Fact> = (0..40).map(|n| fact(n % 4, false, Some("ccas"))).collect();
        assert_eq!(judge(&opened, &promised(), None, week).broken, None);
        let drawn: Vec<Fact> = (0..6).map(|n| fact(n % 4, true, Some("ccas"))).collect();
        let judged = judge(&drawn, &promised(), None, week);
        assert!(judged.broken.is_some() && judged.stake >= judged.broken_at);
        // What came before the last lift counts no more.
        let since = Timestamp::from_micros(1_772_600_000_000_000 + 4 * 604_800_000_000);
        let judged = judge(&drawn, &promised(), since, week.plus(1));
        assert_eq!((judged.broken, judged.measure.seen), (None, 0));
    }

    #[test]
    fn a_service_never_learnt_is_named() {
        let week: IsoWeek = "2026-W13".parse().expect("a week");
        let fact = |n: i64, drawn: bool, chosen: Option<&str>| Fact {
            confidence: Some(0.4),
            ..fact(n, drawn, chosen)
        };
        let facts: Vec<Fact> = (0..4).map(|n| fact(n, true, Some("espaces"))).collect();
        let learnt = ["voirie".to_owned()];
        assert_eq!(unlearnt(&facts, &learnt, week), [("espaces".to_owned(), 4)]);
        assert!(unlearnt(&facts, &learnt, week.plus(2)).is_empty());
        assert!(unlearnt_told(&[], Lang::Fr).is_none());
        // A large part of what people decide: a precaution. A small one: an alert alone.
        let broken = |facts: &[Fact]| judge(facts, &promised(), None, week).broken;
        let review = |n: i64, chosen: &str| Fact {
            automatic: false,
            ..fact(n % 4, false, Some(chosen))
        };
        let mut facts: Vec<Fact> = (0..20).map(|n| review(n, "voirie")).collect();
        facts.extend((0..3).map(|n| review(n, "espaces")));
        assert_eq!(broken(&facts), Some(Cause::Unlearnt("espaces".to_owned())));
        facts.extend((0..200).map(|n| review(n, "voirie")));
        assert_eq!(broken(&facts), None);
    }

    #[test]
    fn a_service_that_rules_serve_is_not_one_the_model_should_have_learnt() {
        let week: IsoWeek = "2026-W13".parse().expect("a week");
        let accepted = |n: i64, service: &str, confidence: Option<f64>| Fact {
            automatic: false,
            service: Some(service.to_owned()),
            confidence,
            right: Some(true),
            ..fact(n % 4, false, Some(service))
        };
        let mut facts: Vec<Fact> = (0..20).map(|n| accepted(n, "voirie", Some(0.9))).collect();
        facts.extend((0..3).map(|n| accepted(n, "mdph", None)));
        let learnt = ["ccas".to_owned(), "voirie".to_owned()];
        assert!(unlearnt(&facts, &learnt, week).is_empty());
        assert_eq!(judge(&facts, &promised(), None, week).broken, None);
        // Where nothing was proposed, the model was at a loss.
        facts.extend((0..3).map(|n| Fact {
            service: None,
            ..accepted(n, "mdph", None)
        }));
        assert_eq!(unlearnt(&facts, &learnt, week), [("mdph".to_owned(), 3)]);
    }

    #[test]
    fn scans_are_told_apart() {
        let sheet = |read_by_ocr, confidence_percent, waiting_for_ocr| domain::Quality {
            pages: 1,
            read_by_ocr,
            confidence_percent,
            waiting_for_ocr,
            ..domain::Quality::default()
        };
        for (sheet, expected) in [
            (None, Scan::Digital),
            (Some(sheet(0, None, 0)), Scan::Digital),
            (Some(sheet(1, Some(93), 0)), Scan::Clear),
            (Some(sheet(1, Some(60), 0)), Scan::Hard),
            (Some(sheet(0, None, 1)), Scan::Partly),
        ] {
            assert_eq!(Scan::of(sheet.as_ref()), expected);
        }
    }
}
