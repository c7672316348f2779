//! Why a document waits, on one line of a list: the same words in the terminal and on the pages, and
//! never those of statistics. The whole is in [`explain`](crate::explain).

use std::collections::BTreeSet;

use domain::catalogue::{Lang, Said};
use domain::decision::{Method, ReviewCause};
use domain::{Decision, Outcome, Reason, RuleId, ServiceId};

use crate::pipelines::Pipeline;

/// What the rules that apply are called before the id of the form they stand for.
const FORM: &str = "form-";

/// Why `decision` proposes what it does and why a person is asked, when one is; `shown` is what lists
/// say of it ([`Desk::shown_outcome`](crate::desk::Desk::shown_outcome)).
pub fn in_brief(
    decision: &Decision,
    shown: Outcome,
    pipeline: &Pipeline,
    lang: Lang,
) -> Vec<String> {
    let disagreement = disagreement(decision, pipeline, lang);
    let mut parts = Vec::new();
    if disagreement.is_none() {
        // The first is the one that decided; the sheet names the others.
        let first = rules(decision).next();
        parts.extend(first.map(|(rule, _, matched)| by_rule(rule, matched, pipeline, lang)));
    }
    if parts.is_empty() && disagreement.is_none() && decision.service.is_some() {
        parts.extend(
            match decision.method {
                Method::Trained if shown == Outcome::Automatic => Some(lang.pick(
                    "assez sûr, d’après les mots du texte",
                    "sure enough, from the words of the text",
                )),
                Method::Trained => {
                    Some(lang.pick("d’après les mots du texte", "from the words of the text"))
                }
                Method::Descriptions => Some(lang.pick(
                    "d’après la seule description des services",
                    "from the mere descriptions of the services",
                )),
                Method::Nothing => None,
            }
            .map(str::to_owned),
        );
    }
    parts.extend(disagreement);
    for cause in &decision.review {
        // That only the descriptions speak is said above.
        let said = *cause == ReviewCause::NoModel && !parts.is_empty();
        parts.extend(
            cause_in_words(*cause, lang)
                .filter(|_| !said)
                .map(str::to_owned),
        );
    }
    if is_to_confirm(decision, shown) {
        parts.push(to_confirm(lang).to_owned());
    }
    parts
}

/// Why a person is asked, one sentence each; what a disagreement is about is said in its place.
pub fn causes(decision: &Decision, shown: Outcome, pipeline: &Pipeline, lang: Lang) -> Vec<String> {
    let mut causes: Vec<String> = disagreement(decision, pipeline, lang).into_iter().collect();
    for cause in &decision.review {
        causes.extend(cause_in_words(*cause, lang).map(str::to_owned));
    }
    if is_to_confirm(decision, shown) {
        causes.push(to_confirm(lang).to_owned());
    }
    causes.extend(likely(decision, pipeline, lang));
    causes
}

/// Most services that are named as those it may be for: with more, the list of all says as much.
const LIKELY_MAX: usize = 3;

/// The services that it may well be for, where no rule decides and they are a few.
fn likely(decision: &Decision, pipeline: &Pipeline, lang: Lang) -> Option<String> {
    let likely = decision.likely.as_ref()?;
    let few = (2..=LIKELY_MAX).contains(&likely.services.len());
    if !few || decision.rule.is_some() {
        return None;
    }
    let names: Vec<String> = likely
        .services
        .iter()
        .map(|id| pipeline.service_name(id))
        .collect();
    let (names, times) = (names.join(", "), likely.coverage.as_f64() * 10.0);
    Some(match lang {
        Lang::Fr => format!("l’un de ces services, {times:.0} fois sur 10 : {names}"),
        Lang::En => format!("one of these services, {times:.0} times in 10: {names}"),
    })
}

/// Whether it is said that a person confirms, beside the causes. Nothing may tell what is drawn for
/// the measure from what is to be checked: of what a rule names it is said in both cases.
fn is_to_confirm(decision: &Decision, shown: Outcome) -> bool {
    let review = &decision.review;
    let other = [
        ReviewCause::BelowThreshold,
        ReviewCause::Conflict,
        ReviewCause::SeveralServices,
    ];
    let by_rule = decision.rule.is_some() && !other.iter().any(|cause| review.contains(cause));
    shown == Outcome::Review && (review.is_empty() || by_rule)
}

const fn to_confirm(lang: Lang) -> &'static str {
    lang.pick(
        "à confirmer par une personne",
        "to be confirmed by a person",
    )
}

fn cause_in_words(cause: ReviewCause, lang: Lang) -> Option<&'static str> {
    match cause {
        ReviewCause::Conflict | ReviewCause::SeveralServices => None,
        ReviewCause::BelowThreshold => Some(to_confirm(lang)),
        other => Some(other.say(lang)),
    }
}

fn rules(decision: &Decision) -> impl Iterator<Item = (&RuleId, &ServiceId, &str)> {
    decision.reasons.iter().filter_map(|reason| match reason {
        Reason::Rule {
            rule,
            service,
            matched,
            ..
        } => Some((rule, service, matched.as_str())),
        _ => None,
    })
}

fn is_form(rule: &RuleId, pipeline: &Pipeline) -> bool {
    let written = pipeline.source.file.rules.iter().any(|r| r.id() == rule);
    !written && rule.as_str().starts_with(FORM)
}

fn by_rule(rule: &RuleId, matched: &str, pipeline: &Pipeline, lang: Lang) -> String {
    match (is_form(rule, pipeline), lang) {
        (true, Lang::Fr) => format!("formulaire « {matched} »"),
        (true, Lang::En) => format!("form “{matched}”"),
        (false, Lang::Fr) => format!("règle « {rule} » (« {matched} »)"),
        (false, Lang::En) => format!("rule “{rule}” (“{matched}”)"),
    }
}

/// Which rule names which service and what the model proposes, where they do not agree.
fn disagreement(decision: &Decision, pipeline: &Pipeline, lang: Lang) -> Option<String> {
    let model = decision
        .review
        .contains(&ReviewCause::Conflict)
        .then(|| decision.candidates.first())
        .flatten();
    if model.is_none() && !decision.review.contains(&ReviewCause::SeveralServices) {
        return None;
    }
    let mut said = BTreeSet::new();
    let mut parts: Vec<String> = rules(decision)
        .filter(|(_, service, _)| said.insert(*service))
        .map(|(rule, service, matched)| {
            let by = by_rule(rule, matched, pipeline, lang);
            let service = pipeline.service_name(service);
            match (is_form(rule, pipeline), lang) {
                (true, Lang::Fr) => format!("le {by} désigne {service}"),
                (false, Lang::Fr) => format!("la {by} désigne {service}"),
                (_, Lang::En) => format!("{by} names {service}"),
            }
        })
        .collect();
    if let Some(model) = model {
        let service = pipeline.service_name(&model.service);
        parts.push(match lang {
            Lang::Fr => format!("le modèle propose {service}"),
            Lang::En => format!("the model proposes {service}"),
        });
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}
