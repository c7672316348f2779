//! The themes of a week: learnt from the passages of its window, following those of the weeks before
//! and what people decided of them.

use anyhow::Result;
use domain::{Audience, IsoWeek, Kind, RunKey, canonical};
use insight::themes::{Followed, ThemeDecision, Themes, ThemesSettings, follow, passages};
use insight::{Corpus, SynthesisSettings};
use pipeline::desk::Desk;
use pipeline::ledger::{DocumentFilter, Edition};
use pipeline::pipelines::Pipeline;
use pipeline::reconcile::{Made, Making, publish};
pub use pipeline::themes::{THEME_ACT, THEMES};

use super::{SYNTHESISE, corpus, masking, settings, slug};

/// Raised whenever the themes may change for the same reports.
pub(super) const VERSION: u32 = 1;
/// Weeks before the first one asked for that themes are followed through, at most.
const BACKLOG_WEEKS: i64 = 52;

/// Whether a pipeline learns themes.
pub fn learns(pipeline: &Pipeline) -> bool {
    (pipeline.source.file.reconcile).contains_key(&slug(THEMES))
}

/// What is read of the past: the themes of an earlier week and what people decided of them.
#[derive(Default)]
pub(super) struct Past {
    pub(super) last: Option<Themes>,
    /// In the order that they were decided.
    pub(super) acts: Vec<ThemeDecision>,
    pub(super) runs: Vec<RunKey>,
}

/// The themes of a week, made now or found; `None` where the pipeline learns none.
///
/// A week whose themes nobody has made yet, between the last one made and this one, gets its own
/// first: what a theme is known by does not depend on when somebody looked.
///
/// # Errors
/// When something cannot be read or written.
pub async fn themes(
    desk: &Desk,
    pipeline: &Pipeline,
    week: IsoWeek,
) -> Result<Option<(Followed, Made)>> {
    if !learns(pipeline) {
        return Ok(None);
    }
    let earlier = before(desk, pipeline, week).await?;
    let mut at = match &earlier {
        Some((made, _)) => made.plus(1).max(week.plus(-BACKLOG_WEEKS)),
        None => first_week(desk, pipeline)
            .await?
            .map_or(week, |first| first.max(week.plus(-BACKLOG_WEEKS)).min(week)),
    };
    while at < week {
        make(desk, pipeline, at).await?;
        at = at.plus(1);
    }
    make(desk, pipeline, week).await.map(Some)
}

async fn make(desk: &Desk, pipeline: &Pipeline, week: IsoWeek) -> Result<(Followed, Made)> {
    let source = &pipeline.source;
    let (learning, _) = settings::<ThemesSettings>(source, THEMES)?;
    let (listed, _) = settings::<SynthesisSettings>(source, SYNTHESISE)?;
    // What themes are called is read by everybody.
    let masking = masking(desk, pipeline, week, &listed, Audience::Partners);
    let (corpus, mut runs) = corpus(desk, pipeline, week, listed.history_weeks, &masking).await?;
    let past = match before(desk, pipeline, week).await? {
        Some((last_week, edition)) => past(desk, pipeline, last_week, week, &edition).await?,
        None => Past::default(),
    };
    runs.extend(&past.runs);
    let making = Making {
        reconciler: slug(THEMES),
        version: VERSION,
        pipeline: pipeline.name().clone(),
        collection: source.file.collection.clone(),
        period: week.to_string(),
        input_runs: runs,
        settings: serde_json::json!({
            "synthesise": listed,
            "themes": learning,
            "time_zone": source.zone().1,
        }),
        models: Vec::new(),
        kind: Kind::Themes,
    };
    let made = publish(
        &desk.vault,
        making,
        desk.clock.as_ref(),
        &desk.build,
        || followed(&corpus, &listed, &learning, &past),
    )
    .await?;
    Ok((serde_json::from_slice(&made.bytes)?, made))
}

/// The bytes of the themes that these make.
pub(super) fn followed(
    corpus: &Corpus,
    listed: &SynthesisSettings,
    learning: &ThemesSettings,
    past: &Past,
) -> Result<Vec<u8>> {
    // What cannot be done any more, such as joining again what was joined, is passed over: alerts do
    // not wait for people to agree.
    let mut at = past.last.clone();
    let mut acts = Vec::new();
    for decided in &past.acts {
        let Some(next) = at.as_ref().and_then(|t| t.after(&decided.act).ok()) else {
            continue;
        };
        at = Some(next);
        acts.push(decided.act.clone());
    }
    let followed = follow(
        corpus.period().week,
        passages(corpus, listed)?,
        past.last.as_ref(),
        &acts,
        learning,
    )?;
    Ok(canonical::to_bytes(&followed)?)
}

/// The latest week before `week` whose themes are made.
async fn before(
    desk: &Desk,
    pipeline: &Pipeline,
    week: IsoWeek,
) -> Result<Option<(IsoWeek, Edition)>> {
    let mut found = None;
    for edition in desk.themes_editions(pipeline.name()).await? {
        let of: IsoWeek = edition.period.parse()?;
        if of < week && found.as_ref().is_none_or(|(latest, _)| *latest < of) {
            found = Some((of, edition));
        }
    }
    Ok(found)
}

/// What was made and decided of the weeks from `last_week` to the one before `week`.
async fn past(
    desk: &Desk,
    pipeline: &Pipeline,
    last_week: IsoWeek,
    week: IsoWeek,
    edition: &Edition,
) -> Result<Past> {
    let envelope = desk.vault.envelope(edition.subject).await?;
    let last: Followed = desk
        .vault
        .read_json(edition.subject, &envelope, edition.artifact)
        .await?;
    let mut past = Past {
        last: Some(last.themes),
        runs: vec![edition.run_key],
        acts: Vec::new(),
    };
    let mut at = last_week;
    while at < week {
        for decided in desk
            .theme_acts::<ThemeDecision>(pipeline.name(), at)
            .await?
        {
            past.acts.push(decided.what);
            past.runs.push(decided.run);
        }
        at = at.plus(1);
    }
    Ok(past)
}

/// The week of the first report.
async fn first_week(desk: &Desk, pipeline: &Pipeline) -> Result<Option<IsoWeek>> {
    let (zone, _) = pipeline.source.zone();
    let filter = DocumentFilter {
        pipeline: Some(pipeline.name().clone()),
        top_level: true,
        ..DocumentFilter::default()
    };
    let rows = desk.vault.ledger.documents(&filter).await?;
    let first = rows.iter().map(|row| row.received_at).min();
    Ok(first.map(|at| at.week_in(&zone)))
}
