//! Why a document was routed so: the four points of CRPA R311-3-1-2, produced from the record and
//! the artifacts it names, and nothing else.

use domain::act::{Act, Verdict};
use domain::catalogue::{Lang, Said};
use domain::decision::{Method, ReviewCause};
use domain::explanation::{
    Contribution, DataSource, Explanation, ExplanationFormat, Operation, Parameter,
};
use domain::time::Zone;
use domain::{Agent, Decision, Outcome, Reason, RunOutcome, ServiceId, Span};

use crate::desk::{Desk, Opened};
use crate::error::Error;
use crate::pipelines::Pipeline;

/// Explains one document.
///
/// # Errors
/// When something of it cannot be read.
pub async fn explain(desk: &Desk, opened: &Opened, lang: Lang) -> Result<Explanation, Error> {
    let pipeline = desk.pipelines.get(&opened.row.pipeline)?;
    let text = desk.text(opened.row.id).await?;
    let text = text.as_ref().map_or("", |t| t.as_str());
    Ok(Explanation {
        format: ExplanationFormat::V1,
        document: opened.row.id,
        name: opened.name.clone(),
        lang,
        contribution: contribution(desk, opened, pipeline, lang),
        data: data(opened, &pipeline.source.zone().0, lang),
        parameters: parameters(opened, pipeline, text, lang),
        operations: operations(opened, lang),
    })
}

fn contribution(desk: &Desk, opened: &Opened, pipeline: &Pipeline, lang: Lang) -> Contribution {
    let decision = desk.shown_decision(opened);
    let decision = decision.as_ref();
    let proposed = decision.and_then(|d| d.service.clone());
    let decided = opened
        .act
        .as_ref()
        .and_then(|a| a.verdict.service().cloned());
    let name = |id| pipeline.service_name(id);
    let mut sentences = Vec::new();
    match (decision, &proposed, lang) {
        (None, _, Lang::Fr) => sentences.push(match opened.set_aside() {
            Some(reason) => format!("Aucune proposition : le traitement a été interrompu ({reason})."),
            None => "Aucune proposition n’a été faite : ce document n’est pas orienté.".to_owned(),
        }),
        (None, _, Lang::En) => sentences.push(match opened.set_aside() {
            Some(reason) => format!("Nothing was proposed: processing was interrupted ({reason})."),
            None => "Nothing was proposed: this document is not routed.".to_owned(),
        }),
        (Some(d), Some(service), Lang::Fr) => match d.outcome {
            Outcome::Automatic => sentences.push(format!(
                "Le logiciel a transmis ce document au service « {} ». Il oriente le courrier ; il ne décide pas de la suite donnée à la demande.",
                name(service)
            )),
            Outcome::Review | Outcome::Unknown => sentences.push(format!(
                "Le logiciel a proposé le service « {} » et a demandé à une personne de vérifier.",
                name(service)
            )),
        },
        (Some(d), Some(service), Lang::En) => match d.outcome {
            Outcome::Automatic => sentences.push(format!(
                "The software passed this document on to “{}”. It routes mail; it does not decide how the request is answered.",
                name(service)
            )),
            Outcome::Review | Outcome::Unknown => sentences.push(format!(
                "The software proposed “{}” and asked a person to check.",
                name(service)
            )),
        },
        (Some(_), None, Lang::Fr) => {
            sentences.push("Le logiciel n’a rien proposé : une personne choisit le service.".into());
        }
        (Some(_), None, Lang::En) => {
            sentences.push("The software proposed nothing: a person chooses the service.".into());
        }
    }
    let causes = decision.map_or_else(Vec::new, |d| why_checked(d, lang));
    if !causes.is_empty() {
        sentences.push(match lang {
            Lang::Fr => format!("Motif de la vérification : {}.", causes.join(", ")),
            Lang::En => format!("Why a person is asked: {}.", causes.join(", ")),
        });
    }
    if desk.was_drawn(opened) {
        sentences.push(
            lang.pick(
                "Ce document avait été tiré au sort pour contrôle.",
                "This document had been drawn to be checked.",
            )
            .to_owned(),
        );
    }
    if let Some(act) = &opened.act {
        let mut sentence = decided_in_words(act, pipeline, lang);
        if let Some(reason) = &act.reason {
            sentence.push_str(&match lang {
                Lang::Fr => format!(" ; motif : {reason}"),
                Lang::En => format!("; reason: {reason}"),
            });
        }
        sentence.push('.');
        sentences.push(sentence);
    }
    Contribution {
        outcome: decision.map_or(Outcome::Unknown, |d| d.outcome),
        proposed,
        decided,
        decided_by: opened.act.as_ref().map(|a| a.by.clone()),
        sentences,
    }
}

/// Why a person is asked. What is drawn for the measure has no cause of its own: it says what is said
/// where the software is not sure enough.
fn why_checked(decision: &Decision, lang: Lang) -> Vec<&'static str> {
    if decision.outcome == Outcome::Review && decision.review.is_empty() {
        return vec![ReviewCause::BelowThreshold.say(lang)];
    }
    decision.review.iter().map(|c| c.say(lang)).collect()
}

/// What a person decided, without the full stop.
fn decided_in_words(act: &Act, pipeline: &Pipeline, lang: Lang) -> String {
    let quoted = |name: &str| match lang {
        Lang::Fr => format!("« {name} »"),
        Lang::En => format!("“{name}”"),
    };
    let list = |ids: &[ServiceId]| {
        let names = ids.iter().map(|id| quoted(&pipeline.service_name(id)));
        names.collect::<Vec<_>>().join(", ")
    };
    let by = &act.by;
    match (&act.verdict, lang) {
        (Verdict::Accept { service }, _) => {
            let service = quoted(&pipeline.service_name(service));
            match lang {
                Lang::Fr => format!("{by} a accepté la proposition : {service}"),
                Lang::En => format!("{by} accepted the proposal: {service}"),
            }
        }
        (Verdict::Route { service }, _) => {
            let service = quoted(&pipeline.service_name(service));
            match lang {
                Lang::Fr => format!("{by} a choisi le service {service}"),
                Lang::En => format!("{by} chose {service}"),
            }
        }
        (
            Verdict::Several {
                service,
                also,
                copies,
            },
            _,
        ) => {
            let service = quoted(&pipeline.service_name(service));
            let mut sentence = match lang {
                Lang::Fr => format!("{by} a choisi le service {service}, qui répond"),
                Lang::En => format!("{by} chose {service}, which answers"),
            };
            let others = [
                (
                    also,
                    lang.pick("ont aussi à faire", "with something to do too"),
                ),
                (copies, lang.pick("pour information", "for information")),
            ];
            for (ids, what) in others.into_iter().filter(|(ids, _)| !ids.is_empty()) {
                let colon = lang.pick(" : ", ": ");
                sentence.push_str(&format!("; {what}{colon}{}", list(ids)));
            }
            match lang {
                Lang::Fr => sentence.replace("; ", " ; "),
                Lang::En => sentence,
            }
        }
        (Verdict::NotForUs { to, told, .. }, Lang::Fr) => format!(
            "{by} a constaté que ce document relève de {} : il lui est transmis et la personne qui a écrit {} (CRPA, art. L114-2)",
            quoted(to),
            if *told {
                "en a été informée"
            } else {
                "reste à informer"
            }
        ),
        (Verdict::NotForUs { to, told, .. }, Lang::En) => format!(
            "{by} found that {} is competent: the document is forwarded there, and whoever wrote {} (CRPA, art. L114-2)",
            quoted(to),
            if *told {
                "was told"
            } else {
                "is still to be told"
            }
        ),
    }
}

fn data(opened: &Opened, zone: &Zone, lang: Lang) -> Vec<DataSource> {
    let mut sources = Vec::new();
    let arrival = &opened.arrival;
    let received = arrival.received_at.minute_in(zone);
    let channel = arrival
        .channel
        .as_deref()
        .unwrap_or_else(|| lang.pick("non précisé", "not said"));
    sources.push(DataSource {
        what: match lang {
            Lang::Fr => format!(
                "le document reçu, {}",
                arrival.file_name.as_deref().unwrap_or(&opened.name)
            ),
            Lang::En => format!(
                "the document received, {}",
                arrival.file_name.as_deref().unwrap_or(&opened.name)
            ),
        },
        source: match lang {
            Lang::Fr => format!("reçu le {received}, canal : {channel}"),
            Lang::En => format!("received {received}, channel: {channel}"),
        },
    });
    if let Some(layout) = &opened.layout {
        sources.push(DataSource {
            what: match lang {
                Lang::Fr => format!(
                    "son texte, {} page(s), {} champ(s)",
                    layout.pages.len(),
                    layout.fields.len()
                ),
                Lang::En => format!(
                    "its text, {} page(s), {} field(s)",
                    layout.pages.len(),
                    layout.fields.len()
                ),
            },
            source: match lang {
                Lang::Fr => format!("lu dans le fichier ({})", layout.media_type),
                Lang::En => format!("read from the file ({})", layout.media_type),
            },
        });
        for attachment in &layout.attachments {
            sources.push(DataSource {
                what: match lang {
                    Lang::Fr => format!("le nom de la pièce jointe « {} »", attachment.name),
                    Lang::En => format!("the name of the attachment “{}”", attachment.name),
                },
                source: lang
                    .pick("jointe au document", "attached to the document")
                    .to_owned(),
            });
        }
        for note in &layout.notes {
            let page = note
                .page
                .map(|p| format!(" (page {p})"))
                .unwrap_or_default();
            let detail = note
                .detail
                .as_deref()
                .map(|d| format!(" : {d}"))
                .unwrap_or_default();
            sources.push(DataSource {
                what: format!("{}{page}{detail}", note.code.say(lang)),
                source: lang
                    .pick("constaté à la lecture", "noticed while reading")
                    .to_owned(),
            });
        }
    }
    sources
}

fn parameters(opened: &Opened, pipeline: &Pipeline, text: &str, lang: Lang) -> Vec<Parameter> {
    let Some(decision) = &opened.decision else {
        return Vec::new();
    };
    let mut parameters = Vec::new();
    for reason in &decision.reasons {
        parameters.push(reason_in_words(reason, pipeline, text, lang));
    }
    for candidate in decision.candidates.iter().take(3) {
        parameters.push(Parameter {
            what: match lang {
                Lang::Fr => format!("service « {} »", pipeline.service_name(&candidate.service)),
                Lang::En => format!("service “{}”", pipeline.service_name(&candidate.service)),
            },
            value: match decision.method {
                Method::Trained => lang.pick("vraisemblance", "likelihood"),
                Method::Descriptions | Method::Nothing => {
                    lang.pick("ressemblance, non étalonnée", "resemblance, not calibrated")
                }
            }
            .to_owned(),
            probability: Some(candidate.probability),
        });
    }
    if let Some(t) = &decision.threshold {
        let (promise, sure) = (
            t.max_misrouting.as_f64() * 100.0,
            t.confidence.as_f64() * 100.0,
        );
        parameters.push(Parameter {
            what: lang.pick("seuil d’envoi sans vérification", "threshold for passing on unchecked").to_owned(),
            value: match (t.value, t.needed, lang) {
                (Some(_), _, Lang::Fr) => format!(
                    "au plus {promise:.0} % d’erreurs parmi les envois, avec {sure:.0} % de confiance, d’après {} documents",
                    t.validated
                ),
                (Some(_), _, Lang::En) => format!(
                    "at most {promise:.0} % of errors among those passed on, with {sure:.0} % confidence, from {} documents",
                    t.validated
                ),
                (None, Some(needed), Lang::Fr) => format!(
                    "aucun pour l’instant : il faut encore {needed} documents validés sans erreur pour promettre au plus {promise:.0} % d’erreurs"
                ),
                (None, Some(needed), Lang::En) => format!(
                    "none yet: {needed} more validated documents without an error are needed to promise at most {promise:.0} % of errors"
                ),
                (None, None, lang) => lang.pick("aucun pour l’instant", "none yet").to_owned(),
            },
            probability: t.value,
        });
    }
    if let Some(c) = &opened.completeness
        && let Some(form) = &c.form
    {
        let title = pipeline
            .source
            .file
            .forms
            .iter()
            .find(|f| f.id() == form)
            .map_or_else(|| form.to_string(), |f| f.title.clone());
        parameters.push(Parameter {
            what: match lang {
                Lang::Fr => format!("formulaire reconnu : {title}"),
                Lang::En => format!("form recognised: {title}"),
            },
            value: match (&c.recognised_by, lang) {
                (Some(by), Lang::Fr) => format!("par « {by} »"),
                (Some(by), Lang::En) => format!("by “{by}”"),
                (None, _) => String::new(),
            },
            probability: None,
        });
    }
    parameters
}

fn reason_in_words(reason: &Reason, pipeline: &Pipeline, text: &str, lang: Lang) -> Parameter {
    let weight = |thousandths: i64| {
        let sign = if thousandths < 0 { "−" } else { "+" };
        let (whole, rest) = (thousandths.abs() / 1000, thousandths.abs() % 1000 / 10);
        match lang {
            Lang::Fr => format!("poids {sign}{whole},{rest:02}"),
            Lang::En => format!("weight {sign}{whole}.{rest:02}"),
        }
    };
    let plain = |what: String, value: String| Parameter {
        what,
        value,
        probability: None,
    };
    match reason {
        Reason::Rule {
            rule,
            service,
            matched,
            ..
        } => plain(
            match lang {
                Lang::Fr => format!("règle « {rule} »"),
                Lang::En => format!("rule “{rule}”"),
            },
            match lang {
                Lang::Fr => format!(
                    "« {matched} » conduit à « {} »",
                    pipeline.service_name(service)
                ),
                Lang::En => format!("“{matched}” leads to “{}”", pipeline.service_name(service)),
            },
        ),
        Reason::Words {
            spans,
            weight_thousandths,
        } => {
            let word = spans.first().and_then(|s: &Span| s.of(text)).unwrap_or("…");
            plain(
                match lang {
                    Lang::Fr => format!("mot « {word} »"),
                    Lang::En => format!("word “{word}”"),
                },
                weight(*weight_thousandths),
            )
        }
        Reason::Meaning { weight_thousandths } => plain(
            lang.pick("sens général du texte", "meaning of the whole text")
                .to_owned(),
            weight(*weight_thousandths),
        ),
        Reason::Prior { weight_thousandths } => plain(
            lang.pick(
                "fréquence habituelle du service",
                "usual frequency of the service",
            )
            .to_owned(),
            weight(*weight_thousandths),
        ),
    }
}

/// What a stage does, for someone who never heard of it.
pub fn activity_in_words(activity: &str, lang: Lang) -> &'static str {
    match activity {
        "receive" => lang.pick("réception", "reception"),
        "extract" => lang.pick(
            "lecture du texte et des champs",
            "reading of text and fields",
        ),
        "split" => lang.pick("découpage en passages", "splitting into passages"),
        "sketch" => lang.pick(
            "empreinte du texte, pour retrouver ce qui lui ressemble",
            "sketch of the text, to find what resembles it",
        ),
        "embed" => lang.pick(
            "calcul du sens des passages",
            "computing the meaning of passages",
        ),
        "classify" => lang.pick(
            "comparaison avec les services",
            "comparison with the services",
        ),
        "check" => lang.pick(
            "contrôle des champs et des pièces",
            "check of fields and pieces",
        ),
        "route" => lang.pick("proposition d’un service", "proposal of a service"),
        "review" => lang.pick("décision d’une personne", "a person’s decision"),
        "synthesise" => lang.pick("synthèse", "synthesis"),
        "themes" => lang.pick("thèmes de la semaine", "themes of the week"),
        "theme-act" => lang.pick(
            "acte d’une personne sur un thème",
            "a person’s act on a theme",
        ),
        "alert" => lang.pick("alertes", "alerts"),
        "alert-act" => lang.pick(
            "acte d’une personne sur une alerte",
            "a person’s act on an alert",
        ),
        "alert-notice" => lang.pick("alerte portée à une personne", "a person told of an alert"),
        _ => lang.pick("opération", "operation"),
    }
}

fn operations(opened: &Opened, lang: Lang) -> Vec<Operation> {
    opened
        .records
        .iter()
        .map(|(record, leaf_index)| {
            let s = record.statement();
            let mut what = activity_in_words(s.activity.as_str(), lang).to_owned();
            if s.outcome == RunOutcome::Quarantine {
                let reason = s.reason.as_deref().unwrap_or("?");
                what.push_str(&format!(" : {} ({reason})", s.outcome.say(lang)));
            }
            Operation {
                activity: s.activity.clone(),
                what,
                version: match s.agent {
                    Agent::Software { version } => Some(version),
                    Agent::Person { .. } => None,
                },
                at: record.circumstances().ended_at,
                run_key: s.run_key,
                leaf_index: *leaf_index,
                settings: s.settings,
                models: s.models.clone(),
            }
        })
        .collect()
}

/// The explanation on a page, in plain words, with moments as people of `zone` read them.
pub fn to_text(e: &Explanation, zone: &Zone) -> String {
    let lang = e.lang;
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line(&match lang {
        Lang::Fr => format!("Pourquoi « {} » ? ({})", e.name, e.document),
        Lang::En => format!("Why “{}”? ({})", e.name, e.document),
    });
    line("");
    line(lang.pick(
        "1. Degré et mode de contribution du traitement",
        "1. Degree and mode of contribution of the processing",
    ));
    for sentence in &e.contribution.sentences {
        line(&format!("   {sentence}"));
    }
    line("");
    line(lang.pick(
        "2. Données traitées et leurs sources",
        "2. Data processed and their sources",
    ));
    for d in &e.data {
        line(&format!("   - {} ({})", d.what, d.source));
    }
    line("");
    line(lang.pick("3. Paramètres et pondération", "3. Parameters and weights"));
    for p in &e.parameters {
        let probability = p.probability.map(|p| format!(" : {p}")).unwrap_or_default();
        line(&format!("   - {} — {}{probability}", p.what, p.value));
    }
    line("");
    line(lang.pick("4. Opérations effectuées", "4. Operations carried out"));
    for o in &e.operations {
        let version = o
            .version
            .map(|v| format!(", version {v}"))
            .unwrap_or_default();
        let leaf = match (o.leaf_index, lang) {
            (Some(i), Lang::Fr) => format!(", feuille {i} du journal"),
            (Some(i), Lang::En) => format!(", leaf {i} of the log"),
            (None, _) => String::new(),
        };
        let colon = lang.pick(" :", ":");
        let at = o.at.minute_in(zone);
        line(&format!("   - {at}{colon} {}{version}{leaf}", o.what));
        for model in &o.models {
            let digest = model.digest.to_string();
            line(&format!(
                "       {} {}…",
                model.role,
                &digest[..digest.len().min(23)]
            ));
        }
    }
    line("");
    line(lang.pick(
        "Base : code des relations entre le public et l’administration, art. R311-3-1-2 (décret 2017-330).",
        "Basis: Code of relations between the public and the administration, art. R311-3-1-2 (decree 2017-330).",
    ));
    out
}
