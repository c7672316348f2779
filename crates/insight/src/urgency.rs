//! Signs of urgency beyond single words: rules over the words of one sentence, and resemblance to
//! sentences that a pipeline file gives as examples.
//!
//! Resemblance is the cosine of two vectors of a sentence encoder. A sentence counts when it is near
//! enough to an example, and nearer by a margin than to every counter-example: what decides is two
//! sentences that a person can read beside each other, and either can be taken out of the file.

use std::collections::BTreeMap;

use domain::alert::Ground;
use domain::sentence::MaskKind;
use domain::{AlertKind, DocumentId, Probability, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::InsightError;
use crate::corpus::{Corpus, Report};
use crate::settings::AlertSettings;
use crate::words::{Lexicon, collapse, denied};

/// Words of several groups in one sentence: a `[[rules]]` of `[reconcile.alert.settings]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UrgencyRule {
    /// What people call it.
    pub name: String,
    /// `urgent` or `child-in-danger`.
    #[serde(default = "urgent")]
    pub kind: AlertKind,
    /// Groups of words and phrases: one of each is said, undenied, in one sentence.
    pub all: Vec<Vec<String>>,
}

const fn urgent() -> AlertKind {
    AlertKind::Urgent
}

/// Sentences that are urgent, and sentences that look so and are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Resemblance {
    /// Cosine from which a sentence is like an example.
    pub threshold: Probability,
    /// By how much an example must be nearer than every counter-example.
    pub margin: Probability,
    /// Sentences of reports that cannot wait.
    pub urgent: Vec<String>,
    /// Sentences of reports in which a child may be in danger.
    pub child: Vec<String>,
    /// Sentences that look alike and can wait: counter-examples.
    pub not_urgent: Vec<String>,
}

impl Default for Resemblance {
    fn default() -> Self {
        Self {
            threshold: Probability::from_millionths(600_000),
            margin: Probability::from_millionths(50_000),
            urgent: Vec::new(),
            child: Vec::new(),
            not_urgent: Vec::new(),
        }
    }
}

/// The part of a note that is most like an example.
#[derive(Clone, Debug, PartialEq)]
pub struct Likeness {
    /// Where in the note.
    pub span: Span,
    /// The example.
    pub example: String,
    /// Cosine of the two.
    pub likeness: f64,
    /// Cosine to the nearest counter-example; 0 when there is none.
    pub counter: f64,
}

/// What of a note is most like the examples of each kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nearest {
    /// Like an urgent one.
    pub urgent: Option<Likeness>,
    /// Like one in which a child may be in danger.
    pub child: Option<Likeness>,
}

impl Resemblance {
    /// Whether it compares anything.
    pub fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.child.is_empty()
    }

    /// By how much a likeness passes the threshold and the margin; it counts from 0.
    pub fn excess(&self, near: &Likeness) -> f64 {
        let over = near.likeness - share(self.threshold);
        let apart = near.likeness - near.counter - share(self.margin);
        over.min(apart)
    }
}

fn share(p: Probability) -> f64 {
    f64::from(p.millionths()) / 1e6
}

fn probability(value: f64) -> Probability {
    Probability::from_millionths((value.clamp(0.0, 1.0) * 1e6).round() as u32)
}

/// A sentence of more words than this is also read clause by clause: what is urgent may be a few
/// words among many.
const WORDS_WHOLE: usize = 10;
/// Fewer words say too little to be compared; a clause of fewer goes with the next.
const WORDS_MIN: usize = 4;

/// Gives a vector a text, all of one length.
pub type Encode<'a, E> = dyn FnMut(&[String]) -> Result<Vec<Vec<f32>>, E> + 'a;

impl Corpus {
    /// Compares the notes of the period with the examples: what is most like them is kept, and
    /// counts where [`alerts`](crate::alerts()) is asked with the same settings. `encode` gives a
    /// vector a text, all of one length.
    ///
    /// # Errors
    /// Those of `encode`.
    pub fn compare<E>(
        &mut self,
        settings: &Resemblance,
        encode: &mut Encode<'_, E>,
    ) -> Result<(), E> {
        if settings.is_empty() {
            return Ok(());
        }
        let urgent = encode(&settings.urgent)?;
        let child = encode(&settings.child)?;
        let counters = encode(&settings.not_urgent)?;
        let mut nearest: BTreeMap<DocumentId, Nearest> = BTreeMap::new();
        for report in self.reports().iter().filter(|r| self.is_current(r)) {
            let spans = parts(report);
            let texts: Vec<String> = spans
                .iter()
                .map(|span| collapse(span.of(&report.entry.text).unwrap_or_default()))
                .collect();
            let vectors = encode(&texts)?;
            let best = |examples: &[Vec<f32>], written: &[String]| {
                let mut best: Option<(f64, Likeness)> = None;
                for (span, vector) in spans.iter().zip(&vectors) {
                    let Some((at, likeness)) = nearest_of(vector, examples) else {
                        continue;
                    };
                    let near = Likeness {
                        span: *span,
                        example: written[at].clone(),
                        likeness,
                        counter: nearest_of(vector, &counters).map_or(0.0, |(_, c)| c),
                    };
                    let excess = settings.excess(&near);
                    if best.as_ref().is_none_or(|(other, _)| excess > *other) {
                        best = Some((excess, near));
                    }
                }
                best.map(|(_, near)| near)
            };
            let near = Nearest {
                urgent: best(&urgent, &settings.urgent),
                child: best(&child, &settings.child),
            };
            nearest.insert(report.entry.document, near);
        }
        self.set_nearest(nearest);
        Ok(())
    }
}

/// The first of the nearest examples, and its cosine.
fn nearest_of(vector: &[f32], examples: &[Vec<f32>]) -> Option<(usize, f64)> {
    let mut best: Option<(usize, f64)> = None;
    for (at, example) in examples.iter().enumerate() {
        let cosine = cosine(vector, example);
        if best.is_none_or(|(_, other)| cosine > other) {
            best = Some((at, cosine));
        }
    }
    best
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let (mut ab, mut aa, mut bb) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (f64::from(*x), f64::from(*y));
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    if aa <= 0.0 || bb <= 0.0 {
        return 0.0;
    }
    ab / (aa.sqrt() * bb.sqrt())
}

/// The sentences of a note, and the clauses of long ones.
fn parts(report: &Report) -> Vec<Span> {
    let words = |span: Span| {
        let within = report.tokens.iter().filter(|t| span.contains(t.span));
        within.count()
    };
    let mut parts = Vec::new();
    for sentence in &report.sentences {
        let length = words(*sentence);
        if length >= WORDS_MIN {
            parts.push(*sentence);
        }
        if length <= WORDS_WHOLE {
            continue;
        }
        let text = sentence.of(&report.entry.text).unwrap_or_default();
        let mut from = sentence.start;
        for (at, c) in text.char_indices() {
            let here = sentence.start + at as u32;
            if matches!(c, ',' | ';' | ':') && words(Span::new(from, here)) >= WORDS_MIN {
                parts.push(Span::new(from, here));
                from = here + c.len_utf8() as u32;
            }
        }
        let rest = Span::new(from, sentence.end);
        if from > sentence.start && words(rest) >= WORDS_MIN {
            parts.push(rest);
        }
    }
    parts
}

/// A rule, ready to be looked for.
struct Ready<'a> {
    rule: &'a UrgencyRule,
    groups: Vec<Lexicon>,
}

/// The rules of settings, ready to be looked for.
pub(crate) struct Rules<'a> {
    ready: Vec<Ready<'a>>,
    settings: &'a AlertSettings,
}

impl<'a> Rules<'a> {
    /// Checks them too.
    pub(crate) fn new(settings: &'a AlertSettings) -> Result<Self, InsightError> {
        let setting = |name, value: String, expected| InsightError::Setting {
            name,
            value,
            expected,
        };
        let mut ready = Vec::with_capacity(settings.rules.len());
        for rule in &settings.rules {
            if !matches!(rule.kind, AlertKind::Urgent | AlertKind::ChildInDanger) {
                let kind = rule.kind.as_str().to_owned();
                return Err(setting("rules.kind", kind, "urgent or child-in-danger"));
            }
            if rule.all.len() < 2 || rule.all.iter().any(Vec::is_empty) {
                let expected = "two groups of words or more";
                return Err(setting("rules.all", rule.name.clone(), expected));
            }
            let groups = (rule.all.iter())
                .map(|group| Lexicon::new(&format!("rule {}", rule.name), group))
                .collect::<Result<_, _>>()?;
            ready.push(Ready { rule, groups });
        }
        for (name, text) in [
            ("urgent", &settings.resemblance.urgent),
            ("child", &settings.resemblance.child),
            ("not_urgent", &settings.resemblance.not_urgent),
        ] {
            if let Some(blank) = text.iter().find(|t| t.trim().is_empty()) {
                return Err(InsightError::Word {
                    list: format!("resemblance.{name}"),
                    word: blank.clone(),
                    reason: "an example is a sentence",
                });
            }
        }
        Ok(Self { ready, settings })
    }

    /// The grounds of this kind beyond fields and words, each with what it rests on in the note:
    /// rules in the order of the file, then the nearest example.
    pub(crate) fn grounds(
        &self,
        report: &Report,
        nearest: Option<&Nearest>,
        kind: AlertKind,
    ) -> Vec<(Ground, Vec<Span>)> {
        let of_kind = self.ready.iter().filter(|r| r.rule.kind == kind);
        let mut grounds: Vec<_> = of_kind.filter_map(|r| self.applies(report, r)).collect();
        let settings = &self.settings.resemblance;
        let near = nearest.and_then(|n| match kind {
            AlertKind::ChildInDanger => n.child.as_ref(),
            _ => n.urgent.as_ref(),
        });
        if let Some(near) = near.filter(|near| settings.excess(near) >= 0.0) {
            let ground = Ground::Resemblance {
                example: near.example.clone(),
                likeness: probability(near.likeness),
                counter: probability(near.counter),
                threshold: settings.threshold,
                margin: settings.margin,
            };
            grounds.push((ground, vec![near.span]));
        }
        grounds
    }

    fn applies(&self, report: &Report, ready: &Ready<'_>) -> Option<(Ground, Vec<Span>)> {
        let between = match ready.rule.kind {
            AlertKind::ChildInDanger => 0,
            _ => self.settings.denial_words,
        };
        for sentence in &report.sentences {
            let found: Vec<Span> = (ready.groups.iter())
                .map_while(|group| {
                    let mut matches = group.find(&report.tokens).into_iter();
                    let good = matches.find(|m| {
                        sentence.contains(m.span(&report.tokens))
                            && !denied(&report.tokens, m.first, between)
                    });
                    good.map(|m| m.span(&report.tokens))
                })
                .collect();
            if found.len() < ready.groups.len() {
                continue;
            }
            let words = found.iter().map(|span| match report.mask_over(*span) {
                Some(mask) => MaskKind::placeholder(mask.kind).to_owned(),
                None => collapse(span.of(&report.entry.text).unwrap_or_default()),
            });
            let ground = Ground::Rule {
                name: ready.rule.name.clone(),
                words: words.collect(),
            };
            return Some((ground, found));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Entry;
    use crate::{SynthesisSettings, alerts};
    use domain::time::Zone;
    use domain::{AlertId, ArtifactName, FieldReport};

    fn corpus(note: &str) -> Corpus {
        let entry = Entry {
            document: DocumentId::from_bytes([1; 16]),
            received_at: "2026-11-18T09:00:00Z".parse().unwrap(),
            text_version: ArtifactName::from_bytes([1; 32]),
            text: note.to_owned(),
            report: FieldReport::default(),
            masks: Vec::new(),
            clues: Vec::new(),
            passages: Vec::new(),
        };
        let (pipeline, week) = ("p".parse().unwrap(), "2026-W47".parse().unwrap());
        Corpus::new(pipeline, week, &Zone::paris(), "Europe/Paris", vec![entry]).unwrap()
    }

    /// The kinds of the grounds of the alerts of one note, and what is quoted.
    fn grounds(note: &str, settings: &str) -> Vec<(String, String)> {
        let settings: AlertSettings = toml::from_str(settings).unwrap();
        let mut corpus = corpus(note);
        // A vector that counts three words: enough to be near and far.
        let mut encode = |texts: &[String]| {
            let count = |t: &String, w: &str| t.to_lowercase().matches(w).count() as f32;
            let vector = |t: &String| vec![count(t, "pont"), count(t, "saut"), count(t, "calme")];
            Ok::<_, InsightError>(texts.iter().map(vector).collect())
        };
        corpus.compare(&settings.resemblance, &mut encode).unwrap();
        let id = |_: &str, _: &str, _: &str| AlertId::from_bytes([0; 16]);
        let themes = SynthesisSettings::default();
        let set = alerts(&corpus, &themes, &settings, &id).unwrap();
        assert_eq!(crate::verify_alerts(&set, &corpus, &themes), []);
        let quote = |alert: &domain::Alert| alert.evidence[0].text(domain::Lang::Fr);
        let of = |alert: &domain::Alert| (alert.series(), quote(alert));
        set.alerts.iter().map(of).collect()
    }

    #[test]
    fn a_rule_wants_one_word_of_each_group_in_one_sentence() {
        let rule =
            "urgent_words = []\n[[rules]]\nname = 'feu'\nall = [['fumée*', 'feu'], ['étage*']]";
        let said = |note: &str| grounds(note, rule);
        assert_eq!(
            said("Fumées vues. Calme. Du feu au 3e étage."),
            [("urgent/rule".into(), "« Du feu au 3e étage. »".into())]
        );
        for note in [
            "Fumée. Un étage.",
            "Pas de fumée à l’étage.",
            "Enfumé à l’étage.",
        ] {
            assert_eq!(said(note), [], "{note}");
        }
    }

    #[test]
    fn a_sentence_like_an_example_counts_unless_a_counter_example_is_as_near() {
        let examples = "[resemblance]\nthreshold = 0.8\nmargin = 0.1\n\
            urgent = ['Il saute du pont.']\nnot_urgent = ['Le pont est calme.']";
        let said = |note: &str| grounds(note, examples);
        assert_eq!(
            said("Tour du soir, rien de plus. Il veut sauter du pont."),
            [(
                "urgent/resemblance".into(),
                "« Il veut sauter du pont. »".into()
            )]
        );
        for note in [
            "Le pont est bien calme.",
            "Le pont fermé ce soir.",
            "Saut du pont.",
        ] {
            assert_eq!(said(note), [], "{note}");
        }
    }

    #[test]
    fn what_is_urgent_is_found_within_a_long_sentence() {
        let examples = "[resemblance]\nthreshold = 0.95\nurgent = ['Il saute du pont.']";
        let note = "Tout est calme au marché et les gens sont calmes aussi ce soir, sauf un homme \
            qui veut sauter du pont, on reste.";
        assert_eq!(grounds(note, examples)[0].0, "urgent/resemblance");
    }
}
