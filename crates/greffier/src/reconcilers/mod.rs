//! Reconcilers: the weekly synthesis, the alerts it rests on, and telling people of alerts.

mod examples;
pub mod tell;
pub mod themes;
pub mod weeks;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use domain::passage::VectorSet;
use domain::record::Record;
use domain::time::Zone;
use domain::{
    AlertId, AlertSet, Audience, FieldReport, IsoWeek, Kind, Layout, PassageSet, RunKey, StageName,
    SubjectId, Synthesis, canonical,
};
use insight::themes::{Followed, ThemeDecision, ThemesSettings};
use insight::{AlertSettings, Corpus, Entry, InsightError, SynthesisSettings};
use pipeline::desk::Desk;
use pipeline::duty::{ALERT_ACT, ALERT_NOTICE};
use pipeline::file::{FileError, SourceFile};
use pipeline::ledger::{DocumentFilter, DocumentState};
use pipeline::pipelines::Pipeline;
use pipeline::reconcile::{Made, Making, publish};
use pipeline::vault::latest_of;
use pipeline::verify::Verification;
use privacy::Masking;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::commands::forecast::ForecastSettings;
use crate::house::House;
pub use tell::TellSettings;
use themes::{THEME_ACT, THEMES};

/// Raised whenever the synthesis may change for the same reports.
const SYNTHESISE_VERSION: u32 = 2;
/// Raised whenever the alerts may change for the same reports.
const ALERT_VERSION: u32 = 2;

/// The reconcilers, as pipeline files and records name them.
const ALERT: &str = "alert";
pub const SYNTHESISE: &str = "synthesise";
const TELL: &str = "tell";
/// Settings of what `greffier forecast` says: it makes nothing by itself.
const FORECAST: &str = "forecast";

/// Whether records of this activity are those of a reconciler.
pub fn is_reconciler(activity: &str) -> bool {
    matches!(activity, ALERT | THEMES | ALERT_NOTICE)
        || Audience::ALL.iter().any(|a| activity == synthesise_for(*a))
}

/// The reconciler that writes the synthesis for an audience: each has its own editions, whose key
/// nobody else's opens.
pub const fn synthesise_for(audience: Audience) -> &'static str {
    match audience {
        Audience::Team => SYNTHESISE,
        Audience::Hierarchy => "synthesise-hierarchy",
        Audience::Partners => "synthesise-partners",
    }
}

/// The alerts and the synthesis of one week.
pub struct Week {
    /// The alerts, and the edition that holds them.
    pub alerts: (AlertSet, Made),
    /// The synthesis, and the edition that holds it.
    pub synthesis: (Synthesis, Made),
}

fn slug(name: &str) -> StageName {
    name.parse()
        .unwrap_or_else(|_| unreachable!("`{name}` is a slug"))
}

/// Checks the reconcilers of a file and their settings.
///
/// # Errors
/// With the line of what is wrong.
pub fn check(source: &SourceFile) -> Result<(), FileError> {
    for (name, entry) in &source.file.reconcile {
        match name.as_str() {
            SYNTHESISE | ALERT | THEMES | TELL | FORECAST => {}
            other => {
                return Err(source.wrong_at(
                    entry.settings.span().start,
                    format!("reconciler `{other}` is not known"),
                    "synthesise, alert, themes, tell or forecast",
                ));
            }
        }
    }
    let (themes, at) = settings::<SynthesisSettings>(source, SYNTHESISE)?;
    themes
        .check()
        .map_err(|e| source.wrong_at(at, e.to_string(), "settings that agree"))?;
    let (learning, at) = settings::<ThemesSettings>(source, THEMES)?;
    learning
        .check()
        .map_err(|e| source.wrong_at(at, e.to_string(), "settings that agree"))?;
    let (alerts, at) = settings::<AlertSettings>(source, ALERT)?;
    alerts.check(&themes).map_err(|e| match &e {
        InsightError::Duty { entry, key, .. } => {
            let header = format!("[[reconcile.{ALERT}.settings.duty]]");
            let at = source.nth(&header, *entry).unwrap_or(at);
            source.wrong_in(at, key, e.to_string(), "a shift of the roster")
        }
        _ => source.wrong_at(at, e.to_string(), "settings that agree"),
    })?;
    let (foreseeing, at) = settings::<ForecastSettings>(source, FORECAST)?;
    foreseeing
        .check()
        .map_err(|wrong| source.wrong_at(at, wrong, "settings that agree"))?;
    let (telling, at) = settings::<TellSettings>(source, TELL)?;
    telling.check().map_err(|wrong| {
        let place = wrong.person.and_then(|n| {
            let header = format!("[[reconcile.{TELL}.settings.people]]");
            source.nth(&header, n)
        });
        source.wrong_in(place.unwrap_or(at), wrong.key, wrong.found, wrong.expected)
    })
}

fn settings<T: DeserializeOwned + Default + JsonSchema>(
    source: &SourceFile,
    reconciler: &str,
) -> Result<(T, usize), FileError> {
    let Some(entry) = source.file.reconcile.get(&slug(reconciler)) else {
        return Ok((T::default(), 0));
    };
    let at = entry.settings.span().start;
    match entry.settings.get_ref().clone().try_into::<T>() {
        Ok(settings) => Ok((settings, at)),
        Err(error) => {
            let message = error.message().to_owned();
            let key = message.split('`').nth(1).unwrap_or_default().to_owned();
            Err(source.wrong_in(at, &key, message, format!("the settings of `{reconciler}`")))
        }
    }
}

/// How a pipeline reads its reports, and what of them is an alert.
///
/// # Errors
/// With the line of what is wrong.
pub fn settings_of(source: &SourceFile) -> Result<(SynthesisSettings, AlertSettings), FileError> {
    let (themes, _) = settings(source, SYNTHESISE)?;
    let (alerting, _) = settings(source, ALERT)?;
    Ok((themes, alerting))
}

/// How a pipeline foresees reports.
///
/// # Errors
/// With the line of what is wrong.
pub fn forecasting(source: &SourceFile) -> Result<ForecastSettings, FileError> {
    Ok(settings(source, FORECAST)?.0)
}

/// How a pipeline tells people of alerts, and where its settings begin.
///
/// # Errors
/// With the line of what is wrong.
pub fn telling(source: &SourceFile) -> Result<(TellSettings, usize), FileError> {
    settings(source, TELL)
}

/// Whether a pipeline tells people of alerts.
pub fn tells(pipeline: &Pipeline) -> bool {
    (pipeline.source.file.reconcile).contains_key(&slug(TELL))
}

/// Whether a pipeline makes weekly syntheses.
pub fn reconciles(pipeline: &Pipeline) -> bool {
    pipeline
        .source
        .file
        .reconcile
        .contains_key(&slug(SYNTHESISE))
}

/// Makes the alerts of a week, or finds the edition that the same reports made.
///
/// # Errors
/// When something cannot be read or written.
pub async fn alerts(house: &House, pipeline: &Pipeline, week: IsoWeek) -> Result<(AlertSet, Made)> {
    let desk = &house.desk;
    let source = &pipeline.source;
    let (themes, _) = settings::<SynthesisSettings>(source, SYNTHESISE)?;
    let (alerting, _) = settings::<AlertSettings>(source, ALERT)?;
    // Alerts go to people who are named, and follow nobody.
    let masking = masking(desk, pipeline, week, &themes, Audience::Hierarchy);
    let (corpus, mut runs) = corpus(desk, pipeline, week, themes.weeks_read(), &masking).await?;
    let mut corpus = knowing(desk, pipeline, week, &themes, corpus, &mut runs).await?;
    let encoder = examples::encoder(house, pipeline, &alerting)?;
    let making = Making {
        reconciler: slug(ALERT),
        version: ALERT_VERSION,
        pipeline: pipeline.name().clone(),
        collection: source.file.collection.clone(),
        period: week.to_string(),
        input_runs: runs,
        settings: serde_json::json!({
            "alert": alerting,
            "synthesise": themes,
            "time_zone": source.zone().1,
        }),
        models: examples::models(house, encoder.as_deref())?,
        kind: Kind::Alerts,
    };
    let id = |kind: &str, about: &str, period: &str| alert_id(desk, pipeline, kind, about, period);
    let made = publish(
        &desk.vault,
        making,
        desk.clock.as_ref(),
        &desk.build,
        || {
            examples::compare(house, encoder.as_deref(), &alerting, &mut corpus)?;
            let set = insight::alerts(&corpus, &themes, &alerting, &id)?;
            Ok::<_, anyhow::Error>(canonical::to_bytes(&set)?)
        },
    )
    .await?;
    Ok((serde_json::from_slice(&made.bytes)?, made))
}

/// Makes the synthesis of a week, or finds the edition that the same reports made.
///
/// # Errors
/// When something cannot be read or written.
pub async fn synthesise(
    house: &House,
    pipeline: &Pipeline,
    week: IsoWeek,
    audience: Audience,
) -> Result<Week> {
    let desk = &house.desk;
    let owed = standing(desk, pipeline, week, DocumentState::Processing).await?;
    ensure!(
        owed == 0,
        "{owed} reports of {week} are still being processed: `greffier work` finishes them first"
    );
    let (set, alerts_made) = alerts(house, pipeline, week).await?;
    let source = &pipeline.source;
    let (themes, _) = settings::<SynthesisSettings>(source, SYNTHESISE)?;
    let masking = masking(desk, pipeline, week, &themes, audience);
    let (corpus, mut runs) = corpus(desk, pipeline, week, themes.weeks_read(), &masking).await?;
    let corpus = knowing(desk, pipeline, week, &themes, corpus, &mut runs).await?;
    let corpus = corpus.for_audience(audience, themes.audiences.clues_max);
    runs.push(alerts_made.edition.run_key);
    let making = Making {
        reconciler: slug(synthesise_for(audience)),
        version: SYNTHESISE_VERSION,
        pipeline: pipeline.name().clone(),
        collection: source.file.collection.clone(),
        period: week.to_string(),
        input_runs: runs,
        settings: serde_json::json!({
            "audience": audience,
            "synthesise": themes,
            "time_zone": source.zone().1,
        }),
        models: Vec::new(),
        kind: Kind::Synthesis,
    };
    let made = publish(
        &desk.vault,
        making,
        desk.clock.as_ref(),
        &desk.build,
        || {
            let synthesis = insight::synthesise(&corpus, &themes, &set)?;
            Ok::<_, anyhow::Error>(canonical::to_bytes(&synthesis)?)
        },
    )
    .await?;
    pipeline::log::checkpoint(&desk.vault).await?;
    let synthesis = serde_json::from_slice(&made.bytes)?;
    Ok(Week {
        alerts: (set, alerts_made),
        synthesis: (synthesis, made),
    })
}

/// The corpus with the themes of its week, where the pipeline learns them; their run is one more that
/// is read.
async fn knowing(
    desk: &Desk,
    pipeline: &Pipeline,
    week: IsoWeek,
    listed: &SynthesisSettings,
    corpus: Corpus,
    runs: &mut Vec<RunKey>,
) -> Result<Corpus> {
    Ok(match themes::themes(desk, pipeline, week).await? {
        Some((followed, made)) => {
            runs.push(made.edition.run_key);
            corpus.with_themes(&followed.themes, listed)
        }
        None => corpus,
    })
}

/// Reports of a week that are in this state.
///
/// # Errors
/// When the ledger does not answer.
pub async fn standing(
    desk: &Desk,
    pipeline: &Pipeline,
    week: IsoWeek,
    state: DocumentState,
) -> Result<usize> {
    let (zone, _) = pipeline.source.zone();
    let (from, until) = week
        .bounds(&zone)
        .with_context(|| format!("week {week} is outside the calendar"))?;
    let filter = DocumentFilter {
        pipeline: Some(pipeline.name().clone()),
        state: Some(state),
        from: Some(from),
        until: Some(until),
        top_level: true,
        ..DocumentFilter::default()
    };
    Ok(desk.vault.ledger.documents(&filter).await?.len())
}

/// How reports are masked for an audience.
fn masking(
    desk: &Desk,
    pipeline: &Pipeline,
    week: IsoWeek,
    settings: &SynthesisSettings,
    audience: Audience,
) -> Masking {
    let rules = &settings.audiences;
    let secret = desk
        .vault
        .secrets
        .collection_secret(&pipeline.source.file.collection);
    let pseudonyms = rules
        .pseudonyms
        .then(|| secret.pseudonyms(&rules.window_of(week)));
    let mut masking = Masking::for_audience(audience, pseudonyms);
    masking.places |= rules.hide_places;
    masking.ages |= rules.hide_ages;
    masking
}

/// An alert keeps its id from one edition to the next: a keyed hash of what it is about.
fn alert_id(desk: &Desk, pipeline: &Pipeline, kind: &str, about: &str, period: &str) -> AlertId {
    let secret = desk
        .vault
        .secrets
        .collection_secret(&pipeline.source.file.collection);
    let tuple = serde_json::json!(["alert", pipeline.name(), kind, about, period]);
    let bytes = canonical::to_bytes(&tuple).unwrap_or_default();
    AlertId::from_bytes(*secret.document_id(&bytes).as_bytes())
}

/// The reports of a week and of the weeks before, with the runs that read them.
async fn corpus(
    desk: &Desk,
    pipeline: &Pipeline,
    week: IsoWeek,
    history_weeks: u32,
    masking: &Masking,
) -> Result<(Corpus, Vec<RunKey>)> {
    let (zone, _) = pipeline.source.zone();
    let bounds = |week: IsoWeek| {
        week.bounds(&zone)
            .with_context(|| format!("week {week} is outside the calendar"))
    };
    let (from, _) = bounds(week.plus(-i64::from(history_weeks)))?;
    let (_, until) = bounds(week)?;
    let filter = DocumentFilter {
        pipeline: Some(pipeline.name().clone()),
        state: Some(DocumentState::Done),
        from: Some(from),
        until: Some(until),
        top_level: true,
        ..DocumentFilter::default()
    };
    let mut entries = Vec::new();
    let mut runs = Vec::new();
    for row in desk.vault.ledger.documents(&filter).await? {
        let records: Vec<Record> = desk
            .vault
            .records(row.id.into())
            .await?
            .into_iter()
            .map(|(r, _)| r)
            .collect();
        if let Some((entry, read)) =
            entry(desk, row.id.into(), row.received_at, &records, masking).await?
        {
            entries.push(entry);
            runs.extend(read);
        }
    }
    let (_, zone_name) = pipeline.source.zone();
    Ok((assemble(pipeline, week, zone_name, entries)?, runs))
}

fn assemble(
    pipeline: &Pipeline,
    week: IsoWeek,
    zone_name: &str,
    entries: Vec<Entry>,
) -> Result<Corpus> {
    let zone: Zone = zone_name.parse()?;
    Ok(Corpus::new(
        pipeline.name().clone(),
        week,
        &zone,
        zone_name,
        entries,
    )?)
}

/// One report as the latest of `records` read it, with the runs that did.
async fn entry(
    desk: &Desk,
    subject: SubjectId,
    received_at: domain::Timestamp,
    records: &[Record],
    masking: &Masking,
) -> Result<Option<(Entry, Vec<RunKey>)>> {
    let all: Vec<(Record, Option<u64>)> = records.iter().cloned().map(|r| (r, None)).collect();
    let (Some(text), Some(layout)) = (latest_of(&all, Kind::Text), latest_of(&all, Kind::Layout))
    else {
        return Ok(None);
    };
    let mut runs = vec![text.record.statement().run_key];
    let vault = &desk.vault;
    let envelope = vault.envelope(subject).await?;
    let text_version = text.name;
    let text = String::from_utf8(vault.read(subject, &envelope, text.name).await?)?;
    let layout: Layout = vault.read_json(subject, &envelope, layout.name).await?;
    let mut passages = Vec::new();
    if let (Some(set), Some(vectors)) = (
        latest_of(&all, Kind::Passages),
        latest_of(&all, Kind::Vectors),
    ) {
        runs.push(set.record.statement().run_key);
        runs.push(vectors.record.statement().run_key);
        let set: PassageSet = vault.read_json(subject, &envelope, set.name).await?;
        let vectors = VectorSet::from_bytes(&vault.read(subject, &envelope, vectors.name).await?)?;
        passages = set
            .passages
            .iter()
            .map(domain::Passage::span)
            .zip(vectors.vectors)
            .collect();
    }
    let found = privacy::identifiers::find(&text);
    let masks = masking
        .clone()
        .written_by(authors(&layout.fields))
        .masks(&text, &found);
    let clues = privacy::clues::clues(&text, &found);
    let report = FieldReport::from_fields(&layout.fields);
    let entry = Entry {
        document: subject.as_document(),
        received_at,
        text_version,
        text,
        report,
        masks,
        clues,
        passages,
    };
    Ok(Some((entry, runs)))
}

/// Who wrote a report, as its row says.
fn authors(fields: &[domain::Field]) -> Vec<String> {
    let named = fields.iter().filter(|f| f.name == "auteur");
    named.filter_map(|f| f.value.clone()).collect()
}

/// Re-reads every quote and re-runs every figure of every edition, from the very runs it names.
///
/// # Errors
/// When the ledger or the store does not answer.
pub async fn verify(house: &House, v: &mut Verification) -> Result<()> {
    let desk = &house.desk;
    let mut recounted: BTreeSet<RunKey> = BTreeSet::new();
    // Those of a pipeline that makes no synthesis any more are checked all the same.
    for pipeline in desk.pipelines.iter() {
        let reconcilers = Audience::ALL.map(synthesise_for);
        for reconciler in [THEMES, ALERT].into_iter().chain(reconcilers) {
            let editions = desk
                .vault
                .ledger
                .editions(&slug(reconciler), pipeline.name(), None)
                .await?;
            for edition in editions {
                recounted.insert(edition.run_key);
                let about = format!(
                    "{reconciler} {} {}, edition {}",
                    edition.pipeline, edition.period, edition.number
                );
                if let Err(error) = verify_edition(house, pipeline, &edition, &about, v).await {
                    v.find(about, format!("{error:#}"));
                }
            }
        }
        // What people did and who was told is said by people and by chance: it is only listed.
        for activity in [ALERT_ACT, ALERT_NOTICE, THEME_ACT] {
            let activity = slug(activity);
            let ledger = &desk.vault.ledger;
            let editions = ledger.editions(&activity, pipeline.name(), None).await?;
            recounted.extend(editions.iter().map(|e| e.run_key));
        }
    }
    // An edition that is recorded and not listed was hidden, or its pipeline is not in force.
    let mut at = 0;
    loop {
        let batch = desk.vault.ledger.log(at, 500).await?;
        if batch.is_empty() {
            return Ok(());
        }
        at += batch.len() as u64;
        for stored in batch {
            let activity = stored.record.activity.as_str();
            let is_edition = is_reconciler(activity) || matches!(activity, ALERT_ACT | THEME_ACT);
            if is_edition && !recounted.contains(&stored.record.run_key) {
                v.find(
                    stored.record.run_key,
                    format!("made an edition ({activity}) that is not listed, or whose pipeline is not in force"),
                );
            }
        }
    }
}

async fn verify_edition(
    house: &House,
    pipeline: &Pipeline,
    edition: &pipeline::ledger::Edition,
    about: &str,
    v: &mut Verification,
) -> Result<()> {
    let desk = &house.desk;
    let vault = &desk.vault;
    let stored = vault
        .ledger
        .record(edition.run_key, 0)
        .await?
        .context("its record is missing")?;
    let (record, _) = pipeline::vault::read_record(stored)?;
    let statement = record.statement();
    let settings_bytes = vault
        .ledger
        .settings(statement.settings)
        .await?
        .context("its settings are not kept")?;
    if !statement.outputs.iter().any(|n| n.name == edition.artifact)
        || statement.period.as_deref() != Some(edition.period.as_str())
        || statement.subject != edition.subject
    {
        v.find(about, "its row says something else than its record");
    }
    let kept: serde_json::Value = serde_json::from_slice(&settings_bytes)?;
    let themes: SynthesisSettings = serde_json::from_value(kept["settings"]["synthesise"].clone())?;
    let week: IsoWeek = edition.period.parse()?;
    // Alerts, and syntheses made before there were several, say none.
    let audience: Option<Audience> = match kept["settings"].get("audience") {
        Some(audience) => Some(serde_json::from_value(audience.clone())?),
        None => None,
    };
    let masking = masking(
        desk,
        pipeline,
        week,
        &themes,
        match edition.reconciler.as_str() {
            THEMES => Audience::Partners,
            _ => audience.unwrap_or(Audience::Hierarchy),
        },
    );
    let version = match edition.reconciler.as_str() {
        ALERT => ALERT_VERSION,
        THEMES => self::themes::VERSION,
        _ => SYNTHESISE_VERSION,
    };

    let wanted: BTreeSet<RunKey> = statement.input_runs.iter().copied().collect();
    let mut subjects = BTreeSet::new();
    let mut alerts: Option<AlertSet> = None;
    let mut known: Option<Followed> = None;
    let mut acts: Vec<(String, u32, ThemeDecision)> = Vec::new();
    for run in &wanted {
        let stored = vault
            .ledger
            .record(*run, 0)
            .await?
            .with_context(|| format!("{run} is missing"))?;
        let activity = stored.record.activity.as_str().to_owned();
        if !matches!(activity.as_str(), ALERT | THEMES | THEME_ACT) {
            subjects.insert(stored.record.subject);
            continue;
        }
        let subject = stored.record.subject;
        let (record, _) = pipeline::vault::read_record(stored)?;
        let statement = record.statement();
        let output = (statement.outputs.first())
            .with_context(|| format!("{run} ({activity}) wrote nothing"))?;
        let envelope = vault.envelope(subject).await?;
        match activity.as_str() {
            ALERT => alerts = Some(vault.read_json(subject, &envelope, output.name).await?),
            THEMES => known = Some(vault.read_json(subject, &envelope, output.name).await?),
            _ => {
                let period = statement.period.clone().unwrap_or_default();
                let acts_on = slug(THEME_ACT);
                let ledger = &vault.ledger;
                let series = ledger.editions(&acts_on, pipeline.name(), Some(&period));
                let number = (series.await?.iter().find(|e| e.run_key == *run))
                    .with_context(|| format!("{run} is not listed"))?
                    .number;
                let act = vault.read_json(subject, &envelope, output.name).await?;
                acts.push((period, number, act));
            }
        }
    }
    let mut entries = Vec::new();
    for subject in subjects {
        let row = vault
            .ledger
            .document(subject.as_document())
            .await?
            .context("a report is missing")?;
        let records: Vec<Record> = vault
            .records(subject)
            .await?
            .into_iter()
            .map(|(r, _)| r)
            .filter(|r| wanted.contains(&r.statement().run_key))
            .collect();
        entries.extend(
            entry(desk, subject, row.received_at, &records, &masking)
                .await?
                .map(|(e, _)| e),
        );
    }
    let zone_name = kept["settings"]["time_zone"]
        .as_str()
        .context("its settings name no time zone")?;
    let mut corpus = assemble(pipeline, week, zone_name, entries)?;
    let is_themes = edition.reconciler.as_str() == THEMES;
    if let (Some(known), false) = (&known, is_themes) {
        corpus = corpus.with_themes(&known.themes, &themes);
    }
    let mut corpus = corpus.for_audience(audience.unwrap_or_default(), themes.audiences.clues_max);
    let envelope = vault.envelope(edition.subject).await?;
    let bytes = vault
        .read(edition.subject, &envelope, edition.artifact)
        .await?;
    let again;
    let (sentences, findings) = if is_themes {
        acts.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        let past = self::themes::Past {
            last: known.map(|known| known.themes),
            acts: acts.into_iter().map(|(_, _, act)| act).collect(),
            ..self::themes::Past::default()
        };
        let learning: ThemesSettings = serde_json::from_value(kept["settings"]["themes"].clone())?;
        again = self::themes::followed(&corpus, &themes, &learning, &past)?;
        (Vec::new(), Vec::new())
    } else if edition.reconciler.as_str() == ALERT {
        let set: AlertSet = serde_json::from_slice(&bytes)?;
        let alerting: AlertSettings = serde_json::from_value(kept["settings"]["alert"].clone())?;
        let id =
            |kind: &str, about: &str, period: &str| alert_id(desk, pipeline, kind, about, period);
        let encoder = examples::encoder_with(house, &statement.models)?;
        examples::compare(house, encoder.as_deref(), &alerting, &mut corpus)?;
        again = canonical::to_bytes(&insight::alerts(&corpus, &themes, &alerting, &id)?)?;
        let sentences: Vec<domain::Sentence> = set
            .alerts
            .iter()
            .flat_map(|a| std::iter::once(&a.statement).chain(&a.evidence))
            .cloned()
            .collect();
        (sentences, insight::verify_alerts(&set, &corpus, &themes))
    } else {
        let synthesis: Synthesis = serde_json::from_slice(&bytes)?;
        let alerts = alerts.context("the alerts it was made with are missing")?;
        again = canonical::to_bytes(&insight::synthesise(&corpus, &themes, &alerts)?)?;
        (
            synthesis.sentences().cloned().collect(),
            insight::verify(&synthesis, &corpus, &themes),
        )
    };
    for sentence in &sentences {
        match sentence {
            domain::Sentence::Quote(_) => v.quotes += 1,
            domain::Sentence::Counted(_) => v.figures += 1,
        }
    }
    // What an earlier version made is made differently today, and may mask and count otherwise: what it
    // quotes must still be what the text says.
    let same_version = statement.agent == (domain::Agent::Software { version });
    for finding in findings {
        if same_version || finding.cause.is_of_the_text() {
            v.find(about, finding.to_string());
        }
    }
    if same_version && again != bytes {
        v.find(
            about,
            "made again from the same reports, it comes out different",
        );
    }
    Ok(())
}
