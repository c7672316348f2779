//! `init`, `pipelines`, `models`, `schemas`, `serve`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use domain::{Digest, Lang};
use pipeline::file::SourceFile;
use serde::Serialize;

use super::Ending;
use super::search::Finder;
use crate::args::{Global, ModelsAction, PipelinesAction};
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

/// A model as listed.
#[derive(Debug, Serialize)]
struct ListedModel {
    name: String,
    role: &'static str,
    version: String,
    source: String,
    licence: String,
    digest: Digest,
    state: String,
}

/// Lists or imports models.
pub async fn models(global: &Global, action: Option<&ModelsAction>) -> Result<Ending> {
    let (_, models) = house::models(global, 1)?;
    if let Some(ModelsAction::Import { name }) = action {
        let folder = models.folder(name)?;
        let (path, made) = models.registry.import(name, &folder)?;
        let digest = models.encoder_digest(name)?;
        print::line(format!(
            "{} {} ({digest})",
            path.display(),
            if made {
                global.lang.pick("fabriqué", "made")
            } else {
                global.lang.pick("déjà là", "already here")
            }
        ));
        return Ok(Ending::Done);
    }
    let lang = global.lang;
    let mut listed = Vec::new();
    for (name, spec) in &models.registry.models {
        let state = match models.encoder(name) {
            Ok(_) => lang
                .pick("prêt, empreintes vérifiées", "ready, digests verified")
                .to_owned(),
            Err(error) => format!("{error:#}"),
        };
        listed.push(ListedModel {
            name: name.clone(),
            role: "encoder",
            version: spec.version.clone(),
            source: spec.source.clone(),
            licence: spec.licence.clone(),
            digest: spec.digest(),
            state,
        });
    }
    let house = House::open(global).await?;
    for pipeline in house.desk.pipelines.iter() {
        if let Some(digest) = house.models.head_digest(pipeline.name())? {
            let state = match house.models.head(pipeline.name(), digest) {
                Ok(head) => match lang {
                    Lang::Fr => format!(
                        "en service, {} documents appris",
                        head.card().out_of_fold.documents
                    ),
                    Lang::En => format!(
                        "in force, learnt from {} documents",
                        head.card().out_of_fold.documents
                    ),
                },
                Err(error) => format!("{error:#}"),
            };
            listed.push(ListedModel {
                name: pipeline.name().to_string(),
                role: "head",
                version: String::new(),
                source: lang
                    .pick(
                        "appris ici (greffier train)",
                        "trained here (greffier train)",
                    )
                    .to_owned(),
                licence: String::new(),
                digest,
                state,
            });
        }
    }
    if global.json {
        print::json(&listed)?;
        return Ok(Ending::Done);
    }
    let rows = listed
        .into_iter()
        .map(|m| {
            vec![
                m.name,
                m.role.into(),
                m.version,
                m.licence,
                print::short(&m.digest.to_string(), 24),
                m.state,
            ]
        })
        .collect();
    print::table(
        &[
            lang.pick("modèle", "model"),
            lang.pick("rôle", "role"),
            "version",
            lang.pick("licence", "licence"),
            lang.pick("empreinte", "digest"),
            lang.pick("état", "state"),
        ],
        rows,
    );
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

/// Serves pages on a loopback address until the process is told to stop.
pub async fn serve(global: &Global, listen: SocketAddr) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let find = Arc::new(Finder::open(&house, None)?);
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| {
            format!("cannot listen on {listen}: choose another address with --listen")
        })?;
    print::note(format!("http://{}/", listener.local_addr()?));
    let office = web::Office {
        desk: house.desk.clone(),
        find,
    };
    let stop = async {
        // Without a handler for the signal, the process simply ends when it is told to.
        let _ = tokio::signal::ctrl_c().await;
    };
    web::serve(office, listener, stop).await?;
    Ok(Ending::Done)
}
