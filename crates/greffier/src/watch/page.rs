//! The page of `greffier promise --html`: the measure by week against the promise, and how documents
//! drift. It stands alone, and can be sent to whoever asks.

use std::collections::BTreeMap;

use domain::{Lang, PipelineName};

use super::{By, Measure, WeekLook};
use crate::plot::{Plot, Series, document, escaped, table};

/// What a page shows of a pipeline.
pub struct Shown<'a> {
    /// Which.
    pub pipeline: &'a PipelineName,
    /// What it promises, and with what confidence.
    pub max_misrouting: f64,
    /// As above.
    pub confidence: f64,
    /// What is said of it in a sentence.
    pub said: String,
    /// What must be seen first.
    pub alerts: Vec<String>,
    /// The measure.
    pub cells: &'a BTreeMap<By, BTreeMap<String, Measure>>,
    /// What people call the values of the cells that are ids.
    pub names: &'a BTreeMap<(By, String), String>,
    /// The looks at each week.
    pub looks: &'a [WeekLook],
}

/// A share as people of this language write it.
pub fn percent(x: f64, lang: Lang) -> String {
    format!("{}\u{a0}%", decimal(100.0 * x, lang))
}

/// A number with one decimal.
pub fn decimal(x: f64, lang: Lang) -> String {
    let text = format!("{x:.1}");
    match lang {
        Lang::Fr => text.replace('.', ","),
        Lang::En => text,
    }
}

/// The page.
pub fn page(shown: &[Shown<'_>], lang: Lang) -> String {
    let mut body = format!(
        "<p>{}</p>\n",
        lang.pick(
            "Seuls comptent les envois tirés au sort par la clé d’audit et regardés par une personne. Avec moins de dix, aucun taux n’est dit.",
            "Only routings drawn by lot with the audit key and looked at by a person count. With fewer than ten, no rate is said.",
        )
    );
    for one in shown {
        body.push_str(&format!("<h2>{}</h2>\n", escaped(one.pipeline.as_str())));
        for alert in &one.alerts {
            body.push_str(&format!("<p class=\"stop\">{}</p>\n", escaped(alert)));
        }
        body.push_str(&format!("<p>{}</p>\n", escaped(&one.said)));
        if let Some(plot) = rate(one, lang) {
            body.push_str(&plot.figure());
        }
        if let Some(plot) = drifts(one, lang) {
            body.push_str(&plot.figure());
        }
        body.push_str(&figures(one, lang));
    }
    document(
        lang,
        lang.pick("La promesse est-elle tenue ?", "Is the promise kept?"),
        &body,
    )
}

fn rate(one: &Shown<'_>, lang: Lang) -> Option<Plot> {
    let weeks = one.cells.get(&By::Week)?;
    let measures: Vec<&Measure> = weeks.values().collect();
    let share = |m: &&Measure| (m.seen >= super::FEW).then(|| m.misrouted as f64 / m.seen as f64);
    let points: Vec<Option<f64>> = measures.iter().map(share).collect();
    let bands: Vec<Option<(f64, f64)>> = measures.iter().map(|m| m.told(one.confidence)).collect();
    let highest = points.iter().flatten().fold(0.0, |a, b| f64::max(a, *b));
    let told = points.iter().flatten().count();
    let promised = percent(one.max_misrouting, lang);
    let weeks_in_all = weeks.len();
    Some(Plot {
        id: format!("{}-rate", one.pipeline),
        title: lang
            .pick("Taux d’erreur par semaine", "Rate of errors by week")
            .to_owned(),
        description: match (told, lang) {
            (0, Lang::Fr) => format!(
                "{promised} promis ; aucune semaine n’a encore assez d’envois regardés pour un taux."
            ),
            (0, Lang::En) => format!(
                "{promised} promised; no week has enough routings looked at for a rate yet."
            ),
            (_, Lang::Fr) => format!(
                "{promised} promis ; {told} semaines sur {weeks_in_all} ont assez d’envois regardés pour un taux, le plus haut est de {}. Les barres sont les intervalles.",
                percent(highest, lang)
            ),
            (_, Lang::En) => format!(
                "{promised} promised; {told} of {weeks_in_all} weeks have enough routings looked at for a rate, the highest is {}. Bars are intervals.",
                percent(highest, lang)
            ),
        },
        steps: weeks.keys().cloned().collect(),
        top: (4.0 * one.max_misrouting).max(1.2 * highest),
        percent: true,
        series: vec![Series {
            name: lang.pick("mesuré", "measured").to_owned(),
            points,
            bands,
            apart: true,
        }],
        limit: Some((
            one.max_misrouting,
            lang.pick("promis", "promised").to_owned(),
        )),
        marks: Vec::new(),
        shaded: (Vec::new(), String::new()),
    })
}

/// How surprising the most surprising comparison of each week is.
fn drifts(one: &Shown<'_>, lang: Lang) -> Option<Plot> {
    if one.looks.iter().all(|look| look.compared.is_empty()) {
        return None;
    }
    const TOP: f64 = 12.0;
    let strongest = |look: &WeekLook| look.surprise().map(|p| -p.max(1e-300).log10());
    let drifted = |look: &WeekLook| strongest(look).filter(|_| look.signals().next().is_some());
    let alerts = one.looks.iter().filter(|l| drifted(l).is_some()).count();
    let weeks = one.looks.len();
    Some(Plot {
        id: format!("{}-drift", one.pipeline),
        title: lang
            .pick(
                "Les documents ressemblent-ils à ceux d’avant ?",
                "Do documents resemble those before?",
            )
            .to_owned(),
        description: match lang {
            Lang::Fr => format!(
                "Chaque semaine, la comparaison la plus surprenante : 3 veut dire une chance sur mille si rien n’a changé. {alerts} semaines sur {weeks} s’écartent assez pour une alerte."
            ),
            Lang::En => format!(
                "Each week, the most surprising comparison: 3 is one chance in a thousand if nothing changed. {alerts} of {weeks} weeks differ enough for an alert."
            ),
        },
        steps: one.looks.iter().map(|l| l.week.to_string()).collect(),
        top: TOP,
        percent: false,
        series: vec![
            Series {
                name: lang.pick("surprise", "surprise").to_owned(),
                points: one.looks.iter().map(strongest).collect(),
                bands: Vec::new(),
                apart: false,
            },
            Series {
                name: lang.pick("alerte", "alert").to_owned(),
                points: one.looks.iter().map(drifted).collect(),
                bands: Vec::new(),
                apart: true,
            },
        ],
        limit: None,
        marks: Vec::new(),
        shaded: (Vec::new(), String::new()),
    })
}

fn figures(one: &Shown<'_>, lang: Lang) -> String {
    let mut rows = Vec::new();
    for (by, values) in one.cells {
        for (value, m) in values {
            let name = one.names.get(&(*by, value.clone())).unwrap_or(value);
            rows.push(row(*by, name, m, one.confidence, lang));
        }
    }
    table(
        lang.pick("Les chiffres", "The figures"),
        &header(lang),
        &rows,
    )
}

/// The columns of the measure.
pub fn header(lang: Lang) -> [&'static str; 7] {
    [
        lang.pick("par", "by"),
        "",
        lang.pick("envoyés seuls", "by themselves"),
        lang.pick("tirés", "drawn"),
        lang.pick("regardés", "looked at"),
        lang.pick("à tort", "wrong"),
        lang.pick("taux d’erreur", "rate of errors"),
    ]
}

/// A line of the measure.
pub fn row(by: By, value: &str, m: &Measure, confidence: f64, lang: Lang) -> Vec<String> {
    vec![
        by.told(lang).to_owned(),
        if value.is_empty() { "–" } else { value }.to_owned(),
        m.automatic.to_string(),
        m.drawn.to_string(),
        m.seen.to_string(),
        m.misrouted.to_string(),
        match m.told(confidence) {
            None => lang.pick("effectifs trop faibles", "too few").to_owned(),
            Some((low, high)) => format!("{} – {}", percent(low, lang), percent(high, lang)),
        },
    ]
}
