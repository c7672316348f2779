//! `/synthesis`: what the field said week by week, alerts first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use domain::catalogue::Said as _;
use domain::synthesis::ThemeSection;
use domain::{Alert, AlertSet, DocumentId, IsoWeek, PipelineName, Sentence, StageName, Synthesis};
use insight::page::{Page, changes_said, reports_named};
use insight::themes::{Followed, ThemeId};
use pipeline::desk::Desk;
use pipeline::duty::Handled;
use pipeline::ledger::Edition;
use pipeline::pipelines::Pipeline;
use serde::de::DeserializeOwned;

use crate::Office;
use crate::alerts::Hands;
use crate::inbox::Link;
use crate::paper;
use crate::problem::Problem;
use crate::shown::{Calendar, Moment, render};
use crate::themes::{is_last_week, themes_of};
use crate::visit::{Frame, Here, Visit};

/// The reconciler of alerts.
pub(crate) const ALERT: &str = "alert";
/// The reconciler of syntheses.
pub(crate) const SYNTHESISE: &str = "synthesise";
/// Documents that a counted sentence names; the rest is said to exist.
const COUNTED_NAMED_MAX: usize = 40;

/// Editions of a reconciler for a pipeline, by period and number; of one week, when it is given.
pub(crate) async fn editions(
    desk: &Desk,
    reconciler: &str,
    pipeline: &PipelineName,
    week: Option<IsoWeek>,
) -> Result<Vec<Edition>, Problem> {
    let reconciler: StageName = reconciler
        .parse()
        .map_err(|error| Problem::broken("name a reconciler", &error))?;
    let period = week.map(|w| w.to_string());
    Ok(desk
        .vault
        .ledger
        .editions(&reconciler, pipeline, period.as_deref())
        .await?)
}

/// What an edition says.
pub(crate) async fn read<T: DeserializeOwned>(
    desk: &Desk,
    edition: &Edition,
) -> Result<T, pipeline::Error> {
    let envelope = desk.vault.envelope(edition.subject).await?;
    desk.vault
        .read_json(edition.subject, &envelope, edition.artifact)
        .await
}

#[derive(Template)]
#[template(path = "syntheses.html")]
struct ListPage {
    f: Frame,
    pipelines: Vec<PipelineList>,
}

struct PipelineList {
    title: String,
    weeks: Vec<Week>,
}

struct Week {
    href: String,
    text: String,
    synthesis: Option<Issue>,
    alerts: Option<Issue>,
}

/// An edition, as pages name it.
struct Issue {
    number: u32,
    made_at: Moment,
}

impl Issue {
    fn of(edition: &Edition, calendar: &Calendar) -> Self {
        Self {
            number: edition.number,
            made_at: calendar.moment(edition.made_at),
        }
    }
}

/// `/synthesis`
pub(crate) async fn list(
    State(office): State<Arc<Office>>,
    visit: Visit,
) -> Result<Response, Problem> {
    let desk = &office.desk_of(&visit);
    let mut lists = Vec::new();
    let within = |p: &&Pipeline| desk.reach.holds_all_of(p.name());
    for pipeline in desk.pipelines.iter().filter(within) {
        let weeks = weeks(desk, pipeline, &visit).await?;
        if !weeks.is_empty() {
            lists.push(PipelineList {
                title: pipeline.source.file.title.clone(),
                weeks,
            });
        }
    }
    let f = visit.frame(visit.words().syntheses_title(), Here::Synthesis);
    Ok(render(&ListPage {
        f,
        pipelines: lists,
    }))
}

async fn weeks(desk: &Desk, pipeline: &Pipeline, visit: &Visit) -> Result<Vec<Week>, Problem> {
    let calendar = Calendar::of(Some(pipeline), visit.lang);
    let last_by_period = |editions: Vec<Edition>| -> BTreeMap<String, Issue> {
        editions
            .iter()
            .map(|e| (e.period.clone(), Issue::of(e, &calendar)))
            .collect()
    };
    let mut syntheses = last_by_period(editions(desk, SYNTHESISE, pipeline.name(), None).await?);
    let mut alerts = last_by_period(editions(desk, ALERT, pipeline.name(), None).await?);
    let periods: BTreeSet<String> = syntheses.keys().chain(alerts.keys()).cloned().collect();
    Ok(periods
        .iter()
        .rev()
        .map(|period| Week {
            href: visit.to(&format!("/synthesis/{}/{period}", pipeline.name())),
            text: period
                .parse()
                .map_or_else(|_| period.clone(), |week| calendar.week(week)),
            synthesis: syntheses.remove(period),
            alerts: alerts.remove(period),
        })
        .collect())
}

#[derive(Template)]
#[template(path = "synthesis.html")]
struct WeekPage {
    f: Frame,
    pipeline: String,
    week: String,
    alerts_issue: Option<Issue>,
    alerts: Vec<AlertView>,
    synthesis: Option<SynthesisView>,
    issues: Vec<IssueLink>,
    /// What was recorded just now.
    recorded: Option<&'static str>,
    /// Files to save: the whole, and one sheet.
    files: Vec<(&'static str, Vec<Link>)>,
}

struct IssueLink {
    href: String,
    number: u32,
    here: bool,
}

struct AlertView {
    kind: &'static str,
    about: String,
    statement: Said,
    since: Moment,
    place: Option<String>,
    basis: String,
    recipient: Option<String>,
    evidence: Vec<Said>,
    is_later: bool,
    /// Where it stands on its page.
    id: String,
    without_delay: bool,
    grounds: Vec<String>,
    procedure: Option<Procedure>,
    hands: Hands,
}

/// What is to be done: a text, or the address of a page.
enum Procedure {
    Text(String),
    Page(String),
}

struct SynthesisView {
    issue: Issue,
    headline: Vec<Said>,
    themes: Vec<ThemeView>,
    /// What became of learnt themes since the week before.
    changes: Vec<String>,
    lists: Vec<Voices>,
}

struct Voices {
    id: &'static str,
    title: &'static str,
    sentences: Vec<Said>,
}

struct ThemeView {
    name: String,
    trend: &'static str,
    learnt: bool,
    sparkline: Option<Sparkline>,
    figures: Vec<Said>,
    quotes: Vec<Said>,
    /// What can be decided of it, where themes are followed.
    hands: Option<ThemeHands>,
}

/// The form by which a person decides of a theme.
struct ThemeHands {
    action: String,
    id: String,
    pinned: bool,
    /// Those it may be joined to.
    others: Vec<(String, String)>,
}

/// Bars of counts, as tall as their share of the highest.
pub(crate) struct Sparkline {
    pub(crate) width: usize,
    pub(crate) bars: Vec<Bar>,
    pub(crate) text: String,
}

pub(crate) struct Bar {
    pub(crate) x: usize,
    pub(crate) y: u32,
    pub(crate) height: u32,
}

/// A sentence, with where it leads.
struct Said {
    text: String,
    is_quote: bool,
    links: Vec<Link>,
    more: bool,
}

/// The editions of a week.
struct Shelf<'a> {
    pipeline: &'a Pipeline,
    week: IsoWeek,
    syntheses: Vec<Edition>,
    /// Among them, the one asked for with `?edition=`, else the latest.
    wanted: Option<usize>,
    alerts: Vec<Edition>,
}

/// A pipeline of this name, all of which is within reach.
pub(crate) fn within<'a>(desk: &'a Desk, name: &str) -> Result<&'a Pipeline, Problem> {
    let name: PipelineName = name.parse().map_err(|_| Problem::NoSuchPage)?;
    let pipeline = desk.pipelines.get(&name).map_err(|_| Problem::NoSuchPage)?;
    match desk.reach.holds_all_of(&name) {
        true => Ok(pipeline),
        false => Err(Problem::NoSuchPage),
    }
}

/// The same, about which whoever is here may decide too.
pub(crate) fn to_decide<'a>(
    desk: &'a Desk,
    name: &str,
    visit: &Visit,
) -> Result<&'a Pipeline, Problem> {
    let pipeline = within(desk, name)?;
    match visit.present.who.decides().holds_all_of(pipeline.name()) {
        true => Ok(pipeline),
        false => Err(Problem::NotYours),
    }
}

async fn shelf<'a>(
    desk: &'a Desk,
    name: &str,
    week: &str,
    visit: &Visit,
) -> Result<Shelf<'a>, Problem> {
    let pipeline = within(desk, name)?;
    let week: IsoWeek = week.parse().map_err(|_| Problem::NoSuchPage)?;
    let syntheses = editions(desk, SYNTHESISE, pipeline.name(), Some(week)).await?;
    let alerts = editions(desk, ALERT, pipeline.name(), Some(week)).await?;
    if syntheses.is_empty() && alerts.is_empty() {
        return Err(Problem::NoSuchPage);
    }
    let wanted = match visit.asked("edition") {
        None => syntheses.len().checked_sub(1),
        Some(number) => {
            let number: u32 = number.parse().map_err(|_| Problem::BadAddress)?;
            let found = syntheses.iter().position(|e| e.number == number);
            Some(found.ok_or(Problem::NoSuchPage)?)
        }
    };
    Ok(Shelf {
        pipeline,
        week,
        syntheses,
        wanted,
        alerts,
    })
}

/// A synthesis as a file: `/synthesis/{pipeline}/{week}/synthese.odt`, `fiche.html` and so on, of the
/// edition of `?edition=`. Always saved, never shown by the browser: it stands alone.
pub(crate) async fn file(
    State(office): State<Arc<Office>>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    visit: Visit,
) -> Result<Response, Problem> {
    let desk = &office.desk_of(&visit);
    let Ok(Path((name, week, file))) = path else {
        return Err(Problem::NoSuchPage);
    };
    let (sheet, form) = file.split_once('.').ok_or(Problem::NoSuchPage)?;
    if !matches!(sheet, "synthese" | "fiche") {
        return Err(Problem::NoSuchPage);
    }
    let shelf = shelf(desk, &name, &week, &visit).await?;
    let Some(edition) = shelf.wanted.and_then(|at| shelf.syntheses.get(at)) else {
        return Err(Problem::NoSuchPage);
    };
    // The alerts that the edition was made with: later ones are none of its own.
    let with_it = shelf.alerts.iter().rfind(|a| a.made_at <= edition.made_at);
    let Some(alerts) = with_it.or(shelf.alerts.last()) else {
        return Err(Problem::NoSuchPage);
    };
    let synthesis: Synthesis = read(desk, edition).await?;
    let set: AlertSet = read(desk, alerts).await?;
    let (kind, bytes) = if form == "json" {
        let bytes = serde_json::to_vec_pretty(&synthesis)
            .map_err(|error| Problem::broken("write a synthesis", &error))?;
        ("application/json", bytes)
    } else {
        let mut names = BTreeMap::new();
        for report in reports_named(&synthesis, &set) {
            // A document that is erased since keeps its place, without a name.
            let name = desk.name(report).await.ok();
            names.insert(
                report,
                name.unwrap_or_else(|| visit.words().document_gone().to_owned()),
            );
        }
        let name = |id: DocumentId| names.get(&id).cloned().unwrap_or_else(|| id.short());
        let mut page = if sheet == "fiche" {
            Page::briefing(&synthesis, &set, &name, visit.lang)
        } else {
            Page::whole(&synthesis, &set, &name, visit.lang)
        };
        let is_latest = shelf.wanted.map(|at| at + 1) == Some(shelf.syntheses.len());
        if sheet == "synthese" && is_latest {
            let followed = themes_of(desk, shelf.pipeline.name(), shelf.week).await?;
            if let Some((followed, _)) = &followed {
                page.say_themes(followed);
            }
        }
        let before = shelf.wanted.and_then(|at| at.checked_sub(1));
        if let Some(before) = before.and_then(|at| shelf.syntheses.get(at)) {
            let earlier: Synthesis = read(desk, before).await?;
            page.say_changes(before.number, &earlier, &synthesis, &set);
        }
        page.foot = Some(insight::page::foot(&edition.number.to_string(), visit.lang));
        match form {
            "md" => (
                "text/markdown; charset=utf-8",
                insight::markdown(&page).into_bytes(),
            ),
            "html" => (
                "text/html; charset=utf-8",
                paper::html(&page)
                    .map_err(|error| Problem::broken("write a synthesis", &error))?
                    .into_bytes(),
            ),
            "odt" => (
                "application/vnd.oasis.opendocument.text",
                insight::odt(&page)
                    .map_err(|error| Problem::broken("write a synthesis", &error))?,
            ),
            _ => return Err(Problem::NoSuchPage),
        }
    };
    let saved = format!("{sheet}-{}.{form}", shelf.week);
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{saved}\""),
        ),
    ];
    Ok((headers, bytes).into_response())
}

/// `/synthesis/{pipeline}/{week}`, or one edition of it with `?edition=`.
pub(crate) async fn page(
    State(office): State<Arc<Office>>,
    path: Result<Path<(String, String)>, PathRejection>,
    visit: Visit,
) -> Result<Response, Problem> {
    let desk = &office.desk_of(&visit);
    let Ok(Path((name, week))) = path else {
        return Err(Problem::NoSuchPage);
    };
    let Shelf {
        pipeline,
        week,
        syntheses,
        wanted,
        alerts,
    } = shelf(desk, &name, &week, &visit).await?;
    let name = pipeline.name();
    let calendar = Calendar::of(Some(pipeline), visit.lang);
    let wanted = wanted.and_then(|at| syntheses.get(at));
    let synthesis: Option<(Synthesis, &Edition)> = match wanted {
        Some(edition) => Some((read(desk, edition).await?, edition)),
        None => None,
    };
    let set: Option<(AlertSet, &Edition)> = match alerts.last() {
        Some(edition) => Some((read(desk, edition).await?, edition)),
        None => None,
    };
    let mut speaker = Speaker {
        desk,
        visit: &visit,
        names: BTreeMap::new(),
    };
    let mut alert_views = Vec::new();
    let handled = desk.handled(name, Some(week)).await?;
    let judged = desk.judged(name).await?;
    for alert in set.iter().flat_map(|(set, _)| &set.alerts) {
        let hands = Hands::of(
            name,
            alert,
            handled.get(&alert.id).unwrap_or(&Handled::default()),
            judged.get(&alert.series()).copied().unwrap_or_default(),
            (&calendar, &visit),
        );
        let known = synthesis
            .as_ref()
            .is_none_or(|(s, _)| s.alerts.contains(&alert.id));
        alert_views.push(speaker.alert(alert, &calendar, !known, hands).await);
    }
    let path = format!("/synthesis/{name}/{week}");
    // Those of people who may decide of them; the page says what became of themes to everybody.
    let is_latest = wanted.map(|e| e.number) == syntheses.last().map(|e| e.number);
    let known = match is_latest {
        true => themes_of(desk, name, week).await?,
        // An earlier edition stays as it was.
        false => None,
    };
    let is_last = is_last_week(desk, name, week).await?;
    let followed = known.map(|(followed, _)| Themes {
        action: visit.to(&format!("/themes/{name}/{week}")),
        may_decide: is_last && visit.present.who.decides().holds_all_of(name),
        followed,
    });
    let view = match &synthesis {
        Some((synthesis, edition)) => Some(
            speaker
                .synthesis(synthesis, Issue::of(edition, &calendar), followed.as_ref())
                .await,
        ),
        None => None,
    };
    let title = format!("{}, {}", pipeline.source.file.title, calendar.week(week));
    let files = match wanted {
        Some(edition) => files(&path, edition.number, &visit),
        None => Vec::new(),
    };
    let page = WeekPage {
        pipeline: pipeline.source.file.title.clone(),
        week: calendar.week(week),
        alerts_issue: set.map(|(_, edition)| Issue::of(edition, &calendar)),
        alerts: alert_views,
        issues: syntheses
            .iter()
            .map(|e| IssueLink {
                href: visit.to_with(&path, &[("edition", &e.number.to_string())]),
                number: e.number,
                here: wanted.is_some_and(|w| w.number == e.number),
            })
            .collect(),
        synthesis: view,
        recorded: visit.asked("recorded").map(|what| match what {
            "theme" => visit.words().theme_recorded(),
            _ => visit.words().alert_recorded(),
        }),
        files,
        f: visit.frame(title, Here::Synthesis),
    };
    Ok(render(&page))
}

/// Where the files of an edition are.
fn files(path: &str, edition: u32, visit: &Visit) -> Vec<(&'static str, Vec<Link>)> {
    let edition = edition.to_string();
    let w = visit.words();
    let of = |sheet: &str, forms: &[&str]| -> Vec<Link> {
        forms
            .iter()
            .map(|form| Link {
                href: visit.to_with(
                    &format!("{path}/{sheet}.{form}"),
                    &[("edition", edition.as_str())],
                ),
                text: form.to_uppercase(),
            })
            .collect()
    };
    vec![
        (
            w.whole_synthesis(),
            of("synthese", &["odt", "html", "md", "json"]),
        ),
        (w.briefing(), of("fiche", &["odt", "html", "md"])),
    ]
}

/// The themes of the week, and where decisions on them go.
struct Themes {
    action: String,
    may_decide: bool,
    followed: Followed,
}

impl Themes {
    /// What can be decided of a theme of the page.
    fn hands(&self, section: &ThemeSection) -> Option<ThemeHands> {
        let id = ThemeId::from(section.id.as_deref().filter(|_| self.may_decide)?);
        let all = &self.followed.themes;
        let theme = all.theme(&id)?;
        let others = all
            .themes
            .iter()
            .filter(|other| other.id != theme.id && other.ended.is_none() && !other.dismissed)
            .map(|other| (other.id.to_string(), other.title()));
        Some(ThemeHands {
            action: self.action.clone(),
            id: id.to_string(),
            pinned: theme.pinned,
            others: others.collect(),
        })
    }
}

/// Puts sentences in words, naming each document once.
struct Speaker<'a> {
    desk: &'a Desk,
    visit: &'a Visit,
    names: BTreeMap<DocumentId, Option<String>>,
}

impl Speaker<'_> {
    async fn alert(
        &mut self,
        alert: &Alert,
        calendar: &Calendar,
        is_later: bool,
        hands: Hands,
    ) -> AlertView {
        AlertView {
            kind: alert.kind.say(self.visit.lang),
            about: alert.about.clone(),
            statement: self.say(&alert.statement).await,
            since: calendar.moment(alert.since),
            place: alert.place.clone(),
            basis: alert.basis.clone(),
            recipient: alert.recipient.clone(),
            evidence: self.all(&alert.evidence).await,
            is_later,
            id: alert.id.to_string(),
            without_delay: alert.kind.is_without_delay(),
            grounds: alert
                .grounds
                .iter()
                .map(|g| g.say(self.visit.lang))
                .collect(),
            procedure: alert.procedure.clone().map(|procedure| {
                match procedure.starts_with("https://") || procedure.starts_with("http://") {
                    true => Procedure::Page(procedure),
                    false => Procedure::Text(procedure),
                }
            }),
            hands,
        }
    }

    async fn synthesis(
        &mut self,
        synthesis: &Synthesis,
        issue: Issue,
        known: Option<&Themes>,
    ) -> SynthesisView {
        let w = self.visit.words();
        let mut themes = Vec::with_capacity(synthesis.themes.len());
        for theme in &synthesis.themes {
            themes.push(self.theme(theme, known).await);
        }
        SynthesisView {
            issue,
            headline: self.all(&synthesis.headline).await,
            themes,
            changes: known.map_or_else(Vec::new, |known| {
                let Followed { themes, changes } = &known.followed;
                changes_said(changes, themes, self.visit.lang)
            }),
            lists: vec![
                Voices {
                    id: "lone-voices",
                    title: w.lone_voices(),
                    sentences: self.all(&synthesis.lone_voices).await,
                },
                Voices {
                    id: "done-since",
                    title: w.done_since(),
                    sentences: self.all(&synthesis.done_since).await,
                },
                Voices {
                    id: "missing",
                    title: w.what_is_missing(),
                    sentences: self.all(&synthesis.missing).await,
                },
            ],
        }
    }

    async fn theme(&mut self, theme: &ThemeSection, known: Option<&Themes>) -> ThemeView {
        ThemeView {
            name: theme.theme.clone(),
            learnt: theme.learnt,
            hands: known.and_then(|known| known.hands(theme)),
            trend: theme.trend.say(self.visit.lang),
            sparkline: sparkline(&theme.counts, self.visit.words().counts(&theme.counts)),
            figures: self.all(&theme.figures).await,
            quotes: self.all(&theme.quotes).await,
        }
    }

    async fn all(&mut self, sentences: &[Sentence]) -> Vec<Said> {
        let mut said = Vec::with_capacity(sentences.len());
        for sentence in sentences {
            said.push(self.say(sentence).await);
        }
        said
    }

    async fn say(&mut self, sentence: &Sentence) -> Said {
        let text = sentence.text(self.visit.lang);
        match sentence {
            Sentence::Quote(quote) => {
                let (from, to) = (quote.start.to_string(), quote.end.to_string());
                let version = quote.text_version.to_string();
                let place = [("text", version.as_str()), ("from", &from), ("to", &to)];
                let path = format!("/documents/{}", quote.document);
                let mut href = self.visit.to_with(&path, &place);
                href.push_str("#cited");
                let link = self.link(quote.document, href).await;
                Said {
                    text,
                    is_quote: true,
                    links: vec![link],
                    more: false,
                }
            }
            Sentence::Counted(counted) => {
                let documents = counted.documents();
                let mut links = Vec::with_capacity(documents.len().min(COUNTED_NAMED_MAX));
                for document in documents.iter().take(COUNTED_NAMED_MAX) {
                    let href = self.visit.to(&format!("/documents/{document}"));
                    links.push(self.link(*document, href).await);
                }
                let more = documents.len() > COUNTED_NAMED_MAX;
                Said {
                    text,
                    is_quote: false,
                    links,
                    more,
                }
            }
        }
    }

    /// A document that is erased since keeps its place, without a name.
    async fn link(&mut self, document: DocumentId, href: String) -> Link {
        let known = match self.names.get(&document) {
            Some(known) => known.clone(),
            None => {
                let name = self.desk.name(document).await.ok();
                self.names.insert(document, name.clone());
                name
            }
        };
        let text = known.unwrap_or_else(|| self.visit.words().document_gone().to_owned());
        Link { href, text }
    }
}

/// Height of the drawing, in its own units.
const SPARK_HEIGHT: u32 = 24;
/// From one bar to the next.
const SPARK_STEP: usize = 8;

pub(crate) fn sparkline(counts: &[u32], text: String) -> Option<Sparkline> {
    let highest = counts.iter().copied().max().filter(|n| *n > 0)?;
    let bars = counts
        .iter()
        .enumerate()
        .map(|(i, count)| {
            // A week without reports keeps a line of its own, so that it is seen to be counted.
            let share = u64::from(*count) * u64::from(SPARK_HEIGHT) / u64::from(highest);
            let height = u32::try_from(share).unwrap_or(SPARK_HEIGHT).max(1);
            Bar {
                x: i * SPARK_STEP,
                y: SPARK_HEIGHT - height,
                height,
            }
        })
        .collect();
    Some(Sparkline {
        width: counts.len() * SPARK_STEP,
        bars,
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_tall_as_their_share() {
        let heights = |counts: &[u32]| -> Option<Vec<u32>> {
            let line = sparkline(counts, String::new())?;
            Some(line.bars.iter().map(|b| b.height).collect())
        };
        assert_eq!(heights(&[0, 2, 4]), Some(vec![1, 12, 24]));
        assert_eq!(heights(&[u32::MAX, 1]), Some(vec![24, 1]));
        assert_eq!(heights(&[0, 0]), None);
        assert_eq!(heights(&[]), None);
    }
}
