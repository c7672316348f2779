//! The report of simulated years: a table in the terminal, and a page with plots.

use domain::Lang;

use super::{Event, Outcome, Report, Year, share};
use crate::plot::{Plot, Series, document, escaped, table};
use crate::print;

fn percent(x: f64) -> String {
    format!("{:.1}", 100.0 * x)
}

impl Outcome {
    fn told(self, lang: Lang) -> String {
        match (self, lang) {
            (Self::Idle, _) => lang
                .pick("rien d’automatique alors", "nothing automatic then")
                .to_owned(),
            (Self::Kept, _) => lang.pick("tenue", "kept").to_owned(),
            (Self::Suspended(1), Lang::Fr) => "suspendue en 1 semaine".to_owned(),
            (Self::Suspended(weeks), Lang::Fr) => format!("suspendue en {weeks} semaines"),
            (Self::Suspended(1), Lang::En) => "suspended in 1 week".to_owned(),
            (Self::Suspended(weeks), Lang::En) => format!("suspended in {weeks} weeks"),
            (Self::Alerted(_), Lang::Fr) => "non tenue, alerte sans suspension".to_owned(),
            (Self::Alerted(_), Lang::En) => "not kept, an alert but no suspension".to_owned(),
            (Self::Broken, Lang::Fr) => "non tenue, rien n’est dit".to_owned(),
            (Self::Broken, Lang::En) => "not kept, and nothing said".to_owned(),
        }
    }
}

fn header(lang: Lang) -> [&'static str; 11] {
    [
        lang.pick("graine", "seed"),
        lang.pick("renommé", "renamed"),
        lang.pick("nouveau", "new"),
        lang.pick("automatique % avant", "automatic % before"),
        lang.pick("après", "after"),
        lang.pick("à tort % avant", "wrong % before"),
        lang.pick("ces deux semaines", "those two weeks"),
        lang.pick("après", "after"),
        lang.pick("alerte en (semaines)", "alert in (weeks)"),
        lang.pick("promesse", "promise"),
        lang.pick(
            "fausses (suspensions, alertes)",
            "false (suspensions, alerts)",
        ),
    ]
}

fn row(year: &Year, lang: Lang) -> Vec<String> {
    vec![
        year.seed.to_string(),
        print::short(&year.renamed, 18),
        print::short(&year.new_form, 18),
        percent(year.automatic_before),
        percent(year.automatic_after),
        percent(year.misrouted_before),
        percent(year.misrouted_then),
        percent(year.misrouted_after),
        year.first_alert.map_or("–".to_owned(), |w| w.to_string()),
        year.outcome.told(lang),
        format!("{}, {}", year.false_suspensions, year.false_drifts),
    ]
}

/// What all years come to, in a sentence.
fn summary(report: &Report, lang: Lang) -> String {
    let count =
        |what: fn(&Outcome) -> bool| report.years.iter().filter(|y| what(&y.outcome)).count();
    let years = report.years.len();
    let idle = count(|o| matches!(o, Outcome::Idle));
    let kept = count(|o| matches!(o, Outcome::Kept));
    let quick = count(|o| matches!(o, Outcome::Suspended(weeks) if *weeks <= super::WITHIN));
    let late = count(|o| matches!(o, Outcome::Suspended(weeks) if *weeks > super::WITHIN));
    let said = count(|o| matches!(o, Outcome::Alerted(_)));
    let broken = count(|o| matches!(o, Outcome::Broken));
    let false_suspensions: usize = report.years.iter().map(|y| y.false_suspensions).sum();
    match lang {
        Lang::Fr => format!(
            "Sur {years} années, {idle} sans rien d’automatique lors du changement ; dans les autres : promesse tenue {kept} fois, suspendue avec une alerte en deux semaines {quick} fois, plus tard et tenue jusque-là {late} fois ; non tenue malgré une alerte {said} fois, en silence {broken} fois. {false_suspensions} suspensions avant le changement."
        ),
        Lang::En => format!(
            "Of {years} years, {idle} had nothing automatic when the change came; in the others: promise kept {kept} times, suspended with an alert within two weeks {quick} times, later and kept until then {late} times; not kept in spite of an alert {said} times, in silence {broken} times. {false_suspensions} suspensions before the change."
        ),
    }
}

fn supposed(report: &Report, lang: Lang) -> String {
    let p = &report.plan;
    let (set, n, labels) = (&report.set, report.documents, report.labels);
    let (slips, audit) = (percent(p.slips), percent(p.audit_share));
    let (promised, confidence) = (percent(p.max_misrouting), percent(p.confidence));
    match lang {
        Lang::Fr => format!(
            "{set} : {n} textes de {labels} services. {} documents par semaine, {} appris d’abord, {} regardés par semaine au plus, {slips} % de décisions erronées, {audit} % des envois tirés au sort, apprentissage toutes les {} semaines ou deux semaines après une alerte ; {promised} % d’erreurs promis avec {confidence} % de confiance. Changement en semaine {}.",
            p.per_week, p.initial, p.capacity, p.retrain_every, p.drift_week
        ),
        Lang::En => format!(
            "{set}: {n} texts of {labels} services. {} documents a week, {} learnt first, {} looked at in a week at most, {slips} % of decisions wrong, {audit} % of routings drawn by lot, training every {} weeks or two weeks after an alert; {promised} % of errors promised with {confidence} % of confidence. Change in week {}.",
            p.per_week, p.initial, p.capacity, p.retrain_every, p.drift_week
        ),
    }
}

/// Prints it.
pub fn show(report: &Report, lang: Lang) {
    print::heading(lang.pick("Une année simulée", "A simulated year"));
    print::line(supposed(report, lang));
    let rows = report.years.iter().map(|year| row(year, lang)).collect();
    print::table(&header(lang), rows);
    if let [year] = report.years.as_slice() {
        for week in year.weeks.iter().filter(|w| !w.events.is_empty()) {
            let events: Vec<String> = week.events.iter().map(|e| e.told(lang)).collect();
            print::line(format!(
                "{} {} : {}",
                lang.pick("semaine", "week"),
                week.week,
                events.join(" ; ")
            ));
        }
    }
    print::line(summary(report, lang));
}

/// The page: all years in a table, the first in plots.
pub fn page(report: &Report, lang: Lang) -> String {
    let mut body = format!(
        "<p>{}</p>\n<p><strong>{}</strong></p>\n",
        escaped(&supposed(report, lang)),
        escaped(&summary(report, lang))
    );
    if let Some(year) = report.years.first() {
        let seed = year.seed;
        body.push_str(&format!(
            "<h2>{}</h2>\n",
            escaped(&match lang {
                Lang::Fr => format!(
                    "L’année de la graine {seed} : « {} » renommé, « {} » arrive",
                    year.renamed, year.new_form
                ),
                Lang::En => format!(
                    "The year of seed {seed}: “{}” is renamed, “{}” arrives",
                    year.renamed, year.new_form
                ),
            })
        ));
        for plot in plots(report, year, lang) {
            body.push_str(&plot.figure());
        }
        body.push_str(&weeks(report, year, lang));
    }
    let rows: Vec<Vec<String>> = report.years.iter().map(|y| row(y, lang)).collect();
    body.push_str(&table(
        lang.pick("Toutes les années", "All years"),
        &header(lang),
        &rows,
    ));
    document(
        lang,
        lang.pick("Une année simulée", "A simulated year"),
        &body,
    )
}

fn plots(report: &Report, year: &Year, lang: Lang) -> Vec<Plot> {
    let plan = &report.plan;
    let steps: Vec<String> = year
        .weeks
        .iter()
        .map(|w| format!("{}{}", lang.pick("S", "W"), w.week))
        .collect();
    let change = year
        .weeks
        .iter()
        .position(|w| w.events.contains(&Event::Change));
    let marks: Vec<(usize, String)> = change
        .map(|at| (at, lang.pick("changement", "change").to_owned()))
        .into_iter()
        .collect();
    let suspended: Vec<(usize, usize)> = year
        .weeks
        .iter()
        .enumerate()
        .filter_map(|(at, w)| w.suspended.then_some((at, at + 1)))
        .collect();
    let shaded = (suspended, lang.pick("suspendue", "suspended").to_owned());
    let rate: Vec<Option<f64>> = year
        .weeks
        .iter()
        .map(|w| (w.automatic > 0).then(|| share(w.misrouted, w.automatic)))
        .collect();
    let measured: Vec<Option<f64>> = year
        .weeks
        .iter()
        .map(|w| {
            let m = w.measure;
            m.told(plan.confidence).map(|_| share(m.misrouted, m.seen))
        })
        .collect();
    let bands = year
        .weeks
        .iter()
        .map(|w| w.measure.told(plan.confidence))
        .collect();
    let highest = rate.iter().flatten().fold(0.0, |a, b| f64::max(a, *b));
    let automatic = year.weeks.iter().map(|w| share(w.automatic, w.documents));
    let power = |p: f64| -p.max(1e-300).log10();
    let surprise = year.weeks.iter().map(|w| w.surprise.map(power));
    let alerts = year.weeks.iter().filter(|w| {
        let mut events = w.events.iter();
        events.any(|e| matches!(e, Event::Drift { .. }))
    });
    let alerts = alerts.count();
    vec![
        Plot {
            id: "rate".to_owned(),
            title: lang
                .pick(
                    "Envoyés à tort, parmi les envois seuls",
                    "Misrouted, among those routed alone",
                )
                .to_owned(),
            description: match lang {
                Lang::Fr => format!(
                    "{} % promis ; avant le changement {} % à tort, les deux semaines suivantes {} %, ensuite {} % en tout. Les barres sont les intervalles de ce qui est mesuré.",
                    percent(plan.max_misrouting),
                    percent(year.misrouted_before),
                    percent(year.misrouted_then),
                    percent(year.misrouted_after)
                ),
                Lang::En => format!(
                    "{} % promised; {} % wrong before the change, {} % in the two weeks that begin with it, {} % from then on in all. Bars are intervals of what is measured.",
                    percent(plan.max_misrouting),
                    percent(year.misrouted_before),
                    percent(year.misrouted_then),
                    percent(year.misrouted_after)
                ),
            },
            steps: steps.clone(),
            top: (1.1 * highest).max(4.0 * plan.max_misrouting),
            percent: true,
            series: vec![
                Series {
                    name: lang
                        .pick("en vérité (nul ne le sait)", "in truth (nobody knows)")
                        .to_owned(),
                    points: rate,
                    bands: Vec::new(),
                    apart: false,
                },
                Series {
                    name: lang.pick("mesuré", "measured").to_owned(),
                    points: measured,
                    bands,
                    apart: true,
                },
            ],
            limit: Some((
                plan.max_misrouting,
                lang.pick("promis", "promised").to_owned(),
            )),
            marks: marks.clone(),
            shaded: shaded.clone(),
        },
        Plot {
            id: "automatic".to_owned(),
            title: lang
                .pick(
                    "Part envoyée sans vérification",
                    "Share routed without a person",
                )
                .to_owned(),
            description: match lang {
                Lang::Fr => format!(
                    "{} % avant le changement, {} % ensuite, semaines suspendues comprises.",
                    percent(year.automatic_before),
                    percent(year.automatic_after)
                ),
                Lang::En => format!(
                    "{} % before the change, {} % from then on, suspended weeks included.",
                    percent(year.automatic_before),
                    percent(year.automatic_after)
                ),
            },
            steps: steps.clone(),
            top: 1.0,
            percent: true,
            series: vec![Series {
                name: lang.pick("automatique", "automatic").to_owned(),
                points: automatic.map(Some).collect(),
                bands: Vec::new(),
                apart: false,
            }],
            limit: None,
            marks: marks.clone(),
            shaded: shaded.clone(),
        },
        Plot {
            id: "drift".to_owned(),
            title: lang
                .pick(
                    "Les documents ressemblent-ils à ceux d’avant ?",
                    "Do documents resemble those before?",
                )
                .to_owned(),
            description: match lang {
                Lang::Fr => format!(
                    "La comparaison la plus surprenante de chaque semaine : 3 veut dire une chance sur mille si rien n’a changé. {alerts} alertes en ont été faites."
                ),
                Lang::En => format!(
                    "The most surprising comparison of each week: 3 is one chance in a thousand if nothing changed. {alerts} alerts were made of it."
                ),
            },
            steps,
            top: 12.0,
            percent: false,
            series: vec![Series {
                name: lang.pick("surprise", "surprise").to_owned(),
                points: surprise.collect(),
                bands: Vec::new(),
                apart: false,
            }],
            limit: None,
            marks,
            shaded,
        },
    ]
}

fn weeks(report: &Report, year: &Year, lang: Lang) -> String {
    let rows: Vec<Vec<String>> = year
        .weeks
        .iter()
        .map(|w| {
            let m = w.measure;
            let told = m.told(report.plan.confidence);
            vec![
                w.week.to_string(),
                percent(share(w.automatic, w.documents)),
                format!("{} / {}", w.misrouted, w.automatic),
                format!("{} / {}", m.misrouted, m.seen),
                told.map_or(
                    lang.pick("effectifs trop faibles", "too few").to_owned(),
                    |(low, high)| format!("{} – {}", percent(low), percent(high)),
                ),
                match w.stake > 1000.0 {
                    true => "> 1000".to_owned(),
                    false => format!("{:.1}", w.stake),
                },
                w.waiting.to_string(),
                w.events
                    .iter()
                    .map(|e| e.told(lang))
                    .collect::<Vec<_>>()
                    .join(" ; "),
            ]
        })
        .collect();
    table(
        lang.pick("Semaine par semaine", "Week by week"),
        &[
            lang.pick("semaine", "week"),
            lang.pick("automatique %", "automatic %"),
            lang.pick("à tort, en vérité", "wrong, in truth"),
            lang.pick("à tort, mesuré", "wrong, measured"),
            lang.pick("intervalle %", "interval %"),
            lang.pick("indices contre", "evidence against"),
            lang.pick("en attente", "waiting"),
            lang.pick("ce qui s’est passé", "what happened"),
        ],
        &rows,
    )
}
