//! `route`: rules first, the model second, a person last.

use domain::decision::{Classification, DecisionFormat, Method, Nearness, ReviewCause};
use domain::{
    Attachment, Completeness, Decision, FormId, Kind, Layout, ModelRef, Outcome, Probability,
    Reason, RuleId, ServiceId, Span, StageName, Threshold,
};
use pipeline::file::{FileError, SourceFile};
use pipeline::ledger::RouteView;
use pipeline::stage::{Fault, Inputs, Output, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{has_words, position_of, words_of};
use super::{name, settings};

/// Settings of `route`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouteSettings {
    /// Highest share of misrouted documents among those routed by themselves: above 0, at most 0.5.
    pub max_misrouting: f64,
    /// Confidence with which that share is promised: at least 0.5, below 1.
    pub confidence: f64,
    /// Below this probability of the first candidate nothing is proposed, as long as the model has
    /// learnt from too few documents to know what resembles them.
    pub unknown_below: f64,
    /// Whether everything goes to people whatever the promise.
    pub review_everything: bool,
    /// Share of the documents routed by themselves that people look at all the same, without being
    /// told which: from 0 to 1. What they find measures whether the promise is kept.
    pub audit_share: f64,
}

impl Default for RouteSettings {
    fn default() -> Self {
        Self {
            max_misrouting: 0.03,
            confidence: 0.95,
            unknown_below: 0.15,
            review_everything: false,
            audit_share: pipeline::pipelines::AUDIT_SHARE,
        }
    }
}

/// What the rule that a recognised form stands for is called: this, and the form's id.
const FORM_RULE: &str = "form-";

/// The rules of a pipeline and the promise it makes.
pub struct Rules {
    settings: RouteSettings,
    rules: Vec<Prepared>,
    forms: Vec<(FormId, ServiceId, String)>,
    services: usize,
}

/// A rule with its phrases folded.
struct Prepared {
    id: RuleId,
    service: ServiceId,
    any: Vec<(String, String)>,
    all: Vec<(String, String)>,
    place: Vec<(String, String)>,
    sender: Option<String>,
    recipient: Option<String>,
    form: Option<FormId>,
}

/// What rules look at.
pub struct Seen<'a> {
    /// The stored text.
    pub text: &'a str,
    /// The sender's and recipients' addresses, in lower case.
    pub sender: Option<String>,
    /// As above.
    pub recipient: Option<String>,
    /// Folded words of the fields that say where, field by field.
    pub places: Vec<String>,
    /// The form recognised.
    pub form: Option<&'a FormId>,
    /// Whether something of the document is not in its text.
    pub partly_read: bool,
}

impl Rules {
    /// The rules of a file.
    ///
    /// # Errors
    /// When the promise cannot be kept or tested, with the line.
    pub fn build(source: &SourceFile) -> Result<Self, FileError> {
        let (settings, at) = settings::<RouteSettings>(source, "route")?;
        let within = |key: &str, value: f64, good: bool, expected: &str| {
            if good {
                Ok(())
            } else {
                Err(source.wrong_in(at, key, format!("{key} = {value}"), expected))
            }
        };
        let s = &settings;
        within(
            "max_misrouting",
            s.max_misrouting,
            s.max_misrouting > 0.0 && s.max_misrouting <= 0.5,
            "a share above 0 and at most 0.5",
        )?;
        within(
            "confidence",
            s.confidence,
            (0.5..1.0).contains(&s.confidence),
            "a share from 0.5 to below 1",
        )?;
        within(
            "unknown_below",
            s.unknown_below,
            (0.0..1.0).contains(&s.unknown_below),
            "a share from 0 to below 1",
        )?;
        within(
            "audit_share",
            s.audit_share,
            (0.0..=1.0).contains(&s.audit_share),
            "a share from 0 to 1",
        )?;
        let phrases = |list: &[String]| list.iter().map(|p| (words_of(p), p.clone())).collect();
        let rules = source
            .file
            .rules
            .iter()
            .map(|r| Prepared {
                id: r.id().clone(),
                service: r.service().clone(),
                any: phrases(&r.any),
                all: phrases(&r.all),
                place: phrases(&r.place),
                sender: r.sender.as_ref().map(|s| s.to_lowercase()),
                recipient: r.recipient.as_ref().map(|s| s.to_lowercase()),
                form: r.form().cloned(),
            })
            .collect();
        let forms = source
            .file
            .forms
            .iter()
            .map(|f| (f.id().clone(), f.service().clone(), f.title.clone()))
            .collect();
        Ok(Self {
            settings,
            rules,
            forms,
            services: source.file.services.len(),
        })
    }

    fn value(&self, source: &SourceFile) -> serde_json::Value {
        let s = &self.settings;
        serde_json::json!({
            "max_misrouting": Probability::from_f64(s.max_misrouting).millionths(),
            "confidence": Probability::from_f64(s.confidence).millionths(),
            "unknown_below": Probability::from_f64(s.unknown_below).millionths(),
            "review_everything": s.review_everything,
            // What was drawn for the measure stays drawn, whatever the file says later.
            "audit_share": Probability::from_f64(s.audit_share).millionths(),
            "forms": self.forms,
            "rules": source.file.rules.iter().map(|r| serde_json::json!({
                "id": r.id(), "service": r.service(), "any": r.any, "all": r.all,
                "place": r.place,
                "sender": r.sender, "recipient": r.recipient, "form": r.form(),
            })).collect::<Vec<_>>(),
        })
    }

    /// Rules that apply, in the order of the file; a known form names its service like a rule.
    fn applying(&self, seen: &Seen<'_>) -> Vec<Reason> {
        let (words, places) = words_with_places(seen.text);
        let spans = |phrase: &str| {
            position_of(&words, phrase).and_then(|at| {
                Some(Span::new(
                    places.get(at)?.0,
                    places.get(at + phrase.len() - 1)?.1,
                ))
            })
        };
        let ends = |address: &Option<String>, end: &Option<String>| match end {
            None => true,
            Some(end) => address.as_ref().is_some_and(|a| a.contains(end.as_str())),
        };
        let mut reasons: Vec<Reason> = Vec::new();
        for rule in &self.rules {
            let any = rule
                .any
                .iter()
                .find(|(words_in, _)| has_words(&words, words_in));
            let all = rule
                .all
                .iter()
                .all(|(words_in, _)| has_words(&words, words_in));
            let form = rule.form.as_ref().is_none_or(|f| seen.form == Some(f));
            let place = rule
                .place
                .iter()
                .find(|(words_in, _)| seen.places.iter().any(|place| has_words(place, words_in)));
            if !((rule.any.is_empty() || any.is_some())
                && all
                && (rule.place.is_empty() || place.is_some())
                && form
                && ends(&seen.sender, &rule.sender)
                && ends(&seen.recipient, &rule.recipient))
            {
                continue;
            }
            let phrases: Vec<&(String, String)> = any.into_iter().chain(&rule.all).collect();
            let matched: Vec<&str> = phrases
                .iter()
                .copied()
                .chain(place)
                .map(|(_, p)| p.as_str())
                .chain(rule.sender.as_deref())
                .chain(rule.recipient.as_deref())
                .chain(rule.form.as_ref().map(FormId::as_str))
                .collect();
            reasons.push(Reason::Rule {
                rule: rule.id.clone(),
                service: rule.service.clone(),
                spans: phrases
                    .iter()
                    .filter_map(|(folded, _)| spans(folded))
                    .collect(),
                matched: matched.join(", "),
            });
        }
        if let Some((form, service, title)) = seen
            .form
            .and_then(|form| self.forms.iter().find(|(id, ..)| id == form))
            && let Ok(rule) = format!("{FORM_RULE}{form}")
                .chars()
                .take(64)
                .collect::<String>()
                .parse()
        {
            reasons.push(Reason::Rule {
                rule,
                service: service.clone(),
                spans: Vec::new(),
                matched: title.clone(),
            });
        }
        reasons
    }

    /// Where a document should go.
    pub fn decide(&self, seen: &Seen<'_>, model: Classification) -> Decision {
        let applying = self.applying(seen);
        let ruled = applying.iter().find_map(|r| match r {
            Reason::Rule { rule, service, .. } => Some((rule.clone(), service.clone())),
            _ => None,
        });
        let services_ruled: std::collections::BTreeSet<&ServiceId> = applying
            .iter()
            .filter_map(|r| match r {
                Reason::Rule { service, .. } => Some(service),
                _ => None,
            })
            .collect();
        let first = model.candidates.first().cloned();
        let sure = first
            .as_ref()
            .filter(|f| self.reaches(f.probability, model.threshold.as_ref()));
        let mut review = Vec::new();
        let several = services_ruled.len() > 1;
        let (outcome, service, rule) = match (&ruled, &first) {
            (Some((rule, service)), _) => {
                // Only a model that may speak for itself can contradict a rule.
                let contradicted = sure.is_some_and(|f| f.service != *service);
                if several {
                    review.push(ReviewCause::SeveralServices);
                }
                if contradicted {
                    review.push(ReviewCause::Conflict);
                }
                let outcome = if review.is_empty() {
                    Outcome::Automatic
                } else {
                    Outcome::Review
                };
                (outcome, Some(service.clone()), Some(rule.clone()))
            }
            (None, None) => {
                review.push(ReviewCause::NothingRead);
                (Outcome::Unknown, None, None)
            }
            (None, Some(f)) if model.method == Method::Descriptions => {
                review.push(ReviewCause::NoModel);
                (Outcome::Review, Some(f.service.clone()), None)
            }
            (None, Some(f)) if self.resembles_nothing(f.probability, model.nearness) => {
                review.push(ReviewCause::NothingAlike);
                (Outcome::Unknown, None, None)
            }
            (None, Some(f)) if sure.is_some() => {
                (Outcome::Automatic, Some(f.service.clone()), None)
            }
            (None, Some(f)) => {
                let promised = model.threshold.as_ref().is_some_and(|t| self.keeps(t));
                review.push(if promised {
                    ReviewCause::BelowThreshold
                } else {
                    ReviewCause::NoPromiseYet
                });
                (Outcome::Review, Some(f.service.clone()), None)
            }
        };
        let mut outcome = outcome;
        let held_back = [
            (seen.partly_read, ReviewCause::PartlyRead),
            (self.settings.review_everything, ReviewCause::Policy),
        ];
        for (holds, cause) in held_back {
            if holds && outcome == Outcome::Automatic {
                review.push(cause);
                outcome = Outcome::Review;
            }
        }
        let mut reasons = applying;
        // The words weighed are those for the model's first candidate: said of another service,
        // they would be false.
        if first.as_ref().map(|f| &f.service) == service.as_ref() {
            reasons.extend(model.reasons);
        }
        Decision {
            format: DecisionFormat::V1,
            outcome,
            service,
            rule,
            candidates: model.candidates,
            method: model.method,
            threshold: model.threshold,
            likely: model.likely,
            reasons,
            review,
        }
    }

    /// Whether the threshold was chosen for a promise at least as strict as the pipeline's.
    fn keeps(&self, threshold: &Threshold) -> bool {
        threshold.value.is_some()
            && threshold.max_misrouting <= Probability::from_f64(self.settings.max_misrouting)
            && threshold.confidence >= Probability::from_f64(self.settings.confidence)
            && self.services > 0
    }

    /// Whether a probability may route by itself.
    pub fn reaches(&self, probability: Probability, threshold: Option<&Threshold>) -> bool {
        threshold.is_some_and(|t| self.keeps(t) && t.value.is_some_and(|v| probability >= v))
    }

    /// Whether nothing is proposed: the document is further from what was learnt than documents
    /// like those learnt are; where that was not calibrated, its first candidate is improbable.
    pub fn resembles_nothing(&self, first: Probability, nearness: Option<Nearness>) -> bool {
        match nearness {
            Some(nearness) => nearness.found < nearness.least,
            None => first < Probability::from_f64(self.settings.unknown_below),
        }
    }

    /// The promise: highest share of misrouted documents, and the confidence.
    pub fn promise(&self) -> (f64, f64) {
        (self.settings.max_misrouting, self.settings.confidence)
    }
}

/// Folded words of a text joined by spaces and, for each of their bytes, the place of their word.
fn words_with_places(text: &str) -> (String, Vec<(u32, u32)>) {
    let mut words = String::new();
    let mut places = Vec::new();
    let mut start = None;
    let ends = text.char_indices().chain([(text.len(), ' ')]);
    for (at, c) in ends {
        // A combining mark continues its word: it vanishes when folded.
        let inside = c.is_alphanumeric() || unicode_mark(c);
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                let folded = words_of(&text[from..at]);
                if !folded.is_empty() {
                    if !words.is_empty() {
                        words.push(' ');
                        places.push((from as u32, from as u32));
                    }
                    words.push_str(&folded);
                    places.extend(std::iter::repeat_n((from as u32, at as u32), folded.len()));
                }
                start = None;
            }
            _ => {}
        }
    }
    (words, places)
}

/// Folded words of the fields whose name or label says that they say where.
fn places(layout: &Layout) -> Vec<String> {
    const WHERE: [&str; 8] = [
        "adresse", "rue", "voie", "lieu", "quartier", "commune", "ville", "place",
    ];
    /// With these, it says where someone was born, writes or signs.
    const ELSEWHERE: [&str; 9] = [
        "naissance",
        "ne",
        "nee",
        "electronique",
        "mail",
        "courriel",
        "postale",
        "siege",
        "fait",
    ];
    let says_where = |name: &str| {
        let words = words_of(name);
        let any = |list: &[&str]| words.split(' ').any(|word| list.contains(&word));
        any(&WHERE) && !any(&ELSEWHERE)
    };
    let fields = layout
        .fields
        .iter()
        .filter(|field| says_where(&field.name) || field.label.as_deref().is_some_and(says_where));
    fields
        .filter_map(|field| field.value.as_deref())
        .map(words_of)
        .collect()
}

fn unicode_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Whether a document only carries others: "veuillez trouver ci-joint mon courrier" says nothing of
/// what is asked, whatever a model makes of it. The little images that sign a mail do not count.
fn only_carries(layout: &Layout, text: &str) -> bool {
    const SIGNATURE_BYTES_MAX: u64 = 20_000;
    const WORDS_MIN: usize = 25;
    let says_something = |attachment: &Attachment| {
        !(attachment.media_type.starts_with("image/") && attachment.size <= SIGNATURE_BYTES_MAX)
    };
    // The first block of a mail is its header.
    let blocks = layout.pages.iter().flat_map(|page| &page.blocks).skip(1);
    let words: usize = blocks
        .flat_map(|block| &block.lines)
        .map(|line| line.span.of(text).unwrap_or_default())
        .map(|line| line.split_whitespace().count())
        .sum();
    words < WORDS_MIN && layout.attachments.iter().any(says_something)
}

/// The stage.
pub struct Route {
    rules: Rules,
    value: serde_json::Value,
}

impl Route {
    pub(super) fn build(source: &SourceFile) -> Result<Self, FileError> {
        let rules = Rules::build(source)?;
        let value = rules.value(source);
        Ok(Self { rules, value })
    }
}

impl Stage for Route {
    fn name(&self) -> StageName {
        name("route")
    }

    fn version(&self) -> u32 {
        5
    }

    fn inputs(&self) -> &'static [Kind] {
        &[
            Kind::Text,
            Kind::Layout,
            Kind::Classification,
            Kind::Completeness,
        ]
    }

    fn outputs(&self) -> &'static [Kind] {
        &[Kind::Decision]
    }

    fn settings(&self) -> &serde_json::Value {
        &self.value
    }

    fn models(&self) -> Vec<ModelRef> {
        Vec::new()
    }

    fn run(&self, inputs: &Inputs) -> Result<Output, Fault> {
        let layout: Layout = inputs.json(Kind::Layout)?;
        let completeness: Completeness = inputs.json(Kind::Completeness)?;
        let field = |name: &str| {
            layout
                .field(name)
                .and_then(|f| f.value.as_deref())
                .map(str::to_lowercase)
        };
        let text = inputs.text(Kind::Text)?;
        let seen = Seen {
            text,
            sender: field("from"),
            recipient: field("to"),
            places: places(&layout),
            form: completeness.form.as_ref(),
            partly_read: layout.quality.as_ref().is_some_and(|q| !q.is_whole())
                || only_carries(&layout, text),
        };
        let decision = self.rules.decide(&seen, inputs.json(Kind::Classification)?);
        Output::json(Kind::Decision, &decision)
    }

    fn route(&self, artifacts: &[(Kind, Vec<u8>)]) -> Option<RouteView> {
        let (_, bytes) = artifacts.iter().find(|(kind, _)| *kind == Kind::Decision)?;
        let decision: Decision = serde_json::from_slice(bytes).ok()?;
        let confidence = decision
            .candidates
            .iter()
            .find(|c| decision.service.as_ref().is_none_or(|s| c.service == *s))
            .map_or(Probability::ZERO, |c| c.probability);
        Some(RouteView::proposed(
            decision.outcome,
            decision.service,
            confidence,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_folded_words_are_places_in_the_text() {
        let text = "L’Éclairage  est\u{a0}HS.";
        let (words, places) = words_with_places(text);
        assert_eq!(words, "l eclairage est hs");
        let at = position_of(&words, "eclairage est").unwrap();
        let span = Span::new(places[at].0, places[at + "eclairage est".len() - 1].1);
        assert_eq!(span.of(text), Some("Éclairage  est"));
    }

    #[test]
    fn a_place_is_looked_for_where_a_field_says_where() {
        let mut layout = Layout::empty("application/pdf");
        let mut add = |name: &str, label: Option<&str>, value: &str| {
            let mut field = domain::Field::new(name, domain::FieldKind::Text);
            field.label = label.map(str::to_owned);
            field.value = Some(value.to_owned());
            layout.fields.push(field);
        };
        add("champ_12", Some("Adresse du bien"), "3, quai des Mariniers");
        add("nom", None, "Rue");
        add("LIEU", None, "Hameau de l’Étang");
        add("commentaire", Some("Remplacement"), "rue du Port");
        add("champ_13", Some("Lieu de naissance"), "Rue du Port, Lyon");
        add("adresse_electronique", None, "rue@port.example");
        assert_eq!(
            places(&layout),
            ["3 quai des mariniers", "hameau de l etang"]
        );
    }
}
