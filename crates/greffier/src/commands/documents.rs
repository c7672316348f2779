//! `documents`, `show`, `extract`, `why`.

use anyhow::{Context, Result};
use domain::act::Verdict;
use domain::catalogue::{Lang, Said};
use domain::{Missing, Outcome, ServiceId};
use extract::view::ExtractView;
use extract::{Budgets, Input};
use pipeline::desk::Opened;
use pipeline::inbox::Waiting;
use pipeline::ledger::{DocumentFilter, DocumentState};
use pipeline::likeness::{Resembling, closest_earlier};
use pipeline::precedents::Precedent;
use pipeline::reasons::in_brief;
use serde::Serialize;

use super::Ending;
use super::search::Finder;
use crate::args::{Global, Password};
use crate::house::{House, reading};
use crate::print;

/// A document in a list.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Its id.
    pub id: domain::DocumentId,
    /// The name people know it by, percent-encoded.
    pub name: String,
    /// Its pipeline.
    pub pipeline: domain::PipelineName,
    /// The document it was found in.
    pub parent: Option<domain::DocumentId>,
    /// The first document with the same bytes.
    pub duplicate_of: Option<domain::DocumentId>,
    /// The documents that resemble it without having the same bytes, by reception; absent from lists
    /// that do not look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resembles: Option<Vec<Resembles>>,
    /// When it was received.
    pub received_at: domain::Timestamp,
    /// `processing`, `done` or `quarantined`.
    pub state: &'static str,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// The service proposed or decided.
    pub service: Option<ServiceId>,
    /// Other services that have something to do too, as a person decided.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<ServiceId>,
    /// Services that have a copy, as a person decided.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<ServiceId>,
    /// The authority it is for, when it is for none of the services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_for_us: Option<String>,
    /// Whether whoever wrote is still to be told that.
    pub to_tell: bool,
    /// The day until which it is to be answered; absent from lists that do not look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<domain::Day>,
    /// Probability of the first candidate.
    pub confidence: Option<domain::Probability>,
    /// Whether a person decided.
    pub decided: bool,
    /// What is missing.
    pub missing: Vec<Missing>,
    /// What could not be read.
    pub notes: Vec<domain::Note>,
    /// How well it was read.
    pub quality: Option<domain::Quality>,
    /// Why it was set aside.
    pub set_aside: Option<String>,
    /// Why, in a few words.
    pub why: String,
}

/// A document that resembles the one shown.
#[derive(Debug, Serialize)]
pub struct Resembles {
    /// Its id.
    pub document: domain::DocumentId,
    /// The name people know it by, percent-encoded.
    pub name: String,
    /// How much, in percent.
    pub percent: u8,
    /// When it was received.
    pub received_at: domain::Timestamp,
}

impl Listed {
    /// As [`of`](Self::of), with what resembles it.
    fn with(house: &House, opened: &Opened, resembling: &[Resembling], lang: Lang) -> Self {
        let resembles = resembling.iter().map(|r| Resembles {
            document: r.row.id,
            name: encoded(&r.name),
            percent: r.percent,
            received_at: r.row.received_at,
        });
        Self {
            resembles: Some(resembles.collect()),
            ..Self::of(house, opened, lang)
        }
    }

    /// An opened document as listed.
    pub fn of(house: &House, opened: &Opened, lang: Lang) -> Self {
        let route = opened.row.route.as_ref();
        Self {
            id: opened.row.id,
            name: encoded(&opened.name),
            pipeline: opened.row.pipeline.clone(),
            parent: opened.row.parent,
            duplicate_of: opened.row.duplicate_of,
            resembles: None,
            received_at: opened.row.received_at,
            state: opened.row.state.as_str(),
            outcome: house.desk.shown_outcome(opened),
            service: route.and_then(|r| r.service.clone()),
            also: route.map(|r| r.also.clone()).unwrap_or_default(),
            copies: route.map(|r| r.copies.clone()).unwrap_or_default(),
            not_for_us: match opened.act.as_ref().map(|act| &act.verdict) {
                Some(Verdict::NotForUs { to, .. }) => Some(to.clone()),
                _ => None,
            },
            to_tell: route.is_some_and(|r| r.to_tell),
            deadline: None,
            confidence: route.map(|r| r.confidence),
            decided: route.is_some_and(|r| r.decided),
            missing: opened
                .completeness
                .as_ref()
                .map(|c| c.missing.clone())
                .unwrap_or_default(),
            notes: opened
                .layout
                .as_ref()
                .map(|l| l.notes.clone())
                .unwrap_or_default(),
            quality: opened.layout.as_ref().and_then(|l| l.quality.clone()),
            set_aside: opened.set_aside().map(str::to_owned),
            why: why_in_brief(house, opened, lang),
        }
    }
}

/// A name as printed where names are separated by spaces: RFC 3986 unreserved characters stay.
pub fn encoded(name: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(name, KEPT).to_string()
}

/// The document that people call `name`, also as lists print it, percent-encoded.
pub(super) async fn find(house: &House, name: &str) -> Result<pipeline::ledger::DocumentRow> {
    match house.desk.find(name).await {
        Err(pipeline::Error::NoSuchDocument(_)) if name.contains('%') => {
            let decoded = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
            Ok(house.desk.find(&decoded).await?)
        }
        found => Ok(found?),
    }
}

/// Why a document was routed so, in a few words.
fn why_in_brief(house: &House, opened: &Opened, lang: Lang) -> String {
    let Some(decision) = &opened.decision else {
        return opened.set_aside().unwrap_or_default().to_owned();
    };
    let Ok(pipeline) = house.desk.pipelines.get(&opened.row.pipeline) else {
        return String::new();
    };
    // Once a person has decided, what the software doubted is the business of the sheet.
    if let Some(act) = &opened.act {
        let decided = super::inbox::decided(act, pipeline, lang);
        let reason = act.reason.iter().map(String::as_str);
        return std::iter::once(decided.as_str())
            .chain(reason)
            .collect::<Vec<_>>()
            .join(" ; ");
    }
    let shown = house.desk.shown_outcome(opened);
    let shown = shown.unwrap_or(decision.outcome);
    in_brief(decision, shown, pipeline, lang).join(" ; ")
}

/// What is missing, in a few words.
fn missing_in_brief(missing: &[Missing], lang: Lang) -> String {
    let words: Vec<String> = missing
        .iter()
        .map(|m| match m {
            Missing::Field { label, .. } => label.clone(),
            Missing::Format {
                label, expected, ..
            } => match lang {
                Lang::Fr => format!("{label} (mal rempli, attendu : {expected})"),
                Lang::En => format!("{label} (ill-formed, expected: {expected})"),
            },
            Missing::Inconsistent { label, with, .. } => match lang {
                Lang::Fr => format!("{label} (ne va pas avec : {with})"),
                Lang::En => format!("{label} (does not go with: {with})"),
            },
            Missing::Piece { name } => match lang {
                Lang::Fr => format!("pièce : {name}"),
                Lang::En => format!("piece: {name}"),
            },
        })
        .collect();
    words.join(" ; ")
}

/// A line of a list of documents.
pub(super) struct Line {
    pub(super) opened: Opened,
    pub(super) resembling: Vec<Resembling>,
    pub(super) waiting: Option<Waiting>,
}

impl Line {
    pub(super) fn listed(&self, house: &House, lang: Lang) -> Listed {
        Listed {
            deadline: self.waiting.as_ref().map(|waiting| waiting.deadline),
            ..Listed::with(house, &self.opened, &self.resembling, lang)
        }
    }
}

/// The routing table: document, service proposed, until when it is to be answered, what becomes of it,
/// why.
pub(super) fn routing_table(house: &House, lines: &[Line], lang: Lang) {
    let rows = lines
        .iter()
        .map(|line| {
            let (o, resembling) = (&line.opened, &line.resembling);
            let listed = line.listed(house, lang);
            let name = |s: &ServiceId| {
                let pipeline = house.desk.pipelines.get(&o.row.pipeline);
                pipeline.map_or_else(|_| s.to_string(), |p| p.service_name(s))
            };
            let mut service = match (&listed.not_for_us, &listed.service) {
                (Some(authority), _) => authority.clone(),
                (None, service) => service.as_ref().map(name).unwrap_or_default(),
            };
            let others: Vec<String> = listed.also.iter().chain(&listed.copies).map(name).collect();
            if !others.is_empty() {
                service = format!("{} (+ {})", print::short(&service, 24), others.join(", "));
            }
            let mut notes: Vec<String> = listed
                .quality
                .iter()
                .filter_map(|quality| quality.warning(lang))
                .collect();
            let others = listed.notes.iter().filter(|n| n.page.is_none());
            notes.extend(others.map(|n| n.code.say(lang).to_owned()));
            let mut remarks = missing_in_brief(&listed.missing, lang);
            if !notes.is_empty() {
                let notes = notes.join(", ");
                remarks = if remarks.is_empty() {
                    notes
                } else {
                    format!("{remarks} ; {notes}")
                };
            }
            if listed.duplicate_of.is_some() {
                let same = lang.pick("déjà reçu", "received before");
                remarks = if remarks.is_empty() {
                    same.into()
                } else {
                    format!("{same} ; {remarks}")
                };
            }
            if let Some(first) = closest_earlier(resembling) {
                let like = match lang {
                    Lang::Fr => format!("ressemble à {} % à {}", first.percent, first.name),
                    Lang::En => format!("resembles {} ({} %)", first.name, first.percent),
                };
                remarks = if remarks.is_empty() {
                    like
                } else {
                    format!("{like} ; {remarks}")
                };
            }
            let outcome = match (&listed.set_aside, listed.decided, listed.outcome) {
                (Some(_), ..) => domain::RunOutcome::Quarantine.say(lang).to_owned(),
                (_, true, _) => lang.pick("décidé", "decided").to_owned(),
                (_, _, Some(_)) => house
                    .desk
                    .shown_outcome(o)
                    .map_or("", |outcome| outcome.say(lang))
                    .to_owned(),
                _ => String::new(),
            };
            let deadline = line.waiting.as_ref();
            vec![
                o.name.clone(),
                print::short(o.title(), 40),
                print::short(&service, 60),
                outcome,
                deadline
                    .map(|waiting| super::inbox::deadline(waiting, lang))
                    .unwrap_or_default(),
                print::short(&listed.why, 240),
                print::short(&remarks, 60),
            ]
        })
        .collect();
    print::table(
        &[
            lang.pick("document", "document"),
            lang.pick("objet", "subject"),
            lang.pick("service", "service"),
            lang.pick("suite", "outcome"),
            lang.pick("à répondre", "to be answered"),
            lang.pick("pourquoi", "why"),
            lang.pick("manque ou remarque", "missing or remarks"),
        ],
        rows,
    );
}

/// Lists documents.
pub async fn documents(global: &Global, pipeline: Option<&str>) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let pipeline = pipeline
        .map(|p| house.pipeline(p).map(|p| p.name().clone()))
        .transpose()?;
    let filter = DocumentFilter {
        pipeline,
        ..DocumentFilter::default()
    };
    let mut opened = Vec::new();
    for row in house.desk.vault.ledger.documents(&filter).await? {
        opened.push(house.desk.open(row).await?);
    }
    if global.json {
        let listed: Vec<Listed> = opened
            .iter()
            .map(|o| Listed::of(&house, o, global.lang))
            .collect();
        print::json(&listed)?;
        return Ok(Ending::Done);
    }
    let lang = global.lang;
    let rows = opened
        .iter()
        .map(|o| {
            let notes = o
                .layout
                .as_ref()
                .map(|l| domain::told::notes(&l.notes, lang));
            let notes = notes.unwrap_or_default();
            vec![
                encoded(&o.name),
                o.row.id.short(),
                o.row.pipeline.to_string(),
                o.row.received_at.day_in(&domain::time::Zone::paris()),
                state_in_words(o.row.state, lang).to_owned(),
                print::short(o.title(), 50),
                notes.join(" ; "),
            ]
        })
        .collect();
    print::table(
        &[
            lang.pick("nom", "name"),
            "id",
            lang.pick("filière", "pipeline"),
            lang.pick("reçu", "received"),
            lang.pick("état", "state"),
            lang.pick("objet", "subject"),
            lang.pick("remarques", "remarks"),
        ],
        rows,
    );
    Ok(Ending::Done)
}

fn state_in_words(state: DocumentState, lang: Lang) -> &'static str {
    match state {
        DocumentState::Processing => lang.pick("en cours", "processing"),
        DocumentState::Done => lang.pick("traité", "done"),
        DocumentState::Quarantined => lang.pick("mis de côté", "set aside"),
    }
}

/// A document in full.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    listed: Listed,
    title: &'a str,
    arrival: &'a domain::Arrival,
    layout: &'a Option<domain::Layout>,
    decision: Option<domain::Decision>,
    completeness: &'a Option<domain::Completeness>,
    act: &'a Option<domain::record::Act>,
    precedents: Vec<ShownPrecedent>,
    records: Vec<&'a domain::Record>,
}

/// Shows a document.
pub async fn show(global: &Global, document: &str, text: bool) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let row = find(&house, document).await?;
    if text {
        let text = house.desk.text(row.id).await?.with_context(|| {
            format!(
                "{} has no text: it was not read, or set aside (greffier show {document})",
                row.id
            )
        })?;
        print::raw(text.as_str());
        return Ok(Ending::Done);
    }
    let opened = house.desk.open(row).await?;
    let resembling = house.desk.resembling(&opened).await?;
    let lang = global.lang;
    let waits = house.desk.waits(&opened);
    let line = Line {
        waiting: waits.then(|| house.desk.waiting_as(&opened)).transpose()?,
        opened,
        resembling,
    };
    let opened = &line.opened;
    let precedents = precedents(&house, opened).await?;
    if global.json {
        print::json(&Shown {
            listed: line.listed(&house, lang),
            title: opened.title(),
            arrival: &opened.arrival,
            layout: &opened.layout,
            decision: house.desk.shown_decision(opened),
            completeness: &opened.completeness,
            act: &opened.act,
            precedents: precedents
                .into_iter()
                .map(|one| ShownPrecedent {
                    document: one.id,
                    name: encoded(&one.name),
                    to: one.to,
                    service: one.service,
                    likeness: domain::Probability::from_f64(one.likeness),
                })
                .collect(),
            records: opened.records.iter().map(|(r, _)| r).collect(),
        })?;
        return Ok(Ending::Done);
    }
    print::heading(&format!("{} — {}", opened.name, opened.title()));
    print::line(format!(
        "{}  {}",
        opened.row.id,
        state_in_words(opened.row.state, lang)
    ));
    if let Some(first) = opened.row.duplicate_of {
        print::line(match lang {
            Lang::Fr => format!("mêmes octets que {first}"),
            Lang::En => format!("same bytes as {first}"),
        });
    }
    for one in &line.resembling {
        let day = one.row.received_at.day_in(&domain::time::Zone::paris());
        let (name, percent, id) = (&one.name, one.percent, one.row.id);
        print::line(match lang {
            Lang::Fr => format!("ressemble à {percent} % à {name}, reçu le {day} ({id})"),
            Lang::En => format!("resembles {name} at {percent} %, received on {day} ({id})"),
        });
    }
    routing_table(&house, std::slice::from_ref(&line), lang);
    if let Some(layout) = &opened.layout {
        let rows: Vec<Vec<String>> = layout
            .fields
            .iter()
            .filter(|f| f.value.is_some())
            .map(|f| {
                vec![
                    f.label.clone().unwrap_or_else(|| f.name.clone()),
                    print::short(f.value.as_deref().unwrap_or_default(), 80),
                    f.page.map_or_else(String::new, |p| p.to_string()),
                ]
            })
            .collect();
        if !rows.is_empty() {
            print::table(
                &[
                    lang.pick("champ", "field"),
                    lang.pick("valeur", "value"),
                    "page",
                ],
                rows,
            );
        }
        for attachment in &layout.attachments {
            print::line(match lang {
                Lang::Fr => format!(
                    "pièce jointe {} : {} ({} octets)",
                    attachment.part, attachment.name, attachment.size
                ),
                Lang::En => format!(
                    "attachment {}: {} ({} bytes)",
                    attachment.part, attachment.name, attachment.size
                ),
            });
        }
        for note in domain::told::notes(&layout.notes, lang) {
            print::line(format!("! {note}"));
        }
        if let Some(quality) = &layout.quality {
            print::line(quality.say(lang));
        }
    }
    say_precedents(&precedents, lang);
    for (record, leaf) in &opened.records {
        let s = record.statement();
        let leaf = leaf.map(|l| format!("#{l}")).unwrap_or_default();
        print::line(format!(
            "{:>6}  {:<9} {}  {}",
            leaf,
            s.activity,
            record.circumstances().ended_at,
            s.run_key
        ));
    }
    Ok(Ending::Done)
}

/// Reads a file without keeping anything.
pub async fn extract(
    global: &Global,
    file: &std::path::Path,
    text: bool,
    markdown: bool,
    ocr: bool,
    password: Option<Password>,
) -> Result<Ending> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned());
    let reader = (reading().reader)(Budgets::default());
    let lang = global.lang;
    let read = tokio::task::spawn_blocking(move || {
        let input = Input {
            bytes: &bytes,
            file_name: name.as_deref(),
            password: password.as_ref().map(Password::as_str),
            ..Input::default()
        };
        let read = reader.read(&input)?;
        if ocr {
            super::reading::recognised(&reader, &input, read, lang)
        } else {
            Ok(read)
        }
    })
    .await?;
    let extraction = match read {
        Ok(extraction) => extraction,
        Err(fault) => {
            print::note(format!(
                "{}: {} ({})",
                file.display(),
                pipeline::verify::chain(&fault),
                fault.code()
            ));
            return Ok(Ending::SomeRefused);
        }
    };
    if (text || markdown) && extraction.text.as_str().trim().is_empty() {
        // Nothing on standard output says nothing of why.
        for note in domain::told::notes(&extraction.layout.notes, lang) {
            print::note(format!("! {}: {note}", file.display()));
        }
    }
    if text {
        print::raw(extraction.text.as_str());
        return Ok(Ending::Done);
    }
    if markdown {
        print::raw(&::extract::markdown::markdown(
            &extraction.text,
            &extraction.layout,
        ));
        return Ok(Ending::Done);
    }
    let view = ExtractView::new(&extraction);
    if global.json {
        print::json(&view)?;
        return Ok(Ending::Done);
    }
    print::raw(extraction.text.as_str());
    print::line("");
    for note in domain::told::notes(&extraction.layout.notes, lang) {
        print::note(format!("! {note}"));
    }
    if let Some(quality) = &extraction.layout.quality {
        print::note(quality.say(lang));
    }
    Ok(Ending::Done)
}

/// What people decided about the documents most like this one. An index that does not answer hides
/// nothing else; `doctor` and `verify` name it.
async fn precedents(house: &House, opened: &Opened) -> Result<Vec<Precedent>> {
    use web::Find as _;
    let Some(asked) = web::Asked::precedents(opened) else {
        return Ok(Vec::new());
    };
    let Ok(finder) = Finder::open(house, Some(&opened.row.collection)) else {
        return Ok(Vec::new());
    };
    let Ok(answer) = finder.find(&house.desk.reach, &asked).await else {
        return Ok(Vec::new());
    };
    let candidates: Vec<_> = answer.hits.iter().map(|hit| hit.document).collect();
    Ok(house.desk.precedents(opened, &candidates).await?)
}

fn say_precedents(precedents: &[Precedent], lang: Lang) {
    if precedents.is_empty() {
        return;
    }
    print::heading(lang.pick(
        "Ce qui a été décidé pour des documents proches",
        "What was decided for close documents",
    ));
    for one in precedents {
        let colon = lang.pick("\u{a0}: ", ": ");
        print::line(format!("{}{colon}{} ({})", one.name, one.to, one.say(lang)));
    }
}

/// A precedent, for a program.
#[derive(Debug, Serialize)]
struct ShownPrecedent {
    document: domain::DocumentId,
    name: String,
    to: String,
    service: Option<ServiceId>,
    /// Cosine of the two.
    likeness: domain::Probability,
}

/// Why a document was routed so.
pub async fn why(global: &Global, document: &str, prov: bool) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let row = find(&house, document).await?;
    let opened = house.desk.open(row).await?;
    if prov {
        let records = opened.records.iter().map(|(record, leaf)| (record, *leaf));
        print::json(&provenance::prov_json(records))?;
        return Ok(Ending::Done);
    }
    let explanation = pipeline::explain::explain(&house.desk, &opened, global.lang).await?;
    let (zone, _) = house
        .desk
        .pipelines
        .get(&opened.row.pipeline)?
        .source
        .zone();
    if global.json {
        print::json(&explanation)?;
    } else {
        print::raw(&pipeline::explain::to_text(&explanation, &zone));
        say_precedents(&precedents(&house, &opened).await?, global.lang);
    }
    Ok(Ending::Done)
}
