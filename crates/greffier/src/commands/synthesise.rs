//! `synthesise`: what the field said in a week, in the terminal or as a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use domain::{AlertSet, Audience, DocumentId, IsoWeek, Lang, Synthesis};
use insight::page::{Page, foot, reports_named};
use pipeline::ledger::DocumentState;
use pipeline::pipelines::Pipeline;
use serde::Serialize;

use super::Ending;
use crate::args::{Form, Global, Synthesise};
use crate::house::House;
use crate::{print, reconcilers};

/// Weeks that one page goes through, at most.
const WEEKS_MAX: usize = 60;

/// What `synthesise --json` prints.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    edition: u32,
    synthesis: &'a Synthesis,
    alerts: &'a AlertSet,
}

/// The latest edition of a week.
struct Made {
    edition: u32,
    synthesis: Synthesis,
    alerts: AlertSet,
    /// The edition before it, if any.
    before: Option<(u32, Synthesis)>,
}

/// Makes the synthesis of a week, or shows the one the same reports made.
pub async fn synthesise(global: &Global, args: &Synthesise) -> Result<Ending> {
    let said = args
        .out
        .as_deref()
        .and_then(Path::to_str)
        .and_then(Form::of);
    let form = args.form.or(said).unwrap_or(Form::Markdown);
    ensure!(
        form != Form::Odt || args.out.is_some(),
        "a text document is not written to the terminal: give its file, as in --out semaine.odt"
    );
    let house = House::open_existing(global).await?;
    let pipeline = house.pipeline(&args.pipeline)?.clone();
    ensure!(
        reconcilers::reconciles(&pipeline),
        "pipeline `{}` makes no synthesis: its file has no [reconcile.synthesise]",
        pipeline.name()
    );
    let audience = Audience::from(args.audience);
    ensure!(
        audience.is_team() || (!args.briefing && args.beside.is_none() && args.since.is_none()),
        "--audience {} is for the whole synthesis of one week: leave out --briefing, --beside and --since",
        audience.name()
    );
    // Those before it first, oldest first: what themes are called goes from one week to the next.
    let mut others = Vec::new();
    if let Some(week) = args.beside {
        others.push(made(global, &house, &pipeline, week, audience).await?);
    }
    if let Some(since) = args.since {
        for week in weeks_before(since, args.week)? {
            others.push(made(global, &house, &pipeline, week, audience).await?);
        }
    }
    let made = made(global, &house, &pipeline, args.week, audience).await?;
    if global.json {
        let shown_alerts = (!audience.is_team()).then(|| without_quotes(&made));
        print::json(&Printed {
            edition: made.edition,
            synthesis: &made.synthesis,
            alerts: shown_alerts.as_ref().unwrap_or(&made.alerts),
        })?;
        return Ok(Ending::Done);
    }
    let lang = global.lang;
    // The very ones that the synthesis was made with: made again, they are found.
    let followed = match audience.is_team() && others.is_empty() && !args.briefing {
        true => reconcilers::themes::themes(&house.desk, &pipeline, args.week).await?,
        false => None,
    };
    let followed = followed.map(|(followed, _)| followed);
    let mut reports = reports_named(&made.synthesis, &made.alerts);
    for other in &others {
        reports.extend(reports_named(&other.synthesis, &other.alerts));
    }
    let names = names(&house, reports).await?;
    let name = |id: DocumentId| names.get(&id).cloned().unwrap_or_else(|| id.short());
    let editions: Vec<String> = others
        .iter()
        .chain([&made])
        .map(|made| made.edition.to_string())
        .collect();
    let Made {
        synthesis,
        alerts,
        before,
        ..
    } = made;
    let mut page = if args.since.is_some() {
        let mut weeks: Vec<(Synthesis, AlertSet)> = others
            .into_iter()
            .map(|other| (other.synthesis, other.alerts))
            .collect();
        weeks.push((synthesis, alerts));
        Page::over(&weeks, &name, lang).context("no week")?
    } else if let Some(earlier) = others.first() {
        Page::beside(&earlier.synthesis, &synthesis, &name, lang)
    } else {
        let mut page = if args.briefing {
            Page::briefing(&synthesis, &alerts, &name, lang)
        } else {
            Page::whole(&synthesis, &alerts, &name, lang)
        };
        if let Some(followed) = &followed {
            page.say_themes(followed);
        }
        // What changed would tell the counts that a version leaves out.
        if let Some((number, before)) = before.as_ref().filter(|_| audience != Audience::Partners) {
            page.say_changes(*number, before, &synthesis, &alerts);
        }
        page
    };
    page.foot = Some(foot(&editions.join(", "), lang));
    let bytes = match form {
        Form::Markdown => insight::markdown(&page).into_bytes(),
        Form::Html => web::paper::html(&page)?.into_bytes(),
        Form::Odt => insight::odt(&page)?,
    };
    match &args.out {
        Some(file) => write(file, &bytes, lang)?,
        None => print::raw(&String::from_utf8_lossy(&bytes)),
    }
    Ok(Ending::Done)
}

/// The alerts that a version for others than the team gives, without what they quote.
fn without_quotes(made: &Made) -> AlertSet {
    let mut set = made.alerts.clone();
    set.alerts
        .retain(|alert| made.synthesis.alerts.contains(&alert.id));
    for alert in &mut set.alerts {
        alert.evidence.clear();
    }
    set
}

/// The weeks from `since` to the one before `week`, oldest first.
fn weeks_before(since: IsoWeek, week: IsoWeek) -> Result<Vec<IsoWeek>> {
    let mut weeks = Vec::new();
    let mut at = week;
    while at > since {
        ensure!(
            weeks.len() < WEEKS_MAX,
            "--since {since} is more than {WEEKS_MAX} weeks before {week}: give a later one"
        );
        at = at.plus(-1);
        weeks.push(at);
    }
    ensure!(
        !weeks.is_empty(),
        "--since {since} is not before {week}: give an earlier week"
    );
    weeks.reverse();
    Ok(weeks)
}

async fn made(
    global: &Global,
    house: &House,
    pipeline: &Pipeline,
    week: IsoWeek,
    audience: Audience,
) -> Result<Made> {
    let made = reconcilers::synthesise(house, pipeline, week, audience).await?;
    let set_aside =
        reconcilers::standing(&house.desk, pipeline, week, DocumentState::Quarantined).await?;
    if set_aside > 0 {
        print::note(match global.lang {
            Lang::Fr => format!(
                "{set_aside} remontée(s) de la semaine {week}, mise(s) de côté, n’y sont pas comptées : greffier documents"
            ),
            Lang::En => format!(
                "{set_aside} report(s) of week {week}, set aside, are not counted in it: greffier documents"
            ),
        });
    }
    let number = made.synthesis.1.edition.number;
    let period = week.to_string();
    let vault = &house.desk.vault;
    let editions = vault
        .ledger
        .editions(
            &reconcilers::synthesise_for(audience).parse()?,
            pipeline.name(),
            Some(&period),
        )
        .await?;
    let before = match editions.iter().rfind(|e| e.number < number) {
        Some(edition) => {
            let envelope = vault.envelope(edition.subject).await?;
            let synthesis = vault
                .read_json(edition.subject, &envelope, edition.artifact)
                .await?;
            Some((edition.number, synthesis))
        }
        None => None,
    };
    Ok(Made {
        edition: number,
        before,
        synthesis: made.synthesis.0,
        alerts: made.alerts.0,
    })
}

/// Writes a file that is whole or not there, and replaces no folder.
fn write(file: &Path, bytes: &[u8], lang: Lang) -> Result<()> {
    if file.is_dir() {
        bail!("{} is a folder: give a file within it", file.display());
    }
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut whole = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    std::io::Write::write_all(&mut whole, bytes)
        .with_context(|| format!("cannot write {}", file.display()))?;
    whole
        .persist(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    print::note(match lang {
        Lang::Fr => format!("{} écrit ({} octets)", file.display(), bytes.len()),
        Lang::En => format!("{} written ({} bytes)", file.display(), bytes.len()),
    });
    Ok(())
}

/// The names of reports.
async fn names(
    house: &House,
    reports: BTreeSet<DocumentId>,
) -> Result<BTreeMap<DocumentId, String>> {
    let mut names = BTreeMap::new();
    for id in reports {
        // A report that is erased since keeps its place, without a name.
        let name = house.desk.name(id).await;
        names.insert(id, name.unwrap_or_else(|_| id.short()));
    }
    Ok(names)
}
