//! `eval masks`: how much of what identifies people is hidden, and how much is hidden for nothing.

use anyhow::{Context, Result, ensure};
use domain::Lang;
use privacy::evaluation::{Annotated, Counts, Score, evaluate};
use serde::Serialize;

use crate::args::{EvalMasks, Global};
use crate::commands::Ending;
use crate::print;

/// What `eval masks --json` prints, a set.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    set: String,
    score: &'a Score,
}

/// Measures masks on annotated notes.
pub fn masks(global: &Global, args: &EvalMasks) -> Result<Ending> {
    let lang = global.lang;
    for path in &args.input {
        let lines = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let notes: Vec<Annotated> = lines
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(at, line)| {
                serde_json::from_str(line).with_context(|| {
                    format!(
                        "{}, line {}: expected {{\"id\", \"text\", \"spans\": [{{\"start\", \"end\", \"kind\"}}]}}",
                        path.display(),
                        at + 1
                    )
                })
            })
            .collect::<Result<_>>()?;
        ensure!(!notes.is_empty(), "{} holds no note", path.display());
        let score = evaluate(&notes);
        if global.json {
            print::json(&Printed {
                set: path.display().to_string(),
                score: &score,
            })?;
            continue;
        }
        print::line(match lang {
            Lang::Fr => format!("{} : {} notes", path.display(), score.notes),
            Lang::En => format!("{}: {} notes", path.display(), score.notes),
        });
        let all = lang.pick("ensemble", "all");
        let rows = score
            .kinds
            .iter()
            .map(|(kind, counts)| row(kind, counts, lang))
            .chain([row(all, &score.all, lang)])
            .collect();
        print::table(
            &[
                lang.pick("sorte", "kind"),
                lang.pick("annotés", "annotated"),
                lang.pick("masqués", "hidden"),
                lang.pick("rappel", "recall"),
                lang.pick("masques", "masks"),
                lang.pick("justes", "right"),
                lang.pick("précision", "precision"),
            ],
            rows,
        );
        for (title, slips) in [
            (
                lang.pick("Laissés visibles", "Left in sight"),
                &score.missed,
            ),
            (
                lang.pick("Masqués pour rien", "Hidden for nothing"),
                &score.needless,
            ),
        ] {
            if slips.is_empty() {
                continue;
            }
            print::line(title);
            for slip in slips {
                print::line(format!("  {}  {}  {}", slip.id, slip.kind, slip.text));
            }
        }
    }
    Ok(Ending::Done)
}

fn row(kind: &str, counts: &Counts, lang: Lang) -> Vec<String> {
    let percent = |share: Option<f64>| match (share, lang) {
        (None, _) => "—".to_owned(),
        (Some(share), Lang::Fr) => format!("{:.1} %", 100.0 * share).replace('.', ","),
        (Some(share), Lang::En) => format!("{:.1}%", 100.0 * share),
    };
    vec![
        kind.to_owned(),
        counts.annotated.to_string(),
        counts.hidden.to_string(),
        percent(counts.recall()),
        counts.masks.to_string(),
        counts.right.to_string(),
        percent(counts.precision()),
    ]
}
