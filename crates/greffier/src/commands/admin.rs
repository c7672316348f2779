//! `init`, `pipelines`, `schemas`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use domain::Lang;
use pipeline::file::SourceFile;

use super::Ending;
use crate::args::{Global, PipelinesAction};
use crate::house::{self, House, reading};
use crate::stages::{Workshop, assemble};
use crate::{print, schemas};

/// Makes the data directory.
pub async fn init(global: &Global, secret_file: Option<&Path>) -> Result<Ending> {
    let house = House::open_with(global, secret_file, None).await?;
    let key = pipeline::log::signing_key(&house.desk.vault)?;
    let derived = house.desk.vault.secrets.is_derived();
    if global.json {
        print::json(&serde_json::json!({
            "data": house.data, "verifier_key": key.verifier().to_string(), "derived": derived,
        }))?;
        return Ok(Ending::Done);
    }
    print::line(match global.lang {
        Lang::Fr => format!("{} est prêt", house.data.display()),
        Lang::En => format!("{} is ready", house.data.display()),
    });
    print::line(format!(
        "{} {}",
        global.lang.pick(
            "clé de vérification du journal :",
            "verifier key of the log:"
        ),
        key.verifier()
    ));
    if derived {
        print::line(global.lang.pick(
            "Secrets tirés d’un fichier : pour essais et démonstrations seulement.",
            "Secrets derived from a file: for tests and demonstrations only.",
        ));
    }
    Ok(Ending::Done)
}

/// Lists or checks pipelines.
pub async fn pipelines(global: &Global, action: Option<&PipelinesAction>) -> Result<Ending> {
    if let Some(PipelinesAction::Check { file }) = action {
        return check_pipeline(global, file);
    }
    let house = House::open(global).await?;
    let lang = global.lang;
    let rows: Vec<Vec<String>> = house
        .desk
        .pipelines
        .iter()
        .map(|p| {
            let f = &p.source.file;
            vec![
                f.pipeline.to_string(),
                f.title.clone(),
                f.collection.to_string(),
                p.path(false)
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" → "),
                f.services.len().to_string(),
                f.forms.len().to_string(),
                f.rules.len().to_string(),
            ]
        })
        .collect();
    if global.json {
        let list: Vec<serde_json::Value> = house
            .desk
            .pipelines
            .iter()
            .map(|p| {
                let f = &p.source.file;
                serde_json::json!({
                    "pipeline": f.pipeline, "title": f.title, "collection": f.collection,
                    "stages": p.path(false).collect::<Vec<_>>(),
                    "services": f.services.iter().map(|s| s.id()).collect::<Vec<_>>(),
                })
            })
            .collect();
        print::json(&list)?;
        return Ok(Ending::Done);
    }
    print::table(
        &[
            lang.pick("filière", "pipeline"),
            lang.pick("titre", "title"),
            "collection",
            lang.pick("étapes", "stages"),
            "services",
            lang.pick("formulaires", "forms"),
            lang.pick("règles", "rules"),
        ],
        rows,
    );
    Ok(Ending::Done)
}

fn check_pipeline(global: &Global, file: &Path) -> Result<Ending> {
    let (_, models) = house::models(global, 1)?;
    let shop = Workshop {
        models: Arc::new(models),
        reading: Arc::new(reading()),
    };
    let source = SourceFile::load(file)?;
    crate::reconcilers::check(&source)?;
    let pipeline = assemble(Arc::new(source), &shop)?;
    let f = &pipeline.source.file;
    print::line(match global.lang {
        Lang::Fr => format!(
            "{} : bon — {} étapes, {} services, {} formulaires, {} règles",
            file.display(),
            f.stages.len(),
            f.services.len(),
            f.forms.len(),
            f.rules.len()
        ),
        Lang::En => format!(
            "{}: good — {} stages, {} services, {} forms, {} rules",
            file.display(),
            f.stages.len(),
            f.services.len(),
            f.forms.len(),
            f.rules.len()
        ),
    });
    Ok(Ending::Done)
}

/// Prints or writes the JSON Schemas.
pub fn schemas(write: Option<&PathBuf>) -> Result<Ending> {
    let all = schemas::all();
    match write {
        Some(dir) => {
            std::fs::create_dir_all(dir)?;
            for (file, text) in &all {
                let path = dir.join(file);
                std::fs::write(&path, text)
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
        None => {
            for (file, _) in &all {
                print::line(file);
            }
        }
    }
    Ok(Ending::Done)
}
