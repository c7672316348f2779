//! `inbox` and `review`: what waits for people, and what they decide.

use anyhow::Result;
use domain::act::{Act, Verdict};
use domain::catalogue::Lang;
use domain::{PipelineName, ServiceId};
use pipeline::inbox::Waiting;
use pipeline::pipelines::Pipeline;
use pipeline::progress::Watch as _;
use pipeline::review::Review;

use super::Ending;
use super::documents::{Line, Listed, find, routing_table};
use crate::args::{Decided, Global};
use crate::house::House;
use crate::print;
use crate::progress::HouseProgress;

/// What waits for a person.
pub async fn inbox(
    global: &Global,
    service: Option<&str>,
    pipeline: Option<&str>,
) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let lang = global.lang;
    let pipeline = pipeline
        .map(|p| house.pipeline(p).map(|p| p.name().clone()))
        .transpose()?;
    let service = service.map(|id| service_of(&house, id)).transpose()?;
    let inbox = house
        .desk
        .inbox(pipeline.as_ref(), service.as_ref())
        .await?;
    let waiting = lines(&house, inbox.queue()).await?;
    let to_forward = lines(&house, inbox.to_forward.iter()).await?;
    if global.json {
        let all = waiting.iter().chain(&to_forward);
        let listed: Vec<Listed> = all.map(|line| line.listed(&house, lang)).collect();
        print::json(&listed)?;
        return Ok(Ending::Done);
    }
    if waiting.is_empty() {
        print::line(lang.pick("Rien n’attend.", "Nothing waits."));
    } else {
        routing_table(&house, &waiting, lang);
    }
    if !to_forward.is_empty() {
        print::heading(lang.pick(
            "À transmettre à une autre administration (CRPA, art. L114-2)",
            "To be forwarded to another authority (CRPA, art. L114-2)",
        ));
        forwarding_table(&house, &to_forward, lang);
    }
    standing(&house, pipeline.as_ref(), lang);
    Ok(Ending::Done)
}

/// How far routing by itself is; what cannot be read is for `doctor` to say.
fn standing(house: &House, chosen: Option<&PipelineName>, lang: Lang) {
    let watch = HouseProgress::of(house);
    let routing = house.desk.pipelines.iter().filter(|p| {
        !p.source.file.services.is_empty() && chosen.is_none_or(|name| name == p.name())
    });
    for pipeline in routing {
        let Ok(progress) = watch.progress(pipeline) else {
            continue;
        };
        print::heading(&match lang {
            Lang::Fr => format!(
                "Où en est l’envoi automatique : {}",
                pipeline.source.file.title
            ),
            Lang::En => format!(
                "How far automatic routing is: {}",
                pipeline.source.file.title
            ),
        });
        for line in progress.say(pipeline, lang) {
            print::line(line);
        }
    }
}

/// Known to one of the pipelines, or refused with those there are.
fn service_of(house: &House, id: &str) -> Result<ServiceId> {
    let mut refused = None;
    let routing = house.desk.pipelines.iter();
    for pipeline in routing.filter(|p| !p.source.file.services.is_empty()) {
        match pipeline.service(id) {
            Ok(service) => return Ok(service.id().clone()),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) => Err(error.into()),
        None => Ok(id.parse()?),
    }
}

async fn lines<'a>(house: &House, waiting: impl Iterator<Item = &'a Waiting>) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for one in waiting {
        let opened = house.desk.open(one.row.clone()).await?;
        let resembling = house.desk.resembling(&opened).await?;
        lines.push(Line {
            opened,
            resembling,
            waiting: Some(one.clone()),
        });
    }
    Ok(lines)
}

fn forwarding_table(house: &House, lines: &[Line], lang: Lang) {
    let rows = lines
        .iter()
        .map(|line| {
            let opened = &line.opened;
            let listed = line.listed(house, lang);
            let pipeline = house.desk.pipelines.get(&opened.row.pipeline).ok();
            let authority = listed.not_for_us.unwrap_or_else(|| {
                let name = |id: &ServiceId| {
                    pipeline.map_or_else(|| id.to_string(), |p| p.service_name(id))
                };
                listed.service.as_ref().map(name).unwrap_or_default()
            });
            vec![
                opened.name.clone(),
                print::short(opened.title(), 40),
                print::short(&authority, 40),
                opened.row.received_at.day_in(&domain::time::Zone::paris()),
                opened
                    .act
                    .as_ref()
                    .map(|act| act.by.clone())
                    .unwrap_or_default(),
                format!("greffier review {} --told --by …", listed.name),
            ]
        })
        .collect();
    print::table(
        &[
            lang.pick("document", "document"),
            lang.pick("objet", "subject"),
            lang.pick("pour", "for"),
            lang.pick("reçu", "received"),
            lang.pick("décidé par", "decided by"),
            lang.pick("quand la personne sera informée", "once the person is told"),
        ],
        rows,
    );
}

/// The day until which a document is to be answered, in words.
pub(super) fn deadline(waiting: &Waiting, lang: Lang) -> String {
    let today = waiting.today;
    let day = waiting.deadline.say(today, lang);
    match (waiting.days_left, lang) {
        (left, Lang::Fr) if left < 0 => format!("en retard ({day})"),
        (left, Lang::En) if left < 0 => format!("late ({day})"),
        (_, Lang::Fr) => format!("avant le {day}"),
        (_, Lang::En) => format!("before {day}"),
    }
}

/// Records what a person decides.
pub async fn review(
    global: &Global,
    document: &str,
    decided: &Decided,
    by: &str,
    reason: Option<&str>,
) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    anyhow::ensure!(
        !by.trim().is_empty(),
        "--by is empty: give the name of the person who decides"
    );
    let row = find(&house, document).await?;
    let reviewed = house
        .desk
        .review(&row, &asked(decided), by.trim(), reason)
        .await?;
    // What was decided stands, whatever comes of the look at the promise.
    match super::promise::stop_broken(&house, Some(&row.pipeline)).await {
        Ok(broken) => super::promise::alarm(global.lang, &broken),
        Err(error) => print::note(format!("greffier: {error:#}")),
    }
    let act = reviewed.act;
    let pipeline = house.desk.pipelines.get(&row.pipeline)?;
    if let Some(before) = &reviewed.after {
        let before = self::decided(before, pipeline, global.lang);
        print::note(match global.lang {
            Lang::Fr => format!("Remplace une décision, qui reste au dossier : {before}"),
            Lang::En => format!("Replaces a decision, which stays on record: {before}"),
        });
    }
    if global.json {
        print::json(&act)?;
        return Ok(Ending::Done);
    }
    print::line(said(document, &act, pipeline, global.lang));
    if let Verdict::NotForUs { told: false, .. } = act.verdict {
        print::note(match global.lang {
            Lang::Fr => format!(
                "Reste dans « à transmettre » jusqu’à ce que la personne soit informée : greffier review {document} --told --by NOM"
            ),
            Lang::En => format!(
                "Stays under “to be forwarded” until the person is told: greffier review {document} --told --by NAME"
            ),
        });
    }
    Ok(Ending::Done)
}

fn asked(decided: &Decided) -> Review {
    match (&decided.not_for_us, decided.told, &decided.route) {
        (Some(to), told, _) => Review::NotForUs {
            to: to.clone(),
            told,
        },
        (None, true, _) => Review::Told,
        (None, false, service) if !decided.also.is_empty() || !decided.copy.is_empty() => {
            Review::Several {
                service: service.clone(),
                also: decided.also.clone(),
                copies: decided.copy.clone(),
            }
        }
        (None, false, Some(service)) => Review::Route(service.clone()),
        (None, false, None) => Review::Accept,
    }
}

fn said(document: &str, act: &Act, pipeline: &Pipeline, lang: Lang) -> String {
    let what = decided(act, pipeline, lang);
    match lang {
        Lang::Fr => format!("{document} : {what} (identité non vérifiée)"),
        Lang::En => format!("{document}: {what} (identity not verified)"),
    }
}

/// What a person decided, and who.
pub(super) fn decided(act: &Act, pipeline: &Pipeline, lang: Lang) -> String {
    let name = |id: &ServiceId| pipeline.service_name(id);
    let list = |ids: &[ServiceId]| ids.iter().map(name).collect::<Vec<_>>().join(", ");
    let what = match (&act.verdict, lang) {
        (Verdict::NotForUs { to, told, .. }, Lang::Fr) => format!(
            "à transmettre à {to}, personne {}",
            if *told { "informée" } else { "à informer" }
        ),
        (Verdict::NotForUs { to, told, .. }, Lang::En) => format!(
            "to be forwarded to {to}, person {}",
            if *told { "told" } else { "to be told" }
        ),
        (verdict, lang) => {
            let mut what = verdict.service().map(name).unwrap_or_default();
            let others = [
                (verdict.also(), lang.pick("aussi", "also")),
                (verdict.copies(), lang.pick("copie", "copy")),
            ];
            for (ids, how) in others.into_iter().filter(|(ids, _)| !ids.is_empty()) {
                what.push_str(&match lang {
                    Lang::Fr => format!(" ; {how} : {}", list(ids)),
                    Lang::En => format!("; {how}: {}", list(ids)),
                });
            }
            what
        }
    };
    match lang {
        Lang::Fr => format!("{what}, décidé par {}", act.by),
        Lang::En => format!("{what}, decided by {}", act.by),
    }
}
