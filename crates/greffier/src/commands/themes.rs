//! `themes`: what a week's passages are about, learnt and followed; what people decide of it.

use anyhow::{Context, Result, bail};
use domain::{IsoWeek, Lang};
use insight::themes::{Origin, ThemeAct, ThemeDecision, ThemeDecisionFormat, ThemeId, ThemeState};
use pipeline::rights::By;

use super::Ending;
use crate::args::{Global, ThemeNamed, ThemesAction, ThemesOf, Who};
use crate::house::House;
use crate::print;
use crate::reconcilers::themes;

/// Shows the themes of a week, or records what a person decides of one.
pub async fn run(global: &Global, args: &ThemesOf) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let pipeline = house.pipeline(&args.pipeline)?.clone();
    let made = themes::themes(&house.desk, &pipeline, args.week).await?;
    let (followed, made) = made.with_context(|| {
        format!(
            "pipeline `{}` learns no theme: its file has no [reconcile.themes]",
            pipeline.name()
        )
    })?;
    let lang = global.lang;
    let Some(decision) = &args.decision else {
        if global.json {
            print::json(&followed)?;
            return Ok(Ending::Done);
        }
        let shown = followed.themes.themes.iter();
        let rows: Vec<_> = shown.map(|theme| row(theme, lang)).collect();
        if rows.is_empty() {
            print::line(lang.pick("Aucun thème.", "No theme."));
            return Ok(Ending::Done);
        }
        print::table(
            &[
                lang.pick("thème", "theme"),
                lang.pick("titre", "title"),
                lang.pick("passages de la semaine", "passages of the week"),
                lang.pick("en tout", "in all"),
                lang.pick("depuis", "since"),
                lang.pick("état", "state"),
            ],
            rows,
        );
        for line in insight::page::changes_said(&followed.changes, &followed.themes, lang) {
            print::line(format!("• {line}"));
        }
        return Ok(Ending::Done);
    };
    let (act, who) = decided(decision);
    let editions = house.desk.themes_editions(pipeline.name()).await?;
    let weeks = editions.iter().filter_map(|e| e.period.parse().ok());
    if let Some(last) = weeks.max().filter(|last: &IsoWeek| *last > args.week) {
        bail!(
            "themes of week {last} follow those of {} already: decide on --week {last}",
            args.week
        );
    }
    // Refused now rather than passed over when the next themes are made.
    let acts = house
        .desk
        .theme_acts::<ThemeDecision>(pipeline.name(), args.week)
        .await?;
    let before = acts.iter().fold(followed.themes, |themes, decided| {
        themes.after(&decided.what.act).unwrap_or(themes)
    });
    before.after(&act)?;
    let decision = ThemeDecision {
        format: ThemeDecisionFormat::V1,
        by: who.by.trim().to_owned(),
        act,
        reason: who.reason.clone(),
    };
    house
        .desk
        .decide_theme(
            &pipeline,
            args.week,
            made.edition.run_key,
            By::Named(&who.by),
            &decision,
        )
        .await?;
    print::note(match lang {
        Lang::Fr => format!(
            "décidé par {} : valable à partir de la semaine {}",
            decision.by,
            args.week.plus(1)
        ),
        Lang::En => format!(
            "decided by {}: respected from week {} on",
            decision.by,
            args.week.plus(1)
        ),
    });
    Ok(Ending::Done)
}

fn decided(action: &ThemesAction) -> (ThemeAct, &Who) {
    let id = |theme: &String| ThemeId::from(theme.trim());
    let on = |named: &'_ ThemeNamed| id(&named.theme);
    match action {
        ThemesAction::Rename { theme, name, who } => (
            ThemeAct::Rename {
                theme: id(theme),
                name: name.clone(),
            },
            who,
        ),
        ThemesAction::Merge { theme, into, who } => (
            ThemeAct::Merge {
                theme: id(theme),
                into: id(into),
            },
            who,
        ),
        ThemesAction::Pin(named) => (ThemeAct::Pin { theme: on(named) }, &named.who),
        ThemesAction::Unpin(named) => (ThemeAct::Unpin { theme: on(named) }, &named.who),
        ThemesAction::Dismiss(named) => (ThemeAct::Dismiss { theme: on(named) }, &named.who),
        ThemesAction::Restore(named) => (ThemeAct::Restore { theme: on(named) }, &named.who),
    }
}

fn row(theme: &ThemeState, lang: Lang) -> Vec<String> {
    let mut states = Vec::new();
    let is_learnt = matches!(theme.origin, Origin::Learnt);
    if is_learnt {
        states.push(lang.pick("appris", "learnt"));
    }
    if theme.pinned {
        states.push(lang.pick("épinglé", "pinned"));
    }
    if theme.dismissed {
        states.push(lang.pick("écarté", "dismissed"));
    }
    if theme.ended.is_some() {
        states.push(lang.pick("n’est plus dit", "no longer said"));
    }
    vec![
        theme.id.to_string(),
        print::short(&theme.title(), 60),
        // Those of the list are counted by their words, in the synthesis.
        if is_learnt {
            theme.this_week.to_string()
        } else {
            String::new()
        },
        if is_learnt {
            theme.members.len().to_string()
        } else {
            String::new()
        },
        theme.first_week.to_string(),
        states.join(", "),
    ]
}
